import io
import itertools
import json
import os
import sys
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.data.documents import Document, read_documents, read_lines
from strtf.errors import DataError

CHARACTERS = st.one_of(
    st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"),
    st.sampled_from("\u2028\u2029\x85\x0b\x0c\x1c😀"),
)


def read(content):
    return list(read_documents(io.BytesIO(content)))


def texts(content):
    return [document.text for document in read(content)]


def error_of(source):
    with pytest.raises(DataError) as caught:
        list(read_documents(source))
    return str(caught.value)


# ------------------------------------------------------------------------------------------------- plain text


def test_a_line_is_a_document(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("左房增大\n\n无异常", encoding="utf-8")
    assert list(read_documents(path)) == [
        Document("notes-1", "左房增大"),
        Document("notes-2", ""),
        Document("notes-3", "无异常"),
    ]


def test_sources_are_lines(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("a\nb\n")
    assert [document.source for document in read_documents(str(path))] == [f"{path}:1", f"{path}:2"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\n", [""]),
        (b"\n \n", ["", " "]),
        (b"\n\na", ["", "", "a"]),
        (b"a\n\n", ["a", ""]),
        (b"a\r\nb\r\n", ["a", "b"]),
        (b"a\rb\n", ["a\rb"]),
        (b"\xef\xbb\xbfa\n\xef\xbb\xbfb", ["a", "\ufeffb"]),
        (b'["text"]\n', ['["text"]']),
        (b'{"text": \n', ['{"text": ']),
        (b'a\n{"text": "b"}\n', ["a", '{"text": "b"}']),
    ],
)
def test_plain_lines(content, expected):
    assert texts(content) == expected


@settings(deadline=None, max_examples=150)
@given(st.lists(st.text(CHARACTERS, max_size=10), max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_only_newlines_split(lines, newline):
    lines = ["first", *lines]  # neither a byte order mark nor an object
    assert texts("".join(line + newline for line in lines).encode()) == lines


# ------------------------------------------------------------------------------------------------- JSON Lines


def test_json_lines():
    content = b'\n{"id": "a", "text": "x"}\n\n{"text": ""}\n{"id": 7, "text": "z", "more": 1}\r\n'
    assert read(content) == [Document("a", "x"), Document("line-4", ""), Document("7", "z", others={"more": 1})]


def test_json_ids_of_a_file(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.write_text('{"text": "x"}\n')
    assert [document.id for document in read_documents(path)] == ["notes-1"]


@settings(deadline=None, max_examples=100)
@given(st.lists(st.text(st.one_of(CHARACTERS, st.sampled_from("\r\n")), max_size=10), max_size=5))
def test_json_texts_are_read_back(originals):
    content = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in originals)
    assert texts(content.encode()) == originals


@pytest.mark.parametrize("suffix", ["jsonl", "json"])
@pytest.mark.parametrize("content", [b'{"text": "secret', b'[{"text": "secret"}]', b"secret"])
def test_files_named_json_are_no_plain_text(tmp_path, suffix, content):
    path = tmp_path / f"notes.{suffix}"
    path.write_bytes(content + b'\n{"text": "x"}\n')
    message = error_of(path)
    assert message.startswith(f"{path}:1: the line must be ") and "secret" not in message


def test_a_key_twice():
    message = error_of(io.BytesIO(b'{"text": "secret"}\n{"text": "secret", "text": ""}\n'))
    assert message.startswith("<stream>:2: the line must be JSON. Received: an object with a key twice")
    assert "secret" not in message


@pytest.mark.parametrize("value", [b"NaN", b"-Infinity", b"1e999"])
def test_numbers_that_no_output_could_say_again(value):
    message = error_of(io.BytesIO(b'{"text": "x", "dose": 1e3}\n{"text": "x", "dose": ' + value + b"}\n"))
    assert message.startswith("<stream>:2: the line must be JSON. Received: a number that is not finite")


BAD_LINES = {
    "plain": (b"secret", "the line must be JSON. Received: Expecting value at column 1"),
    "list": (b'["secret"]', "the line must be an object. Received: a list"),
    "no_text": (b'{"texts": "secret"}', "text must be a string. Received: nothing"),
    "text_list": (b'{"text": ["secret"]}', "text must be a string. Received: a list"),
    "id_null": (b'{"text": "secret", "id": null}', "id must be a string or an integer. Received: null"),
    "surrogate": (
        b'{"text": "secret\\ud800"}',
        "text must be Unicode text. Received: half a surrogate pair at character 6",
    ),
    "other_surrogate": (
        b'{"text": "secret", "case": ["secret\\udc00"]}',
        "the line must be Unicode text. Received: half a surrogate pair",
    ),
    "not_utf8": (b'{"text": "secret\xff"}', "the file must be UTF-8. Received: byte 0xff at byte 17"),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_bad_line(tmp_path, name):
    line, expected = BAD_LINES[name]
    path = tmp_path / "notes.jsonl"
    path.write_bytes(b'{"text": "fine"}\n\n' + line + b"\n")
    message = error_of(path)
    assert message.startswith(f"{path}:3: {expected}")
    assert "secret" not in message and "\n" not in message


def test_objects_without_text_are_not_read_as_plain_text():
    assert error_of(io.BytesIO(b'{"content": "x"}\n')).startswith("<stream>:1: text must be a string")


# ---------------------------------------------------------------------------------------------------- sources


def test_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("痛\u2028苦\n".encode()), encoding="ascii"))
    assert list(read_documents("-")) == [Document("line-1", "痛\u2028苦")]


def test_standard_input_that_is_not_utf8(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\n\xb4\xed\n"), encoding="latin-1"))
    assert error_of("-").startswith("<stdin>:2: the file must be UTF-8. Received: byte 0xb4 at byte 1 of the line")


def test_standard_input_that_is_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    assert list(read_documents("-")) == []


def test_a_file_name_that_is_not_utf8(tmp_path):
    path = tmp_path / os.fsdecode("张三.txt".encode("gbk"))
    path.write_text("a\n")
    [document] = read_documents(path)
    assert document.id.encode("utf-8") and document.id.endswith("-1")


def test_text_stream():
    assert list(read_documents(io.StringIO("a\x85b\nc"))) == [
        Document("line-1", "a\x85b"),
        Document("line-2", "c"),
    ]


def test_missing_file(tmp_path):
    path = tmp_path / "none.txt"
    assert error_of(path).startswith(f"{path}:1: the file must be readable. Received: No such file or directory")


def test_directory(tmp_path):
    assert error_of(tmp_path).startswith(f"{tmp_path}:1: the file must be readable. Received: Is a directory")


class Lines:
    """A stream that makes its lines as they are read, and counts them."""

    def __init__(self, lines):
        self.lines, self.read = lines, 0

    def __iter__(self):
        for line in self.lines:
            self.read += 1
            yield line


def test_a_document_comes_before_the_next_line_is_read():
    stream = Lines(itertools.repeat(b"text\n"))
    documents = read_documents(stream)
    for n in range(1, 5):
        next(documents)
        assert stream.read == n


def test_memory_is_constant():
    line = b'{"text": "' + b"x" * 10_000 + b'"}\n'
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_documents(Lines(itertools.repeat(line, 2_000)))) == 2_000  # 20 MB in all
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


# --------------------------------------------------------------------------------------------------- line by line
@pytest.mark.parametrize("name", ["notes.txt", "notes.jsonl"])
def test_reading_goes_on_where_it_stopped(tmp_path, name):
    path = tmp_path / name
    path.write_bytes('\ufeff\n{"text": "左"}\r\n\n{"text": 5}\n{"text": "\u2028"}'.encode())
    lines = list(read_lines(path))
    assert lines[-1].place.bytes == path.stat().st_size and lines[-1].place.lines == 5
    for number, line in enumerate(lines, start=1):
        rest = list(read_lines(path, line.place))
        assert [str(later.error) for later in rest] == [str(later.error) for later in lines[number:]]
        assert [later[0::2] for later in rest] == [later[0::2] for later in lines[number:]]


def test_a_bad_line_does_not_end_the_reading():
    content = b'{"text": "a"}\n\xff\n{"text": "b"}\n{}\n'
    lines = list(read_lines(io.BytesIO(content)))
    assert [line.document and line.document.text for line in lines] == ["a", None, "b", None]
    assert [line.error and line.error.reason.split(" must")[0] for line in lines] == [None, "the file", None, "text"]
