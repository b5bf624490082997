"""The limit: GFLOP/s of the best large matrix product, measured in the same run as what is held against it."""

import keras
import numpy as np

from benchmarks.backend import device_name, on_device
from benchmarks.harness import sample

# (m, k, n): square ones, and BERT-base's feed-forward over 2,048 rows
CPU_SHAPES = ((1024, 1024, 1024), (2048, 2048, 2048), (2048, 768, 3072))
ACCELERATOR_SHAPES = ((4096, 4096, 4096), (8192, 8192, 8192))
ACCELERATOR_CALLS = 20  # in one sample: an accelerator's product is so short that starting it would count
TRIES = 4


class MatrixPeak:
    """The best product so far.

    Args:
        precision: a Keras dtype policy; products run in its compute dtype.
    """

    def __init__(self, precision: str = "float32"):
        self.gflops = 0.0
        dtype = keras.dtype_policies.get(precision).compute_dtype
        on_cpu = device_name() == "CPU"
        shapes = CPU_SHAPES if on_cpu else ACCELERATOR_SHAPES
        self._calls = 1 if on_cpu else ACCELERATOR_CALLS
        self._products = [(2e-9 * m * k * n, _product(m, k, n, dtype)) for m, k, n in shapes]
        self._warm = False

    def measure(self) -> float:
        """Tries each shape a few times more; returns the best GFLOP/s of all so far."""
        for gflop, product in self._products:
            if not self._warm:
                sample(product)
            best = min(sample(product, self._calls) for _ in range(TRIES))
            self.gflops = max(self.gflops, gflop / best)
        self._warm = True
        return self.gflops


def _product(m, k, n, dtype):
    rng = np.random.default_rng(0)
    shapes = ((m, k), (k, n))
    left, right = on_device([rng.standard_normal(shape).astype(np.float32) for shape in shapes])
    left, right = keras.ops.cast(left, dtype), keras.ops.cast(right, dtype)
    return lambda: keras.ops.matmul(left, right)
