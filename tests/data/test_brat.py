"""brat's directories: what is read, what is left out, what is refused, and the way there and back."""

import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.data.brat import write_brat
from strtf.data.corpus import read_corpus
from strtf.errors import DataError, StrtfError
from strtf.schema import Entity, Relation, Sentence

TEXT = "左主干狭窄70%。\r\n回旋支 未见狭窄。"
ANNOTATIONS = "T1\tPart 0 3\t左主干\nT2\tFinding 3 5\t狭窄\nR1\tModifier Arg1:T2 Arg2:T1\n"


@pytest.fixture
def folder(tmp_path):
    """folder(annotations, text=TEXT): a directory of brat's with one text."""

    def make(annotations=ANNOTATIONS, text=TEXT, name="report"):
        directory = tmp_path / "brat"
        directory.mkdir(exist_ok=True)
        (directory / f"{name}.ann").write_bytes(annotations.encode())
        if text is not None:
            (directory / f"{name}.txt").write_bytes(text.encode())
        return directory

    return make


def test_reads_entities_and_relations(folder):
    [sentence] = read_corpus(folder())
    entities = Entity("T1", 0, 3, "Part"), Entity("T2", 3, 5, "Finding")
    assert sentence == Sentence("report", TEXT, entities, (Relation("T2", "T1", "Modifier"),))


def test_reads_all_texts_of_all_folders_by_name(folder):
    directory = folder(name="b")
    (directory / "sub").mkdir()
    for name in ("sub/a", "a.1"):
        (directory / f"{name}.txt").write_text("无", encoding="utf-8")
        (directory / f"{name}.ann").touch()
    assert [sentence.id for sentence in read_corpus(directory)] == ["a.1", "b", "sub/a"]


def test_words_over_two_lines_are_written_on_one(folder):
    end = TEXT.index("支") + 1
    [sentence] = read_corpus(folder(f"T1\tPart 8 {end}\t。  回旋支\r\n"))
    assert sentence.entities == (Entity("T1", 8, end, "Part"),)


def test_pieces_with_white_space_between_them_are_one_entity(folder):
    """As brat writes an entity that goes on over the end of a line."""
    end = TEXT.index("支") + 1
    [sentence] = read_corpus(folder(f"T1\tPart 8 9;11 {end}\t。 回旋支\nT2\tPart 0 1;1 3\t左 主干\n"))
    assert sentence.entities == (Entity("T1", 8, end, "Part"), Entity("T2", 0, 3, "Part"))


def test_an_entity_over_two_lines_is_written_as_brat_writes_it(tmp_path):
    write_brat(tmp_path / "out", [Sentence("a", "ab\r\n\tcd", (Entity("x", 0, 7, "Part"),), ())])
    assert (tmp_path / "out" / "a.ann").read_bytes() == b"T1\tPart 0 2;5 7\tab cd\n"


def test_the_roles_of_a_relation_may_come_in_any_order(folder):
    swapped = ANNOTATIONS.replace("Arg1:T2 Arg2:T1", "Arg2:T1 Arg1:T2")
    assert swapped != ANNOTATIONS
    assert read_corpus(folder(swapped)) == read_corpus(folder(ANNOTATIONS))


def test_what_the_format_has_not_is_left_out_and_counted(folder, caplog):
    others = "T3\tPart 0 1;2 3\t左 干\nR2\tModifier Arg1:T2 Arg2:T3\nE1\tFinding:T2\nA1\tNegated T2\n"
    others += "R3\tModifier Arg1:E1 Arg2:T1\nT4\tPart 4 5;0 3\t窄 左主干\n"
    others += "#1\tAnnotatorNotes T2\tx\n*\tEquiv T1 T2\n"
    with caplog.at_level(logging.WARNING):
        [sentence] = read_corpus(folder(ANNOTATIONS + others))
    assert len(sentence.entities) == 2 and len(sentence.relations) == 1
    [message] = caplog.messages
    counts = (
        "1 attributes, 2 entities in several pieces, 1 equivalences, 1 events, 1 notes, 1 relations of events, "
        "1 relations of these"
    )
    assert message.endswith(f"left out: {counts}.")


def test_texts_without_annotations_are_counted(folder, caplog):
    directory = folder()
    for name in ("a.txt", "a.1.txt"):
        (directory / name).write_text("无", encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        assert [sentence.id for sentence in read_corpus(directory)] == ["report"]
    assert caplog.messages == [f"{directory}: left out: 2 texts without an .ann."]


def test_nothing_left_out_is_nothing_said(folder, caplog):
    with caplog.at_level(logging.WARNING):
        read_corpus(folder())
    assert not caplog.messages


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ("T1\tPart 0 3\t主干狭\n", r"report\.ann:1: T1 must have the words at its offsets\. Received: 0 3"),
        ("\nT1 Part 0 3 左主干\n", r"report\.ann:2: a line must be an annotation of brat's"),
        ("T1\tPart 0 99\n", r"report\.ann:1: T1 must have words\. Received: 0 99, where the text, of 20 characters"),
        ("T1\tPart 3 3\t\n", r"report\.ann:1: T1 must have words"),
        ("\nT1\tPart 9 10\n", r"report\.ann:2: T1 must have words"),
        (f"T1\tPart {'9' * 5000} 3\n", r"report\.ann:1: a line must be an annotation of brat's"),
        (ANNOTATIONS + "R2\tModifier Arg1:T2 Arg2:T2\n", r"report\.ann:4: a relation must join two .* 'T2' twice"),
        (ANNOTATIONS + "T1\tPart 0 3\t左主干\n", r"report\.ann:4: T1 must be there once"),
        (ANNOTATIONS + "R2\tModifier Arg1:T2 Arg2:T9\n", r"report\.ann:4: a relation must join .* Received: id 'T9'"),
    ],
)
def test_mistakes(folder, annotations, message):
    with pytest.raises(DataError, match=message) as caught:
        read_corpus(folder(annotations))
    assert "左" not in str(caught.value)  # no patient's words


def test_a_byte_order_mark_before_annotations_is_none_of_them(folder):
    [sentence] = read_corpus(folder("\ufeff" + ANNOTATIONS))
    assert len(sentence.entities) == 2


def test_a_text_that_is_missing(folder):
    with pytest.raises(DataError, match=r"report\.txt:1: the file must be readable.* Put it beside its \.ann"):
        read_corpus(folder(text=None))


def test_a_text_that_is_not_utf8(folder):
    directory = folder()
    (directory / "report.txt").write_bytes(TEXT.encode("gb18030"))
    with pytest.raises(DataError, match=r"report\.txt:1: the file must be UTF-8"):
        read_corpus(directory)


def test_a_directory_without_texts(tmp_path):
    with pytest.raises(DataError, match=r"must hold \.txt and \.ann files\. Received: none\. Correct the path\."):
        read_corpus(tmp_path)


def test_a_directory_of_texts_alone(tmp_path):
    (tmp_path / "a.txt").touch()
    with pytest.raises(DataError, match=r"Received: 1 texts without an \.ann\. Put one beside each"):
        read_corpus(tmp_path)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@st.composite
def sentences(draw):
    found = []
    for number in range(draw(st.integers(1, 3))):
        text, entities = draw(TEXTS), []
        solid = [i for i, char in enumerate(text) if not char.isspace()]
        for _ in range(draw(st.integers(0, 3)) if solid else 0):
            start = draw(st.sampled_from(solid))
            end = 1 + draw(st.sampled_from([i for i in solid if i >= start]))
            entities.append((start, end, draw(st.sampled_from(["Body Part", "病变"]))))
        entities = [Entity(f"T{n}", *each) for n, each in enumerate(dict.fromkeys(entities), start=1)]
        ends = [entity.id for entity in entities]
        relations = (
            {Relation(ends[0], ends[-1], draw(st.sampled_from(["part of", "Body Part", "Of"])))}
            if len(ends) > 1
            else ()
        )
        found.append(Sentence(f"text-{number}", text, tuple(entities), tuple(relations)))
    return found


@settings(deadline=None, max_examples=30)
@given(sentences())
def test_there_and_back(tmp_path_factory, given):
    directory = tmp_path_factory.mktemp("brat") / "out"
    write_brat(directory, given)
    assert read_corpus(directory) == given


def test_names_that_files_and_brat_can_have(tmp_path):
    entities = Entity("x", 0, 1, "Body Part"), Entity("y", 1, 2, "Finding")
    write_brat(tmp_path / "out", [Sentence("../a b", "左狭", entities, (Relation("y", "x", "part of"),))])
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == [
        "_._a_b.ann",
        "_._a_b.txt",
        "annotation.conf",
        "visual.conf",
    ]
    assert (tmp_path / "out" / "_._a_b.ann").read_text(encoding="utf-8").splitlines() == [
        "T1\tBody_Part 0 1\t左",
        "T2\tFinding 1 2\t狭",
        "R1\tpart_of Arg1:T2 Arg2:T1",
    ]
    configuration = (tmp_path / "out" / "annotation.conf").read_text(encoding="utf-8").splitlines()
    assert {"[entities]", "Body_Part", "[relations]", "part_of\tArg1:<ENTITY>, Arg2:<ENTITY>"} <= set(configuration)


def types_of(sentences):
    return [item.type for sentence in sentences for item in (*sentence.entities, *sentence.relations)]


def with_types(entity_type, relation_type):
    entities = Entity("x", 0, 1, entity_type), Entity("y", 1, 2, "Finding")
    return [Sentence("a", "左狭", entities, (Relation("y", "x", relation_type),))]


def test_names_of_types_stand_in_visual_conf(tmp_path):
    write_brat(tmp_path / "out", with_types("Body Part", "part of"))
    assert (tmp_path / "out" / "visual.conf").read_text(encoding="utf-8").split("[drawing]")[0] == (
        "[labels]\nBody_Part | Body Part\npart_of | part of\n"
    )


@pytest.mark.parametrize("name", ["Body Part", "part/whole", "#1", "[x]", "a!", "<X>=a", "病 变", "--- -"])
def test_names_of_types_are_read_back(tmp_path, name):
    write_brat(tmp_path / "out", with_types(name, f"is {name}"))
    assert types_of(read_corpus(tmp_path / "out")) == [name, "Finding", f"is {name}"]


@pytest.mark.parametrize("name", ["a|b", "a\tb", "a\nb", "!a", " a", "a "])
def test_a_name_that_is_no_label_is_told(tmp_path, caplog, name):
    with caplog.at_level(logging.WARNING):
        write_brat(tmp_path / "out", with_types(name, "of"))
    word = name.translate(dict.fromkeys(map(ord, "|\t\n! "), "_"))
    assert f"{name!r} as {word!r}" in caplog.text and word in types_of(read_corpus(tmp_path / "out"))


def test_words_that_brat_can_write_need_no_labels(tmp_path):
    write_brat(tmp_path / "out", with_types("Part", "of"))
    assert not (tmp_path / "out" / "visual.conf").exists()


LABELS = (
    "\ufeff[labels]\nModifier | Mod of | Mod\n[drawing]\nPart\tbgColor:red | no\n"
    "[labels]\n# Part | no\n\n Part | Body part | BP\n!Finding|!Find it\tx|y\r\n"
)


def test_reads_the_first_labels(folder):
    directory = folder()
    (directory / "visual.conf").write_text(LABELS, encoding="utf-8")
    assert types_of(read_corpus(directory)) == ["Body part", "Find it", "Mod of"]


def test_the_nearest_labels_count(folder):
    directory = folder("T1\tPart 0 3\n")
    for name in ("one", "one/two", "three"):
        (directory / name).mkdir()
        (directory / name / "a.txt").write_text(TEXT, encoding="utf-8")
        (directory / name / "a.ann").write_text("T1\tPart 0 3\n", encoding="utf-8")
    (directory / "visual.conf").write_text("[labels]\nPart | outer\n")
    (directory / "one" / "visual.conf").write_text("[labels]\nPart | inner\n")
    found = {sentence.id: types_of([sentence]) for sentence in read_corpus(directory)}
    assert found == {"report": ["outer"], "one/a": ["inner"], "one/two/a": ["inner"], "three/a": ["outer"]}


def test_labels_above_the_directory_do_not_count(folder):
    directory = folder("T1\tPart 0 3\n")
    (directory.parent / "visual.conf").write_text("[labels]\nPart | outer\n")
    assert types_of(read_corpus(directory)) == ["Part"]


@pytest.mark.parametrize("labels", ["Part | It\nFinding | It\n", "Part | Finding\n"])
def test_two_types_under_one_label(folder, labels):
    directory = folder()
    (directory / "visual.conf").write_text(f"[labels]\n{labels}")
    with pytest.raises(DataError, match=r"visual\.conf:1: first labels must tell entity types apart\. Received: '"):
        read_corpus(directory)


def test_an_entity_and_a_relation_may_share_a_label(folder):
    directory = folder()
    (directory / "visual.conf").write_text("[labels]\nPart | of\nModifier | of\n")
    assert types_of(read_corpus(directory)) == ["of", "Finding", "of"]


def test_two_types_of_one_word_leave_nothing_behind(tmp_path):
    with pytest.raises(StrtfError, match="types must differ as names of brat.*'Body_Part'"):
        write_brat(tmp_path / "out", with_types("Body Part", "Body_Part"))
    assert not list(tmp_path.iterdir())


def test_two_ids_of_one_name_leave_nothing_behind(tmp_path):
    with pytest.raises(StrtfError, match="ids must differ as names of brat.*'a_b'"):
        write_brat(tmp_path / "out", [Sentence("a b", "左"), Sentence("a/b", "右")])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("source", "where"), [("c.jsonl:7", "c.jsonl:7"), ("", "text 2")])
def test_an_id_too_long_for_a_file(tmp_path, source, where):
    with pytest.raises(StrtfError) as caught:
        write_brat(tmp_path / "out", [Sentence("a", "左"), Sentence("长" * 100, "右", source=source)])
    assert str(caught.value) == f"{where}: id must fit a file's name. Received: File name too long. Shorten the id."


def test_what_is_there_is_kept(tmp_path):
    with pytest.raises(StrtfError, match="must not exist yet"):
        write_brat(tmp_path, [Sentence("a", "左")])


def test_a_place_that_cannot_be_written_to(tmp_path):
    with pytest.raises(StrtfError, match="must be a place to write to"):
        write_brat(tmp_path / "no" / "out", [Sentence("a", "左")])
