"""RCN: a recurrent capsule network (Table III; Wang et al. 2018, arXiv 1807.06718).

From the paper: recurrent layers over the pieces of the sentence that the two entities cut, capsules that are routed to
one capsule for each relation, the margin loss. Ours: one Bi-LSTM runs over the whole sentence, once, and a piece is
its forward state at the piece's last token beside its backward state at the first; widths; 8 primary capsules a piece.
Routing, squashing and loss are Sabour et al.'s, see `layers/capsules.py`.

The logits are those of the capsules' lengths, log(l / (1 - l)): they grow with l, so that the longest capsule is the
most probable class, and thresholds and corrections of the prior work as they do for a Softmax.
"""

import keras
from keras import ops

from strtf.config import ModelOptions
from strtf.layers.bi_lstm_encoder import BiLstmEncoder
from strtf.layers.capsules import ITERATIONS, ClassCapsules, margin_losses, squash
from strtf.layers.precision import take_rows, wide_dtype
from strtf.layers.str_encoder import EncoderConfig
from strtf.models.base import TASKS_OF, ExtractionModel, Task
from strtf.models.flops import bi_lstm_flops, bi_lstm_product, dense_flops
from strtf.models.memory import EvenMemory
from strtf.text.bieos import TagScheme

PIECES = 5  # before, e1, between, e2, behind
CAPSULES = 8  # of a piece
PRIMARY_SIZE, CLASS_SIZE = 8, 16  # Sabour et al. 2017


class Rcn(ExtractionModel):
    """Relations between given entities.

    Args:
        config: gives the size of the vocabulary.
        options: `embedding_size`, `units` of each direction, dropout.
        scheme: not used; all systems are made alike.
        num_classes: S, "No relation" included: it has a capsule too.
        dtype: Keras dtype policy; capsules and logits stay in float32.
    """

    def __init__(self, config: EncoderConfig, options: ModelOptions, scheme: TagScheme, num_classes: int,
                 dtype="float32", **kwargs):  # fmt: skip
        super().__init__(TASKS_OF[options.tasks], dtype=dtype, **kwargs)
        # ---------------------------------------------------------------- layers
        policy, self.sizes = self.dtype_policy, (options.embedding_size, options.units)
        wide = wide_dtype(policy)
        self.encoder = BiLstmEncoder(
            config.vocabulary_size, *self.sizes, options.dropout, config.num_forms, dtype=policy, name="encoder"
        )
        self.piece_dropout = keras.layers.Dropout(options.dropout, dtype=policy, name="piece_dropout")
        self.primary_dense = keras.layers.Dense(CAPSULES * PRIMARY_SIZE, dtype=wide, name="primary_dense")
        self.class_capsules = ClassCapsules(num_classes, CLASS_SIZE, dtype=wide, name="class_capsules")
        self.encoder.build((None, None))
        self.primary_dense.build((None, PIECES, 2 * options.units))
        self.class_capsules.build((None, PIECES * CAPSULES, PRIMARY_SIZE))
        self.encoder.built = self.class_capsules.built = self.built = True

    # -------------------------------------------------------------------- forward
    def encode(self, batch, training=False):
        states, _ = self.encoder(batch["token_ids"], batch["lengths"], training=training)
        return {"states": states, "lengths": batch["lengths"]}  # [B, T, 2·units], [B]

    def classify_pairs(self, batch, states, training=False):
        self.require(Task.RC)
        places = piece_places(batch["pair_spans"], ops.take(states["lengths"], batch["pair_sentence"]))  # 2 × [P, 5]
        pieces = piece_states(states["states"], self.sizes[1], batch["pair_sentence"], *places)  # [P, 5, 2·units]
        primary = self.primary_dense(self.piece_dropout(pieces, training=training))  # [P, 5, 8·8]
        primary = squash(ops.reshape(primary, (-1, PIECES * CAPSULES, PRIMARY_SIZE)))  # [P, 40, 8]
        return self.class_capsules(primary)  # [P, S]

    def class_losses(self, logits, labels):
        """The margin losses of the capsules' lengths."""
        return margin_losses(ops.sigmoid(logits), labels)

    def pair_variables(self):
        return self.primary_dense.trainable_variables + self.class_capsules.trainable_variables

    # ----------------------------------------------------------------------- cost
    @property
    def _votes(self) -> int:
        """Floats of a pair's û."""
        return PIECES * CAPSULES * self.class_capsules.num_classes * CLASS_SIZE

    def pair_memory(self, options, training=False):
        return EvenMemory(options, (3 * ITERATIONS if training else 3) * self._votes + 20 * self.sizes[1])

    def sentence_flops(self, lengths):
        return bi_lstm_flops(lengths, *self.sizes)

    def pair_flops(self, options, length, sizes):
        primary = dense_flops(PIECES, 2 * self.sizes[1], CAPSULES * PRIMARY_SIZE)
        routing = 2.0 * (2 * ITERATIONS - 1) * self._votes  # weighted sums, and agreements between them
        return len(sizes) * (primary + dense_flops(1, PRIMARY_SIZE, self._votes) + routing)

    def typical_product(self):
        return bi_lstm_product(self.sizes[1])


def piece_places(spans, lengths):
    """First token of each piece and the one after its last: spans [P, 4], lengths [P] -> twice [P, 5]."""
    start_1, end_1, start_2, end_2 = (spans[:, i] for i in range(4))
    start_2 = ops.maximum(start_2, end_1)  # shared tokens belong to e1
    end_2 = ops.maximum(end_2, start_2)
    edges = ops.stack([ops.zeros_like(start_1), start_1, end_1, start_2, end_2, lengths], axis=1)  # [P, 6]
    return edges[:, :-1], edges[:, 1:]


def piece_states(states, units, sentence, first, after):
    """Forward state at each piece's last token, backward state at its first.

    Args:
        states: [B, T, 2·units].
        sentence: [P]; first, after: [P, 5].

    Returns:
        [P, 5, 2·units]; 0 for an empty piece.
    """
    filled = after > first  # [P, 5]
    origin = (sentence * ops.shape(states)[1])[:, None]  # [P, 1]
    rows = ops.reshape(states, (-1, 2 * units))  # [B·T, 2·units]
    forward = take_rows(rows[:, :units], origin + ops.where(filled, after - 1, 0))  # [P, 5, units]
    backward = take_rows(rows[:, units:], origin + ops.where(filled, first, 0))
    pieces = ops.concatenate([forward, backward], axis=-1)
    return pieces * ops.cast(filled, pieces.dtype)[:, :, None]
