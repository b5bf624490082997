"""Attention by sums against attention by matrix products."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.layers import transformer_block
from strtf.layers.few_keys import MOST_KEYS
from strtf.layers.transformer_block import TransformerBlock

HEADS, WIDTH = 2, 6


def attend(block, by_sums, *arguments):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformer_block, "on_jax_accelerator", lambda: by_sums)
        return block.attend(*arguments)


def random_heads(rng, groups, length, dtype):
    return keras.ops.cast(rng.normal(size=(groups, length, HEADS, WIDTH // HEADS)), dtype)


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 9999),
    groups=st.integers(1, 3),
    keys=st.integers(2, MOST_KEYS + 1),
    one_query=st.booleans(),
    mask_of_each_query=st.booleans(),
)
def test_equals_products(seed, groups, keys, one_query, mask_of_each_query):
    rng, queries = np.random.default_rng(seed), 1 if one_query else keys
    block = TransformerBlock(HEADS, WIDTH, 8, False, 0.1, dtype="float64")
    query, key, value = (random_heads(rng, groups, length, "float64") for length in (queries, keys, keys))
    mask = rng.random((groups, queries if mask_of_each_query else 1, keys)) < 0.7  # some rows have no key at all
    found, expected = (attend(block, by_sums, query, key, value, mask) for by_sums in (True, False))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_half_precision():
    rng = np.random.default_rng(0)
    block = TransformerBlock(HEADS, WIDTH, 8, False, 0.1, dtype="mixed_bfloat16")
    heads = [random_heads(rng, 4, 9, "bfloat16") for _ in range(3)]
    found, expected = (attend(block, by_sums, *heads, np.ones((4, 1, 9), bool)) for by_sums in (True, False))
    assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
    np.testing.assert_allclose(keras.ops.cast(found, "float32"), keras.ops.cast(expected, "float32"), atol=0.03)


def test_dropout_is_left_to_products():
    """The sums have none."""
    rng, block = np.random.default_rng(0), TransformerBlock(HEADS, WIDTH, 8, False, 0.5, dtype="float64")
    heads = [random_heads(rng, 4, 9, "float64") for _ in range(3)]
    first, second = (attend(block, True, *heads, np.ones((4, 1, 9), bool), True) for _ in range(2))
    assert np.abs(np.asarray(first) - np.asarray(second)).max() > 0.01
