"""Windows of long texts in the graph: the rule of `text/windows.py`, for all texts of a batch at once."""

from typing import NamedTuple

import tensorflow as tf

from strtf.serving.texts import Texts
from strtf.text.windows import PAUSES, SENTENCE_ENDS, cut_slack

# `str.isspace`, which the rule for Python strings asks
SPACES = tuple(point for point in range(0x110000) if chr(point).isspace())


class Windows(NamedTuple):
    """W windows of B texts, text by text in order; each int32 [W].

    Attributes:
        text: the text's number among the sorted ones, see `Texts`.
        first, last: its tokens [first, last), counted within the text.
        owned_first, owned_last, reached: `text.windows.Owned`.
    """

    text: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor
    owned_first: tf.Tensor
    owned_last: tf.Tensor
    reached: tf.Tensor

    def counts(self, row, first, last):
        """`Owned.counts` of spans of the windows `row`, in tokens of their texts: bool [n]."""
        bounds = self.owned_first, self.owned_last, self.reached
        owned_first, owned_last, reached = (tf.gather(bound, row) for bound in bounds)
        return (first < owned_last) & ((first >= owned_first) | (last > reached))


def cut_windows(texts: Texts, max_tokens: int, overlap: int) -> Windows:
    """The windows of `text.windows.windows`, with what `text.windows.owned` says of each.

    Args:
        max_tokens: most tokens of a window, [CLS] and [SEP] not counted.
        overlap: most tokens that a window shares with the next.
    """
    slack = cut_slack(max_tokens, overlap)
    num_texts = tf.shape(texts.lengths)[0]
    unknown = tf.TensorShape([None, None])

    def cut(first, done, firsts, lasts, there):
        """One more window of every text that has tokens left."""
        hard_cut = first + max_tokens
        ends_here = texts.lengths <= hard_cut  # [B]
        last = _best(texts, hard_cut, -1, slack + 1)
        following = _best(texts, last - overlap, 1, overlap // 2 + 1)
        last = tf.where(ends_here, texts.lengths, last)
        columns = [tf.concat([old, new[:, None]], axis=1) for old, new in
                   ((firsts, first), (lasts, last), (there, ~done))]  # fmt: skip
        return tf.where(ends_here, first, following), done | ends_here, *columns

    nothing = tf.zeros([num_texts, 0], tf.int32)
    start = tf.zeros([num_texts], tf.int32), tf.zeros([num_texts], tf.bool), nothing, nothing, nothing > 0
    shapes = tf.TensorShape([None]), tf.TensorShape([None]), unknown, unknown, unknown
    _, _, firsts, lasts, there = tf.while_loop(
        lambda _first, done, *_: tf.reduce_any(~done), cut, start, shapes, parallel_iterations=1
    )
    # the cut of ownership lies in the middle of what two windows share
    cuts = (lasts[:, :-1] + firsts[:, 1:]) // 2  # [B, K - 1]
    owned_first = tf.concat([tf.zeros([num_texts, 1], tf.int32), cuts], axis=1)
    reached = tf.concat([tf.zeros([num_texts, 1], tf.int32), lasts[:, :-1]], axis=1)
    not_last = tf.concat([there[:, 1:], tf.zeros([num_texts, 1], tf.bool)], axis=1)
    owned_last = tf.where(not_last, tf.concat([cuts, lasts[:, -1:]], axis=1), lasts)
    place = tf.where(there)  # [W, 2]
    columns = (tf.gather_nd(column, place) for column in (firsts, lasts, owned_first, owned_last, reached))
    return Windows(tf.cast(place[:, 0], tf.int32), *columns)


def _best(texts: Texts, start, step: int, count: int):
    """Of the tokens start, start + step, … in each text, the first with the strongest boundary before it. [B]."""
    number = tf.range(count)
    candidates = start[:, None] + step * number  # [B, count]
    # `argmax` does not promise the first of equals
    score = _strength(texts, candidates) * count - number
    return start + step * tf.argmax(score, axis=1, output_type=tf.int32)


def _strength(texts: Texts, tokens):
    """How well a text can be cut before a token: 2 after a sentence, 1 after a clause or word, 0 elsewhere. [B, n]."""
    size = tf.shape(texts.code_points)[0]
    here = tf.clip_by_value(texts.starts[:, None] + tokens, 0, size - 1)  # texts that are done ask for anything
    before = tf.gather(texts.code_points, tf.maximum(here - 1, 0))
    sentence = _among(before, map(ord, SENTENCE_ENDS))
    sentence |= (before == ord(".")) & _among(tf.gather(texts.code_points, here), SPACES)
    pause = _among(before, map(ord, PAUSES)) | _among(before, SPACES)
    return tf.where(sentence, 2, tf.cast(pause, tf.int32))


def _among(code_points, members):
    return tf.reduce_any(code_points[..., None] == tf.constant(sorted(members), tf.int32), axis=-1)
