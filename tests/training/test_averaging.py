"""The average of the weights, against the sum that defines it."""

import numpy as np
import pytest
from keras import ops

from strtf.config import Precision, TrainingOptions
from strtf.training.averaging import averaged_weights
from strtf.training.optimizer import make_optimizer


def values(model):
    return [np.array(variable) for variable in model.trainable_variables]


def take_steps(model, optimizer, count, seed=0):
    """The weights after each step on random gradients."""
    rng, history = np.random.default_rng(seed), []
    for _ in range(count):
        gradients = [ops.convert_to_tensor(rng.normal(size=v.shape), "float32") for v in model.trainable_variables]
        optimizer.apply(gradients, model.trainable_variables)
        history.append(values(model))
    return history


def options_of(decay, precision=Precision.FLOAT32):
    return TrainingOptions(ema_decay=decay, learning_rate=1e-2, head_learning_rate=5e-2, precision=precision)


def average_of(history, decay):
    """Step n weighs 1 - d_n, which each later step m shrinks by d_m; d_n = min(decay, n / (9 + n))."""
    decays = [min(decay, n / (9 + n)) for n in range(len(history))]
    weights = [(1 - decays[n]) * np.prod(decays[n + 1 :]) for n in range(len(history))]
    assert sum(weights) == pytest.approx(1.0)
    return [sum(w * step for w, step in zip(weights, steps, strict=True)) for steps in zip(*history, strict=True)]


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.MIXED_FLOAT16])
@pytest.mark.parametrize("decay", [0.2, 0.99])
def test_inside_the_model_is_the_average(tiny_model, decay, precision):
    model = tiny_model(precision=precision)
    optimizer = make_optimizer(options_of(decay, precision), 10, model)
    history = take_steps(model, optimizer, 6)
    with averaged_weights(model, optimizer):
        for found, expected in zip(values(model), average_of(history, decay), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_while_every_step_overflowed_the_model_has_its_own_weights(tiny_model):
    model = tiny_model(precision=Precision.MIXED_FLOAT16)
    optimizer, own = make_optimizer(options_of(0.9, Precision.MIXED_FLOAT16), 10, model), values(model)
    gradients = [ops.full(variable.shape, np.inf, "float32") for variable in model.trainable_variables]
    optimizer.apply(gradients, model.trainable_variables)
    with averaged_weights(model, optimizer):
        assert all(np.array_equal(*pair) for pair in zip(values(model), own, strict=True))


def test_afterwards_it_has_its_own_weights_even_after_an_error(tiny_model):
    model = tiny_model()
    optimizer = make_optimizer(options_of(0.9), 10, model)
    own = take_steps(model, optimizer, 3)[-1]
    with pytest.raises(KeyboardInterrupt), averaged_weights(model, optimizer):
        raise KeyboardInterrupt
    assert all(np.array_equal(*pair) for pair in zip(values(model), own, strict=True))


def test_the_average_does_not_touch_the_training(tiny_model):
    runs = []
    for decay in (0.0, 0.9):
        model = tiny_model()
        runs.append(take_steps(model, make_optimizer(options_of(decay), 10, model), 3)[-1])
    assert all(np.array_equal(*pair) for pair in zip(*runs, strict=True))
