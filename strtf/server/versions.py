"""The versions of a model: numbered directories, the newest of which is served.

A new directory is loaded beside the version that serves, and takes its place once it is ready; the old one answers
what it has begun and is then dropped. A version that does not load is reported, and tried again when its files change.
"""

import asyncio
import contextlib
import dataclasses
import gc
import os
import pathlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from strtf.errors import StrtfError
from strtf.server.batching import Batcher
from strtf.server.saved_model import SavedModel
from strtf.server.status import LOG, ServingError, shown, type_and_place

# A version's directory (`1`, `00001`) and its files: names, sizes, times. Two looks that agree: copying has ended.
Print = tuple[str, tuple[tuple[str, int, int], ...]]


@dataclasses.dataclass
class State:
    """As ModelService reports it: START, LOADING, AVAILABLE, UNLOADING, END; with an error code and message."""

    state: str
    error_code: str = "OK"
    error_message: str = ""


class Serving:
    """A loaded version and the queues before its signatures.

    Attributes:
        idle: set while no request uses it.
    """

    def __init__(self, version: int, model: SavedModel, make_batcher: Callable[[SavedModel, str], Batcher]):
        self.version, self.model = version, model
        self.batchers = {name: make_batcher(model, name) for name, s in model.signatures.items() if s.can_batch}
        self.idle = asyncio.Event()
        self.idle.set()
        self._users = 0

    @contextlib.contextmanager
    def in_use(self) -> Iterator["Serving"]:
        self._users += 1
        self.idle.clear()
        try:
            yield self
        finally:
            self._users -= 1
            if not self._users:
                self.idle.set()


class Versions:
    """What of a directory is loaded, and what became of the rest.

    Args:
        directory: holds `1`, `2`, …
        name: the model's, for messages.
        labels: names by which the served version goes.
        make_batcher: the queue before a signature.
    """

    def __init__(self, directory: pathlib.Path, name: str, labels: frozenset[str], make_batcher):
        self._directory, self.name, self._labels = directory, name, labels
        self._make_batcher = make_batcher
        self._loader = ThreadPoolExecutor(1, "loader")
        self._seen: dict[int, Print] = {}
        self._broken: dict[int, Print] = {}
        self._draining: set[asyncio.Task] = set()
        self.states: dict[int, State] = {}
        self.current: Serving | None = None

    def find(self, version: int | None, label: str) -> Serving:
        """The version that a request asks for.

        Raises:
            ServingError: NOT_FOUND, in TF Serving's words; an unknown label.
        """
        if label and label not in self._labels:
            raise ServingError("INVALID_ARGUMENT", f"Unrecognized servable version label: {shown(label)}")
        if self.current is None or version not in (None, self.current.version):
            wanted = f"Latest({self.name})" if version is None else f"Specific({self.name}, {version})"
            raise ServingError("NOT_FOUND", f"Servable not found for request: {wanted}")
        return self.current

    async def watch(self, seconds: float) -> None:
        """Looks for versions until it is cancelled."""
        trouble = None
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.look(wait_for_copies=True)
                trouble = None
            except Exception as error:  # the watch goes on, and says a thing once
                if trouble != (trouble := type(error).__name__):
                    LOG.error("looking for versions failed: %s", trouble)

    async def look(self, wait_for_copies: bool = False) -> None:
        """Loads the newest version that is there and loads, if it is not the one that serves.

        Args:
            wait_for_copies: leave a version whose files have changed since the last look for the next one.
        """
        prints = await asyncio.get_running_loop().run_in_executor(self._loader, _look, self._directory)
        before, self._seen = self._seen, prints
        self._forget(prints)
        for version in sorted(prints, reverse=True):
            if self.current and self.current.version == version:
                return
            if self._broken.get(version) == prints[version]:
                continue
            if wait_for_copies and before.get(version) != prints[version]:
                continue
            if await self._load(version, prints[version]):
                return

    def _forget(self, prints: dict[int, Print]) -> None:
        for version in self._broken.keys() - prints.keys():
            del self._broken[version], self.states[version]

    async def _load(self, version: int, files: Print) -> bool:
        self.states[version] = State("LOADING")
        path = self._directory / files[0]
        try:
            model = await asyncio.get_running_loop().run_in_executor(self._loader, SavedModel, path)
        except Exception as error:  # whatever a damaged file makes TensorFlow raise
            reason = str(error) if isinstance(error, StrtfError) else type_and_place(error)
            self.states[version] = State("END", "INVALID_ARGUMENT", f"Version {version} does not load: {reason}")
            self._broken[version] = files
            LOG.error("version %d does not load: %s", version, reason)
            return False
        self._broken.pop(version, None)
        old, self.current = self.current, Serving(version, model, self._make_batcher)
        self.states[version] = State("AVAILABLE")
        LOG.info("version %d is served", version)
        if old is not None:
            task = asyncio.get_running_loop().create_task(self._drain(old))
            self._draining.add(task)
            task.add_done_callback(self._draining.discard)
        return True

    async def _drain(self, old: Serving) -> None:
        self.states[old.version] = State("UNLOADING")
        await old.idle.wait()
        if self.current.version != old.version:  # not loaded again meanwhile
            self.states[old.version] = State("END")
        for version in sorted(v for v, s in self.states.items() if s.state == "END" and v not in self._broken)[:-5]:
            del self.states[version]  # the last few are enough to tell
        del old
        gc.collect()

    def close(self) -> None:
        self._loader.shutdown(wait=False, cancel_futures=True)


def _look(directory: pathlib.Path) -> dict[int, Print]:
    """{version: its files} of all numbered directories."""
    with os.scandir(directory) as entries:
        numbered = [entry for entry in entries if _is_version(entry.name) and entry.is_dir()]
        return {int(entry.name): (entry.name, _files(pathlib.Path(entry.path))) for entry in numbered}


def _is_version(name: str) -> bool:
    """A number that the protocols can say, in 64 bits with a sign."""
    return name.isascii() and name.isdigit() and len(name) < 20 and int(name) < 2**63


def _files(directory: pathlib.Path) -> tuple[tuple[str, int, int], ...]:
    found = []
    for path in sorted(directory.rglob("*")):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            found.append((path.relative_to(directory).as_posix(), status.st_size, status.st_mtime_ns))
    return tuple(found)
