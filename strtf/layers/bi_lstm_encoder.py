"""Token embeddings and a bidirectional LSTM over sentences of any length."""

import keras

from strtf.layers.bi_lstm import BiLstm
from strtf.layers.token_embedding import TokenEmbedding


class BiLstmEncoder(keras.layers.Layer):
    """Token ids [B, T] int32 and lengths [B] -> states [B, T, 2·units] and the tokens' mask [B, T] bool.

    The states are those of `BiLstm` over the embeddings.

    Args:
        vocabulary_size: rows of the embeddings.
        embedding_size: their width.
        units: of each direction.
        dropout: rate on embeddings while training.
        num_cases: see `TokenEmbedding`.
    """

    def __init__(self, vocabulary_size, embedding_size, units, dropout, num_cases=1, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        policy = self.dtype_policy
        self.embedding = TokenEmbedding(
            vocabulary_size, embedding_size, dropout, num_cases, dtype=policy, name="embedding"
        )
        self.bi_lstm = BiLstm(units, dtype=policy, name="bi_lstm")

    def build(self, token_ids_shape, lengths_shape=None):
        self.embedding.build(token_ids_shape)
        self.embedding.built = True
        self.bi_lstm.build((None, None, self.embedding.size))
        self.bi_lstm.built = True

    def call(self, token_ids, lengths, training=False):
        vectors, mask = self.embedding(token_ids, lengths, training=training)  # [B, T, D], [B, T]
        return self.bi_lstm(vectors, mask), mask  # [B, T, 2·units]

    def get_config(self):
        embedding = self.embedding
        sizes = {
            "vocabulary_size": embedding.vocabulary_size,
            "embedding_size": embedding.size,
            "num_cases": embedding.num_cases,
        }
        return super().get_config() | sizes | {"units": self.units, "dropout": embedding.dropout.rate}
