"""Seeded splits and samples of one corpus. A seed gives the same sentences on every machine and version."""

import math
from collections.abc import Sequence

import numpy as np

from strtf.errors import StrtfError
from strtf.schema import Sentence


def split_corpus(
    sentences: Sequence[Sentence], seed: int, ratios: Sequence[float] = (8, 1, 1)
) -> tuple[list[Sentence], list[Sentence], list[Sentence]]:
    """(train, dev, test) at random, each in the order of the corpus; 8:1:1 is the paper's (Section IV-A).

    Dev and test are rounded down, but have at least one sentence where their ratio is above zero.

    Raises:
        StrtfError: too few sentences for the splits, or ratios that are not three numbers with a train split.
    """
    _check_ratios(ratios)
    total = len(sentences)
    num_dev, num_test = (max(1, int(total * ratio / sum(ratios))) if ratio else 0 for ratio in ratios[1:])
    num_train = total - num_dev - num_test
    if num_train < 1:
        raise StrtfError(
            f"The corpus must hold at least {num_dev + num_test + 1} sentences to be split. Received: "
            f"{total}. Give files of their own for the development and test splits."
        )
    parts = np.split(_permutation(total, seed), [num_train, num_train + num_dev])
    train, dev, test = ([sentences[i] for i in sorted(part)] for part in parts)
    return train, dev, test


def subsample(sentences: Sequence[Sentence], n: int, seed: int) -> list[Sentence]:
    """n sentences at random, in the order of the corpus. With one seed, smaller samples lie in larger ones.

    Raises:
        StrtfError: n is not between 1 and the number of sentences.
    """
    if not 1 <= n <= len(sentences):
        raise StrtfError(f"The sample must have 1 to {len(sentences)} sentences (all there are). Received: {n}.")
    return [sentences[i] for i in sorted(_permutation(len(sentences), seed)[:n])]


def _permutation(n: int, seed: int) -> np.ndarray:
    if not 0 <= seed < 2**32:
        raise StrtfError(f"seed must be between 0 and 2**32 - 1. Received: {seed}.")
    # Unlike `default_rng`, RandomState is frozen: numpy promises the same stream in every version (NEP 19).
    return np.random.RandomState(seed).permutation(n)


def _check_ratios(ratios: Sequence[float]) -> None:
    valid = len(ratios) == 3 and all(math.isfinite(ratio) and ratio >= 0 for ratio in ratios) and ratios[0] > 0
    if not valid:
        raise StrtfError(f"ratios must be three numbers, train above 0 (such as 8, 1, 1). Received: {tuple(ratios)}.")
