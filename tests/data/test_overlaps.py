import dataclasses
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.data.overlaps import OverlapPolicy, resolve_overlaps
from strtf.errors import DataError
from strtf.schema import Entity, Relation, Sentence

LOSSY = [OverlapPolicy.LONGEST, OverlapPolicy.OUTERMOST, OverlapPolicy.FIRST]


def sentence_of(*spans, relations=()):
    entities = tuple(Entity(f"e{n}", start, end, "T") for n, (start, end) in enumerate(spans))
    return Sentence("s", "x" * 20, entities, tuple(relations), "notes.jsonl:3")


def kept_spans(policy, *spans):
    return [entity.span for entity in resolve_overlaps(sentence_of(*spans), policy).sentence.entities]


def layers_of(sentence, layer=0):
    return {entity.id: layer for entity in sentence.entities}


def overlap(a, b):
    return a.start < b.end and b.start < a.end


def nested(inner, outer):
    return inner != outer and outer.start <= inner.start and inner.end <= outer.end


@st.composite
def sentences(draw):
    spans = draw(st.lists(st.tuples(st.integers(0, 15), st.integers(1, 5)), max_size=8))
    pairs = list(itertools.permutations(range(len(spans)), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=6, unique=True)) if pairs else []
    relations = (Relation(f"e{i}", f"e{j}", "R") for i, j in chosen)
    return sentence_of(*((start, start + length) for start, length in spans), relations=relations)


# --------------------------------------------------------------------------------------------------- policies


def test_longest_keeps_the_longest():
    assert kept_spans(OverlapPolicy.LONGEST, (0, 3), (2, 8), (7, 9)) == [(2, 8)]


def test_longest_prefers_the_leftmost_of_equals():
    assert kept_spans(OverlapPolicy.LONGEST, (4, 7), (2, 5), (0, 3)) == [(4, 7), (0, 3)]


def test_outermost_drops_the_nested_before_the_partial():
    # (6, 8) lies in (3, 9), which then gives way to (0, 5)
    assert kept_spans(OverlapPolicy.OUTERMOST, (0, 5), (3, 9), (6, 8)) == [(0, 5)]


def test_outermost_prefers_the_leftmost_to_the_longer():
    assert kept_spans(OverlapPolicy.OUTERMOST, (2, 9), (0, 3)) == [(0, 3)]


def test_first_keeps_what_a_dropped_entity_held():
    assert kept_spans(OverlapPolicy.FIRST, (0, 5), (3, 9), (6, 8)) == [(0, 5), (6, 8)]


def test_first_prefers_the_longer_of_one_start():
    assert kept_spans(OverlapPolicy.FIRST, (0, 2), (0, 4)) == [(0, 4)]


@pytest.mark.parametrize("policy", LOSSY)
def test_of_equal_spans_the_first_in_the_file_stays(policy):
    resolved = resolve_overlaps(sentence_of((1, 4), (1, 4), (1, 4)), policy)
    assert [e.id for e in resolved.sentence.entities] == ["e0"]


@pytest.mark.parametrize("policy", OverlapPolicy)
def test_touching_entities_do_not_overlap(policy):
    assert kept_spans(policy, (2, 4), (0, 2), (4, 5)) == [(2, 4), (0, 2), (4, 5)]


def test_relations_of_dropped_entities_go():
    relations = [Relation("e0", "e1", "R"), Relation("e2", "e0", "R"), Relation("e1", "e2", "R")]
    resolved = resolve_overlaps(sentence_of((0, 4), (1, 2), (6, 8), relations=relations), OverlapPolicy.LONGEST)
    assert resolved.sentence.relations == (relations[1],)
    assert resolved.dropped_relations == (relations[0], relations[2])


def test_source_stays():
    assert resolve_overlaps(sentence_of((0, 4), (1, 2)), OverlapPolicy.LONGEST).sentence.source == "notes.jsonl:3"


# ------------------------------------------------------------------------------------------------- properties


def naive_longest(entities):
    kept = []
    for entity in sorted(entities, key=lambda e: (e.start - e.end, e.start, entities.index(e))):
        if not any(overlap(entity, other) for other in kept):
            kept.append(entity)
    return tuple(e for e in entities if e in kept)


@settings(deadline=None, max_examples=150)
@given(sentences())
def test_longest_equals_the_naive_rule(sentence):
    resolved = resolve_overlaps(sentence, OverlapPolicy.LONGEST)
    assert resolved.sentence.entities == naive_longest(sentence.entities)


@settings(deadline=None, max_examples=150)
@given(sentences(), st.sampled_from(LOSSY))
def test_nothing_overlaps_afterwards(sentence, policy):
    kept = resolve_overlaps(sentence, policy).sentence.entities
    assert not any(overlap(a, b) for a, b in itertools.combinations(kept, 2))


@settings(deadline=None, max_examples=100)
@given(sentences(), st.sampled_from(LOSSY))
def test_kept_and_dropped_are_all(sentence, policy):
    kept, _, dropped_entities, dropped_relations = resolve_overlaps(sentence, policy)
    by_id = sorted(kept.entities + dropped_entities, key=lambda e: e.id)
    assert by_id == sorted(sentence.entities, key=lambda e: e.id)
    assert set(kept.relations) | set(dropped_relations) == set(sentence.relations)
    assert not set(kept.relations) & set(dropped_relations)


@settings(deadline=None, max_examples=100)
@given(sentences(), st.sampled_from(LOSSY))
def test_kept_relations_join_kept_entities(sentence, policy):
    kept = resolve_overlaps(sentence, policy).sentence
    ids = {entity.id for entity in kept.entities}
    assert all({relation.head, relation.tail} <= ids for relation in kept.relations)


@settings(deadline=None, max_examples=100)
@given(sentences(), st.sampled_from(LOSSY))
def test_resolving_twice_changes_nothing_more(sentence, policy):
    once = resolve_overlaps(sentence, policy).sentence
    assert resolve_overlaps(once, policy) == (once, layers_of(once), (), ())


@settings(deadline=None, max_examples=100)
@given(sentences(), st.sampled_from([OverlapPolicy.LONGEST, OverlapPolicy.FIRST]))
def test_each_dropped_entity_overlaps_a_kept_one(sentence, policy):
    resolved = resolve_overlaps(sentence, policy)
    for dropped in resolved.dropped_entities:
        assert any(overlap(dropped, kept) for kept in resolved.sentence.entities)


@settings(deadline=None, max_examples=100)
@given(sentences())
def test_outermost_keeps_nothing_nested_in_a_longer_entity(sentence):
    for kept in resolve_overlaps(sentence, OverlapPolicy.OUTERMOST).sentence.entities:
        assert not any(nested(kept, other) and other.span != kept.span for other in sentence.entities)


@settings(deadline=None, max_examples=150)
@given(sentences())
def test_error_is_raised_where_entities_overlap(sentence):
    if any(overlap(a, b) for a, b in itertools.combinations(sentence.entities, 2)):
        with pytest.raises(DataError):
            resolve_overlaps(sentence, OverlapPolicy.ERROR)
    else:
        assert resolve_overlaps(sentence, OverlapPolicy.ERROR) == (sentence, layers_of(sentence), (), ())


@settings(deadline=None, max_examples=150)
@given(sentences(), st.sampled_from(LOSSY), st.integers(1, 3))
def test_layers_are_what_the_policy_keeps_of_what_is_left(sentence, policy, num_layers):
    resolved, left = resolve_overlaps(sentence, policy, num_layers), sentence
    for layer in range(num_layers):
        once = resolve_overlaps(left, policy)
        of_layer = {name for name, own in resolved.layers.items() if own == layer}
        assert of_layer == {entity.id for entity in once.sentence.entities}
        left = dataclasses.replace(left, entities=once.dropped_entities, relations=())
    assert resolved.dropped_entities == left.entities
    ids = {entity.id for entity in resolved.sentence.entities}
    assert resolved.sentence.relations == tuple(r for r in sentence.relations if {r.head, r.tail} <= ids)


def test_enough_layers_hold_everything():
    sentence = sentence_of((0, 9), (1, 8), (2, 7), (3, 4), (5, 6))
    resolved = resolve_overlaps(sentence, OverlapPolicy.LONGEST, 4)
    assert list(resolved.layers.values()) == [0, 1, 2, 3, 3] and resolved.sentence == sentence


def test_error_text():
    with pytest.raises(DataError) as caught:
        resolve_overlaps(sentence_of((8, 9), (1, 6), (5, 9), (0, 1)), OverlapPolicy.ERROR)
    assert str(caught.value) == (
        "notes.jsonl:3: entities must not overlap. Received: 'e1' from 1 to 6 and 'e2' from 5 to 9. "
        "Correct them, or choose which to keep: --overlaps=longest, --overlaps=outermost or --overlaps=first."
    )
