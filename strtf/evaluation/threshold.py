"""The threshold between "No relation" and a relation, chosen on the development split.

The most probable class is the best answer to one pair, but not what makes the best F1 over many: where relations are
rare, or annotated with gaps, a lower threshold finds more than it spoils. `Extractor.no_relation_shift` is that
threshold on the margin between a relation's logit and that of "No relation".
"""

import math
from collections.abc import Iterable, Sequence

from strtf.evaluation.evaluate import gold_pairs, relation_tuples
from strtf.extraction.extractor import Extractor
from strtf.models.base import Task
from strtf.schema import Sentence


def tune_threshold(extractor: Extractor, sentences: Sequence[Sentence]) -> float:
    """Sets and returns the `no_relation_shift` with the highest F1 on the sentences.

    Relations between predicted entities where the model tags, between gold ones where it does not. Without any
    correct relation at whatever threshold, the extractor's own shift stays.
    """
    before, extractor.no_relation_shift = extractor.no_relation_shift, -math.inf  # every pair names a relation
    try:
        score = _with_predicted if Task.NER in extractor.model.tasks else gold_pairs
        scored = list(score(extractor, sentences))
    finally:
        extractor.no_relation_shift = before
    gold = [relation_tuples(sentence.entities, sentence.relations) for sentence in sentences]
    margins = [
        (margin, item in truth) for truth, items in zip(gold, scored, strict=True) for item, margin in items.items()
    ]
    best = best_threshold(margins, sum(map(len, gold)))
    extractor.no_relation_shift = before if best is None else best
    return extractor.no_relation_shift


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


def _with_predicted(extractor: Extractor, sentences: Sequence[Sentence]):
    """For each sentence {strict tuple: margin}."""
    for found in extractor.extract([sentence.text for sentence in sentences]):
        each = (relation_tuples(found.entities, [relation]) for relation in found.relations)
        yield {item: margin for (item,), margin in zip(each, found.relation_margins, strict=True)}
