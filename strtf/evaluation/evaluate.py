"""Scores of an extractor on annotated sentences; definitions in one place.

- ner: (start, end, type).
- ner_seen, ner_unseen: the same, of mentions that the training split has and of the others (`mentions.py`).
- rc_predicted ("strict"): (head span, head type, tail span, tail type, relation type), entities predicted.
- rc_boundaries: the same without the types of the entities.
- rc_gold: the strict tuples, entities given.
- type_pair_rule, nearest_rule: the floor, on gold entities; see `rules.py`.

Gold items that tags or windows cannot represent stay in the gold sets: they count as missed. "No relation" is never
counted, and no negative is discarded.
"""

import collections
import operator
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from strtf.evaluation.bootstrap import LEVEL, f1_intervals
from strtf.evaluation.calibration import calibration
from strtf.evaluation.errors import KINDS, RIGHT, SentenceErrors, entity_errors, relation_errors
from strtf.evaluation.mentions import of_mentions
from strtf.evaluation.rules import NearestRule, TypePairRule
from strtf.evaluation.scores import COUNTS, METRICS, ROWS, compare, compare_by, compare_each, macro_f1
from strtf.extraction.extractor import Extraction, Extractor
from strtf.models.base import Task
from strtf.schema import Entity, Relation, Sentence, directed, text_order

PER_SENTENCE = ("ner", "ner_seen", "ner_unseen", "rc_predicted", "rc_gold")  # what `bootstrap.py` resamples


class Comparison(NamedTuple):
    """What is right and what was answered, a set of tuples for each sentence; the last of each tuple is a type."""

    gold: list[set]
    predicted: list[set]


def evaluate(extractor: Extractor, sentences: Sequence[Sentence], found: Sequence[Extraction] | None = None,
             given: Sequence[dict] | None = None) -> dict:  # fmt: skip
    """All scores of a split; arguments as of `compare_answers`, result as of `summarize`."""
    _, lost = extractor.featurizer.corpus(sentences)
    return summarize(compare_answers(extractor, sentences, found, given), lost)


def compare_answers(extractor: Extractor, sentences: Sequence[Sentence], found: Sequence[Extraction] | None = None,
                    given: Sequence[dict] | None = None, rules: tuple[TypePairRule, NearestRule] | None = None,
                    known: frozenset | None = None) -> dict[str, Comparison]:  # fmt: skip
    """{row of ROWS: answers beside the gold standard}, rows as far as the model has the tasks.

    Args:
        found: what the extractor finds in the sentences, where that is known; extracted when None.
        given: `gold_pairs`, where that is known.
        rules: the floor, where it is asked for.
        known: `known_mentions` of the training split, where seen and unseen ones are asked for.
    """
    rows = {}
    gold_relations = [relation_tuples(s.entities, s.relations) for s in sentences]
    if Task.NER in extractor.model.tasks:
        found = extractor.extract([sentence.text for sentence in sentences]) if found is None else found
        rows["ner"] = entities = Comparison(
            *([entity_tuples(each.entities) for each in side] for side in (sentences, found))
        )
        if known is not None:
            for name, seen in (("ner_seen", True), ("ner_unseen", False)):
                rows[name] = Comparison(*(of_mentions(side, sentences, known, seen) for side in entities))
        if Task.RC in extractor.model.tasks:
            rows["rc_predicted"] = relations = Comparison(
                gold_relations, [relation_tuples(e.entities, e.relations) for e in found]
            )
            rows["rc_boundaries"] = Comparison(
                *([{(i[0], i[2], i[4]) for i in items} for items in side] for side in relations)
            )
    if Task.RC in extractor.model.tasks:
        given = gold_pairs(extractor, sentences) if given is None else given
        rows["rc_gold"] = Comparison(gold_relations, [set(items) for items in given])
    for name, rule in zip(("type_pair_rule", "nearest_rule"), rules or (), strict=False):
        scope = extractor.featurizer.pair_scope
        rows[name] = Comparison(gold_relations, [_rule_tuples(rule, s, scope) for s in sentences])
    return rows


def find_errors(sentences: Sequence[Sentence], rows: dict[str, Comparison]) -> dict[str, list[SentenceErrors]]:
    """{row of KINDS: the errors of each sentence}.

    Relations are those between found entities, or between gold ones where the model finds none.
    """
    gold = [entity_tuples(sentence.entities) for sentence in sentences]
    errors, entities = {}, rows.get("ner", Comparison(gold, gold))
    if "ner" in rows:
        errors["ner"] = [(entity_errors(*both), entity_errors(*both[::-1])) for both in zip(*entities, strict=True)]
    if relations := next((name for name in ("rc_predicted", "rc_gold") if name in rows), None):
        errors[relations] = [
            (relation_errors(truth, guess, known_to_guess), relation_errors(guess, truth, known_to_truth))
            for truth, guess, known_to_truth, known_to_guess in zip(*rows[relations], *entities, strict=True)
        ]
    return errors


def find_calibration(sentences: Sequence[Sentence], found: Sequence[Extraction]) -> dict[str, dict]:
    """{row: `calibration`} of the entities and relations found in the sentences; rows without answers are left out."""
    answers = {"ner": [], "rc_predicted": []}
    for sentence, each in zip(sentences, found, strict=True):
        gold = entity_tuples(sentence.entities), relation_tuples(sentence.entities, sentence.relations)
        entities = zip(each.entities, each.entity_probabilities, strict=True)
        answers["ner"] += [(p, (*entity.span, entity.type) in gold[0]) for entity, p in entities]
        answers["rc_predicted"] += [(p, item in gold[1]) for item, p in relation_probabilities(each).items()]
    return {name: calibration(*zip(*each, strict=True)) for name, each in answers.items() if each}


def find_intervals(rows: dict[str, Comparison]) -> dict[str, list[float]]:
    """{row: [low, high] of its F1, see `f1_intervals`}; none without sentences."""
    counts = np.array([list(_counts(*both).values()) for both in rows.values()])  # [rows, 3, sentences]
    return dict(zip(rows, f1_intervals(counts.swapaxes(1, 2)).tolist(), strict=True)) if counts.size else {}


def summarize(rows: dict[str, Comparison], lost: collections.Counter) -> dict:
    """Scores, as `--json` has them.

    Args:
        lost: gold items that tags or windows cannot represent: {cause: count}, see `Featurizer.corpus`.

    Returns:
        {row of ROWS: {precision, recall, f1, gold, predicted, correct}, "per_type": {row: {type: the same}},
        "macro_f1": {row: f1}, "per_sentence": {row of PER_SENTENCE: {gold, predicted, correct: a list, in the order of
        the sentences}}, "not_representable": {cause: count}}.
    """
    per_type = {name: compare_by(*both, key=operator.itemgetter(-1)) for name, both in rows.items()}
    return {name: compare(*both).to_json() for name, both in rows.items()} | {
        "per_type": {n: {t: s.to_json() for t, s in scores.items()} for n, scores in per_type.items()},
        "macro_f1": {name: macro_f1(scores) for name, scores in per_type.items()},
        "per_sentence": {name: _counts(*rows[name]) for name in PER_SENTENCE if name in rows},
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


def relation_probabilities(found: Extraction) -> dict[tuple, float]:
    """{strict tuple: probability}."""
    each = (relation_tuples(found.entities, [relation]) for relation in found.relations)
    return {item: p for (item,), p in zip(each, found.relation_probabilities, strict=True)}


def gold_pairs(extractor: Extractor, sentences: Sequence[Sentence]) -> list[dict[tuple, float]]:
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


def _rule_tuples(rule, sentence: Sentence, scope) -> set[tuple]:
    ordered = text_order(sentence.entities)
    return {_strict(ordered[i], ordered[j], relation_class) for i, j, relation_class in rule.predict(sentence, scope)}


def _strict(first: Entity, second: Entity, relation_class) -> tuple:
    head, tail = directed(first, second, relation_class.direction)
    return head.span, head.type, tail.span, tail.type, relation_class.type


def score_table(scores: dict, title: str) -> str:
    """Precision, recall and F1 in percent, one row per score, then per type."""
    rows = [(label, scores[name]) for name, label in ROWS.items() if name in scores]
    intervals = scores.get("f1_intervals", {})
    text = f"{title}\n{_percent(rows, [intervals.get(name) for name in ROWS if name in scores])}"
    for name, sides in scores.get("errors", {}).items():
        text += f"\n\n{ROWS[name]}, by kind of error\n{_error_counts(sides, KINDS[name])}"
    for name, each in scores.get("calibration", {}).items():
        text += f"\n\n{ROWS[name]}, by probability (expected calibration error {100 * each['ece']:.2f})\n{_bins(each)}"
    for name in ("ner", "rc_predicted" if "rc_predicted" in scores else "rc_gold"):
        if scores["per_type"].get(name):  # neither gold nor predicted items: no types
            types = [(f"  {kind}", score) for kind, score in scores["per_type"][name].items()]
            macro = f"macro F1 {100 * scores['macro_f1'][name]:.2f}"
            text += f"\n\n{ROWS[name]}, by type ({macro})\n{_percent(types)}"
    if scores["not_representable"]:
        items = ", ".join(f"{count} {cause}" for cause, count in scores["not_representable"].items())
        text += f"\n\nNot representable, counted as missed: {items}"
    return text


def _percent(rows: Sequence[tuple[str, dict]], intervals: Sequence[list[float] | None] = ()) -> str:
    table = pd.DataFrame(
        [
            [100 * score[c] for c in METRICS] + [score["gold"], score["predicted"], score["correct"]]
            for _, score in rows
        ],
        index=[label for label, _ in rows],
        columns=["P", "R", "F1", "gold", "predicted", "correct"],
    )
    if any(intervals):
        shown = ["" if each is None else "{:.1f} to {:.1f}".format(*(100 * end for end in each)) for each in intervals]
        table.insert(3, f"{LEVEL:.0%}", shown)
    with pd.option_context("display.unicode.east_asian_width", True):  # a Chinese type's letters are two columns wide
        return table.to_string(float_format="{:.2f}".format)


def _bins(measured: dict) -> str:
    """Mean probability and share of right answers in percent, the surest first."""
    bins = measured["bins"][::-1]
    rows = [[each["answers"], 100 * each["probability"], 100 * each["right"]] for each in bins]
    index = [f"  {100 * each['from']:.0f} to {100 * each['to']:.0f}" for each in bins]
    table = pd.DataFrame(rows, index=index, columns=["answers", "probability", "right"])
    return table.to_string(float_format="{:.2f}".format)


def _error_counts(sides: dict[str, dict[str, int]], kinds: Sequence[str]) -> str:
    columns = {side: [counts.get(kind, 0) for kind in (RIGHT, *kinds)] for side, counts in sides.items()}
    return pd.DataFrame(columns, index=[f"  {kind}" for kind in (RIGHT, *kinds)]).to_string()
