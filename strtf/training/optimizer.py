"""AdamW with warm-up and linear decay; learning rates for the pretrained encoder, its task blocks, and all else."""

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
    apart = {id(variable) for variable in of_blocks}
    yield options.learning_rate, [v for v in model.pretrained.trainable_variables if id(v) not in apart]
    yield options.task_block_learning_rate, of_blocks


class FusedAdamW(keras.optimizers.AdamW):
    """Keras' AdamW whose update is one kernel per variable on TensorFlow instead of some twenty operations.

    The arithmetic is Keras' own (`epsilon` outside the bias correction); elsewhere Keras' code runs. With `use_ema`,
    `ema_momentum` is the limit of a decay that rises as min(`ema_momentum`, (1 + n) / (10 + n)) over the steps n, as in
    TensorFlow's `ExponentialMovingAverage`: otherwise the average of a short run would be mostly initial weights.
    """

    @property
    def ema_momentum(self):
        steps = ops.cast(self.iterations, "float32")
        return ops.minimum(self._ema_limit, (1.0 + steps) / (10.0 + steps))

    @ema_momentum.setter
    def ema_momentum(self, limit: float):
        self._ema_limit = limit

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
