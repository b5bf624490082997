"""Precision, recall and F1 over sets of tuples, micro-averaged; 0/0 = 0."""

import collections
import dataclasses
from collections.abc import Callable, Iterable

ROWS = {
    "ner": "NER",
    "ner_seen": "NER, seen in training",
    "ner_unseen": "NER, unseen",
    "rc_predicted": "RC, predicted entities",
    "rc_boundaries": "RC, boundaries only",
    "rc_gold": "RC, gold entities",
    "type_pair_rule": "type-pair rule, gold entities",
    "nearest_rule": "nearest rule, gold entities",
}
METRICS = ("precision", "recall", "f1")
COUNTS = ("gold", "predicted", "correct")


@dataclasses.dataclass(frozen=True)
class Score:
    """Counts of one comparison: items in the gold standard, predicted, and in both."""

    gold: int = 0
    predicted: int = 0
    correct: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(self.gold + other.gold, self.predicted + other.predicted, self.correct + other.correct)

    @property
    def precision(self) -> float:
        return _ratio(self.correct, self.predicted)

    @property
    def recall(self) -> float:
        return _ratio(self.correct, self.gold)

    @property
    def f1(self) -> float:
        return _ratio(2 * self.correct, self.gold + self.predicted)

    def to_json(self) -> dict:
        scores = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return scores | dataclasses.asdict(self)


def compare(gold: Iterable[set], predicted: Iterable[set]) -> Score:
    """Micro-averaged comparison of one set of tuples per sentence."""
    return sum(compare_each(gold, predicted), Score())


def compare_each(gold: Iterable[set], predicted: Iterable[set]) -> list[Score]:
    """The counts of each sentence, whose sum is `compare`."""
    return [Score(len(t), len(guess), len(t & guess)) for t, guess in zip(gold, predicted, strict=True)]


def compare_by(gold: Iterable[set], predicted: Iterable[set], key: Callable) -> dict[str, Score]:
    """The same for each value of `key(item)`, sorted by that value."""
    scores = collections.defaultdict(Score)
    for truth, guess in zip(gold, predicted, strict=True):
        for item in truth | guess:
            scores[key(item)] += Score(item in truth, item in guess, item in truth and item in guess)
    return dict(sorted(scores.items()))


def macro_f1(scores: dict[str, Score]) -> float:
    """Unweighted mean F1 over types; 0 where there is none."""
    return _ratio(sum(score.f1 for score in scores.values()), len(scores))


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else 0.0
