"""The training step behind one interface: what its two implementations share, and the choice between them."""

import keras
from keras import ops

from strtf.config import TrainingOptions
from strtf.errors import StrtfError
from strtf.models.base import Task


class TrainingStep:
    """Calls as `step(batch) -> metrics`: numpy arrays in, floats out, model and optimizer one step further.

    Args:
        model: an `ExtractionModel`.
        optimizer: built for the model's trainable variables.
        options: clipping norm, weight of L_rc, share of its gradient, adversarial training and compilation.
    """

    def __init__(self, model, optimizer, options: TrainingOptions):
        self.model = model
        self.optimizer = optimizer
        self.clip_norm = options.clip_norm
        self.fgm_epsilon = options.fgm_epsilon
        self.word_index = word_index(model) if self.fgm_epsilon else None
        self.weights = {Task.NER: 1.0, Task.RC: options.rc_loss_weight}
        self.shares = {Task.NER: 1.0, Task.RC: options.rc_gradient_share}
        self.balances_tasks = bool(options.rc_gradient_share) and len(model.tasks) > 1

    def __call__(self, batch: dict) -> dict[str, float]:
        raise NotImplementedError

    @property
    def num_traces(self) -> int:
        """Programs made so far."""
        raise NotImplementedError

    def _scaled(self, task: Task, loss):
        """A task's part in the joint loss, scaled where half precision needs it."""
        return self.optimizer.scale_loss(self.weights[task] * loss)

    def _goes_by_task(self, batch) -> bool:
        """Whether each task's gradient is made by itself, and not that of the joint loss at once."""
        return self.balances_tasks or ("chunks" in batch and Task.RC in self.model.tasks)

    def _balance(self, task: Task, norm):
        """What a task's gradient of this norm, at the states and in its own weights, is multiplied by."""
        return self.shares[task] * self._cut(self._unscaled(norm))

    def _unscaled(self, norm):
        """A norm without the scale of the loss."""
        return norm / self.optimizer.scale_loss(1.0)

    def _cut(self, norm):
        """What brings a gradient of this norm under the clipping norm."""
        return ops.minimum(1.0, self.clip_norm / (norm + 1e-6)) if self.clip_norm else 1.0

    def _global_norm(self, gradients):
        raise NotImplementedError

    def _clip(self, gradients):
        """(gradients under the clipping norm, their unscaled norm before).

        Where tasks are balanced, each has been cut by itself.
        """
        norm = self._unscaled(self._global_norm(gradients))
        if not self.clip_norm or self.balances_tasks:
            return gradients, norm
        # under float16 an overflow makes the norm infinite or NaN: then what overflowed becomes NaN (all where the norm
        # is NaN), and the optimizer skips the step
        factor = self._cut(norm)
        return [gradient * ops.cast(factor, gradient.dtype) for gradient in gradients], norm

    def _metrics(self, losses, norm, learning_rate):
        joint_loss = sum(self.weights[task] * loss for task, loss in losses.items())  # L_all, Eq. (18)
        named = {f"loss_{task}": loss for task, loss in losses.items()}
        return named | {"loss": joint_loss, "gradient_norm": norm, "learning_rate": learning_rate}

    def _scales_loss(self) -> bool:
        return isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer)

    def _learning_rate(self):
        """The first group's, of the step to come: the encoder's where it is pretrained."""
        optimizer = self.optimizer.inner_optimizer if self._scales_loss() else self.optimizer
        return optimizer.optimizers[0].learning_rate


def word_index(model) -> int:
    """Place of the table of word embeddings among the trainable variables; every system has one, named `word`."""
    (index,) = (i for i, variable in enumerate(model.trainable_variables) if variable.name == "word")
    return index


def make_step(model, optimizer, options: TrainingOptions) -> TrainingStep:
    """The step of Keras' backend; the other backend's library is not imported.

    Raises:
        StrtfError: `data_parallel` on TensorFlow, or for a batch that the devices cannot divide.
    """
    if keras.backend.backend() == "jax":
        from strtf.training.data_parallel import DataParallel
        from strtf.training.jax_step import JaxStep

        devices = DataParallel() if options.data_parallel else None
        if devices:
            devices.check(options.batch_size)
        return JaxStep(model, optimizer, options, devices)
    if options.data_parallel:
        raise StrtfError("--data_parallel needs JAX. Received: TensorFlow. Set KERAS_BACKEND=jax, or leave it out.")
    from strtf.training.tensorflow_step import TensorFlowStep

    return TensorFlowStep(model, optimizer, options)
