"""Kinds of errors, against cases worked out by hand and what must hold for any two answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strtf.evaluation.errors import (
    ALONE,
    BOTH,
    BOUNDARY,
    DIRECTION,
    ENTITY,
    ENTITY_KINDS,
    RELATION_KINDS,
    RIGHT,
    TYPE,
    Error,
    count_errors,
    entity_errors,
    relation_errors,
)

GOLD = (2, 5, "Drug")


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ((2, 5, "Dose"), TYPE),
        ((2, 6, "Drug"), BOUNDARY),
        ((4, 9, "Drug"), BOUNDARY),
        ((0, 9, "Dose"), BOTH),
    ],
)
def test_an_entity_with_another_in_its_place(found, kind):
    assert entity_errors({GOLD}, {found}) == [Error(kind, GOLD, found)]
    assert entity_errors({found}, {GOLD}) == [Error(kind, found, GOLD)]


@pytest.mark.parametrize("found", [(5, 7, "Drug"), (0, 2, "Drug")])
def test_neighbours_do_not_stand_in_for_an_entity(found):
    assert entity_errors({GOLD}, {found}) == [Error(ALONE, GOLD)]


def test_the_nearest_error_stands_in():
    same_words, same_type, longest = (2, 5, "Dose"), (2, 4, "Drug"), (0, 9, "Dose")
    assert entity_errors({GOLD}, {longest, same_type, same_words})[0].instead == same_words
    assert entity_errors({GOLD}, {longest, same_type})[0].instead == same_type
    assert entity_errors({GOLD}, {longest, (4, 6, "Dose")})[0].instead == longest


def test_an_entity_left_out_of_a_right_one_is_missed():
    outer = (0, 9, "Drug")
    assert entity_errors({GOLD, outer}, {outer}) == [Error(ALONE, GOLD)]


def test_errors_are_in_text_order():
    assert [error.item[0] for error in entity_errors({(7, 8, "A"), (1, 2, "B"), (4, 5, "A")}, set())] == [1, 4, 7]


DRUG, DOSE, SIGN = ((0, 2), "Drug"), ((3, 5), "Dose"), ((6, 8), "Sign")
ENTITIES = {(*span, kind) for span, kind in (DRUG, DOSE, SIGN)}
AMOUNT = (*DOSE, *DRUG, "Amount")


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ((*DOSE, *DRUG, "Effect"), TYPE),
        ((*DRUG, *DOSE, "Amount"), DIRECTION),
        ((*DRUG, *DOSE, "Effect"), DIRECTION),
    ],
)
def test_another_relation_of_the_same_entities(found, kind):
    assert relation_errors({AMOUNT}, {found}, ENTITIES) == [Error(kind, AMOUNT, found)]
    assert relation_errors({found}, {AMOUNT}, ENTITIES) == [Error(kind, found, AMOUNT)]


def test_a_relation_without_one_in_its_place():
    assert relation_errors({AMOUNT}, {(*SIGN, *DRUG, "Amount")}, ENTITIES) == [Error(ALONE, AMOUNT)]


@pytest.mark.parametrize("wrong", [(3, 4, "Dose"), (3, 5, "Drug")])
def test_a_relation_whose_entity_is_not_on_the_other_side(wrong):
    others = ENTITIES - {(3, 5, "Dose")} | {wrong}
    assert relation_errors({AMOUNT}, set(), others) == [Error(ENTITY, AMOUNT)]


def test_a_second_relation_of_right_ones_is_missed():
    effect = (*DOSE, *DRUG, "Effect")
    assert relation_errors({AMOUNT, effect}, {AMOUNT}, ENTITIES) == [Error(ALONE, effect)]


spans = st.tuples(st.integers(0, 8), st.integers(1, 4)).map(lambda pair: (pair[0], sum(pair)))
kinds = st.sampled_from("AB")
entity_sets = st.sets(st.tuples(spans, kinds).map(lambda item: (*item[0], item[1])), max_size=6)


@given(entity_sets, entity_sets)
def test_each_item_is_right_or_one_error(gold, found):
    both = entity_errors(gold, found), entity_errors(found, gold)
    counts = count_errors([gold], [found], [both])
    assert sum(counts["gold"].values()) == len(gold) and sum(counts["predicted"].values()) == len(found)
    assert counts["gold"][RIGHT] == counts["predicted"][RIGHT] == len(gold & found)
    assert set(counts["gold"]) | set(counts["predicted"]) <= {RIGHT, *ENTITY_KINDS}
    assert all(error.instead not in gold for error in both[0]) and all(e.instead not in found for e in both[1])


@given(entity_sets, entity_sets, st.data())
def test_each_relation_is_right_or_one_error(gold, found, data):
    sides = [data.draw(relations_of(sorted(entities))) for entities in (gold, found)]
    both = relation_errors(*sides, found), relation_errors(*sides[::-1], gold)
    counts = count_errors(*([side] for side in sides), [both])
    assert [sum(counts[side].values()) for side in ("gold", "predicted")] == [*map(len, sides)]
    assert set(counts["gold"]) | set(counts["predicted"]) <= {RIGHT, *RELATION_KINDS}


def relations_of(entities):
    if not entities:
        return st.just(set())
    end = st.sampled_from([(item[:2], item[2]) for item in entities])
    return st.sets(st.tuples(end, end, kinds).map(lambda parts: (*parts[0], *parts[1], parts[2])), max_size=6)
