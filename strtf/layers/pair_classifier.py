"""The relation head, Eqs. (15) and (16): Tanh, then Softmax (as logits)."""

import keras


class PairClassifier(keras.layers.Layer):
    """Logits of the S relation classes from [CLS] of the relation pass: [P, D or 3D] -> [P, S] in float32.

    Args:
        num_classes: S, "No relation" included as class 0.
        hidden_size: D, units of the Tanh layer.
        dropout: rate on the input while training.
    """

    def __init__(self, num_classes, hidden_size, dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.hidden_size = hidden_size
        self.dropout_layer = keras.layers.Dropout(dropout, dtype=self.dtype_policy)

    def build(self, input_shape):
        width = input_shape[-1]
        initializer = keras.initializers.TruncatedNormal(stddev=0.02)
        policy = self.dtype_policy
        self.hidden_dense = keras.layers.Dense(  # W_rc1, b_rc1
            self.hidden_size, activation="tanh", kernel_initializer=initializer, dtype=policy, name="hidden_dense"
        )
        # logits in float32 (or wider): a softmax over half-precision logits loses small probabilities
        wide = "float64" if policy.compute_dtype == "float64" else "float32"
        self.relation_dense = keras.layers.Dense(  # W_rc2, b_rc2
            self.num_classes, kernel_initializer=initializer, dtype=wide, name="relation_dense"
        )
        self.hidden_dense.build((None, width))
        self.relation_dense.build((None, self.hidden_size))

    def call(self, cls, training=False):
        return self.relation_dense(self.hidden_dense(self.dropout_layer(cls, training=training)))

    def get_config(self):
        return super().get_config() | {
            "num_classes": self.num_classes,
            "hidden_size": self.hidden_size,
            "dropout": self.dropout_layer.rate,
        }
