import dataclasses
import itertools

import hypothesis
import pytest
from hypothesis import strategies as st

from strtf.config import PairScope
from strtf.evaluation.rules import NearestRule, TypePairRule
from strtf.schema import Direction, Entity, Relation, RelationClass, Sentence

POSITION = RelationClass("Position", Direction.FORWARD)
MODIFIER = RelationClass("Modifier", Direction.BACKWARD)


def sentence(spans: list[tuple[int, int, str]], relations: list[tuple[int, int, str]] = ()) -> Sentence:
    entities = tuple(Entity(f"e{i}", *span) for i, span in enumerate(spans))
    named = tuple(Relation(f"e{head}", f"e{tail}", name) for head, tail, name in relations)
    return Sentence("s", "字" * 100, entities, named)


TRAIN = [
    sentence([(0, 2, "B"), (2, 4, "L"), (5, 7, "D")], [(0, 1, "Position"), (2, 0, "Modifier"), (2, 1, "Modifier")])
]


def test_type_pair_rule_relates_every_pair_of_known_types():
    found = TypePairRule.fit(TRAIN).predict(sentence([(0, 2, "B"), (2, 4, "L"), (4, 6, "B"), (6, 8, "D")]))
    assert found == [(0, 1, POSITION), (0, 3, MODIFIER), (1, 3, MODIFIER), (2, 3, MODIFIER)]


def test_types_count_in_text_order():
    assert TypePairRule.fit(TRAIN).predict(sentence([(0, 2, "D"), (2, 4, "L"), (4, 6, "B")])) == []


def test_indices_follow_the_text_and_not_the_list():
    assert TypePairRule.fit(TRAIN).predict(sentence([(2, 4, "L"), (0, 2, "B")])) == [(0, 1, POSITION)]


def test_commonest_class_wins():
    rare = sentence([(0, 2, "B"), (2, 4, "L")], [(1, 0, "Position")])
    assert TypePairRule.fit([rare, *TRAIN, *TRAIN]).relation_classes["B", "L"] == POSITION


@pytest.mark.parametrize("reverse", [False, True])
def test_equally_common_classes_are_decided_by_name(reverse):
    splits = [sentence([(0, 1, "B"), (1, 2, "L")], [(0, 1, name)]) for name in ("Part", "Place")]
    rule = TypePairRule.fit(reversed(splits) if reverse else splits)
    assert rule.relation_classes["B", "L"] == RelationClass("Part", Direction.FORWARD)


def test_nearest_rule_keeps_a_pair_that_is_nearest_for_one_of_its_two():
    # The second vessel is the finding's nearest; the first vessel's only partner is the finding.
    found = NearestRule.fit(TRAIN).predict(sentence([(0, 2, "B"), (3, 5, "B"), (6, 8, "D"), (20, 22, "D")]))
    assert [(i, j) for i, j, _ in found] == [(0, 2), (1, 2), (1, 3)]


def test_nearest_rule_takes_the_first_of_equally_near_partners():
    # Both vessels touch nothing and stand 1 character from 7-8; the location takes the first finding.
    found = NearestRule.fit(TRAIN).predict(sentence([(0, 1, "B"), (2, 3, "L"), (4, 5, "D")]))
    assert [(i, j) for i, j, _ in found] == [(0, 1), (1, 2)]


@pytest.mark.parametrize("rule", [TypePairRule, NearestRule])
def test_pairs_stay_within_a_line_where_the_scope_is_one(rule):
    lines = dataclasses.replace(sentence([(0, 2, "B"), (2, 4, "B"), (5, 7, "D")]), text="字字字字\n字字")
    assert rule.fit(TRAIN).predict(lines, PairScope.LINE) == []
    assert len(rule.fit(TRAIN).predict(lines)) == 2


spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 5), st.sampled_from("BLDX")).map(
        lambda drawn: (drawn[0], drawn[0] + drawn[1], drawn[2])
    ),
    max_size=9,
)


@hypothesis.settings(deadline=None, max_examples=150)
@hypothesis.given(spans)
def test_both_rules_equal_brute_force(drawn):
    entities = sorted(drawn)
    rule = TypePairRule.fit(TRAIN)
    known = [
        (i, j)
        for i, j in itertools.product(range(len(entities)), repeat=2)
        if i < j and (entities[i][2] + entities[j][2]) in ("BL", "BD", "LD")
    ]

    def nearest(k):
        partners = sorted({i for pair in known if k in pair for i in pair} - {k})
        return min(partners, key=lambda p: max(entities[max(p, k)][0] - entities[min(p, k)][1], 0))

    kept = [(i, j) for i, j in known if nearest(i) == j or nearest(j) == i]
    assert [(i, j) for i, j, _ in rule.predict(sentence(drawn))] == known
    assert [(i, j) for i, j, _ in NearestRule.fit(TRAIN).predict(sentence(drawn))] == kept
