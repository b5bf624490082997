"""Exact and bucketed shapes: nothing is lost, everything fits, and there are few of the latter."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from strtf.data.buckets import FEW_CHUNKS, LENGTHS, AcceleratorShapes, BucketedShapes
from strtf.data.pairs import pack_pairs, pair_sizes
from strtf.data.shapes import SHORT_PAIR, ExactShapes, Unlimited

LONGEST = 96
LENGTH_LISTS = st.lists(st.integers(2, LONGEST), min_size=1, max_size=120)
SIZES = st.lists(st.integers(2, 40), max_size=200).map(np.int64)


class Few:
    """Budget of so many pairs, of whatever size."""

    def __init__(self, number):
        self.number = number

    def pairs(self, tokens, length):
        return self.number

    def holds(self, sizes, length):
        return len(sizes) <= self.number


MEMORIES = st.one_of(st.builds(Few, st.integers(1, 20)), st.just(Unlimited()))
SHAPES = st.one_of(
    st.builds(ExactShapes, MEMORIES),
    st.builds(BucketedShapes, st.just(LONGEST), MEMORIES),
    st.builds(BucketedShapes, st.just(LONGEST), MEMORIES, longest_pair=st.just(40)),
    st.builds(AcceleratorShapes, st.just(LONGEST), MEMORIES),
)
ONE_GROUP = st.builds(AcceleratorShapes, st.just(LONGEST), MEMORIES, longest_pair=st.just(40))
BATCHES = st.tuples(st.integers(1, 8), st.sampled_from([48, LONGEST]))  # (B, T)


def spans_of(sizes):
    """Pairs of these sizes whose second entity has one token, or none."""
    ends = np.maximum(sizes - 1, 2)
    return np.stack([np.ones_like(sizes), ends, ends, ends + (sizes > 2)], axis=1)


class TestSentenceBatches:
    @settings(deadline=None, max_examples=60)
    @given(LENGTH_LISTS, st.integers(1, 300), SHAPES)
    def test_hold_every_sentence_once(self, lengths, budget, shapes):
        made = list(shapes.sentence_batches(lengths, budget))
        assert sorted(np.concatenate([batch.members for batch in made]).tolist()) == list(range(len(lengths)))
        assert all(len(batch.members) <= batch.B for batch in made)
        assert all(max(lengths[i] for i in batch.members) <= batch.T for batch in made)

    @settings(deadline=None, max_examples=60)
    @given(LENGTH_LISTS, st.integers(1, 300), SHAPES)
    def test_are_within_the_budget(self, lengths, budget, shapes):
        assert all(batch.B == 1 or budget >= batch.B * batch.T for batch in shapes.sentence_batches(lengths, budget))

    @settings(deadline=None, max_examples=30)
    @given(LENGTH_LISTS)
    def test_buckets_have_one_size_for_each_length_and_one_for_a_sentence_alone(self, lengths):
        made = {(batch.B, batch.T) for batch in BucketedShapes(LONGEST, Unlimited()).sentence_batches(lengths, 384)}
        assert made <= {(24, 16), (16, 24), (4, 96), (1, 96)}

    @settings(deadline=None, max_examples=30)
    @given(LENGTH_LISTS)
    def test_an_accelerator_has_one_size_for_each_length(self, lengths):
        made = {(batch.B, batch.T) for batch in AcceleratorShapes(LONGEST, Unlimited()).sentence_batches(lengths, 384)}
        assert made <= {(16, 24), (4, 96)}

    def test_a_short_sentence_alone_is_not_padded_to_a_full_batch(self):
        [batch] = BucketedShapes(512, Unlimited()).sentence_batches([20], 4096)
        assert (batch.B, batch.T) == (1, 512)

    @pytest.mark.parametrize("seed", range(3))
    def test_padding_of_buckets_is_moderate(self, seed):
        lengths = np.minimum(np.random.default_rng(seed).lognormal(4.0, 0.8, 1000), 512).astype(int) + 2
        made = list(BucketedShapes(514, Unlimited()).sentence_batches(lengths, 4096))
        assert sum(batch.B * batch.T for batch in made) < 2.2 * lengths.sum()


class TestPairChunks:
    @settings(deadline=None, max_examples=100)
    @given(SIZES, BATCHES, SHAPES | ONE_GROUP)
    def test_every_pair_is_in_one_chunk(self, sizes, shape, shapes):
        parts = [part for chunks in shapes.pair_chunks(sizes, shape) for part in chunks.parts]
        assert sorted(itertools.chain(*(part.tolist() for part in parts))) == list(range(len(sizes)))

    @settings(deadline=None, max_examples=100)
    @given(SIZES, BATCHES, SHAPES | ONE_GROUP)
    def test_every_chunk_packs_into_the_shape(self, sizes, shape, shapes):
        spans = spans_of(sizes)
        for chunks in shapes.pair_chunks(pair_sizes(spans), shape):
            for part in chunks.parts:
                packed = pack_pairs(np.zeros(len(part)), spans[part], chunks.shape.size)
                assert packed["pair_rows"].shape == chunks.shape[:2]
                assert packed["row_slots"].shape == chunks.shape[2:]

    @settings(deadline=None, max_examples=60)
    @given(SIZES, BATCHES, st.integers(1, 20), st.sampled_from([ExactShapes, lambda few: BucketedShapes(LONGEST, few)]))
    def test_no_chunk_exceeds_the_budget(self, sizes, shape, number, make):
        assert all(number >= chunks.shape.P for chunks in make(Few(number)).pair_chunks(sizes, shape))

    @settings(deadline=None, max_examples=30)
    @given(SIZES, BATCHES, SHAPES)
    def test_short_pairs_are_not_padded_to_long_ones(self, sizes, shape, shapes):
        short, long = shapes.pair_chunks(sizes, shape)
        assert short.shape.M <= SHORT_PAIR
        assert all((sizes[part] > SHORT_PAIR).all() for part in long.parts)

    def test_exact_chunks_are_even(self):
        sizes = np.arange(100) % 12 + 3
        short, _ = ExactShapes(Few(30)).pair_chunks(sizes, (1, 96))
        assert [len(part) for part in short.parts] == [25] * 4
        rows = [int(sizes[part].sum()) for part in short.parts]
        assert short.shape == (25, 14, max(rows)) and max(rows) - min(rows) < 12

    def test_exact_pairs_within_the_budget_are_one_chunk(self):
        short, long = ExactShapes(Unlimited()).pair_chunks(np.int64([3, 9, 5]), (1, 96))
        assert ([part.tolist() for part in short.parts], long.parts) == ([[0, 2, 1]], [])

    @settings(deadline=None, max_examples=60)
    @given(st.lists(SIZES, min_size=1, max_size=8), st.integers(1, 8), SHAPES | ONE_GROUP, st.data())
    def test_the_largest_stack_holds_any_chunks(self, sizes, sentences, shapes, data):
        assume(not isinstance(shapes, ExactShapes))
        shape = (sentences, LONGEST)
        some = data.draw(st.lists(st.sampled_from(sizes), max_size=sentences, unique_by=id))
        drawn = np.concatenate([np.zeros(0, np.int64), *(s[data.draw(st.integers(0, 3)) :] for s in some)])
        made = [len(chunks.parts) for chunks in shapes.pair_chunks(drawn, shape)]
        most = shapes.stacks(sizes, shape)[-1]
        assert all(n <= size for n, size in zip(made, most, strict=True))

    def test_stacks_are_few_and_rising(self):
        shapes = BucketedShapes(512, Unlimited(), longest_pair=40)
        many = [np.full(4000, 9)] * 16
        few, most = shapes.stacks(many, (16, 512))
        assert few[0] == FEW_CHUNKS < most[0] and few[1] == most[1] == 0
        assert shapes.stacks([np.int64([9])], (16, 512)) == [(1, 0)]

    def test_an_accelerator_trains_with_one_shape_of_chunks_for_each_length(self):
        shapes = AcceleratorShapes(512, Unlimited(), longest_pair=40)
        assert shapes.lengths == [128, 512]
        [stack] = shapes.stacks([np.full(100, 9)] * 16, (16, 512))
        [chunks] = shapes.pair_chunks(np.full(100, 9), (16, 512))
        assert len(chunks.parts) <= stack[0] and chunks.shape.M == 40

    def test_padding_of_buckets_is_moderate(self):
        sizes = np.random.default_rng(0).integers(5, 15, 4000)
        chunks = BucketedShapes(512, Unlimited()).pair_chunks(sizes, (16, 128))
        assert sum(len(c.parts) * c.shape.R for c in chunks) < 1.3 * sizes.sum()
        assert sum(len(c.parts) * c.shape.P * c.shape.M for c in chunks) < 3 * sizes.sum()


@pytest.mark.parametrize("longest", [9, 64, 171, 512, 1000])
def test_lengths_of_buckets(longest):
    shapes = BucketedShapes(longest, Unlimited(), most=1024)
    assert len(shapes.lengths) <= len(LENGTHS)
    assert longest <= shapes.lengths[-1] < longest + 8
    assert shapes.length(2) == shapes.lengths[0] and shapes.length(longest) == shapes.lengths[-1]


@pytest.mark.parametrize("few", [BucketedShapes, AcceleratorShapes])
@pytest.mark.parametrize(("most", "expected"), [(None, 60), (62, 62), (512, 64)])
def test_no_length_is_beyond_the_most(few, most, expected):
    """An encoder of so many positions has no more for the padding."""
    assert few(60, Unlimited(), most=most).lengths[-1] == expected


def test_a_batch_that_is_large_enough_takes_only_like_lengths():
    lengths = np.random.default_rng(0).choice([5, 20, 80, 500], 300).tolist()
    planned = list(ExactShapes(Unlimited()).sentence_batches(lengths, 4096))
    assert sorted(i for batch in planned for i in batch.members) == list(range(300))
    assert sum(batch.B * batch.T for batch in planned) < 1.1 * sum(lengths)
    for batch in planned:
        assert max(lengths[i] for i in batch.members) == batch.T and batch.B * batch.T <= 4096


def test_few_short_sentences_share_a_batch():
    [batch] = ExactShapes(Unlimited()).sentence_batches([3, 20, 9, 5], 4096)
    assert (batch.B, batch.T) == (4, 20)
