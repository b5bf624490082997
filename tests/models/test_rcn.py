import numpy as np
import pytest

from strtf.models.base import Task
from strtf.models.rcn import piece_places

SENTENCES = [(11, [(1, 3, 5, 6), (5, 6, 6, 10)]), (7, [(2, 4, 4, 6)])]


@pytest.fixture(scope="module")
def model(make_system):
    return make_system("rcn", "rc")


@pytest.fixture
def batch(pair_batch):
    return pair_batch(SENTENCES)


def squash(vectors):
    square = (vectors**2).sum(axis=-1, keepdims=True)
    return vectors * np.sqrt(square) / (1 + square)


def lengths_by_hand(model, states, span):
    """The class capsules' lengths [S] of a pair, from the states [T, 2·units] of its unpadded sentence."""
    units, (start_1, end_1, start_2, end_2) = states.shape[1] // 2, span
    pieces = []
    for first, after in ((0, start_1), (start_1, end_1), (end_1, start_2), (start_2, end_2), (end_2, len(states))):
        empty = after <= first
        piece = np.concatenate([states[after - 1, :units], states[first if not empty else 0, units:]])
        pieces.append(0.0 * piece if empty else piece)
    kernel, bias = (np.asarray(w) for w in model.primary_dense.weights)
    primary = squash((np.array(pieces) @ kernel + bias).reshape(40, 8))
    votes = np.einsum("ie,iec->ic", primary, np.asarray(model.class_capsules.kernel)).reshape(40, 4, 16)
    agreement = np.zeros((40, 4))
    for _ in range(3):
        coupling = np.exp(agreement) / np.exp(agreement).sum(axis=1, keepdims=True)
        capsules = squash((coupling[:, :, None] * votes).sum(axis=0))
        agreement = agreement + (votes * capsules).sum(axis=-1)
    return np.linalg.norm(capsules, axis=-1)


def expected_lengths(model, batch):
    states = np.asarray(model.encoder(batch["token_ids"], batch["lengths"])[0])
    return np.array([
        lengths_by_hand(model, states[sentence, : batch["lengths"][sentence]], span)
        for sentence, span in zip(batch["pair_sentence"], batch["pair_spans"], strict=True)
    ])  # fmt: skip


def test_logits_are_those_of_the_lengths_by_hand(model, batch):
    found = np.asarray(model.classify_pairs(batch, model.encode(batch)))
    np.testing.assert_allclose(1 / (1 + np.exp(-found)), expected_lengths(model, batch), rtol=1e-4, atol=1e-6)


def test_loss_is_the_weighted_mean_of_the_margin_losses(model, batch):
    batch["pair_weights"] = np.float32([1.0, 0.5, 2.0])
    lengths = expected_lengths(model, batch)
    present = np.eye(4)[batch["labels"]]
    losses = present * np.maximum(0, 0.9 - lengths) ** 2 + 0.5 * (1 - present) * np.maximum(0, lengths - 0.1) ** 2
    expected = (losses.sum(axis=1) * batch["pair_weights"]).sum() / 3.5
    np.testing.assert_allclose(model.task_losses(batch)[Task.RC], expected, rtol=1e-4)


def test_pieces_cover_the_sentence_and_empty_ones_are_empty():
    spans = np.int32([[1, 3, 5, 6], [2, 4, 4, 6], [1, 5, 3, 7], [1, 6, 2, 4]])
    first, after = (np.asarray(x).tolist() for x in piece_places(spans, np.int32([9, 7, 9, 9])))
    assert list(zip(first[0], after[0], strict=True)) == [(0, 1), (1, 3), (3, 5), (5, 6), (6, 9)]
    assert list(zip(first[1], after[1], strict=True)) == [(0, 2), (2, 4), (4, 4), (4, 6), (6, 7)]  # they touch
    assert list(zip(first[2], after[2], strict=True)) == [(0, 1), (1, 5), (5, 5), (5, 7), (7, 9)]  # they overlap
    assert list(zip(first[3], after[3], strict=True)) == [(0, 1), (1, 6), (6, 6), (6, 6), (6, 9)]  # one in the other


def test_flops(model, kernel_products):
    assert model.sentence_flops([12, 8]) == 20 * kernel_products(model.encoder)
    votes = 40 * 4 * 16
    one = 5 * kernel_products(model.primary_dense) + kernel_products(model.class_capsules) + (3 + 2) * 2 * votes
    assert model.pair_flops(None, 12, [3, 4]) == 2 * one
