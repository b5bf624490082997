"""Thresholds that the development split chooses: between "No relation" and a relation, and for lone entities.

The most probable class is the best answer to one pair, but not what makes the best F1 over many: where relations are
rare, or annotated with gaps, a lower threshold finds more than it spoils. `Extractor.no_relation_shift` is that
threshold on the margin between a relation's logit and that of "No relation".

Likewise the best tagging of a sentence is not what makes the best F1 over many entities: `Extractor.entity_shift` is
added to the score of every entity before the best tagging is sought. And that holds entities which are hardly likelier
than not: `Extractor.entity_threshold` is the probability that an entity must have; those that a relation holds stay in
any case, so it changes no relation.
"""

import math
from collections.abc import Iterable, Sequence

from strtf.config import TrainingOptions
from strtf.evaluation.evaluate import entity_tuples, gold_pairs, relation_tuples
from strtf.evaluation.scores import compare
from strtf.extraction.extractor import Extraction, Extractor
from strtf.models.base import Task
from strtf.schema import Sentence

# Few, so that a small split does not choose by a single entity; of equal ones, the first.
ENTITY_SHIFTS = (0.0, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5, 2.0, -2.0, 3.0, -3.0)
# Few too; and none so near to 1, where most entities are, that the rounding of another batch would decide.
ENTITY_THRESHOLDS = tuple(percent / 100 for percent in range(0, 100, 5))


def tune_thresholds(
    extractor: Extractor, sentences: Sequence[Sentence], options: TrainingOptions
) -> list[Extraction] | None:
    """Sets the thresholds that the options want tuned, as far as the model has the tasks.

    Returns:
        What the extractor finds in the sentences with them, where that came out; else None.
    """
    found, tasks = None, extractor.model.tasks
    if options.tune_entity_threshold and Task.NER in tasks:
        tune_entity_shift(extractor, sentences)  # first: it decides what the relations are between
    if options.tune_threshold and Task.RC in tasks:
        found = tune_threshold(extractor, sentences)
    if options.tune_entity_threshold and Task.NER in tasks:
        found = tune_entity_threshold(extractor, sentences, found)
    return found


def tune_threshold(extractor: Extractor, sentences: Sequence[Sentence]) -> list[Extraction] | None:
    """Sets the `no_relation_shift` with the highest F1 on the sentences.

    Relations between predicted entities where the model tags, between gold ones where it does not. Without any
    correct relation at whatever threshold, the extractor's own shift stays.

    Returns:
        What the extractor finds in the sentences with that threshold, relations' probabilities given that there is
        one, and with no threshold for entities; None where the model does not tag.
    """
    before, lone_before = extractor.no_relation_shift, extractor.entity_threshold
    # every pair names a relation, and every entity is found
    extractor.no_relation_shift, extractor.entity_threshold = -math.inf, 0.0
    try:
        tags = Task.NER in extractor.model.tasks
        found = extractor.extract([sentence.text for sentence in sentences]) if tags else None
        scored = list(map(_margins, found)) if tags else gold_pairs(extractor, sentences)
    finally:
        extractor.no_relation_shift, extractor.entity_threshold = before, lone_before
    gold = [relation_tuples(sentence.entities, sentence.relations) for sentence in sentences]
    margins = [
        (margin, item in truth) for truth, items in zip(gold, scored, strict=True) for item, margin in items.items()
    ]
    best = best_threshold(margins, sum(map(len, gold)))
    extractor.no_relation_shift = before if best is None else best
    return [extraction.above(extractor.no_relation_shift) for extraction in found] if tags else None


def tune_entity_shift(extractor: Extractor, sentences: Sequence[Sentence]) -> None:
    """Sets the `entity_shift` with the highest F1 of entities on the sentences; of equal ones, that nearest to 0."""
    gold = [entity_tuples(sentence.entities) for sentence in sentences]
    found = extractor.entities_with_shifts([sentence.text for sentence in sentences], ENTITY_SHIFTS)
    scores = [compare(gold, [entity_tuples(entities) for entities in of_shift]).f1 for of_shift in found]
    extractor.entity_shift = ENTITY_SHIFTS[scores.index(max(scores))]


def tune_entity_threshold(
    extractor: Extractor, sentences: Sequence[Sentence], found: Sequence[Extraction] | None = None
) -> list[Extraction]:
    """Sets the `entity_threshold` with the highest F1 on the sentences; of equal ones, the lowest.

    Args:
        found: what the extractor finds in them without such a threshold; extracted when None.

    Returns:
        What it finds with it.
    """
    if found is None:
        extractor.entity_threshold = 0.0
        found = extractor.extract([sentence.text for sentence in sentences])
    gold = [entity_tuples(sentence.entities) for sentence in sentences]

    def f1(threshold: float) -> float:
        return compare(gold, [entity_tuples(each.confident(threshold).entities) for each in found]).f1

    extractor.entity_threshold = max(ENTITY_THRESHOLDS, key=f1)
    return [each.confident(extractor.entity_threshold) for each in found]


def best_threshold(margins: Iterable[tuple[float, bool]], gold: int) -> float | None:
    """The threshold on (margin, correct) with the highest F1; halfway between two margins. None: nothing is correct.

    Args:
        gold: correct items there are in all.
    """
    ordered = sorted(margins, reverse=True)
    best_f1, best, correct = 0.0, None, 0
    for kept, (margin, is_correct) in enumerate(ordered, start=1):
        correct += is_correct
        following = ordered[kept][0] if kept < len(ordered) else margin - 1.0
        f1 = 2 * correct / (kept + gold)
        if f1 > best_f1 and following < margin:  # equal margins stand or fall together
            best_f1, best = f1, (margin + following) / 2
    return best


def _margins(found: Extraction) -> dict[tuple, float]:
    """{strict tuple: margin}."""
    each = (relation_tuples(found.entities, [relation]) for relation in found.relations)
    return {item: margin for (item,), margin in zip(each, found.relation_margins, strict=True)}
