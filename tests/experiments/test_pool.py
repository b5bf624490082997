"""Jobs at once: each with its log; failures do not stop the others."""

import fcntl
import os
import subprocess
import threading

import pytest

from experiments.plan import make_plan, make_row
from experiments.pool import Pool, last_line
from strtf.run_dir import read_json


@pytest.fixture
def jobs(tmp_path, flag_file):
    rows = [("a", 3), ("b", 4), ("twin_of_a", 3)]
    made = [
        make_row(flag_file(name, f"--epochs={n}"), 0, ["--data_dir=reports"], tmp_path / "results") for name, n in rows
    ]
    return make_plan(made, tmp_path / "runs", tmp_path / "results")[0]


@pytest.mark.parametrize("at_once", [1, 2])
def test_trains_then_scores_and_writes_each_row(jobs, processes, at_once):
    assert Pool(at_once).run(jobs) == []
    assert sorted(module for module, _ in processes.commands) == ["strtf.evaluate"] * 2 + ["strtf.train"] * 2
    for job in jobs:
        for row in job.rows:
            record = read_json(row.result)
            assert (record["row"], record["seed"], record["run_dir"]) == (row.name, 0, job.directory.name)
            assert (record["epochs"], record["best_epoch"], record["training_seconds"]) == (3, 2, 6)
            assert (record["backend"], record["device"]) == ("tensorflow", "an abacus")
            assert record["wall_seconds"] >= 0 and record["ner"] == {"f1": 0.9}


def test_training_resumes_and_scoring_takes_the_test_split(jobs, processes):
    Pool(1).run(jobs[:1])
    (train, first), (evaluate, second) = processes.commands
    assert train == "strtf.train" and "--resume" in first and f"--run_dir={jobs[0].run_dir}" in first
    assert evaluate == "strtf.evaluate"
    assert {"--split=test", "--seen_mentions", f"--run_dir={jobs[0].run_dir}"} <= set(second)


def test_a_failure_stops_no_other_job(jobs, processes):
    processes.failing["strtf.train", jobs[0].first.arguments[0]] = "error: no luck."
    ((job, reason),) = Pool(1).run(jobs)
    assert job is jobs[0] and reason == "strtf.train ended with exit code 1: error: no luck."
    assert not any(row.result.exists() for row in jobs[0].rows)
    assert jobs[1].first.result.exists()
    assert "error: no luck." in job.log.read_text()


def test_a_second_attempt_adds_to_log_and_wall_time(jobs, processes):
    processes.failing["strtf.evaluate", ""] = "error: no luck."
    Pool(1).run(jobs[:1])
    before = read_json(jobs[0].directory / "wall.json")
    processes.failing.clear()
    assert Pool(1).run(jobs[:1]) == []
    assert read_json(jobs[0].directory / "wall.json") > before
    log = jobs[0].log.read_text()
    assert "error: no luck." in log and log.rstrip().endswith("done")


def test_a_run_that_another_process_is_at_is_left_alone(jobs, processes):
    jobs[0].directory.mkdir(parents=True)
    with open(jobs[0].log, "ab") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        ((job, reason),) = Pool(1).run(jobs[:1])
    assert job is jobs[0] and reason.startswith("another process is at this run")
    assert processes.commands == []


def test_a_process_keeps_the_lock_when_its_runner_is_gone(tmp_path):
    with open(tmp_path / "log", "ab") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        child = subprocess.Popen(["sleep", "60"], stdout=log)
    try:
        with open(tmp_path / "log", "ab") as log, pytest.raises(BlockingIOError):
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        child.kill()
        child.wait()


def test_the_environment_is_passed_on(jobs, processes, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    Pool(2).run(jobs[:1])
    environment = processes.environments[0]
    assert (environment["KERAS_BACKEND"], environment["TF_NUM_INTRAOP_THREADS"]) == ("jax", "7")
    assert environment["TF_FORCE_GPU_ALLOW_GROWTH"] == "true" and environment["PATH"] == os.environ["PATH"]


def test_one_job_at_a_time_has_the_machine_to_itself(monkeypatch):
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    assert "TF_NUM_INTRAOP_THREADS" not in Pool(1).environment
    assert int(Pool(4).environment["TF_NUM_INTRAOP_THREADS"]) == max(1, os.cpu_count() // 4)


def test_interruption_ends_the_processes(jobs, processes, monkeypatch):
    ended = []
    monkeypatch.setattr("experiments.pool._show", lambda bar, futures: (_ for _ in ()).throw(KeyboardInterrupt))
    waiting = threading.Event()
    monkeypatch.setattr(processes, "wait", lambda self: waiting.wait(10) and 1)
    monkeypatch.setattr(processes, "terminate", lambda self: (ended.append(self), waiting.set()))
    with pytest.raises(KeyboardInterrupt):
        Pool(1).run(jobs)
    assert len(ended) == 1 and len(processes.commands) == 1


@pytest.mark.parametrize(
    ("log", "line"),
    [(b"a\nb\n\n", "b"), (b"10%\r100%\r", "100%"), (b"", "the log is empty"), (b"\xff ok\n", "\ufffd ok")],
)
def test_the_last_line_of_a_log(tmp_path, log, line):
    (tmp_path / "log").write_bytes(log)
    with open(tmp_path / "log", "rb") as file:
        assert last_line(file) == line
