"""`benchmarks` is no part of the installed package: it is found where the repository is."""

import pathlib
import sys

import pytest
from absl import flags

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2]))


@pytest.fixture
def parsed():
    """parsed(module, "--name=value", …): flag values of a command, apart from those of the process."""
    from benchmarks.entry import define_common

    def parse(module, *arguments):
        values = flags.FlagValues()
        define_common(values)
        module.define_flags(values)
        values(["command", *arguments])
        return values

    return parse


@pytest.fixture(scope="session")
def quick():
    """As little effort as there is."""
    from benchmarks.harness import Effort

    return Effort(seconds=0.0, repeats=1)


@pytest.fixture
def eager():
    """No tracing: what is computed is the same, and these tests do not look at times."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
