"""How an exported model stores its weights, and what its graph makes of them."""

import keras
import numpy as np
import tensorflow as tf

from strtf.config import Quantize

SMALL = 1024  # values; what is smaller (the CRF's transitions, biases) stays float32
INT8_RANGE = 127
KERNEL, TABLES = "kernel", ("word", "position")  # ends of the paths of variables


class StoredWeights:
    """The weights of a model as variables for a SavedModel.

    - none: float32.
    - float16: matrices as float16, cast in the graph at each call.
    - dynamic_int8: matrices as int8 with a float32 scale for each output of a dense kernel and each row of an
      embedding table, multiplied out in the graph at each call.

    Args:
        model: its variables give names and values, and are not changed.

    Attributes:
        stored: `tf.Variable`s of each weight.
    """

    def __init__(self, model: keras.Model, quantize: Quantize):
        # the states of random generators are integers
        self._targets = [v for v in model.variables if np.issubdtype(np.dtype(v.dtype), np.floating)]
        self.stored = [
            [tf.Variable(part, trainable=False, name=v.path) for part in _pack(v.path, np.asarray(v), quantize)]
            for v in self._targets
        ]

    def scope(self) -> keras.StatelessScope:
        """Within it, a model's variables have the stored values. For one trace of a `tf.function`."""
        values = [_unpack([tf.convert_to_tensor(part) for part in parts]) for parts in self.stored]
        return keras.StatelessScope(state_mapping=list(zip(self._targets, values, strict=True)))

    def assign(self) -> None:
        """Gives the model's own variables the stored values, rounded as they are."""
        for variable, parts in zip(self._targets, self.stored, strict=True):
            variable.assign(_unpack([tf.convert_to_tensor(part) for part in parts]))


def _pack(path: str, value: np.ndarray, quantize: Quantize) -> list[np.ndarray]:
    """[value], or [int8 values, scales]."""
    if value.ndim < 2 or value.size < SMALL or quantize is Quantize.NONE:
        return [value]
    if quantize is Quantize.FLOAT16:
        with np.errstate(over="ignore"):
            half = value.astype(np.float16)
        return [half if np.isfinite(half).all() else value]
    if value.ndim > 2 or not path.endswith((KERNEL, *TABLES)):
        return [value]
    axis = 0 if path.endswith(KERNEL) else 1  # kernels are [inputs, outputs], tables [rows, width]
    scale = np.abs(value).max(axis=axis, keepdims=True) / INT8_RANGE
    scale = np.where(scale == 0, 1, scale).astype(np.float32)
    return [np.rint(value / scale).astype(np.int8), scale]


def _unpack(parts):
    """float32 [...] of what `_pack` made."""
    value = tf.cast(parts[0], tf.float32)
    return value * parts[1] if len(parts) == 2 else value
