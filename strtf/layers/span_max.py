"""Maxima over spans of tokens, any number of them, at the price of two rows each.

A maximum may count a row twice, so a span is covered by two stretches of 2^k rows, one from its start and one up to
its end. The maxima of all such stretches are made once per sentence: log2(T) tables. The pooling of P spans of up to T
rows, which would read P·T rows, reads 2·P; the same numbers, and the same gradients where no two rows tie.
"""

import keras
import numpy as np
from keras import ops


def span_max_tables(rows, longest: int):
    """Maxima over stretches of rows.

    Args:
        rows: [B, T, D].
        longest: no span has more tokens.

    Returns:
        [B·T, K·D], K = 1 + floor(log2(longest)): in the columns k·D … of token t, the maxima over rows t … t + 2^k - 1
        (as far as there are so many).
    """
    width, tables = rows.shape[-1], [rows]
    for k in range(longest.bit_length() - 1):
        shift = 2**k
        shifted = ops.pad(tables[-1], ((0, 0), (0, shift), (0, 0)), constant_values=_lowest(rows))[:, shift:]
        tables.append(ops.maximum(tables[-1], shifted))
    return ops.reshape(ops.concatenate(tables, axis=-1), (-1, len(tables) * width))


def span_max(tables, width: int, length, sentence, start, end):
    """Maxima over spans.

    Args:
        tables: from `span_max_tables`.
        width: D.
        length: T.
        sentence, start, end: [P] int32; tokens start … end - 1 of a sentence.

    Returns:
        [P, D]; 0 for an empty span.
    """
    size = end - start  # [P]
    number = tables.shape[-1] // width
    # floor(log2(size)) by comparison: logarithms round
    k = ops.sum(ops.cast(size[:, None] >= 2 ** np.arange(1, number, dtype=np.int32)[None], "int32"), axis=1)
    stretch = ops.take(2 ** np.arange(number, dtype=np.int32), k)  # [P]
    by_stretch = ops.reshape(tables, (-1, width))  # [B·T·K, D]
    first = (sentence * length + ops.where(size > 0, start, 0)) * number + k
    last = (sentence * length + ops.where(size > 0, end - stretch, 0)) * number + k
    found = ops.maximum(ops.take(by_stretch, first, axis=0), ops.take(by_stretch, last, axis=0))  # [P, D]
    return ops.where((size > 0)[:, None], found, ops.zeros_like(found))


def _lowest(rows):
    """Padding that is no row's maximum: far below, and finite in the rows' dtype."""
    return -6e4 if keras.backend.standardize_dtype(rows.dtype) == "float16" else -1e30
