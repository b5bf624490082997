import numpy as np
import pytest

from strtf.config import RcMask
from strtf.data.pairs import pair_tokens_sorted
from strtf.layers.attention_masks import pair_tokens, rc_mask_matrix

LENGTH = 12  # T
SPANS = np.int32([[1, 3, 5, 6], [2, 4, 4, 7], [1, 6, 3, 9], [1, 8, 2, 3], [2, 5, 2, 5], [1, 1, 1, 1]])
LENGTHS = np.int32([12, 9, 10, 9, 12, 2])  # of each pair's sentence


def layout():
    pair_rows, _ = pair_tokens_sorted(SPANS)
    key_mask = (np.arange(LENGTH) < LENGTHS[:, None])[:, None]  # [P, 1, T]
    return pair_rows, key_mask


def members(span):
    """S_p = {[CLS]} ∪ EN1 ∪ EN2."""
    start_1, end_1, start_2, end_2 = span
    return {0} | set(range(start_1, end_1)) | set(range(start_2, end_2))


def eq_13(row, column, focused, length):
    """[CLS] attends to S_p, every other token to everything."""
    return column in focused if row == 0 else column < length


def eq_14(row, column, focused, length):
    """Tokens of S_p attend to S_p, other tokens to nothing."""
    return row in focused and column in focused


@pytest.mark.parametrize(("rc_mask", "equation"), [(RcMask.CLS_FOCUSED, eq_13), (RcMask.PAIR_FOCUSED, eq_14)])
def test_mask_is_that_of_the_equation(rc_mask, equation):
    expected = [
        [[equation(row, column, members(span), length) for column in range(LENGTH)] for row in range(LENGTH)]
        for span, length in zip(SPANS.tolist(), LENGTHS.tolist(), strict=True)
    ]
    np.testing.assert_array_equal(rc_mask_matrix(rc_mask, *layout()), expected)


@pytest.mark.parametrize("rc_mask", RcMask)
def test_mask_is_bool(rc_mask):
    assert np.asarray(rc_mask_matrix(rc_mask, *layout())).dtype == bool


@pytest.mark.parametrize("rc_mask", RcMask)
def test_mask_is_symmetric_in_the_entities(rc_mask):
    key_mask = np.ones((1, 1, 6), bool)
    first = rc_mask_matrix(rc_mask, np.int32([[0, 1, 2, 4]]), key_mask)
    np.testing.assert_array_equal(first, rc_mask_matrix(rc_mask, np.int32([[0, 4, 1, 2]]), key_mask))


def test_pair_tokens_skips_padding():
    np.testing.assert_array_equal(pair_tokens(np.int32([[0, 2, -1]]), 4), [[True, False, True, False]])
