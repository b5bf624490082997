"""Scores of a trained run on one of its splits: what `python -m strtf.evaluate` does."""

import pathlib

from strtf.data.load import load_split
from strtf.evaluation.evaluate import evaluate, score_table
from strtf.evaluation.rules import NearestRule, TypePairRule
from strtf.extraction.load import load_extractor
from strtf.run_dir import RunDir, read_json, write_json


def evaluate_run(run_dir: RunDir, split: str, given: dict[str, dict], json_path: str | None) -> str:
    """Evaluates and returns the table; writes the scores as JSON where a path is given.

    Args:
        given: options that replace the run's, see `Experiment.override`.

    Raises:
        StrtfError: no such run or split; types that training never showed.
    """
    experiment = run_dir.require().read_experiment().override(given)
    run_dir.read_schema().check(sentences := load_split(experiment.data, split))
    extractor = load_extractor(run_dir, experiment)
    table = read_json(run_dir.rules)
    scores = evaluate(extractor, sentences, (TypePairRule.from_json(table), NearestRule.from_json(table)))
    if json_path:
        write_json(pathlib.Path(json_path), {"split": split, "run_dir": str(run_dir.path)} | scores)
    return score_table(scores, f"{split} split, {len(sentences)} sentences, {run_dir.path}")
