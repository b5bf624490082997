"""Token ids that carry the form a token has in the text, and an embedding of it; see `text/surface.py`."""

import keras
from keras import ops


def split_ids(token_ids, vocabulary_size: int):
    """The forms that token ids carry, and the vocabulary's ids."""
    return token_ids // vocabulary_size, token_ids % vocabulary_size


class FormEmbedding(keras.layers.Layer):
    """Token ids [B, T] int32 -> vectors [B, T, D] to be added to those of words, and the vocabulary's ids [B, T].

    The table begins as zeros, so that a pretrained encoder starts from what it was trained on. A form beyond it is read
    as form 0.

    Args:
        vocabulary_size: ids below it are of form 0.
        num_forms: rows of the table.
        size: D.
    """

    def __init__(self, vocabulary_size, num_forms, size, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.num_forms = num_forms
        self.size = size

    def build(self, token_ids_shape):
        self.form = self.add_weight(name="form", shape=(self.num_forms, self.size), initializer="zeros")

    def call(self, token_ids):
        forms, words = split_ids(token_ids, self.vocabulary_size)
        embedded = ops.where(forms < self.num_forms, forms, 0)
        return ops.take(self.form, embedded, axis=0), words

    def get_config(self):
        sizes = {"vocabulary_size": self.vocabulary_size, "num_forms": self.num_forms, "size": self.size}
        return super().get_config() | sizes
