"""Precision, recall and F1 from counts."""

import hypothesis
import pytest
from hypothesis import strategies as st

from strtf.evaluation.scores import Score, compare, compare_by, compare_each, macro_f1

items = st.sets(st.tuples(st.integers(0, 5), st.sampled_from("abc")), max_size=6)
sides = st.lists(st.tuples(items, items), max_size=6)
SETTINGS = hypothesis.settings(deadline=None, max_examples=60)


def test_nothing_over_nothing_is_zero():
    assert Score().to_json() == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "gold": 0, "predicted": 0, "correct": 0}


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (Score(4, 2, 1), (0.5, 0.25, 1 / 3)),
        (Score(4, 0, 0), (0.0, 0.0, 0.0)),
        (Score(0, 3, 0), (0.0, 0.0, 0.0)),
        (Score(3, 3, 3), (1.0, 1.0, 1.0)),
    ],
)
def test_definitions(score, expected):
    assert (score.precision, score.recall, score.f1) == pytest.approx(expected)


def test_micro_average_counts_over_all_sentences():
    score = compare([{1, 2, 3, 4}, {1}], [{1}, {1, 2, 3}])
    assert score == Score(gold=5, predicted=4, correct=2)


def test_each_sentence_has_its_counts():
    assert compare_each([{1, 2}, {1}], [{1}, {2, 3}]) == [Score(2, 1, 1), Score(1, 2, 0)]


def test_the_same_item_of_another_sentence_is_no_match():
    assert compare([{1}, set()], [set(), {1}]) == Score(1, 1, 0)


def test_sides_must_have_as_many_sentences():
    with pytest.raises(ValueError):
        compare([{1}], [])


@SETTINGS
@hypothesis.given(sides)
def test_against_counting_one_by_one(sides):
    gold, predicted = [g for g, _ in sides], [p for _, p in sides]
    marked_gold = {(i, item) for i, found in enumerate(gold) for item in found}
    marked = {(i, item) for i, found in enumerate(predicted) for item in found}
    score = compare(gold, predicted)
    hits = sum(item in marked_gold for item in marked)
    assert (score.gold, score.predicted, score.correct) == (len(marked_gold), len(marked), hits)
    if hits:
        assert score.f1 == pytest.approx(2 * score.precision * score.recall / (score.precision + score.recall))


@SETTINGS
@hypothesis.given(sides)
def test_types_add_up_to_the_whole(sides):
    gold, predicted = [g for g, _ in sides], [p for _, p in sides]
    by_type = compare_by(gold, predicted, key=lambda item: item[1])
    assert sum(by_type.values(), Score()) == compare(gold, predicted)
    assert list(by_type) == sorted({kind for pair in sides for found in pair for _, kind in found})


def test_macro_f1_weighs_types_alike():
    assert macro_f1({"rare": Score(1, 1, 1), "common": Score(100, 0, 0)}) == 0.5


def test_macro_f1_of_no_types():
    assert macro_f1({}) == 0.0
