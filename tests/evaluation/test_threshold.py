"""The threshold with the best F1, held to trying every one; and how it is set."""

import math
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strtf.config import TrainingOptions
from strtf.evaluation import threshold
from strtf.evaluation.threshold import (
    best_threshold,
    tune_entity_shift,
    tune_entity_threshold,
    tune_threshold,
    tune_thresholds,
)
from strtf.extraction.extractor import Extraction
from strtf.models.base import Task
from strtf.schema import Entity, Relation, Sentence

margins = st.lists(st.tuples(st.integers(-4, 4).map(float), st.booleans()), max_size=12)


def f1(items, gold, threshold):
    kept = [correct for margin, correct in items if margin > threshold]
    return 2 * sum(kept) / max(len(kept) + gold, 1)


@given(margins, st.integers(0, 5))
def test_no_other_threshold_is_better(items, missed):
    gold = missed + sum(correct for _, correct in items)
    best = best_threshold(items, gold)
    tried = [f1(items, gold, threshold + 0.5) for threshold in range(-6, 6)]
    assert (0.0 if best is None else f1(items, gold, best)) == pytest.approx(max(tried))


def test_lies_halfway_between_two_margins():
    assert best_threshold([(3.0, True), (1.0, True), (-1.0, False)], gold=2) == 0.0


def test_nothing_correct():
    assert best_threshold([(3.0, False)], gold=2) is None


ENTITIES = tuple(Entity(f"e{i}", i, i + 1, "A") for i in range(3))
RELATIONS = (Relation("e0", "e1", "R"), Relation("e1", "e2", "R"))
SENTENCE = Sentence("s", "abc", ENTITIES, RELATIONS[:1])


@pytest.fixture
def extractor():
    """Scores both relations while every pair is asked to name one."""

    def extract(texts):
        assert (made.no_relation_shift, made.entity_threshold) == (-math.inf, 0.0)
        return [Extraction(ENTITIES, (1.0,) * 3, RELATIONS, (0.5, 0.4), (2.0, -1.0)) for _ in texts]

    model = types.SimpleNamespace(tasks=(Task.NER, Task.RC))
    made = types.SimpleNamespace(model=model, no_relation_shift=7.0, entity_threshold=0.5, extract=extract)
    return made


def test_is_set(extractor):
    (found,) = tune_threshold(extractor, [SENTENCE])
    assert extractor.no_relation_shift == 0.5
    assert (found.relations, found.relation_probabilities, found.relation_margins) == (RELATIONS[:1], (0.5,), (2.0,))
    assert found.entities == ENTITIES


def test_stays_where_nothing_is_correct(extractor):
    unrelated = Sentence("s", "abc", ENTITIES)
    (found,) = tune_threshold(extractor, [unrelated])
    assert extractor.no_relation_shift == 7.0 and not found.relations


@pytest.mark.parametrize(
    ("options", "tasks", "tuned"),
    [
        ({}, (Task.NER, Task.RC), ["shift", "relations", "entities"]),
        ({"tune_threshold": False}, (Task.NER, Task.RC), ["shift", "entities"]),
        ({"tune_entity_threshold": False}, (Task.NER, Task.RC), ["relations"]),
        ({}, (Task.NER,), ["shift", "entities"]),
        ({}, (Task.RC,), ["relations"]),
    ],
)
def test_what_is_tuned(monkeypatch, options, tasks, tuned):
    done = []
    monkeypatch.setattr(threshold, "tune_entity_shift", lambda *_: done.append("shift"))
    monkeypatch.setattr(threshold, "tune_threshold", lambda *_: done.append("relations"))
    monkeypatch.setattr(threshold, "tune_entity_threshold", lambda *_: done.append("entities"))
    extractor = types.SimpleNamespace(model=types.SimpleNamespace(tasks=tasks))
    tune_thresholds(extractor, [SENTENCE], TrainingOptions(**options))
    assert done == tuned


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ((0.99, 0.99, 0.4), 0.45),  # the first of those that leave the wrong one out
        ((0.4, 0.3, 0.99), 0.0),
        ((0.99, 0.72, 0.71), 0.0),  # no step is between the two: with 0.75 a correct one would go too
    ],
)
def test_of_lone_entities(probabilities, expected):
    sentence = Sentence("s", "abc", ENTITIES[:2])  # the third is wrong
    made = types.SimpleNamespace(entity_threshold=0.3, extract=lambda texts: [Extraction(ENTITIES, probabilities)])
    [found] = tune_entity_threshold(made, [sentence])
    assert made.entity_threshold == expected
    assert [p for p in probabilities if p >= expected] == list(found.entity_probabilities)


def test_of_lone_entities_where_related_ones_are_wrong(extractor):
    """No threshold leaves them out, so the lowest is chosen."""
    found = [Extraction(ENTITIES, (0.1, 0.1, 0.1), RELATIONS, (0.5, 0.4), (2.0, -1.0))]
    assert tune_entity_threshold(extractor, [Sentence("s", "abc")], found) == found
    assert extractor.entity_threshold == 0.0


@pytest.mark.parametrize(
    ("found_by", "expected"),
    [
        ({0.0: 2, 0.5: 3, -0.5: 1}, -0.5),  # of three, one is annotated
        ({0.0: 1, 0.5: 1, -0.5: 1}, 0.0),  # of equal ones, that nearest to 0
        ({0.0: 0, 0.5: 0, -0.5: 0, 2.0: 2}, 2.0),
    ],
)
def test_of_entities(found_by, expected):
    def entities_with_shifts(texts, shifts):
        return [[ENTITIES[: found_by.get(shift, 0)] for _ in texts] for shift in shifts]

    made = types.SimpleNamespace(entity_shift=9.0, entities_with_shifts=entities_with_shifts)
    tune_entity_shift(made, [Sentence("s", "abc", ENTITIES[:1])])
    assert made.entity_shift == expected


def test_stays_where_extraction_fails(extractor):
    extractor.extract = lambda texts: 1 / 0
    with pytest.raises(ZeroDivisionError):
        tune_threshold(extractor, [SENTENCE])
    assert (extractor.no_relation_shift, extractor.entity_threshold) == (7.0, 0.5)
