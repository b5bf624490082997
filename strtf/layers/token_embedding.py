"""Fresh embeddings of tokens, for the systems without a pretrained encoder."""

import keras
from keras import ops


class TokenEmbedding(keras.layers.Layer):
    """Token ids [B, T] int32 and lengths [B] -> vectors [B, T, D], zero for padding, and their mask [B, T] bool.

    Args:
        vocabulary_size: rows of the table.
        size: D.
        dropout: rate on the vectors while training.
    """

    def __init__(self, vocabulary_size, size, dropout, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.size = size
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, token_ids_shape, lengths_shape=None):
        self.word = self.add_weight(name="word", shape=(self.vocabulary_size, self.size), initializer="uniform")

    def call(self, token_ids, lengths, training=False):
        mask = ops.arange(ops.shape(token_ids)[1])[None] < lengths[:, None]  # [B, T]
        vectors = self.dropout(ops.take(self.word, token_ids, axis=0), training=training)  # [B, T, D]
        return vectors * ops.cast(mask, vectors.dtype)[:, :, None], mask

    def get_config(self):
        sizes = {"vocabulary_size": self.vocabulary_size, "size": self.size, "dropout": self.dropout.rate}
        return super().get_config() | sizes
