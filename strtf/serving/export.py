"""A run as a SavedModel: what `python -m strtf.export` does."""

import dataclasses
import logging
import pathlib
import shutil
import tempfile
from collections.abc import Sequence

import keras
import tensorflow as tf

from strtf.config import DataOptions, Precision, Quantize
from strtf.data.load import EMBEDDED, split_paths
from strtf.data.trained_on import DataChanged, load_split_of
from strtf.errors import StrtfError
from strtf.evaluation.evaluate import evaluate
from strtf.evaluation.scores import ROWS
from strtf.extraction.extractor import Extractor
from strtf.extraction.load import load_extractor
from strtf.models.base import Task
from strtf.run_dir import RunDir
from strtf.schema import Sentence
from strtf.serving.layout import README_PATH, check_target, write_assets, write_extra
from strtf.serving.self_check import check_export, check_texts
from strtf.serving.signatures import ServedModel
from strtf.serving.warmup import EXAMPLES
from strtf.serving.weights import StoredWeights

CHECKED_SENTENCES = 40
LARGEST_LOSS = 0.003  # of F1, by weights in int8


def export(run_dir: RunDir, export_dir: str, quantize: Quantize, given: dict[str, dict], say=print) -> None:
    """Writes and checks one version directory; it appears under its name only when it is whole and right.

    Args:
        export_dir: ends in a version number and must not exist.
        given: options that replace the run's, see `Experiment.override`. The precision is float32 always.
        say: is told what happens.

    Raises:
        StrtfError: no such run, a directory that cannot be made, a model without NER, a split with a mistake in it,
            weights that lose too much in int8, no dev split to tell it by, an export that does not answer as the
            model in memory does.
    """
    target = pathlib.Path(export_dir)
    check_target(target)
    if keras.backend.backend() != "tensorflow":
        raise StrtfError(f"KERAS_BACKEND must be tensorflow for an export. Received: {keras.backend.backend()}.")
    experiment = run_dir.require().read_experiment().override(given)
    experiment = experiment.override({"training": {"precision": Precision.FLOAT32.value}})
    extractor = load_extractor(run_dir, experiment)
    _require_entities(extractor)
    say(f"Model: {experiment.model.system}, {extractor.model.count_params():,} weights, from {run_dir.path}.")
    splits = {split: _sentences(run_dir, experiment.data, split) for split in ("dev", "test")}
    weights = StoredWeights(extractor.model, quantize)
    if quantize is not Quantize.NONE:
        _round_weights(extractor, weights, quantize, splits, say)
    source, texts = _texts(splits)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")  # no number: TensorFlow Serving does not see it
    shutil.rmtree(partial, ignore_errors=True)
    try:
        say("Writing the graph.")
        signatures = _write(partial, target, run_dir, extractor, weights)
        say(f"Checking it with TensorFlow alone on {source} and edge cases.")
        worst = check_export(partial, extractor, check_texts(texts, experiment.model), signatures)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    size = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    say(f"The same entities and relations; probabilities within {worst:.0e}.")
    say(f"{target}: {size / 2**20:.1f} MiB, {', '.join(sorted(signatures))}. How to serve it: {target / README_PATH}.")


def _require_entities(extractor: Extractor) -> None:
    if Task.NER not in extractor.model.tasks:
        raise StrtfError(
            "--run_dir must hold a model that finds entities: an export takes texts alone, and relations need them. "
            "Received: a run with --tasks=rc. Export one with --tasks=joint or --tasks=ner."
        )


def _sentences(run_dir: RunDir, options: DataOptions, split: str) -> list[Sentence]:
    """A split's sentences; none where the options name no such split, or its file has moved or changed since.

    Raises:
        StrtfError: a mistake in the file.
    """
    if options.data_dir != EMBEDDED and not pathlib.Path(options.data_dir).is_dir():
        options = dataclasses.replace(options, data_dir="")
    paths = split_paths(options)
    path = paths["train"] if set(paths) == {"train"} else paths.get(split)
    if not (path and path.exists()):
        return []
    try:
        return load_split_of(run_dir, options, split)
    except DataChanged:  # it would hold what was trained on
        return []


def _texts(splits: dict[str, list[Sentence]]) -> tuple[str, list[str]]:
    """(what they are, texts) that the export is checked on."""
    for split in ("test", "dev"):
        if splits[split]:
            return f"the {split} split", [s.text for s in splits[split][:CHECKED_SENTENCES]]
    return "example sentences", list(EXAMPLES)


def _round_weights(extractor, weights: StoredWeights, quantize, splits: dict[str, list[Sentence]], say) -> None:
    """Gives the model in memory the weights as they are stored, and tells what that costs.

    Test is told and chooses nothing: int8 is accepted or refused by dev.
    """
    if quantize is Quantize.DYNAMIC_INT8 and not splits["dev"]:
        raise StrtfError(
            "--quantize=dynamic_int8 must have a dev split to tell what it loses. Received: a run whose dev split is "
            "not there. Name one with --dev_data, or use --quantize=float16 or none."
        )
    before = {split: _f1(extractor, sentences) for split, sentences in splits.items()}
    weights.assign()
    after = {split: _f1(extractor, sentences) for split, sentences in splits.items()}
    for split, scores in before.items():
        if not scores:
            say(f"{quantize}, {split} split: F1 before and after is unknown, the split is not there.")
        for name, value in scores.items():
            say(
                f"{quantize}, {split} split: {ROWS[name]} F1 {100 * value:.2f} before, "
                f"{100 * after[split][name]:.2f} after."
            )
    lost = max((value - after["dev"][name] for name, value in before["dev"].items()), default=0.0)
    if quantize is Quantize.DYNAMIC_INT8 and lost >= LARGEST_LOSS:
        raise StrtfError(
            f"--quantize=dynamic_int8 must lose less than {100 * LARGEST_LOSS:.1f} F1. Received: a loss of "
            f"{100 * lost:.2f} on the dev split. Use --quantize=float16 or none."
        )


def _f1(extractor: Extractor, sentences: Sequence[Sentence]) -> dict[str, float]:
    if not sentences:
        return {}
    scores = evaluate(extractor, sentences)
    return {name: scores[name]["f1"] for name in ("ner", "rc_predicted") if name in scores}


def _write(partial, target, run_dir: RunDir, extractor: Extractor, weights) -> list[str]:
    """Names of the signatures in the directory it makes."""
    with tempfile.TemporaryDirectory() as directory:
        assets = write_assets(pathlib.Path(directory), run_dir, extractor)
        served = ServedModel(extractor, weights, assets)
        signatures = served.signatures()
        logging.disable(logging.INFO)  # of shards and fingerprints
        try:
            tf.saved_model.save(served, str(partial), signatures)
        except tf.errors.ResourceExhaustedError as error:
            raise StrtfError(f"{target} must be writable. Received: {error.message}. Free some space.") from error
        finally:
            logging.disable(logging.NOTSET)
    write_extra(partial, target, signatures, extractor)
    return list(signatures)
