"""Token ids that carry the case of letters, and an embedding of it; see `text/letter_case.py`."""

import keras
from keras import ops


class CaseEmbedding(keras.layers.Layer):
    """Token ids [B, T] int32 -> vectors [B, T, D] to be added to those of words, and the vocabulary's ids [B, T].

    The table begins as zeros, so that a pretrained encoder starts from what it was trained on.

    Args:
        vocabulary_size: ids below it are of no capitals.
        num_cases: rows of the table.
        size: D.
    """

    def __init__(self, vocabulary_size, num_cases, size, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.num_cases = num_cases
        self.size = size

    def build(self, token_ids_shape):
        self.case = self.add_weight(name="case", shape=(self.num_cases, self.size), initializer="zeros")

    def call(self, token_ids):
        cases, words = token_ids // self.vocabulary_size, token_ids % self.vocabulary_size
        return ops.take(self.case, cases, axis=0), words

    def get_config(self):
        sizes = {"vocabulary_size": self.vocabulary_size, "num_cases": self.num_cases, "size": self.size}
        return super().get_config() | sizes
