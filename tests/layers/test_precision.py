import keras
import pytest

from strtf.layers.precision import at_least_float32, wide_dtype

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
