"""The threshold between "No relation" and a relation, chosen on the development split.

The most probable class is the best answer to one pair, but not what makes the best F1 over many: where relations are
rare, or annotated with gaps, a lower threshold finds more than it spoils. `Extractor.no_relation_shift` is that
threshold on the margin between a relation's logit and that of "No relation".
"""

import math
from collections.abc import Iterable, Sequence

from strtf.evaluation.evaluate import gold_pairs, relation_tuples
from strtf.extraction.extractor import Extraction, Extractor
from strtf.models.base import Task
from strtf.schema import Sentence


def tune_threshold(extractor: Extractor, sentences: Sequence[Sentence]) -> list[Extraction] | None:
    """Sets the `no_relation_shift` with the highest F1 on the sentences.

    Relations between predicted entities where the model tags, between gold ones where it does not. Without any
    correct relation at whatever threshold, the extractor's own shift stays.

    Returns:
        What the extractor finds in the sentences with that threshold, relations' probabilities given that there is
        one; None where the model does not tag.
    """
    before, extractor.no_relation_shift = extractor.no_relation_shift, -math.inf  # every pair names a relation
    try:
        tags = Task.NER in extractor.model.tasks
        found = extractor.extract([sentence.text for sentence in sentences]) if tags else None
        scored = list(map(_margins, found)) if tags else gold_pairs(extractor, sentences)
    finally:
        extractor.no_relation_shift = before
    gold = [relation_tuples(sentence.entities, sentence.relations) for sentence in sentences]
    margins = [
        (margin, item in truth) for truth, items in zip(gold, scored, strict=True) for item, margin in items.items()
    ]
    best = best_threshold(margins, sum(map(len, gold)))
    extractor.no_relation_shift = before if best is None else best
    return [extraction.above(extractor.no_relation_shift) for extraction in found] if tags else None


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
