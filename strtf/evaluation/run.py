"""Scores of a trained run on one of its splits: what `python -m strtf.evaluate` does."""

from strtf.data.load import load_split
from strtf.device import describe_device
from strtf.evaluation.evaluate import evaluate, score_table
from strtf.evaluation.rules import NearestRule, TypePairRule
from strtf.extraction.cost import announce, extraction_cost
from strtf.extraction.load import load_extractor
from strtf.run_dir import RunDir, check_writable, read_as, write_json


def evaluate_run(run_dir: RunDir, split: str, given: dict[str, dict], json_path: str | None) -> str:
    """Evaluates and returns the table; writes the scores as JSON where a path is given.

    Args:
        given: options that replace the run's, see `Experiment.override`.

    Raises:
        StrtfError: no such run or split; types that training never showed.
    """
    if json_path:
        check_writable(json_path)
    experiment = run_dir.require().read_experiment().override(given)
    run_dir.read_schema().check(sentences := load_split(experiment.data, split))
    extractor = load_extractor(run_dir, experiment)
    examples, _ = extractor.featurizer.corpus(sentences)
    cost = extraction_cost(extractor, [sentence.text for sentence in sentences], examples)
    # pairs of predicted entities, and of gold entities
    announce(extractor, cost, f"{split} split", times=len(extractor.model.tasks))
    rules = (read_as(run_dir.rules, TypePairRule.from_json), read_as(run_dir.rules, NearestRule.from_json))
    scores = evaluate(extractor, sentences, rules)
    if json_path:
        write_json(json_path, {"split": split, "run_dir": str(run_dir.path)} | describe_device() | scores)
    return score_table(scores, f"{split} split, {len(sentences)} sentences, {run_dir.path}")
