"""Batches as plain numpy arrays: which examples go together, and how they are padded.

Everything here is a pure function of its arguments and a seed, so an interrupted run can make the same batches again.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from strtf.config import NegativeSampling, PriorCorrection, TrainingOptions
from strtf.data.features import Example
from strtf.data.pairs import pack_pairs

Batch = dict[str, np.ndarray]
RoundUp = Callable[[int, str], int]

POOL_BATCHES = 16  # batches' worth of examples that are sorted by length together: little padding, much shuffling


def exact_size(size: int, axis: str) -> int:
    """No padding beyond the longest of a batch: for steps that accept any shape."""
    return size


def bucket_size(size: int, axis: str) -> int:
    """Sizes 2^n and 1.5 · 2^n, at least 16: few shapes, for steps that compile anew for each."""
    power = 16
    while power < size:
        if size <= power * 3 // 2:
            return power * 3 // 2
        power *= 2
    return power


def plan_batches(lengths: Sequence[int], batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Shuffled batches of indices, examples of like length together."""
    order, pool = rng.permutation(len(lengths)), batch_size * POOL_BATCHES
    lengths = np.asarray(lengths)
    pools = [order[i : i + pool] for i in range(0, len(order), pool)]
    pools = [members[np.argsort(lengths[members], kind="stable")] for members in pools]
    batches = [p[i : i + batch_size] for p in pools for i in range(0, len(p), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def length_batches(lengths: Sequence[int], max_padded_tokens: int) -> Iterator[np.ndarray]:
    """Batches of indices for extraction: sorted by length, longest first, each under a budget of padded tokens."""
    order = np.argsort(-np.asarray(lengths, np.int64), kind="stable")
    start = 0
    while start < len(order):
        count = max(1, max_padded_tokens // int(lengths[order[start]]))
        yield order[start : start + count]
        start += count


def pad_sentences(token_ids: Sequence[np.ndarray], round_up: RoundUp, size: int | None = None) -> Batch:
    """`token_ids` [B, T] int32 and `lengths` [B] int32; B is at least `size` (empty rows of length 2 added)."""
    size = max(len(token_ids), size or 0)
    length = round_up(max(len(ids) for ids in token_ids), "T")
    padded, lengths = np.zeros((size, length), np.int32), np.full(size, 2, np.int32)
    for row, ids in enumerate(token_ids):
        padded[row, : len(ids)], lengths[row] = ids, len(ids)
    return {"token_ids": padded, "lengths": lengths}


def training_batch(examples: Sequence[Example], chosen: Sequence[np.ndarray], negative_weight: float,
                   round_up: RoundUp, size: int) -> Batch:  # fmt: skip
    """One training batch.

    Args:
        examples: B or fewer.
        chosen: for each example, indices of the pairs to train on.
        negative_weight: weight of "No relation" pairs in the loss; positives weigh 1.
        round_up: padded size of an axis.
        size: B.

    Returns:
        `pad_sentences`' and `pack_pairs`' arrays, and `tags` [B, T] int32, `sentence_weights` [B] float32,
        `labels` [P] int32, `pair_weights` [P] float32; weights are 0 for padding.
    """
    batch = pad_sentences([example.token_ids for example in examples], round_up, size)
    tags = np.zeros_like(batch["token_ids"])
    for row, example in enumerate(examples):
        tags[row, : len(example.tags)] = example.tags
    sentence_weights = np.zeros(len(tags), np.float32)
    sentence_weights[: len(examples)] = 1.0
    spans = np.concatenate([example.pair_spans(c) for example, c in zip(examples, chosen, strict=True)])
    sentence = np.repeat(np.arange(len(examples)), [len(c) for c in chosen])
    pairs = pack_pairs(sentence, spans, round_up)
    labels = np.zeros(len(pairs["pair_sentence"]), np.int32)
    labels[: len(spans)] = np.concatenate([example.labels[c] for example, c in zip(examples, chosen, strict=True)])
    pair_weights = np.zeros(len(labels), np.float32)
    pair_weights[: len(spans)] = np.where(labels[: len(spans)] > 0, 1.0, negative_weight)
    extra = {
        "tags": tags,
        "sentence_weights": sentence_weights,
        "labels": labels,
        "pair_weights": pair_weights,
    }
    return batch | pairs | extra


class TrainingBatches:
    """The batches of each epoch: shuffled, bucketed by length, negatives drawn; a function of seed and epoch."""

    def __init__(self, examples: Sequence[Example], options: TrainingOptions, round_up: RoundUp = exact_size):
        self.examples = examples
        self.options = options
        self.round_up = round_up
        self._lengths = [len(example.token_ids) for example in examples]
        weighted = options.prior_correction is PriorCorrection.WEIGHT and options.negative_keep > 0
        self._negative_weight = 1.0 / options.negative_keep if weighted else 1.0

    @property
    def steps_per_epoch(self) -> int:
        pool = self.options.batch_size * POOL_BATCHES
        full, rest = divmod(len(self.examples), pool)
        return full * POOL_BATCHES + -(-rest // self.options.batch_size)

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[tuple[list[str], Batch]]:
        """(sentence ids, batch) of each step from `first_step` on."""
        rng = np.random.default_rng([self.options.seed, epoch])
        plan = plan_batches(self._lengths, self.options.batch_size, rng)
        for indices in plan[first_step:]:
            members = [self.examples[i] for i in indices]
            chosen = [self._chosen_pairs(i, epoch) for i in indices]
            yield (
                [example.id for example in members],
                training_batch(members, chosen, self._negative_weight, self.round_up, self.options.batch_size),
            )

    def _chosen_pairs(self, index: int, epoch: int) -> np.ndarray:
        """All related pairs, and each other pair with probability `negative_keep`."""
        draw = epoch if self.options.negative_sampling is NegativeSampling.EPOCH else 0
        labels = self.examples[index].labels
        kept = np.random.default_rng([self.options.seed, draw, 1, int(index)]).random(len(labels))
        return np.flatnonzero((labels > 0) | (kept < self.options.negative_keep))
