"""The queue before a model: what runs together, who gets which rows, and what ends a request."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from strtf.server.batching import Batcher, Room
from strtf.server.status import ServingError


class Model:
    """Doubles its input, padded to the largest of the batch; refuses 13; waits until it is let go."""

    def __init__(self):
        self.batches: list[list[int]] = []
        self.go = threading.Event()
        self.go.set()
        self.entered = threading.Event()

    def __call__(self, inputs):
        self.batches.append(inputs["x"].tolist())
        self.entered.set()
        assert self.go.wait(60)
        if 13 in inputs["x"]:
            raise ValueError("13")
        width = int(inputs["x"].max())
        return {"y": 2 * inputs["x"], "ones": np.arange(width) < inputs["x"][:, None]}


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def run(model):
    """run(test, max_rows, timeout): `await test(batcher)`."""

    def call(test, max_rows=4, timeout=0.0):
        async def main():
            with ThreadPoolExecutor(1) as executor:
                return await test(Batcher(model, executor, max_rows, timeout))

        return asyncio.run(main())

    return call


def x(*values, dtype=np.int64):
    return {"x": np.array(values, dtype)}


async def behind_a_first(model, batcher, *requests):
    """Results of requests that wait while another one runs, so that they are run as the queue allows."""
    model.go.clear()
    first = asyncio.create_task(batcher.submit(x(1)))
    await asyncio.to_thread(model.entered.wait, 60)
    rest = [asyncio.create_task(batcher.submit(request)) for request in requests]
    await asyncio.sleep(0)
    model.go.set()
    await first
    return await asyncio.gather(*rest, return_exceptions=True)


def test_requests_that_wait_run_together_and_get_their_own_rows(run, model):
    async def test(batcher):
        return await behind_a_first(model, batcher, x(2, 3), x(5))

    two, one = run(test)
    assert model.batches == [[1], [2, 3, 5]]
    assert two["y"].tolist() == [4, 6] and one["y"].tolist() == [10]
    assert two["ones"].sum(axis=1).tolist() == [2, 3] and two["ones"].shape == (2, 5)  # a neighbour's padding


def test_batches_are_no_larger_than_allowed(run, model):
    async def test(batcher):
        await behind_a_first(model, batcher, x(1, 2), x(3, 4), x(5), x(6, 7, 8, 9, 10))

    run(test)
    assert model.batches[1:] == [[1, 2, 3, 4], [5], [6, 7, 8, 9, 10]]  # more than 4 of one request: alone


def test_inputs_of_other_shapes_are_not_put_together(run, model):
    async def test(batcher):
        return await behind_a_first(model, batcher, x(2), x(3, dtype=np.int32), x(4, dtype=np.int32))

    results = run(test)
    assert model.batches[1:] == [[2], [3, 4]]
    assert [result["y"].tolist() for result in results] == [[4], [6], [8]]


def test_a_request_waits_for_others(run, model):
    async def test(batcher):
        await asyncio.gather(batcher.submit(x(1)), batcher.submit(x(2, 3)), batcher.submit(x(4)))

    run(test, timeout=60.0)  # it ends at once: the fourth row makes the batch full
    assert model.batches == [[1, 2, 3, 4]]


def test_who_is_at_fault_fails_alone(run, model):
    async def test(batcher):
        return await behind_a_first(model, batcher, x(2), x(13), x(3))

    two, thirteen, three = run(test)
    assert two["y"].tolist() == [4] and three["y"].tolist() == [6]
    assert isinstance(thirteen, ValueError)


def test_a_request_that_is_given_up_is_not_run(run, model):
    async def test(batcher):
        model.go.clear()
        first = asyncio.create_task(batcher.submit(x(1)))
        await asyncio.to_thread(model.entered.wait, 60)
        given_up = [asyncio.create_task(batcher.submit(x(7))) for _ in range(100)]
        last = asyncio.create_task(batcher.submit(x(2)))
        await asyncio.sleep(0)
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        waiting = len(batcher._queue)
        model.go.set()
        await asyncio.gather(first, last)
        return waiting

    assert run(test) == 1  # nothing of the others is kept
    assert model.batches == [[1], [2]]


def test_giving_up_what_runs_disturbs_nobody(run, model):
    async def test(batcher):
        model.go.clear()
        first = asyncio.create_task(batcher.submit(x(1)))
        await asyncio.to_thread(model.entered.wait, 60)
        first.cancel()
        second = asyncio.create_task(batcher.submit(x(2)))
        await asyncio.sleep(0)
        model.go.set()
        return await second

    assert run(test)["y"].tolist() == [4]


def test_a_model_without_a_row_for_each_text():
    async def main():
        with ThreadPoolExecutor(1) as executor:
            await Batcher(lambda inputs: {"y": np.zeros(5)}, executor, 4, 0.0).submit(x(1, 2))

    with pytest.raises(ServingError, match="must have a row for each"):
        asyncio.run(main())


def test_room():
    room = Room(10, "the queue")
    room.take(7)
    with pytest.raises(ServingError, match="The server is busy: the queue is full") as caught:
        room.take(4)
    assert (caught.value.code, caught.value.http_status) == ("RESOURCE_EXHAUSTED", 503)
    room.give_back(7)
    room.take(10)
