"""A run's directory: the only place that knows its file names, and how they are written.

Every file is written beside its place and renamed, so a killed process leaves the old file or the new one.
"""

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from strtf.config import Experiment
from strtf.errors import StrtfError
from strtf.schema import Schema


class RunDir:
    """Files of one run.

    Args:
        path: the directory; it need not exist yet.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        self.config = self.path / "config.json"
        self.schema = self.path / "schema.json"
        self.rules = self.path / "rules.json"
        self.encoder = self.path / "encoder.json"
        self.vocabulary = self.path / "vocab.txt"
        self.weights = self.path / "best.safetensors"
        self.checkpoint = self.path / "checkpoint.safetensors"
        self.history = self.path / "history.jsonl"
        self.tensorboard = self.path / "tensorboard"

    def exists(self) -> bool:
        return self.config.exists()

    def require(self) -> "RunDir":
        """Raises StrtfError unless a run with trained weights is here."""
        if not self.exists():
            raise StrtfError(f"--run_dir must hold a run of `python -m strtf.train`. Received: {self.path}.")
        if not self.weights.exists():
            raise StrtfError(
                f"{self.path} holds no trained weights yet. Train it first: --run_dir={self.path} --resume."
            )
        return self

    def read_experiment(self) -> Experiment:
        return Experiment.from_json(read_json(self.config))

    def read_schema(self) -> Schema:
        return Schema.from_json(read_json(self.schema))


def read_json(path: str | os.PathLike) -> dict:
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise StrtfError(f"{path} must be a readable file. Received: {error.strerror}.") from error
    except ValueError as error:
        raise StrtfError(f"{path} must be valid JSON. Received: {error}.") from error


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a path beside `path` to write to; renames it on success, removes it on failure."""
    partial = path.with_name(f"{path.name}.partial")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_json(path: pathlib.Path, values) -> None:
    with replacing(path) as partial:
        partial.write_text(json.dumps(values, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def write_tensors(path: pathlib.Path, tensors: dict[str, np.ndarray], state: dict | None = None) -> None:
    """Arrays and a small JSON state in one file, so that they cannot disagree."""
    tensors = {name: np.asarray(value, order="C") for name, value in tensors.items()}  # scalars stay scalars
    with replacing(path) as partial:
        save_file(tensors, partial, {"state": json.dumps(state or {})})


def read_tensors(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict]:
    try:
        with safe_open(path, framework="np") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            return tensors, json.loads((file.metadata() or {}).get("state", "{}"))
    except (OSError, SafetensorError) as error:
        raise StrtfError(f"{path} must be a readable safetensors file. Received: {error}.") from error
