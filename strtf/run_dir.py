"""A run's directory: the only place that knows its file names, and how they are written.

Every file is written beside its place and renamed, so a killed process leaves the old file or the new one.
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from strtf.config import Experiment
from strtf.errors import StrtfError
from strtf.schema import Schema

_T = TypeVar("_T")
# Of `replacing`, and of the safetensors library, which writes beside that.
_LEFTOVER = re.compile(r"\..+\.\d+\.tmp|\.tmp\w{6}")


class RunDir:
    """Files of one run.

    Args:
        path: the directory; it need not exist yet.

    Raises:
        StrtfError: the path has no last name, which the directory needs to be made beside its place.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        if self.path.name in ("", ".."):
            raise StrtfError(f"--run_dir must end in a name of its own. Received: {os.fspath(path)!r}. Try runs/mine.")
        self.config = self.path / "config.json"
        self.schema = self.path / "schema.json"
        self.rules = self.path / "rules.json"
        self.data = self.path / "data.json"
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

    def remove_leftovers(self) -> None:
        """Removes what killed processes did not finish writing. No other process may be writing here."""
        for path in filter(is_leftover, self.path.iterdir()):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def read_experiment(self) -> Experiment:
        return read_as(self.config, Experiment.from_json)

    def read_schema(self) -> Schema:
        return read_as(self.schema, Schema.from_json)


def is_leftover(path: pathlib.Path) -> bool:
    """Whether a file or directory was being written: some process is at it, or was killed."""
    return _LEFTOVER.fullmatch(path.name) is not None


def read_json(path: str | os.PathLike) -> dict:
    try:
        # surrogateescape, here and in `write_json`: a path among the options need not be UTF-8
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8", errors="surrogateescape"))
    except OSError as error:
        raise StrtfError(f"{path} must be a readable file. Received: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise StrtfError(f"{path} must be valid JSON. Received: {error}.") from error


def read_as(path: pathlib.Path, build: Callable[..., _T]) -> _T:
    """What `build` makes of the JSON in one of a run's files.

    Raises:
        StrtfError: not JSON, or not what `build` expects: edited by hand, or of another version.
    """
    return build_as(path, build, read_json(path))


def build_as(path: pathlib.Path, build: Callable[..., _T], values) -> _T:
    """The same of what was read already."""
    try:
        return build(values)
    except (StrtfError, AttributeError, KeyError, TypeError, ValueError) as error:
        cause = str(error) if isinstance(error, StrtfError) else f"{type(error).__name__}: {error}"
        raise StrtfError(
            f"{path} must be as training wrote it. Received: {cause.rstrip('.')}. Restore it, or train again."
        ) from error


def check_writable(path: str | os.PathLike) -> None:
    """Raises StrtfError where no file can be written: for a look before the work whose result goes there."""
    if reason := _why_not_writable(path):
        raise StrtfError(
            f"{os.fspath(path)!r} must be a file that can be written. Received: {reason}. Choose another path."
        )


def check_apart(flag: str, output: str | os.PathLike, inputs: Iterable[str | os.PathLike]) -> None:
    """Raises StrtfError where an output is one of the inputs, or lies in one that is a directory."""
    target = pathlib.Path(os.path.realpath(output))
    for path in map(pathlib.Path, map(os.path.realpath, inputs)):
        if path == target or (path.is_dir() and path in target.parents):
            raise StrtfError(
                f"{flag} must be another place than what is read. Received: {os.fspath(output)}. Choose another."
            )


def _why_not_writable(path: str | os.PathLike) -> str | None:
    target = pathlib.Path(os.path.realpath(path))
    if target.is_dir():
        return "a directory"
    if is_device(path):
        return None
    if not target.parent.is_dir():
        return "a directory that does not exist"
    return None if os.access(target.parent, os.W_OK) else "a directory without write permission"


def is_device(path: str | os.PathLike) -> bool:
    """True for /dev/null, /dev/stdout, a named pipe: no file can take their place."""
    return os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """Yields a path beside `path` to write to; renames it on success, removes it on failure.

    Of a symbolic link, the file it points to is replaced. A device or a named pipe is written to as it is.

    Raises:
        StrtfError: no file can be written there.
    """
    check_writable(path)
    if is_device(path):
        yield pathlib.Path(path)
        return
    path = pathlib.Path(os.path.realpath(path))
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # nobody else's
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_json(path: str | os.PathLike, values) -> None:
    """Indented, but a list of numbers stands on one line."""
    with replacing(path) as partial:
        text = json.dumps(values, ensure_ascii=False, indent=1) + "\n"
        # inside a JSON string no line breaks occur, so the pattern meets lists alone
        text = re.sub(r"\[\n[\s\d.eE,+-]+\]", lambda numbers: re.sub(r"\s+", " ", numbers[0]), text)
        partial.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_tensors(path: pathlib.Path, tensors: dict[str, np.ndarray], state: dict | None = None) -> None:
    """Arrays and a small JSON state in one file, so that they cannot disagree.

    Raises:
        StrtfError: it cannot be written, on a full disk say; the file of before stays.
    """
    tensors = {name: np.asarray(value, order="C") for name, value in tensors.items()}  # scalars stay scalars
    try:
        with replacing(path) as partial:
            partial.touch()
            mode = stat.S_IMODE(partial.stat().st_mode)  # as the umask has it; the library's file is its owner's alone
            save_file(tensors, partial, {"state": json.dumps(state or {})})
            partial.chmod(mode)
    except SafetensorError as error:
        raise StrtfError(f"{path} must be writable. Received: {error}. What was there before is kept.") from error


def read_tensors(path: pathlib.Path) -> tuple[dict[str, np.ndarray], dict]:
    try:
        with safe_open(path, framework="np") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            return tensors, json.loads((file.metadata() or {}).get("state", "{}"))
    except (OSError, ValueError, SafetensorError) as error:
        raise StrtfError(f"{path} must be a readable safetensors file. Received: {error}.") from error
