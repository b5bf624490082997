"""Losses and gradients of a batch, task by task.

The tasks share the states s of the sentences: L_all = Σ_t L_t(s, w_t), with w_t the weights that task t reads beside s.
So the gradient of each L_t with respect to s and w_t is made at once, and only the sum with respect to s goes back
through the encoder, once. In between, a task's gradient can be looked at by itself, and made shorter.
"""

import functools
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from strtf.layers.precision import at_least_float32
from strtf.models.base import Task
from strtf.training.tensorflow_chunks import floating, sums_over_chunks


class TaskGradient(NamedTuple):
    """A task's loss and the gradient of its scaled loss, by name for the floating states, by path for variables."""

    loss: tf.Tensor
    of_states: dict[str, tf.Tensor]
    of_variables: dict[str, tf.Tensor]

    @property
    def norm(self):
        gradients = [*self.of_states.values(), *self.of_variables.values()]
        return tf.linalg.global_norm([tf.cast(gradient, tf.float32) for gradient in gradients])

    def times(self, factor) -> "TaskGradient":
        scaled = [
            {name: gradient * tf.cast(factor, gradient.dtype) for name, gradient in gradients.items()}
            for gradients in self[1:]
        ]
        return TaskGradient(self.loss, *scaled)


def gradients_by_task(model, batch, scale: Callable, balance: Callable | None = None):
    """The model's losses, and the dense gradients of their scaled sum for its trainable variables.

    Args:
        model: an `ExtractionModel`.
        batch: see `training_batch`; its pairs may come in `chunks`.
        scale: function of a task and its loss, linear in the loss.
        balance: function of a task and the norm of its gradient with respect to s and w_t: what it is multiplied by.
    """
    with tf.GradientTape() as encoding:
        states = model.encode(batch, training=True)
    found = {task: _OF_TASK[task](model, batch, states, scale) for task in model.tasks}
    losses = {task: gradient.loss for task, gradient in found.items()}
    if balance is not None:
        found = {task: gradient.times(balance(task, gradient.norm)) for task, gradient in found.items()}
    sources = floating(states)
    totals = [tf.add_n([gradient.of_states[name] for gradient in found.values()]) for name in sources]
    of_encoder = encoding.gradient(
        list(sources.values()),
        [variable.value for variable in model.trainable_variables],
        output_gradients=[tf.cast(total, state.dtype) for total, state in zip(totals, sources.values(), strict=True)],
    )
    parts = [
        [of_encoder[index], *(gradient.of_variables.get(variable.path) for gradient in found.values())]
        for index, variable in enumerate(model.trainable_variables)
    ]
    # Dense: Adam squares each slice of an IndexedSlices before summing repeated rows, which is another algorithm
    return losses, [tf.add_n([tf.convert_to_tensor(p) for p in of_one if p is not None]) for of_one in parts]


def _of_tags(model, batch, states, scale) -> TaskGradient:
    def loss_of(states):
        return model.tag_loss(batch, states, training=True)

    return _at_once(loss_of, states, model.tag_variables(), functools.partial(scale, Task.NER))


def _of_pairs(model, batch, states, scale) -> TaskGradient:
    def loss_of(states):
        return model.pair_loss(batch, states, training=True)

    scale, variables = functools.partial(scale, Task.RC), model.pair_variables()
    if "chunks" not in batch:
        return _at_once(loss_of, states, variables, scale)
    loss, of_states, of_variables = sums_over_chunks(model, batch["chunks"], states, scale)
    return TaskGradient(loss, of_states, _by_path(variables, of_variables))


_OF_TASK = {Task.NER: _of_tags, Task.RC: _of_pairs}


def _at_once(loss_of, states, variables, scale) -> TaskGradient:
    sources = floating(states)
    with tf.GradientTape() as tape:
        sources = {name: tf.identity(state) for name, state in sources.items()}
        tape.watch(sources)
        loss = loss_of(states | sources)
        scaled = scale(loss)
    targets = sources, [variable.value for variable in variables]
    # a state or weight that the task does not read: zero
    of_states, of_variables = tape.gradient(scaled, targets, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    of_states = {name: at_least_float32(tf.convert_to_tensor(gradient)) for name, gradient in of_states.items()}
    return TaskGradient(loss, of_states, _by_path(variables, of_variables))


def _by_path(variables, gradients) -> dict[str, tf.Tensor]:
    return {
        variable.path: tf.convert_to_tensor(gradient) for variable, gradient in zip(variables, gradients, strict=True)
    }
