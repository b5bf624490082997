"""Time of a training step for each sentence, ours against the authors': python -m benchmarks.train_step --json=FILE"""

from absl import flags

from benchmarks.entry import run
from strtf.config import RcMask
from strtf.errors import StrtfError

COLUMNS = (
    "corpus", "mask", "num_task_blocks", "sentences", "pairs_per_sentence", "kept_pairs_per_sentence",
    "ours_ms_per_sentence", "authors_ms_per_sentence", "ratio", "ours_first_ms", "authors_first_ms",
)  # fmt: skip


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("data_dir", "angiography", "Corpus: a directory, or the embedded one.", flag_values=values)
    flags.DEFINE_string("encoder", "checkpoints/zh_small", "Pretrained BERT.", flag_values=values)
    flags.DEFINE_integer("num_task_blocks", 4, "K.", lower_bound=1, flag_values=values)
    flags.DEFINE_enum("rc_mask", "pair_focused", [m.value for m in RcMask], "MASK_rc.", flag_values=values)
    flags.DEFINE_integer("steps", 2, "Training steps of ours that are compared.", lower_bound=1, flag_values=values)
    flags.DEFINE_integer("batch_size", 16, "Sentences of our step.", lower_bound=1, flag_values=values)
    flags.DEFINE_integer(
        "authors_batch_size", 48, "Examples of the authors' step (theirs: 48).", lower_bound=1, flag_values=values
    )
    flags.DEFINE_float("negative_keep", 0.15, "Share of 'No relation' pairs that are trained on.",
                       lower_bound=0.0, upper_bound=1.0, flag_values=values)  # fmt: skip
    flags.DEFINE_float("max_gb", 6.0, "Memory for an authors' step; smaller batches where it would need more.",
                       lower_bound=0.1, flag_values=values)  # fmt: skip
    flags.DEFINE_integer("seed", 0, "Of the sample of sentences, negatives, dropout.", flag_values=values)


def measure(values: flags.FlagValues, peak) -> list[dict]:
    if values.backend != "tensorflow":
        raise StrtfError(f"--backend must be tensorflow: the training step is. Received: {values.backend}.")
    from benchmarks.harness import Effort
    from benchmarks.models import paper_options
    from benchmarks.train_rows import train_row
    from strtf.config import DataOptions, Experiment, Precision, TrainingOptions
    from strtf.training.train import make_deterministic

    make_deterministic(values.seed)  # as in training
    model = paper_options(values.num_task_blocks, values.rc_mask, encoder=values.encoder)
    training = TrainingOptions(
        batch_size=values.batch_size,
        negative_keep=values.negative_keep,
        seed=values.seed,
        precision=Precision(values.precision),
    )
    experiment = Experiment(DataOptions(data_dir=values.data_dir), model, training)
    effort = Effort(values.seconds, values.repeats)
    return [train_row(experiment, values.steps, values.authors_batch_size, values.max_gb, effort)]


if __name__ == "__main__":
    run(define_flags, measure, COLUMNS)
