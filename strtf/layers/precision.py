"""What stays in float32 where the rest is in half precision, and in float64 where everything is."""

import keras
from keras import ops


def wide_dtype(policy) -> str:
    """float64 under a policy that computes in it, else float32."""
    return "float64" if policy.compute_dtype == "float64" else "float32"


def at_least_float32(x):
    """Half precision widened to float32; float32 and float64 unchanged."""
    return x if _is_wide(x) else ops.cast(x, "float32")


def _is_wide(x) -> bool:
    return keras.backend.standardize_dtype(x.dtype) in ("float32", "float64")


def take_rows(table, indices):
    """Rows of a tensor [N, …] at `indices` [...]: [..., …]. Their gradient is summed in float32 (or wider).

    In half precision, a sum over hundreds of takers of one row would lose what the later ones add.
    """
    if _is_wide(table):
        return ops.take(table, indices, axis=0)

    # by hand: TensorFlow keeps such a gradient as slices, and would cast them back before it sums them
    @ops.custom_gradient
    def take(table):
        def gradient(upstream):
            upstream = at_least_float32(ops.reshape(upstream, (-1, *ops.shape(table)[1:])))
            total = ops.segment_sum(upstream, ops.reshape(indices, (-1,)), ops.shape(table)[0])
            return ops.cast(total, table.dtype)

        return ops.take(table, indices, axis=0), gradient

    return take(table)
