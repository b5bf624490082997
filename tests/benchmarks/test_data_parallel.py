"""Parts of a training step."""

import pytest

from strtf.errors import StrtfError

HLO = """
  %all-reduce.1 = f32[2]{0} all-reduce(%p.1), to_apply=%add
  %all-gather-start.2 = (f32[2]{0}, f32[4]{0}) all-gather-start(%p.2), dimensions={0}
  %all-gather-done.3 = f32[4]{0} all-gather-done(%all-gather-start.2)
  %sum.4 = f32[] reduce(%all-reduce.1), to_apply=%add
"""


def test_what_devices_tell_each_other_is_counted_once():
    from benchmarks.data_parallel import COLLECTIVE

    assert COLLECTIVE.findall(HLO) == ["all-reduce", "all-gather"]


def test_another_backend_is_an_error(parsed):
    from benchmarks import data_parallel

    with pytest.raises(StrtfError, match="--backend must be jax"):
        data_parallel.measure(parsed(data_parallel, "--backend=tensorflow"), None)
