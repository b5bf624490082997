"""`python -m strtf.convert`: to brat and back, and what it refuses."""

import json
import os
import subprocess
import sys

import pytest

from strtf.data.corpus import read_corpus


def convert(source, target, *options, **streams):
    command = [sys.executable, "-m", "strtf.convert", f"--input={source}", f"--output={target}", *options]
    return subprocess.run(command, capture_output=True, encoding="utf-8", **streams)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "given.jsonl"
    path.write_text('{"id": "a", "text": "左主干", "note": "没有"}\n', encoding="utf-8")
    return path


def refusal(done):
    assert done.returncode == 1 and not done.stdout and done.stderr.count("\n") == 1
    return done.stderr


def test_to_brat_and_back(tiny_corpus_dir, tmp_path):
    source = tiny_corpus_dir / "test.jsonl"
    there, back = convert(source, tmp_path / "brat"), convert(tmp_path / "brat", tmp_path / "back.jsonl")
    assert there.returncode == back.returncode == 0
    given = {sentence.id: sentence for sentence in read_corpus(source)}
    found = {sentence.id: sentence for sentence in read_corpus(tmp_path / "back.jsonl")}
    assert found.keys() == given.keys()
    for name, sentence in found.items():
        assert sentence.text == given[name].text
        assert [e.span for e in sentence.entities] == [e.span for e in given[name].entities]
        assert len(sentence.relations) == len(given[name].relations)
    counts = f"{len(given)} texts, {_entities(given)} entities, {_relations(given)} relations"
    assert back.stdout == f"{counts}: {tmp_path / 'back.jsonl'}\n"


def test_records_of_a_document_are_joined(tiny_corpus_dir, tmp_path):
    source = tmp_path / "given.jsonl"
    rows = [f'{{"id": "{name}", "text": "左主干"}}\n' for name in ("p-1", "p-2", "q-1")]
    source.write_text("".join(rows), encoding="utf-8")
    assert convert(source, tmp_path / "joined.jsonl", r"--join=(.*)-\d+", "--join_characters=7").returncode == 0
    assert [s.text for s in read_corpus(tmp_path / "joined.jsonl")] == ["左主干\n左主干", "左主干"]


def _entities(sentences):
    return sum(len(sentence.entities) for sentence in sentences.values())


def _relations(sentences):
    return sum(len(sentence.relations) for sentence in sentences.values())


def test_a_mistake_is_one_line(tmp_path):
    done = convert(tmp_path / "no.jsonl", tmp_path / "brat")
    assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1


def test_streams(source):
    done = convert("-", "-", input=source.read_text(encoding="utf-8"), env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"id": "a", "text": "左主干", "entities": [], "relations": []}


@pytest.mark.parametrize("name", ["out.json", "out.txt", "out.ann", "out.csv", "out.JSONL", "out.jsonl.gz"])
def test_a_directory_gets_no_name_of_a_file(source, tmp_path, name):
    assert "--output must end in .jsonl, or name a directory" in refusal(convert(source, tmp_path / name))
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["out.v1", "2024.01.31", "out.brat/"])
def test_a_directory_may_have_points(source, tmp_path, name):
    assert convert(source, f"{tmp_path}/{name}").returncode == 0
    assert (tmp_path / name / "a.txt").exists()


def test_the_input_is_no_output(source, tmp_path):
    (tmp_path / "link.jsonl").symlink_to(source)
    before = source.read_bytes()
    message = refusal(convert(source, tmp_path / "link.jsonl", "--overwrite"))
    assert "--output must be another place than what is read" in message and source.read_bytes() == before


def test_a_file_that_is_there_is_kept(source, tmp_path):
    (tmp_path / "out.jsonl").write_text("mine")
    assert "out.jsonl must not exist yet" in refusal(convert(source, tmp_path / "out.jsonl"))
    assert (tmp_path / "out.jsonl").read_text() == "mine"


def test_a_file_that_is_there_is_replaced_if_told_so(source, tmp_path):
    (tmp_path / "out.jsonl").write_text("mine")
    assert convert(source, tmp_path / "out.jsonl", "--overwrite").returncode == 0
    assert [sentence.id for sentence in read_corpus(tmp_path / "out.jsonl")] == ["a"]


def test_a_directory_that_is_there_is_never_replaced(source, tmp_path):
    (tmp_path / "out").mkdir()
    assert "--overwrite replaces a .jsonl file, never a directory" in refusal(
        convert(source, tmp_path / "out", "--overwrite")
    )
    assert not list((tmp_path / "out").iterdir())


def test_a_length_of_what_is_not_joined_is_refused(source):
    assert "--join_characters must stand beside --join" in refusal(convert(source, "-", "--join_characters=256"))


def test_an_output_within_the_input_would_be_read_with_it(source, tmp_path):
    assert convert(source, tmp_path / "brat").returncode == 0
    assert "--output must be another place" in refusal(convert(tmp_path / "brat", tmp_path / "brat" / "out"))
    assert not (tmp_path / "brat" / "out").exists()
