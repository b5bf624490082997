import numpy as np
import pytest

from strtf.models.spert import NUM_WIDTHS

# apart, touching, one token each, wide
SENTENCES = [(14, [(1, 3, 5, 6), (5, 6, 6, 10), (1, 2, 9, 13)]), (7, [(2, 4, 4, 6)])]


@pytest.fixture(scope="module")
def model(make_system):
    return make_system("spert")


@pytest.fixture
def batch(pair_batch):
    return pair_batch(SENTENCES)


def test_features_are_three_maxima_and_two_widths(model, batch):
    states = model.encode(batch)
    rows, widths = np.asarray(states["output"]), np.asarray(model.width_embedding.embeddings)
    found = np.asarray(model.pair_features(batch["pair_sentence"], batch["pair_spans"], states))
    for row, sentence, (start_1, end_1, start_2, end_2) in zip(
        found, batch["pair_sentence"], batch["pair_spans"], strict=True
    ):
        own = rows[sentence]
        between = own[end_1:start_2].max(axis=0) if start_2 > end_1 else np.zeros(own.shape[1])
        maxima = own[start_1:end_1].max(axis=0), between, own[start_2:end_2].max(axis=0)
        expected = np.concatenate([*maxima, widths[end_1 - start_1], widths[end_2 - start_2]])
        np.testing.assert_allclose(row, expected, rtol=1e-6)


def test_logits_are_one_linear_layer(model, batch):
    states = model.encode(batch)
    features = np.asarray(model.pair_features(batch["pair_sentence"], batch["pair_spans"], states))
    kernel, bias = (np.asarray(w) for w in model.relation_dense.weights)
    np.testing.assert_allclose(model.classify_pairs(batch, states), features @ kernel + bias, rtol=1e-4, atol=1e-4)


def test_tags_are_those_of_the_focused_attention_model(model, make_model, batch):
    """The same encoder and the same tagging head: with the same weights, the same tags."""
    ours = make_model(seed=3)
    weights = {variable.path: variable for variable in ours.trainable_variables}
    for variable in model.trainable_variables:
        if variable.path in weights:
            variable.assign(weights.pop(variable.path))
    assert {path.split("/")[0] for path in weights} == {"pair_classifier"}
    for found, expected in zip(model.tag(batch, model.encode(batch)), ours.tag(batch, ours.encode(batch)), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_wider_entities_count_as_the_widest(model, pair_batch):
    states = model.encode(pair_batch([(60, [])]))
    spans = np.int32([[1, 1 + NUM_WIDTHS, 1, 1], [1, NUM_WIDTHS, 1, 1]])
    first, second = np.asarray(model.pair_features(np.int32([0, 0]), spans, states))[:, -50:-25]
    np.testing.assert_array_equal(first, second)


def test_the_encoder_takes_pretrained_weights(model):
    assert model.pretrained is model.encoder


def test_flops(model, kernel_products, make_model):
    focused = make_model(tasks="ner")
    assert model.sentence_flops([12, 8]) == focused.sentence_flops([12, 8])
    assert model.pair_flops(None, 12, [3, 4]) == 2 * kernel_products(model.relation_dense)
