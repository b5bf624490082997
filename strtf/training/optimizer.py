"""AdamW with warm-up and linear decay; learning rates for the pretrained encoder, its task blocks, and all else."""

import collections
from collections.abc import Iterator

import keras
from keras import ops

from strtf.config import Precision, TrainingOptions

NO_DECAY = ["bias", "beta", "gamma"]  # biases and LayerNorm, as in google-research/bert's optimization.py


class WarmupLinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Rises linearly to `peak` over the first steps, then falls linearly to 0 at `total_steps`."""

    def __init__(self, peak: float, warmup_steps: int, total_steps: int):
        self.peak = peak
        self.warmup_steps = max(warmup_steps, 1)
        self.total_steps = max(total_steps, self.warmup_steps + 1)

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rising = (step + 1.0) / self.warmup_steps
        falling = (self.total_steps - step) / (self.total_steps - self.warmup_steps)
        return self.peak * ops.clip(ops.minimum(rising, falling), 0.0, 1.0)

    def get_config(self):
        return {"peak": self.peak, "warmup_steps": self.warmup_steps, "total_steps": self.total_steps}


def make_optimizer(options: TrainingOptions, total_steps: int, model: keras.Model) -> keras.optimizers.Optimizer:
    """A built optimizer for the model's trainable variables.

    Pretrained variables follow `learning_rate`, those of the last K blocks `task_block_learning_rate` where it is
    given, all others `head_learning_rate`. With mixed_float16 the loss is scaled.
    """
    warmup = int(options.warmup * total_steps)
    groups = keras.optimizers.OptimizerMap(_adamw(options, options.head_learning_rate, warmup, total_steps))
    for rate, variables in _pretrained_groups(options, model):
        optimizer = _adamw(options, rate, warmup, total_steps)
        for variable in variables:
            groups[variable.path] = optimizer
    optimizer = keras.optimizers.MultiOptimizer(groups)
    if options.precision is Precision.MIXED_FLOAT16:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


def _pretrained_groups(options: TrainingOptions, model) -> Iterator[tuple[float, list[keras.Variable]]]:
    """Peak learning rates, the encoder's first, and the pretrained variables that follow them."""
    if model.pretrained is None:
        return
    blocks = model.pretrained.task_blocks if options.task_block_learning_rate else []
    of_blocks = [variable for block in blocks for variable in block.trainable_variables]
    apart = {id(variable) for variable in of_blocks + model.pretrained.fresh_weights}
    yield options.learning_rate, [v for v in model.pretrained.trainable_variables if id(v) not in apart]
    yield options.task_block_learning_rate, of_blocks


class FusedAdamW(keras.optimizers.AdamW):
    """Keras' AdamW in fewer operations, which a training step has some twenty of for each variable.

    On TensorFlow each variable's update is one kernel. On JAX variables of one shape are updated as one: an update of
    each would be a fifth of the program. The arithmetic is Keras' own to rounding, `epsilon` outside its correction.
    With `use_ema`, `ema_momentum` is the limit of a decay that rises as min(`ema_momentum`, n / (9 + n)) over the
    steps n, the first being 0: otherwise the average of a short run would be mostly initial weights.
    """

    @property
    def ema_momentum(self):
        steps = ops.cast(self.iterations, "float32")
        return ops.minimum(self._ema_limit, steps / (9.0 + steps))

    @ema_momentum.setter
    def ema_momentum(self, limit: float):
        self._ema_limit = limit

    def apply(self, grads, trainable_variables=None):
        if keras.backend.backend() != "jax":
            super().apply(grads, trainable_variables)
            return
        alike = collections.defaultdict(list)
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            # the name too: it decides on weight decay
            alike[tuple(variable.shape), variable.name].append((gradient, variable))
        for members in alike.values():
            self._update_alike(*zip(*members, strict=True))
        self.iterations.assign_add(1)

    def _update_alike(self, gradients, variables):
        """Keras' update, mapped over variables of one shape that are all decayed, or all not."""
        import jax

        indices = [self._get_variable_index(variable) for variable in variables]
        state = [self._momentums, self._velocities]
        if self.use_ema:
            state.append(self._model_variables_moving_average)
        columns = [variables, *([of_all[index] for index in indices] for of_all in state)]
        first, iterations = [column[0] for column in columns], self.iterations.value

        def update(gradient, *values):
            mapping = [(self.iterations, iterations), *zip(first, values, strict=True)]
            with keras.StatelessScope(mapping) as scope:
                super(FusedAdamW, self).apply([gradient], first[:1])
            return [scope.get_current_value(variable) for variable in first]

        stacked = [ops.stack([variable.value for variable in column]) for column in columns]
        for column, values in zip(columns, jax.vmap(update)(ops.stack(gradients), *stacked), strict=True):
            for variable, value in zip(column, values, strict=True):
                variable.assign(value)

    def _backend_apply_gradients(self, grads, trainable_variables):
        super()._backend_apply_gradients(grads, trainable_variables)
        if self.use_ema:
            share = 1.0 - self.ema_momentum
            for variable in trainable_variables:
                _move(self._model_variables_moving_average[self._get_variable_index(variable)], variable, share)

    def _update_model_variables_moving_average(self, trainable_variables):
        """Nothing: Keras gives all weights at each call, and `_backend_apply_gradients` averages those of the call."""

    def _apply_weight_decay(self, variables):
        # one pass over the weights; Keras' w - w * decay * rate takes three
        for variable in filter(self._use_weight_decay, variables):
            rate = ops.cast(self.learning_rate, variable.dtype)
            variable.assign(variable * (1.0 - self.weight_decay * rate))

    def update_step(self, gradient, variable, learning_rate):
        if keras.backend.backend() != "tensorflow":
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        index = self._get_variable_index(variable)
        momentum, velocity = self._momentums[index].value, self._velocities[index].value
        step = tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=momentum.handle,
            v=velocity.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )


def _move(average: keras.Variable, towards: keras.Variable, share) -> None:
    """average += share · (towards − average); on TensorFlow with one array in between."""
    way = ops.subtract(average, towards)
    if keras.backend.backend() != "tensorflow":
        average.assign(average - share * way)
        return
    import tensorflow as tf

    tf.raw_ops.ResourceApplyGradientDescent(var=average.value.handle, alpha=tf.cast(share, way.dtype), delta=way)


def _adamw(options: TrainingOptions, peak: float, warmup: int, total_steps: int) -> FusedAdamW:
    optimizer = FusedAdamW(
        learning_rate=WarmupLinearDecay(peak, warmup, total_steps),
        weight_decay=options.weight_decay,
        epsilon=1e-6,
        use_ema=options.ema_decay > 0.0,
        ema_momentum=options.ema_decay,
    )
    optimizer.exclude_from_weight_decay(var_names=NO_DECAY)
    return optimizer
