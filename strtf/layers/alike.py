"""Layers of one shape, one after the other, as one loop where a program's size matters.

XLA compiles a loop's body once, however often it runs; written out, twelve blocks cost twelve times the compilation.
The weights stay the layers' own, under their own names: the loop reads them stacked. On TensorFlow, which need not
compile, the layers are simply called.
"""

import keras
from keras import ops


def apply_in_turn(layers, rows, step):
    """`rows = step(layer, rows)` for each layer.

    Args:
        layers: of one class and one shape; any number. Their seeds go on as if they were called one by one.
        rows: tensor; each step keeps its shape and dtype.
        step: may use no variables but the layer's.

    Returns:
        The rows after the last.
    """
    if keras.backend.backend() != "jax" or len(layers) < 2:
        for layer in layers:
            rows = step(layer, rows)
        return rows
    first = layers[0]
    seeds = first.non_trainable_variables
    of_all = zip(*(layer.variables for layer in layers), strict=True)
    stacked = [ops.stack([variable.value for variable in alike]) for alike in of_all]

    def body(rows, values):
        with keras.StatelessScope(list(zip(first.variables, values, strict=True))) as scope:
            rows = step(first, rows)
        return rows, [scope.get_current_value(seed) for seed in seeds]

    rows, new_seeds = ops.scan(body, rows, stacked)
    for number, layer in enumerate(layers):
        for seed, values in zip(layer.non_trainable_variables, new_seeds, strict=True):
            seed.assign(values[number])
    return rows
