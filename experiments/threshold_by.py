"""Which F1 should choose thresholds: python -m experiments.threshold_by --run_dir=RUN [--document='(\\S+)-\\d+-\\d+']

The development split's documents are divided into halves, again and again; what is chosen on one half is scored on the
other, both ways. So no test split plays a part. Shifts and thresholds of entities, thresholds of relations between
found and between given entities are chosen by each F1 that `--threshold_by` names; `best` is the best that any
threshold has there. For each half the line of `strtf/evaluation/calibration.py` is fitted anew for given entities; the
CRF's temperature, and all that decides which relations are looked at, are the run's.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from absl import flags

from strtf.config import ThresholdBy, TrainingOptions
from strtf.errors import StrtfError
from strtf.flags import define_run_dir, define_run_options, given_options, run
from strtf.schema import Sentence

SIDES = {"observed": ThresholdBy.OBSERVED_F1, "expected": ThresholdBy.EXPECTED_F1}
_WITHOUT_DOCUMENT = "--document must be a regular expression whose first group names the document in each id. Received:"


class Found(NamedTuple):
    """What a model says of each sentence, before anything is chosen.

    Attributes:
        tried: of each way to tag, {item: score} of each sentence.
        gold: the right items.
        probabilities: from scores and gold of the half that chooses: scores -> probabilities.
        thresholds: what there is to choose from; empty: any.
    """

    tried: list[list[dict]]
    gold: list[set]
    probabilities: Callable
    thresholds: Sequence[float] = ()


def as_they_are(scores: Sequence[float], right: Sequence[bool]) -> Callable:
    return np.asarray


def by_line(scores: Sequence[float], right: Sequence[bool]) -> Callable:
    from strtf.evaluation.calibration import platt_scaling
    from strtf.extraction.decision import Decision

    slope, offset = platt_scaling(scores, right) or (1.0, 0.0)
    line = Decision(relation_slope=slope, relation_offset=offset)
    return lambda margins: line.relation_probabilities(margins, np.ones((len(margins), 2)))


def halves(documents: Sequence[str], divisions: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Sentences [n] that choose, and those that score."""
    names, random = np.unique(documents), np.random.default_rng(0)
    for _ in range(divisions):
        chosen = np.isin(documents, random.permutation(names)[: len(names) // 2])
        yield np.flatnonzero(chosen), np.flatnonzero(~chosen)
        yield np.flatnonzero(~chosen), np.flatnonzero(chosen)


def compare(found: Found, documents: Sequence[str], divisions: int) -> dict[str, float]:
    """Mean F1, in percent, on the half that did not choose."""
    scores = [_scores(found, *sides) for sides in halves(documents, divisions)]
    return pd.DataFrame(scores).mean().mul(100.0).to_dict()


def _scores(found: Found, chooses: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    from strtf.evaluation.threshold import credited, f1_at

    items = [(value, item in found.gold[i]) for i in chooses for item, value in found.tried[0][i].items()]
    probabilities = found.probabilities(*(zip(*items, strict=True) if items else ((), ())))
    there = [_answers(each, probabilities, scores) for each in found.tried]
    gold = [found.gold[i] for i in scores]
    observed = [credited(each, gold, _options(ThresholdBy.OBSERVED_F1)) for each in there]
    f1 = {"best": max(_f1_of_all(each, sum(map(len, gold))).max() for each in observed)}
    for name, by in SIDES.items():
        way, threshold = _choice(found, chooses, probabilities, by)
        f1[name] = f1_at(observed[way], sum(map(len, gold)), threshold)
    return f1


def _choice(found: Found, chooses: np.ndarray, probabilities: Callable, by: ThresholdBy) -> tuple[int, float]:
    """Number of the way to tag, and the threshold from which on answers are kept."""
    from strtf.evaluation.threshold import best_threshold, credited, f1_at

    gold = [found.gold[i] for i in chooses]
    number = sum(map(len, gold))
    scored = [credited(_answers(each, probabilities, chooses), gold, _options(by)) for each in found.tried]
    if not found.thresholds:
        return 0, best_threshold(scored[0], number) or 0.0
    f1 = [[f1_at(each, number, threshold) for threshold in found.thresholds] for each in scored]
    way, threshold = np.unravel_index(np.argmax(f1), np.shape(f1))
    return int(way), found.thresholds[threshold]


def _options(by: ThresholdBy) -> TrainingOptions:
    return TrainingOptions(threshold_by=by)


def _answers(of_each: list[dict], probabilities: Callable, sentences: np.ndarray) -> list[dict]:
    chosen = [of_each[i] for i in sentences]
    values = iter(probabilities([value for items in chosen for value in items.values()]).tolist())
    return [{item: next(values) for item in items} for items in chosen]


def _f1_of_all(scored: Sequence, gold: int) -> np.ndarray:
    """F1 of the n likeliest answers, for each n."""
    credit = np.array([0.0, *(credit for _, credit in sorted(scored, reverse=True))])
    return 2.0 * np.cumsum(credit) / np.maximum(np.arange(len(credit)) + gold, 1)


def ask(extractor, sentences: Sequence[Sentence]) -> dict[str, Found]:
    """What is compared, by name."""
    from strtf.evaluation.evaluate import entity_tuples, gold_pairs, relation_probabilities, relation_tuples
    from strtf.evaluation.threshold import ENTITY_SHIFTS, ENTITY_THRESHOLDS, by_tuple
    from strtf.models.base import Task

    texts, decision, asked = [sentence.text for sentence in sentences], extractor.decision, {}
    related = [relation_tuples(sentence.entities, sentence.relations) for sentence in sentences]
    if Task.NER in extractor.model.tasks:
        tried = extractor.try_entities(texts, [(shift, decision.entity_temperature) for shift in ENTITY_SHIFTS])
        ways = [list(map(by_tuple, way)) for way in tried]
        gold = [entity_tuples(sentence.entities) for sentence in sentences]
        asked["entities"] = Found(ways, gold, as_they_are, ENTITY_THRESHOLDS)
    decision.relation_threshold = decision.given_threshold = 0.0
    if {Task.NER, Task.RC} <= set(extractor.model.tasks):
        found = [relation_probabilities(each) for each in extractor.extract(texts)]
        asked["relations, found entities"] = Found([found], related, as_they_are)
    if Task.RC in extractor.model.tasks:
        asked["relations, given entities"] = Found([gold_pairs(extractor, sentences)], related, by_line)
    return asked


def document_names(sentences: Sequence[Sentence], pattern: str) -> list[str]:
    try:
        matches = [re.fullmatch(pattern, sentence.id) for sentence in sentences]
    except re.error as error:
        raise StrtfError(f"{_WITHOUT_DOCUMENT} {pattern}: {error}. Correct it.") from error
    if not all(match and match.groups() for match in matches):
        raise StrtfError(f"{_WITHOUT_DOCUMENT} {pattern}, which does not. Correct it.")
    return [match[1] for match in matches]


def table(rows: dict[str, dict[str, float]]) -> str:
    """Markdown."""
    header = ["thresholds of", *SIDES, "best"]
    lines = [header, ["---"] * len(header)]
    lines += [[name, *(f"{f1[column]:.1f}" for column in header[1:])] for name, f1 in rows.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    from strtf.data.trained_on import load_split_of
    from strtf.extraction.load import load_extractor
    from strtf.run_dir import RunDir

    run_dir = RunDir(flags.FLAGS.run_dir).require()
    experiment = run_dir.read_experiment().override(given_options())
    sentences = load_split_of(run_dir, experiment.data, "dev")
    documents = document_names(sentences, flags.FLAGS.document)
    asked = ask(load_extractor(run_dir, experiment), sentences)
    rows = {name: compare(found, documents, flags.FLAGS.divisions) for name, found in asked.items()}
    print(f"{len(set(documents))} documents of the development split, {run_dir.path}\n{table(rows)}")


if __name__ == "__main__":
    define_run_dir("A trained run.")
    define_run_options("data_dir", "dev_data")
    flags.DEFINE_string("document", "(.*)", "Regular expression for whole ids; its first group names the document.")
    flags.DEFINE_integer("divisions", 20, "Into halves.", lower_bound=1)
    run(main)
