"""The comparison of what chooses thresholds: who chooses, who scores, and by what."""

import types

import numpy as np
import pytest

from experiments.threshold_by import Found, as_they_are, ask, by_line, compare, document_names, halves, table
from strtf.errors import StrtfError
from strtf.evaluation.threshold import ENTITY_SHIFTS
from strtf.extraction.decision import Decision
from strtf.models.base import Task
from strtf.schema import Entity, Sentence


def test_halves_divide_documents_and_both_choose():
    documents = ["a", "a", "b", "c", "c", "d"]
    for chooses, scores in halves(documents, 5):
        assert sorted([*chooses, *scores]) == list(range(6))
        assert not {documents[i] for i in chooses} & {documents[i] for i in scores}
    first, second = list(halves(documents, 1))
    assert first[0].tolist() == second[1].tolist() and first[1].tolist() == second[0].tolist()


@pytest.mark.parametrize("pattern", ["(", "a.*", "(x).*"])
def test_documents_that_ids_do_not_tell(pattern):
    with pytest.raises(StrtfError, match="--document must be a regular expression whose first group"):
        document_names([Sentence("a-1", "x")], pattern)


def test_documents_by_ids():
    assert document_names([Sentence("a-1", "x"), Sentence("b-2", "x")], r"(\w)-\d") == ["a", "b"]


def drawn(number, thresholds=()):
    """Calibrated answers, a handful a sentence, and another way to tag that finds nothing."""
    random = np.random.default_rng(0)
    ways, gold = [[], []], []
    for _ in range(number):
        probabilities = random.beta(0.5, 0.7, 4)
        ways[1].append(dict(enumerate(probabilities.tolist())))
        gold.append(set(np.flatnonzero(random.random(4) < probabilities).tolist()))
    ways[0] = [{} for _ in range(number)]
    return Found(ways if thresholds else ways[1:], gold, as_they_are, thresholds)


@pytest.mark.parametrize("thresholds", [(), (0.0, 0.2, 0.4, 0.6, 0.8)])
def test_where_probabilities_are_right_the_expected_f1_chooses_better(thresholds):
    f1 = compare(drawn(24, thresholds), [str(i) for i in range(24)], 40)
    assert f1["observed"] < f1["expected"] < f1["best"]


def test_with_many_answers_both_choose_alike():
    f1 = compare(drawn(2000), [str(i) for i in range(2000)], 2)
    assert f1["observed"] == pytest.approx(f1["expected"], abs=0.5) and f1["best"] - f1["expected"] < 0.5


def test_the_line_is_fitted_on_the_half_that_chooses():
    rising = by_line([-2.0, -1.0, 1.0, 2.0], [False, True, False, True])(np.array([-1.0, 1.0]))
    assert 0.0 < rising[0] < rising[1] < 1.0
    assert by_line([1.0, 2.0], [True, True])(np.array([0.0])).tolist() == [0.5]


def test_what_is_asked_of_a_model_that_finds_entities_alone():
    entity = Entity("e1", 0, 1, "A")
    asked_for = []

    def try_entities(texts, ways):
        asked_for.extend(ways)
        return [[[(entity, 0.75)] if shift > 0.0 else [] for _ in texts] for shift, _ in ways]

    model, decision = types.SimpleNamespace(tasks=(Task.NER,)), Decision(entity_temperature=3.0)
    extractor = types.SimpleNamespace(model=model, decision=decision, try_entities=try_entities)
    asked = ask(extractor, [Sentence(f"s{i}", "a", (entity,)) for i in range(4)])
    assert set(asked) == {"entities"} and asked_for == [(shift, 3.0) for shift in ENTITY_SHIFTS]
    rows = {name: compare(found, ["a", "b", "c", "d"], 3) for name, found in asked.items()}
    assert table(rows).splitlines()[2:] == ["| entities | 100.0 | 100.0 | 100.0 |"]
