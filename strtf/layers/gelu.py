"""GELU."""

import keras
from keras import ops

from strtf.layers.precision import at_least_float32


def gelu(x, approximate):
    """x·Φ(x); `approximate`: the tanh form (Google's TF1 code). Shape and dtype as x.

    Under JAX Keras takes erfc, which takes an accelerator nearly twice the time of erf, the function of both BERTs
    (`benchmarks/README.md`).
    """
    if approximate or keras.backend.backend() != "jax":
        return keras.activations.gelu(x, approximate=approximate)
    wide = at_least_float32(x)  # next to -1, half precision has no room for what erf leaves
    return ops.cast(0.5 * wide * (1.0 + ops.erf(wide * 0.5**0.5)), x.dtype)
