"""What each of several devices does of a training step: python -m benchmarks.data_parallel --backend=jax --json=FILE

XLA makes devices of this machine's processor, for which it compiles the largest step of a training, and says what one
of them computes and holds, and how often it hears from the others. Nothing is timed: they share the same cores.
"""

import collections
import os
import re

from absl import flags

from benchmarks.entry import number_list, run
from strtf.errors import StrtfError

MOST = 8
COLLECTIVE = re.compile(r" (all-reduce|all-gather|all-to-all|collective-permute|reduce-scatter)(?:-start)?\(")


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("data_dir", "angiography", "Corpus: a directory, or the embedded one.", flag_values=values)
    flags.DEFINE_string("encoder", "zh_small", "Shape of the encoder, a name of models.ENCODERS.", flag_values=values)
    flags.DEFINE_integer("num_task_blocks", 2, "K.", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("batch_size", MOST, "Sentences of a step.", lower_bound=1, flag_values=values)
    flags.DEFINE_list("devices", ["1", "2", "4", "8"], f"Numbers of devices, up to {MOST}.", flag_values=values)


def measure(values: flags.FlagValues, peak) -> list[dict]:
    if values.backend != "jax":
        raise StrtfError(f"--backend must be jax, which divides batches. Received: {values.backend}.")
    from benchmarks.models import ENCODERS
    from benchmarks.programs import largest_step
    from strtf.config import DataOptions, Experiment, ModelOptions, TrainingOptions

    experiment = Experiment(
        DataOptions(data_dir=values.data_dir),
        ModelOptions(num_task_blocks=values.num_task_blocks),
        TrainingOptions(batch_size=values.batch_size),
    )
    step, batch = largest_step(experiment, ENCODERS[values.encoder])
    return [_row(step, batch, count) for count in number_list("devices", values.devices)]


def _row(step, batch: dict, count: int) -> dict:
    import jax

    from strtf.training.data_parallel import DataParallel

    devices = DataParallel(jax.devices()[:count])
    devices.check(len(batch["lengths"]))
    program = step(devices).compiled(batch)
    heard = collections.Counter(COLLECTIVE.findall(program.as_text()))
    return {
        "devices": count,
        "gflop_each": program.cost_analysis()["flops"] / 1e9,
        "temporary_mb_each": program.memory_analysis().temp_size_in_bytes / 2**20,
        "all_reduce": heard["all-reduce"],
        "all_gather": heard["all-gather"],
        "others": heard.total() - heard["all-reduce"] - heard["all-gather"],
    }


if __name__ == "__main__":
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={MOST}"
    run(define_flags, measure)
