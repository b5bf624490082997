"""What stays in float32 where the rest is in half precision, and in float64 where everything is."""

import keras
from keras import ops


def wide_dtype(policy) -> str:
    """float64 under a policy that computes in it, else float32."""
    return "float64" if policy.compute_dtype == "float64" else "float32"


def at_least_float32(x):
    """Half precision widened to float32; float32 and float64 unchanged."""
    wide = keras.backend.standardize_dtype(x.dtype) in ("float32", "float64")
    return x if wide else ops.cast(x, "float32")
