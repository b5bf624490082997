"""Few shapes of batches, for programs that are compiled anew for each: `--jit_compile`, and all of JAX.

The axes are tied, so that their choices do not multiply. A batch has one of few lengths T; its pairs go in chunks of
short and of long pairs, whose P, M and R follow from B and T. What one chunk cannot hold goes to a further chunk of
the same shape, never to a larger shape.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from strtf.data.shapes import SHORT_PAIR, Memory, PairChunks, PairShape, SentenceBatch, is_short, short_and_long

LONG_PAIR = 24  # of the others, most have no more
LEAST_TOKENS = 512  # of smaller batches, chunks are as large as of such a one: smaller ones would not be faster
LENGTHS = (1 / 8, 1 / 4, 1)  # lengths T, as shares of the longest; an accelerator compiles longer than it computes
FEW_CHUNKS = 8  # of a training batch, nearly always enough; a stack for the worst is often a thousand times as large


class BucketedShapes:
    """At most `len(LENGTHS)` lengths T, and two shapes of chunks for each.

    Args:
        longest: tokens of the longest sentence.
        memory: the budget of a chunk.
        longest_pair: tokens of the largest pair, where known.
    """

    def __init__(self, longest: int, memory: Memory, longest_pair: int | None = None):
        self.lengths = sorted({_multiple_of_8(share * longest) for share in LENGTHS})
        self.memory = memory
        self.longest_pair = longest_pair or self.lengths[-1]

    def length(self, longest: int, axis: str = "T") -> int:
        return next(length for length in self.lengths if length >= longest)

    def num_spans(self, spans: int, shape: tuple[int, int]) -> int:
        """As many entities as an eighth of the tokens; the rest goes to further calls."""
        return max(shape[0] * shape[1] // 8, 1)

    def sentence_batches(self, lengths: Sequence[int], max_tokens: int) -> Iterator[SentenceBatch]:
        """Batches of one size for each T; a rest that the next T holds for less joins the sentences there.

        What is left at the longest T may go alone: one more shape, and little work for small inputs.
        """
        padded, rest = np.array([self.length(length) for length in lengths]), np.zeros(0, np.int64)
        for length, longer in zip(self.lengths, [*self.lengths[1:], self.lengths[-1]], strict=True):
            members, size = np.concatenate([rest, np.flatnonzero(padded == length)]), max(1, max_tokens // length)
            full = len(members) - len(members) % size
            yield from (SentenceBatch(members[i : i + size], size, length) for i in range(0, full, size))
            rest = members[full:]
            if len(rest) * longer > size * length // (2 if length == longer else 1):
                yield SentenceBatch(rest, size, length)
                rest = rest[:0]
        yield from (SentenceBatch(rest[i : i + 1], 1, self.lengths[-1]) for i in range(len(rest)))

    def fit_at_once(self, sizes: np.ndarray, shape: tuple[int, int]) -> bool:
        return False  # one program for one chunk and for many

    def pair_shapes(self, shape: tuple[int, int]) -> tuple[PairShape, PairShape]:
        """Chunks of short and of long pairs: the former with half as many rows as the batch has tokens."""
        tokens, length = max(shape[0] * shape[1], LEAST_TOKENS), shape[1]
        longest = max(min(self.longest_pair, length), 2)
        short = self._shape(tokens // 16, min(SHORT_PAIR, length), tokens // 2, length)
        # long pairs are few; as many as fill the rows that the longest alone would need
        pairs = max(tokens // (4 * longest), longest // LONG_PAIR)
        return short, self._shape(pairs, longest, pairs * LONG_PAIR, length)

    def pair_chunks(self, sizes: np.ndarray, shape: tuple[int, int]) -> tuple[PairChunks, PairChunks]:
        groups = zip(short_and_long(np.arange(len(sizes)), sizes), self.pair_shapes(shape), strict=True)
        return tuple(PairChunks(list(_filled(members, sizes, chunk)), chunk) for members, chunk in groups)

    def stacks(self, sizes: Sequence[np.ndarray], shape: tuple[int, int]) -> list[tuple[int, int]]:
        """Sizes of the stacks of chunks, of short and of long pairs: a small one, and one for any B sentences of these.

        Args:
            sizes: for each sentence, the tokens of all its pairs.
        """
        most = tuple(
            _most_chunks([s[is_short(s) == short] for s in sizes], chunk, shape[0])
            for short, chunk in zip((True, False), self.pair_shapes(shape), strict=True)
        )
        few = tuple(min(count, FEW_CHUNKS) for count in most)
        return sorted({few, most})

    def _shape(self, pairs: int, slots: int, rows: int, length: int) -> PairShape:
        pairs = max(min(pairs, self.memory.pairs(slots, length)), 1)
        return PairShape(pairs, slots, max(min(rows, pairs * slots), pairs + slots - 1))


def _filled(members: np.ndarray, sizes: np.ndarray, chunk: PairShape) -> Iterator[np.ndarray]:
    """Pairs in order, each chunk filled until its pairs or its rows run out."""
    # a padding pair has one row, so beyond that row of each pair there are R - P
    used = np.concatenate([[0], np.cumsum(sizes[members] - 1)])
    start = 0
    while start < len(members):
        by_rows = int(np.searchsorted(used, used[start] + chunk.R - chunk.P, side="right")) - 1
        end = min(start + chunk.P, by_rows)
        yield members[start:end]
        start = end


def _most_chunks(sizes: Sequence[np.ndarray], chunk: PairShape, sentences: int) -> int:
    """A bound on the chunks that `_filled` makes of any so many sentences."""
    pairs = _sum_of_largest([len(s) for s in sizes], sentences)
    rows = _sum_of_largest([int((s - 1).sum()) for s in sizes], sentences)
    if not pairs:
        return 0
    # a chunk that its rows closed has fewer than M - 1 of them free
    return pairs // chunk.P + rows // (chunk.R - chunk.P - chunk.M + 2) + 1


def _sum_of_largest(values: Sequence[int], count: int) -> int:
    return sum(sorted(values)[-count:])


def _multiple_of_8(size: float) -> int:
    return max(8, int(-(-size // 8)) * 8)
