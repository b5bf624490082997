"""Which case a token has, and how it travels in an id."""

import numpy as np
import pytest

from strtf.text.code_points import NUM_CODE_POINTS
from strtf.text.letter_case import ALL_CAPITALS, INITIAL, MIXED, NO_CAPITALS, code_point_cases, letter_case


@pytest.mark.parametrize(
    ("surface", "expected"),
    [
        ("", NO_CAPITALS),
        ("may", NO_CAPITALS),
        ("30", NO_CAPITALS),
        ("胃", NO_CAPITALS),
        ("M", INITIAL),
        ("Ａ", INITIAL),
        ("ǅ", INITIAL),  # a title-case letter
        ("May", INITIAL),
        ("U.s.", INITIAL),
        ("MRI", ALL_CAPITALS),
        ("U.S", ALL_CAPITALS),
        ("pH", MIXED),
        ("McD", MIXED),
        ("1A", ALL_CAPITALS),
        ("1Ab", MIXED),
    ],
)
def test_case_of_a_token(surface, expected):
    assert letter_case(surface) == expected


def test_single_characters_have_the_case_of_a_token():
    cases = code_point_cases(NUM_CODE_POINTS)
    assert cases.dtype == np.int32
    np.testing.assert_array_equal(cases, [letter_case(chr(point)) for point in range(NUM_CODE_POINTS)])
