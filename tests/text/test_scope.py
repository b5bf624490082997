from hypothesis import given
from hypothesis import strategies as st

from strtf.config import PairScope
from strtf.text.scope import scope_numbers


@given(st.text(st.sampled_from("左a \n\r\u2028"), max_size=30))
def test_a_line_ends_with_its_line_feed(text):
    numbers = scope_numbers(text, range(len(text)), PairScope.LINE)
    assert numbers.tolist() == [text[:offset].count("\n") for offset in range(len(text))]


def test_the_whole_text_is_one_part():
    assert scope_numbers("左\n右\n", [0, 2, 3], PairScope.TEXT).tolist() == [0, 0, 0]


def test_no_offsets():
    assert scope_numbers("左\n右", [], PairScope.LINE).shape == (0,)
