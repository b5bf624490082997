"""A directory of .txt files as documents; files of lines are `test_documents.py`'s."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.data.documents import Document
from strtf.data.inputs import input_bytes, read_again, read_input
from strtf.errors import DataError

FILES = {"b.txt": "左主干\n狭窄\r\n", "a.txt": "\ufeff前降支", "c/d.txt": "", "c/note.md": "no text", "e.TXT": "none"}


@pytest.fixture
def directory(tmp_path):
    top = tmp_path / "reports"
    for name, text in FILES.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(text.encode("utf-8"))
    return top


def test_each_file_is_a_document_by_name(directory):
    assert [line.document for line in read_input(directory)] == [
        Document("a", "前降支"),
        Document("b", "左主干\n狭窄\r\n"),
        Document("c/d", ""),
    ]


def test_places_count_files_and_bytes(directory):
    places = [(line.place.lines, line.place.bytes) for line in read_input(directory)]
    assert places == [(1, 12), (2, 30), (3, 30)]
    assert input_bytes(directory) == 30


def test_of_a_file_its_bytes(directory):
    assert input_bytes(str(directory / "b.txt")) == 18


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3))
def test_reading_goes_on_behind_a_place(tmp_path_factory, number):
    top = tmp_path_factory.mktemp("reports")
    for name in "abc":
        (top / f"{name}.txt").write_text(name * 3, encoding="utf-8")
    lines = list(read_input(top))
    before, after = lines[:number], lines[number:]
    if not before:
        return
    assert [line.document for line in read_input(top, before[-1].place)] == [line.document for line in after]
    assert b"".join(read_again(top, before[-1].place)) == b"".join(line.raw for line in before)


def test_what_was_read_of_a_file(tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("左\n主干\n", encoding="utf-8")
    first, _ = read_input(str(path))
    assert b"".join(read_again(str(path), first.place)) == "左\n".encode()


def test_a_file_that_is_not_utf8_is_at_fault_alone(directory):
    (directory / "b.txt").write_bytes("左".encode() + b"\xff")
    faults = [line.error for line in read_input(directory)]
    assert [fault is None for fault in faults] == [True, False, True]
    assert str(faults[1]).startswith(f"{directory / 'b.txt'}:1: the file must be UTF-8. Received: byte 0xff at byte 4.")


def test_a_directory_without_texts(tmp_path):
    with pytest.raises(DataError, match=r"a directory must hold \.txt files\. Received: none"):
        list(read_input(tmp_path))


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX alone")
def test_a_name_that_is_not_utf8(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.txt")).write_text("左", encoding="utf-8")
    [line] = read_input(tmp_path)
    assert line.document.id == "\ufffd"
