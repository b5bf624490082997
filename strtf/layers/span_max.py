"""Maxima over spans of tokens, any number of them, at the price of two rows each.

A maximum may count a row twice, so a span is covered by two stretches of 2^k rows, one from its start and one up to
its end. The maxima of all such stretches are made once per sentence: log2(T) tables. The pooling of P spans of up to T
rows, which would read P·T rows, reads 2·P; the same numbers, and the same gradients where no two rows tie.
"""

import keras
import numpy as np
from keras import ops

from strtf.layers.precision import take_rows


class SpanMax:
    """Max-pooling over spans; without weights.

    Args:
        width: D.
        longest: no span has more tokens.
    """

    def __init__(self, width: int, longest: int):
        self.width = width
        self.stretches = 2 ** np.arange(longest.bit_length(), dtype=np.int32)  # [K] = 1, 2, 4, …

    def tables(self, rows):
        """Maxima over stretches of rows.

        Args:
            rows: [B, T, D].

        Returns:
            [B·T·K, D]: for token t and each k, the maxima over rows t … t + 2^k - 1, as far as there are so many.
        """
        tables, lowest = [rows], _lowest(rows)
        for shift in self.stretches[:-1].tolist():
            shifted = ops.pad(tables[-1], ((0, 0), (0, shift), (0, 0)), constant_values=lowest)[:, shift:]
            tables.append(ops.maximum(tables[-1], shifted))
        return ops.reshape(ops.stack(tables, axis=2), (-1, self.width))

    def pool(self, tables, length, sentence, start, end):
        """Maxima over spans.

        Args:
            tables: from `tables`.
            length: T.
            sentence, start, end: [P] int32; tokens start … end - 1 of a sentence.

        Returns:
            [P, D]; 0 for an empty span.
        """
        size, number = end - start, len(self.stretches)  # [P]
        # floor(log2(size)) by comparison: logarithms round
        k = ops.sum(ops.cast(size[:, None] >= self.stretches[1:][None], "int32"), axis=1)  # [P]
        filled, stretch = size > 0, ops.take(self.stretches, k)
        first, last = (
            take_rows(tables, (sentence * length + ops.where(filled, place, 0)) * number + k)  # [P, D]
            for place in (start, end - stretch)
        )
        found = ops.maximum(first, last)
        return ops.where(filled[:, None], found, ops.zeros_like(found))


def _lowest(rows):
    """Padding that is no row's maximum: far below, and finite in the rows' dtype."""
    return -6e4 if keras.backend.standardize_dtype(rows.dtype) == "float16" else -1e30
