"""The Bi-LSTM against its recurrence in numpy, and what padding must not do."""

import numpy as np
import pytest

from strtf.layers.bi_lstm_encoder import BiLstmEncoder

VOCABULARY, WIDTH, UNITS = 20, 6, 4
LENGTHS = np.int32([9, 5, 2])


@pytest.fixture(scope="module")
def encoder(randomize):
    layer = BiLstmEncoder(VOCABULARY, WIDTH, UNITS, dropout=0.0)
    layer.build((None, None))
    return randomize(layer)


@pytest.fixture(scope="module")
def token_ids():
    return np.random.default_rng(1).integers(0, VOCABULARY, (3, 9), np.int32)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def lstm(vectors, kernel, recurrent, bias):
    """Keras' order of gates: enter, forget, candidate, leave."""
    state = cell = np.zeros(recurrent.shape[0])
    states = []
    for vector in vectors:
        enter, forget, candidate, leave = np.split(vector @ kernel + state @ recurrent + bias, 4)
        cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(candidate)
        state = sigmoid(leave) * np.tanh(cell)
        states.append(state)
    return np.array(states)


def test_both_directions_are_the_recurrence_by_hand(encoder, token_ids):
    found, mask = encoder(token_ids, LENGTHS)
    assert found.shape == (3, 9, 2 * UNITS)
    np.testing.assert_array_equal(mask, np.arange(9) < LENGTHS[:, None])
    table = np.asarray(encoder.embedding.word)
    forward, backward = (
        [np.asarray(w) for w in lstm.weights] for lstm in (encoder.forward_lstm, encoder.backward_lstm)
    )
    for row, length in enumerate(LENGTHS):
        vectors = table[token_ids[row, :length]]
        expected = np.concatenate([lstm(vectors, *forward), lstm(vectors[::-1], *backward)[::-1]], axis=1)
        np.testing.assert_allclose(found[row, :length], expected, atol=1e-5)


def test_padding_is_zero_and_never_read(encoder, token_ids):
    found = np.asarray(encoder(token_ids, LENGTHS)[0])
    assert not found[np.arange(9) >= LENGTHS[:, None]].any()
    other = np.where(np.arange(9) < LENGTHS[:, None], token_ids, 7).astype(np.int32)
    wide = np.pad(other, ((0, 0), (0, 4)), constant_values=3)
    np.testing.assert_allclose(np.asarray(encoder(wide, LENGTHS)[0])[:, :9], found, atol=1e-6)
