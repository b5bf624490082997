"""Flag files of a small experiment, and jobs that train nothing."""

import json
import pathlib

import pytest

from experiments import pool

COUNTS = {"gold": [1, 2], "predicted": [1, 1], "correct": [1, 0]}


@pytest.fixture
def flag_file(tmp_path):
    """flag_file("table/row", "--epochs=3", …): path of a new flag file."""

    def make(name, *flags):
        path = tmp_path / f"{name}.flags"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["# a row", *flags]) + "\n", encoding="utf-8")
        return path

    return make


@pytest.fixture
def processes(monkeypatch):
    """Starts no process: notes the commands and leaves what training and scoring would leave.

    `failing` maps a module and a word of its command to the log's last line; `.commands` are (module, arguments).
    """

    class Process:
        commands, failing, environments = [], {}, []

        def __init__(self, command, stdout, env, **_):
            module, arguments = command[2], command[3:]
            self.commands.append((module, arguments))
            self.environments.append(env)
            options = dict(argument.removeprefix("--").partition("=")[::2] for argument in arguments)
            self.line = next(
                (line for (name, word), line in self.failing.items() if name == module and word in " ".join(command)),
                None,
            )
            stdout.write(f"50%\r100%\n{self.line or 'done'}\n\n".encode())
            stdout.flush()
            if self.line is None:
                _leave(module, options)

        def wait(self):
            return 0 if self.line is None else 1

        def terminate(self):
            pass

    Process.commands, Process.failing, Process.environments = [], {}, []
    monkeypatch.setattr(pool.subprocess, "Popen", Process)
    monkeypatch.setattr(pool, "POLL_SECONDS", 0.01)
    return Process


def _leave(module, options):
    run_dir = pathlib.Path(options["run_dir"])
    run_dir.mkdir(parents=True, exist_ok=True)
    if module == "strtf.train":
        epochs = [{"epoch": n, "seconds": 2.0, "best": n == 2, "dev_f1": {"ner": 0.1 * n}} for n in (1, 2, 3)]
        (run_dir / "history.jsonl").write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs))
        (run_dir / "seed").write_text(options["seed"])
    else:
        f1 = 0.9 + 0.02 * int((run_dir / "seed").read_text())
        scores = {"split": "test", "run_dir": str(run_dir), "backend": "tensorflow", "device": "an abacus"}
        scores |= {"ner": {"f1": f1}, "rc_predicted": {"f1": 0.5}, "per_sentence": {"ner": COUNTS}}
        pathlib.Path(options["json"]).write_text(json.dumps(scores))
