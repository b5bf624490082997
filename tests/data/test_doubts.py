import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.data.doubts import Doubt, find_doubts, repeated_texts
from strtf.schema import Entity, Sentence


def sentence(name, text, *spans):
    return Sentence(name, text, tuple(Entity(f"e{i}", *span) for i, span in enumerate(spans)))


USUAL = [sentence(f"u{i}", "左主干狭窄", (0, 3, "Vessel"), (3, 5, "Degree")) for i in range(4)]


def doubts(*others):
    return find_doubts({"train": USUAL, "test": others})


def test_words_that_are_an_entity_elsewhere():
    assert doubts(sentence("t", "见左主干。")) == [Doubt("test", "t", 1, 4, "左主干", None, "Vessel", 4, 5)]


def test_words_of_another_type_elsewhere():
    assert doubts(sentence("t", "狭窄", (0, 2, "Finding"))) == [
        Doubt("test", "t", 0, 2, "狭窄", "Finding", "Degree", 4, 5)
    ]


def test_words_within_an_entity_are_part_of_it():
    assert doubts(sentence("t", "左主干狭窄", (0, 5, "Finding"))) == []


def test_words_that_reach_into_an_entity_are_no_place():
    assert doubts(sentence("t", "左主干", (2, 3, "Part"))) == []


def test_words_that_are_as_often_no_entity():
    assert doubts(*(sentence(f"t{i}", "左主干") for i in range(2))) == []


def test_rare_words_say_nothing():
    assert find_doubts({"train": USUAL[:2], "test": [sentence("t", "左主干")]}) == []


def test_a_single_character_is_no_word():
    usual = [sentence(f"u{i}", "左。", (0, 1, "Vessel")) for i in range(9)]
    assert find_doubts({"train": [*usual, sentence("t", "左右")]}) == []


def test_the_longest_of_known_words_counts():
    usual = [*USUAL, *(sentence(f"v{i}", "左主干近段", (0, 5, "Part")) for i in range(4))]
    [found] = find_doubts({"train": [*usual, sentence("t", "左主干近段")]})
    assert (found.text, found.expected) == ("左主干近段", "Part")


def test_a_part_of_a_latin_word_or_number_is_no_place():
    usual = [sentence(f"u{i}", "LAD 30", (0, 3, "Vessel"), (4, 6, "Number")) for i in range(9)]
    found = find_doubts({"train": [*usual, sentence("t", "LADS 300 见LAD")]})
    assert [(each.start, each.text) for each in found] == [(10, "LAD")]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.text(st.sampled_from("左主干a "), max_size=8), st.integers(0, 4)), max_size=12))
def test_doubts_are_places_of_their_words(drawn):
    sentences = [
        sentence(str(i), text, *([(0, size, "AB"[size % 2])] if 0 < size <= len(text) else []))
        for i, (text, size) in enumerate(drawn)
    ]
    texts = {each.id: each for each in sentences}
    for doubt in find_doubts({"train": sentences}):
        text = texts[doubt.id]
        assert text.text[doubt.start : doubt.end] == doubt.text and doubt.annotated != doubt.expected
        annotated = {(e.start, e.end): e.type for e in text.entities}
        assert annotated.get((doubt.start, doubt.end)) == doubt.annotated
        assert 0.8 * doubt.places <= doubt.times < doubt.places


def test_texts_that_stand_in_an_earlier_split():
    splits = {"train": USUAL, "dev": [sentence("d", "右")], "test": [sentence("t", "左主干狭窄"), sentence("s", "右")]}
    assert repeated_texts(splits) == {("dev", "train"): 0, ("test", "train"): 1, ("test", "dev"): 1}


def test_shorter_words_are_tried_where_longer_ones_are_none():
    usual = [*(sentence(f"u{i}", "狭窄", (0, 2, "A")) for i in range(9)), sentence("v", "狭窄处", (0, 3, "B"))]
    [found] = find_doubts({"train": [*usual, sentence("t", "狭窄处所", (2, 4, "C"))]})
    assert (found.id, found.start, found.end, found.times, found.places) == ("t", 0, 2, 9, 10)


@pytest.mark.parametrize(("words", "others"), [("café", "cafés"), ("рак", "характер"), ("cafe", "cafe\u0301")])
def test_a_part_of_a_word_in_any_script_with_spaces_is_no_place(words, others):
    usual = [sentence(f"u{i}", words, (0, len(words), "A")) for i in range(9)]
    assert find_doubts({"train": [*usual, sentence("t", others)]}) == []
    [found] = find_doubts({"train": [*usual, sentence("t", f"见{words}无")]})
    assert found.start == 1
