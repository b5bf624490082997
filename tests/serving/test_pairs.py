"""Pairs in the graph: which, their layout against the numpy one, chunks against a count."""

import numpy as np
import pytest
import tensorflow as tf

from strtf.config import ModelOptions
from strtf.data.batches import exact_size
from strtf.data.pairs import pack_pairs as pack_with_numpy
from strtf.data.pairs import pair_sizes
from strtf.data.pairs import rivals_between as rivals_with_numpy
from strtf.data.shapes import SHORT_PAIR
from strtf.schema import candidate_pairs
from strtf.serving.pairs import PairScorer, enumerate_pairs, pack_pairs, rivals_between


def enumerated(stop):
    return list(zip(*(i.numpy().tolist() for i in enumerate_pairs(tf.constant(stop, tf.int32))), strict=True))


@pytest.mark.parametrize("number", [0, 1, 2, 7])
def test_all_pairs_of_one_text(number):
    assert enumerated([number] * number) == candidate_pairs(number)


def test_pairs_of_several_texts():
    assert enumerated([3, 3, 3, 4, 6, 6]) == [(0, 1), (0, 2), (1, 2), (4, 5)]


@pytest.mark.parametrize("number", [0, 2, 9])
def test_rivals_are_those_of_training(number):
    kind = np.random.default_rng(0).integers(0, 3, number, np.int32)
    pairs = np.array(candidate_pairs(number), np.int32).reshape(-1, 2)
    found = rivals_between(tf.constant(kind), 3, tf.constant(pairs))
    np.testing.assert_array_equal(found, rivals_with_numpy(kind, pairs))


def random_spans(number, longest=5, seed=0):
    """[P, 4], e1 before e2."""
    rng = np.random.default_rng(seed)
    steps = rng.integers([1, 1, 0, 1], [3, longest, 4, longest], (number, 4))
    return np.cumsum(steps, axis=1).astype(np.int32)


def test_the_layout_is_that_of_training():
    spans, sentence = random_spans(9), np.arange(9, dtype=np.int32) % 2
    types, rivals = np.random.default_rng(0).integers(0, 4, (2, 9, 2), np.int32)
    wanted = pack_with_numpy(sentence, spans, exact_size, {"pair_types": types, "pair_rivals": rivals})
    found = pack_pairs(sentence, tf.constant(spans), types, rivals, pair_sizes(spans).astype(np.int32))
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


class CountingModel:
    """Its "logits" are the pair's sentence and spans; it notes how many pairs came at once, and of what size."""

    def __init__(self):
        self.chunks = []

    def pair_memory(self, options):
        return self

    def pairs(self, tokens, length):
        return 40 // tokens

    def classify_pairs(self, batch, states):
        names = "pair_spans", "pair_types", "pair_rivals"
        columns = tf.concat([batch["pair_sentence"][:, None], *(batch[name] for name in names)], axis=1)
        self.chunks.append(batch["pair_rows"].shape)
        return tf.cast(columns, tf.float32)


@pytest.mark.parametrize("number", [0, 1, 50])
def test_pairs_in_chunks_under_the_budget(number):
    model, spans = CountingModel(), random_spans(number, longest=14)
    sentence = np.arange(number, dtype=np.int32)
    scorer = PairScorer(model, ModelOptions(max_tokens=48), num_classes=9)
    facts = np.arange(4 * number, dtype=np.int32).reshape(2, number, 2)
    found = scorer({}, {}, tuple(facts), tf.constant(sentence), tf.constant(spans.reshape(-1, 4)))
    np.testing.assert_array_equal(found, np.column_stack([sentence, spans.reshape(-1, 4), *facts]))
    assert sum(pairs for pairs, _ in model.chunks) == number
    assert all(pairs <= max(40 // slots, 1) or pairs == 1 for pairs, slots in model.chunks)
    sizes = pair_sizes(spans.reshape(-1, 4))
    assert sum(pairs for pairs, slots in model.chunks if slots > SHORT_PAIR) == (sizes > SHORT_PAIR).sum()
