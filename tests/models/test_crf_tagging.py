"""Layers of tags: sentences to the CRF, one emission kernel for all. And a Bi-LSTM before the emissions."""

import numpy as np
import pytest

from strtf.layers.crf import crf_log_likelihood
from strtf.models.base import Task

LAYERS = 3
SENTENCES = [(11, []), (7, []), (14, [])]


@pytest.fixture
def batch(pair_batch):
    plain = pair_batch(SENTENCES)
    rows, length = plain["tags"].shape
    tags = np.random.default_rng(1).integers(0, plain["tags"].max() + 1, (rows * LAYERS, length), np.int32)
    return plain | {"tags": tags}


@pytest.fixture
def model(make_model):
    return make_model(tasks="ner", tag_layers=LAYERS)


def emissions_by_hand(model, batch, layer):
    """[B, T-1, C] of one layer."""
    output = model.encode(batch)["output"].numpy()[:, 1:]
    kernel, bias = (np.asarray(weight) for weight in model.tag_dense.weights)
    of_layer = slice(layer * model.crf.num_tags, (layer + 1) * model.crf.num_tags)
    return output @ kernel[:, of_layer] + bias[of_layer]


def test_each_layer_is_tagged_as_if_alone(model, batch):
    tags, emissions = model.tag(batch, model.encode(batch))
    for layer in range(LAYERS):
        alone = emissions_by_hand(model, batch, layer)
        np.testing.assert_allclose(emissions[layer::LAYERS], alone, atol=1e-5)
        expected, _ = model.crf.decode(alone, batch["lengths"] - 1, legal=model.legal_decoding)
        np.testing.assert_array_equal(tags[layer::LAYERS, 1:], expected)


def test_the_loss_is_the_sum_over_layers(model, batch):
    log_p = sum(
        crf_log_likelihood(
            emissions_by_hand(model, batch, layer),
            batch["tags"][layer::LAYERS, 1:],
            batch["lengths"] - 1,
            model.crf.transitions,
        )
        for layer in range(LAYERS)
    )
    np.testing.assert_allclose(model.task_losses(batch)[Task.NER], -np.mean(log_p), rtol=1e-5)


def test_emissions_read_the_rows_and_the_lstm_over_them(make_model, batch):
    model = make_model(tasks="ner", tag_lstm=5)
    states = model.encode(batch)
    rows = states["output"].numpy()[:, 1:]
    mask = np.arange(rows.shape[1]) < batch["lengths"][:, None] - 1
    both = np.concatenate([rows, model.tag_lstm(rows, mask)], axis=-1)
    kernel, bias = (np.asarray(weight) for weight in model.tag_dense.weights)
    np.testing.assert_allclose(model.emissions(states), both @ kernel + bias, atol=1e-5)


@pytest.mark.parametrize("system", ["focused_attention", "spert"])
def test_flops_count_the_lstm(make_model, kernel_products, system):
    plain, lstm = make_model(system=system, tasks="ner"), make_model(system=system, tasks="ner", tag_lstm=5)
    more = kernel_products(lstm.tag_lstm) + kernel_products(lstm.tag_dense) - kernel_products(plain.tag_dense)
    assert lstm.sentence_flops([12, 8]) - plain.sentence_flops([12, 8]) == 18 * more
