"""Entity spans in the graph: strict BIEOS decoding, and dropping overlaps where windows meet."""

from typing import NamedTuple

import tensorflow as tf

from strtf.text.bieos import OUTSIDE, PREFIXES

_B, _I, _E, _S = range(len(PREFIXES))


class Spans(NamedTuple):
    """n typed spans of token rows, row by row in text order: by start, end, kind; each [n].

    Attributes:
        row: int32.
        start, end: int32, positions in the row, `end` exclusive; [CLS] is position 0.
        kind: int32, index of the entity type.
        layer: int32, the layer of tags that spells it.
        probability: float32.
    """

    row: tf.Tensor
    start: tf.Tensor
    end: tf.Tensor
    kind: tf.Tensor
    layer: tf.Tensor
    probability: tf.Tensor

    def choose(self, which):
        """Those with these numbers, or, for bool [n], those that are wanted."""
        take = tf.boolean_mask if which.dtype is tf.bool else tf.gather
        return Spans(*(take(column, which) for column in self))


def decode_tags(tags, lengths):
    """The spans that `TagScheme.decode` finds between [CLS] and [SEP]: S, and B I* E of one type.

    A tag is *linked* where it goes on the span of the tag before it. Chains of links begin at the nearest tag that
    is not linked, and an E at their end closes a span where they begin with B.

    Args:
        tags: [B, T] int32.
        lengths: [B] int32.

    Returns:
        row, start, end, kind: int32 [n] each.
    """
    length = tf.shape(tags)[1]
    position = tf.range(length)[None]
    inside = (position > 0) & (position < lengths[:, None] - 1)
    tags = tf.reshape(tf.where(inside, tags, OUTSIDE), [-1])  # [B·T]; each row begins with an O
    kind, part = (tags - 1) // len(PREFIXES), (tags - 1) % len(PREFIXES)
    kind, part = tf.where(tags == OUTSIDE, -1, kind), tf.where(tags == OUTSIDE, -1, part)
    goes_on, is_open = (part == _I) | (part == _E), (part == _B) | (part == _I)
    linked = goes_on & _shifted(is_open, False) & (kind == _shifted(kind, -1))
    begins = tf.cast(tf.where(~linked)[:, 0], tf.int32)  # of every chain
    begin = tf.gather(begins, tf.cumsum(tf.cast(~linked, tf.int32)) - 1)  # of each tag's chain, [B·T]
    closes = (part == _S) | ((part == _E) & linked & (tf.gather(part, begin) == _B))
    last = tf.cast(tf.where(closes)[:, 0], tf.int32)  # [n]
    row = last // length
    return row, tf.gather(begin, last) - row * length, last + 1 - row * length, tf.gather(kind, last)


def merge_layers(spans: Spans) -> Spans:
    """Spans row by row, layer by layer, as `Spans` has them; of equal ones, that of the first layer."""
    order = tf.argsort(spans.layer, stable=True)
    for column in (spans.kind, spans.end, spans.start, spans.row):
        order = tf.gather(order, tf.argsort(tf.gather(column, order), stable=True))
    spans = spans.choose(order)
    place = tf.stack([spans.row, spans.start, spans.end, spans.kind], axis=1)  # [n, 4]
    again = tf.reduce_all(place[1:] == place[:-1], axis=1)
    return spans.choose(tf.concat([tf.ones([tf.minimum(tf.size(spans.row), 1)], tf.bool), ~again], axis=0))


def without_overlaps(first, last):
    """Which spans stay where, of two that overlap, the first one does, and of two firsts the longer.

    Args:
        first, last: [n], `last` exclusive, on one axis for all layers of all texts.

    Returns:
        bool [n].
    """
    number = tf.argsort(last, direction="DESCENDING", stable=True)
    number = tf.gather(number, tf.argsort(tf.gather(first, number), stable=True))

    def overlapping(kept):
        """Those among the kept whose predecessor among the kept reaches into them. [k]."""
        ends = tf.gather(last, kept)
        return tf.gather(first, kept)[1:] < ends[:-1]

    def drop_first(kept):
        # up to the first overlap nothing else does, so it is the one that a walk from left to right would drop
        place = tf.where(overlapping(kept))[0, 0] + 1
        return (tf.concat([kept[:place], kept[place + 1 :]], axis=0),)

    (kept,) = tf.while_loop(
        lambda kept: tf.reduce_any(overlapping(kept)), drop_first, (number,), (tf.TensorShape([None]),)
    )
    return tf.scatter_nd(kept[:, None], tf.ones_like(kept), tf.shape(number)) > 0


def text_order(first, last):
    """The order of spans [n] by start, then end; equal ones as they are: int32 [n].

    Where a layer of a window finds a span that begins in what it shares with the window before, another layer of that
    may have found one behind it.
    """
    order = tf.argsort(last, stable=True)
    return tf.gather(order, tf.argsort(tf.gather(first, order), stable=True))


def _shifted(values, before):
    """[n]: the value to the left; `before` at the left end."""
    return tf.concat([tf.fill([1], before), values[:-1]], axis=0)
