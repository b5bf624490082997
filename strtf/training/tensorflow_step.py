"""The training step on TensorFlow: losses, gradients, clipping and update in one `tf.function`."""

import tensorflow as tf

from strtf.config import TrainingOptions
from strtf.training.adversarial import adversarial_shift
from strtf.training.step import TrainingStep
from strtf.training.tensorflow_tasks import gradients_by_task


class TensorFlowStep(TrainingStep):
    """See `TrainingStep`."""

    def __init__(self, model, optimizer, options: TrainingOptions):
        super().__init__(model, optimizer, options)
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
        if self._goes_by_task(batch):
            balance = self._balance if self.balances_tasks else None
            return gradients_by_task(self.model, batch, self._scaled, balance)
        with tf.GradientTape() as tape:
            losses = self.model.task_losses(batch, training=True)
            scaled = tf.add_n([self._scaled(task, loss) for task, loss in losses.items()])
        gradients = tape.gradient(scaled, [variable.value for variable in self.model.trainable_variables])
        # Dense: Adam squares each slice of an IndexedSlices before summing repeated rows, which is another algorithm
        return losses, [tf.convert_to_tensor(gradient) for gradient in gradients]

    def _adversarial(self, batch, gradients):
        """The gradients, and those where the table of words is moved; the table is left as it was, to the bit."""
        words = self.model.trainable_variables[self.word_index].value
        own = tf.identity(words)
        words.assign_add(adversarial_shift(gradients[self.word_index], self.fgm_epsilon))
        _, others = self._losses_and_gradients(batch)
        words.assign(own)
        return [tf.add(*pair) for pair in zip(gradients, others, strict=True)]

    def _global_norm(self, gradients):
        return tf.linalg.global_norm(gradients)

    def _step(self, batch):
        losses, gradients = self._losses_and_gradients(batch)
        if self.fgm_epsilon:
            gradients = self._adversarial(batch, gradients)
        gradients, norm = self._clip(gradients)
        metrics = self._metrics(losses, norm, self._learning_rate())
        self.optimizer.apply(gradients, self.model.trainable_variables)
        return metrics


def any_shape(batch):
    """A signature with the batch's names, ranks and dtypes, and every size free."""
    return tf.nest.map_structure(lambda value: tf.TensorSpec([None] * len(value.shape), value.dtype), batch)
