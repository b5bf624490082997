"""From margins to probabilities, and what was kept with weights."""

import numpy as np
import pytest

from strtf.errors import StrtfError
from strtf.extraction.decision import Decision


def test_the_papers_keeps_the_most_probable_class():
    probabilities = Decision().relation_probabilities([-0.1, 0.0, 0.1], np.full((3, 2), 0.01))
    assert (probabilities > Decision().relation_threshold).tolist() == [False, False, True]


def test_a_triple_is_as_sure_as_its_parts():
    decision = Decision(relation_slope=2.0, relation_offset=-1.0, relation_ends=1.0)
    expected = 0.9 * 0.5 / (1.0 + np.exp(-(2.0 * 1.5 - 1.0)))
    assert decision.relation_probabilities([1.5], [(0.9, 0.5)]) == pytest.approx([expected])


def test_no_relations():
    assert Decision().relation_probabilities([], []).shape == (0,)


@pytest.mark.parametrize("margin", [-1e4, 1e4])
def test_extreme_margins(margin):
    assert Decision().relation_probabilities([margin], [(1.0, 1.0)]) == pytest.approx([float(margin > 0)])


def test_what_is_less_probable_is_not_kept_either():
    chosen = Decision(entity_shift=1.0, entity_threshold=0.2, relation_threshold=0.6, given_threshold=0.4)
    assert chosen.at_least(0.0) == chosen
    assert chosen.at_least(0.5) == Decision(
        entity_shift=1.0, entity_threshold=0.5, relation_threshold=0.6, given_threshold=0.5
    )


def test_is_kept_and_read():
    decision = Decision(*(n / 8 for n in range(8)))
    assert Decision.from_json(decision.to_json(), Decision()) == decision


def test_what_is_not_kept_is_the_defaults():
    assert Decision.from_json({"entity_shift": 1}, Decision(2.0, 3.0)) == Decision(1.0, 3.0)


@pytest.mark.parametrize(("kept", "received"), [
    ({}, "Received: none"), ([0.5], "Received: none"), (None, "Received: none"),
    ({"entity_threshold": "0.5"}, "entity_threshold must be a finite number"),
    ({"entity_threshold": float("nan")}, "entity_threshold must be a finite number"),
    ({"entity_temperature": 0.0}, "entity_temperature must be above 0"),
])  # fmt: skip
def test_what_cannot_have_been_kept(kept, received):
    with pytest.raises(StrtfError, match=received):
        Decision.from_json(kept, Decision())


def test_the_margin_that_was_kept_before():
    old = Decision.from_json({"no_relation_shift": 1.3, "entity_threshold": 0.5, "entity_shift": -3.0}, Decision())
    assert old == Decision(-3.0, entity_threshold=0.5, relation_offset=-1.3)
