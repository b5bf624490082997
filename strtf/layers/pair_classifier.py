"""The relation head, Eqs. (15) and (16): Tanh, then Softmax (as logits)."""

import keras
import numpy as np
from keras import ops

from strtf.layers.precision import wide_dtype

# Tokens between two entities, in classes: each number up to 7, then doubling.
DISTANCE_BOUNDS = np.int32([1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64, 128, 256])

MANY_RIVALS = 3  # and more, as one class


class PairClassifier(keras.layers.Layer):
    """Logits of the S relation classes from [CLS] of the relation pass: [P, F] -> [P, S] in float32.

    F is D for [CLS] alone; 2D more for both entities' rows, and D more for what stands between them.
    What the Tanh's input may have beside [CLS] is not in the paper, and begins at zero.

    Args:
        num_classes: S, "No relation" included as class 0.
        hidden_size: D, units of the Tanh layer.
        dropout: rate on the input while training.
        distance: whether a learned vector for the number of tokens between the two entities joins the Tanh's input.
        num_types: entity types, if learned vectors for the type of e1 and that of e2 are to join it; else 0.
        rivals: whether learned vectors for the number of entities of e1's and of e2's type between the two join it.
    """

    def __init__(self, num_classes, hidden_size, dropout=0.1, distance=False, num_types=0, rivals=False, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.hidden_size = hidden_size
        self.distance = distance
        self.num_types = num_types
        self.rivals = rivals
        self.dropout_layer = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, input_shape):
        width = input_shape[-1]
        # not BERT's narrow 0.02: through it hardly any gradient reached the encoder for the first epochs
        initializer = keras.initializers.GlorotUniform()
        policy = self.dtype_policy
        self.hidden_dense = keras.layers.Dense(  # W_rc1, b_rc1
            self.hidden_size, kernel_initializer=initializer, dtype=policy, name="hidden_dense"
        )
        # logits in float32 (or wider): a softmax over half-precision logits loses small probabilities
        wide = wide_dtype(policy)
        self.relation_dense = keras.layers.Dense(  # W_rc2, b_rc2
            self.num_classes, kernel_initializer=initializer, dtype=wide, name="relation_dense"
        )
        self.hidden_dense.build((None, width))
        self.relation_dense.build((None, self.hidden_size))
        if self.distance:
            shape = (len(DISTANCE_BOUNDS) + 1, self.hidden_size)
            self.distance_table = self.add_weight(name="distance", shape=shape, initializer="zeros")
        if self.num_types:
            shape = (2 * self.num_types, self.hidden_size)  # of e1, then of e2
            self.type_table = self.add_weight(name="types", shape=shape, initializer="zeros")
        if self.rivals:
            shape = (2 * (MANY_RIVALS + 1), self.hidden_size)  # of e1's type, then of e2's
            self.rivals_table = self.add_weight(name="rivals", shape=shape, initializer="zeros")

    def call(self, cls, pair_spans=None, pair_types=None, pair_rivals=None, training=False):
        """Logits [P, S] of `cls` [P, F].

        Args:
            pair_spans: int32 [P, 4], token spans of e1 and e2; needed where `distance`.
            pair_types: int32 [P, 2], their types; needed where `num_types`.
            pair_rivals: int32 [P, 2], see `data.pairs.rivals_between`; needed where `rivals`.
        """
        hidden = self.hidden_dense(self.dropout_layer(cls, training=training))  # [P, D]
        if self.distance:
            hidden = hidden + ops.take(self.distance_table, distance_class(pair_spans), axis=0)
        if self.num_types:
            hidden = hidden + _of_both(self.type_table, pair_types)
        if self.rivals:
            hidden = hidden + _of_both(self.rivals_table, ops.minimum(pair_rivals, MANY_RIVALS))
        return self.relation_dense(ops.tanh(hidden))

    def get_config(self):
        return super().get_config() | {
            "num_classes": self.num_classes,
            "hidden_size": self.hidden_size,
            "dropout": self.dropout_layer.rate,
            "distance": self.distance,
            "num_types": self.num_types,
            "rivals": self.rivals,
        }


def _of_both(table, numbers):
    """Rows of a table for e1, whose first half is for it, and of its second half for e2, added: [P, 2] -> [P, D]."""
    return ops.sum(ops.take(table, numbers + np.int32([0, table.shape[0] // 2]), axis=0), axis=1)


def distance_class(pair_spans):
    """Class of the tokens from the end of e1 to the start of e2; 0 where they touch or overlap. [P, 4] -> [P]."""
    between = pair_spans[:, 2] - pair_spans[:, 1]  # [P]
    return ops.sum(ops.cast(between[:, None] >= DISTANCE_BOUNDS[None], "int32"), axis=1)
