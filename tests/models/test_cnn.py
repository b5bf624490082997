import numpy as np
import pytest

from strtf.layers.position_convolution import FARTHEST

SENTENCES = [(11, [(1, 3, 5, 6), (5, 6, 8, 10)]), (7, [(2, 4, 4, 6)])]


@pytest.fixture(scope="module")
def model(make_system):
    return make_system("cnn", "rc")


def distance(place, start, end):
    return place - start if place < start else max(place - end + 1, 0)


def logits_by_hand(model, token_ids, span):
    """One unpadded sentence and one pair; one convolution over token and distances side by side."""
    word, form = np.asarray(model.embedding.word), np.asarray(model.embedding.form.form)
    tables = [np.asarray(table) for table in model.position_convolution.tables]
    entities = list(zip(tables, (span[:2], span[2:]), strict=True))
    rows = [
        np.concatenate(
            [word[token] + form[0], *(table[FARTHEST + distance(place, *entity)] for table, entity in entities)]
        )
        for place, token in enumerate(token_ids)
    ]
    token_kernel, bias = (np.asarray(w) for w in model.token_convolution.weights)
    kernel = np.concatenate([token_kernel, np.asarray(model.position_convolution.convolution.kernel)], axis=1)
    padded = np.pad(np.array(rows), ((1, 1), (0, 0)))
    convolved = bias + sum(padded[tap : tap + len(rows)] @ kernel[tap] for tap in range(3))
    hidden, relation = ([np.asarray(w) for w in layer.weights] for layer in
                        (model.pair_classifier.hidden_dense, model.pair_classifier.relation_dense))  # fmt: skip
    return np.tanh(convolved.max(axis=0) @ hidden[0] + hidden[1]) @ relation[0] + relation[1]


def test_logits_of_each_pair_by_hand(model, pair_batch):
    batch = pair_batch(SENTENCES)
    found = np.asarray(model.classify_pairs(batch, model.encode(batch)))
    for row, sentence, span in zip(found, batch["pair_sentence"], batch["pair_spans"], strict=True):
        ids = batch["token_ids"][sentence, : batch["lengths"][sentence]]
        np.testing.assert_allclose(row, logits_by_hand(model, ids, span), atol=1e-5)


def test_flops_are_the_products_of_all_kernels(model, kernel_products):
    assert model.sentence_flops([12, 8]) == 20 * kernel_products(model.token_convolution)
    per_token = kernel_products(model.position_convolution.convolution)
    assert model.pair_flops(None, 12, [3, 4]) == 2 * (12 * per_token + kernel_products(model.pair_classifier))


def test_memory_grows_with_the_sentence(model):
    from strtf.config import ModelOptions

    memory = model.pair_memory(ModelOptions())
    assert memory.bytes(np.array([3, 30]), 64) < memory.bytes(np.array([3, 3]), 128)
