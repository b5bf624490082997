import json
import pathlib
import subprocess

import pytest
from absl import flags

from experiments import run

SCORES = {"split": "test", "ner": {"f1": 0.9}, "rc_predicted": {"f1": 0.5}}


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """Runs no process: writes what training and scoring would leave, and notes their arguments."""
    made = []

    def pretend(command, check):
        module, arguments = command[2], dict(a.removeprefix("--").partition("=")[::2] for a in command[3:])
        made.append((module, arguments))
        run_dir = pathlib.Path(arguments["run_dir"])
        run_dir.mkdir(parents=True, exist_ok=True)
        if module == "strtf.train":
            epochs = [{"epoch": n, "seconds": 2.0, "best": n == 2, "dev_f1": {"ner": 0.1 * n}} for n in (1, 2, 3)]
            (run_dir / "history.jsonl").write_text("".join(json.dumps(e) + "\n" for e in epochs))
        else:
            ner = {"f1": 0.9 + 0.02 * int(run_dir.name[-1])}
            pathlib.Path(arguments["json"]).write_text(json.dumps(SCORES | {"ner": ner}))
        return subprocess.CompletedProcess(command, pretend.code)

    pretend.code = 0
    monkeypatch.setattr(subprocess, "run", pretend)
    options = flags.FlagValues()
    run.define_flags(options)
    folders = [f"--runs={tmp_path / 'runs'}", f"--results={tmp_path / 'results'}"]
    options(["run", "--flagfiles=x/row.flags", "--seeds=0,1", "--data_dir=corpus", *folders])
    return made, pretend, options


def test_trains_and_scores_each_seed(calls, capsys):
    made, _, options = calls
    run.run_rows(options)
    results = pathlib.Path(options.results)
    assert [module for module, _ in made] == ["strtf.train", "strtf.evaluate"] * 2
    assert [arguments["seed"] for module, arguments in made if module == "strtf.train"] == ["0", "1"]
    record = json.loads((results / "row-seed1.json").read_text())
    assert record["best_epoch"] == 2 and record["training_seconds"] == 6 and record["seed"] == 1
    assert "| row | 91.0 ± 1.4 | 50.0 |" in capsys.readouterr().out


def test_done_runs_are_skipped(calls):
    made, _, options = calls
    run.run_rows(options)
    first = len(made)
    run.run_rows(options)
    assert len(made) == first


def test_failure_stops_and_leaves_no_scores(calls):
    _, pretend, options = calls
    pretend.code = 1
    with pytest.raises(SystemExit, match="strtf.train stopped with exit code 1"):
        run.run_rows(options)
    assert not list(pathlib.Path(options.results).iterdir())
