"""One training run from options to weights: what `python -m strtf.train` does."""

import collections
import dataclasses
import logging
import os
import pathlib
import shutil
from collections.abc import Sequence

import keras

from strtf.config import Experiment, Tasks
from strtf.data.batches import Shapes, TrainingBatches
from strtf.data.boundaries import possible_sizes
from strtf.data.features import OVERLAPPING, Example
from strtf.data.load import load_split, load_training_splits
from strtf.data.shapes import ExactShapes
from strtf.data.trained_on import changes, fingerprints
from strtf.errors import StrtfError
from strtf.evaluation.rules import TypePairRule
from strtf.extraction.compiled import compiles_each_shape, few_shapes
from strtf.extraction.load import make_extractor, make_featurizer
from strtf.models.base import ExtractionModel
from strtf.models.build import build_model
from strtf.pretrained.load import assign_weights, open_pretrained
from strtf.run_dir import RunDir, is_leftover, read_json, write_json
from strtf.schema import Schema
from strtf.training.initial import begin_with
from strtf.training.loop import Trainer
from strtf.training.optimizer import make_optimizer
from strtf.training.state import TrainingState
from strtf.training.step import make_step

_LOG = logging.getLogger(__name__)


def train(experiment: Experiment, run_dir: RunDir, resume: bool = False) -> TrainingState:
    """Trains, or goes on training.

    Everything that can be wrong with options, data and encoder is found before the run directory is made.

    Raises:
        StrtfError: bad options, data or checkpoint; a run directory of another experiment.
    """
    _check_run_dir(experiment, run_dir, resume)
    _check_options(experiment)
    make_deterministic(experiment.training.seed)
    train_split, dev_split = load_training_splits(experiment.data)
    data = fingerprints({"train": train_split, "dev": dev_split})
    _check_data(data, run_dir)
    schema = _schema(experiment, train_split)
    schema.check(train_split)
    schema.check(dev_split)
    schema.check_learnable(relations=experiment.model.tasks is not Tasks.NER)
    pretrained = open_pretrained(experiment.model.encoder)
    _warn_about_case(experiment, pretrained)
    model = build_model(experiment, pretrained.config, schema)
    if model.pretrained is not None:
        assign_weights(model.pretrained, pretrained.weights)
    going_on = resume and run_dir.checkpoint.exists()
    if experiment.training.initial_run and not going_on:
        print(begin_with(model, RunDir(experiment.training.initial_run), schema, pretrained), flush=True)
    featurizer = make_featurizer(experiment, schema, pretrained.vocabulary)
    featurizer.corpus(dev_split)  # --overlaps=error concerns it too, and should not wait for the first epoch's end
    examples, lost = featurizer.corpus(train_split)
    _report(train_split, dev_split, examples, schema, lost, experiment.model.tag_layers)
    shapes = batch_shapes(experiment, model, examples)
    has_pairs = experiment.model.tasks is not Tasks.NER
    batches = TrainingBatches(examples, experiment.training, shapes, pretrained.vocabulary.mask_id, has_pairs)
    optimizer = make_optimizer(experiment.training, batches.steps_per_epoch * experiment.training.epochs, model)
    step = make_step(model, optimizer, experiment.training)
    extractor = make_extractor(experiment, model, featurizer)
    trainer = Trainer(experiment, run_dir, extractor, step, optimizer, batches, dev_split)
    if going_on:
        run_dir.remove_leftovers()
        trainer.restore()
        print(f"Resuming after epoch {trainer.state.epoch}, step {trainer.state.step_in_epoch}.", flush=True)
    elif not (resume and run_dir.exists()):
        _create(run_dir, experiment, schema, pretrained, TypePairRule.fit(train_split), data)
    return trainer.fit()


def make_deterministic(seed: int) -> None:
    """Seeds Python, numpy and Keras, and makes TensorFlow's operators repeat to the bit."""
    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def batch_shapes(experiment: Experiment, model: ExtractionModel, examples: Sequence[Example]) -> Shapes:
    """Few shapes where each is compiled for, fewest on an accelerator; exact ones elsewhere."""
    training, options = experiment.training, experiment.model
    if training.rdrop_weight:  # twice the activations a pair
        options = dataclasses.replace(options, rc_memory_mb=max(options.rc_memory_mb // 2, 16))
    memory = model.pair_memory(options, training=True)
    if not training.jit_compile and not compiles_each_shape():
        return ExactShapes(memory)
    longest = max(len(example.token_ids) for example in examples)
    longest_pair = max(possible_sizes(example, training.boundary_negatives).max(initial=1) for example in examples)
    return few_shapes()(longest, memory, int(longest_pair), max(longest, options.max_tokens))


def _check_run_dir(experiment: Experiment, run_dir: RunDir, resume: bool) -> None:
    if not run_dir.exists():
        if run_dir.path.exists() and not (run_dir.path.is_dir() and all(map(is_leftover, run_dir.path.iterdir()))):
            raise StrtfError(f"--run_dir must be new, empty or a run of this program. Received: {run_dir.path}.")
        return
    if not resume:
        raise _holds_a_run(run_dir.path)
    differences = run_dir.read_experiment().differences(experiment)
    if differences:
        raise StrtfError(
            f"--run_dir must hold the same experiment to resume it. Received: {run_dir.path}, whose options differ "
            f"(run against flags): {'; '.join(differences)}. Use the run's flags, or another directory."
        )


def _holds_a_run(path: pathlib.Path) -> StrtfError:
    return StrtfError(
        f"--run_dir must be new. Received: {path}, which holds a run. "
        "Continue it with --resume, or name another directory."
    )


def _check_options(experiment: Experiment) -> None:
    if experiment.model.min_probability:
        raise StrtfError(
            "--min_probability must be left to what uses the trained run: predict, evaluate, export. "
            f"Received: {experiment.model.min_probability}. Leave it out."
        )


def _check_data(data: dict, run_dir: RunDir) -> None:
    """A run goes on with the sentences that it began with; their paths alone do not say so."""
    if changed := changes(run_dir, data):
        raise StrtfError(
            f"--resume must find the sentences that the run began with. Received: {run_dir.path}, whose data changed "
            f"(sentences {changed}). Restore the files, or start another run."
        )


def _schema(experiment: Experiment, train_split) -> Schema:
    given = experiment.data.schema
    if given:
        return Schema.from_json(read_json(given)).in_order()
    # a subsample may miss types that the development split has; the inventory is the whole split's
    whole = load_split(experiment.data, "train") if experiment.data.max_train_sentences else train_split
    return Schema.from_sentences(whole)


def _warn_about_case(experiment: Experiment, pretrained) -> None:
    if pretrained.lowercase is not None and pretrained.lowercase != experiment.model.lowercase:
        wanted = "--lowercase" if pretrained.lowercase else "--nolowercase"
        _LOG.warning("The encoder was trained with %s; the run uses the other.", wanted)


def _report(train_split, dev_split, examples, schema: Schema, lost: collections.Counter, num_layers: int) -> None:
    print(
        f"{len(train_split)} training and {len(dev_split)} development sentences, {len(examples)} windows; "
        f"{len(schema.entity_types)} entity types, {len(schema.relation_classes)} relation classes",
        flush=True,
    )
    items = ", ".join(f"{count} {cause}" for cause, count in sorted(lost.items()) if count)
    if items:
        hint = f"; --tag_layers={num_layers + 1} would hold more of them" if lost[OVERLAPPING] else ""
        print(f"Not representable in training: {items}{hint}", flush=True)


def _create(
    run_dir: RunDir, experiment: Experiment, schema: Schema, pretrained, rules: TypePairRule, data: dict
) -> None:
    """Makes the run directory whole: written beside its place and renamed, or into it where it is there already.

    A directory that is there may be a mount point, which nothing can take the place of, below one that is not ours.
    """
    path = run_dir.path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    name = f".{path.name}.{os.getpid()}.tmp"
    partial = RunDir(path / name if path.exists() else path.with_name(name))
    partial.path.mkdir()
    try:
        write_json(partial.schema, schema.to_json())
        write_json(partial.encoder, pretrained.config.to_json())
        write_json(partial.rules, rules.to_json())
        write_json(partial.data, data)
        pretrained.vocabulary.save(partial.vocabulary)
        write_json(partial.config, experiment.to_json())
        if RunDir(path).exists():  # another process was first
            raise _holds_a_run(path)
        _move(partial, path)
    except BaseException:
        shutil.rmtree(partial.path)
        raise


def _move(partial: RunDir, path: pathlib.Path) -> None:
    if partial.path.parent != path:
        partial.path.rename(path)
        return
    # last what says that a run is there
    for file in sorted(partial.path.iterdir(), key=lambda file: file == partial.config):
        file.rename(path / file.name)
    partial.path.rmdir()
