"""The training step on TensorFlow: losses, gradients, clipping and update in one `tf.function`."""

import keras
import tensorflow as tf

from strtf.config import TrainingOptions


class TensorFlowStep:
    """Calls as `step(batch) -> metrics`, numpy in, floats out.

    Args:
        model: an `ExtractionModel`.
        optimizer: built for the model's trainable variables.
        options: clipping norm and compilation.
    """

    def __init__(self, model, optimizer, options: TrainingOptions):
        self.model = model
        self.optimizer = optimizer
        self.clip_norm = options.clip_norm
        self.jit_compile = options.jit_compile
        self._function = None

    def __call__(self, batch: dict) -> dict[str, float]:
        if self._function is None:
            self._function = self._trace(batch)
        metrics = self._function({name: tf.constant(value) for name, value in batch.items()})
        return {name: float(value) for name, value in metrics.items()}

    @property
    def num_traces(self) -> int:
        return self._function.experimental_get_tracing_count() if self._function else 0

    def _trace(self, batch):
        # XLA wants concrete shapes, one program each; without it one trace serves every shape
        signature = None if self.jit_compile else [any_shape(batch)]
        return tf.function(self._step, input_signature=signature, jit_compile=self.jit_compile, autograph=False)

    def _step(self, batch):
        variables = [variable.value for variable in self.model.trainable_variables]
        with tf.GradientTape() as tape:
            losses = self.model.task_losses(batch, training=True)
            joint_loss = tf.add_n(list(losses.values()))  # L_all, Eq. (18)
            scaled = self.optimizer.scale_loss(joint_loss)
        gradients = tape.gradient(scaled, variables)
        # Dense: Adam squares each slice of an IndexedSlices before summing repeated rows, which is another algorithm
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        norm = tf.linalg.global_norm(gradients)
        norm = norm / self.optimizer.dynamic_scale.value if self._scales_loss() else norm
        if self.clip_norm:
            # under float16 an overflow makes the norm NaN, hence all gradients: the optimizer then skips the step
            factor = tf.minimum(1.0, self.clip_norm / (norm + 1e-6))
            gradients = [gradient * tf.cast(factor, gradient.dtype) for gradient in gradients]
        learning_rate = self._learning_rate()
        self.optimizer.apply(gradients, self.model.trainable_variables)
        named = {f"loss_{task}": loss for task, loss in losses.items()}
        return named | {"loss": joint_loss, "gradient_norm": norm, "learning_rate": learning_rate}

    def _scales_loss(self) -> bool:
        return isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer)

    def _learning_rate(self):
        optimizer = self.optimizer.inner_optimizer if self._scales_loss() else self.optimizer
        return optimizer.optimizers[0].learning_rate


def any_shape(batch) -> dict[str, tf.TensorSpec]:
    """A signature with the batch's names, ranks and dtypes, and every size free."""
    return {name: tf.TensorSpec([None] * value.ndim, value.dtype) for name, value in batch.items()}
