"""The bootstrap's p-value against every resample there is, and where its answer is known."""

import itertools

import numpy as np
import pytest

from strtf.errors import StrtfError
from strtf.evaluation import bootstrap
from strtf.evaluation.scores import Score

# gold, predicted, correct of three sentences
OURS = np.array([[[3, 3, 3], [2, 2, 1], [1, 0, 0]]])
THEIRS = np.array([[[3, 2, 1], [2, 3, 2], [1, 1, 0]]])


def every_resample(num_sentences):
    """Each way to draw n of n sentences with replacement, with the list of drawn sentences."""
    draws = list(itertools.product(range(num_sentences), repeat=num_sentences))
    return draws, np.array([[draw.count(i) for i in range(num_sentences)] for draw in draws])


def f1(counts, draw):
    return sum((Score(*map(int, counts[i])) for i in draw), Score()).f1


def test_f1_of_resamples_is_that_of_the_drawn_sentences():
    draws, times = every_resample(3)
    both = np.concatenate([OURS, THEIRS])  # two seeds
    expected = [(f1(OURS[0], draw) + f1(THEIRS[0], draw)) / 2 for draw in draws]
    assert bootstrap.mean_f1(both, times) == pytest.approx(expected)


def test_the_interval_is_that_of_all_resamples():
    random = np.random.default_rng(0)
    gold = random.integers(1, 6, 5)
    counts = np.stack([gold, gold, random.integers(0, gold + 1)], axis=1)
    draws, _ = every_resample(5)
    exact = np.array([f1(counts, draw) for draw in draws])
    for end, share in zip(bootstrap.f1_intervals(counts[None])[0], (0.025, 0.975), strict=True):
        assert np.mean(exact < end - 1e-9) <= share + 0.005 and np.mean(exact <= end + 1e-9) >= share - 0.005


def test_without_luck_the_interval_is_the_score():
    counts = np.array([[[4, 4, 3]] * 6, [[1, 3, 1]] * 6])
    assert bootstrap.f1_intervals(counts, resamples=50) == pytest.approx(np.array([[0.75, 0.75], [0.5, 0.5]]))


def test_nothing_over_nothing_is_zero():
    assert bootstrap.mean_f1(np.zeros((1, 2, 3)), np.array([[1, 1], [2, 0]])).tolist() == [0, 0]


def exact_p(ours, theirs):
    """By hand, over all n^n resamples."""
    draws, _ = every_resample(len(ours))
    everything = range(len(ours))
    observed = f1(ours, everything) - f1(theirs, everything)
    shifted = [f1(ours, draw) - f1(theirs, draw) - observed for draw in draws]
    return sum(abs(value) >= abs(observed) - 1e-9 for value in shifted) / len(draws)


def test_extreme_resamples_against_all_of_them():
    _, times = every_resample(3)
    extreme = bootstrap.as_extreme(OURS.astype(float), THEIRS.astype(float), times)
    assert 0 < extreme.mean() < 1
    assert extreme.mean() == pytest.approx(exact_p(OURS[0], THEIRS[0]))


def test_the_p_value_approaches_that_of_all_resamples():
    exact = exact_p(OURS[0], THEIRS[0])
    four_errors = 4 * np.sqrt(exact * (1 - exact) / bootstrap.RESAMPLES)
    assert bootstrap.p_value(OURS, THEIRS) == pytest.approx(exact, abs=four_errors)


def random_counts(rng, gold, skill, seeds=1):
    correct = rng.binomial(gold, skill, (seeds, len(gold)))
    predicted = correct + rng.binomial(gold, 0.1, (seeds, len(gold)))
    return np.stack([np.broadcast_to(gold, correct.shape), predicted, correct], axis=-1)


@pytest.fixture
def systems():
    rng = np.random.default_rng(0)
    gold = rng.integers(1, 6, 40)
    return random_counts(rng, gold, 0.8, seeds=3), random_counts(rng, gold, 0.75, seeds=2)


def test_both_sides_count_alike(systems):
    ours, theirs = systems
    assert bootstrap.p_value(ours, theirs) == bootstrap.p_value(theirs, ours)


def test_a_seed_repeats_its_answer(systems):
    assert bootstrap.p_value(*systems, seed=3) == bootstrap.p_value(*systems, seed=3)


def test_a_seed_counted_twice_changes_nothing(systems):
    ours, theirs = systems
    assert bootstrap.p_value(np.repeat(ours, 2, axis=0), theirs) == bootstrap.p_value(ours, theirs)


def test_identical_systems_do_not_differ(systems):
    assert bootstrap.p_value(systems[0], systems[0]) == 1.0


def test_perfect_against_hopeless():
    gold = np.arange(1, 31)
    perfect, hopeless = np.stack([gold, gold, gold], -1)[None], np.stack([gold, gold, 0 * gold], -1)[None]
    assert bootstrap.p_value(perfect, hopeless) == pytest.approx(1 / (1 + bootstrap.RESAMPLES))


def test_under_the_null_hypothesis_small_values_are_rare():
    rng, values = np.random.default_rng(1), []
    for _ in range(200):
        gold = rng.integers(1, 6, 60)
        pair = random_counts(rng, gold, 0.8), random_counts(rng, gold, 0.8)
        values.append(bootstrap.p_value(*pair, resamples=200))
    assert 0.01 <= np.mean(np.array(values) < 0.05) <= 0.11  # 5 %, give or take four standard errors
    assert 0.35 <= np.mean(values) <= 0.65


@pytest.mark.parametrize("theirs", [OURS[:, :2], np.add(OURS, [1, 0, 0])])
def test_other_sentences_are_an_error(theirs):
    with pytest.raises(StrtfError, match="the same sentences"):
        bootstrap.p_value(OURS, theirs)


def test_no_counts_are_an_error():
    with pytest.raises(StrtfError, match=r"shape \[seeds, sentences, 3\]. Received: \(0, 3, 3\)"):
        bootstrap.p_value(OURS[:0], OURS)
