"""The decoder of tags, unrolled in numpy."""

import numpy as np
import pytest

from strtf.layers.tag_decoder import TagDecoder

D, UNITS, TAG = 5, 4, 3
LENGTHS = [7, 3]


@pytest.fixture(scope="module")
def decoder(randomize):
    layer = TagDecoder(UNITS, TAG)
    layer.build((None, None, D))
    return randomize(layer)


@pytest.fixture(scope="module")
def encoded():
    return np.random.default_rng(3).normal(size=(2, 7, D)).astype(np.float32)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def unrolled(decoder, rows, feeds_back=True):
    kernel, bias = (np.asarray(w) for w in decoder.gates.weights)
    cell_layer = decoder.loop.cell
    state_kernel, feedback, tag_kernel, tag_bias = (np.asarray(w) for w in cell_layer.weights)
    state, cell, tag, tags = np.zeros(UNITS), np.zeros(UNITS), np.zeros(TAG), []
    for row in rows:
        gates = row @ kernel + bias + state @ state_kernel + feeds_back * (tag @ feedback)
        enter, forget, candidate, leave = np.split(gates, 4)
        cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(candidate)
        state = sigmoid(leave) * np.tanh(cell)
        tag = state @ tag_kernel + tag_bias
        tags.append(tag)
    return np.array(tags)


def test_tag_vectors_are_the_recursion_by_hand(decoder, encoded):
    mask = np.arange(7) < np.array(LENGTHS)[:, None]
    found = np.asarray(decoder(encoded, mask))
    for row, length in enumerate(LENGTHS):
        expected = unrolled(decoder, encoded[row, :length])
        np.testing.assert_allclose(found[row, :length], expected, atol=1e-5)
        assert np.abs(expected - unrolled(decoder, encoded[row, :length], feeds_back=False)).max() > 1e-2


def test_padding_is_zero(decoder, encoded):
    mask = np.arange(7) < np.array(LENGTHS)[:, None]
    assert not np.asarray(decoder(encoded, mask))[~mask].any()


def test_only_what_came_before_is_read(decoder, encoded):
    mask, changed = np.ones((2, 7), bool), encoded.copy()
    changed[:, 4:] = 9.0
    before, after = (np.asarray(decoder(rows, mask)) for rows in (encoded, changed))
    np.testing.assert_array_equal(before[:, :4], after[:, :4])
    assert (before[:, 4:] != after[:, 4:]).any()
