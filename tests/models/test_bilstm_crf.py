import numpy as np
import pytest

from strtf.layers.crf import crf_log_likelihood
from strtf.models.base import Task

SENTENCES = [(11, []), (7, []), (14, [])]


@pytest.fixture(scope="module")
def model(make_system):
    return make_system("bilstm_crf", "ner")


def test_loss_is_the_mean_negative_log_likelihood_of_dense_states(model, pair_batch):
    batch = pair_batch(SENTENCES)
    states, _ = model.encoder(batch["token_ids"], batch["lengths"])
    kernel, bias = (np.asarray(weight) for weight in model.tag_dense.weights)
    emissions = np.asarray(states)[:, 1:] @ kernel + bias
    log_p = crf_log_likelihood(emissions, batch["tags"][:, 1:], batch["lengths"] - 1, model.crf.transitions)
    np.testing.assert_allclose(model.task_losses(batch)[Task.NER], -np.mean(log_p), rtol=1e-5)


def test_a_tag_depends_on_the_whole_sentence(model, pair_batch):
    batch = pair_batch([(14, [])])
    changed = batch | {"token_ids": batch["token_ids"].copy()}
    changed["token_ids"][0, 13] = (changed["token_ids"][0, 13] + 1) % 50
    first, second = (np.asarray(model.tag(b, model.encode(b))[1]) for b in (batch, changed))
    assert (np.abs(first - second)[0].max(axis=1) > 0).all()


def test_flops_are_the_products_of_all_kernels(model, kernel_products):
    expected = 20 * kernel_products(model.encoder) + 18 * kernel_products(model.tag_dense)
    assert model.sentence_flops([12, 8]) == expected
