import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.text.encoding import Encoding, align


def encoding(*offsets: tuple[int, int]) -> Encoding:
    starts, ends = np.array(offsets, np.int32).reshape(-1, 2).T
    return Encoding(np.zeros(len(offsets), np.int32), starts, ends)


# "ab cdef  g": ab | cd | ef | g
PIECES = encoding((0, 2), (3, 5), (5, 7), (9, 10))


@pytest.mark.parametrize(
    "span, tokens",
    [
        ((0, 2), (0, 1)),
        ((3, 7), (1, 3)),
        ((0, 10), (0, 4)),
        ((2, 7), (1, 3)),  # begins with a space
        ((3, 9), (1, 3)),  # ends with spaces
        ((0, 1), None),  # ends inside a piece
        ((4, 7), None),  # begins inside a piece
        ((1, 2), None),
        ((7, 9), None),  # only spaces
        ((2, 3), None),
        ((3, 3), None),
        ((10, 12), None),
    ],
)
def test_span_is_aligned_or_none(span, tokens):
    assert align(PIECES, *span) == tokens


def test_text_without_tokens_aligns_nothing():
    assert align(encoding(), 0, 3) is None


def test_tokens_of_one_character_stay_together():
    shared = encoding((0, 1), (0, 1), (1, 2))  # one Hangul syllable may be two tokens
    assert align(shared, 0, 1) == (0, 2)


def test_char_span_leaves_out_spaces_at_the_ends():
    assert PIECES.char_span(*align(PIECES, 2, 9)) == (3, 7)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_alignment_equals_the_search_over_all_token_spans(data):
    cuts = sorted(data.draw(st.lists(st.integers(0, 14), unique=True, max_size=10)))
    tokens = [pair for pair in itertools.pairwise(cuts) if data.draw(st.booleans())]
    start, end = sorted(data.draw(st.tuples(st.integers(0, 15), st.integers(0, 15))))
    covered = {c for a, b in tokens for c in range(a, b)}
    wanted = covered & set(range(start, end))
    exact = [
        (i, j)
        for i in range(len(tokens))
        for j in range(i + 1, len(tokens) + 1)
        if {c for a, b in tokens[i:j] for c in range(a, b)} == wanted
    ]
    assert align(encoding(*tokens), start, end) == (exact[0] if exact else None)
