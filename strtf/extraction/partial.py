"""An output that grows over hours: kept under another name until it is complete, and continued after an interruption.

Beside `found.jsonl` stand `found.jsonl.partial` and `found.jsonl.state`, which says how much of the input the
partial file answers. The state is written after what it vouches for; what a killed process wrote beyond it is cut off
and made again. The rejects go the same way, under the same state.
"""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import sys
from collections.abc import Iterable
from typing import BinaryIO, Self

from strtf.data.documents import Place
from strtf.errors import StrtfError
from strtf.run_dir import check_writable, is_device, read_json, write_json

try:
    import fcntl
except ImportError:  # not a Unix: two processes on one output are the user's care there
    fcntl = None

_BLOCK = 2**20


@dataclasses.dataclass(frozen=True)
class State:
    """What the partial files answer.

    Attributes:
        settings: what else decides the output, see `PartialOutput`.
        place: how far the input is done.
        digest: of the input so far.
        documents, rejected: how many.
        output_bytes, rejects_bytes: sizes that belong to them.
        finished: the whole input is done, only names remain to be changed.
    """

    settings: dict[str, str]
    place: Place = Place()
    digest: str = ""
    documents: int = 0
    rejected: int = 0
    output_bytes: int = 0
    rejects_bytes: int = 0
    finished: bool = False

    @classmethod
    def from_json(cls, values: dict) -> "State":
        return cls(**values | {"place": Place(*values["place"])})


class Hash:
    """Digest of the input as it is read."""

    def __init__(self):
        self._hash = hashlib.blake2b(digest_size=16)

    def update(self, raw: bytes) -> str:
        self._hash.update(raw)
        return self._hash.hexdigest()

    def read(self, path: str | os.PathLike) -> str:
        """Takes in a file."""
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                self._hash.update(block)
        return self._hash.hexdigest()


class _Part:
    """One of the files. Standard output ("-"), a device or a named pipe is written to as it is."""

    def __init__(self, path: str):
        self.is_standard_output = path == "-"
        if self.is_standard_output and sys.stdout is None:  # the shell closed it (`>&-`)
            raise StrtfError("--output must name a file where standard output is closed. Received: -.")
        if not self.is_standard_output:
            check_writable(path)
        self.is_device = self.is_standard_output or is_device(path)
        self.path = pathlib.Path(path if self.is_device else os.path.realpath(path))
        self.partial = self.path if self.is_device else self.path.with_name(f"{self.path.name}.partial")
        self.file: BinaryIO | None = None

    def open(self, size: int) -> None:
        """Opens what is there up to a size, and cuts off the rest."""
        if self.is_standard_output:
            self.file = sys.stdout.buffer
        elif self.is_device:
            self.file = open(self.path, "wb")  # noqa: SIM115
        else:
            # not "wb": another process may be writing it
            self.file = open(self.partial, "r+b" if size else "ab")  # noqa: SIM115
            try:
                _lock(self.file, self.partial)
            except StrtfError:
                self.file.close()
                raise
            self.file.truncate(size)
            self.file.seek(size)

    def sync(self) -> int:
        """Its size, once it is safe on the disk."""
        self.file.flush()
        if self.is_device:
            return 0
        os.fsync(self.file.fileno())
        return os.fstat(self.file.fileno()).st_size

    def check(self, size: int) -> None:
        """Raises StrtfError unless it holds whole lines up to a size."""
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(open(self.partial, "rb")) if self.partial.exists() else None
            whole = size == 0
            if file and size:
                file.seek(size - 1)
                whole = file.read(1) == b"\n"
            if not whole:
                raise StrtfError(
                    f"{self.partial} must be as the interrupted run left it. Received: a file that is missing, "
                    "shorter or changed. Remove it and start without --resume."
                )

    def rename(self) -> None:
        if not self.is_device and self.partial.exists():
            os.replace(self.partial, self.path)

    def close(self) -> None:
        if not self.is_standard_output:
            self.file.close()

    def remove(self) -> None:
        if not self.is_device:
            self.partial.unlink(missing_ok=True)


class PartialOutput:
    """Output and rejects of one run; a context manager that gives them their names if its block ends well.

    Otherwise what was committed stays for `resume`, and nothing stays where nothing was.

    Args:
        target, rejects: paths; no rejects where empty.
        settings: whatever decides the output beside the input: values by name. None: it cannot be resumed, and never
            stays.
        resume: go on with what an interrupted run left, if it left anything.

    Attributes:
        state: what is done.

    Raises:
        StrtfError: a partial file is there and is not to be resumed, or cannot be.
    """

    def __init__(self, target: str, rejects: str, settings: dict[str, str] | None, resume: bool):
        self._output, self._rejects = _Part(target), _Part(rejects) if rejects else None
        self._resumable = settings is not None
        self._state_path = self._output.path.with_name(f"{self._output.path.name}.state")
        self.state = State(settings or {})
        if resume and self._resumable and self._state_path.exists():
            self.state = self._read_state()
            self._check_settings(settings)
            if self.state.finished:
                self._rename()
        elif not resume:
            self._refuse_leftovers()

    def check_input(self, done: Iterable[bytes], hash: Hash) -> None:
        """Takes the part of the input that is done into a hash.

        Raises:
            StrtfError: it is not the input that the interrupted run read.
        """
        digest = ""
        for raw in done:
            digest = hash.update(raw)
        if digest != self.state.digest:
            raise StrtfError(
                f"--input must begin with the {self.state.place.lines} lines or files that the interrupted run has "
                f"read. Received: others. Restore them, or remove {self._output.partial} and start anew."
            )

    def write(self, output: str, rejects: str, place: Place, digest: str, documents: int, rejected: int) -> None:
        """Adds whole lines, and vouches for them."""
        self._output.file.write(output.encode("utf-8"))
        if self._rejects:
            self._rejects.file.write(rejects.encode("utf-8"))
        state = self.state
        self.state = dataclasses.replace(
            state, place=place, digest=digest, documents=state.documents + documents, rejected=state.rejected + rejected
        )
        if self._resumable:
            self._commit()
        else:
            for part in self._parts:
                part.file.flush()

    def __enter__(self) -> Self:
        sizes = (self.state.output_bytes, self.state.rejects_bytes)
        with contextlib.ExitStack() as opened:
            for part, size in zip(self._parts, sizes, strict=False):
                part.open(size)
                opened.callback(part.close)
                if not size:
                    opened.callback(part.remove)
            opened.pop_all()  # all are open: they stay so
        return self

    def __exit__(self, kind, error, traceback) -> None:
        if error is None:
            self._finish()
        elif self._resumable and self.state.place.lines:
            print(f"{self._output.partial} keeps what was done; --resume goes on from there.", file=sys.stderr)
        else:
            self._remove()
        for part in self._parts:
            part.close()

    @property
    def _parts(self) -> list[_Part]:
        return [part for part in (self._output, self._rejects) if part]

    def _commit(self, finished: bool = False) -> None:
        sizes = [part.sync() for part in self._parts]
        self.state = dataclasses.replace(
            self.state, output_bytes=sizes[0], rejects_bytes=sum(sizes[1:]), finished=finished
        )
        write_json(self._state_path, dataclasses.asdict(self.state))

    def _finish(self) -> None:
        if self._resumable:
            self._commit(finished=True)
        for part in self._parts:
            part.file.flush()
        self._rename()

    def _rename(self) -> None:
        for part in reversed(self._parts):  # the output last: where it is, all is
            part.rename()
        if self._resumable:
            self._state_path.unlink(missing_ok=True)

    def _remove(self) -> None:
        for part in self._parts:
            part.remove()
        if self._resumable:
            self._state_path.unlink(missing_ok=True)

    def _refuse_leftovers(self) -> None:
        partial = self._output.partial
        if not self._output.is_device and partial.exists():
            raise StrtfError(
                f"--output must have no unfinished file of another run beside it. Received: {partial}. "
                "Go on with it by --resume, or remove it."
            )

    def _read_state(self) -> State:
        try:
            return State.from_json(read_json(self._state_path))
        except (StrtfError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise StrtfError(
                f"{self._state_path} must be as the interrupted run left it. Received: a damaged file. "
                f"Remove it and {self._output.partial}, and start anew."
            ) from error

    def _check_settings(self, settings: dict[str, str]) -> None:
        theirs, state = self.state.settings, self.state
        different = sorted(name for name in theirs.keys() | settings.keys() if theirs.get(name) != settings.get(name))
        if different:
            raise StrtfError(
                f"--resume must go on as the interrupted run began. Received: other {', '.join(different)}. "
                f"Give the same, or remove {self._output.partial} and start anew."
            )
        if state.rejected and not self._rejects:
            raise StrtfError("--rejects must be given again with --resume. Received: nothing.")
        if not state.finished:
            self._output.check(state.output_bytes)
            if self._rejects:
                self._rejects.check(state.rejects_bytes)


def _lock(file: BinaryIO, path: pathlib.Path) -> None:
    """The system takes the lock away when the process ends, however it does."""
    if fcntl is None or not os.path.isfile(path):
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise StrtfError(f"{path} must not be in use. Received: a file that another process is writing.") from error
