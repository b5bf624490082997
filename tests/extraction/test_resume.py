"""An interrupted prediction goes on where it stopped, and ends in the bytes of one that was not interrupted."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import types

import pytest

from strtf.config import Experiment
from strtf.errors import DataError, StrtfError
from strtf.extraction import predict
from strtf.extraction.extractor import Extractor
from strtf.extraction.predict import predict_run

LINES = [json.dumps({"id": f"r{i}", "text": "a左b" * (i % 5)}, ensure_ascii=False) for i in range(20)]
BAD = '{"text": 5}'


class Killed(BaseException):
    """As if the process ended: nothing catches it."""


@pytest.fixture
def predicts(tmp_path, monkeypatch, stub_extractor):
    """predicts(stop=n, …): predicts in.jsonl into out.jsonl with the stub; ends before group n is computed."""
    weights = tmp_path / "weights"
    weights.write_bytes(b"of the stub")
    run = types.SimpleNamespace(require=lambda: run, read_experiment=Experiment, weights=weights)
    monkeypatch.setattr(predict, "load_extractor", lambda *_: stub_extractor())
    monkeypatch.setattr(predict, "GROUP_SIZE", 3 * predict.LEAST_SIZE)
    made = Extractor.extract_tokenized

    def make(stop=None, source="in.jsonl", target="out.jsonl", **given):
        groups = 0

        def counted(self, documents):
            nonlocal groups
            groups += 1
            if groups == stop:
                raise Killed
            return made(self, documents)

        monkeypatch.setattr(Extractor, "extract_tokenized", counted)
        options = given.pop("options", {})
        with contextlib.suppress(Killed):
            predict_run(run, str(tmp_path / source), str(tmp_path / target), options, **given)
        return groups

    write(tmp_path / "in.jsonl", LINES)
    return make


def write(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def names(directory):
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def expected(predicts, tmp_path):
    predicts(target="whole.jsonl")
    return (tmp_path / "whole.jsonl").read_bytes()


@pytest.mark.parametrize("stop", [2, 4, 7])
def test_the_same_bytes(predicts, expected, tmp_path, stop):
    whole = predicts(target="again.jsonl")
    assert predicts(stop=stop) == stop
    assert {"out.jsonl.partial", "out.jsonl.state"} <= set(names(tmp_path)) and "out.jsonl" not in names(tmp_path)
    assert predicts(resume=True) <= whole - stop + 2  # the last written group may be lost, no more
    assert (tmp_path / "out.jsonl").read_bytes() == expected
    assert not [name for name in names(tmp_path) if "partial" in name or "state" in name]


def test_interrupted_again_and_again(predicts, expected, tmp_path):
    predicts(stop=2)
    for _ in range(20):
        if (tmp_path / "out.jsonl").exists():
            break
        predicts(stop=3, resume=True)
    assert (tmp_path / "out.jsonl").read_bytes() == expected


def test_what_was_written_beyond_the_state_is_made_again(predicts, expected, tmp_path):
    predicts(stop=4)
    with open(tmp_path / "out.jsonl.partial", "ab") as file:
        file.write(b'{"id": "r9", "te')
    predicts(resume=True)
    assert (tmp_path / "out.jsonl").read_bytes() == expected


def test_resuming_without_an_interruption_starts_anew(predicts, expected, tmp_path):
    predicts(resume=True)
    assert (tmp_path / "out.jsonl").read_bytes() == expected


def test_killed_between_the_names(predicts, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(predict.PartialOutput, "_rename", lambda self: (_ for _ in ()).throw(Killed))
    predicts()
    assert not (tmp_path / "out.jsonl").exists()
    monkeypatch.undo()
    state = json.loads((tmp_path / "out.jsonl.state").read_text())
    assert state["finished"] and state["documents"] == len(LINES)
    from strtf.extraction.partial import PartialOutput

    PartialOutput(str(tmp_path / "out.jsonl"), "", state["settings"], resume=True)
    assert (tmp_path / "out.jsonl").read_bytes() == expected
    assert not [name for name in names(tmp_path) if "partial" in name or "state" in name]


def test_plain_text_goes_on_as_plain_text(predicts, tmp_path):
    write(tmp_path / "in.txt", ["左a", *['{"text": "b"}'] * 9])
    predicts(source="in.txt", target="whole.jsonl")
    predicts(source="in.txt", stop=3)
    predicts(source="in.txt", resume=True)
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert b"in-10" in (tmp_path / "out.jsonl").read_bytes()


def test_a_bad_line_can_be_mended_and_the_run_go_on(predicts, expected, tmp_path):
    write(tmp_path / "in.jsonl", [*LINES[:15], BAD, *LINES[16:]])
    with pytest.raises(DataError, match=r"in\.jsonl:16: text must be a string"):
        predicts()
    write(tmp_path / "in.jsonl", LINES)
    assert predicts(resume=True) < 5
    assert (tmp_path / "out.jsonl").read_bytes() == expected


def test_rejects_are_neither_lost_nor_doubled(predicts, tmp_path):
    write(tmp_path / "in.jsonl", [x for pair in zip(LINES, [BAD] * 20, strict=True) for x in pair])
    predicts(target="whole.jsonl", rejects=str(tmp_path / "whole.rejects"))
    rejects = str(tmp_path / "rejects")
    predicts(stop=5, rejects=rejects)
    predicts(resume=True, rejects=rejects)
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    found = [json.loads(line)["line"] for line in (tmp_path / "rejects").read_text().splitlines()]
    assert found == list(range(2, 41, 2))


# ------------------------------------------------------------------------------------------------- what is refused
def message(predicts, **given):
    with pytest.raises(StrtfError) as caught:
        predicts(**given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_partial_file_without_resume(predicts, tmp_path):
    predicts(stop=4)
    before = (tmp_path / "out.jsonl.partial").read_bytes()
    found = message(predicts)
    assert found.startswith("--output must have no unfinished file of another run beside it.") and "--resume" in found
    assert (tmp_path / "out.jsonl.partial").read_bytes() == before


def test_a_changed_input(predicts, tmp_path):
    predicts(stop=4)
    write(tmp_path / "in.jsonl", [LINES[1], LINES[0], *LINES[2:]])
    found = message(predicts, resume=True)
    assert found.startswith("--input must begin with the ") and "左" not in found


@pytest.mark.parametrize("content", [None, b"", b"x" * 10_000])
def test_a_changed_partial_file(predicts, tmp_path, content):
    predicts(stop=4)
    partial = tmp_path / "out.jsonl.partial"
    partial.unlink() if content is None else partial.write_bytes(content)
    assert "must be as the interrupted run left it" in message(predicts, resume=True)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"style": "triples"}, "--format"),
        ({"options": {"training": {"precision": "mixed_bfloat16"}}}, "--precision"),
        ({"options": {"model": {"max_tokens": 16}}}, "--max_tokens"),
    ],
)
def test_other_settings(predicts, given, name):
    predicts(stop=4)
    assert f"Received: other {name}." in message(predicts, resume=True, **given)


def test_other_weights(predicts, tmp_path):
    predicts(stop=4)
    (tmp_path / "weights").write_bytes(b"of another")
    assert "Received: other weights." in message(predicts, resume=True)


def test_a_damaged_state(predicts, tmp_path):
    predicts(stop=4)
    (tmp_path / "out.jsonl.state").write_text('{"settings": {}}')
    assert "out.jsonl.state must be as the interrupted run left it" in message(predicts, resume=True)


def test_rejects_must_be_given_again(predicts, tmp_path):
    write(tmp_path / "in.jsonl", [BAD, *LINES])
    predicts(stop=4, rejects=str(tmp_path / "rejects"))
    assert message(predicts, resume=True).startswith("--rejects must be given again")


def test_streams_cannot_be_resumed(predicts, tmp_path):
    run = types.SimpleNamespace(require=lambda: run, read_experiment=Experiment)
    for paths in (("-", str(tmp_path / "o")), (str(tmp_path / "in.jsonl"), "-"), (os.devnull, str(tmp_path / "o"))):
        with pytest.raises(StrtfError, match="--resume must go with files as --input and --output"):
            predict_run(run, *paths, {}, resume=True)


def test_two_processes_on_one_output(predicts, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    predicts(stop=4)
    with open(tmp_path / "out.jsonl.partial", "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "must not be in use" in message(predicts, resume=True)


# -------------------------------------------------------------------------------------------------- a real process
SLOW = """
import sys, time
from strtf.extraction import predict
from strtf.run_dir import RunDir
predict.GROUP_SIZE = 400
write = predict._write
def slow(*arguments):
    write(*arguments)
    time.sleep(60)
predict._write = slow
predict.predict_run(RunDir(sys.argv[1]), sys.argv[2], sys.argv[3], {})
"""


def test_rejects_in_use_leave_nothing_behind(predicts, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    with open(tmp_path / "bad.jsonl.partial", "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "bad.jsonl.partial must not be in use" in message(predicts, rejects=str(tmp_path / "bad.jsonl"))
    assert not (tmp_path / "out.jsonl.partial").exists()
    predicts(rejects=str(tmp_path / "bad.jsonl"))
    assert (tmp_path / "out.jsonl").exists()


def test_a_killed_process_can_be_resumed(random_run, tmp_path, monkeypatch):
    source, target, whole = tmp_path / "in.txt", tmp_path / "out.jsonl", tmp_path / "whole.jsonl"
    write(source, ["左主干可见狭窄约30%。前降支近段狭窄" * (i % 4) for i in range(60)])
    command = [sys.executable, "-c", SLOW, str(random_run.path), str(source), str(target)]
    killed = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "out.jsonl.state").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    assert not target.exists() and (tmp_path / "out.jsonl.partial").stat().st_size > 0
    monkeypatch.setattr(predict, "GROUP_SIZE", 400)
    predict_run(random_run, str(source), str(target), {}, resume=True)
    predict_run(random_run, str(source), str(whole), {})
    assert target.read_bytes() == whole.read_bytes()
    assert len(target.read_text(encoding="utf-8").splitlines()) == 60


def test_a_directory_goes_on_where_it_stopped(predicts, tmp_path):
    directory = tmp_path / "reports"
    directory.mkdir()
    for number, text in enumerate("a左b" * (n % 5) for n in range(12)):
        (directory / f"{number:02}.txt").write_text(text, encoding="utf-8")
    predicts(source="reports", target="whole.jsonl")
    predicts(stop=3, source="reports")
    predicts(source="reports", resume=True)
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"{n:02}" for n in range(12)]


def test_a_directory_that_has_changed(predicts, tmp_path):
    directory = tmp_path / "reports"
    directory.mkdir()
    for number in range(12):
        (directory / f"{number:02}.txt").write_text("a左b", encoding="utf-8")
    predicts(stop=3, source="reports")
    (directory / "00a.txt").write_text("a", encoding="utf-8")
    with pytest.raises(StrtfError, match="--input must begin with the 6 lines or files"):
        predicts(source="reports", resume=True)
