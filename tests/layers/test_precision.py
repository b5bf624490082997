import keras
import numpy as np
import pytest
import tensorflow as tf

from strtf.layers.precision import at_least_float32, take_rows, wide_dtype

WIDE = {"float16": "float32", "mixed_bfloat16": "float32", "float32": "float32", "float64": "float64"}


@pytest.mark.parametrize(("policy", "expected"), WIDE.items())
def test_of_a_policy(policy, expected):
    assert wide_dtype(keras.DTypePolicy(policy)) == expected


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("bfloat16", "float32"), ("float16", "float32"), ("float32", "float32"), ("float64", "float64")],
)
def test_of_a_tensor(dtype, expected):
    assert keras.backend.standardize_dtype(at_least_float32(keras.ops.ones(2, dtype)).dtype) == expected


class TestTakeRows:
    TABLE = np.arange(12.0).reshape(3, 4)
    INDICES = np.int32([[1, 1, 0], [1, 2, 1]])

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_rows(self, dtype):
        rows = take_rows(keras.ops.cast(self.TABLE, dtype), self.INDICES)
        assert keras.backend.standardize_dtype(rows.dtype) == dtype
        np.testing.assert_array_equal(tf.cast(rows, "float64"), self.TABLE[self.INDICES])

    @pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
    def test_gradient_of_each_row_is_that_of_its_takers(self, dtype):
        np.testing.assert_array_equal(self.gradient(dtype, self.INDICES)[:, 0], [1, 4, 1])

    @pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
    def test_ten_thousand_takers_of_a_row_all_count(self, dtype):
        """A sum in bfloat16 would stay at 256, one in float16 at 2,048."""
        found = self.gradient(dtype, np.zeros(10_000, np.int32))
        np.testing.assert_allclose(found[0], 10_000, rtol=2**-8)

    def gradient(self, dtype, indices):
        table = tf.constant(self.TABLE, dtype)
        with tf.GradientTape() as tape:
            tape.watch(table)
            rows = take_rows(table, indices)
        found = tape.gradient(rows, table)
        assert found.dtype == dtype
        return tf.cast(tf.convert_to_tensor(found), "float64").numpy()
