import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.data import corpus
from strtf.errors import DataError
from strtf.schema import Entity, Relation, Sentence

TEXT = "左房轻度增大"
EXCLUSIVE = [[0, 2, "左房", "Part"], [2, 4, "轻度", "Degree"]]
INCLUSIVE = [[0, 1, "左房", "Part"], [2, 3, "轻度", "Degree"]]


def record(**changes):
    return {"text": TEXT, "entities": EXCLUSIVE, "relations": [[0, 1, "grade_of_2_1"]], **changes}


def read(tmp_path, values, **layout):
    path = tmp_path / "notes.json"
    path.write_text(json.dumps(values, ensure_ascii=False, **layout), encoding="utf-8")
    return corpus.read_corpus(path)


def read_text(tmp_path, content):
    path = tmp_path / "notes.json"
    path.write_text(content, encoding="utf-8")
    return corpus.read_corpus(path)


def test_reads_a_record(tmp_path):
    entities = (Entity("e1", 0, 2, "Part"), Entity("e2", 2, 4, "Degree"))
    assert read(tmp_path, [record()]) == [Sentence("notes-1", TEXT, entities, (Relation("e2", "e1", "grade_of"),))]


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        ("grade_of_1_2", Relation("e1", "e2", "grade_of")),
        ("grade_of_2_1", Relation("e2", "e1", "grade_of")),
        ("grade_of", Relation("e1", "e2", "grade_of")),
        ("grade_of_1_1", Relation("e1", "e2", "grade_of_1_1")),
        ("x_1_2_2_1", Relation("e2", "e1", "x_1_2")),
        ("_2_1", Relation("e1", "e2", "_2_1")),
    ],
)
def test_direction_is_the_end_of_the_type(tmp_path, type_, expected):
    assert read(tmp_path, [record(relations=[[0, 1, type_]])])[0].relations == (expected,)


def test_direction_counts_entities_not_places(tmp_path):
    [sentence] = read(tmp_path, [record(entities=EXCLUSIVE[::-1], relations=[[0, 1, "grade_of_1_2"]])])
    assert sentence.entity(sentence.relations[0].head).type == "Degree"


def test_inclusive_ends(tmp_path):
    inclusive = [record(entities=INCLUSIVE), record(entities=[[5, 5, "大", "Part"]], relations=[])]
    assert [e.span for s in read(tmp_path, inclusive) for e in s.entities] == [(0, 2), (2, 4), (5, 6)]


def test_one_wrong_surface_does_not_change_the_ends(tmp_path):
    with pytest.raises(DataError, match=r"notes.json:1:\d+: entities\[0\] must have its surface .* seem exclusive"):
        read(tmp_path, [record(), record(entities=INCLUSIVE[:1], relations=[])])


def test_wrong_surface_in_an_inclusive_file(tmp_path):
    wrong = [record(entities=INCLUSIVE), record(entities=[*INCLUSIVE, [4, 4, "痛", "Part"]])]
    with pytest.raises(DataError, match=r"entities\[2\] must have its surface .* seem inclusive.* start 4, end 4"):
        read(tmp_path, wrong)


def test_entities_relations_and_ids_may_be_given_or_not(tmp_path):
    assert [s.id for s in read(tmp_path, [{"text": ""}, {"id": 5, "text": "x"}])] == ["notes-1", "5"]


def test_sources_are_lines(tmp_path):
    content = '\n[{"text": "a"},\n {"text":\n "b"}\n,\n{"text": "c"}]\n'
    path = tmp_path / "notes.json"
    assert [s.source for s in read_text(tmp_path, content)] == [f"{path}:2", f"{path}:3", f"{path}:6"]


def test_records_of_one_line_are_told_apart_by_column(tmp_path):
    path = tmp_path / "notes.json"
    sources = [s.source for s in read_text(tmp_path, '[{"text": ""}, {"text": ""},\n{"text": ""}, {"text": ""}]')]
    assert sources == [f"{path}:1", f"{path}:1:16", f"{path}:2", f"{path}:2:15"]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=1, max_size=4),
    st.sampled_from([None, 0, 1, "\t"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_layout_gives_the_same_texts(tmp_path_factory, texts, indent, newline):
    path = tmp_path_factory.getbasetemp() / "layout.json"
    content = json.dumps([{"text": text} for text in texts], ensure_ascii=False, indent=indent)
    path.write_bytes(("\ufeff\n" + content + "\n").replace("\n", newline).encode())
    assert [s.text for s in corpus.read_corpus(path)] == texts


BAD_RECORDS = {
    "number": (3, "the record must be an object. Received: an integer"),
    "no_text": ({"entities": []}, "text must be a string. Received: nothing"),
    "text_number": (record(text=1), "text must be a string. Received: an integer"),
    "entities_null": (record(entities=None), "entities must be a list. Received: null"),
    "entity_object": (
        record(entities=[{}]),
        "entities[0] must be a list, for a file that begins with [ is the authors' array. Received: an object",
    ),
    "entity_number": (record(entities=[1]), "entities[0] must be a list. Received: an integer"),
    "entity_short": (
        record(entities=[[0, 2, "Part"]]),
        "entities[0] must be [start, end, surface, type]. Received: 3",
    ),
    "start_string": (record(entities=[["0", 2, "左房", "Part"]]), "entities[0] start must be an integer"),
    "end_bool": (record(entities=[[0, True, "左", "Part"]]), "entities[0] end must be an integer"),
    "surface_null": (record(entities=[[0, 2, None, "Part"]]), "entities[0] surface must be a string"),
    "type_list": (
        record(entities=[[0, 2, "左房", []]]),
        "entities[0] type must be a string. Received: a list",
    ),
    "start_negative": (
        record(entities=[*EXCLUSIVE, [-2, 6, "增大", "Part"]]),
        "entities[2] must have its surface",
    ),
    "end_outside": (
        record(entities=[*EXCLUSIVE, [5, 9, "大", "Part"]]),
        "entities[2] must have its surface at its offsets",
    ),
    "end_at_start": (
        record(entities=[*EXCLUSIVE, [3, 3, "", "Part"]]),
        "entities[2] must end after its start",
    ),
    "relation_short": (record(relations=[[0, 1]]), "relations[0] must be [i, j, type]. Received: 2 values"),
    "relation_id": (
        record(relations=[["0", 1, "x"]]),
        "relations[0] i must be an integer. Received: a string",
    ),
    "index_large": (record(relations=[[0, 2, "x"]]), "Received: entity 2. Known entities: 0 to 1."),
    "index_negative": (record(relations=[[-1, 0, "x"]]), "Received: entity -1. Known entities: 0 to 1."),
    "index_of_none": (record(entities=[]), "Received: entity 0. Known entities: none."),
    "self_relation": (record(relations=[[1, 1, "x_2_1"]]), "relations[0] must join two entities"),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_bad_record(tmp_path, name):
    values, expected = BAD_RECORDS[name]
    content = "[" + json.dumps(record()) + ",\n" + json.dumps(values) + "]"
    with pytest.raises(DataError) as caught:
        read_text(tmp_path, content)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'notes.json'}:2: ")
    assert expected in message
    assert "左房" not in message and "增大" not in message and "\n" not in message


BAD_ARRAYS = {
    "empty": ("[ ]", ":1: the file must hold a sentence"),
    "open": ('[{"text": ""}', ":1: the line must be JSON. Received: Expecting ',' at column 14"),
    "comma": ('[\n{"text": ""},\n]', ":3: the line must be JSON. Received: Expecting value at column 1"),
    "no_comma": (
        '[{"text": ""}\n {"text": ""}]',
        ":2: the line must be JSON. Received: Expecting ',' at column 2",
    ),
    "more": ('[{"text": ""}]\n[]', ":2: the line must be JSON. Received: Extra data at column 1"),
    "inside": (
        '[{"text": ""},\n\n{"text": ?}]',
        ":3: the line must be JSON. Received: Expecting value at column 10",
    ),
    "key_twice": (
        '[{"text": "x"},\n{"text": "y", "text": ""}]',
        ":2: the line must be JSON. Received: an object with a key twice",
    ),
    "deep": ("[" * 100_000, ":1: the line must be JSON. Received: brackets nested too deep"),
    "blank": ("\n[", ":2: the line must be JSON. Received: Expecting value at column 2"),
}


@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_bad_array(tmp_path, name):
    content, expected = BAD_ARRAYS[name]
    with pytest.raises(DataError, match="^" + re.escape(f"{tmp_path / 'notes.json'}{expected}")):
        read_text(tmp_path, content)


def test_bad_record_of_a_one_line_array_names_its_column(tmp_path):
    with pytest.raises(DataError, match=r"notes.json:1:16: text must be a string"):
        read_text(tmp_path, '[{"text": ""}, {}]')


def test_duplicate_ids_name_both_places(tmp_path):
    with pytest.raises(DataError, match=r"notes.json:3: id must be unique. Received: '1', as at .*notes.json:1\."):
        read_text(tmp_path, '[{"id": 1, "text": ""},\n\n{"id": "1", "text": ""}]')


def test_an_end_beyond_the_text_is_a_mismatch_where_ends_are_inclusive(tmp_path):
    path = tmp_path / "notes.json"
    path.write_text(
        '[{"text":"胸痛","entities":[[0,1,"胸痛","S"],[0,0,"胸","S"]]},\n{"text":"胸痛","entities":[[0,2,"胸痛","S"]]}]',
        "utf-8",
    )
    with pytest.raises(DataError, match=r"notes.json:2: .*must have its surface.* \(the file's ends seem inclusive\)"):
        corpus.read_corpus(path)
