import keras
import numpy as np
import pytest
import tensorflow as tf

from strtf.layers.dropout import dropout


def dropped(shape, rate, seed=0, dtype="float32"):
    return np.asarray(dropout(tf.ones(shape, dtype), rate, keras.random.SeedGenerator(seed)), np.float64)


@pytest.mark.parametrize(("rate", "byte"), [(0.1, 26), (0.3, 77), (0.5, 128), (0.0001, 1), (0.9999, 255)])
def test_share_of_zeroes_is_the_rate_rounded_to_a_256th(rate, byte):
    share = np.mean(dropped((1000, 1000), rate) == 0.0)
    deviation = (byte / 256 * (1 - byte / 256) / 1e6) ** 0.5  # of a share of a million draws
    assert abs(share - byte / 256) < 5 * deviation


@pytest.mark.parametrize(("dtype", "rounding"), [("float64", 1e-12), ("float32", 1e-6), ("bfloat16", 2**-8)])
def test_what_stays_is_scaled_so_that_the_mean_stays(dtype, rounding):
    values = dropped((64, 64), 0.1, dtype=dtype)
    np.testing.assert_allclose(values[values != 0.0], 256 / (256 - 26), rtol=rounding)


def test_gradient_reaches_what_stays():
    x = tf.ones((50, 7))
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = dropout(x, 0.5, keras.random.SeedGenerator(0))
    np.testing.assert_array_equal(tape.gradient(y, x), y)  # both are 2 or 0


def test_each_call_draws_anew_and_a_seed_draws_the_same():
    seeds = keras.random.SeedGenerator(7)
    first, second = (dropout(tf.ones(4096), 0.5, seeds) for _ in range(2))
    assert np.any(first != second)
    np.testing.assert_array_equal(first, dropped((4096,), 0.5, seed=7))
    assert np.any(first != dropped((4096,), 0.5, seed=8))


def test_neighbours_are_independent():
    # four elements share one number drawn, a byte each
    kept = dropped((250_000, 4), 0.5) != 0.0
    np.testing.assert_allclose(np.corrcoef(kept.T), np.eye(4), atol=5 / 250_000**0.5)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (5, 1, 3), (0, 4)])
def test_any_shape(shape):
    assert dropped(shape, 0.5).shape == shape


def test_compiled_with_free_and_with_fixed_shapes():
    seeds = keras.random.SeedGenerator(0)
    free = tf.function(lambda x: dropout(x, 0.5, seeds), input_signature=[tf.TensorSpec([None, 3])], autograph=False)
    fixed = tf.function(lambda x: dropout(x, 0.5, seeds), jit_compile=True, autograph=False)
    for function in (free, fixed):
        assert set(np.unique(function(tf.ones((100, 3))))) == {0.0, 2.0}
