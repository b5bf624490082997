"""The large matrix products of each pass alone: python -m benchmarks.rc_products --json=FILE

What `rc_shortcut` times, stripped of all but the products that no implementation can do without: those of each block's
kernels with the rows that the pass needs. Their ratios bound those of the passes on a machine whose products run as
fast, for so many rows, as these do; Eq. (14), exact rows and dense, beside the NER pass.
"""

from absl import flags

from benchmarks.entry import choice_list, run
from benchmarks.rc_shortcut import ENCODERS

COLUMNS = ("side", "rows", "gflop", "products_ms", "gflops", "over_exact", "over_ner")


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_list("encoders", ["bert_base"], f"Among {', '.join(ENCODERS)}.", flag_values=values)
    flags.DEFINE_integer("num_task_blocks", 4, "K, at least 2.", lower_bound=2, flag_values=values)
    flags.DEFINE_integer("length", 128, "T.", lower_bound=8, flag_values=values)
    flags.DEFINE_integer("pairs", 45, "Pairs of the one sentence.", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("attended", 9, "Tokens a pair attends to.", lower_bound=3, flag_values=values)


def measure(values: flags.FlagValues, peak) -> list[dict]:
    from benchmarks.harness import Effort, interleaved
    from benchmarks.models import ENCODERS as configs

    rows = []
    for name in choice_list("encoders", values.encoders, ENCODERS):
        sides = pass_shapes(configs[name], values.num_task_blocks, values.length, values.pairs, values.attended)
        calls = {side: _products(shapes, values.precision) for side, shapes in sides.items()}
        timings = interleaved(calls, Effort(values.seconds, values.repeats))
        rows += [_row(name, side, shapes, timings) for side, shapes in sides.items()]
    return rows


def pass_shapes(config, num_task_blocks: int, length: int, pairs: int, attended: int) -> dict[str, list[tuple]]:
    """(rows, width in, width out) of every product of a kernel, by side.

    Under exact rows b_1 takes its projections from the NER pass, and b_K has one query a pair whose way to keys and
    values costs as much as two projections of it; see `pair_focused_cls`.
    """
    width, inner = config.hidden_size, config.intermediate_size
    finish, project = [(width, width), (width, inner), (inner, width)], [(width, 3 * width)]
    packed = pairs * attended
    exact = [(packed, *kernel) for kernel in finish]
    exact += [(packed, *kernel) for _ in range(num_task_blocks - 2) for kernel in project + finish]
    exact += [(pairs, *kernel) for kernel in [*project, *finish]]
    return {
        "ner": [(length, *kernel) for _ in range(config.num_blocks) for kernel in project + finish],
        "exact": exact,
        "dense": [(pairs * length, *kernel) for _ in range(num_task_blocks) for kernel in project + finish],
    }


def _products(shapes, precision: str):
    """All products of a side as one function; every product has a kernel of its own, as the blocks have."""
    import keras
    import numpy as np

    from benchmarks.backend import on_device

    rng = np.random.default_rng(0)
    dtype = keras.dtype_policies.get(precision).compute_dtype

    def array(*shape):
        return keras.ops.cast(on_device(rng.standard_normal(shape, np.float32)), dtype)

    rows = {(m, k): array(m, k) for m, k, _ in shapes}
    operands = [(rows[m, k], array(k, n)) for m, k, n in shapes]
    return lambda: [keras.ops.matmul(left, right) for left, right in operands]


def _row(encoder: str, side: str, shapes, timings) -> dict:
    milliseconds, gflop = timings[side].median_ms, 2e-9 * sum(m * k * n for m, k, n in shapes)
    return {
        "encoder": encoder,
        "side": side,
        "rows": max(m for m, _, _ in shapes),
        "gflop": gflop,
        "products_ms": milliseconds,
        "gflops": 1000.0 * gflop / milliseconds,
        "over_exact": milliseconds / timings["exact"].median_ms,
        "over_ner": milliseconds / timings["ner"].median_ms,
        "time_spread": timings[side].spread,
    }


if __name__ == "__main__":
    run(define_flags, measure, COLUMNS)
