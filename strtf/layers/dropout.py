"""Dropout of the encoder, where a training step draws some random numbers for every activation."""

import keras

BYTE = 256


def dropout(x, rate: float, seed_generator: keras.random.SeedGenerator):
    """Zeroes a share `rate` of the elements and scales the others so that the mean stays.

    On TensorFlow a byte decides on each element: `rate` is rounded to a 256th, but is never none. A draw of bytes takes
    half the time of Keras' draw of floats, and the scale is that of the rounded rate. Other backends take Keras'.

    Args:
        x: floating, any shape.
        rate: in (0, 1).
        seed_generator: gives each call a seed of its own; its state is a variable of the layer.
    """
    if keras.backend.backend() != "tensorflow":
        return keras.random.dropout(x, rate, seed=seed_generator)
    import tensorflow as tf

    dropped = min(max(round(rate * BYTE), 1), BYTE - 1)
    keep = _random_bytes(x, seed_generator.next()) >= tf.constant(dropped, tf.uint8)
    scaled = x * tf.constant(BYTE / (BYTE - dropped), x.dtype)
    # a choice, and not a product: its gradient keeps the bytes, not a mask of floats
    return tf.where(keep, scaled, tf.constant(0, x.dtype))


def _random_bytes(x, seed):
    """uint8 in 0..255, of the shape of x; four of them from each number drawn."""
    import tensorflow as tf

    size = tf.size(x)
    seed = tf.cast(seed % tf.int32.max, tf.int32)  # XLA takes no wider one
    words = tf.random.stateless_uniform([(size + 3) // 4], seed, minval=None, maxval=None, dtype=tf.int32)
    return tf.reshape(tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:size], tf.shape(x))
