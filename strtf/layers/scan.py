"""A recurrence over time, by each backend's own loop."""

import keras
from keras import ops


def scan(step, initial, inputs, reverse=False):
    """The states [T, ...] of `state = step(state, inputs[t])`, by t; `inputs` are time-major tensors.

    On TensorFlow `keras.ops.scan` does not compile with jit_compile=True, while a `tf.while_loop` over TensorArrays
    runs, and is differentiated, with and without it.
    """
    if keras.backend.backend() == "tensorflow":
        return _scan_tensorflow(step, initial, inputs, reverse)
    return ops.scan(lambda state, x: (step(state, x),) * 2, initial, inputs, reverse=reverse)[1]


def _scan_tensorflow(step, initial, inputs, reverse):
    import tensorflow as tf

    num_steps = tf.shape(inputs[0])[0]
    arrays = [tf.TensorArray(x.dtype, num_steps, element_shape=x.shape[1:]).unstack(x) for x in inputs]
    states = tf.TensorArray(initial.dtype, num_steps, element_shape=initial.shape)

    def body(count, state, states):
        time = num_steps - 1 - count if reverse else count
        new_state = step(state, tuple(array.read(time) for array in arrays))
        new_state.set_shape(initial.shape)  # the loop's shapes must not widen where only some dims are known
        return count + 1, new_state, states.write(time, new_state)

    loop = tf.while_loop(lambda count, *_: count < num_steps, body, (0, initial, states), maximum_iterations=num_steps)
    return loop[2].stack()
