"""A model without its matrix products: what is left is time that no faster product can save.

Each product's result has its shape and type, and is written once, as a product's is; its values mean nothing. Biases
and GELU go too, because TensorFlow's kernels do them within the products. For what is traced on TensorFlow.
"""

import contextlib
from collections.abc import Iterator
from unittest import mock

import keras
import numpy as np
import tensorflow as tf


@contextlib.contextmanager
def without_products() -> Iterator[None]:
    """What is traced within has no matrix product, no bias of `Dense` and no GELU."""
    with (
        mock.patch.object(tf, "matmul", _matmul),
        mock.patch.object(tf, "einsum", _einsum),
        mock.patch.object(keras.layers.Dense, "call", _dense),
        mock.patch.object(keras.activations, "gelu", lambda x, approximate: x),
    ):
        yield


def _dense(layer, rows, training=None):
    return layer.activation(_matmul(tf.cast(rows, layer.compute_dtype), layer.kernel))


def _matmul(left, right, transpose_b=False, output_type=None, **_):
    """[…, m, k], [(…,) k, n] -> […, m, n]: the left one's first column over and over."""
    columns = tf.shape(right)[-2 if transpose_b else -1]
    shape = tf.concat([tf.shape(left)[:-1], [columns]], axis=0)
    return tf.cast(tf.broadcast_to(left[..., :1], shape), output_type or left.dtype)


def _einsum(equation, left, right, **_):
    """The left one at the start of the axes that are summed over, over and over along those of the right one alone."""
    inputs, output = equation.split("->")
    axes_left, axes_right = inputs.split(",")
    kept = [axis for axis in output if axis in axes_left]
    start = tuple(slice(None) if axis in output else 0 for axis in axes_left)
    left_over = [axis for axis in axes_left if axis in output]
    value = tf.transpose(left[start], [left_over.index(axis) for axis in kept])
    for place in np.flatnonzero([axis not in axes_left for axis in output]):
        value = tf.expand_dims(value, int(place))
    sizes = dict(zip(axes_right, tf.unstack(tf.shape(right)), strict=True))
    sizes |= dict(zip(axes_left, tf.unstack(tf.shape(left)), strict=True))
    return tf.broadcast_to(value, tf.stack([sizes[axis] for axis in output]))
