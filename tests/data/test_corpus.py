import json
import math
import os
import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf import schema
from strtf.data import corpus
from strtf.errors import DataError, StrtfError
from strtf.schema import Direction, Entity, Relation, RelationClass, Sentence

SECRET = "秘密诊断"
ENTITIES = [
    {"id": "a", "start": 0, "end": 2, "type": "Part"},
    {"id": "b", "start": 2, "end": 4, "type": "Degree"},
]
RELATION = {"head": "b", "tail": "a", "type": "Grade"}


def record(**changes):
    return {"id": "s", "text": SECRET, "entities": ENTITIES, "relations": [RELATION], **changes}


def entity(**changes):
    return record(entities=[{**ENTITIES[0], **changes}, ENTITIES[1]])


def relation(**changes):
    return record(relations=[{**RELATION, **changes}])


def without(values, key):
    return {k: v for k, v in values.items() if k != key}


def write(path, *records):
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records), encoding="utf-8")
    return path


def read_one(tmp_path, values):
    return corpus.read_corpus(write(tmp_path / "c.jsonl", values))[0]


def error_of(path):
    with pytest.raises(DataError) as caught:
        corpus.read_corpus(path)
    return str(caught.value)


# ---------------------------------------------------------------------------------------------- what is read


def test_reads_a_record(tmp_path):
    expected = Sentence(
        "s", SECRET, (Entity("a", 0, 2, "Part"), Entity("b", 2, 4, "Degree")), (Relation("b", "a", "Grade"),)
    )
    assert read_one(tmp_path, record()) == expected


def test_source_is_path_and_line(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text('\n{"id": 1, "text": "x"}\n \n{"id": 2, "text": "y"}\n')
    assert [s.source for s in corpus.read_corpus(path)] == [f"{path}:2", f"{path}:4"]


def test_ids_may_be_integers(tmp_path):
    numbered = [{**ENTITIES[0], "id": 1}, {**ENTITIES[1], "id": 2}]
    sentence = read_one(tmp_path, record(id=7, entities=numbered, relations=[{**RELATION, "head": "1", "tail": 2}]))
    assert (sentence.id, sentence.entities[0].id) == ("7", "1")
    assert sentence.relations == (Relation("1", "2", "Grade"),)


def test_missing_ids_count_sentences(tmp_path):
    path = write(tmp_path / "notes.jsonl", {"text": "x"}, {"id": "own", "text": ""}, {"text": "z"})
    assert [s.id for s in corpus.read_corpus(path)] == ["notes-1", "own", "notes-3"]


def test_entities_and_relations_may_be_absent(tmp_path):
    assert read_one(tmp_path, {"id": "s", "text": ""}) == Sentence("s", "")


def test_extra_keys_are_ignored(tmp_path):
    extra = record(note={}, entities=[{**e, "surface": "?"} for e in ENTITIES], relations=[{**RELATION, "id": 0}])
    assert read_one(tmp_path, extra) == read_one(tmp_path, record())


def test_texts_of_entities_may_be_given(tmp_path):
    assert read_one(tmp_path, entity(text=SECRET[:2])) == read_one(tmp_path, record())


def test_keys_of_another_format_are_told_once(tmp_path, caplog):
    other = {"text": SECRET, "label": [[0, 2, "Part"]], "spans": SECRET}
    path = write(tmp_path / "c.jsonl", {"text": ""}, other, other, {**other, "meta": 0})
    corpus.read_corpus(path)
    assert caplog.messages == [
        f"{path}:2: neither entities nor relations, but keys that are not read: 'label', 'spans'."
    ]


@pytest.mark.parametrize("values", [{"id": 1, "text": ""}, record(note=1), {"text": "", "entities": [], "note": 1}])
def test_keys_beside_ours_are_not_told(tmp_path, caplog, values):
    read_one(tmp_path, values)
    assert not caplog.messages


def test_byte_order_mark_and_crlf(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"id": "s", "text": "x"}\r\n\r\n')
    assert corpus.read_corpus(path) == [Sentence("s", "x")]


def test_raw_line_separators_stay_in_a_text(tmp_path):
    text = "a\u2028b\u2029c\x85d"
    assert read_one(tmp_path, {"text": text}).text == text


def test_offsets_count_code_points(tmp_path):
    sentence = read_one(tmp_path, {"text": "😀痛", "entities": [{"id": "e", "start": 1, "end": 2, "type": "T"}]})
    assert sentence.entities[0].span == (1, 2)


def test_duplicate_relations_are_merged_and_counted(tmp_path, caplog):
    other = {**RELATION, "type": "Other"}
    sentence = read_one(tmp_path, record(relations=[RELATION, other, RELATION, RELATION]))
    assert sentence.relations == (Relation("b", "a", "Grade"), Relation("b", "a", "Other"))
    assert "merged 2 exact duplicates" in caplog.text


def test_entities_of_one_place_and_type_are_one_with_the_relations_of_all(tmp_path, caplog):
    spans = {"a": (0, 1), "b": (1, 2), "again": (0, 1), "padded": (0, 2)}
    rows = [{"id": name, "start": start, "end": end, "type": "T"} for name, (start, end) in spans.items()]
    ends = [("again", "b"), ("a", "b"), ("b", "padded"), ("a", "padded"), ("b", "a")]
    relations = [{"head": head, "tail": tail, "type": "R"} for head, tail in ends]
    sentence = read_one(tmp_path, {"text": "痛 ", "entities": [rows[0], *rows[2:]], "relations": [relations[3]]})
    assert [entity.id for entity in sentence.entities] == ["a"] and not sentence.relations
    assert caplog.text.count("merged 2 entities") == caplog.text.count("left out 1 relations of two such") == 1
    sentence = read_one(tmp_path, {"text": "痛肿", "entities": rows, "relations": relations})
    assert [entity.id for entity in sentence.entities] == ["a", "b", "padded"]
    joined = [("a", "b"), ("b", "padded"), ("a", "padded"), ("b", "a")]
    assert [(relation.head, relation.tail) for relation in sentence.relations] == joined
    assert "merged 1 entities" in caplog.text and "merged 1 exact duplicates of relations" in caplog.text


@pytest.mark.parametrize(("name", "quoted"), [("e1", "'e1'"), ("痛", "one of 1 characters"), ("a b", "one of 3")])
def test_only_ids_that_are_a_word_in_ascii_are_quoted(name, quoted, tmp_path):
    with pytest.raises(DataError, match=rf"Received: id {quoted}"):
        read_one(tmp_path, relation(head=name))


def test_white_space_at_the_ends_of_an_entity_is_left_out_and_counted(tmp_path, caplog):
    spans = [(0, 4), (1, 2), (4, 6), (1, 6)]
    rows = [{"id": f"e{n}", "start": start, "end": end, "type": "T"} for n, (start, end) in enumerate(spans)]
    sentence = read_one(tmp_path, {"text": "\u3000ab\n c", "entities": rows})
    assert [entity.span for entity in sentence.entities] == [(1, 3), (1, 2), (5, 6), (1, 6)]
    assert "white space at the ends of 2 entities" in caplog.text


def test_relations_both_ways_are_no_duplicates(tmp_path, caplog):
    back = {"head": "a", "tail": "b", "type": "Grade"}
    assert len(read_one(tmp_path, record(relations=[RELATION, back])).relations) == 2
    assert not caplog.records


# ------------------------------------------------------------------------------------------------- mistakes

BAD_RECORDS = {
    "no_text": (without(record(), "text"), "text must be a string. Received: nothing"),
    "text_null": (record(text=None), "text must be a string. Received: null"),
    "text_surrogate": (record(text="\ud83d"), "text must be Unicode text. Received: half a surrogate pair"),
    "not_an_object": ("text", "the line must be an object. Received: a string"),
    "id_bool": (record(id=True), "id must be a string or an integer. Received: true or false"),
    "entities_object": (record(entities={}), "entities must be a list. Received: an object"),
    "entity_list": (record(entities=[[0, 2]]), "entities[0] must be an object. Received: a list"),
    "entity_no_id": (
        record(entities=[without(ENTITIES[0], "id")]),
        "entities[0].id must be a string or an integer",
    ),
    "entity_same_id": (entity(id="b"), "entities[1].id must be unique in its sentence. Received: 'b'"),
    "start_string": (entity(start="0"), "entities[0].start must be an integer. Received: a string"),
    "start_bool": (entity(start=False), "entities[0].start must be an integer. Received: true or false"),
    "end_float": (entity(end=2.0), "entities[0].end must be an integer. Received: a floating-point number"),
    "only_white_space": (
        {"text": "a \u3000b", "entities": [{"id": "a", "start": 1, "end": 3, "type": "T"}]},
        "entities[0] must hold more than white space. Received: start 1, end 3",
    ),
    "end_before_start": (entity(start=2, end=1), "entities[0] must end after its start"),
    "end_at_start": (entity(start=2, end=2), "entities[0] must end after its start"),
    "start_negative": (
        entity(start=-1),
        "entities[0] must lie in its text of 4 characters. Received: start -1, end 2",
    ),
    "end_outside": (
        entity(end=5),
        "entities[0] must lie in its text of 4 characters. Received: start 0, end 5",
    ),
    "entity_text": (
        entity(text=SECRET[1:3]),
        "entities[0].text must be what stands at its offsets, which count code points. Received: start 0, end 2.",
    ),
    "entity_text_null": (entity(text=None), "entities[0].text must be a string. Received: null"),
    "entity_no_type": (record(entities=[without(ENTITIES[0], "type")]), "entities[0].type must be a string"),
    "entity_type_number": (entity(type=3), "entities[0].type must be a string. Received: an integer"),
    "entity_type_empty": (entity(type=""), "entities[0].type must not be empty"),
    "relations_string": (record(relations=SECRET), "relations must be a list. Received: a string"),
    "relation_list": (record(relations=[["a", "b"]]), "relations[0] must be an object. Received: a list"),
    "head_missing": (
        record(relations=[without(RELATION, "head")]),
        "relations[0].head must be a string or an integer",
    ),
    "tail_float": (relation(tail=1.5), "relations[0].tail must be a string or an integer"),
    "tail_unknown": (relation(tail="z"), "entities of its sentence. Received: id 'z'. Known ids: 'a', 'b'."),
    "no_entities": (record(entities=[]), "Received: id 'b'. Known ids: none"),
    "self_relation": (relation(tail="b"), "relations[0] must join two entities. Received: 'b' twice"),
    "relation_type_null": (relation(type=None), "relations[0].type must be a string. Received: null"),
    "relation_type_empty": (relation(type=""), "relations[0].type must not be empty"),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_bad_record(tmp_path, name):
    values, expected = BAD_RECORDS[name]
    path = tmp_path / "c.jsonl"
    # ensure_ascii for the surrogate, which only an escape can write
    path.write_text('{"text": "fine"}\n' + json.dumps(values) + "\n")
    message = error_of(path)
    assert message.startswith(f"{path}:2: ")
    assert expected in message
    assert SECRET not in message and "\n" not in message


def test_known_ids_are_not_listed_without_end(tmp_path):
    many = [{**ENTITIES[0], "id": f"e{n}"} for n in range(50)]
    message = error_of(write(tmp_path / "c.jsonl", record(entities=many)))
    assert "'e9', …" in message and "'e10'" not in message


def test_duplicate_sentence_ids_name_both_lines(tmp_path):
    path = write(tmp_path / "c.jsonl", {"id": "1", "text": "x"}, {"id": "2", "text": "y"}, {"id": 1, "text": "z"})
    assert error_of(path).startswith(f"{path}:3: id must be unique. Received: '1', as at {path}:1.")


BAD_FILES = {
    "empty": (b"", ":1: the file must hold a sentence"),
    "blank": (b"\n \r\n\n", ":1: the file must hold a sentence"),
    "not_json": (
        b'{"text": "x"}\n{"text": }\n',
        ":2: the line must be JSON. Received: Expecting value at column 10",
    ),
    "two_objects": (
        b'{"text": "x"} {"text": "y"}',
        ":1: the line must be JSON. Received: Extra data at column 15",
    ),
    "not_utf8": (
        b'{"text": "x"}\n\n{"text": "\xb4\xed"}',
        ":3: the file must be UTF-8. Received: byte 0xb4 at byte 11",
    ),
    "utf16": ('{"text": "x"}'.encode("utf-16"), ":1: the file must be UTF-8. Received: byte 0xff at byte 1"),
    "too_deep": (
        b'{"text":' + b"[" * 100_000,
        ":1: the line must be JSON. Received: brackets nested too deep",
    ),
    "long_number": (
        b'{"text":' + b"1" * 5_000 + b"}",
        ":1: the line must be JSON. Received: a number with too many",
    ),
    "key_twice": (
        b'{"text": "x"}\n{"text": "y", "entities": [{"id": "a", "start": 0, "end": 1, "type": "T", "type": "U"}]}',
        ":2: the line must be JSON. Received: an object with a key twice",
    ),
    "array_after_object": (b'{"text": "x"}\n[]\n', ":2: the line must be an object. Received: a list"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file(tmp_path, name):
    content, expected = BAD_FILES[name]
    path = tmp_path / "c.jsonl"
    path.write_bytes(content)
    message = error_of(path)
    assert message.startswith(f"{path}{expected}") and "\n" not in message


def test_missing_file(tmp_path):
    path = tmp_path / "none.jsonl"
    assert error_of(path).startswith(f"{path}:1: the file must be readable. Received: No such file or directory")


def test_a_directory_that_is_not_of_brat(tmp_path):
    assert error_of(tmp_path).startswith(f"{tmp_path}:1: a directory must hold .txt and .ann files. Received: none")


# -------------------------------------------------------------------------------------------------- writing

CHARACTERS = st.one_of(
    st.characters(exclude_categories=["Cs"]), st.sampled_from("\u2028\u2029\x85\x0b\x0c\r\n\ufeff😀[{痛")
)
NAMES = st.text(CHARACTERS, min_size=1, max_size=6)


@st.composite
def sentences(draw):
    text = draw(st.text(CHARACTERS, max_size=20))
    solid = [i for i, char in enumerate(text) if not char.isspace()]
    ids = draw(st.lists(NAMES, unique=True, max_size=4 if solid else 0))
    types = draw(st.lists(NAMES, unique=True, min_size=len(ids), max_size=len(ids)))  # no two that are one
    entities = []
    for entity_id, type_ in zip(ids, types, strict=True):
        start = draw(st.sampled_from(solid))
        end = 1 + draw(st.sampled_from([i for i in solid if i >= start]))
        entities.append(Entity(entity_id, start, end, type_))
    pairs = [(a, b) for a in ids for b in ids if a != b]
    relation = (
        st.builds(lambda pair, type_: Relation(*pair, type_), st.sampled_from(pairs), NAMES) if pairs else st.nothing()
    )
    relations = draw(st.lists(relation, unique=True, max_size=3)) if pairs else []
    return Sentence(draw(st.text(CHARACTERS, max_size=5)), text, tuple(entities), tuple(relations))


@settings(deadline=None, max_examples=100)
@given(st.lists(sentences(), min_size=1, max_size=3, unique_by=lambda sentence: sentence.id))
def test_written_sentences_are_read_back(tmp_path_factory, originals):
    path = tmp_path_factory.getbasetemp() / "round_trip.jsonl"
    corpus.write_corpus(path, originals)
    assert corpus.read_corpus(path) == originals


def test_written_lines_survive_splitlines(tmp_path):
    path = tmp_path / "c.jsonl"
    corpus.write_corpus(path, [Sentence("s", "a\u2028b\u2029c\x85d\x0be\x0cf\x1eg")])
    assert len(path.read_text(encoding="utf-8").splitlines()) == 1


def test_written_file_names_the_native_keys_only(tmp_path):
    path = tmp_path / "c.jsonl"
    corpus.write_corpus(path, [read_one(tmp_path, record())])
    assert json.loads(path.read_text(encoding="utf-8")) == record()


def test_failed_writing_leaves_the_old_file_alone(tmp_path):
    path = write(tmp_path / "c.jsonl", record())
    before = path.read_bytes()

    def broken():
        yield Sentence("new", "x")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        corpus.write_corpus(path, broken())
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["c.jsonl"]


def test_a_reader_of_the_old_file_keeps_it(tmp_path):
    path = write(tmp_path / "c.jsonl", record())
    with open(path, encoding="utf-8") as old:
        corpus.write_corpus(path, [Sentence("new", "x")])
        assert json.loads(old.read()) == record()


def test_writing_to_standard_output(capfdbinary):
    corpus.write_corpus("-", [Sentence("s", SECRET)])
    line = {"id": "s", "text": SECRET, "entities": [], "relations": []}
    assert capfdbinary.readouterr().out.decode() == json.dumps(line, ensure_ascii=False) + "\n"


def test_writing_to_standard_output_that_is_closed(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(StrtfError, match="must name a file where standard output is closed"):
        corpus.write_corpus("-", [])


def test_writing_into_no_directory(tmp_path):
    with pytest.raises(
        StrtfError, match="c.jsonl' must be a file that can be written. Received: a directory that does"
    ):
        corpus.write_corpus(tmp_path / "none" / "c.jsonl", [])


# ----------------------------------------------------------------------------------------------- statistics

COUNTED = [
    Sentence(
        "1",
        "abcdef",
        (Entity("x", 4, 5, "Degree"), Entity("y", 0, 1, "部位"), Entity("z", 2, 3, "Degree")),
        (Relation("x", "y", "Grade"), Relation("y", "z", "Grade"), Relation("y", "z", "Near")),
    ),
    Sentence("2", "ab", (Entity("x", 0, 1, "部位"), Entity("y", 1, 2, "部位"))),
    Sentence("3", ""),
]


def test_statistics():
    assert corpus.statistics(COUNTED) == {
        "sentences": 3,
        "entity_types": {"Degree": 2, "部位": 3},
        "relation_classes": {
            RelationClass("Grade", Direction.FORWARD): 1,
            RelationClass("Grade", Direction.BACKWARD): 1,
            RelationClass("Near", Direction.FORWARD): 1,
        },
        "unrelated_pairs": 2,
    }


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_unrelated_pairs_are_the_candidate_pairs(n):
    sentence = Sentence("1", "x" * n, tuple(Entity(f"e{i}", i, i + 1, "T") for i in range(n)))
    assert corpus.statistics([sentence])["unrelated_pairs"] == len(schema.candidate_pairs(n)) == math.comb(n, 2)


# ----------------------------------------------------------------------------------- public corpora, if there

SHARED = pathlib.Path(__file__).resolve().parents[2].parent / "shared" / "data"
SIZES = {
    "conll04/test.jsonl": (288, 1079, 422),
    "diakg/test.jsonl": (275, 2576, 1037),
    "literature_zh/dev.jsonl": (676, 4440, 1144),
}


@pytest.mark.parametrize("name", SIZES)
def test_public_corpus(name):
    if not (SHARED / name).exists():
        pytest.skip("the public corpora are not beside the checkout")
    read = corpus.read_corpus(SHARED / name)
    assert (len(read), sum(len(s.entities) for s in read), sum(len(s.relations) for s in read)) == SIZES[name]
