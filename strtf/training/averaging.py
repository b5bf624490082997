"""The exponential moving average of the weights (`--ema_decay`): it is scored and kept, training goes on without it.

The optimizers update it in each step (`use_ema`) and hold it among their variables, so checkpoints have it too.
"""

import contextlib
from collections.abc import Iterator

import numpy as np
from keras import ops


@contextlib.contextmanager
def averaged_weights(model, optimizer) -> Iterator[None]:
    """The model has the average of its weights inside, and its own weights, to the bit, afterwards.

    Before the first step, and while float16 overflowed in all so far, there is no average: its own weights stay.

    Args:
        optimizer: built for the model's trainable variables with `use_ema`.
    """
    if not int(optimizer.iterations):
        yield
        return
    variables = model.trainable_variables
    own = [np.array(ops.convert_to_numpy(variable)) for variable in variables]
    optimizer.finalize_variable_values(variables)
    try:
        yield
    finally:
        for variable, value in zip(variables, own, strict=True):
            variable.assign(value)
