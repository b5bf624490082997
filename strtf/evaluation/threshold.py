"""What a development split chooses of an extractor's decision: temperature, slope and offset, shift, thresholds.

*Probabilities.* A network is far too sure of what it was shown often. The temperature of the CRF and the line from a
relation's margin to its log-odds are those under which the answers' probabilities are likeliest (`calibration.py`): of
the best tagging's entities, and of relations between gold entities.

*Thresholds.* The most probable class is the best answer to one pair, but not what makes the best F1 over many: where
relations are rare, or annotated with gaps, a lower threshold finds more than it spoils. Likewise the best tagging of a
sentence is not what makes the best F1 over many entities: `entity_shift` is added to the score of every entity before
the best tagging is sought, and `entity_threshold` is the probability that an entity must have, chosen together. They
come first: relations are sought between the entities that are left.

*Which F1.* A development split of a few documents has few answers near any threshold, and the best F1 observed there is
partly luck. Calibrated probabilities say how many of the kept answers to expect to be right, Σ p, and each of them
draws on all answers of the split (Ye et al. 2012, "Optimizing F-measures: a tale of two approaches"):

    expected F1 = 2 Σ p / (answers kept + gold items)

Chosen by it on one half of a development split's documents, thresholds do better on the other half than those with the
best F1 observed (`experiments/threshold_by.py`).
"""

import itertools
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from strtf.config import ThresholdBy, TrainingOptions
from strtf.evaluation.calibration import negative_log_likelihood, platt_scaling
from strtf.evaluation.evaluate import entity_tuples, gold_pairs, relation_probabilities, relation_tuples
from strtf.extraction.extractor import Extraction, Extractor
from strtf.extraction.load import untuned
from strtf.models.base import Task
from strtf.schema import Entity, Sentence

# Few, so that a small split does not choose by a single entity; of equal choices, the first.
ENTITY_SHIFTS = (0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.0, -2.0, 3.0, -3.0)
ENTITY_TEMPERATURES = (1.0, 0.5, 0.7, 0.85, 1.2, 1.4, 1.7, 2.0, 2.4, 2.8, 3.4, 4.0)
# Few too; and none so near to 1, where most entities are, that the rounding of another batch would decide.
ENTITY_THRESHOLDS = tuple(percent / 100 for percent in range(0, 100, 5))
_NEXT_TO_ONE = 1.0 - 1e-12


class Scored(NamedTuple):
    """An answer's probability, and what it adds to the correct ones: 1 or 0, or the probability that it is."""

    probability: float
    credit: float


class Answers(NamedTuple):
    """What an extractor says of sentences, as far as its model has the tasks.

    Attributes:
        found: of each text.
        given: relations between each sentence's gold entities, see `gold_pairs`.
    """

    found: list[Extraction] | None = None
    given: list[dict] | None = None


def tune_decision(extractor: Extractor, sentences: Sequence[Sentence], options: TrainingOptions) -> Answers:
    """Sets the extractor's decision to what the options want chosen on the sentences; nothing of its old one is left.

    Returns:
        What the extractor says of the sentences with it.
    """
    tasks, found, given = extractor.model.tasks, None, None
    extractor.decision = untuned(options)
    if Task.NER in tasks:
        _tune_entities(extractor, sentences, options)
    if Task.RC in tasks:
        given = _tune_given(extractor, sentences, options)
    if Task.NER in tasks:
        found = _tune_found(extractor, sentences, options)
    return Answers(found, given)


def credited(found: Iterable[Mapping[Hashable, float]], gold: Iterable[set], options: TrainingOptions) -> list[Scored]:
    """What each answer counts for, by the F1 that the options name; where nothing at all is right, nothing.

    Args:
        found: of each sentence the answers' probabilities.
        gold: of each sentence the right answers.
    """
    scored = [(p, item in truth) for truth, items in zip(gold, found, strict=True) for item, p in items.items()]
    expects = options.calibrate and options.threshold_by is ThresholdBy.EXPECTED_F1
    if expects and any(right for _, right in scored):
        return [Scored(p, p) for p, _ in scored]
    return [Scored(p, float(right)) for p, right in scored]


def best_threshold(scored: Iterable[tuple[float, float]], gold: int) -> float | None:
    """The threshold on (probability, credit) with the highest F1; halfway between two. None: there is no credit.

    Args:
        scored: see `Scored`.
        gold: correct items there are in all.
    """
    ordered = sorted(scored, reverse=True)
    best_f1, best, correct = 0.0, None, 0.0
    for kept, (probability, credit) in enumerate(ordered, start=1):
        correct += credit
        following = ordered[kept][0] if kept < len(ordered) else 0.0
        f1, middle = 2 * correct / (kept + gold), (probability + following) / 2
        threshold = min(middle if middle < probability else following, _NEXT_TO_ONE)
        if f1 > best_f1 and following <= threshold < probability:  # else it would not keep these and no others
            best_f1, best = f1, threshold
    return best


def _tune_entities(extractor: Extractor, sentences: Sequence[Sentence], options: TrainingOptions) -> None:
    """Temperature, then shift and threshold."""
    decision, texts = extractor.decision, [sentence.text for sentence in sentences]
    gold = [entity_tuples(sentence.entities) for sentence in sentences]
    if options.calibrate:
        tried = extractor.try_entities(texts, [(0.0, temperature) for temperature in ENTITY_TEMPERATURES])
        if any(tried[0]):  # else nothing was found
            losses = [_entity_loss(gold, answers) for answers in tried]
            decision.entity_temperature = ENTITY_TEMPERATURES[losses.index(min(losses))]
    if options.tune_entity_threshold:
        tried = extractor.try_entities(texts, [(shift, decision.entity_temperature) for shift in ENTITY_SHIFTS])
        choices = list(itertools.product(ENTITY_SHIFTS, ENTITY_THRESHOLDS))
        scored = [credited(map(by_tuple, answers), gold, options) for answers in tried]
        number = sum(map(len, gold))
        f1 = [f1_at(answers, number, threshold) for answers in scored for threshold in ENTITY_THRESHOLDS]
        decision.entity_shift, decision.entity_threshold = choices[f1.index(max(f1))]


def _tune_given(extractor: Extractor, sentences: Sequence[Sentence], options: TrainingOptions) -> list[dict]:
    """Slope, offset and threshold of relations between gold entities; returns these relations."""
    decision, gold = extractor.decision, [relation_tuples(s.entities, s.relations) for s in sentences]
    threshold, decision.given_threshold = decision.given_threshold, 0.0  # every pair names a relation
    scored = gold_pairs(extractor, sentences)
    decision.given_threshold = threshold
    margins = np.array([margin for items in scored for margin in items.values()])
    right = [item in truth for truth, items in zip(gold, scored, strict=True) for item in items]
    if options.calibrate:
        decision.relation_ends = 1.0
        line = platt_scaling(margins, right)
        decision.relation_slope, decision.relation_offset = line or (decision.relation_slope, decision.relation_offset)
    of_each = iter(decision.relation_probabilities(margins, np.ones((len(margins), 2))).tolist())
    found = [{item: next(of_each) for item in items} for items in scored]
    if options.tune_threshold:
        best = best_threshold(credited(found, gold, options), sum(map(len, gold)))
        decision.given_threshold = threshold if best is None else best
    return [
        {item: margin for item, margin in items.items() if probabilities[item] > decision.given_threshold}
        for items, probabilities in zip(scored, found, strict=True)
    ]


def _tune_found(extractor: Extractor, sentences: Sequence[Sentence], options: TrainingOptions) -> list[Extraction]:
    """Threshold of relations between found entities; returns what is found."""
    decision = extractor.decision
    threshold, decision.relation_threshold = decision.relation_threshold, 0.0
    found = extractor.extract([sentence.text for sentence in sentences])
    decision.relation_threshold = threshold
    if options.tune_threshold:
        gold = [relation_tuples(sentence.entities, sentence.relations) for sentence in sentences]
        best = best_threshold(credited(map(relation_probabilities, found), gold, options), sum(map(len, gold)))
        decision.relation_threshold = threshold if best is None else best
    return [each.decided(decision) for each in found]


def by_tuple(answers: Iterable[tuple[Entity, float]]) -> dict[tuple, float]:
    """{strict tuple: probability} of one sentence's entities."""
    return {(*entity.span, entity.type): p for entity, p in answers}


def f1_at(scored: Sequence[Scored], gold: int, threshold: float) -> float:
    """F1 of what is at least so probable, beside so many gold items."""
    credits = [credit for probability, credit in scored if probability >= threshold]
    return 2.0 * sum(credits) / max(len(credits) + gold, 1)


def _entity_loss(gold: Sequence[set], answers) -> float:
    pairs = [(p, (*e.span, e.type) in truth) for truth, found in zip(gold, answers, strict=True) for e, p in found]
    return negative_log_likelihood(*zip(*pairs, strict=True))
