"""Compiling a method of a model for whichever backend Keras runs on. The one switch of this room."""

import keras

from strtf.data.buckets import AcceleratorShapes, BucketedShapes
from strtf.device import has_accelerator


def compiles_each_shape() -> bool:
    """Whether `compiled` makes a program for each shape of its arguments, so that shapes should be few."""
    return keras.backend.backend() == "jax"


def few_shapes() -> type[BucketedShapes]:
    """The kind of shapes for programs that are compiled for each: fewest where compiling is dearest."""
    return AcceleratorShapes if has_accelerator() else BucketedShapes


def compiled(model, function, jit_compile=False):
    """`function` of nested dicts of arrays, which uses the model's weights, compiled.

    On TensorFlow one trace serves all sizes, unless XLA compiles it (`jit_compile`). On JAX the weights are arguments
    of the program: as constants, which a plain `jax.jit` makes of them, each program would hold a copy of its own and
    never see them change.
    """
    if keras.backend.backend() == "jax":
        return _jax_function(model, function)
    return _xla_function(function) if jit_compile else _TensorFlowFunction(function)


def _jax_function(model, function):
    import jax

    variables = model.variables

    def pure(values, *arguments):
        with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))):
            return function(*arguments)

    pure.__name__ = function.__name__  # the program's in profiles
    program = jax.jit(pure)
    return lambda *arguments: program([variable.value for variable in variables], *arguments)


def _xla_function(function):
    import tensorflow as tf

    program = tf.function(function, jit_compile=True, autograph=False)
    return lambda *arguments: program(*tf.nest.map_structure(tf.convert_to_tensor, arguments))


class _TensorFlowFunction:
    """A `tf.function` whose signature, all sizes free, comes from the first call's names, ranks and dtypes."""

    def __init__(self, function):
        self._python_function = function
        self._function = None

    def __call__(self, *arguments):
        import tensorflow as tf

        arguments = tf.nest.map_structure(tf.convert_to_tensor, arguments)
        if self._function is None:
            signature = tf.nest.map_structure(lambda x: tf.TensorSpec([None] * len(x.shape), x.dtype), list(arguments))
            self._function = tf.function(self._python_function, input_signature=signature, autograph=False)
        return self._function(*arguments)
