"""Pairs of entities in the graph: which, in which layout, and their logits in chunks under the memory budget."""

import numpy as np
import tensorflow as tf

from strtf.config import ModelOptions
from strtf.data.shapes import SHORT_PAIR
from strtf.models.base import ExtractionModel


def enumerate_pairs(stop):
    """The pairs (i, j), i < j < stop[i], in order: int32 [P] twice."""
    number = tf.range(tf.size(stop))
    counts = tf.maximum(stop - number - 1, 0)
    width = tf.reduce_max(tf.concat([counts, [0]], axis=0))
    place = tf.cast(tf.where(tf.range(width)[None] < counts[:, None]), tf.int32)  # [P, 2]
    return place[:, 0], place[:, 0] + 1 + place[:, 1]


def rivals_between(kind, num_types, pairs):
    """`data.pairs.rivals_between`: [P, 2] int32 of pairs [P, 2] among spans whose types are `kind` [n]."""
    seen = tf.cumsum(tf.one_hot(kind, num_types, dtype=tf.int32), axis=0)  # [n, types]
    first, second = tf.unstack(pairs, axis=1)
    of = tf.gather(kind, pairs)  # [P, 2]
    before_second, with_first = (tf.gather(tf.gather(seen, i), of, batch_dims=1) for i in (second - 1, first))
    return before_second - with_first


def pack_pairs(sentence, spans, types, rivals, sizes):
    """The layout of `data.pairs.pack_pairs`, without padding.

    Args:
        sentence: [P] int32, row of each pair.
        spans: [P, 4] int32, token spans of e1 and e2; shared tokens belong to e1.
        types, rivals: [P, 2] int32, their types, and see `rivals_between`.
        sizes: [P] int32, tokens of S_p.
    """
    start_1, end_1, start_2, _ = tf.unstack(spans, axis=1)
    start_2, length_1 = tf.maximum(start_2, end_1), end_1 - start_1
    num_pairs, num_slots = tf.shape(spans)[0], tf.maximum(tf.reduce_max(sizes), 2)
    slot = tf.range(num_slots)[None]  # [1, M]
    in_1 = start_1[:, None] + slot - 1
    in_2 = start_2[:, None] + slot - 1 - length_1[:, None]
    positions = tf.where(slot == 0, 0, tf.where(slot <= length_1[:, None], in_1, in_2))  # [P, M]
    positions = tf.where(slot < sizes[:, None], positions, -1)
    valid = tf.reshape(positions, [-1]) >= 0
    rows = tf.where(valid, tf.cumsum(tf.cast(valid, tf.int32)) - 1, 0)
    return {
        "pair_sentence": sentence,
        "pair_spans": spans,
        "pair_types": types,
        "pair_rivals": rivals,
        "pair_rows": positions,
        "row_slots": tf.cast(tf.where(valid)[:, 0], tf.int32),
        "slot_rows": tf.reshape(rows, tf.stack([num_pairs, num_slots])),
    }


class PairScorer:
    """Logits of any number of pairs.

    Args:
        model: has the task RC.
        options: with the memory budget, which is kept for windows of the greatest length.
        num_classes: S.
    """

    def __init__(self, model: ExtractionModel, options: ModelOptions, num_classes: int):
        self.model = model
        self.num_classes = num_classes
        memory = model.pair_memory(options)
        at_once = [memory.pairs(max(size, 2), options.max_tokens) for size in range(options.max_tokens + 1)]
        self.pairs_at_once = np.minimum(at_once, 2**30).astype(np.int32)  # by tokens of the largest pair

    def __call__(self, batch, states, facts, sentence, spans):
        """[P, S] float32 of pairs as in `pack_pairs`; largest pairs first, short and long ones in chunks apart.

        Args:
            facts: types and rivals.
        """
        start_1, end_1, start_2, end_2 = tf.unstack(spans, axis=1)
        sizes = 1 + end_1 - start_1 + tf.maximum(end_2, end_1) - tf.maximum(start_2, end_1)  # [P]
        order = tf.argsort(sizes, direction="DESCENDING", stable=True)
        falling = tf.gather(sizes, order)
        total, num_long = tf.size(sizes), tf.reduce_sum(tf.cast(sizes > SHORT_PAIR, tf.int32))

        def score(start, logits):
            limit = tf.where(start < num_long, num_long, total) - start
            count = tf.minimum(tf.gather(self.pairs_at_once, falling[start]), limit)
            part = order[start : start + count]
            packed = pack_pairs(*(tf.gather(column, part) for column in (sentence, spans, *facts, sizes)))
            new = self.model.classify_pairs(batch | packed, states)
            return start + count, tf.concat([logits, new], axis=0)

        _, logits = tf.while_loop(
            lambda start, _: start < total,
            score,
            (0, tf.zeros([0, self.num_classes])),
            (tf.TensorShape([]), tf.TensorShape([None, self.num_classes])),
            parallel_iterations=1,  # more would hold the activations of several chunks
        )
        return tf.scatter_nd(order[:, None], logits, tf.stack([total, self.num_classes]))
