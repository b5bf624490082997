import keras
import numpy as np
import pytest

from strtf.config import Tasks
from strtf.errors import StrtfError
from strtf.models.base import TASKS_OF, ExtractionModel, Task, divergence, weighted_mean


def test_weighted_mean():
    mean = weighted_mean(np.float32([1.0, 2.0, 4.0]), np.float32([1.0, 0.0, 3.0]))
    np.testing.assert_allclose(mean, 13 / 4)


def test_weighted_mean_without_weight_is_zero():
    assert float(weighted_mean(np.float32([1.0, 2.0]), np.float32([0.0, 0.0]))) == 0.0


def test_weighted_mean_of_small_weights():
    np.testing.assert_allclose(weighted_mean(np.float32([1.0, 3.0]), np.float32([1e-5, 1e-5])), 2.0, rtol=1e-6)


class Answers(ExtractionModel):
    """Classifies by heart: the first call, of a loss, has the first logits, and so on."""

    def __init__(self, *logits, rdrop_weight=0.0):
        super().__init__((Task.RC,))
        self.logits = iter([keras.ops.convert_to_tensor(np.float32(values)) for values in logits])
        self.rdrop_weight = rdrop_weight

    def classify_pairs(self, batch, states, training=False):
        return next(self.logits)


RNG = np.random.default_rng(0)
LOGITS, OTHERS = RNG.normal(size=(2, 4, 3)).astype(np.float32)
BATCH = {"labels": np.int32([2, 0, 1, 1]), "pair_weights": np.float32([1.0, 4.0, 1.0, 0.0])}


def log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def cross_entropies(logits):
    return -log_softmax(logits)[np.arange(4), BATCH["labels"]]


def test_pair_loss_is_the_weighted_cross_entropy():
    expected = (BATCH["pair_weights"] * cross_entropies(LOGITS)).sum() / 6.0
    np.testing.assert_allclose(Answers(LOGITS).pair_loss(BATCH, {}), expected, rtol=1e-5)


def test_pair_loss_of_padding_alone_is_zero():
    batch = {"labels": np.int32([0]), "pair_weights": np.float32([0.0])}
    assert float(Answers([[1.0, 1.0, 1.0]]).pair_loss(batch, {})) == 0.0


def test_r_drop_by_its_formula():
    p, q = np.exp(log_softmax(LOGITS)), np.exp(log_softmax(OTHERS))
    forward, backward = (p * np.log(p / q)).sum(axis=1), (q * np.log(q / p)).sum(axis=1)
    np.testing.assert_allclose(divergence(LOGITS, OTHERS), (forward + backward) / 2, rtol=1e-4)
    losses = (cross_entropies(LOGITS) + cross_entropies(OTHERS)) / 2 + 0.7 * (forward + backward) / 2
    expected = (BATCH["pair_weights"] * losses).sum() / 6.0
    found = Answers(LOGITS, OTHERS, rdrop_weight=0.7).pair_loss(BATCH, {}, training=True)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_r_drop_is_for_training():
    plain, dropped = Answers(LOGITS), Answers(LOGITS, OTHERS, rdrop_weight=0.7)
    assert float(dropped.pair_loss(BATCH, {})) == float(plain.pair_loss(BATCH, {}))


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
    whole = Answers(LOGITS).pair_loss(BATCH, {})
    parts = [
        Answers(LOGITS[part]).pair_loss({name: array[part] for name, array in BATCH.items()}, {}, total_weight=6.0)
        for part in (slice(0, 2), slice(2, 4))
    ]
    np.testing.assert_allclose(float(sum(parts)), float(whole), rtol=1e-6)
