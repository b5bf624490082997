"""`python -m strtf.convert`: to brat and back."""

import subprocess
import sys

from strtf.data.corpus import read_corpus


def convert(source, target):
    command = [sys.executable, "-m", "strtf.convert", f"--input={source}", f"--output={target}"]
    return subprocess.run(command, capture_output=True, text=True)


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


def _entities(sentences):
    return sum(len(sentence.entities) for sentence in sentences.values())


def _relations(sentences):
    return sum(len(sentence.relations) for sentence in sentences.values())


def test_a_mistake_is_one_line(tmp_path):
    done = convert(tmp_path / "no.jsonl", tmp_path / "brat")
    assert done.returncode == 1 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
