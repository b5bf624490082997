"""Squashing, routing and the margin loss against numpy."""

import numpy as np
import pytest
import tensorflow as tf

from strtf.layers.capsules import EPSILON, ClassCapsules, margin_losses, route, squash

P, I, S, E, G = 3, 5, 4, 6, 2  # noqa: E741


def squash_by_hand(vector):
    length = np.linalg.norm(vector)
    return length**2 / (1 + length**2) * vector / length


def route_by_hand(votes, iterations):
    """One pair's votes [I, S, G] -> [S, G], loop by loop."""
    agreement = np.zeros(votes.shape[:2])
    for _ in range(iterations):
        coupling = np.exp(agreement) / np.exp(agreement).sum(axis=1, keepdims=True)
        total = np.array([sum(coupling[i, s] * votes[i, s] for i in range(I)) for s in range(S)])
        outputs = np.array([squash_by_hand(t) for t in total])
        agreement += np.einsum("isg,sg->is", votes, outputs)
    return total


@pytest.fixture(scope="module")
def votes():
    return np.random.default_rng(0).normal(size=(P, I, S, G))


def test_squash_keeps_the_direction_and_bounds_the_length():
    vectors = np.random.default_rng(1).normal(size=(7, 3)) * np.logspace(-2, 2, 7)[:, None]
    found = np.asarray(squash(tf.constant(vectors)))
    np.testing.assert_allclose(found, [squash_by_hand(v) for v in vectors], rtol=1e-4)
    assert (np.linalg.norm(found, axis=1) < 1.0).all()


def test_squash_of_nothing_is_nothing_and_has_a_gradient():
    zero = tf.zeros((1, 3))
    with tf.GradientTape() as tape:
        tape.watch(zero)
        found = squash(zero)
    assert not found.numpy().any() and np.isfinite(tape.gradient(found, zero)).all()


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_routing_is_the_loop_by_hand(votes, iterations):
    found = route(tf.constant(votes), iterations)
    np.testing.assert_allclose(found, [route_by_hand(v, iterations) for v in votes], rtol=1e-6)


def test_routing_follows_agreement(votes):
    """Capsules that agree on one class send it more than their even share."""
    votes = 0.1 * votes[:1]
    votes[0, :, 2] = [2.0, 0.0]
    once, thrice = (np.linalg.norm(route(tf.constant(votes), n)[0], axis=-1) for n in (1, 3))
    assert thrice[2] > 1.5 * once[2] and thrice[[0, 1, 3]].max() < 0.1


def test_logits_are_those_of_the_capsules_lengths():
    layer, primary = ClassCapsules(S, G), np.random.default_rng(2).normal(size=(P, I, E)).astype(np.float32)
    layer.build((None, I, E))
    kernel = np.asarray(layer.kernel, np.float64).reshape(I, E, S, G)
    votes = np.einsum("pie,iesg->pisg", primary, kernel)
    lengths = np.array([[np.linalg.norm(squash_by_hand(s)) for s in route_by_hand(v, 3)] for v in votes])
    found = np.asarray(layer(primary))
    np.testing.assert_allclose(1 / (1 + np.exp(-found)), lengths, rtol=1e-4)
    np.testing.assert_array_equal(found.argsort(axis=1), lengths.argsort(axis=1))
    assert np.isfinite(layer(np.zeros((1, I, E), np.float32))).all() and np.log(EPSILON) > -30


def test_margin_loss_by_hand():
    lengths, labels = np.array([[0.95, 0.05, 0.3], [0.2, 0.6, 0.1]], np.float32), np.int32([0, 1])
    expected = [0.5 * 0.2**2, 0.5 * 0.1**2 + 0.3**2]
    np.testing.assert_allclose(margin_losses(tf.constant(lengths), labels), expected, rtol=1e-5)
