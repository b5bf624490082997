"""Texts to tokens in the graph: character tokenization by the table of `text/code_points.py`.

The same bytes that are not UTF-8 become the same U+FFFD as `bytes.decode(errors="replace")` makes of them, so offsets
agree with Python's.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

REPLACEMENT_CHARACTER = 0xFFFD


class Texts(NamedTuple):
    """Tokens of B texts on one axis of N, longest text first.

    Attributes:
        code_points: int32 [N + 1], one a token; 0 last, so that the axis is never empty.
        ids: int32 [N + 1], vocabulary ids likewise.
        starts: int32 [B], where each text's tokens begin.
        lengths: int32 [B], how many it has.
        order: int32 [B], the texts' places in the request.
    """

    code_points: tf.Tensor
    ids: tf.Tensor
    starts: tf.Tensor
    lengths: tf.Tensor
    order: tf.Tensor


class CharacterIds:
    """The table of a `CharacterTokenizer`, without the tail of code points that are all [UNK].

    Args:
        table: int32 [1114112], see `code_point_ids`.
    """

    def __init__(self, table: np.ndarray):
        rest = table[-1]  # U+10FFFF is no character: [UNK]
        size = int(np.flatnonzero(table != rest).max(initial=0)) + 2
        self.table = table[:size]

    def __call__(self, code_points):
        """int32 ids of int32 code points, of any one shape."""
        return tf.gather(self.table, tf.minimum(code_points, len(self.table) - 1))


def decode_texts(text, character_ids: CharacterIds) -> Texts:
    """Tokenizes UTF-8 strings [B]; B >= 1."""
    ragged = tf.strings.unicode_decode(text, "UTF-8", errors="replace", replacement_char=REPLACEMENT_CHARACTER)
    code_points = tf.concat([ragged.flat_values, [0]], axis=0)  # [N + 1]
    lengths = tf.cast(ragged.row_lengths(), tf.int32)  # [B]
    order = tf.argsort(lengths, direction="DESCENDING", stable=True)
    starts = tf.gather(tf.cumsum(lengths, exclusive=True), order)
    return Texts(code_points, character_ids(code_points), starts, tf.gather(lengths, order), order)
