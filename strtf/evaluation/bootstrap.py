"""Bootstrap over test sentences: how far the luck of a test split goes, for one F1 and for the difference of two.

For the difference both systems answered the same sentences. Sentences are drawn with replacement, as many as there
are; micro F1 is made anew from the drawn sentences' counts, for both systems from the same draw. A system trained with
several seeds counts with its mean F1 over them, each seed scored on the same draw.

Paired resampling of test sets: Koehn, "Statistical Significance Tests for Machine Translation Evaluation", EMNLP 2004.
The p-value shifts the resampled differences to the null hypothesis, as Berg-Kirkpatrick, Burkett and Klein, "An
Empirical Investigation of Statistical Significance in NLP", EMNLP 2012, do, here for both sides: Efron and Tibshirani,
"An Introduction to the Bootstrap", 1993, chapter 16.
"""

from collections.abc import Iterator

import numpy as np

from strtf.errors import StrtfError

RESAMPLES = 10_000
LEVEL = 0.95  # of intervals
_AT_ONCE = 1_000  # resamples in memory


def p_value(ours: np.ndarray, theirs: np.ndarray, seed: int = 0, resamples: int = RESAMPLES) -> float:
    """Two-sided p-value of the difference of two systems' F1.

    Args:
        ours, theirs: [seeds, sentences, 3] gold, predicted and correct items of each sentence. The systems may have
            different numbers of seeds.
        seed: of the draws.

    Returns:
        (1 + resamples at least as extreme) / (1 + resamples), so never 0: no finite number of draws shows that.

    Raises:
        StrtfError: the systems did not answer the same sentences.
    """
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    check_paired(ours, theirs)
    draws = _draws(ours.shape[1], seed, resamples)
    extreme = sum(int(as_extreme(ours, theirs, times).sum()) for times in draws)
    return (1 + extreme) / (1 + resamples)


def f1_intervals(counts: np.ndarray, seed: int = 0, resamples: int = RESAMPLES) -> np.ndarray:
    """Where F1 lies in LEVEL of the resamples of the sentences, cut at both sides alike. [rows, 2]: low, high.

    The percentile interval of Efron and Tibshirani, chapter 13. Sentences count as independent: of a few documents'
    many sentences the interval is too narrow.

    Args:
        counts: [rows, sentences, 3] gold, predicted and correct items of each sentence; all rows from the same draws.
    """
    draws = _draws(counts.shape[1], seed, resamples)
    f1 = np.concatenate([_f1(np.asarray(counts, np.float64), times) for times in draws], axis=1)  # [rows, resamples]
    return np.quantile(f1, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=1).T


def _draws(num_sentences: int, seed: int, resamples: int) -> Iterator[np.ndarray]:
    """How often each sentence is drawn, [_AT_ONCE or fewer, sentences]."""
    rng = np.random.default_rng(seed)
    for first in range(0, resamples, _AT_ONCE):
        size = min(_AT_ONCE, resamples - first)
        yield rng.multinomial(num_sentences, np.full(num_sentences, 1 / num_sentences), size)


def as_extreme(ours: np.ndarray, theirs: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Whether each resample's difference lies as far from the observed one as that lies from 0; bool [resamples].

    Args:
        ours, theirs: as in `p_value`.
        times: [resamples, sentences] how often each sentence is drawn.
    """
    observed = difference(ours, theirs, np.ones((1, times.shape[1])))
    shifted = difference(ours, theirs, times) - observed
    return np.abs(shifted) >= np.abs(observed) - 1e-12  # rounding must not decide between equals


def difference(ours: np.ndarray, theirs: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Mean F1 of ours less that of theirs on each resample, [resamples]."""
    return mean_f1(ours, times) - mean_f1(theirs, times)


def mean_f1(counts: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Micro F1 on each resample, averaged over seeds. [seeds, sentences, 3] -> [resamples]."""
    return _f1(counts, times).mean(axis=0)


def _f1(counts: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Micro F1 of each row on each resample; 0/0 = 0. [rows, sentences, 3] -> [rows, resamples]."""
    totals = np.einsum("rn,snc->src", times, counts, optimize=True)  # [rows, resamples, 3]
    items = totals[..., 0] + totals[..., 1]
    return np.divide(2 * totals[..., 2], items, out=np.zeros(items.shape), where=items > 0)


def check_paired(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Raises StrtfError unless both are [seeds, sentences, 3] with the same gold items in every seed."""
    for counts in (ours, theirs):
        if counts.ndim != 3 or counts.shape[2] != 3 or 0 in counts.shape:
            raise StrtfError(f"Counts must be of shape [seeds, sentences, 3]. Received: {counts.shape}.")
    gold = ours[0, :, 0]
    if any(not np.array_equal(seed[:, 0], gold) for counts in (ours, theirs) for seed in counts):
        raise StrtfError(
            "Systems must be compared on the same sentences. Received: "
            f"{ours.shape[1]} and {theirs.shape[1]} sentences, not all with the same gold items. "
            "Score both on one test split."
        )
