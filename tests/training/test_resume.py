"""An interrupted training, resumed, ends with the very weights of an uninterrupted one."""

import functools
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from strtf.errors import StrtfError
from strtf.run_dir import RunDir, read_tensors
from strtf.training.tensorflow_step import TensorFlowStep
from strtf.training.train import train

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
STEPS = 12  # of an epoch: 24 sentences, 2 at a time


# those that hold state, or draw
OPTIONS = {"task_block_learning_rate": 2e-3, "ema_decay": 0.9, "boundary_negatives": 0.5, "token_masking": 0.2}


@pytest.fixture(scope="module")
def experiment(tiny_experiment):
    """experiment(…): options of one run, those above among them."""
    return functools.partial(tiny_experiment, **OPTIONS)


@pytest.fixture(scope="module")
def uninterrupted(experiment, tmp_path_factory):
    """Two epochs in one go."""
    run_dir = RunDir(tmp_path_factory.mktemp("runs") / "uninterrupted")
    train(experiment(), run_dir)
    return run_dir


def history(run_dir):
    rows = [json.loads(line) for line in run_dir.history.read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def assert_same_run(run_dir, expected):
    for ours, theirs in ((run_dir.checkpoint, expected.checkpoint), (run_dir.weights, expected.weights)):
        found, wanted = read_tensors(ours)[0], read_tensors(theirs)[0]
        assert found.keys() == wanted.keys()
        assert not [name for name in wanted if not np.array_equal(found[name], wanted[name])]
    assert history(run_dir) == history(expected)


def test_resuming_in_the_middle_of_an_epoch(experiment, uninterrupted, tmp_path, monkeypatch):
    options, run_dir = experiment(checkpoint_steps=2), RunDir(tmp_path / "run")
    taken = 0

    def interrupted(self, batch, step=TensorFlowStep.__call__):
        nonlocal taken
        taken += 1
        if taken == STEPS + 6:  # after 5 steps of the second epoch, the fifth in no checkpoint
            raise KeyboardInterrupt
        return step(self, batch)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TensorFlowStep, "__call__", interrupted)
        train(options, run_dir)
    state = read_tensors(run_dir.checkpoint)[1]
    assert (state["epoch"], state["step_in_epoch"]) == (1, 4)
    train(options, run_dir, resume=True)
    assert_same_run(run_dir, uninterrupted)


def test_resuming_before_the_first_checkpoint(experiment, uninterrupted, tmp_path, monkeypatch):
    """The run directory is there, and nothing is saved yet: training starts anew in it."""
    run_dir = RunDir(tmp_path / "run")

    def interrupted(self, batch):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TensorFlowStep, "__call__", interrupted)
        train(experiment(), run_dir)
    assert run_dir.exists() and not run_dir.checkpoint.exists()
    train(experiment(), run_dir, resume=True)
    assert_same_run(run_dir, uninterrupted)


def test_a_killed_process_goes_on(experiment, uninterrupted, tmp_path):
    run_dir = RunDir(tmp_path / "run")
    arguments = [sys.executable, "-m", "strtf.train", f"--run_dir={run_dir.path}", "--checkpoint_steps=1", "--resume"]
    for group in experiment().to_json().values():
        arguments += [f"--{name}={value}" for name, value in group.items() if name != "checkpoint_steps"]
    quiet = {"cwd": REPOSITORY, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": os.environ}
    with subprocess.Popen(arguments, **quiet) as process:
        deadline = time.monotonic() + 120
        while not in_second_epoch(run_dir) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it must not have finished"
    state = read_tensors(run_dir.checkpoint)[1]
    assert state["epoch"] == 1 and 0 < state["step_in_epoch"] < STEPS
    subprocess.run(arguments, check=True, timeout=120, **quiet)
    assert_same_run(run_dir, uninterrupted)


def in_second_epoch(run_dir):
    try:
        state = read_tensors(run_dir.checkpoint)[1]
    except StrtfError:  # not there yet
        return False
    return state["epoch"] == 1 and state["step_in_epoch"] > 0


def test_another_seed_is_another_run(uninterrupted, experiment):
    with pytest.raises(StrtfError, match="must hold the same experiment.*--seed: 3 against 4"):
        train(experiment(seed=4), uninterrupted, resume=True)


def test_resuming_a_finished_run_changes_nothing(uninterrupted, experiment):
    before = uninterrupted.checkpoint.read_bytes()
    state = train(experiment(), uninterrupted, resume=True)
    assert state.epoch == 2
    assert uninterrupted.checkpoint.read_bytes() == before
