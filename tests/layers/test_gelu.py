"""GELU in both forms, as it is computed on either backend."""

import math

import keras
import numpy as np
import pytest

from strtf.layers.gelu import gelu

X = np.linspace(-9, 9, 500)


@pytest.fixture(params=["tensorflow", "jax"])
def backend(request, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: request.param)


@pytest.mark.usefixtures("backend")
class TestGelu:
    @pytest.mark.parametrize("dtype", ["float64", "float32"])
    def test_exact_form(self, dtype):
        expected = [x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in X]
        tolerance = {"float64": 1e-8, "float32": 1e-6}[dtype]
        np.testing.assert_allclose(gelu(keras.ops.cast(X, dtype), approximate=False), expected, atol=tolerance)

    def test_tanh_form(self):
        expected = X * (1 + np.tanh(np.sqrt(2 / np.pi) * (X + 0.044715 * X**3))) / 2
        np.testing.assert_allclose(gelu(keras.ops.cast(X, "float64"), approximate=True), expected, atol=1e-6)

    def test_half_precision_keeps_its_dtype(self):
        x = keras.ops.cast(X, "bfloat16")
        found, wide = gelu(x, approximate=False), gelu(keras.ops.cast(x, "float32"), approximate=False)
        assert keras.backend.standardize_dtype(found.dtype) == "bfloat16"
        np.testing.assert_allclose(keras.ops.cast(found, "float32"), wide, rtol=2**-7, atol=0.02)
