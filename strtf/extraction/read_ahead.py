"""Reading ahead of the computing: a thread, and a queue that is bounded by what its items weigh."""

import collections
import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

_T = TypeVar("_T")


class ReadAhead(Generic[_T]):
    """Takes items from an iterable in a thread of its own.

    Args:
        weight: of an item.
        limit: the thread waits while items of this weight wait for `take`; a heavier item goes alone.
    """

    def __init__(self, items: Iterable[_T], weight: Callable[[_T], int], limit: int):
        self._ready: collections.deque[_T] = collections.deque()
        self._weight, self._limit, self._held = weight, limit, 0
        self._changed = threading.Condition()
        self._ended, self._closed = False, False
        self._error: BaseException | None = None
        # a daemon: it may wait for standard input when the program ends
        threading.Thread(target=self._read, args=(items,), daemon=True).start()

    def take(self, wait: bool = True) -> _T | None:
        """The next item; None where all are taken, or, unless told to wait, where none is ready.

        Raises:
            what the iterable raised, once the items before are taken.
        """
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._ready or self._ended)
            if self._ready:
                item = self._ready.popleft()
                self._held -= self._weight(item)
                self._changed.notify_all()
                return item
            if wait and self._error:
                raise self._error
            return None

    def close(self) -> None:
        """No item will be taken any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _read(self, items: Iterable[_T]) -> None:
        try:
            for item in items:
                if not self._put(item):
                    return
        except BaseException as error:  # raised again where items are taken
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _put(self, item: _T) -> bool:
        weight = self._weight(item)
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._ready or self._held + weight <= self._limit)
            if not self._closed:
                self._ready.append(item)
                self._held += weight
                self._changed.notify_all()
            return not self._closed
