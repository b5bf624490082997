import collections
import json

import pytest

from strtf.data import angiography
from strtf.data.angiography import generate
from strtf.errors import StrtfError
from strtf.evaluation.rules import NearestRule, TypePairRule
from strtf.schema import Entity, Relation, RelationClass, Sentence, direction_of, text_order

SPLITS = ("train", "dev", "test")
ENTITIES = {"Negation": 103, "Body Part": 492, "Degree": 658, "Quantifier": 422, "Location": 461}
RELATIONS = {
    "Negative(2→1)": 406,
    "Modifier(2→1)": 1068,
    "Position(1→2)": 389,
    "Percentage(1→2)": 100,
    "Percentage(2→1)": 256,
}


def read(split: str) -> list[Sentence]:
    records = map(json.loads, angiography.split_path(split).read_text(encoding="utf-8").split("\n")[:-1])
    return [
        Sentence(
            record["id"],
            record["text"],
            tuple(Entity(**entity) for entity in record["entities"]),
            tuple(Relation(**relation) for relation in record["relations"]),
        )
        for record in records
    ]


@pytest.fixture(scope="module")
def corpus() -> dict[str, list[Sentence]]:
    return {split: read(split) for split in SPLITS}


@pytest.fixture(scope="module")
def sentences(corpus) -> list[Sentence]:
    return [sentence for split in SPLITS for sentence in corpus[split]]


def gold(sentence: Sentence) -> set[tuple[int, int, RelationClass]]:
    order = {entity.id: i for i, entity in enumerate(text_order(sentence.entities))}
    return {
        (
            *sorted((order[r.head], order[r.tail])),
            RelationClass(r.type, direction_of(sentence.entity(r.head), sentence.entity(r.tail))),
        )
        for r in sentence.relations
    }


def test_entities_are_as_many_as_in_table_1(sentences):
    assert collections.Counter(e.type for s in sentences for e in s.entities) == ENTITIES


def test_relations_are_as_many_as_in_table_1_in_each_direction(sentences):
    assert collections.Counter(str(name) for s in sentences for _, _, name in gold(s)) == RELATIONS


def test_fifteen_percent_of_the_unrelated_pairs_are_as_many_as_in_table_1(sentences):
    pairs = sum(len(s.entities) * (len(s.entities) - 1) // 2 for s in sentences)
    assert abs(0.15 * (pairs - sum(RELATIONS.values())) - 1975) <= 5


def test_no_pair_has_two_relations(sentences):
    for s in sentences:
        assert len({frozenset((r.head, r.tail)) for r in s.relations}) == len(s.relations), s.id


def test_spans_lie_in_the_text_and_do_not_overlap(sentences):
    for s in sentences:
        ends = [0] + [e.end for e in text_order(s.entities)]
        assert all(end <= e.start < e.end for end, e in zip(ends, text_order(s.entities), strict=False)), s.id
        assert ends[-1] <= len(s.text) < 500, s.id


def test_spans_do_not_begin_or_end_in_punctuation_or_space(sentences):
    for s in sentences:
        for e in s.entities:
            assert not set(s.text[e.start] + s.text[e.end - 1]) & set(" ，。；：、（）"), (s.id, e.id)


def test_splits_share_no_text_and_are_8_to_1_to_1(corpus, sentences):
    assert len({s.text for s in sentences}) == len(sentences)
    assert len(corpus["dev"]) == len(corpus["test"]) == round(len(sentences) / 10)


@pytest.mark.parametrize("split", ["dev", "test"])
def test_each_type_has_about_a_tenth_in_each_held_out_split(corpus, split):
    counts = collections.Counter(e.type for s in corpus[split] for e in s.entities)
    for entity_type, total in ENTITIES.items():
        assert 0.07 * total < counts[entity_type] < 0.13 * total


def test_ids_name_the_split_and_number_its_sentences(corpus):
    for split in SPLITS:
        assert [s.id for s in corpus[split]] == [f"angio-{split}-{i:04}" for i in range(1, len(corpus[split]) + 1)]


@pytest.mark.parametrize("split", ["dev", "test"])
@pytest.mark.parametrize("rule", [TypePairRule, NearestRule])
def test_types_and_distance_do_not_decide_the_relations(corpus, rule, split):
    fitted = rule.fit(corpus["train"])
    found = [(gold(s), set(fitted.predict(s))) for s in corpus[split]]
    correct = sum(len(true & predicted) for true, predicted in found)
    f1 = 2 * correct / sum(len(true) + len(predicted) for true, predicted in found)
    assert 0.4 < f1 < 0.75


def test_some_words_are_entities_in_one_place_only(sentences):
    for word in ("前降支", "右冠", "狭窄", "开口", "扩张", "病变处"):
        inside = sum(word in s.text[e.start : e.end] for s in sentences for e in s.entities)
        assert 0 < inside < sum(s.text.count(word) for s in sentences), word


def test_regeneration_is_equal_byte_for_byte(tmp_path):
    generate.write(tmp_path)
    for split in SPLITS:
        assert (tmp_path / f"{split}.jsonl").read_bytes() == angiography.split_path(split).read_bytes()


def test_another_split_is_refused():
    with pytest.raises(StrtfError, match="Split must be one of train, dev, test. Received: 'valid'"):
        angiography.split_path("valid")
