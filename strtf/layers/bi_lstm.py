"""A bidirectional LSTM over rows of tokens."""

import keras
from keras import ops


class BiLstm(keras.layers.Layer):
    """Rows [B, T, D] and the mask [B, T] of tokens -> states [B, T, 2·units]: the forward ones, then the backward ones.

    Padding is never read, and its states are 0: the backward LSTM begins at each sentence's last token. Keras' plain
    loop runs on every device and under every compiler; the fused GPU kernels do not.

    Args:
        units: of each direction.
    """

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.forward_lstm, self.backward_lstm = (
            keras.layers.LSTM(
                units,
                return_sequences=True,
                go_backwards=backwards,
                use_cudnn=False,
                dtype=self.dtype_policy,
                name=name,
            )
            for name, backwards in (("forward_lstm", False), ("backward_lstm", True))
        )

    def build(self, rows_shape, mask_shape=None):
        for lstm in (self.forward_lstm, self.backward_lstm):
            lstm.build((None, None, rows_shape[-1]))
            lstm.built = True

    def call(self, rows, mask):
        forward = self.forward_lstm(rows, mask=mask)  # [B, T, units]
        backward = ops.flip(self.backward_lstm(rows, mask=mask), axis=1)  # [B, T, units]
        states = ops.concatenate([forward, backward], axis=-1)  # [B, T, 2·units]
        return states * ops.cast(mask, states.dtype)[:, :, None]

    def get_config(self):
        return super().get_config() | {"units": self.units}
