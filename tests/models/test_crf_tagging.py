"""Layers of tags: sentences to the CRF, one emission kernel for all."""

import numpy as np
import pytest

from strtf.layers.crf import crf_log_likelihood
from strtf.models.base import Task
from strtf.text.bieos import TagScheme
from strtf.text.surface import BLANK

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


@pytest.mark.parametrize("num_layers", [1, LAYERS])
def test_no_entity_begins_or_ends_with_white_space(make_model, pair_batch, num_layers):
    model, batch = make_model(tasks="ner", tag_layers=num_layers), pair_batch(SENTENCES)
    scheme = TagScheme(tuple(f"T{n}" for n in range(model.crf.num_tags // 4)))
    blank = np.random.default_rng(2).random(batch["token_ids"].shape) < 0.3
    blanked = batch | {"token_ids": batch["token_ids"] + np.int32(blank * BLANK * model.encoder.config.vocabulary_size)}
    (free, _), (tags, _) = ((np.asarray(a) for a in model.tag(b, model.encode(b))) for b in (batch, blanked))
    is_edge, blank = np.array([name[0] in "BES" for name in scheme.names]), np.repeat(blank, num_layers, axis=0)
    inside = np.repeat(np.arange(free.shape[1]) < batch["lengths"][:, None], num_layers, axis=0) & blank
    assert is_edge[free[inside]].any() and not is_edge[tags[inside]].any()
    assert any(scheme.decode(row) for row in tags)


def test_probabilities_are_of_legal_tags_however_tags_are_decoded(make_model, pair_batch):
    legal, free = make_model(tasks="ner"), make_model(tasks="ner", legal_decoding=False)
    for ours, theirs in zip(free.weights, legal.weights, strict=True):
        ours.assign(theirs)
    batch = pair_batch([(40, [])]) | {"entity_temperature": np.float32(4.0)}
    spans = {name: np.int32([value]) for name, value in {"sentence": 0, "start": 1, "end": 2}.items()}
    spans |= {name: np.int32([1 + i]) for i, name in enumerate(("begin", "inside", "last", "single"))}
    expected, found = (
        model.span_log_probabilities(batch, model.tag(batch, model.encode(batch))[1], spans) for model in (legal, free)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_the_temperature_divides_all_scores(make_model, pair_batch, temperature):
    model, batch = make_model(tasks="ner"), pair_batch(SENTENCES)
    _, emissions = model.tag(batch, model.encode(batch))
    spans = {name: np.int32([value]) for name, value in {"sentence": 0, "start": 1, "end": 2}.items()}
    spans |= {name: np.int32([1 + i]) for i, name in enumerate(("begin", "inside", "last", "single"))}
    more = {"entity_temperature": np.float32(temperature)}
    tempered = model.span_log_probabilities(batch | more, emissions, spans)
    model.crf.transitions.assign(model.crf.transitions / temperature)
    np.testing.assert_allclose(tempered, model.span_log_probabilities(batch, emissions / temperature, spans), rtol=1e-5)


@pytest.mark.parametrize("shift", [3.0, -3.0])
def test_the_entity_shift_counts_once_for_every_entity(make_model, pair_batch, shift):
    model, batch = make_model(tasks="ner"), pair_batch(SENTENCES)
    scheme = TagScheme(tuple(f"T{n}" for n in range(model.crf.num_tags // 4)))
    states = model.encode(batch)
    (plain_tags, plain), (tags, shifted) = (
        model.tag(batch | more, states) for more in ({}, {"entity_shift": np.float32(shift)})
    )
    np.testing.assert_array_equal(shifted, plain)
    begins = np.array([name[0] in "BS" for name in scheme.names])
    expected, _ = model.crf.decode(plain + np.float32(shift) * begins, batch["lengths"] - 1)
    np.testing.assert_array_equal(np.asarray(tags)[:, 1:], expected)
    before, after = (sum(len(scheme.decode(row)) for row in np.asarray(t)) for t in (plain_tags, tags))
    assert (after - before) * shift > 0
