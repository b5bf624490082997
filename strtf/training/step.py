"""The training step on TensorFlow: losses, gradients, clipping and update in one `tf.function`."""

import keras
import tensorflow as tf

from strtf.config import TrainingOptions
from strtf.models.base import Task
from strtf.training.chunked import chunked_losses_and_gradients


class TensorFlowStep:
    """Calls as `step(batch) -> metrics`, numpy in, floats out.

    Args:
        model: an `ExtractionModel`.
        optimizer: built for the model's trainable variables.
        options: clipping norm, weight of L_rc and compilation.
    """

    def __init__(self, model, optimizer, options: TrainingOptions):
        self.model = model
        self.optimizer = optimizer
        self.clip_norm = options.clip_norm
        self.weights = {Task.NER: 1.0, Task.RC: options.rc_loss_weight}
        self.jit_compile = options.jit_compile
        self._functions = {}

    def __call__(self, batch: dict) -> dict[str, float]:
        batch = tf.nest.map_structure(tf.constant, batch)
        chunked = "chunks" in batch
        if chunked not in self._functions:
            self._functions[chunked] = self._compiled(batch)
        metrics = self._functions[chunked](batch)
        return {name: float(value) for name, value in metrics.items()}

    @property
    def num_traces(self) -> int:
        return sum(function.experimental_get_tracing_count() for function in self._functions.values())

    def _compiled(self, batch):
        # XLA wants concrete shapes, one program each; without it one trace serves every shape
        signature = None if self.jit_compile else [any_shape(batch)]
        return tf.function(self._step, input_signature=signature, jit_compile=self.jit_compile, autograph=False)

    def _losses_and_gradients(self, batch):
        if "chunks" in batch and Task.RC in self.model.tasks:
            return chunked_losses_and_gradients(self.model, batch, self._scaled)
        with tf.GradientTape() as tape:
            losses = self.model.task_losses(batch, training=True)
            scaled = tf.add_n([self._scaled(task, loss) for task, loss in losses.items()])
        gradients = tape.gradient(scaled, [variable.value for variable in self.model.trainable_variables])
        # Dense: Adam squares each slice of an IndexedSlices before summing repeated rows, which is another algorithm
        return losses, [tf.convert_to_tensor(gradient) for gradient in gradients]

    def _step(self, batch):
        losses, gradients = self._losses_and_gradients(batch)
        joint_loss = tf.add_n([self.weights[task] * loss for task, loss in losses.items()])  # L_all, Eq. (18)
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

    def _scaled(self, task, loss):
        """A task's part in the joint loss, scaled where half precision needs it."""
        return self.optimizer.scale_loss(self.weights[task] * loss)

    def _scales_loss(self) -> bool:
        return isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer)

    def _learning_rate(self):
        optimizer = self.optimizer.inner_optimizer if self._scales_loss() else self.optimizer
        return optimizer.optimizers[0].learning_rate


def any_shape(batch):
    """A signature with the batch's names, ranks and dtypes, and every size free."""
    return tf.nest.map_structure(lambda value: tf.TensorSpec([None] * len(value.shape), value.dtype), batch)
