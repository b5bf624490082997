import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.data.splits import split_corpus, subsample
from strtf.errors import StrtfError
from strtf.schema import Sentence


def corpus_of(n):
    return [Sentence(str(i), "x") for i in range(n)]


def numbers(sentences):
    return [int(sentence.id) for sentence in sentences]


@settings(deadline=None, max_examples=100)
@given(st.integers(3, 60), st.integers(0, 2**32 - 1))
def test_each_sentence_is_in_one_split(n, seed):
    splits = split_corpus(corpus_of(n), seed)
    assert sorted(i for split in splits for i in numbers(split)) == list(range(n))
    assert all(splits)


@settings(deadline=None, max_examples=50)
@given(st.integers(3, 60), st.integers(0, 100))
def test_splits_keep_the_order_of_the_corpus(n, seed):
    assert all(numbers(split) == sorted(numbers(split)) for split in split_corpus(corpus_of(n), seed))


@pytest.mark.parametrize(("n", "sizes"), [(3, (1, 1, 1)), (10, (8, 1, 1)), (29, (25, 2, 2)), (100, (80, 10, 10))])
def test_sizes(n, sizes):
    assert tuple(map(len, split_corpus(corpus_of(n), 0))) == sizes


def test_ratios_are_relative():
    assert split_corpus(corpus_of(40), 5, (0.5, 0.25, 0.25)) == split_corpus(corpus_of(40), 5, (2, 1, 1))


def test_a_ratio_of_zero_gives_no_split():
    assert tuple(map(len, split_corpus(corpus_of(10), 0, (9, 1, 0)))) == (9, 1, 0)


def test_seeds_differ():
    assert split_corpus(corpus_of(50), 1) != split_corpus(corpus_of(50), 2)


def test_a_seed_gives_this_split_for_ever():
    train, dev, test = split_corpus(corpus_of(10), seed=20)
    assert (numbers(train), numbers(dev), numbers(test)) == ([0, 1, 2, 5, 6, 7, 8, 9], [4], [3])


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_sentences(n):
    with pytest.raises(StrtfError, match=f"must hold at least 3 sentences to be split. Received: {n}. Give files"):
        split_corpus(corpus_of(n), 0)


@pytest.mark.parametrize("ratios", [(8, 2), (0, 1, 1), (8, -1, 1), (8, 1, float("nan")), (8, 1, 1, 1)])
def test_bad_ratios(ratios):
    with pytest.raises(StrtfError, match=r"ratios must be three numbers, train above 0 .*Received: \("):
        split_corpus(corpus_of(20), 0, ratios)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_bad_seed(seed):
    with pytest.raises(StrtfError, match=f"seed must be between 0 and .* Received: {seed}"):
        split_corpus(corpus_of(20), seed)


@settings(deadline=None, max_examples=50)
@given(st.data(), st.integers(1, 40), st.integers(0, 100))
def test_a_sample_has_n_sentences_in_order(data, total, seed):
    n = data.draw(st.integers(1, total))
    sample = numbers(subsample(corpus_of(total), n, seed))
    assert len(sample) == n == len(set(sample))
    assert sample == sorted(sample)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 40), st.integers(0, 100))
def test_smaller_samples_lie_in_larger_ones(total, seed):
    larger, smaller = (set(numbers(subsample(corpus_of(total), n, seed))) for n in (total - 1, total // 2))
    assert smaller <= larger


def test_samples_of_a_seed_are_the_same():
    assert subsample(corpus_of(30), 5, 7) == subsample(corpus_of(30), 5, 7) != subsample(corpus_of(30), 5, 8)


@pytest.mark.parametrize("n", [-1, 0, 5])
def test_bad_sample_size(n):
    with pytest.raises(StrtfError, match=f"must have 1 to 4 sentences .* Received: {n}"):
        subsample(corpus_of(4), n, 0)
