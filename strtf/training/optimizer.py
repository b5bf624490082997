"""AdamW with warm-up and linear decay, one learning rate for the pretrained encoder and one for all else."""

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

    Pretrained variables follow `learning_rate`, all others `head_learning_rate`. With mixed_float16 the loss is scaled.
    """
    warmup = int(options.warmup * total_steps)
    encoder = _adamw(options, WarmupLinearDecay(options.learning_rate, warmup, total_steps))
    heads = _adamw(options, WarmupLinearDecay(options.head_learning_rate, warmup, total_steps))
    groups = keras.optimizers.OptimizerMap(heads)
    pretrained = model.pretrained.trainable_variables if model.pretrained is not None else []
    in_encoder = {id(variable) for variable in pretrained}
    for variable in model.trainable_variables:
        if id(variable) in in_encoder:
            groups[variable.path] = encoder
    optimizer = keras.optimizers.MultiOptimizer(groups)
    if options.precision is Precision.MIXED_FLOAT16:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


class FusedAdamW(keras.optimizers.AdamW):
    """Keras' AdamW whose update is one kernel per variable on TensorFlow instead of some twenty operations.

    The arithmetic is Keras' own (`epsilon` outside the bias correction); elsewhere Keras' code runs.
    """

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


def _adamw(options: TrainingOptions, schedule):
    optimizer = FusedAdamW(learning_rate=schedule, weight_decay=options.weight_decay, epsilon=1e-6)
    optimizer.exclude_from_weight_decay(var_names=NO_DECAY)
    return optimizer
