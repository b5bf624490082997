"""Programs that a training on JAX compiles, and what each costs: python -m benchmarks.compile_time --json=FILE

A row for each program of a training with its development extraction: a step for each shape of batch in `--epochs`
epochs, and what extracts the development split, gold entities as if found. Nothing else is trained.
"""

from absl import flags

from benchmarks.entry import run
from strtf.errors import StrtfError

COLUMNS = (
    "program",
    "shapes",
    "hlo_before",
    "hlo_after",
    "products",
    "trace_s",
    "lower_s",
    "compile_s",
    "compile_cpu_s",
)


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("data_dir", "angiography", "Corpus: a directory, or the embedded one.", flag_values=values)
    flags.DEFINE_string(
        "encoder", "narrow", "Shape of the encoder, a name of models.ENCODERS; weights are random.", flag_values=values
    )
    flags.DEFINE_integer("num_task_blocks", 4, "K.", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("batch_size", 8, "Sentences of a step.", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("epochs", 10, "Epochs whose batches are looked at.", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("dev_sentences", 0, "Of the development split (0: all).", lower_bound=0, flag_values=values)
    flags.DEFINE_boolean("accelerator", True, "Shapes as on an accelerator, not as on a CPU.", flag_values=values)


def measure(values: flags.FlagValues, peak) -> list[dict]:
    if values.backend != "jax":
        raise StrtfError(f"--backend must be jax: TensorFlow traces once. Received: {values.backend}.")
    from benchmarks.models import ENCODERS
    from benchmarks.programs import program_rows
    from strtf.config import DataOptions, Experiment, ModelOptions, Precision, TrainingOptions

    if values.encoder not in ENCODERS:
        raise StrtfError(f"--encoder must be among {', '.join(ENCODERS)}. Received: {values.encoder}.")
    experiment = Experiment(
        DataOptions(data_dir=values.data_dir, max_dev_sentences=values.dev_sentences),
        ModelOptions(num_task_blocks=values.num_task_blocks),
        TrainingOptions(batch_size=values.batch_size, epochs=values.epochs, precision=Precision(values.precision)),
    )
    rows = program_rows(experiment, ENCODERS[values.encoder], values.accelerator)
    return [*rows, _total(rows)]


def _total(rows: list[dict]) -> dict:
    sums = {name: sum(row[name] for row in rows) for name in COLUMNS[2:]}
    return {"program": f"all {len(rows)}", "shapes": ""} | sums


if __name__ == "__main__":
    run(define_flags, measure, COLUMNS)
