"""Layers of tags: sentences to the CRF, one emission kernel for all; and two taggers before one CRF."""

import numpy as np
import pytest

from strtf.layers.crf import crf_log_likelihood
from strtf.models.base import Task
from strtf.text.bieos import TagScheme

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


@pytest.mark.parametrize("shift", [3.0, -3.0])
def test_the_entity_shift_counts_once_for_every_entity(make_model, pair_batch, shift):
    model, batch = make_model(tasks="ner"), pair_batch(SENTENCES)
    scheme = TagScheme(tuple(f"T{n}" for n in range(model.crf.num_tags // 4)))
    states = model.encode(batch)
    (plain_tags, plain), (tags, shifted) = (
        model.tag(batch | more, states) for more in ({}, {"entity_shift": np.float32(shift)})
    )
    begins = [name[0] in "BS" for name in scheme.names]
    np.testing.assert_allclose(shifted - plain, shift * np.broadcast_to(begins, plain.shape), atol=1e-5)
    before, after = (sum(len(scheme.decode(row)) for row in np.asarray(t)) for t in (plain_tags, tags))
    assert (after - before) * shift > 0


@pytest.fixture(params=["focused_attention", "spert"])
def two_taggers(request, make_model):
    return make_model(system=request.param, tag_layers=LAYERS, second_tagger=True, units=8)


def emissions_of_each(model, batch):
    """[B, T-1, L·C] of the encoder, and of the Bi-LSTM."""
    states = model.encode(batch)
    rows = states["output"].numpy(), model.second_encoder(batch["token_ids"], batch["lengths"])[0].numpy()
    return [
        of_rows[:, 1:] @ np.asarray(dense.kernel) + np.asarray(dense.bias)
        for of_rows, dense in zip(rows, (model.tag_dense, model.second_dense), strict=True)
    ]


@pytest.mark.parametrize(("chosen", "share"), [({}, 0.5), ({"second_share": np.float32(0.25)}, 0.25)])
def test_two_taggers_are_decoded_from_their_mean(two_taggers, batch, chosen, share):
    by_layer = np.average(emissions_of_each(two_taggers, batch), axis=0, weights=[1 - share, share])  # [B, T-1, L·C]
    tags, found = two_taggers.tag(batch | chosen, two_taggers.encode(batch))
    for layer in range(LAYERS):
        of_layer = slice(layer * two_taggers.crf.num_tags, (layer + 1) * two_taggers.crf.num_tags)
        np.testing.assert_allclose(found[layer::LAYERS], by_layer[:, :, of_layer], atol=1e-5)
        best, _ = two_taggers.crf.decode(by_layer[:, :, of_layer], batch["lengths"] - 1, two_taggers.legal_decoding)
        np.testing.assert_array_equal(tags[layer::LAYERS, 1:], best)


def test_two_taggers_have_a_loss_each(two_taggers, batch):
    tags, num_tags = batch["tags"], two_taggers.crf.num_tags
    log_p = sum(
        crf_log_likelihood(
            emissions[:, :, layer * num_tags : (layer + 1) * num_tags],
            tags[layer::LAYERS, 1:],
            batch["lengths"] - 1,
            two_taggers.crf.transitions,
        )
        for emissions in emissions_of_each(two_taggers, batch)
        for layer in range(LAYERS)
    )
    found = two_taggers.tag_loss(batch, two_taggers.encode(batch))
    np.testing.assert_allclose(found, -np.mean(log_p), rtol=1e-5)


def test_padding_does_not_reach_the_second_tagger(two_taggers, batch):
    longer = batch | {"token_ids": np.pad(batch["token_ids"], ((0, 0), (0, 5)), constant_values=3)}
    plain, padded = (two_taggers.emissions(two_taggers.encode(each)) for each in (batch, longer))
    for row, length in enumerate(np.repeat(batch["lengths"] - 1, LAYERS)):
        np.testing.assert_allclose(padded[row, :length], plain[row, :length], atol=1e-5)


def test_both_taggers_are_counted(two_taggers, make_model, kernel_products):
    alone = make_model(system=two_taggers.name, tag_layers=LAYERS)
    more = two_taggers.sentence_flops([12, 8]) - alone.sentence_flops([12, 8])
    assert more == 20 * kernel_products(two_taggers.second_encoder) + 18 * kernel_products(two_taggers.second_dense)
