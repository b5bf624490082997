"""Programs of a training: their sizes, their shapes."""

import numpy as np
import pytest

HLO = """HloModule jit_f, entry_computation_layout={(f32[2,3]{1,0})->(f32[2]{0}, f32[])}
ENTRY main.5 {
  p.1 = f32[2,3]{1,0} parameter(0)
  zero.2 = f32[] constant(0)
  sums.3 = f32[2]{0} reduce(p.1, zero.2), dimensions={1}, to_apply=add.1
  both.4 = (f32[2]{0}, f32[]) custom-call(sums.3), custom_call_target="x"
  ROOT pair.5 = (f32[2]{0}, f32[]) tuple(sums.3, zero.2)
}
"""


def test_only_what_computes_is_counted():
    from benchmarks.programs import count_instructions

    assert count_instructions(HLO) == 2


def test_one_batch_of_each_shape():
    from benchmarks.programs import one_of_each_shape

    class Batches:
        def epoch(self, number):
            yield from (([], {"token_ids": np.zeros((2, length), np.int32)}) for length in (8, 16, 8))

    assert [batch["token_ids"].shape for batch in one_of_each_shape(Batches(), 2)] == [(2, 8), (2, 16)]


def test_another_backend_is_an_error(parsed):
    from benchmarks import compile_time
    from strtf.errors import StrtfError

    with pytest.raises(StrtfError, match="--backend must be jax"):
        compile_time.measure(parsed(compile_time, "--backend=tensorflow"), None)
