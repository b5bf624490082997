import numpy as np
import pytest
import tensorflow as tf

REACH = 21  # three times 1 + 2 + 4


@pytest.fixture(scope="module")
def model(make_system):
    made = make_system("rdcnn", "ner")
    for weight in made.trainable_weights:
        weight.assign(abs(weight))  # no unit is off
    return made


def emissions_of(model, batch):
    return np.asarray(model.tag(batch, model.encode(batch))[1])[0]  # [T-1, C]


@pytest.mark.parametrize("place", [10, 30, 50])
def test_a_tag_sees_twenty_one_tokens_to_either_side_and_no_further(model, place):
    """Each token has an id of its own, so the rows of the table that have a gradient are the tokens that are seen."""
    batch = {"token_ids": np.arange(60, dtype=np.int32)[None], "lengths": np.int32([60])}
    with tf.GradientTape() as tape:
        emission = tf.reduce_sum(model.emissions(model.encode(batch))[0, place - 1])  # emissions begin behind [CLS]
    gradient = tf.convert_to_tensor(tape.gradient(emission, model.embedding.word.value))
    seen = np.flatnonzero(np.abs(gradient).max(axis=1))
    np.testing.assert_array_equal(seen, np.arange(max(0, place - REACH), min(59, place + REACH) + 1))


def test_padding_does_not_leak(model, pair_batch):
    """A sentence beside a longer one, its padding full of tokens, and alone."""
    batch = pair_batch([(20, []), (40, [])])
    alone = {"token_ids": batch["token_ids"][:1, :20], "lengths": batch["lengths"][:1]}
    np.testing.assert_allclose(emissions_of(model, batch)[:19], emissions_of(model, alone), rtol=1e-4, atol=1e-4)


def test_flops_are_the_products_of_all_kernels(model, kernel_products):
    expected = 20 * kernel_products(model.convolutions) + 18 * kernel_products(model.tag_dense)
    assert model.sentence_flops([12, 8]) == expected
