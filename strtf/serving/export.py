"""A run as a SavedModel: what `python -m strtf.export` does."""

import logging
import pathlib
import shutil
import tempfile
from collections.abc import Sequence

import keras
import tensorflow as tf

from strtf.config import Experiment, Precision, Quantize
from strtf.data.load import load_split
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
        StrtfError: no such run, a directory that cannot be made, a model without NER, weights that lose too much in
            int8, an export that does not answer as the model in memory does.
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
    split, sentences = _sentences(experiment)
    weights = StoredWeights(extractor.model, quantize)
    if quantize is not Quantize.NONE:
        _round_weights(extractor, weights, quantize, split, sentences, say)
    texts = [s.text for s in sentences[:CHECKED_SENTENCES]] or list(EXAMPLES)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.partial")  # no number: TensorFlow Serving does not see it
    shutil.rmtree(partial, ignore_errors=True)
    try:
        say("Writing the graph.")
        signatures = _write(partial, target, run_dir, extractor, weights)
        say(f"Checking it with TensorFlow alone on {split or 'example sentences'} and edge cases.")
        worst = check_export(partial, extractor, check_texts(texts, experiment.model.max_tokens), signatures)
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


def _sentences(experiment: Experiment) -> tuple[str, list[Sentence]]:
    """(what they are, sentences) of the test split, else of dev, else none."""
    for split in ("test", "dev"):
        try:
            return f"the {split} split", load_split(experiment.data, split)
        except StrtfError:  # moved since, or never there
            continue
    return "", []


def _round_weights(extractor, weights: StoredWeights, quantize, split: str, sentences, say) -> None:
    """Gives the model in memory the weights as they are stored, and tells what that costs."""
    before = _f1(extractor, sentences)
    weights.assign()
    after = _f1(extractor, sentences)
    if not sentences:
        say("Scores before and after: unknown, the run's test and dev splits cannot be read.")
    for name, value in before.items():
        say(f"{quantize}, {split}: {ROWS[name]} F1 {100 * value:.2f} before, {100 * after[name]:.2f} after.")
    lost = max((before[name] - after[name] for name in before), default=0.0)
    if quantize is Quantize.DYNAMIC_INT8 and lost >= LARGEST_LOSS:
        raise StrtfError(
            f"--quantize=dynamic_int8 must lose less than {100 * LARGEST_LOSS:.1f} F1. Received: a loss of "
            f"{100 * lost:.2f} on {split}. Use --quantize=float16 or none."
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
        tf.saved_model.save(served, str(partial), signatures)
        logging.disable(logging.NOTSET)
    write_extra(partial, target, signatures, extractor)
    return list(signatures)
