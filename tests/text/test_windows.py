import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.errors import StrtfError
from strtf.text.windows import Window, first_window_holding, owned, windows


def by_character(text: str) -> tuple[list[int], list[int]]:
    return list(range(len(text))), list(range(1, len(text) + 1))


def by_word(text: str) -> tuple[list[int], list[int]]:
    """Tokens as WordPiece has them: white space has none."""
    starts, ends = [], []
    for i, char in enumerate(text):
        if not char.isspace():
            starts.append(i)
            ends.append(i + 1)
    return starts, ends


@st.composite
def cases(draw):
    """(text, starts, ends, max_tokens, overlap)."""
    text = draw(st.text(st.sampled_from("胃窄ab 。，.\n！"), max_size=120))
    max_tokens = draw(st.integers(1, 30))
    overlap = draw(st.integers(0, max_tokens - 1))
    return text, *draw(st.sampled_from([by_character, by_word]))(text), max_tokens, overlap


def cover(text: str, max_tokens: int, overlap: int = 0, tokenize=by_character) -> list[Window]:
    return windows(text, *tokenize(text), max_tokens, overlap)


@settings(deadline=None, max_examples=200)
@given(cases())
def test_windows_cover_every_token(case):
    covered = {token for window in windows(*case) for token in range(*window)}
    assert covered == set(range(len(case[1])))


@settings(deadline=None, max_examples=200)
@given(cases())
def test_no_window_is_too_long(case):
    assert all(0 <= last - first <= case[3] for first, last in windows(*case))


@settings(deadline=None, max_examples=200)
@given(cases())
def test_overlap_is_between_half_and_whole(case):
    *_, overlap = case
    shared = [left.last_token - right.first_token for left, right in itertools.pairwise(windows(*case))]
    assert all(overlap / 2 <= number <= overlap for number in shared)


@settings(deadline=None, max_examples=200)
@given(cases())
def test_windows_make_progress(case):
    found = windows(*case)
    assert all(a.first_token < b.first_token and a.last_token < b.last_token for a, b in itertools.pairwise(found))


@settings(deadline=None, max_examples=200)
@given(cases())
def test_owners_partition_the_tokens(case):
    tokens = [token for first, last, _ in owned(windows(*case)) for token in range(first, last)]
    assert tokens == list(range(len(case[1])))


@settings(deadline=None, max_examples=200)
@given(cases())
def test_windows_hold_what_they_own(case):
    found = windows(*case)
    for window, (first, last, _) in zip(found, owned(found), strict=True):
        assert window.first_token <= first <= last <= window.last_token


@settings(deadline=None, max_examples=200)
@given(cases(), st.tuples(st.integers(0, 120), st.integers(1, 40)))
def test_what_some_window_holds_counts_in_exactly_one(case, span):
    found, (first, last) = windows(*case), (span[0], sum(span))
    holding = [
        counting.counts(first, last)
        for window, counting in zip(found, owned(found), strict=True)
        if window.first_token <= first and last <= window.last_token
    ]
    assert sum(holding) == bool(holding)


def test_a_span_beyond_its_owners_end_counts_in_the_next_window():
    assert [o.counts(7, 14) for o in owned([Window(0, 10), Window(6, 16)])] == [True, True]  # the first sees a part
    assert [o.counts(7, 10) for o in owned([Window(0, 10), Window(6, 16)])] == [True, False]
    assert [o.counts(8, 14) for o in owned([Window(0, 10), Window(6, 16)])] == [False, True]


@settings(deadline=None, max_examples=200)
@given(cases(), st.tuples(st.integers(0, 120), st.integers(1, 40)))
def test_first_window_holding_equals_the_search(case, span):
    found, (first, last) = windows(*case), (span[0], sum(span))
    holding = [i for i, window in enumerate(found) if window.first_token <= first and last <= window.last_token]
    assert first_window_holding(found, first, last) == (holding[0] if holding else None)


@settings(deadline=None, max_examples=200)
@given(cases(), st.integers(0, 120))
def test_spans_shorter_than_half_the_overlap_are_held(case, first):
    last = first + case[4] // 2 + 1
    assert last > len(case[1]) or first_window_holding(windows(*case), first, last) is not None


def test_one_window_when_the_text_fits():
    assert cover("胃" * 8, max_tokens=8) == [(0, 8)]


def test_empty_text_has_one_empty_window():
    assert cover("", max_tokens=8) == [(0, 0)]


def test_empty_window_owns_nothing():
    assert owned([Window(0, 0)]) == [(0, 0, 0)]


@pytest.mark.parametrize("end", ["。", "！", "？", "!", "?", "；", ";", "\n"])
def test_cut_prefers_the_end_of_a_sentence(end):
    text = "胃" * 13 + end + "胃，" + "胃" * 10
    assert cover(text, max_tokens=16)[0].last_token == 14


def test_cut_takes_a_pause_where_no_sentence_ends():
    assert cover("胃" * 13 + "，" + "胃" * 10, max_tokens=16)[0].last_token == 14


def test_cut_is_hard_without_any_boundary():
    assert cover("胃" * 40, max_tokens=16)[0].last_token == 16


def test_boundary_before_the_last_quarter_is_too_early():
    assert cover("胃" * 8 + "。" + "胃" * 20, max_tokens=16)[0].last_token == 16


def test_latest_of_equal_boundaries_wins():
    assert cover("胃" * 12 + "。胃。" + "胃" * 20, max_tokens=16)[0].last_token == 15


def test_full_stop_ends_a_sentence_before_a_space_only():
    text = "aaaaaaaaaaaa. a1.5aaaaaaaaaa"
    assert cover(text, max_tokens=16)[0].last_token == 13


def test_full_stop_and_space_without_token():
    text = "aaaaaaaaaaaa. a a aaaaaaaaaa"  # the words' spaces come later, but are weaker
    assert cover(text, max_tokens=16, tokenize=by_word)[0].last_token == 13


def test_full_stop_of_a_number_ends_nothing():
    assert cover("aaaaaaaaaaa. 1.5aaaaaaaa", max_tokens=16, tokenize=by_word)[0].last_token == 12


def test_line_break_without_token_ends_a_sentence():
    text = "aaaaaaaaaaaaa\na a aaaaaaaaaa"
    assert cover(text, max_tokens=16, tokenize=by_word)[0].last_token == 13


def test_cut_after_a_space_that_is_a_token():
    assert cover("aaaaaaaaaaaaa aaaaaaaaaaa", max_tokens=16)[0].last_token == 14


def test_words_are_not_cut_under_wordpiece():
    assert cover("aaaaaaaaaaaaaa aaaaaaaaaaa", max_tokens=16, tokenize=by_word)[0].last_token == 14


def test_next_window_begins_with_a_sentence_inside_the_overlap():
    text = "胃" * 10 + "。" + "胃" * 30
    assert cover(text, max_tokens=16, overlap=8)[1].first_token == 11


@pytest.mark.parametrize("max_tokens, overlap", [(8, 8), (8, 9), (8, -1), (0, 0)])
def test_overlap_must_be_below_the_window(max_tokens, overlap):
    with pytest.raises(StrtfError, match=f"overlap must be .* below the {max_tokens} tokens.*Received: {overlap}"):
        cover("胃胃", max_tokens, overlap)
