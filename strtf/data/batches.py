"""Batches as plain numpy arrays: which examples go together, and how they are padded.

Everything here is a pure function of its arguments and a seed, so an interrupted run can make the same batches again.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from strtf.config import NegativeSampling, PriorCorrection, TrainingOptions
from strtf.data.boundaries import moved_pairs, possible_sizes
from strtf.data.buckets import BucketedShapes
from strtf.data.features import Example
from strtf.data.pairs import Spans, pack_pairs, padded, pair_sizes, stack_chunks
from strtf.data.shapes import ExactShapes, Unlimited

Batch = dict[str, np.ndarray]
RoundUp = Callable[[int, str], int]
Shapes = ExactShapes | BucketedShapes


class TrainedPairs(NamedTuple):
    """Pairs of a sentence: spans [c, 4], types and rivals [c, 2] (see `pack_pairs`), relation classes [c], all int32;
    weights in the loss [c], float32."""

    spans: Spans
    types: np.ndarray
    rivals: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


NEGATIVES, BOUNDARIES, MASKS = 1, 2, 3  # what is drawn for each sentence, each from a stream of its own
POOL_BATCHES = 64  # batches' worth of examples that are sorted by length together: little padding, much shuffling


def exact_size(size: int, axis: str) -> int:
    """No padding beyond the longest of a batch: for steps that accept any shape."""
    return size


def plan_batches(lengths: Sequence[int], batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Shuffled batches of indices, examples of like length together."""
    order, pool = rng.permutation(len(lengths)), batch_size * POOL_BATCHES
    lengths = np.asarray(lengths)
    pools = [order[i : i + pool] for i in range(0, len(order), pool)]
    pools = [members[np.argsort(lengths[members], kind="stable")] for members in pools]
    batches = [p[i : i + batch_size] for p in pools for i in range(0, len(p), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def pad_sentences(token_ids: Sequence[np.ndarray], round_up: RoundUp, size: int | None = None) -> Batch:
    """`token_ids` [B, T] int32 and `lengths` [B] int32; B is at least `size` (empty rows of length 2 added)."""
    size = max(len(token_ids), size or 0)
    length = round_up(max(len(ids) for ids in token_ids), "T")
    padded, lengths = np.zeros((size, length), np.int32), np.full(size, 2, np.int32)
    for row, ids in enumerate(token_ids):
        padded[row, : len(ids)], lengths[row] = ids, len(ids)
    return {"token_ids": padded, "lengths": lengths}


def training_batch(examples: Sequence[Example], trained: Sequence[TrainedPairs] | None, shapes: Shapes, size: int,
                   stacks: Sequence[tuple[int, ...]] = ()) -> Batch:  # fmt: skip
    """One training batch.

    Args:
        examples: B or fewer.
        trained: for each example, the pairs to train on; None where relations are not among the tasks.
        shapes: padded sizes, and whether the pairs go in chunks.
        size: B.
        stacks: sizes of the stacks of each group of chunks, in rising order; the first that holds the
            batch's is taken. As large as needed when none is given.

    Returns:
        `pad_sentences`' arrays, `tags` [B·layers, T] int32, `sentence_weights` [B] float32; then `pack_pairs`' arrays,
        `labels` [P] int32 and `pair_weights` [P] float32, or, where not all pairs fit at once, `chunks`: those of
        each group of the shapes, see `stack_chunks`. Weights are 0 for padding. Without `trained`, none of the pairs'.
    """
    batch = pad_sentences([example.token_ids for example in examples], shapes.length, size)
    (num_layers, _), shape = examples[0].tags.shape, batch["token_ids"].shape
    tags = np.zeros((shape[0], num_layers, shape[1]), np.int32)  # [B, layers, T]
    for row, example in enumerate(examples):
        tags[row, :, : len(example.token_ids)] = example.tags
    sentence_weights = np.zeros(len(tags), np.float32)
    sentence_weights[: len(examples)] = 1.0
    batch |= {"tags": tags.reshape(-1, shape[1]), "sentence_weights": sentence_weights}  # [B·layers, T]
    if trained is None:
        return batch
    spans, types, rivals, labels, weights = (np.concatenate(arrays) for arrays in zip(*trained, strict=True))
    sentence = np.repeat(np.arange(len(examples)), [len(pairs.labels) for pairs in trained])
    facts = {"pair_types": types, "pair_rivals": rivals}
    targets = {"labels": labels, "pair_weights": weights}
    sizes = pair_sizes(spans)
    if shapes.fit_at_once(sizes, shape):
        pairs = pack_pairs(sentence, spans, exact_size, facts)
        return batch | pairs | {name: padded(v, len(pairs["pair_spans"])) for name, v in targets.items()}
    groups = shapes.pair_chunks(sizes, shape)
    counts = [len(chunks.parts) for chunks in groups]
    stack = next((stack for stack in stacks if all(n <= most for n, most in zip(counts, stack, strict=True))), counts)
    groups = zip(groups, stack, strict=True)
    return batch | {"chunks": [stack_chunks(chunks, sentence, spans, facts, targets, n) for chunks, n in groups]}


class TrainingBatches:
    """The batches of each epoch: shuffled, bucketed by length, negatives drawn; a function of seed and epoch.

    Args:
        examples: of the training split.
        options: of training.
        shapes: how batches are padded; nothing beyond the longest when None.
        mask_id: what a hidden token's id becomes; must be given with `token_masking`.
        pairs: False leaves the pairs out, where relations are not among the tasks. The rest is the same.
    """

    def __init__(self, examples: Sequence[Example], options: TrainingOptions, shapes: Shapes | None = None,
                 mask_id: int | None = None, pairs: bool = True):  # fmt: skip
        self.examples = examples
        self.options = options
        self.shapes = shapes or ExactShapes(Unlimited())
        self.mask_id = mask_id
        self.pairs = pairs
        self.batch_size = min(options.batch_size, max(len(examples), 1))  # more would only be padding
        self._lengths = [len(example.token_ids) for example in examples]
        weighted = options.prior_correction is PriorCorrection.WEIGHT and options.negative_keep > 0
        self._negative_weight = 1.0 / options.negative_keep if weighted else 1.0
        self._stacks = {}

    @property
    def steps_per_epoch(self) -> int:
        pool = self.batch_size * POOL_BATCHES
        full, rest = divmod(len(self.examples), pool)
        return full * POOL_BATCHES + -(-rest // self.batch_size)

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[tuple[list[str], Batch]]:
        """(sentence ids, batch) of each step from `first_step` on."""
        rng = np.random.default_rng([self.options.seed, epoch])
        plan = plan_batches(self._lengths, self.batch_size, rng)
        for indices in plan[first_step:]:
            members = [self._masked(int(i), epoch) for i in indices]
            trained = [self._trained_pairs(int(i), epoch) for i in indices] if self.pairs else None
            yield [example.id for example in members], self._batch(members, trained)

    def _masked(self, index: int, epoch: int) -> Example:
        """The example with some of its tokens hidden, their forms too (word dropout: Iyyer et al. 2015), by the symbol
        that BERT was pretrained to see through."""
        example, probability = self.examples[index], self.options.token_masking
        if not probability:
            return example
        rng = self._rng(epoch, MASKS, index)
        hidden = rng.random(len(example.token_ids)) < probability
        hidden[[0, -1]] = False  # [CLS] and [SEP]
        token_ids = np.where(hidden, np.int32(self.mask_id), example.token_ids)
        return dataclasses.replace(example, token_ids=token_ids)

    def _batch(self, members: Sequence[Example], trained: Sequence[TrainedPairs] | None) -> Batch:
        size, longest = self.batch_size, max(len(example.token_ids) for example in members)
        stacks = self._stacks_ever(self.shapes.length(longest)) if self.pairs else ()
        return training_batch(members, trained, self.shapes, size, stacks)

    def _stacks_ever(self, length: int) -> list[tuple[int, ...]]:
        """Sizes of the stacks of chunks that batches of length T have: one for nearly all, one for whatever comes."""
        if length not in self._stacks:
            shorter = [example for example in self.examples if len(example.token_ids) <= length]
            sizes = [possible_sizes(example, self.options.boundary_negatives) for example in shorter]
            self._stacks[length] = self.shapes.stacks(sizes, (self.batch_size, length))
        return self._stacks[length]

    def _trained_pairs(self, index: int, epoch: int) -> TrainedPairs:
        """The chosen pairs, and related ones with a wrong boundary."""
        example, chosen = self.examples[index], self._chosen_pairs(index, epoch)
        rng = self._rng(epoch, BOUNDARIES, index)
        wrong, origin = moved_pairs(example, self.options.boundary_negatives, rng)
        spans, pairs = np.concatenate([example.pair_spans(chosen), wrong]), np.concatenate([chosen, origin])
        labels = np.concatenate([example.labels[chosen], np.zeros(len(wrong), np.int32)])
        weights = np.ones(len(labels), np.float32)
        weights[: len(chosen)][example.labels[chosen] == 0] = self._negative_weight
        return TrainedPairs(spans, example.pair_types(pairs), example.pair_rivals(pairs), labels, weights)

    def _chosen_pairs(self, index: int, epoch: int) -> np.ndarray:
        """All related pairs, and each other pair with probability `negative_keep`."""
        draw = epoch if self.options.negative_sampling is NegativeSampling.EPOCH else 0
        labels = self.examples[index].labels
        kept = self._rng(draw, NEGATIVES, index).random(len(labels))
        return np.flatnonzero((labels > 0) | (kept < self.options.negative_keep))

    def _rng(self, epoch: int, what: int, index: int) -> np.random.Generator:
        return np.random.default_rng([self.options.seed, epoch, what, index])
