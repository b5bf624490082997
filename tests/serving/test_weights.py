"""How weights are stored: sizes, and how far rounding may go."""

import numpy as np
import pytest

from strtf.config import Quantize
from strtf.serving.weights import StoredWeights, _pack, _unpack

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(0, 1, (64, 48)).astype(np.float32) * np.geomspace(0.01, 10, 48, dtype=np.float32)
TABLE = (KERNEL.T * 2.0).copy()


def unpacked(path, value, quantize):
    return np.asarray(_unpack(_pack(path, value, quantize)))


def test_float32_is_kept():
    np.testing.assert_array_equal(unpacked("block/kernel", KERNEL, Quantize.NONE), KERNEL)


def test_float16():
    np.testing.assert_array_equal(unpacked("block/kernel", KERNEL, Quantize.FLOAT16), KERNEL.astype(np.float16))


def test_what_float16_cannot_hold_stays():
    np.testing.assert_array_equal(unpacked("a/kernel", 1e6 * KERNEL, Quantize.FLOAT16), 1e6 * KERNEL)


@pytest.mark.parametrize(("path", "value", "axis"), [("a/qkv_kernel", KERNEL, 0), ("embedding/word", TABLE, 1)])
def test_int8_has_a_scale_for_each_output_or_row(path, value, axis):
    """Each is off by half a step of 1/127 of its own largest weight at most."""
    error = np.abs(unpacked(path, value, Quantize.DYNAMIC_INT8) - value)
    step = np.abs(value).max(axis=axis, keepdims=True) / 127
    assert (error <= 0.5001 * step).all()
    assert error.max() > 0.3 * step.max()


def test_int8_of_a_column_of_zeros():
    value = KERNEL.copy()
    value[:, 3] = 0.0
    assert (unpacked("a/kernel", value, Quantize.DYNAMIC_INT8)[:, 3] == 0).all()


@pytest.mark.parametrize("value", [KERNEL[0], KERNEL[:4, :4]], ids=["bias", "small"])
@pytest.mark.parametrize("quantize", Quantize)
def test_little_stays_as_it_is(value, quantize):
    np.testing.assert_array_equal(unpacked("a/kernel", value, quantize), value)


def test_sizes(make_extractor):
    model = make_extractor(tasks="ner").model

    def size(quantize):
        return sum(part.numpy().nbytes for parts in StoredWeights(model, quantize).stored for part in parts)

    assert size(Quantize.NONE) == sum(v.numpy().nbytes for v in model.trainable_variables)
    assert size(Quantize.NONE) > 1.8 * size(Quantize.FLOAT16)
    assert size(Quantize.FLOAT16) > 1.4 * size(Quantize.DYNAMIC_INT8)
