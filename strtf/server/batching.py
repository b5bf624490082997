"""Dynamic batching: texts of requests that wait at the same time go through the model together.

Requests are put together along the first axis, and an answer is cut into rows again. The model pads its outputs to the
largest text of the batch, so a request's rows come with padding for its neighbours; `predictor.py` cuts it off.
"""

import asyncio
import collections
import dataclasses
from collections.abc import Callable
from concurrent.futures import Executor

import numpy as np

from strtf.server.status import ServingError

Arrays = dict[str, np.ndarray]


class Room:
    """How much may wait at once, of whatever is counted.

    Args:
        size: the most of it.
        what: its name in messages.
    """

    def __init__(self, size: int, what: str):
        self.size, self.used, self._what = size, 0, what

    def take(self, amount: int) -> None:
        """Raises ServingError where there is no room: the caller must not wait, or memory would grow."""
        if self.used + amount > self.size:
            raise ServingError("RESOURCE_EXHAUSTED", f"The server is busy: {self._what} is full. Try again later.")
        self.used += amount

    def give_back(self, amount: int) -> None:
        self.used -= amount


@dataclasses.dataclass(eq=False)
class _Waiting:
    inputs: Arrays
    rows: int
    since: float
    answer: asyncio.Future

    @property
    def kind(self) -> tuple:
        """Requests of one kind can be put together."""
        return tuple((name, value.dtype, value.shape[1:]) for name, value in sorted(self.inputs.items()))


class Batcher:
    """The queue before one signature of one version. Lives on one event loop; the model runs in `executor`.

    Args:
        call: {name: [B, …]} -> {name: [B, …]}.
        max_rows: rows that are put together. A request that has more on its own is run on its own.
        timeout: seconds that the first waits for others.
        on_batch: told the rows of every batch that runs.
    """

    def __init__(
        self, call: Callable[[Arrays], Arrays], executor: Executor, max_rows: int, timeout: float,
        on_batch: Callable[[int], None] = lambda rows: None,
    ):  # fmt: skip
        self._call, self._executor, self._on_batch = call, executor, on_batch
        self._max_rows, self._timeout = max_rows, timeout
        self._queue: collections.deque[_Waiting] = collections.deque()
        self._arrived = asyncio.Event()
        self._worker: asyncio.Task | None = None

    async def submit(self, inputs: Arrays) -> Arrays:
        """The outputs for these inputs' rows. Cancelling takes the request out of the queue.

        Raises:
            ServingError: an answer that has not a row for each of the inputs'.
            Exception: what the model raises on this request alone.
        """
        loop = asyncio.get_running_loop()
        rows = len(next(iter(inputs.values())))
        waiting = _Waiting(inputs, rows, loop.time(), loop.create_future())
        self._queue.append(waiting)
        self._arrived.set()
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())
        try:
            return await waiting.answer
        finally:
            if waiting in self._queue:
                self._queue.remove(waiting)

    async def _work(self) -> None:
        while self._queue:
            await self._wait_for_more()
            if batch := self._take():
                await self._answer(batch)

    async def _wait_for_more(self) -> None:
        until = self._queue[0].since + self._timeout
        while self._queue and sum(waiting.rows for waiting in self._queue) < self._max_rows:
            self._arrived.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self._arrived.wait()
            except TimeoutError:
                return

    def _take(self) -> list[_Waiting]:
        """The longest waiting requests that can be run together."""
        batch, rows = [], 0
        while self._queue:
            first = self._queue[0]
            if batch and (rows + first.rows > self._max_rows or first.kind != batch[0].kind):
                break
            self._queue.popleft()
            if not first.answer.done():
                batch.append(first)
                rows += first.rows
        return batch

    async def _answer(self, batch: list[_Waiting]) -> None:
        try:
            outputs = await self._run(batch)
        except Exception as error:
            if len(batch) == 1:
                _finish(batch[0], error=error)
                return
            for waiting in batch:  # one of them is at fault: the others get their answers
                if not waiting.answer.done():
                    await self._answer([waiting])
            return
        start = 0
        for waiting in batch:
            rows = slice(start, start + waiting.rows)
            _finish(waiting, {name: value[rows] for name, value in outputs.items()})
            start += waiting.rows

    async def _run(self, batch: list[_Waiting]) -> Arrays:
        total = sum(waiting.rows for waiting in batch)
        merged = {name: np.concatenate([waiting.inputs[name] for waiting in batch]) for name in batch[0].inputs}
        self._on_batch(total)
        outputs = await asyncio.get_running_loop().run_in_executor(self._executor, self._call, merged)
        if any(value.ndim == 0 or len(value) != total for value in outputs.values()):
            raise ServingError("INTERNAL", "The model's outputs must have a row for each of the inputs'.")
        return outputs


def _finish(waiting: _Waiting, outputs: Arrays | None = None, error: Exception | None = None) -> None:
    if waiting.answer.done():  # its client has gone
        return
    if error is None:
        waiting.answer.set_result(outputs)
    else:
        waiting.answer.set_exception(error)
