"""Few shapes of batches, for programs that are compiled anew for each: `--jit_compile`, and all of JAX.

The axes are tied, so that their choices do not multiply. A batch has one of few lengths T; its pairs go in chunks of
short and of long pairs, whose P, M and R follow from B and T. What one chunk cannot hold goes to a further chunk of
the same shape, never to a larger shape.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from strtf.data.shapes import SHORT_PAIR, Memory, PairChunks, PairShape, SentenceBatch, short_and_long

LONG_PAIR = 24  # of the others, most have no more
LEAST_TOKENS = 512  # of smaller batches, chunks are as large as of such a one: smaller ones would not be faster
LENGTHS = (1 / 8, 1 / 4, 1)  # lengths T, as shares of the longest
FEW_CHUNKS = 64  # of a training batch, nearly always enough, and some MiB; the worst may need a hundred times that


class BucketedShapes:
    """At most `len(LENGTHS)` lengths T, and two shapes of chunks for each.

    Args:
        longest: tokens of the longest sentence.
        memory: the budget of a chunk.
        longest_pair: tokens of the largest pair, where known.
        most: no T is larger, because the encoder may have no more positions; `longest` where not given.
    """

    shares = LENGTHS

    def __init__(self, longest: int, memory: Memory, longest_pair: int | None = None, most: int | None = None):
        self.lengths = sorted({min(_multiple_of_8(share * longest), most or longest) for share in self.shares})
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

    def pair_shapes(self, shape: tuple[int, int]) -> tuple[PairShape, ...]:
        """Chunks of short and of long pairs: the former with half as many rows as the batch has tokens."""
        tokens, length, longest = self._sizes(shape)
        short = self._shape(tokens // 16, min(SHORT_PAIR, length), tokens // 2, length)
        # long pairs are few; as many as fill the rows that the longest alone would need
        pairs = max(tokens // (4 * longest), longest // LONG_PAIR)
        return short, self._shape(pairs, longest, pairs * LONG_PAIR, length)

    def pair_chunks(self, sizes: np.ndarray, shape: tuple[int, int]) -> tuple[PairChunks, ...]:
        groups = zip(self._groups(sizes), self.pair_shapes(shape), strict=True)
        return tuple(PairChunks(list(_filled(members, sizes, chunk)), chunk) for members, chunk in groups)

    def stacks(self, sizes: Sequence[np.ndarray], shape: tuple[int, int]) -> list[tuple[int, ...]]:
        """Sizes of the stacks of each group of chunks: a small one, and one for any B sentences of these.

        Args:
            sizes: for each sentence, the tokens of all its pairs.
        """
        grouped = zip(*([s[members] for members in self._groups(s)] for s in sizes), strict=True)
        shapes = self.pair_shapes(shape)
        most = tuple(_most_chunks(of_all, chunk, shape[0]) for of_all, chunk in zip(grouped, shapes, strict=True))
        few = tuple(min(count, FEW_CHUNKS) for count in most)
        return sorted({few, most})

    def _groups(self, sizes: np.ndarray) -> tuple[np.ndarray, ...]:
        """Indices of the pairs of each of `pair_shapes`."""
        return short_and_long(np.arange(len(sizes)), sizes)

    def _sizes(self, shape: tuple[int, int]) -> tuple[int, int, int]:
        """Tokens of a batch, but at least `LEAST_TOKENS`; T; tokens of the largest pair."""
        return max(shape[0] * shape[1], LEAST_TOKENS), shape[1], max(min(self.longest_pair, shape[1]), 2)

    def _shape(self, pairs: int, slots: int, rows: int, length: int) -> PairShape:
        pairs = max(min(pairs, self.memory.pairs(slots, length)), 1)
        return PairShape(pairs, slots, max(min(rows, pairs * slots), pairs + slots - 1))


class AcceleratorShapes(BucketedShapes):
    """Fewer still: an accelerator pads cheaply and compiles dearly.

    Two lengths T. Extraction: no batch of a sentence alone. Training, which knows its longest pair: one shape of chunks
    for each T, so that the relation pass and its gradient stand in a program once.
    """

    shares = (1 / 4, 1)

    def __init__(self, longest: int, memory: Memory, longest_pair: int | None = None, most: int | None = None):
        super().__init__(longest, memory, longest_pair, most)
        self.trains = longest_pair is not None

    def sentence_batches(self, lengths: Sequence[int], max_tokens: int) -> Iterator[SentenceBatch]:
        """As those of few shapes, but those that were alone fill the longest T together."""
        alone, length = [], self.lengths[-1]
        size = max(1, max_tokens // length)
        for batch in super().sentence_batches(lengths, max_tokens):
            if batch.B == 1 < size:
                alone.append(batch.members)
            else:
                yield batch
        if alone:
            yield SentenceBatch(np.concatenate(alone), size, length)

    def pair_shapes(self, shape: tuple[int, int]) -> tuple[PairShape, ...]:
        if not self.trains:
            return super().pair_shapes(shape)
        tokens, length, longest = self._sizes(shape)
        pairs = max(min(tokens // 16, self.memory.pairs(longest, length)), 1)
        return (self._shape(pairs, longest, max(8 * pairs, pairs + 2 * longest), length),)

    def _groups(self, sizes: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.arange(len(sizes)),) if self.trains else super()._groups(sizes)


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
