"""Chunks of pairs give the losses and gradients of all pairs at once."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from strtf.config import TrainingOptions
from strtf.data.batches import TrainingBatches
from strtf.data.buckets import BucketedShapes
from strtf.data.shapes import ExactShapes
from strtf.models.base import Task
from strtf.training.tensorflow_chunks import sums_over_chunks
from strtf.training.tensorflow_tasks import gradients_by_task


class SevenPairs:
    def pairs(self, tokens, length):
        return 7

    def holds(self, sizes, length):
        return len(sizes) <= 7


def batch_of(examples, shapes=None):
    options = TrainingOptions(batch_size=4, negative_keep=1.0)
    ((_, batch),) = TrainingBatches(examples, options, shapes).epoch(0)
    return tf.nest.map_structure(tf.constant, batch)


def plain(model, batch):
    with tf.GradientTape() as tape:
        losses = model.task_losses(batch, training=True)
        total = tf.add_n([tf.cast(loss, tf.float64) for loss in losses.values()])
    gradients = tape.gradient(total, [variable.value for variable in model.trainable_variables])
    return losses, [tf.convert_to_tensor(gradient) for gradient in gradients]


def chunked(model, batch):
    return gradients_by_task(model, batch, lambda task, loss: loss)


EXACT, FEW = ExactShapes(SevenPairs()), BucketedShapes(64, SevenPairs())
MASKS = [{"rc_mask": mask, "num_task_blocks": 2} for mask in ("pair_focused", "cls_focused")]
RELATIONS_ALONE = [{"system": system, "tasks": "rc", "units": 8} for system in ("cnn", "rcn", "joint_bilstm")]
WITH_ENTITIES = [{"system": system, "units": 8} for system in ("joint_bilstm", "spert")]
HEADS = [
    {"rc_mask": "cls_focused", "num_task_blocks": 3},
    {"rc_features": "cls_and_entities", "num_task_blocks": 1},
    {"tasks": "rc", "num_task_blocks": 3},
    {"rc_context": True, "num_task_blocks": 2},
]
CASES = [
    *((EXACT, options) for options in (*MASKS, *HEADS, *RELATIONS_ALONE, *WITH_ENTITIES)),
    # a chunk may have padded pairs, and a batch chunks of two shapes
    *((FEW, options) for options in (*MASKS, HEADS[1], RELATIONS_ALONE[1], WITH_ENTITIES[1])),
]


@pytest.mark.parametrize(
    ("shapes", "options"), CASES,
    ids=["-".join(("few" if s is FEW else "exact", *map(str, o.values()))) for s, o in CASES],
)  # fmt: skip
def test_losses_and_gradients_are_those_of_all_pairs_at_once(wide_model, pairs_of_all_sizes, options, shapes):
    model = wide_model(**options)
    losses, gradients = plain(model, batch_of(pairs_of_all_sizes))
    batch = batch_of(pairs_of_all_sizes, shapes)
    assert all(int(group["num_chunks"]) > 1 for group in batch["chunks"])
    found_losses, found = chunked(model, batch)
    assert found_losses.keys() == losses.keys()
    for task in losses:
        np.testing.assert_allclose(found_losses[task], losses[task], rtol=1e-12)
    for variable, ours, theirs in zip(model.trainable_variables, found, gradients, strict=True):
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10 * scale, err_msg=variable.path)


class SumOfRows:
    """Stands in for a model: the loss of a chunk is the sum of the rows."""

    def __init__(self):
        self.weight = keras.Variable(1.0, name="weight")

    def pair_variables(self):
        return [self.weight]

    def pair_loss(self, chunk, states, training, total_weight):
        return tf.cast(tf.reduce_sum(states["rows"]), "float32") * self.weight.value


def test_a_thousand_chunks_in_half_precision_all_count():
    """A sum in bfloat16 would stay at 256."""
    chunks = [{"num_chunks": tf.constant(1000), "pair_weights": tf.ones((1000, 1))}]
    _, sums, _ = sums_over_chunks(SumOfRows(), chunks, {"rows": tf.ones(3, "bfloat16")}, lambda loss: loss)
    np.testing.assert_array_equal(sums["rows"], [1000.0] * 3)


def two_answers(model):
    """Every second call of `classify_pairs` answers otherwise, as under another dropout that can be repeated."""
    classify, factors = model.classify_pairs, itertools.cycle((1.0, 0.3))
    model.classify_pairs = lambda *arguments: classify(*arguments) * next(factors)
    return model


@pytest.mark.parametrize("system", ["focused_attention", "rcn"])
def test_r_drop_over_chunks(wide_model, pairs_of_all_sizes, system):
    """As over all pairs at once, and more than without it."""
    model = wide_model(system=system, tasks="rc", units=8)
    ordinary, _ = plain(model, batch_of(pairs_of_all_sizes))
    model.rdrop_weight = 2.0
    losses, gradients = plain(two_answers(model), batch_of(pairs_of_all_sizes))
    found_losses, found = chunked(model, batch_of(pairs_of_all_sizes, ExactShapes(SevenPairs())))
    np.testing.assert_allclose(found_losses[Task.RC], losses[Task.RC], rtol=1e-9)
    assert losses[Task.RC] > ordinary[Task.RC]
    for variable, ours, theirs in zip(model.trainable_variables, found, gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9 * np.abs(theirs).max(), err_msg=variable.path)


def test_r_drop_draws_two_masks(wide_model, pairs_of_all_sizes):
    """Of one model, the loss is no longer the mean of cross-entropies: the two answers differ."""
    model, batch = wide_model(num_task_blocks=2, dropout=0.3), batch_of(pairs_of_all_sizes)
    states, losses = model.encode(batch), []
    seeds = [variable for variable in model.variables if "seed" in variable.path]
    drawn = [keras.ops.convert_to_numpy(seed) for seed in seeds]
    for weight in (1e-9, 1.0):
        for seed, value in zip(seeds, drawn, strict=True):
            seed.assign(value)
        model.rdrop_weight = weight
        losses.append(float(model.pair_loss(batch, states, True)))
    assert losses[1] > losses[0] + 0.01


def test_traced_equals_eager(wide_model, pairs_of_all_sizes):
    model, batch = wide_model(num_task_blocks=2), batch_of(pairs_of_all_sizes, ExactShapes(SevenPairs()))
    found, expected = (run(model, batch) for run in (tf.function(chunked, autograph=False), chunked))
    tf.nest.map_structure(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12), found, expected)


def test_with_dropout_the_gradient_is_that_of_the_masks_drawn(wide_model, pairs_of_all_sizes):
    """Along a direction, differences of the loss under the same seeds give the gradient."""
    model, batch = wide_model(num_task_blocks=2, dropout=0.3), batch_of(pairs_of_all_sizes, ExactShapes(SevenPairs()))
    seeds = [variable for variable in model.variables if "seed" in variable.path]
    drawn = [keras.ops.convert_to_numpy(seed) for seed in seeds]

    def run():
        for seed, value in zip(seeds, drawn, strict=True):
            seed.assign(value)
        losses, gradients = chunked(model, batch)
        return float(losses[Task.RC]) + float(losses[Task.NER]), gradients

    # the CRF's transitions are float32: too coarse for differences
    wide = [i for i, variable in enumerate(model.trainable_variables) if variable.dtype == "float64"]
    every = run()[1]
    gradients = [every[i].numpy() for i in wide]
    norm = np.sqrt(sum(np.sum(gradient**2) for gradient in gradients))
    step, ends = 1e-5, []
    for sign in (1, -2):
        for i, gradient in zip(wide, gradients, strict=True):
            model.trainable_variables[i].assign_add(sign * step * gradient / norm)
        ends.append(run()[0])
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(norm, rel=1e-3)


def test_each_chunk_draws_masks_of_its_own(wide_model, pairs_of_all_sizes):
    model, batch = wide_model(num_task_blocks=2, dropout=0.3), batch_of(pairs_of_all_sizes, ExactShapes(SevenPairs()))
    short, _ = batch["chunks"]
    same = {name: tf.repeat(array[:1], 2, axis=0) for name, array in short.items() if name != "num_chunks"}
    states, losses = model.encode(batch), []
    for number in range(2):
        losses.append(float(model.pair_loss({name: array[number] for name, array in same.items()}, states, True)))
    assert losses[0] != losses[1]
