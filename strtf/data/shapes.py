"""How large the arrays of a batch are; here exact, in `buckets.py` few shapes.

Pairs that do not fit the memory at once go through the relation pass in chunks, short and long pairs apart, so that
short ones are not padded to the longest.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

SHORT_PAIR = 16  # tokens of S_p; 92 to 99.9 of 100 pairs of the Chinese corpora have no more


LIKE_LENGTH = 0.8  # of the longest of a batch
BUSY_TOKENS = 256  # with so many a processor is nearly as quick as with thousands


class Memory(Protocol):
    """A budget for the pairs of a batch of length T; see `models/memory.py`."""

    def pairs(self, tokens: int, length: int) -> int:
        """How many pairs of so many tokens fit at once; at least 1."""

    def holds(self, sizes: np.ndarray, length: int) -> bool:
        """Whether pairs of these sizes [p] fit at once."""


class Unlimited:
    """No budget: everything fits."""

    def pairs(self, tokens: int, length: int) -> int:
        return 2**31

    def holds(self, sizes: np.ndarray, length: int) -> bool:
        return True


class PairShape(NamedTuple):
    """Size of a chunk of pairs; names as in the legend of `layers/transformer_block.py`."""

    P: int
    M: int
    R: int

    def size(self, least: int, axis: str) -> int:
        """The padded size of an axis, for `pack_pairs`."""
        return getattr(self, axis)


class PairChunks(NamedTuple):
    """Chunks of one shape.

    Attributes:
        parts: indices of the pairs of each chunk.
        shape: holds each of them.
    """

    parts: list[np.ndarray]
    shape: PairShape


class SentenceBatch(NamedTuple):
    """Which sentences go together for extraction, and the padded size."""

    members: np.ndarray
    B: int
    T: int

    def length(self, longest: int, axis: str) -> int:
        """The padded length, for `pad_sentences`."""
        return self.T


class ExactShapes:
    """No padding beyond the longest of a batch: for programs that accept any shape."""

    def __init__(self, memory: Memory):
        self.memory = memory

    def length(self, longest: int, axis: str = "T") -> int:
        """The padded length, for `pad_sentences`."""
        return longest

    def num_spans(self, spans: int, shape: tuple[int, int]) -> int:
        return max(spans, 1)

    def sentence_batches(self, lengths: Sequence[int], max_tokens: int) -> Iterator[SentenceBatch]:
        """Sorted by length, longest first, each under a budget of padded tokens.

        A batch that is large enough to keep the machine busy takes no sentence that would be padded much.
        """
        lengths = np.asarray(lengths, np.int64)
        order = np.argsort(-lengths, kind="stable")
        start = 0
        while start < len(order):
            longest = int(lengths[order[start]])
            members = order[start : start + max(1, max_tokens // longest)]
            like = int((lengths[members] >= LIKE_LENGTH * longest).sum())
            members = members[: max(like, -(-BUSY_TOKENS // longest))]
            yield SentenceBatch(members, len(members), longest)
            start += len(members)

    def fit_at_once(self, sizes: np.ndarray, shape: tuple[int, int]) -> bool:
        """Whether one chunk holds all pairs."""
        return self.memory.holds(sizes, shape[1])

    def pair_chunks(self, sizes: np.ndarray, shape: tuple[int, int]) -> tuple[PairChunks, PairChunks]:
        """Short and long pairs apart, each split evenly into as many chunks as the memory budget asks for.

        Args:
            sizes: [p] int, tokens of each pair.
            shape: (B, T) of the batch.
        """
        order = np.argsort(sizes, kind="stable")
        return tuple(self._even(members, sizes, shape[1]) for members in short_and_long(order, sizes))

    def stacks(self, sizes: Sequence[np.ndarray], shape: tuple[int, int]) -> list[tuple[int, int]]:
        """None: a stack is as large as its batch needs."""
        return []

    def _even(self, members: np.ndarray, sizes: np.ndarray, length: int) -> PairChunks:
        if not len(members):
            return PairChunks([], PairShape(1, 2, 1))
        slots = int(sizes[members].max())
        count = -(-len(members) // self.memory.pairs(slots, length))
        parts = [members[first::count] for first in range(count)]  # sorted by size: equally many rows in each
        pairs = len(parts[0])
        rows = max(int(sizes[part].sum()) + pairs - len(part) for part in parts)  # [CLS] of each padding pair
        return PairChunks(parts, PairShape(pairs, slots, rows))


def is_short(sizes: np.ndarray) -> np.ndarray:
    """[p] bool."""
    return sizes <= SHORT_PAIR


def short_and_long(order: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of short and of long pairs, in the given order."""
    short = is_short(sizes[order])
    return order[short], order[~short]
