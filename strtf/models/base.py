"""What every model of this package can be asked for."""

import enum

import keras
from keras import ops

from strtf.config import ModelOptions, Tasks
from strtf.data.shapes import Memory, Unlimited
from strtf.errors import StrtfError


class Task(enum.StrEnum):
    NER = "ner"
    RC = "rc"


TASKS_OF = {Tasks.JOINT: (Task.NER, Task.RC), Tasks.NER: (Task.NER,), Tasks.RC: (Task.RC,)}


class ExtractionModel(keras.Model):
    """The contract: the losses, of a batch or of its parts, to train; `encode`, `tag`, `classify_pairs` to extract.

    A batch is a dict of arrays, see `data/batches.py`: `token_ids` [B, T] and `lengths` [B] always, tags, pairs and
    weights as far as a method needs them. `encode` is separate so that pairs, which are known only once tags are
    decoded, need not encode the sentence again.

    Args:
        tasks: which of NER and RC the model has.

    Attributes:
        pretrained: the layer that takes the pretrained encoder's weights and learns at `--learning_rate`; None where
            all weights are fresh.
        rdrop_weight: of R-Drop in `pair_loss` while training; 0: none.
    """

    pretrained: keras.layers.Layer | None = None
    rdrop_weight = 0.0

    def __init__(self, tasks: tuple[Task, ...], **kwargs):
        super().__init__(**kwargs)
        self.tasks = tuple(tasks)

    def task_losses(self, batch, training=False) -> dict[Task, object]:
        """Scalar float32 loss of each task: L_ner, mean over sentences; L_rc, mean over pairs."""
        states = self.encode(batch, training)
        losses = {}
        if Task.NER in self.tasks:
            losses[Task.NER] = self.tag_loss(batch, states, training)
        if Task.RC in self.tasks:
            losses[Task.RC] = self.pair_loss(batch, states, training)
        return losses

    def encode(self, batch, training=False) -> dict[str, object]:
        """Whatever the losses, `tag` and `classify_pairs` share for the sentences of a batch."""
        raise NotImplementedError

    def tag_loss(self, batch, states, training=False):
        """L_ner, mean over sentences."""
        raise NotImplementedError

    def pair_loss(self, batch, states, training=False, total_weight=None):
        """L_rc, Eq. (17): weighted mean of `class_losses` over pairs.

        With R-Drop (Liang et al. 2021, arXiv 2106.14448) pairs are classified twice under different dropout, from the
        same states: their loss is the mean of both, plus `rdrop_weight` times the divergence of the two answers.

        Args:
            total_weight: divide by this sum of weights, and not by that of the batch's own pairs: so the losses of
                the chunks of a batch add up to the loss of the batch.
        """
        logits = self.classify_pairs(batch, states, training)
        losses = self.class_losses(logits, batch["labels"])  # [P]
        if training and self.rdrop_weight:
            others = self.classify_pairs(batch, states, training)
            losses = 0.5 * (losses + self.class_losses(others, batch["labels"]))
            losses = losses + self.rdrop_weight * divergence(logits, others)
        return weighted_mean(losses, batch["pair_weights"], total_weight)

    def class_losses(self, logits, labels):
        """Loss [P] of each pair, from its logits [P, S] and its class [P]: the cross-entropy."""
        return keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)

    def own_variables(self, task: Task) -> list[keras.Variable]:
        """The trainable variables that a task's loss reads, but for those behind the states."""
        return self.tag_variables() if task is Task.NER else self.pair_variables()

    def tag_variables(self) -> list[keras.Variable]:
        """`own_variables` of NER, which every model that tags has."""
        raise NotImplementedError

    def pair_variables(self) -> list[keras.Variable]:
        """`own_variables` of RC, which every model that classifies pairs has."""
        raise NotImplementedError

    def tag(self, batch, states):
        """Viterbi tags [B·L, T] int32 of all tokens ([CLS] is outside) and emissions [B·L, T-1, C] float32, L being
        the layers of tags.

        `entity_shift` in the batch, scalar float32, is added to the score of each entity, whatever its length, before
        the best tags are sought; the emissions are without it.
        """
        raise NotImplementedError

    def classify_pairs(self, batch, states, training=False):
        """Logits [P, S] of the relation classes; class 0 is "No relation"."""
        raise NotImplementedError

    # ------------------------------------------------------------------------ cost
    def pair_memory(self, options: ModelOptions, training: bool = False) -> Memory:
        """How many pairs `classify_pairs` may take at once under `--rc_memory_mb`; see `models/memory.py`."""
        return Unlimited()

    def sentence_flops(self, lengths) -> float:
        """Operations to encode sentences of these lengths, and to tag them where the model has NER."""
        raise NotImplementedError

    def pair_flops(self, options: ModelOptions, length: int, sizes) -> float:
        """Operations to classify pairs of these sizes [p] (tokens of S_p) in one sentence of T = length tokens."""
        raise NotImplementedError

    def typical_product(self) -> tuple[int, int, int]:
        """(m, k, n) of the matrix product [m, k] · [k, n] that most of the operations go into."""
        raise NotImplementedError

    def require(self, task: Task) -> None:
        """Raises StrtfError where the model was not trained for a task."""
        if task not in self.tasks:
            raise StrtfError(
                f"The task must be among those of the model: {', '.join(self.tasks)}. Received: {task}. "
                "Train with --tasks=joint to have both."
            )


def weighted_mean(values, weights, total_weight=None):
    """Mean of values [N] under weights [N]; 0 where all weights are 0.

    Args:
        total_weight: divide by this instead of the weights' own sum.
    """
    weights = ops.cast(weights, values.dtype)
    total = ops.sum(weights) if total_weight is None else ops.cast(total_weight, values.dtype)
    return ops.sum(values * weights) / ops.maximum(total, 1e-6)


def divergence(logits, others):
    """Mean of KL(p || q) and KL(q || p) of two Softmaxes: twice [P, S] -> [P]."""
    log_p, log_q = ops.log_softmax(logits), ops.log_softmax(others)
    return 0.5 * ops.sum((ops.exp(log_p) - ops.exp(log_q)) * (log_p - log_q), axis=-1)
