"""The record of a result: scores, and all that traces them to a flag file and a run."""

import json
import pathlib

from strtf.config import Experiment, option_fields
from strtf.flags import GROUPS
from strtf.run_dir import read_json, write_json

DATA = ("data_dir", "train_data", "dev_data", "test_data")
PATHS = (*DATA, "schema", "encoder", "initial_run")


def make_record(job, seconds: float) -> dict:
    """Scores and history of a finished job.

    Args:
        seconds: wall time of training and scoring, all attempts.
    """
    history = read_history(job.run_dir)
    return read_json(job.directory / "test.json") | {
        "run_dir": job.directory.name,
        "epochs": len(history),
        "best_epoch": max(epoch["epoch"] for epoch in history if epoch["best"]),
        "training_seconds": round(sum(epoch["seconds"] for epoch in history)),
        "wall_seconds": round(seconds),
        "dev_f1": [epoch.get("dev_f1", {}) for epoch in history],
    }


def write_record(row, record: dict) -> None:
    """Writes a job's record as that of one of its rows."""
    row.result.parent.mkdir(parents=True, exist_ok=True)
    traced = {
        "row": row.name,
        "arguments": [portable_argument(argument) for argument in row.arguments],
        "seed": row.experiment.training.seed,
        "experiment": portable_experiment(row.experiment),
    }
    write_json(row.result, traced | {name: value for name, value in record.items() if name not in traced})


def read_history(run_dir: pathlib.Path) -> list[dict]:
    """One record an epoch; none yet: an empty list."""
    try:
        lines = (run_dir / "history.jsonl").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines]


def portable_experiment(experiment: Experiment, operational: bool = True) -> dict:
    """Options as JSON, paths as `portable` has them; `operational=False`: only those that change what is computed."""
    values = experiment.to_json()
    return {
        group: {
            field.name: portable_value(field.name, values[group][field.name])
            for field in option_fields(options)
            if operational or not field.metadata["operational"]
        }
        for group, options in GROUPS.items()
    }


def recorded_experiment(record: dict) -> Experiment:
    return Experiment.from_json(record["experiment"])


def portable_argument(argument: str) -> str:
    name, separator, value = argument.partition("=")
    return f"{name}={portable_value(name[2:], value)}" if separator else argument


def portable_value(name: str, value):
    """An option's value; of a path, what says nothing of the machine, and of data nothing of where they lie."""
    if name in DATA:
        return pathlib.Path(value).name
    return portable(value) if name in (*PATHS, "flagfile") else value


def portable(path: str) -> str:
    """A path as it stands below the repository, else its last name.

    Names of presets (`hf://…`) stay as they are.
    """
    if "://" in path:
        return path
    given = pathlib.Path(path)
    if given.is_absolute() and given.is_relative_to(pathlib.Path.cwd()):
        given = given.relative_to(pathlib.Path.cwd())
    return given.name if given.is_absolute() or ".." in given.parts else path and given.as_posix()
