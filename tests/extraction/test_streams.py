"""Long inputs in constant memory, answers as soon as there is no more to read, lines that hold no document."""

import io
import json
import os
import pathlib
import subprocess
import sys
import types

import pytest

from strtf.config import Experiment
from strtf.data.documents import Document
from strtf.errors import DataError, StrtfError
from strtf.extraction import predict
from strtf.extraction.extractor import Extraction
from strtf.extraction.predict import predict_run
from strtf.extraction.records import extraction_record
from strtf.schema import Entity


@pytest.fixture
def run(tmp_path, monkeypatch, stub_extractor):
    weights = tmp_path.parent / f"{tmp_path.name}.weights"
    weights.write_bytes(b"of the stub")
    run = types.SimpleNamespace(require=lambda: run, read_experiment=Experiment, weights=weights)
    monkeypatch.setattr(predict, "load_extractor", lambda *_: stub_extractor())
    return run


def json_lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


# ---------------------------------------------------------------------------------------------------------- streams
def test_each_answer_leaves_before_the_next_document_comes(run, tmp_path, monkeypatch):
    """A reader that writes a line and waits for its answer would hang otherwise."""
    (source, feed), (answers, target) = os.pipe(), os.pipe()
    program = f"""
import os
for number in range(3):
    os.write({feed}, f"a{{number}}\\n".encode())
    answer = os.fdopen(os.dup({answers}), "rb", 0).readline()
    assert f'"text": "a{{number}}"'.encode() in answer, answer
"""
    with subprocess.Popen([sys.executable, "-c", program], pass_fds=(feed, answers)) as writer:
        os.close(feed)
        monkeypatch.setattr("sys.stdin", os.fdopen(source, "r"))
        monkeypatch.setattr("sys.stdout", os.fdopen(target, "w"))
        predict_run(run, "-", "-", {})
    assert writer.returncode == 0


def test_a_stream_that_is_quick_goes_in_large_groups(run, monkeypatch, capsys):
    from strtf.extraction.extractor import Extractor

    sizes, made = [], Extractor.extract_tokenized

    def watched(self, documents):
        sizes.append(len(documents))
        return made(self, documents)

    monkeypatch.setattr(Extractor, "extract_tokenized", watched)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\n" * 3000)))
    predict_run(run, "-", "-", {})
    assert sum(sizes) == 3000 and max(sizes) > 100
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == [
        f"line-{i}" for i in range(1, 3001)
    ]


def test_what_came_before_an_error_of_a_stream_is_answered(run, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "a"}\n{"text": "b"}\n{"text": 1}\n')))
    with pytest.raises(DataError, match="<stdin>:3: text must be a string"):
        predict_run(run, "-", "-", {})
    assert [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()] == ["a", "b"]


def test_a_file_made_of_a_stream_is_complete_or_not_there(run, tmp_path, monkeypatch):
    target = tmp_path / "out.jsonl"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "a"}\n{"text": 1}\n')))
    with pytest.raises(DataError):
        predict_run(run, "-", str(target), {})
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a\nb\n")))
    predict_run(run, "-", str(target), {})
    assert [path.name for path in tmp_path.iterdir()] == ["out.jsonl"] and len(json_lines(target)) == 2


# ----------------------------------------------------------------------------------------------------------- memory
RESIDENT = pathlib.Path("/proc/self/statm")


class QuickExtractor:
    """Finds the first character of each text, so that a test is about what goes around the model."""

    class featurizer:
        tokenize = staticmethod(lambda text: text)

    def __init__(self):
        self.peak_pages = 0

    def extract_tokenized(self, documents):
        self.peak_pages = max(self.peak_pages, int(RESIDENT.read_text().split()[1]))
        return [Extraction((Entity("e1", 0, 1, "Degree"),), (1.0,)) for _ in documents]


@pytest.mark.skipif(not RESIDENT.exists(), reason="the system does not tell how much memory is used")
@pytest.mark.parametrize("through", ["file", "stream"])
def test_memory_is_constant(run, tmp_path, monkeypatch, through):
    extractor = QuickExtractor()
    monkeypatch.setattr(predict, "load_extractor", lambda *_: extractor)
    monkeypatch.setattr(predict, "announce", lambda *_: None)
    monkeypatch.setattr(predict, "extraction_cost", lambda *_: None)
    source = tmp_path / "in.txt"

    def peak(megabytes):
        extractor.peak_pages = 0
        line = ("狭窄" * 600 + "\n").encode()
        with open(source, "wb") as file:
            for _ in range(megabytes * 2**20 // len(line)):
                file.write(line)
        if through == "file":
            predict_run(run, str(source), str(tmp_path / "out.jsonl"), {})
        else:
            with open(source, encoding="utf-8") as stdin:
                monkeypatch.setattr("sys.stdin", stdin)
                predict_run(run, "-", str(tmp_path / "out.jsonl"), {})
        return extractor.peak_pages * os.sysconf("SC_PAGE_SIZE")

    short = peak(4)
    assert peak(64) - short < 8 * 2**20  # of 64 MiB read and as many written


# ---------------------------------------------------------------------------------------------------------- results
def test_results_are_those_of_the_extractor(random_run, random_extractor, tmp_path):
    texts = ["左主干可见狭窄约30%。" * (i % 7) + "右冠" * (i % 3) for i in range(40)]
    (tmp_path / "in.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    predict_run(random_run, str(tmp_path / "in.txt"), str(tmp_path / "out.jsonl"), {})
    for number, (text, found) in enumerate(zip(texts, json_lines(tmp_path / "out.jsonl"), strict=True), start=1):
        [alone] = random_extractor.extract([text])
        expected = extraction_record(Document(f"in-{number}", text), alone)
        for part in ("entities", "relations"):
            probabilities = [[item.pop("probability") for item in record[part]] for record in (found, expected)]
            assert probabilities[0] == pytest.approx(probabilities[1], abs=2e-4)  # both rounded
        assert found == expected


# ---------------------------------------------------------------------------------------------------------- rejects
BAD_LINES = {
    2: (b'{"text": "secret', "the line must be JSON. Received: "),
    3: (b'["secret"]', "the line must be an object. Received: a list"),
    5: (b'{"id": "secret"}', "text must be a string. Received: nothing"),
    6: (b'{"text": "secret\xff"}', "the file must be UTF-8. Received: byte 0xff"),
    7: (b'{"text": "secret", "text": ""}', "the line must be JSON. Received: an object with a key twice"),
    9: (b'{"text": "secret\\ud800"}', "text must be Unicode text. Received: half a surrogate pair"),
}


@pytest.fixture
def mixed(tmp_path):
    """Ten lines, six of them bad, the last but one of the good ones blank."""
    good = {1: b'{"text": "a"}', 4: b'{"text": "b"}', 8: b"", 10: b'{"text": "c"}'}
    lines = good | {number: line for number, (line, _) in BAD_LINES.items()}
    (tmp_path / "in.jsonl").write_bytes(b"".join(lines[number] + b"\n" for number in range(1, 11)))
    return str(tmp_path / "in.jsonl")


def test_rejects(run, mixed, tmp_path, capsys):
    predict_run(run, mixed, str(tmp_path / "out.jsonl"), {}, rejects=str(tmp_path / "bad.jsonl"))
    assert [(r["id"], r["text"]) for r in json_lines(tmp_path / "out.jsonl")] == [
        ("in-1", "a"),
        ("in-4", "b"),
        ("in-10", "c"),
    ]
    rejects = json_lines(tmp_path / "bad.jsonl")
    assert [reject["line"] for reject in rejects] == list(BAD_LINES)
    for reject in rejects:
        assert reject.keys() == {"line", "reason"} and reject["reason"].startswith(BAD_LINES[reject["line"]][1])
    err = capsys.readouterr().err
    assert err.rstrip().endswith("6 of 10 lines rejected.")
    assert "secret" not in (tmp_path / "bad.jsonl").read_text() + err


def test_without_rejects_the_first_bad_line_ends_the_run(run, mixed, tmp_path):
    with pytest.raises(DataError, match=r"in\.jsonl:2: the line must be JSON"):
        predict_run(run, mixed, str(tmp_path / "out.jsonl"), {})
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_no_rejects_make_an_empty_file(run, tmp_path, capsys):
    (tmp_path / "in.txt").write_text("a\n")
    predict_run(run, str(tmp_path / "in.txt"), str(tmp_path / "out.jsonl"), {}, rejects=str(tmp_path / "bad"))
    assert (tmp_path / "bad").read_text() == ""
    assert capsys.readouterr().err.rstrip().endswith("0 of 1 lines rejected.")


def test_a_bad_first_line_is_rejected_too(run, tmp_path):
    (tmp_path / "in.txt").write_bytes(b"\xff\na\n")
    predict_run(run, str(tmp_path / "in.txt"), str(tmp_path / "out.jsonl"), {}, rejects=str(tmp_path / "bad"))
    assert [r["text"] for r in json_lines(tmp_path / "out.jsonl")] == ["a"]
    assert [r["line"] for r in json_lines(tmp_path / "bad")] == [1]


def test_rejects_of_a_stream(run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "a"}\n{}\n{"text": "b"}\n')))
    predict_run(run, "-", "-", {}, rejects=str(tmp_path / "bad"))
    assert [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()] == ["a", "b"]
    assert json_lines(tmp_path / "bad")[0]["line"] == 2


def test_an_input_that_ends_early_is_no_reject(run, tmp_path):
    with pytest.raises(DataError, match="the file must be readable"):
        predict_run(run, str(tmp_path / "none"), str(tmp_path / "out.jsonl"), {}, rejects=str(tmp_path / "bad"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "rejects", ["in.txt", "out.jsonl", "-", "out.jsonl.partial", "out.jsonl.state", "reports/b.txt"]
)
def test_rejects_need_a_file_of_their_own(run, tmp_path, monkeypatch, rejects):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.txt").write_text("a\n")
    (tmp_path / "reports").mkdir()
    with pytest.raises(StrtfError, match="--rejects must be a file of its own. Received: "):
        predict_run(run, os.path.dirname(rejects) or "in.txt", "out.jsonl", {}, rejects=rejects)
