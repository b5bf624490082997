"""Related pairs with a wrong boundary, against all that there can be, counted out."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.data.boundaries import FARTHEST, moved_pairs, possible_sizes
from strtf.data.features import Example
from strtf.data.pairs import pair_sizes
from strtf.data.shapes import SHORT_PAIR
from strtf.schema import candidate_pairs


def example_of(length, spans, related):
    """`length` counts [CLS] and [SEP]; `related` are indices of pairs."""
    pairs = np.array(candidate_pairs(len(spans)), np.int32).reshape(-1, 2)
    labels = np.isin(np.arange(len(pairs)), related).astype(np.int32)
    ids = np.ones(length, np.int32)
    types = np.arange(len(spans), dtype=np.int32)
    return Example("s", ids, ids[None], np.array(spans, np.int32).reshape(-1, 2), types, pairs, labels)


@st.composite
def examples(draw):
    length = draw(st.integers(3, 40))
    cuts = sorted(draw(st.sets(st.integers(1, length - 1), max_size=10)))
    spans = list(itertools.pairwise(cuts))[:: draw(st.integers(1, 2))]  # they touch, or stand apart
    numbers = range(len(candidate_pairs(len(spans))))
    return example_of(length, spans, draw(st.lists(st.sampled_from(numbers), unique=True)) if numbers else [])


def all_wrong(example, pair):
    """Every copy of a pair of spans one of which has a wrong boundary: by trying all spans of the sentence."""
    length, gold = len(example.token_ids), {tuple(span) for span in example.spans.tolist()}
    first, second = pair[:2], pair[2:]

    def others(span):
        for start, end in itertools.combinations(range(1, length), 2):
            right, off = sorted((abs(start - span[0]), abs(end - span[1])))
            if right == 0 and 1 <= off <= FARTHEST and (start, end) not in gold:
                yield start, end

    found = [(*span, *second) for span in others(first)] + [(*first, *span) for span in others(second)]
    return {spans for spans in found if spans[1] <= spans[2]}


EXAMPLE = example_of(14, [(1, 3), (3, 4), (6, 9), (12, 13)], [0, 2, 3, 5])


def drawn(example, probability=1.0, seed=0):
    return moved_pairs(example, probability, np.random.default_rng(seed))[0]


@settings(deadline=None, max_examples=100)
@given(examples(), st.integers(0, 10))
def test_each_is_a_related_pair_with_one_wrong_boundary(example, seed):
    related = [tuple(pair) for pair in example.pair_spans(np.flatnonzero(example.labels)).tolist()]
    possible = [wrong for pair in related if (wrong := all_wrong(example, pair))]
    found = drawn(example, seed=seed)
    assert found.dtype == np.int32 and len(found) == len(possible)
    assert all(tuple(spans) in wrong for spans, wrong in zip(found.tolist(), possible, strict=True))


def test_all_that_are_possible_are_equally_likely():
    example = example_of(9, [(1, 3), (3, 4)], [0])
    expected = all_wrong(example, (1, 3, 3, 4))
    counts = dict.fromkeys(expected, 0)
    for seed in range(2000):
        counts[tuple(drawn(example, seed=seed)[0].tolist())] += 1
    assert len(expected) >= 4
    assert max(counts.values()) < 1.3 * min(counts.values())


@pytest.mark.parametrize(("probability", "low", "high"), [(0.0, 0, 0), (0.3, 0.25, 0.35), (1.0, 1, 1)])
def test_probability(probability, low, high):
    number = sum(len(drawn(EXAMPLE, probability, seed)) for seed in range(300))
    assert low * 1200 <= number <= high * 1200


def test_each_is_told_by_the_pair_it_copies():
    spans, origin = moved_pairs(EXAMPLE, 0.7, np.random.default_rng(0))
    assert 0 < len(origin) < 4 and EXAMPLE.labels[origin].all()
    assert ((EXAMPLE.pair_spans(origin) != spans).sum(axis=1) == 1).all()


def test_a_sentence_without_entities_has_none():
    assert drawn(example_of(5, [], [])).shape == (0, 4)


def test_no_possible_boundary_no_pair():
    """Two one-token entities fill the sentence."""
    assert drawn(example_of(4, [(1, 2), (2, 3)], [0])).shape == (0, 4)


@settings(deadline=None, max_examples=100)
@given(examples(), st.integers(0, 10))
def test_sizes_bound_those_of_short_and_of_long_pairs(example, seed):
    """One after the other, from the largest: of each kind there are as many, and as large ones."""
    gold = pair_sizes(example.pair_spans(slice(None)))
    sizes, bounds = np.concatenate([gold, pair_sizes(drawn(example, seed=seed))]), possible_sizes(example, 1.0)
    for kind in (lambda s: s <= SHORT_PAIR, lambda s: s > SHORT_PAIR):
        ours, theirs = (np.sort(s[kind(s)])[::-1] for s in (sizes, bounds))
        assert len(ours) <= len(theirs) and (ours <= theirs[: len(ours)]).all()
    np.testing.assert_array_equal(possible_sizes(example, 0.0), gold)
