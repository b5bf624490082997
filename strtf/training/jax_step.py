"""The training step on JAX: losses, gradients, clipping and update in one `jax.jit`, as a pure function of all state.

Keras' variables lend their values to each call and take the new ones back, so model, optimizer and checkpoints are
used as on TensorFlow. Pairs go through the relation pass in chunks as in `tensorflow_chunks.py`, whose argument holds
here word for word: each chunk's gradients are made at once, and one program serves any number of chunks.
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
        pair_ids = {id(variable) for variable in model.pair_variables()} if Task.RC in model.tasks else ()
        self._of_pairs = [i for i, variable in enumerate(model.trainable_variables) if id(variable) in pair_ids]
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
        batch = batch if self._devices is None else self._devices.share(batch)
        return [[variable.value for variable in group] for group in self._state], batch

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
        with keras.StatelessScope(list(zip(self.optimizer.variables, optimizer_values, strict=True))):
            scales = {task: self._scaled(task, 1.0) for task in self.model.tasks}
            learning_rate = self._learning_rate()
        find = self._chunked if "chunks" in batch and Task.RC in self.model.tasks else self._at_once
        losses, gradients, rest = find(weights, rest, batch, scales)
        if self.fgm_epsilon:
            moved = list(weights)
            moved[self.word_index] += adversarial_shift(gradients[self.word_index], self.fgm_epsilon)
            _, others, rest = find(moved, rest, batch, scales)
            gradients = [jnp.add(*pair) for pair in zip(gradients, others, strict=True)]
        with keras.StatelessScope(list(zip(self.optimizer.variables, optimizer_values, strict=True))):
            gradients, norm = self._clip(gradients)
        weights, optimizer_values = self.optimizer.stateless_apply(optimizer_values, gradients, weights)
        return (weights, rest, optimizer_values), self._metrics(losses, norm, learning_rate)

    def _stateless(self, function, weights, rest):
        """(function(), new values of the other variables) with the model's variables at the given values."""
        trainable, others = self.model.trainable_variables, self.model.non_trainable_variables
        mapping = [*zip(trainable, weights, strict=True), *zip(others, rest, strict=True)]
        with keras.StatelessScope(mapping) as scope:
            value = function()
        return value, [scope.get_current_value(variable) for variable in others]

    def _at_once(self, weights, rest, batch, scales):
        def scaled(weights):
            losses, new_rest = self._stateless(lambda: self.model.task_losses(batch, training=True), weights, rest)
            return sum(scales[task] * loss for task, loss in losses.items()), (losses, new_rest)

        gradients, (losses, rest) = jax.grad(scaled, has_aux=True)(weights)
        return losses, gradients, rest

    # -------------------------------------------------------------------- chunks
    def _chunked(self, weights, rest, batch, scales):
        def tagged(weights):
            (states, losses), new_rest = self._stateless(lambda: self._encoded(batch), weights, rest)
            floating = {name: state for name, state in states.items() if jnp.issubdtype(state.dtype, jnp.floating)}
            scaled = [scales[task] * loss for task, loss in losses.items()]
            return (scaled, floating), (states, losses, new_rest)

        (scaled, floating), pull_back, (states, losses, rest) = jax.vjp(tagged, weights, has_aux=True)
        loss, of_states, of_pairs, rest = self._sums_over_chunks(weights, rest, batch, (states, floating), scales)
        ones = [jnp.ones_like(loss) for loss in scaled]
        of_states = {name: total.astype(floating[name].dtype) for name, total in of_states.items()}
        (gradients,) = pull_back((ones, of_states))
        for index, gradient in zip(self._of_pairs, of_pairs, strict=True):
            gradients[index] = gradients[index] + gradient
        return losses | {Task.RC: loss}, gradients, rest

    def _encoded(self, batch):
        states = self.model.encode(batch, training=True)
        losses = {Task.NER: self.model.tag_loss(batch, states, training=True)} if Task.NER in self.model.tasks else {}
        return states, losses

    def _sums_over_chunks(self, weights, rest, batch, states, scales):
        """L_rc, its scaled gradient for the floating states and for `pair_variables`, and the other variables.

        The gradients are summed in float32 (or wider): in half precision, many chunks would lose what later ones add.
        """
        states, floating = states
        total_weight = sum(jnp.sum(group["pair_weights"]) for group in batch["chunks"])

        def scaled(floating, pair_weights, chunk, rest):
            merged = list(weights)
            for index, value in zip(self._of_pairs, pair_weights, strict=True):
                merged[index] = value
            of_chunk = functools.partial(self.model.pair_loss, chunk, states | floating, True, total_weight)
            loss, new_rest = self._stateless(of_chunk, merged, rest)
            return scales[Task.RC] * loss, (loss, new_rest)

        pair_weights = [weights[index] for index in self._of_pairs]
        gradients = jax.grad(scaled, argnums=(0, 1), has_aux=True)

        def add(number, sums, group):
            *totals, rest = sums
            chunk = {name: array[number] for name, array in group.items()}
            (of_states, of_pairs), (loss, rest) = gradients(floating, pair_weights, chunk, rest)
            values = jax.tree.map(at_least_float32, (loss, of_states, of_pairs))
            return *jax.tree.map(jnp.add, tuple(totals), values), rest

        wide = jax.tree.map(at_least_float32, (floating, pair_weights))
        sums = (jnp.zeros(()), *jax.tree.map(jnp.zeros_like, wide), rest)
        for group in batch["chunks"]:
            group = dict(group)
            count = group.pop("num_chunks")
            sums = jax.lax.fori_loop(0, count, functools.partial(add, group=group), sums)
        return sums
