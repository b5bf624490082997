import itertools
import threading

import pytest

from strtf.extraction.read_ahead import ReadAhead


def all_of(ahead):
    return list(iter(ahead.take, None))


def wait_for(condition):
    """Of what another thread does soon; fails after a minute."""
    for _ in range(6000):
        if condition():
            return
        threading.Event().wait(0.01)
    pytest.fail("it never happened")


def test_items_come_in_order():
    assert all_of(ReadAhead(range(1, 1000), lambda _: 1, limit=7)) == list(range(1, 1000))


@pytest.mark.parametrize("limit", [1, 10])
def test_no_more_than_the_limit_is_read_ahead(limit):
    read = []
    ahead = ReadAhead((read.append(n) or n for n in itertools.count(1)), lambda _: 1, limit)
    # one more is in the thread's hand
    wait_for(lambda: len(read) == limit + 1)
    for taken in range(1, 20):
        assert ahead.take() == taken
        wait_for(lambda: len(read) == taken + limit + 1)  # noqa: B023 (called at once)
    ahead.close()


def test_an_item_above_the_limit_goes_alone():
    assert all_of(ReadAhead([5, 100, 5], lambda weight: weight, limit=10)) == [5, 100, 5]


def test_an_error_comes_after_the_items_before_it():
    def failing():
        yield "a"
        raise ValueError("b")

    ahead = ReadAhead(failing(), len, limit=10)
    assert ahead.take() == "a"
    with pytest.raises(ValueError, match="b"):
        ahead.take()
    assert ahead.take(wait=False) is None


def test_not_waiting_gives_what_is_there():
    gate = threading.Event()

    def gated():
        yield 1
        gate.wait()
        yield 2

    ahead = ReadAhead(gated(), lambda _: 1, limit=10)
    assert ahead.take() == 1
    assert ahead.take(wait=False) is None
    gate.set()
    assert ahead.take() == 2 and ahead.take() is None


def test_closing_ends_the_thread():
    ended = threading.Event()

    def endless():
        try:
            yield from itertools.count(1)
        finally:
            ended.set()

    ReadAhead(endless(), lambda _: 1, limit=3).close()
    assert ended.wait(60)
