"""Token embeddings and a bidirectional LSTM over sentences of any length."""

import keras
from keras import ops

from strtf.layers.token_embedding import TokenEmbedding


class BiLstmEncoder(keras.layers.Layer):
    """Token ids [B, T] int32 and lengths [B] -> states [B, T, 2·units] and the tokens' mask [B, T] bool.

    The states are the forward ones, then the backward ones. Padding is never read, and its rows are 0: the backward
    LSTM begins at each sentence's last token. Keras' plain loop runs on every device and under every compiler; the
    fused GPU kernels do not.

    Args:
        vocabulary_size: rows of the embeddings.
        embedding_size: their width.
        units: of each direction.
        dropout: rate on embeddings while training.
        num_forms: see `TokenEmbedding`.
    """

    def __init__(self, vocabulary_size, embedding_size, units, dropout, num_forms=1, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        policy = self.dtype_policy
        self.embedding = TokenEmbedding(
            vocabulary_size, embedding_size, dropout, num_forms, dtype=policy, name="embedding"
        )
        self.forward_lstm, self.backward_lstm = (
            keras.layers.LSTM(
                units, return_sequences=True, go_backwards=backwards, use_cudnn=False, dtype=policy, name=name
            )
            for name, backwards in (("forward_lstm", False), ("backward_lstm", True))
        )

    def build(self, token_ids_shape, lengths_shape=None):
        self.embedding.build(token_ids_shape)
        self.embedding.built = True
        for lstm in (self.forward_lstm, self.backward_lstm):
            lstm.build((None, None, self.embedding.size))
            lstm.built = True

    def call(self, token_ids, lengths, training=False):
        vectors, mask = self.embedding(token_ids, lengths, training=training)  # [B, T, D], [B, T]
        forward = self.forward_lstm(vectors, mask=mask)  # [B, T, units]
        backward = ops.flip(self.backward_lstm(vectors, mask=mask), axis=1)  # [B, T, units]
        states = ops.concatenate([forward, backward], axis=-1)  # [B, T, 2·units]
        return states * ops.cast(mask, states.dtype)[:, :, None], mask

    def get_config(self):
        embedding = self.embedding
        sizes = {
            "vocabulary_size": embedding.vocabulary_size,
            "embedding_size": embedding.size,
            "num_forms": embedding.num_forms,
        }
        return super().get_config() | sizes | {"units": self.units, "dropout": embedding.dropout.rate}
