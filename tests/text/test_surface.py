"""Which form a token has."""

import numpy as np
import pytest

from strtf.text.code_points import NUM_CODE_POINTS
from strtf.text.surface import (
    ALL_CAPITALS,
    ATTACHED,
    BLANK,
    INITIAL,
    MIXED,
    NO_CAPITALS,
    code_point_forms,
    letter_case,
    token_forms,
)


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


@pytest.mark.parametrize("cases", [True, False])
def test_single_characters_are_white_space_or_have_the_case_of_a_token(cases):
    forms = code_point_forms(NUM_CODE_POINTS, cases)
    assert forms.dtype == np.int32
    chars = map(chr, range(NUM_CODE_POINTS))
    np.testing.assert_array_equal(forms, [BLANK if c.isspace() else letter_case(c) * cases for c in chars])


def test_tokens_without_white_space_before_them_are_attached():
    text = "In Boise, U.S .\n30"
    tokens = [(0, 2), (3, 8), (8, 9), (10, 11), (11, 12), (12, 13), (14, 15), (16, 18)]
    cases = [INITIAL, INITIAL, NO_CAPITALS, INITIAL, NO_CAPITALS, INITIAL, NO_CAPITALS, NO_CAPITALS]
    attached = [0, 0, 1, 0, 1, 1, 0, 0]
    expected = [case + ATTACHED * a for case, a in zip(cases, attached, strict=True)]
    assert token_forms(text, *np.int32(tokens).T).tolist() == expected


def test_no_tokens():
    assert token_forms("  ", np.zeros(0, np.int32), np.zeros(0, np.int32)).shape == (0,)
