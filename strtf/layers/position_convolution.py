"""The convolution over a sentence's distances to the two entities of a pair (Zeng et al. 2014)."""

import keras
from keras import ops

WINDOW = 3  # Zeng et al. 2014
FARTHEST = 64  # distances beyond count as this one; ours


class PositionConvolution(keras.layers.Layer):
    """Spans of pairs [P, 4] and the mask of their sentences [P, T] -> [P, T, filters].

    Each token has two learned vectors, of its distances to e1 and to e2; a convolution without bias reads the vectors
    of three neighbours.

    Args:
        filters: of the convolution.
        size: width of each vector.
    """

    def __init__(self, filters, size, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.size = size
        self.convolution = keras.layers.Conv1D(
            filters, WINDOW, padding="same", use_bias=False, dtype=self.dtype_policy, name="convolution"
        )

    def build(self, pair_spans_shape, mask_shape=None):
        shape = (2 * FARTHEST + 1, self.size)
        self.tables = [self.add_weight(name=f"distance_{e}", shape=shape, initializer="uniform") for e in (1, 2)]
        self.convolution.build((None, None, 2 * self.size))

    def call(self, pair_spans, mask):
        position = ops.arange(ops.shape(mask)[1])[None]  # [1, T]
        vectors = [
            ops.take(table, distance_class(position, start[:, None], end[:, None]), axis=0)
            for table, start, end in zip(
                self.tables, (pair_spans[:, 0], pair_spans[:, 2]), (pair_spans[:, 1], pair_spans[:, 3]), strict=True
            )
        ]
        vectors = ops.concatenate(vectors, axis=-1)  # [P, T, 2·size]
        return self.convolution(vectors * ops.cast(mask, vectors.dtype)[:, :, None])

    def get_config(self):
        return super().get_config() | {"filters": self.filters, "size": self.size}


def distance_class(position, start, end):
    """Row of the table for each token: tokens before the entity, in it (the middle), behind it. [P, T] int32."""
    before = ops.minimum(position - start, 0)
    behind = ops.maximum(position - end + 1, 0)
    return ops.clip(before + behind, -FARTHEST, FARTHEST) + FARTHEST
