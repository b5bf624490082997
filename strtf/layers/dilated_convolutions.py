"""Residual dilated convolutions over sentences (Qiu et al. 2018, arXiv 1808.08669)."""

import keras
from keras import ops

KERNEL_SIZE = 3


class DilatedConvolutions(keras.layers.Layer):
    """Vectors [B, T, D] and their mask [B, T] -> [B, T, filters].

    A dense layer to the width of the residual branches, then for each dilation d: x + relu(conv_d(x)). Each layer
    reads d tokens to either side, so dilations 1, 2, 4 once read 7, and n times 7·n. Rows of padding are set to 0
    before every layer: a sentence sees beyond its end what an unpadded one does.

    Args:
        filters: of each convolution.
        dilations: one layer for each.
        dropout: rate on each branch while training.
    """

    def __init__(self, filters, dilations, dropout, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.dilations = tuple(dilations)
        policy = self.dtype_policy
        self.entry = keras.layers.Dense(filters, dtype=policy, name="entry")
        self.convolutions = [
            keras.layers.Conv1D(
                filters, KERNEL_SIZE, padding="same", dilation_rate=dilation, activation="relu",
                kernel_initializer="he_normal", dtype=policy, name=f"convolution_{number:02d}",
            )
            for number, dilation in enumerate(self.dilations, start=1)
        ]  # fmt: skip
        self.dropout = keras.layers.Dropout(dropout, dtype=policy)

    def build(self, vectors_shape, mask_shape=None):
        self.entry.build((None, None, vectors_shape[-1]))
        for convolution in self.convolutions:
            convolution.build((None, None, self.filters))

    def call(self, vectors, mask, training=False):
        rows = self.entry(vectors)  # [B, T, filters]
        mask = ops.cast(mask, rows.dtype)[:, :, None]  # [B, T, 1]
        for convolution in self.convolutions:
            rows = rows * mask
            rows = rows + self.dropout(convolution(rows), training=training)
        return rows * mask

    def get_config(self):
        sizes = {"filters": self.filters, "dilations": self.dilations, "dropout": self.dropout.rate}
        return super().get_config() | sizes
