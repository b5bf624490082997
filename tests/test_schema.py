import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.errors import DataError, StrtfError
from strtf.schema import (
    Direction,
    Entity,
    Relation,
    RelationClass,
    Schema,
    Sentence,
    candidate_pairs,
    directed,
    direction_of,
    pair_classes,
    text_order,
)

VESSEL = Entity("v", 0, 3, "Body Part")
PLACE = Entity("p", 3, 5, "Location")
DEGREE = Entity("d", 6, 8, "Degree")
SENTENCE = Sentence(
    "s1",
    "前降支近段见狭窄",
    (DEGREE, VESSEL, PLACE),  # not in text order
    (Relation("v", "p", "Position"), Relation("d", "v", "Modifier")),
    source="corpus.jsonl:7",
)
SCHEMA = Schema.from_sentences([SENTENCE])


def with_relations(*relations):
    return Sentence("s", SENTENCE.text, SENTENCE.entities, relations)


def classes_of(*relations):
    return pair_classes(with_relations(*relations), text_order(SENTENCE.entities), SCHEMA)


class TestSchema:
    def test_entity_types_are_sorted(self):
        assert SCHEMA.entity_types == ("Body Part", "Degree", "Location")

    def test_relation_classes_hold_the_directions_that_occur(self):
        assert SCHEMA.relation_classes == (
            RelationClass("Modifier", Direction.BACKWARD),
            RelationClass("Position", Direction.FORWARD),
        )

    def test_no_relation_may_be_called_so(self):
        sentence = dataclasses.replace(SENTENCE, relations=(Relation("v", "p", "No relation"),))
        with pytest.raises(DataError, match="corpus.jsonl:7: relation types must not be 'No relation'"):
            Schema.from_sentences([sentence])

    def test_class_names_begin_with_no_relation(self):
        assert SCHEMA.class_names == ("No relation", "Modifier(2→1)", "Position(1→2)")

    def test_num_classes_counts_no_relation(self):
        assert SCHEMA.num_classes == 3

    def test_relation_types_are_listed_once(self):
        both = with_relations(Relation("v", "d", "Modifier"), Relation("d", "v", "Modifier"))
        assert Schema.from_sentences([both]).relation_types == ("Modifier",)

    def test_order_of_sentences_changes_nothing(self):
        other = Sentence("s2", "右冠", (Entity("a", 0, 2, "A"), Entity("b", 2, 4, "B")), (Relation("a", "b", "R"),))
        assert Schema.from_sentences([SENTENCE, other]) == Schema.from_sentences([other, SENTENCE])

    def test_class_index(self):
        assert SCHEMA.class_index(RelationClass("Position", Direction.FORWARD)) == 2

    def test_unseen_direction_has_no_class(self):
        assert SCHEMA.class_index(RelationClass("Position", Direction.BACKWARD)) is None

    @pytest.mark.parametrize("types", [("Body Part", "Location"), ("Location", "Body Part")])
    def test_related_types_are_unordered(self, types):
        assert SCHEMA.related(*types)

    def test_types_that_no_relation_joins_are_not_related(self):
        assert not SCHEMA.related("Location", "Degree")

    def test_json_round_trip(self):
        assert Schema.from_json(SCHEMA.to_json()) == SCHEMA

    def test_related_types_of_a_file_may_stand_in_any_order(self):
        values = SCHEMA.to_json() | {"related_types": [["Location", "Body Part"]]}
        assert Schema.from_json(values).related("Location", "Body Part")

    @pytest.mark.parametrize(
        "values",
        [
            {},
            {"entity_types": ["A"], "relation_classes": [["R", "sideways"]], "related_types": []},
            {"entity_types": ["A"], "relation_classes": [["R"]], "related_types": []},
            {"entity_types": ["A"], "relation_classes": [["R", 1]], "related_types": []},
            {"entity_types": None, "relation_classes": [], "related_types": []},
            {"entity_types": "AB", "relation_classes": [], "related_types": []},
            {"entity_types": ["A", "A"], "relation_classes": [], "related_types": []},
            {"entity_types": ["A"], "relation_classes": [["R", "forward"]] * 2, "related_types": []},
            {"entity_types": ["A", 1], "relation_classes": [], "related_types": []},
            {"entity_types": ["A", ""], "relation_classes": [], "related_types": []},
            {"entity_types": ["A"], "relation_classes": [[None, "forward"]], "related_types": []},
            {"entity_types": ["A"], "relation_classes": [], "related_types": [["A", 1]]},
        ],
    )
    def test_broken_json_says_what_a_schema_holds(self, values):
        with pytest.raises(StrtfError, match='must hold "entity_types".* Received: '):
            Schema.from_json(values)


class TestCheck:
    def test_training_split_fits_its_own_schema(self):
        SCHEMA.check([SENTENCE])

    def test_unseen_entity_type_names_place_and_type_and_choices(self):
        strange = Sentence("s", "右冠", (Entity("e", 0, 2, "Vessel"),), source="dev.jsonl:3")
        message = "^dev.jsonl:3: entity type 'Vessel' does not occur .*Known types: Body Part, Degree, Location"
        with pytest.raises(DataError, match=message):
            SCHEMA.check([SENTENCE, strange])

    def test_unseen_relation_type_names_place_and_type_and_choices(self):
        strange = Sentence("s", SENTENCE.text, SENTENCE.entities, (Relation("v", "p", "Near"),), source="dev.jsonl:4")
        with pytest.raises(DataError, match=r"^dev.jsonl:4: relation type 'Near' .*Known types: Modifier, Position"):
            SCHEMA.check([strange])

    def test_sentence_without_source_is_named_by_id(self):
        with pytest.raises(DataError, match="^only-id: "):
            SCHEMA.check([Sentence("only-id", "右冠", (Entity("e", 0, 2, "Vessel"),))])

    def test_empty_schema_knows_none(self):
        with pytest.raises(DataError, match="Known types: none"):
            Schema.from_sentences([]).check([SENTENCE])

    def test_text_is_not_shown(self):
        with pytest.raises(DataError) as error:
            Schema.from_sentences([]).check([SENTENCE])
        assert SENTENCE.text not in str(error.value)


class TestOrder:
    def test_text_order_is_start_then_end(self):
        long, short = Entity("a", 0, 5, "A"), Entity("b", 0, 2, "A")
        assert text_order([DEGREE, long, short]) == [short, long, DEGREE]

    @pytest.mark.parametrize(("head", "tail", "direction"), [(VESSEL, PLACE, "1→2"), (PLACE, VESSEL, "2→1")])
    def test_direction(self, head, tail, direction):
        assert direction_of(head, tail) == direction

    @pytest.mark.parametrize(("head", "tail"), [(VESSEL, PLACE), (PLACE, VESSEL)])
    def test_directed_undoes_direction_of(self, head, tail):
        assert directed(VESSEL, PLACE, direction_of(head, tail)) == (head, tail)

    @settings(deadline=None, max_examples=15)
    @given(st.integers(0, 30))
    def test_candidate_pairs_are_each_unordered_pair_once(self, n):
        pairs = candidate_pairs(n)
        assert len(pairs) == n * (n - 1) // 2
        assert {frozenset(pair) for pair in pairs} == {frozenset((i, j)) for i in range(n) for j in range(n) if i != j}

    def test_candidate_pairs_have_the_first_first(self):
        assert all(i < j for i, j in candidate_pairs(6))


class TestPairClasses:
    def test_direction_is_that_of_the_text(self):
        assert classes_of(*SENTENCE.relations) == ({(0, 1): 2, (0, 2): 1}, 0)

    def test_second_relation_of_a_pair_is_lost(self):
        assert classes_of(Relation("v", "p", "Position"), Relation("p", "v", "Modifier")) == ({(0, 1): 2}, 1)

    def test_relation_of_an_entity_with_itself_is_lost(self):
        schema = Schema(("Body Part",), tuple(RelationClass("Self", direction) for direction in Direction))
        classes = pair_classes(with_relations(Relation("v", "v", "Self")), text_order(SENTENCE.entities), schema)
        assert classes == ({}, 1)

    def test_unseen_direction_is_lost(self):
        assert classes_of(Relation("p", "v", "Position")) == ({}, 1)

    def test_relation_of_a_lost_entity_is_not_counted_again(self):
        assert pair_classes(SENTENCE, [VESSEL, PLACE], SCHEMA) == ({(0, 1): 2}, 0)


def test_an_inventory_is_put_in_order():
    first, second = RelationClass("A", Direction.FORWARD), RelationClass("B", Direction.BACKWARD)
    given = Schema(("b", "a"), (second, first), frozenset({("a", "b")}))
    assert given.in_order() == Schema(("a", "b"), (first, second), frozenset({("a", "b")}))
