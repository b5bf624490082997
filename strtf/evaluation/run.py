"""A trained run on one of its splits: scores (`python -m strtf.evaluate`) and thresholds (`python -m strtf.tune`)."""

import collections
import dataclasses
from collections.abc import Collection, Sequence

from strtf.config import Experiment
from strtf.data.load import as_trained_on
from strtf.data.trained_on import load_split_of
from strtf.device import describe_device
from strtf.errors import StrtfError
from strtf.evaluation.error_page import write_error_page
from strtf.evaluation.errors import count_errors
from strtf.evaluation.evaluate import (
    compare_answers,
    find_calibration,
    find_errors,
    find_intervals,
    score_table,
    summarize,
)
from strtf.evaluation.mentions import known_mentions
from strtf.evaluation.rules import NearestRule, TypePairRule
from strtf.evaluation.threshold import tune_decision
from strtf.extraction.cost import announce, extraction_cost
from strtf.extraction.extractor import Extractor
from strtf.extraction.load import load_extractor
from strtf.models.base import Task
from strtf.run_dir import RunDir, check_writable, read_as, read_tensors, write_json, write_tensors
from strtf.schema import Sentence


def evaluate_run(
    run_dir: RunDir,
    split: str,
    given: dict[str, dict],
    json_path: str | None = None,
    html_path: str | None = None,
    seen_mentions: bool = False,
) -> str:
    """Evaluates and returns the table; writes the scores as JSON, and the errors as a page, where paths are given.

    Args:
        given: options that replace the run's, see `Experiment.override`.
        seen_mentions: score mentions that the training split has and the others apart; reads that split.

    Raises:
        StrtfError: no such run or split; types that training never showed.
    """
    for path in filter(None, (json_path, html_path)):
        check_writable(path)
    experiment = run_dir.require().read_experiment().override(given)
    # before the work: the training split may be gone
    known = known_mentions(_training_split(run_dir, given)) if seen_mentions else None
    extractor, sentences, lost = _open(run_dir, split, experiment)
    rules = (read_as(run_dir.rules, TypePairRule.from_json), read_as(run_dir.rules, NearestRule.from_json))
    found = extractor.extract([s.text for s in sentences]) if Task.NER in extractor.model.tasks else None
    rows = compare_answers(extractor, sentences, found, rules=rules, known=known)
    errors = find_errors(sentences, rows)
    scores = summarize(rows, lost)
    scores |= {"f1_intervals": find_intervals(rows)}
    scores |= {"errors": {name: count_errors(*rows[name], each) for name, each in errors.items()}}
    if found:
        scores |= {"calibration": find_calibration(sentences, found)}
    title = f"{split} split, {len(sentences)} sentences, {run_dir.path}"
    table = score_table(scores, title)
    if json_path:
        write_json(json_path, {"split": split, "run_dir": str(run_dir.path)} | describe_device() | scores)
    if html_path:
        write_error_page(html_path, title, table, sentences, rows, errors, found)
    return table


def tune_run(run_dir: RunDir, given: dict[str, dict]) -> str:
    """Chooses the run's thresholds anew on its development split, keeps them with its weights, returns the scores.

    Args:
        given: options that replace the run's, see `Experiment.override`: other data above all.

    Raises:
        StrtfError: no such run or split; types that training never showed; a split that says nothing of a task;
            options that the run does not have and would not keep.
    """
    trained = run_dir.require().read_experiment()
    experiment = trained.override(given)
    _check_kept(trained, experiment)
    extractor, sentences, lost = _open(run_dir, "dev", experiment)
    _check_annotated(sentences, extractor.model.tasks)
    before = extractor.decision.to_json()
    answers = tune_decision(extractor, sentences, experiment.training)
    scores = summarize(compare_answers(extractor, sentences, *answers), lost)
    chosen = extractor.decision.to_json()
    write_tensors(run_dir.weights, read_tensors(run_dir.weights)[0], chosen)
    changes = (f"{name} {before[name]:.2f} → {now:.2f}" for name, now in chosen.items())
    return score_table(scores, f"dev split, {len(sentences)} sentences, {run_dir.path}: {', '.join(changes)}")


def _check_kept(trained: Experiment, experiment: Experiment) -> None:
    """Thresholds chosen with another extraction than the run's would be kept for the run's."""
    training = dataclasses.replace(trained.training, precision=experiment.training.precision)
    if lost := trained.differences(dataclasses.replace(trained, model=experiment.model, training=training)):
        raise StrtfError(
            "Thresholds must be chosen with the run's own options, for nothing but them is kept. Received (run against "
            f"flags): {'; '.join(lost)}. Leave these out."
        )


def _check_annotated(sentences: Sequence[Sentence], tasks: Collection[Task]) -> None:
    """Without gold items every choice is as good as another, and the run's own would be lost."""
    missing = "" if any(s.entities for s in sentences) else "entities"
    if Task.RC in tasks and not any(s.relations for s in sentences):
        missing = missing or "relations"
    if missing:
        raise StrtfError(
            f"The development split must annotate {missing}. Received: {len(sentences)} sentences without any. "
            "Give another as --dev_data; the run is as it was."
        )


def _training_split(run_dir: RunDir, given: dict[str, dict]) -> list[Sentence]:
    """As training read it: a --test_data given anew would leave a single training file whole."""
    elsewhere = {name: value for name, value in given.get("data", {}).items() if name in ("data_dir", "train_data")}
    options = run_dir.read_experiment().override({"data": elsewhere}).data
    return as_trained_on({"train": load_split_of(run_dir, options, "train")}, options)["train"]


def _open(run_dir: RunDir, split: str, experiment: Experiment) -> tuple[Extractor, list[Sentence], collections.Counter]:
    """What extracts, from what, and what of the gold standard it cannot represent."""
    run_dir.read_schema().check(sentences := load_split_of(run_dir, experiment.data, split))
    extractor = load_extractor(run_dir, experiment)
    examples, lost = extractor.featurizer.corpus(sentences)
    cost = extraction_cost(extractor, [sentence.text for sentence in sentences], examples)
    # pairs of predicted entities, and of gold entities
    announce(extractor, cost, f"{split} split", times=len(extractor.model.tasks))
    return extractor, sentences, lost
