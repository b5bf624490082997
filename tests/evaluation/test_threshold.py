"""The threshold with the best F1, held to trying every one; and what is chosen of a decision, and in which order."""

import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strtf.config import PriorCorrection, ThresholdBy, TrainingOptions, from_values
from strtf.evaluation import threshold
from strtf.evaluation.threshold import best_threshold, credited, tune_decision
from strtf.extraction.decision import Decision
from strtf.extraction.extractor import Extraction
from strtf.models.base import Task
from strtf.schema import Entity, Relation, Sentence

BOTH = (Task.NER, Task.RC)
NOTHING = {
    "calibrate": False,
    "tune_threshold": False,
    "tune_entity_threshold": False,
    "prior_correction": PriorCorrection.NONE,
}
scored = st.lists(st.tuples(st.integers(1, 9).map(lambda n: n / 10), st.booleans()), max_size=12)


def f1(items, gold, threshold):
    kept = [correct for probability, correct in items if probability > threshold]
    return 2 * sum(kept) / max(len(kept) + gold, 1)


@given(scored, st.integers(0, 5))
def test_no_other_threshold_is_better(items, missed):
    gold = missed + sum(correct for _, correct in items)
    best = best_threshold(items, gold)
    tried = [f1(items, gold, n / 10 + 0.05) for n in range(10)]
    assert (0.0 if best is None else f1(items, gold, best)) == pytest.approx(max(tried))


def test_lies_halfway_between_two():
    assert best_threshold([(0.8, True), (0.6, True), (0.2, False)], gold=2) == 0.4


def test_the_lowest_is_above_zero():
    assert best_threshold([(0.8, True)], gold=1) == 0.4


def test_the_highest_is_below_one():
    """A graph in float32 compares logarithms: that of 1 is 0, above which nothing is."""
    assert best_threshold([(1.0, True), (1.0 - 1e-15, False)], gold=1) < 1.0 - 1e-13


def test_nothing_correct():
    assert best_threshold([(0.9, False)], gold=2) is None


ENTITIES = tuple(Entity(f"e{i}", i, i + 1, "A") for i in range(3))
RELATIONS = (Relation("e0", "e1", "R"), Relation("e1", "e2", "R"))
SENTENCE = Sentence("s", "abc", ENTITIES, RELATIONS[:1])


@pytest.fixture
def make(monkeypatch):
    """make(…): an extractor that answers as it is told, and the sentences' gold relations with the margins told."""

    def made(tasks=BOTH, entities=ENTITIES, probabilities=(0.9, 0.9, 0.9), relations=RELATIONS, margins=(2.0, -1.0),
             tried=lambda shift, temperature: [], given=({},)):  # fmt: skip
        def extract(texts):
            decision = extractor.decision
            assert not (Task.RC in tasks and decision.relation_threshold)  # every pair is asked to name a relation
            each = Extraction(entities, probabilities, relations, (0.0,) * len(relations), margins)
            return [each.decided(decision) for _ in texts]

        def gold_pairs(of, sentences):
            assert of.decision.given_threshold == 0.0
            return list(given)

        monkeypatch.setattr(threshold, "gold_pairs", gold_pairs)
        extractor = types.SimpleNamespace(
            model=types.SimpleNamespace(tasks=tasks),
            decision=Decision(1, 2, 3, 4, 5, 6, 7, 8),
            extract=extract,
            try_entities=lambda texts, options: [[tried(*each) for _ in texts] for each in options],
        )
        return extractor

    return made


def tuned(extractor, sentence=SENTENCE, **options):
    answers = tune_decision(extractor, [sentence], TrainingOptions(**NOTHING | options))
    return extractor.decision, answers


def test_nothing_asked_for_is_the_most_probable_class(make):
    extractor = make(tasks=(Task.NER,), relations=(), margins=())
    decision, answers = tuned(extractor)
    assert decision == Decision() and answers.given is None
    assert answers.found[0].entities == ENTITIES


def test_of_relations(make):
    decision, answers = tuned(make(), tune_threshold=True)
    low, high = (1 / (1 + np.exp(-margin)) for margin in (-1.0, 2.0))
    assert decision.relation_threshold == pytest.approx((low + high) / 2)
    assert (answers.found[0].relations, answers.found[0].relation_margins) == (RELATIONS[:1], (2.0,))


def test_of_relations_where_nothing_is_correct(make):
    decision, answers = tuned(make(), Sentence("s", "abc", ENTITIES), tune_threshold=True)
    assert decision == Decision() and answers.found[0].relations == RELATIONS[:1]


def test_of_relations_between_given_entities(make):
    right, wrong = ((0, 1), "A", (1, 2), "A", "R"), ((1, 2), "A", (2, 3), "A", "R")
    decision, answers = tuned(make(tasks=(Task.RC,), given=[{right: 2.0, wrong: 1.0}]), tune_threshold=True)
    assert decision.given_threshold == pytest.approx(sum(1 / (1 + np.exp(-m)) for m in (1.0, 2.0)) / 2)
    assert decision.relation_threshold == 0.5
    assert answers == (None, [{right: 2.0}])


def test_a_relation_counts_its_entities_once_it_is_calibrated(make):
    """The second is likelier by its margin; an entity of it is hardly likely at all."""
    extractor = make(probabilities=(0.9, 0.9, 0.1), margins=(1.0, 2.0))
    assert tuned(extractor, tune_threshold=True)[1].found[0].relations == RELATIONS
    decision, answers = tuned(extractor, tune_threshold=True, calibrate=True)
    assert decision.relation_ends == 1.0 and answers.found[0].relations == RELATIONS[:1]


def test_slope_and_offset(make, monkeypatch):
    right = ((0, 1), "A", (1, 2), "A", "R")
    seen = []
    monkeypatch.setattr(threshold, "platt_scaling", lambda *given: seen.append(given) or (0.5, -1.0))
    decision, _ = tuned(make(given=[{right: 2.0, "wrong": 1.0}]), calibrate=True)
    ((margins, labels),) = seen
    assert (margins.tolist(), labels) == ([2.0, 1.0], [True, False])
    assert (decision.relation_slope, decision.relation_offset) == (0.5, -1.0)


def test_slope_and_offset_stay_where_they_cannot_be_told(make):
    decision, _ = tuned(make(), calibrate=True, negative_keep=0.5, prior_correction=PriorCorrection.LOGIT)
    assert (decision.relation_slope, decision.relation_offset) == (1.0, pytest.approx(np.log(0.5)))


class TestCredit:
    """By the F1 observed an answer counts if it is right; by the one expected, as much as it is probable."""

    FOUND, GOLD = [{"a": 0.9, "b": 0.4}, {"c": 0.3}], [{"a"}, {"d"}]

    @pytest.mark.parametrize(("options", "expected"), [
        ({"threshold_by": "expected_f1"}, [0.9, 0.4, 0.3]),
        ({"threshold_by": "observed_f1"}, [1.0, 0.0, 0.0]),
        ({"threshold_by": "expected_f1", "calibrate": False}, [1.0, 0.0, 0.0]),  # such probabilities say little
    ])  # fmt: skip
    def test_of_each_answer(self, options, expected):
        scored = credited(self.FOUND, self.GOLD, from_values(TrainingOptions, options))
        assert scored == list(zip((0.9, 0.4, 0.3), expected, strict=True))

    def test_where_nothing_is_right_nothing_counts(self):
        assert [credit for _, credit in credited(self.FOUND, [set(), set()], TrainingOptions())] == [0.0] * 3

    def test_the_expected_f1_is_best_at_half_of_itself(self):
        """Lipton et al. 2014, "Optimal thresholding of classifiers to maximize F1 measure"."""
        probabilities = np.random.default_rng(0).beta(0.3, 1.0, 4000).tolist()
        gold = round(sum(probabilities))
        chosen = best_threshold([(p, p) for p in probabilities], gold)
        kept = [p for p in probabilities if p > chosen]
        assert chosen == pytest.approx(sum(kept) / (len(kept) + gold), abs=1e-3)


def test_one_answer_more_or_less_moves_the_observed_choice_alone(make):
    """Entities of 0.9 to 0.5; that of 0.5 is the one that happens to be right beside the first."""
    entities = tuple(Entity(f"e{i}", i, i + 1, "A") for i in range(5))
    probabilities = (0.9, 0.8, 0.7, 0.6, 0.5)
    extractor = make(tasks=(Task.NER,), entities=entities, probabilities=probabilities, relations=(), margins=(),
                     tried=lambda *_: list(zip(entities, probabilities, strict=True)))  # fmt: skip
    chosen = {}
    for by in ("expected_f1", "observed_f1"):
        options = {"calibrate": True, "tune_entity_threshold": True, "threshold_by": ThresholdBy(by)}
        for right in (entities[:1], entities[:1] + entities[4:]):
            decision, _ = tuned(extractor, Sentence("s", "abcde", (*right, Entity("x", 0, 2, "A"))), **options)
            chosen.setdefault(by, []).append(decision.entity_threshold)
    assert chosen == {"expected_f1": [0.0, 0.0], "observed_f1": [0.85, 0.0]}


@pytest.mark.parametrize(("right", "expected"), [(ENTITIES, 0.7), (ENTITIES[:2], 2.4), (ENTITIES[:1], 4.0)])
def test_the_temperature_is_that_of_the_likeliest_probabilities(make, right, expected):
    def tried(shift, temperature):
        odds = np.exp(1.0 / temperature)
        return [(entity, odds / (1.0 + odds)) for entity in ENTITIES]

    decision, _ = tuned(make(tried=tried), Sentence("s", "abc", right), calibrate=True)
    assert decision.entity_temperature == expected


def test_the_temperature_stays_where_nothing_is_found(make):
    assert tuned(make(), calibrate=True)[0].entity_temperature == 1.0


@pytest.mark.parametrize(
    ("found_by", "expected"),
    [
        ({0.0: 2, 0.5: 3, -0.5: 1}, -0.5),  # of three, one is annotated
        ({0.0: 1, 0.5: 1, -0.5: 1}, 0.0),  # of equal ones, that nearest to 0
        ({0.0: 0, 0.5: 0, -0.5: 0, 2.0: 2}, 2.0),
    ],
)
def test_the_shift_of_entities(make, found_by, expected):
    extractor = make(tried=lambda shift, _: [(entity, 1.0) for entity in ENTITIES[: found_by.get(shift, 0)]])
    decision, _ = tuned(extractor, Sentence("s", "abc", ENTITIES[:1]), tune_entity_threshold=True)
    assert (decision.entity_shift, decision.entity_threshold) == (expected, 0.0)


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ((0.99, 0.99, 0.4), 0.45),  # the first of those that leave the wrong one out
        ((0.4, 0.3, 0.99), 0.0),
        ((0.99, 0.72, 0.71), 0.0),  # no step is between the two: with 0.75 a correct one would go too
    ],
)
def test_the_threshold_of_entities(make, probabilities, expected):
    extractor = make(tried=lambda *_: list(zip(ENTITIES, probabilities, strict=True)))
    decision, _ = tuned(extractor, Sentence("s", "abc", ENTITIES[:2]), tune_entity_threshold=True)
    assert (decision.entity_shift, decision.entity_threshold) == (0.0, expected)


def test_shift_and_threshold_are_chosen_together(make):
    """Raised, the tagging alone is worse than without; it holds an entity more, which a threshold tells apart."""
    plain, raised = [(ENTITIES[0], 0.9)], [(ENTITIES[0], 0.9), (ENTITIES[1], 0.4), (ENTITIES[2], 0.1)]
    extractor = make(tried=lambda shift, _: raised if shift == 1.0 else plain)
    decision, _ = tuned(extractor, Sentence("s", "abc", ENTITIES[:2]), tune_entity_threshold=True)
    assert (decision.entity_shift, decision.entity_threshold) == (1.0, 0.15)


@given(st.lists(st.tuples(st.sampled_from([1.0, 1 - 1e-13, 1 - 1e-11, 0.5, np.nextafter(0.5, 0), 0.1]), st.booleans())))
def test_a_threshold_keeps_what_it_was_chosen_for(scored):
    def f1(threshold):
        kept = [right for probability, right in scored if probability > threshold]
        return 2 * sum(kept) / max(len(kept) + gold, 1)

    gold = sum(right for _, right in scored)
    best = best_threshold(scored, gold)
    possible = [p for p, _ in scored if p < 1.0 - 1e-12] + [0.0]
    assert best is None if not gold else f1(best) >= max(map(f1, possible))
