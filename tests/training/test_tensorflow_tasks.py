"""Gradients task by task: their sum is that of the joint loss, and balancing multiplies each by what it should."""

import numpy as np
import pytest
import tensorflow as tf

from strtf.config import TrainingOptions
from strtf.models.base import Task
from strtf.training.optimizer import make_optimizer
from strtf.training.tensorflow_step import TensorFlowStep
from strtf.training.tensorflow_tasks import gradients_by_task

SHARES = {Task.NER: 1.0, Task.RC: 0.5}
SYSTEMS = [{"num_task_blocks": 2}, {"system": "spert"}, {"system": "joint_bilstm", "units": 8}]
every_system = pytest.mark.parametrize("options", SYSTEMS, ids=["focused_attention", "spert", "joint_bilstm"])


@pytest.fixture
def batch(pair_batch):
    made = pair_batch([(11, [(1, 3, 3, 5), (1, 3, 7, 8)]), (7, []), (14, [(2, 6, 9, 12)])])
    return {name: tf.constant(value) for name, value in made.items()}


def unscaled(task, loss):
    return loss


def of_weights(model, batch, task):
    """The gradient of one task's loss, all the way to the weights at once."""
    with tf.GradientTape() as tape:
        loss = model.task_losses(batch, training=True)[task]
    variables = [variable.value for variable in model.trainable_variables]
    found = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [tf.convert_to_tensor(gradient) for gradient in found]


def norm_at_states(model, batch, task):
    """Of the gradient for the states, and for all weights with the states held."""
    states = model.encode(batch, training=True)
    sources = [state for state in states.values() if state.dtype.is_floating]
    loss_of = {Task.NER: model.tag_loss, Task.RC: model.pair_loss}[task]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        loss = loss_of(batch, states, training=True)
    gradients = tape.gradient(loss, sources + [variable.value for variable in model.trainable_variables])
    gradients = [tf.convert_to_tensor(gradient).numpy() for gradient in gradients if gradient is not None]
    return np.sqrt(sum(np.sum(gradient.astype(np.float64) ** 2) for gradient in gradients))


def assert_all_close(model, found, expected, atol):
    for variable, ours, theirs in zip(model.trainable_variables, found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=atol * np.abs(theirs).max(), err_msg=variable.path)


@every_system
def test_sum_of_the_tasks(wide_model, batch, options):
    model = wide_model(**options)
    losses, found = gradients_by_task(model, batch, unscaled)
    expected = [tf.add(*pair) for pair in zip(*(of_weights(model, batch, task) for task in Task), strict=True)]
    assert losses.keys() == set(Task)
    assert_all_close(model, found, expected, 1e-6)  # the CRF's transitions are float32


@every_system
def test_balance(wide_model, batch, options):
    """What each task's gradient is multiplied by follows from its norm at the states, not in the encoder's weights."""
    model, seen = wide_model(**options), {}

    def balance(task, norm):
        seen[task] = float(norm)
        return {Task.NER: 0.3, Task.RC: 2.0}[task]

    _, found = gradients_by_task(model, batch, unscaled, balance)
    expected = [0.3 * ner + 2.0 * rc for ner, rc in zip(*(of_weights(model, batch, t) for t in Task), strict=True)]
    assert_all_close(model, found, expected, 1e-6)
    assert seen == {task: pytest.approx(norm_at_states(model, batch, task), rel=1e-5) for task in Task}


class Recorder:
    """Stands in for an optimizer: keeps the gradients."""

    def scale_loss(self, loss):
        return loss

    def apply(self, gradients, variables):
        self.gradients = gradients


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("weight", [1e3, 1e-3])
def test_only_what_is_longer_is_cut(make_model, batch, weight, monkeypatch):
    """At a weight of 1e3 L_rc's gradient is cut to norm 0.7, at 1e-3 it is shorter; the sum is not cut again."""
    model = make_model(dropout=0.0)
    monkeypatch.setattr(TensorFlowStep, "_learning_rate", lambda self: tf.constant(0.0))
    options = TrainingOptions(rc_gradient_share=0.5, rc_loss_weight=weight, clip_norm=0.7)
    step = TensorFlowStep(model, Recorder(), options)
    step(batch)
    norms = {task: norm_at_states(model, batch, task) for task in Task}
    assert norms[Task.NER] > 0.7 and 1e-2 < norms[Task.RC] < 1e2
    factors = {Task.NER: 0.7 / norms[Task.NER], Task.RC: 0.5 * min(weight, 0.7 / norms[Task.RC])}
    parts = ([factors[task] * gradient for gradient in of_weights(model, batch, task)] for task in Task)
    expected = [tf.add(*pair) for pair in zip(*parts, strict=True)]
    assert_all_close(model, step.optimizer.gradients, expected, 1e-4)


def test_one_task_has_nothing_to_balance(wide_model):
    model, options = wide_model(tasks="ner"), TrainingOptions(rc_gradient_share=0.5)
    assert not TensorFlowStep(model, make_optimizer(options, 10, model), options).balances_tasks
