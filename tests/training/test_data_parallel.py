"""Which parts of a batch lie where; that the numbers stay the same, see `test_jax_step.py`."""

import os
import pathlib
import subprocess
import sys

import pytest

from strtf.config import TrainingOptions
from strtf.errors import StrtfError
from strtf.training.step import make_step

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CODE = """
import numpy as np, pytest
from strtf.errors import StrtfError
from strtf.training.data_parallel import DataParallel

devices = DataParallel()
assert len(devices) == 4
group = {"rows": np.zeros((3, 8, 5)), "odd": np.zeros((4, 6)), "num_chunks": np.int32(3)}
shared = devices.share({"ids": np.arange(24).reshape(8, 3), "odd": np.zeros(6), "chunks": (group,)})
parts = lambda array: array.sharding.shard_shape(array.shape)
assert parts(shared["ids"]) == (2, 3) and parts(shared["odd"]) == (6,)
(group,) = shared["chunks"]
assert parts(group["rows"]) == (3, 2, 5) and parts(group["odd"]) == (4, 6) and parts(group["num_chunks"]) == ()
np.testing.assert_array_equal(shared["ids"], np.arange(24).reshape(8, 3))
devices.check(8)
with pytest.raises(StrtfError, match="multiple of the 4 devices under --data_parallel. Received: 6. Try 4."):
    devices.check(6)
"""


def test_sentences_and_pairs_are_divided_where_they_can_be():
    flags = "--xla_force_host_platform_device_count=4"
    subprocess.run([sys.executable, "-c", CODE], cwd=REPOSITORY, check=True, env=os.environ | {"XLA_FLAGS": flags})


def test_tensorflow_has_one_device():
    with pytest.raises(StrtfError, match="--data_parallel needs JAX"):
        make_step(None, None, TrainingOptions(data_parallel=True))
