"""Fresh embeddings of tokens, for the systems without a pretrained encoder."""

import keras
from keras import ops

from strtf.layers.form_embedding import FormEmbedding, split_ids


class TokenEmbedding(keras.layers.Layer):
    """Token ids [B, T] int32 and lengths [B] -> vectors [B, T, D], zero for padding, and their mask [B, T] bool.

    Args:
        vocabulary_size: rows of the table.
        size: D.
        dropout: rate on the vectors while training.
        num_forms: forms of tokens that the ids tell apart, see `FormEmbedding`; 1: none.
    """

    def __init__(self, vocabulary_size, size, dropout, num_forms=1, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.size = size
        self.dropout = keras.layers.Dropout(dropout, dtype=self.dtype_policy)
        self.num_forms = num_forms
        self.form = None
        if num_forms > 1:
            self.form = FormEmbedding(vocabulary_size, num_forms, size, dtype=self.dtype_policy, name="form")

    def build(self, token_ids_shape, lengths_shape=None):
        self.word = self.add_weight(name="word", shape=(self.vocabulary_size, self.size), initializer="uniform")
        if self.form is not None:
            self.form.build(token_ids_shape)
            self.form.built = True

    def call(self, token_ids, lengths, training=False):
        mask = ops.arange(ops.shape(token_ids)[1])[None] < lengths[:, None]  # [B, T]
        words, forms = split_ids(token_ids, self.vocabulary_size)[1], 0.0
        if self.form is not None:
            forms, words = self.form(token_ids)
        vectors = self.dropout(ops.take(self.word, words, axis=0) + forms, training=training)  # [B, T, D]
        return vectors * ops.cast(mask, vectors.dtype)[:, :, None], mask

    def get_config(self):
        sizes = {
            "vocabulary_size": self.vocabulary_size,
            "size": self.size,
            "dropout": self.dropout.rate,
            "num_forms": self.num_forms,
        }
        return super().get_config() | sizes
