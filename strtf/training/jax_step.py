"""The training step on JAX: losses, gradients, clipping and update in one `jax.jit`, as a pure function of all state.

Keras' variables lend their values to each call and take the new ones back, so model, optimizer and checkpoints are
used as on TensorFlow. Tasks and chunks of pairs have their gradients by themselves as in `tensorflow_tasks.py` and
`tensorflow_chunks.py`, whose arguments hold here word for word; one program serves any number of chunks.
"""

import functools

import jax
import jax.numpy as jnp
import keras

from strtf.config import TrainingOptions
from strtf.layers.precision import at_least_float32
from strtf.models.base import Task
from strtf.training.adversarial import adversarial_shift
from strtf.training.data_parallel import DataParallel
from strtf.training.step import TrainingStep


class JaxStep(TrainingStep):
    """See `TrainingStep`. Batches of one shape share a program: `BucketedShapes` makes few.

    Args:
        devices: what shares each batch; None: one device computes.
    """

    def __init__(self, model, optimizer, options: TrainingOptions, devices: DataParallel | None = None):
        super().__init__(model, optimizer, options)
        self._devices = devices
        places = {id(variable): index for index, variable in enumerate(model.trainable_variables)}
        self._own = {task: [places[id(variable)] for variable in model.own_variables(task)] for task in model.tasks}
        # the whole state: weights, dropout's seeds and other counters, the optimizer's variables
        self._state = model.trainable_variables, model.non_trainable_variables, optimizer.variables
        # the old values are of no use after a step: their memory takes the new ones
        shardings = {}
        if devices is not None:
            # of a batch they are those that it comes with
            shardings = {"in_shardings": (devices.everywhere, None), "out_shardings": devices.everywhere}
        self._function = jax.jit(self._step, donate_argnums=0, **shardings)

    def __call__(self, batch: dict) -> dict[str, float]:
        values, metrics = self._function(*self.arguments(batch))
        # all of this while the device computes; only the metrics are waited for
        for group, new_values in zip(self._state, values, strict=True):
            for variable, value in zip(group, new_values, strict=True):
                variable.assign(value)
        return {name: float(value) for name, value in jax.device_get(metrics).items()}

    def arguments(self, batch: dict) -> tuple:
        """What the program is called with."""
        state = [[variable.value for variable in group] for group in self._state]
        if self._devices is None:
            return state, batch
        # placed by hand: state that lies on one device, as it does at first, would have a program of its own
        return [self._devices.repeat(group) for group in state], self._devices.share(batch)

    def compiled(self, batch: dict):
        """The program for such a batch, for those who want to know what it costs."""
        return self._function.lower(*self.arguments(batch)).compile()

    @property
    def num_traces(self) -> int:
        return self._function._cache_size()

    def _global_norm(self, gradients):
        return jnp.sqrt(sum(jnp.sum(jnp.square(gradient)) for gradient in gradients))

    def _step(self, values, batch):
        weights, rest, optimizer_values = values
        find = self._by_task if self._goes_by_task(batch) else self._at_once
        # the learning rate and the scale of the loss are the optimizer's
        with keras.StatelessScope(list(zip(self.optimizer.variables, optimizer_values, strict=True))):
            learning_rate = self._learning_rate()
            losses, gradients, rest = find(weights, rest, batch)
            if self.fgm_epsilon:
                moved = list(weights)
                moved[self.word_index] += adversarial_shift(gradients[self.word_index], self.fgm_epsilon)
                _, others, rest = find(moved, rest, batch)
                gradients = [jnp.add(*pair) for pair in zip(gradients, others, strict=True)]
            gradients, norm = self._clip(gradients)
        weights, optimizer_values = self.optimizer.stateless_apply(optimizer_values, gradients, weights)
        return (weights, rest, optimizer_values), self._metrics(losses, norm, learning_rate)

    def _scales(self):
        return {task: self._scaled(task, 1.0) for task in self.model.tasks}

    def _stateless(self, function, weights, rest):
        """(function(), new values of the other variables) with the model's variables at the given values."""
        trainable, others = self.model.trainable_variables, self.model.non_trainable_variables
        mapping = [*zip(trainable, weights, strict=True), *zip(others, rest, strict=True)]
        with keras.StatelessScope(mapping) as scope:
            value = function()
        return value, [scope.get_current_value(variable) for variable in others]

    def _at_once(self, weights, rest, batch):
        scales = self._scales()

        def scaled(weights):
            losses, new_rest = self._stateless(lambda: self.model.task_losses(batch, training=True), weights, rest)
            return sum(scales[task] * loss for task, loss in losses.items()), (losses, new_rest)

        gradients, (losses, rest) = jax.grad(scaled, has_aux=True)(weights)
        return losses, gradients, rest

    # ------------------------------------------------------------------- by task
    def _by_task(self, weights, rest, batch):
        scales = self._scales()

        def encoded(weights):
            states, new_rest = self._stateless(lambda: self.model.encode(batch, training=True), weights, rest)
            floating = {name: state for name, state in states.items() if jnp.issubdtype(state.dtype, jnp.floating)}
            return floating, (states, new_rest)

        floating, pull_back, (states, rest) = jax.vjp(encoded, weights, has_aux=True)
        losses, of_states, of_weights = {}, [], {}
        for task in self.model.tasks:
            gradient = self._gradient_of(task, weights, states, batch, scales[task])
            found, (losses[task], rest) = gradient(floating, [weights[index] for index in self._own[task]], rest)
            if self.balances_tasks:
                factor = self._balance(task, self._global_norm(at_least_float32(g) for g in jax.tree.leaves(found)))
                found = jax.tree.map(lambda gradient, by=factor: gradient * jnp.asarray(by, gradient.dtype), found)
            of_states.append(found[0])
            of_weights[task] = found[1]
        total = jax.tree.map(lambda state, *parts: sum(parts).astype(state.dtype), floating, *of_states)
        (gradients,) = pull_back(total)
        for task, parts in of_weights.items():
            for index, part in zip(self._own[task], parts, strict=True):
                gradients[index] = gradients[index] + part
        return losses, gradients, rest

    def _gradient_of(self, task: Task, weights, states, batch, scale):
        """Function of the floating states, the task's own weights and the other variables: the gradient of the task's
        scaled loss for the first two, and (the loss, new values of the other variables)."""
        gradient = functools.partial(self._gradient, task, weights, states, scale)
        if task is Task.NER:
            return gradient(functools.partial(self.model.tag_loss, batch, training=True))
        if "chunks" not in batch:
            return gradient(functools.partial(self.model.pair_loss, batch, training=True))
        total_weight = sum(jnp.sum(group["pair_weights"]) for group in batch["chunks"])
        of_chunk = gradient(lambda states, chunk: self.model.pair_loss(chunk, states, True, total_weight))
        return functools.partial(_sums_over_chunks, of_chunk, batch["chunks"])

    def _gradient(self, task: Task, weights, states, scale, loss_of):
        def scaled(floating, own, rest, *arguments):
            merged = list(weights)
            for index, value in zip(self._own[task], own, strict=True):
                merged[index] = value
            loss, rest = self._stateless(lambda: loss_of(states | floating, *arguments), merged, rest)
            return scale * loss, (loss, rest)

        return jax.grad(scaled, argnums=(0, 1), has_aux=True)


def _sums_over_chunks(gradient, chunks, floating, own, rest):
    """Sums over all chunks of what `gradient` finds for one.

    In float32 (or wider): in half precision, many chunks would lose what later ones add.
    """

    def add(number, sums, group):
        totals, rest = sums
        chunk = {name: array[number] for name, array in group.items()}
        found, (loss, rest) = gradient(floating, own, rest, chunk)
        return jax.tree.map(lambda total, value: total + at_least_float32(value), totals, (found, loss)), rest

    zeros = jax.tree.map(lambda value: jnp.zeros_like(at_least_float32(value)), (floating, own))
    sums = (zeros, jnp.zeros(())), rest
    for group in chunks:
        group = dict(group)
        count = group.pop("num_chunks")
        sums = jax.lax.fori_loop(0, count, functools.partial(add, group=group), sums)
    (found, loss), rest = sums
    return found, (loss, rest)
