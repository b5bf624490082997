"""Fresh embeddings of tokens, for the systems without a pretrained encoder."""

import keras
from keras import ops

from strtf.layers.case_embedding import CaseEmbedding


class TokenEmbedding(keras.layers.Layer):
    """Token ids [B, T] int32 and lengths [B] -> vectors [B, T, D], zero for padding, and their mask [B, T] bool.

    Args:
        vocabulary_size: rows of the table.
        size: D.
        dropout: rate on the vectors while training.
        num_cases: cases of letters that the ids tell apart, see `CaseEmbedding`; 1: none.
    """

    def __init__(self, vocabulary_size, size, dropout, num_cases=1, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.size = size
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.num_cases = num_cases
        self.case = None
        if num_cases > 1:
            self.case = CaseEmbedding(vocabulary_size, num_cases, size, dtype=self.dtype_policy, name="case")

    def build(self, token_ids_shape, lengths_shape=None):
        self.word = self.add_weight(name="word", shape=(self.vocabulary_size, self.size), initializer="uniform")
        if self.case is not None:
            self.case.build(token_ids_shape)
            self.case.built = True

    def call(self, token_ids, lengths, training=False):
        mask = ops.arange(ops.shape(token_ids)[1])[None] < lengths[:, None]  # [B, T]
        cases, words = (0.0, token_ids) if self.case is None else self.case(token_ids)
        vectors = self.dropout(ops.take(self.word, words, axis=0) + cases, training=training)  # [B, T, D]
        return vectors * ops.cast(mask, vectors.dtype)[:, :, None], mask

    def get_config(self):
        sizes = {
            "vocabulary_size": self.vocabulary_size,
            "size": self.size,
            "dropout": self.dropout.rate,
            "num_cases": self.num_cases,
        }
        return super().get_config() | sizes
