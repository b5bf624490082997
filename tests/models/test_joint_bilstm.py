import numpy as np
import pytest
import tensorflow as tf

from strtf.models.base import Task

SENTENCES = [(11, [(1, 3, 5, 6), (5, 6, 8, 10), (1, 2, 2, 3)]), (7, [(2, 4, 4, 6)])]


@pytest.fixture(scope="module")
def model(make_system):
    return make_system("joint_bilstm")


@pytest.fixture
def batch(pair_batch):
    return pair_batch(SENTENCES)


def test_ner_loss_is_the_cross_entropy_of_each_token(model, batch, log_softmax):
    log_p = log_softmax(model.emissions(model.encode(batch)))
    expected = [
        -sum(log_p[row, t - 1, batch["tags"][row, t]] for t in range(1, length))
        for row, length in enumerate(batch["lengths"])
    ]
    np.testing.assert_allclose(model.task_losses(batch)[Task.NER], np.mean(expected), rtol=1e-5)


def test_emissions_are_a_layer_on_the_decoders_tag_vectors(model, batch):
    encoded, mask = model.encoder(batch["token_ids"], batch["lengths"])
    kernel, bias = (np.asarray(w) for w in model.tag_dense.weights)
    expected = np.asarray(model.decoder(encoded, mask))[:, 1:] @ kernel + bias
    np.testing.assert_allclose(model.tag(batch, model.encode(batch))[1], expected, atol=1e-5)


def test_free_decoding_takes_each_tokens_best_tag(make_system, batch):
    model = make_system("joint_bilstm", legal_decoding=False)
    tags, emissions = model.tag(batch, model.encode(batch))
    for row, length in enumerate(batch["lengths"]):
        best = np.asarray(emissions)[row, : length - 1].argmax(axis=-1)
        np.testing.assert_array_equal(np.asarray(tags)[row, 1:length], best)


def test_transitions_are_zero_and_stay_so(model):
    assert "transitions" not in {variable.name for variable in model.trainable_variables}


def test_a_fresh_models_transitions_are_zero(tiny_config, tiny_schema):
    from strtf.config import Experiment, ModelOptions, System
    from strtf.models.build import build_model

    made = build_model(Experiment(model=ModelOptions(system=System.JOINT_BILSTM)), tiny_config, tiny_schema)
    assert not np.asarray(made.crf.transitions).any()


def test_relation_logits_by_hand(model, batch):
    """Convolution of the sentence's states, the maximum from e1 through e2, one layer."""
    states = np.asarray(model.encoder(batch["token_ids"], batch["lengths"])[0])
    kernel, bias = (np.asarray(w) for w in model.convolution.weights)
    relation, relation_bias = (np.asarray(w) for w in model.relation_dense.weights)
    found = np.asarray(model.classify_pairs(batch, model.encode(batch)))
    for row, sentence, span in zip(found, batch["pair_sentence"], batch["pair_spans"], strict=True):
        rows = states[sentence, : batch["lengths"][sentence]]
        padded = np.pad(rows, ((1, 1), (0, 0)))
        convolved = np.tanh(bias + sum(padded[tap : tap + len(rows)] @ kernel[tap] for tap in range(3)))
        pooled = convolved[span[0] : span[3]].max(axis=0)
        np.testing.assert_allclose(row, pooled @ relation + relation_bias, atol=1e-5)


def test_both_tasks_train_the_shared_lstm(model, batch):
    shared = [variable.value for variable in model.encoder.trainable_variables]
    for task in Task:
        with tf.GradientTape() as tape:
            loss = model.task_losses(batch, training=True)[task]
        assert all(gradient is not None for gradient in tape.gradient(loss, shared))


def test_flops_are_the_products_of_all_kernels(model, kernel_products):
    rows = kernel_products(model.encoder, model.decoder, model.convolution)
    assert model.sentence_flops([12, 8]) == 20 * rows + 18 * kernel_products(model.tag_dense)
    assert model.pair_flops(None, 12, [3, 4]) == 2 * kernel_products(model.relation_dense)
