"""The row of `train_step`: the project's own step on sentences, the same step on the authors' examples."""

from collections.abc import Sequence

from benchmarks.authors import AuthorsFormulation, example_batches, examples_of
from benchmarks.corpus import open_corpus
from benchmarks.harness import Effort, interleaved
from strtf.config import Experiment, TrainingOptions
from strtf.data.batches import Batch, TrainingBatches
from strtf.data.features import Example
from strtf.models.base import ExtractionModel
from strtf.training.optimizer import make_optimizer
from strtf.training.tensorflow_step import TensorFlowStep
from strtf.training.train import batch_shapes


def train_row(experiment: Experiment, steps: int, authors_batch_size: int, max_gb: float,
              effort: Effort) -> dict:  # fmt: skip
    """Times the same sentences and the same kept pairs both ways: forward, backward, clipping, update."""
    options = experiment.training
    corpus, model, _ = open_corpus(experiment, "train", steps * options.batch_size, options.seed)
    authors = AuthorsFormulation(model, experiment.model.rc_mask)
    ours_batches = [batch for _, batch in product_batches(experiment, model, corpus.examples)]
    # the same sentences and, because they are drawn by seed, epoch and sentence, the same kept negatives
    examples = [examples_of(batch) for _, batch in TrainingBatches(corpus.examples, options).epoch(0)]
    authors_batches = [
        batch
        for some in examples
        for batch in example_batches(some, authors_batch_size, max_gb, model.encoder.config, training=True)
    ]
    kept = sum(len(some["lengths"]) for some in examples)
    sides = {
        "ours": _steps(model, ours_batches, options),
        "authors": _steps(authors, authors_batches, options),
    }
    timings = interleaved(sides, effort)
    per_sentence = {name: timing.median_ms / len(corpus.sentences) for name, timing in timings.items()}
    return {
        **corpus.facts(),
        "mask": experiment.model.rc_mask.value,
        "num_task_blocks": experiment.model.num_task_blocks,
        "encoder": experiment.model.encoder.rstrip("/").rsplit("/", 1)[-1],
        "kept_pairs_per_sentence": kept / len(corpus.sentences),
        "ours_ms_per_sentence": per_sentence["ours"],
        "authors_ms_per_sentence": per_sentence["authors"],
        "ratio": per_sentence["authors"] / per_sentence["ours"],
        "ours_steps": len(ours_batches),
        "authors_steps": len(authors_batches),
        "authors_examples": sum(len(batch["lengths"]) for batch in authors_batches),
        "ours_batch_size": options.batch_size,
        "authors_batch_size": max(len(batch["lengths"]) for batch in authors_batches),
        **{f"{name}_first_ms": 1000.0 * timing.first for name, timing in timings.items()},
        **{f"{name}_time_spread": timing.spread for name, timing in timings.items()},
        "repeats": len(timings["ours"].samples),
    }


def product_batches(experiment: Experiment, model: ExtractionModel, examples: Sequence[Example]):
    """(ids, batch) of the first epoch, with padding and chunks of pairs as `training/train.py` has them."""
    return TrainingBatches(examples, experiment.training, batch_shapes(experiment, model, examples)).epoch(0)


def _steps(model, batches: Sequence[Batch], options: TrainingOptions):
    """Training steps over all batches, as a function without arguments.

    The schedule has more steps than are run, so the learning rate never is 0.
    """
    step = TensorFlowStep(model, make_optimizer(options, 1000 * len(batches), model), options)
    return lambda: [step(batch) for batch in batches]
