"""The model as its authors run it: every (sentence, pair) is an example, and both passes run all N blocks of it.

So nothing is shared: a sentence with 90 pairs is encoded 180 times, and one with fewer than two entities never seen
in training. The weights are those of the model that is measured against this, and the masks are dense.
"""

from collections.abc import Iterator

import keras
import numpy as np
from keras import ops

from strtf.config import RcCompute, RcMask
from strtf.data.batches import Batch, exact_size
from strtf.data.pairs import pack_pairs
from strtf.layers.relation_pass import RelationPass
from strtf.layers.str_encoder import EncoderConfig
from strtf.models.base import Task

PAIR_ARRAYS = ("pair_sentence", "pair_spans", "pair_rows", "row_slots", "slot_rows")
STOP_AT = 1  # the relation pass' own run of the shared blocks ends where the first task block begins


class AuthorsFormulation:
    """A `FocusedAttention` model's weights under the authors' way of running them.

    Args:
        model: a joint model.
        rc_mask: Eq. (13) or Eq. (14).
    """

    def __init__(self, model, rc_mask: RcMask):
        self.model = model
        self.encoder = self.pretrained = model.encoder
        blocks, policy = model.encoder.task_blocks, model.dtype_policy
        self.relation_pass = RelationPass(blocks, rc_mask, RcCompute.DENSE, dtype=policy, name="authors_relation_pass")

    @property
    def trainable_variables(self):
        return self.model.trainable_variables

    def emissions(self, batch, training=False):
        """One NER pass through N blocks."""
        return self.model.emissions(self.model.encode(batch, training=training), training=training)

    def logits(self, batch, training=False):
        """One relation pass through N blocks: the first N-K over again, then K under MASK_rc. [P, S]."""
        token_ids, lengths = batch["token_ids"], batch["lengths"]
        states = self.encoder(token_ids, lengths, training=training, stop_at=STOP_AT)
        rows = self.relation_pass(states, {name: batch[name] for name in PAIR_ARRAYS}, training=training)
        return self.model.pair_classifier(rows, training=training)

    def task_losses(self, batch, training=False):
        """L_ner and L_rc, both means over examples. Dropout keeps a compiler from merging the two passes."""
        emissions = self.emissions(batch, training)
        log_p = self.model.crf.log_likelihood(emissions, batch["tags"][:, 1:], batch["lengths"] - 1)
        logits, labels = self.logits(batch, training), batch["labels"]
        cross_entropy = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
        return {Task.NER: -ops.mean(log_p), Task.RC: ops.mean(cross_entropy)}


def examples_of(batch: Batch) -> Batch:
    """A training batch of sentences as the authors' examples: one row for each pair that has a weight."""
    kept = np.flatnonzero(batch["pair_weights"] > 0)
    sentence = batch["pair_sentence"][kept]
    examples = {name: batch[name][sentence] for name in ("token_ids", "lengths", "tags")}
    return examples | {name: batch[name][kept] for name in ("pair_spans", "labels")}


def example_batches(examples: Batch, batch_size: int, max_gb: float, config: EncoderConfig,
                    training: bool) -> Iterator[Batch]:  # fmt: skip
    """Examples of like length in batches of at most `batch_size`, of at most `max_gb` of activations."""
    order = np.argsort(-examples["lengths"], kind="stable")
    start = 0
    while start < len(order):
        length = int(examples["lengths"][order[start]])
        fitting = int(max_gb * 2**30 / example_bytes(config, length, training))
        chosen = order[start : start + max(1, min(batch_size, fitting))]
        yield _batch({name: values[chosen] for name, values in examples.items()}, length)
        start += len(chosen)


def example_bytes(config: EncoderConfig, length: int, training: bool) -> int:
    """Activations of one example: of one block at a time, or in training of two passes through N blocks."""
    row = 16 * config.hidden_size + 4 * config.intermediate_size + 4 * config.num_heads * length
    return 4 * length * row * (2 * config.num_blocks if training else 1)


def _batch(examples: Batch, length: int) -> Batch:
    trimmed = {name: examples[name][:, :length] for name in ("token_ids", "tags") if name in examples}
    pairs = pack_pairs(np.arange(len(examples["lengths"]), dtype=np.int32), examples["pair_spans"], exact_size)
    return examples | trimmed | pairs
