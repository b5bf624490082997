"""Scores of an extractor on annotated sentences; definitions in one place.

- ner: (start, end, type).
- rc_predicted ("strict"): (head span, head type, tail span, tail type, relation type), entities predicted.
- rc_boundaries: the same without the types of the entities.
- rc_gold: the strict tuples, entities given.
- type_pair_rule, nearest_rule: the floor, on gold entities; see `rules.py`.

Gold items that tags or windows cannot represent stay in the gold sets: they count as missed. "No relation" is never
counted, and no negative is discarded.
"""

import collections
from collections.abc import Iterable, Sequence

import pandas as pd

from strtf.evaluation.rules import NearestRule, TypePairRule
from strtf.evaluation.scores import COUNTS, ROWS, compare, compare_by, compare_each, macro_f1
from strtf.extraction.extractor import Extraction, Extractor
from strtf.models.base import Task
from strtf.schema import Entity, Relation, Sentence, directed, text_order

PER_SENTENCE = ("ner", "rc_predicted", "rc_gold")  # what `bootstrap.py` resamples


def evaluate(extractor: Extractor, sentences: Sequence[Sentence],
             rules: tuple[TypePairRule, NearestRule] | None = None,
             found: Sequence[Extraction] | None = None) -> dict:  # fmt: skip
    """All scores of a split.

    Args:
        rules: the floor, where it is asked for.
        found: what the extractor finds in the sentences, where that is known; extracted when None.

    Returns:
        {row of ROWS: {precision, recall, f1, gold, predicted, correct}, "per_type": {row: {type: the same}},
        "macro_f1": {row: f1}, "per_sentence": {row of PER_SENTENCE: {gold, predicted, correct: a list, in the order of
        the sentences}}, "not_representable": {cause: count}}, rows as far as the model has the tasks.
    """
    comparisons, (_, lost) = {}, extractor.featurizer.corpus(sentences)
    gold_relations = [relation_tuples(s.entities, s.relations) for s in sentences]
    if Task.NER in extractor.model.tasks:
        found = found or extractor.extract([sentence.text for sentence in sentences])
        gold = [entity_tuples(sentence.entities) for sentence in sentences]
        comparisons["ner"] = gold, [entity_tuples(e.entities) for e in found], lambda item: item[2]
        if Task.RC in extractor.model.tasks:
            predicted = [relation_tuples(e.entities, e.relations) for e in found]
            comparisons["rc_predicted"] = gold_relations, predicted, lambda item: item[-1]
            loose = [[{(i[0], i[2], i[4]) for i in items} for items in side] for side in (gold_relations, predicted)]
            comparisons["rc_boundaries"] = *loose, lambda item: item[-1]
    if Task.RC in extractor.model.tasks:
        comparisons["rc_gold"] = (
            gold_relations,
            [set(items) for items in gold_pairs(extractor, sentences)],
            lambda i: i[-1],
        )
    for name, rule in zip(("type_pair_rule", "nearest_rule"), rules or (), strict=False):
        comparisons[name] = gold_relations, [_rule_tuples(rule, s) for s in sentences], lambda item: item[-1]
    per_type = {name: compare_by(*parts) for name, parts in comparisons.items()}
    result = {name: compare(gold, predicted).to_json() for name, (gold, predicted, _) in comparisons.items()}
    return result | {
        "per_type": {n: {t: s.to_json() for t, s in scores.items()} for n, scores in per_type.items()},
        "macro_f1": {name: macro_f1(scores) for name, scores in per_type.items()},
        "per_sentence": {n: _counts(*comparisons[n][:2]) for n in PER_SENTENCE if n in comparisons},
        "not_representable": {cause: count for cause, count in sorted(lost.items()) if count},
    }


def _counts(gold: Sequence[set], predicted: Sequence[set]) -> dict[str, list[int]]:
    each = compare_each(gold, predicted)
    return {name: [getattr(score, name) for score in each] for name in COUNTS}


def entity_tuples(entities: Iterable[Entity]) -> set[tuple]:
    return {(entity.start, entity.end, entity.type) for entity in entities}


def relation_tuples(entities: Iterable[Entity], relations: Iterable[Relation]) -> set[tuple]:
    """Strict tuples: (head span, head type, tail span, tail type, relation type)."""
    by_id = {entity.id: entity for entity in entities}
    pairs = ((by_id[r.head], by_id[r.tail], r.type) for r in relations)
    return {(head.span, head.type, tail.span, tail.type, name) for head, tail, name in pairs}


def gold_pairs(extractor: Extractor, sentences: Sequence[Sentence]) -> list[dict]:
    """Relations between gold entities: for each sentence {strict tuple: margin}."""
    featurizer = extractor.featurizer
    kept = [featurizer.representable(sentence, collections.Counter())[2] for sentence in sentences]
    given = [[(placed.first, placed.last, placed.entity.type) for placed in spans] for spans in kept]
    found = extractor.relate([sentence.text for sentence in sentences], given)
    classes = featurizer.schema.relation_classes
    return [
        {_strict(spans[r.first].entity, spans[r.second].entity, classes[r.label - 1]): r.margin for r in related}
        for spans, related in zip(kept, found, strict=True)
    ]


def _rule_tuples(rule, sentence: Sentence) -> set[tuple]:
    ordered = text_order(sentence.entities)
    return {_strict(ordered[i], ordered[j], relation_class) for i, j, relation_class in rule.predict(sentence)}


def _strict(first: Entity, second: Entity, relation_class) -> tuple:
    head, tail = directed(first, second, relation_class.direction)
    return head.span, head.type, tail.span, tail.type, relation_class.type


def score_table(scores: dict, title: str) -> str:
    """Precision, recall and F1 in percent, one row per score, then per type."""
    rows = [(label, scores[name]) for name, label in ROWS.items() if name in scores]
    text = f"{title}\n{_percent(rows)}"
    for name in ("ner", "rc_predicted" if "rc_predicted" in scores else "rc_gold"):
        if scores["per_type"].get(name):  # neither gold nor predicted items: no types
            types = [(f"  {kind}", score) for kind, score in scores["per_type"][name].items()]
            macro = f"macro F1 {100 * scores['macro_f1'][name]:.2f}"
            text += f"\n\n{ROWS[name]}, by type ({macro})\n{_percent(types)}"
    if scores["not_representable"]:
        items = ", ".join(f"{count} {cause}" for cause, count in scores["not_representable"].items())
        text += f"\n\nNot representable, counted as missed: {items}"
    return text


def _percent(rows: Sequence[tuple[str, dict]]) -> str:
    columns = ("precision", "recall", "f1")
    table = pd.DataFrame(
        [
            [100 * score[c] for c in columns] + [score["gold"], score["predicted"], score["correct"]]
            for _, score in rows
        ],
        index=[label for label, _ in rows],
        columns=["P", "R", "F1", "gold", "predicted", "correct"],
    )
    return table.to_string(float_format="{:.2f}".format)
