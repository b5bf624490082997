"""A trained run on one of its splits: scores (`python -m strtf.evaluate`) and thresholds (`python -m strtf.tune`)."""

from strtf.config import Experiment
from strtf.data.load import load_split
from strtf.device import describe_device
from strtf.evaluation.evaluate import evaluate, score_table
from strtf.evaluation.rules import NearestRule, TypePairRule
from strtf.evaluation.threshold import tune_thresholds
from strtf.extraction.cost import announce, extraction_cost
from strtf.extraction.extractor import Extractor
from strtf.extraction.load import load_extractor, thresholds
from strtf.run_dir import RunDir, check_writable, read_as, read_tensors, write_json, write_tensors
from strtf.schema import Sentence


def evaluate_run(run_dir: RunDir, split: str, given: dict[str, dict], json_path: str | None) -> str:
    """Evaluates and returns the table; writes the scores as JSON where a path is given.

    Args:
        given: options that replace the run's, see `Experiment.override`.

    Raises:
        StrtfError: no such run or split; types that training never showed.
    """
    if json_path:
        check_writable(json_path)
    extractor, sentences = _open(run_dir, split, run_dir.require().read_experiment().override(given))
    rules = (read_as(run_dir.rules, TypePairRule.from_json), read_as(run_dir.rules, NearestRule.from_json))
    scores = evaluate(extractor, sentences, rules)
    if json_path:
        write_json(json_path, {"split": split, "run_dir": str(run_dir.path)} | describe_device() | scores)
    return score_table(scores, f"{split} split, {len(sentences)} sentences, {run_dir.path}")


def tune_run(run_dir: RunDir, given: dict[str, dict]) -> str:
    """Chooses the run's thresholds anew on its development split, keeps them with its weights, returns the scores.

    Args:
        given: options that replace the run's, see `Experiment.override`: other data above all.

    Raises:
        StrtfError: no such run or split; types that training never showed.
    """
    experiment = run_dir.require().read_experiment().override(given)
    extractor, sentences = _open(run_dir, "dev", experiment)
    before = thresholds(extractor)
    found = tune_thresholds(extractor, sentences, experiment.training)
    scores = evaluate(extractor, sentences, found=found)
    values, state = read_tensors(run_dir.weights)
    write_tensors(run_dir.weights, values, state | thresholds(extractor))
    changes = (f"{name} {before[name]:.2f} → {now:.2f}" for name, now in thresholds(extractor).items())
    return score_table(scores, f"dev split, {len(sentences)} sentences, {run_dir.path}: {', '.join(changes)}")


def _open(run_dir: RunDir, split: str, experiment: Experiment) -> tuple[Extractor, list[Sentence]]:
    run_dir.read_schema().check(sentences := load_split(experiment.data, split))
    extractor = load_extractor(run_dir, experiment)
    examples, _ = extractor.featurizer.corpus(sentences)
    cost = extraction_cost(extractor, [sentence.text for sentence in sentences], examples)
    # pairs of predicted entities, and of gold entities
    announce(extractor, cost, f"{split} split", times=len(extractor.model.tasks))
    return extractor, sentences
