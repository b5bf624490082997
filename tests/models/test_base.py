import keras
import numpy as np
import pytest

from strtf.config import Tasks
from strtf.errors import StrtfError
from strtf.models.base import TASKS_OF, ExtractionModel, Task, relation_loss, weighted_mean


def test_weighted_mean():
    mean = weighted_mean(np.float32([1.0, 2.0, 4.0]), np.float32([1.0, 0.0, 3.0]))
    np.testing.assert_allclose(mean, 13 / 4)


def test_weighted_mean_without_weight_is_zero():
    assert float(weighted_mean(np.float32([1.0, 2.0]), np.float32([0.0, 0.0]))) == 0.0


def test_weighted_mean_of_small_weights():
    np.testing.assert_allclose(weighted_mean(np.float32([1.0, 3.0]), np.float32([1e-5, 1e-5])), 2.0, rtol=1e-6)


def test_relation_loss_is_the_weighted_cross_entropy():
    logits = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    labels, weights = np.int32([2, 0, 1, 1]), np.float32([1.0, 4.0, 1.0, 0.0])
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -(weights * log_p[np.arange(4), labels]).sum() / 6.0
    loss = relation_loss(keras.ops.convert_to_tensor(logits), {"labels": labels, "pair_weights": weights})
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_relation_loss_of_padding_alone_is_zero():
    batch = {"labels": np.int32([0]), "pair_weights": np.float32([0.0])}
    assert float(relation_loss(keras.ops.ones((1, 3)), batch)) == 0.0


@pytest.mark.parametrize("tasks", Tasks)
def test_model_has_the_tasks_of_its_option(tasks):
    model = ExtractionModel(TASKS_OF[tasks])
    for task in model.tasks:
        model.require(task)
    assert tasks is not Tasks.JOINT or set(model.tasks) == set(Task)


@pytest.mark.parametrize(("has", "lacks"), [(Task.RC, Task.NER), (Task.NER, Task.RC)])
def test_missing_task_is_refused_with_those_there_are(has, lacks):
    message = f"must be among those of the model: {has}. Received: {lacks}. Train with --tasks=joint"
    with pytest.raises(StrtfError, match=message):
        ExtractionModel((has,)).require(lacks)


def test_losses_of_parts_add_up_under_the_total_weight():
    logits, labels = np.random.default_rng(1).normal(size=(6, 3)).astype(np.float32), np.int32([0, 1, 2, 0, 1, 2])
    weights = np.float32([1.0, 0.5, 2.0, 1.0, 0.0, 3.0])
    whole = relation_loss(logits, {"labels": labels, "pair_weights": weights})
    parts = [
        relation_loss(logits[part], {"labels": labels[part], "pair_weights": weights[part]}, weights.sum())
        for part in (slice(0, 2), slice(2, 6))
    ]
    np.testing.assert_allclose(float(sum(parts)), float(whole), rtol=1e-6)
