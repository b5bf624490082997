"""Residual dilated convolutions: by hand, how far they see, and what padding must not do."""

import numpy as np
import pytest
import tensorflow as tf

from strtf.layers.dilated_convolutions import DilatedConvolutions

D, F = 5, 6


def make(dilations, randomize, seed=0):
    layer = DilatedConvolutions(F, dilations, dropout=0.0)
    layer.build((None, None, D))
    return randomize(layer, seed)


def mask_of(lengths, size):
    return np.arange(size) < np.asarray(lengths)[:, None]


def vectors_of(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def by_hand(layer, vectors):
    """One unpadded sentence [T, D]."""
    kernel, bias = (np.asarray(w) for w in layer.entry.weights)
    rows = vectors @ kernel + bias
    for convolution, dilation in zip(layer.convolutions, layer.dilations, strict=True):
        kernel, bias = (np.asarray(w) for w in convolution.weights)
        branch = np.tile(bias, (len(rows), 1))
        for t in range(len(rows)):
            for tap, place in enumerate((t - dilation, t, t + dilation)):
                if 0 <= place < len(rows):
                    branch[t] += rows[place] @ kernel[tap]
        rows = rows + np.maximum(branch, 0.0)
    return rows


def test_layers_are_the_sums_by_hand(randomize):
    layer, vectors = make((1, 2, 4), randomize), vectors_of((1, 11, D))
    found = layer(vectors, mask_of([11], 11))[0]
    np.testing.assert_allclose(found, by_hand(layer, vectors[0]), rtol=1e-4, atol=1e-4)


def test_padding_does_not_leak_into_tokens(randomize):
    """Whatever stands in the padding, and however much of it there is."""
    layer, lengths = make((1, 2, 4), randomize), [12, 6]
    vectors = vectors_of((2, 12, D))
    found = np.asarray(layer(vectors, mask_of(lengths, 12)))
    assert not found[1, 6:].any()
    np.testing.assert_allclose(found[1, :6], by_hand(layer, vectors[1, :6]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("dilations", "reach"), [((1,), 1), ((1, 2, 4), 7), ((1, 2, 4, 1, 2, 4), 14)])
def test_a_token_sees_as_far_as_the_dilations_add_up_to(randomize, dilations, reach):
    layer, size = make(dilations, randomize), 41
    for convolution in layer.convolutions:
        convolution.bias.assign(convolution.bias + 50.0)  # no unit is off
    vectors = tf.constant(vectors_of((1, size, D)))
    with tf.GradientTape() as tape:
        tape.watch(vectors)
        middle = tf.reduce_sum(layer(vectors, mask_of([size], size))[0, size // 2])
    seen = np.flatnonzero(np.abs(tape.gradient(middle, vectors)[0]).sum(axis=-1))
    np.testing.assert_array_equal(seen, np.arange(size // 2 - reach, size // 2 + reach + 1))
