"""BERT's input layer: word, position and segment embeddings, LayerNorm, dropout; the forms of tokens if wanted."""

import keras
from keras import ops

from strtf.layers.dropout import dropout
from strtf.layers.form_embedding import FormEmbedding, split_ids
from strtf.layers.precision import wide_dtype
from strtf.layers.transformer_block import layer_norm


class BertEmbedding(keras.layers.Layer):
    """H_0 of the paper: token ids [B, T] int32 -> [B, T, D].

    Args:
        vocabulary_size, max_positions, num_segments: rows of the three tables.
        hidden_size: D.
        dropout: rate applied to the sum after LayerNorm.
        num_forms: forms of tokens that the ids tell apart, see `FormEmbedding`; 1: none.
    """

    def __init__(self, vocabulary_size, max_positions, num_segments, hidden_size, dropout, num_forms=1, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.max_positions = max_positions
        self.num_segments = num_segments
        self.hidden_size = hidden_size
        self.dropout = dropout
        self.num_forms = num_forms
        self.norm = layer_norm("norm", self.dtype_policy)
        self.form = None
        if num_forms > 1:
            wide = wide_dtype(self.dtype_policy)
            self.form = FormEmbedding(vocabulary_size, num_forms, hidden_size, dtype=wide, name="form")
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape):
        self.word = self._table("word", self.vocabulary_size)
        self.position = self._table("position", self.max_positions)
        self.segment = self._table("segment", self.num_segments)
        self.norm.build((None, None, self.hidden_size))
        if self.form is not None:
            self.form.build(input_shape)
            self.form.built = True

    def _table(self, name, rows):
        initializer = keras.initializers.TruncatedNormal(stddev=0.02)
        # in half precision it is the rows that are cast, not the table; and their gradients are summed in float32
        dtype = wide_dtype(self.dtype_policy)
        return self.add_weight(
            name=name, shape=(rows, self.hidden_size), initializer=initializer, dtype=dtype, autocast=False
        )

    def call(self, token_ids, training=False):
        length = ops.shape(token_ids)[1]
        others = (self.position[:length] + self.segment[0])[None]  # [1, T, D]; the task never joins two sentences
        if self.form is None:
            _, words = split_ids(token_ids, self.vocabulary_size)
        else:
            forms, words = self.form(token_ids)
            others = others + forms  # [B, T, D]
        x = self.norm(ops.take(self.word, words, axis=0) + others)  # [B, T, D]
        if training and self.dropout:
            x = dropout(x, self.dropout, self.seed_generator)
        return x

    def get_config(self):
        names = ("vocabulary_size", "max_positions", "num_segments", "hidden_size", "dropout", "num_forms")
        return super().get_config() | {name: getattr(self, name) for name in names}
