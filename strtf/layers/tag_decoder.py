"""The LSTM decoder of tags of Zheng et al. 2017 (Neurocomputing 257): each step reads the tag vector before it."""

import keras
from keras import ops


class TagDecoder(keras.layers.Layer):
    """Encoded tokens [B, T, D] and their mask [B, T] -> tag vectors [B, T, tag_size], 0 for padding.

    An LSTM from left to right whose gates read the encoded token h_t, the decoder's state s_{t-1} and the tag vector
    before it, T_{t-1}; then T_t = W s_t + b. Nothing is decided between steps, so training and extraction are the same
    recursion.

    Args:
        units: of the LSTM.
        tag_size: width of a tag vector.
    """

    def __init__(self, units, tag_size, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.tag_size = tag_size
        policy = self.dtype_policy
        self.gates = keras.layers.Dense(4 * units, dtype=policy, name="gates")  # of h_t, outside the loop
        self.loop = keras.layers.RNN(
            _Cell(units, tag_size, dtype=policy, name="cell"), return_sequences=True, dtype=policy, name="loop"
        )

    def build(self, encoded_shape, mask_shape=None):
        self.gates.build((None, None, encoded_shape[-1]))
        self.loop.build((None, None, 4 * self.units))
        self.loop.built = True

    def call(self, encoded, mask):
        tags = self.loop(self.gates(encoded), mask=mask)  # [B, T, tag_size]
        return tags * ops.cast(mask, tags.dtype)[:, :, None]

    def get_config(self):
        return super().get_config() | {"units": self.units, "tag_size": self.tag_size}


class _Cell(keras.layers.Layer):
    """One step: the gates' part of h_t [B, 4·units], states s, c [B, units] and T [B, tag_size]."""

    def __init__(self, units, tag_size, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.tag_size = tag_size
        self.state_size = [units, units, tag_size]
        self.output_size = tag_size

    def build(self, input_shape):
        width = 4 * self.units
        self.state_kernel = self.add_weight(name="state_kernel", shape=(self.units, width), initializer="orthogonal")
        self.tag_feedback = self.add_weight(name="tag_feedback", shape=(self.tag_size, width))
        self.tag_kernel = self.add_weight(name="tag_kernel", shape=(self.units, self.tag_size))
        self.tag_bias = self.add_weight(name="tag_bias", shape=(self.tag_size,), initializer="zeros")

    def call(self, gates, states, training=False):
        state, cell, tag = states
        gates = gates + ops.matmul(state, self.state_kernel) + ops.matmul(tag, self.tag_feedback)  # [B, 4·units]
        enter, forget, candidate, leave = ops.split(gates, 4, axis=-1)
        cell = ops.sigmoid(forget) * cell + ops.sigmoid(enter) * ops.tanh(candidate)
        state = ops.sigmoid(leave) * ops.tanh(cell)
        tag = ops.matmul(state, self.tag_kernel) + self.tag_bias  # [B, tag_size]
        return tag, [state, cell, tag]
