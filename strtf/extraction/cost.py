"""What an extraction will cost, told before it starts where it will take a while."""

import dataclasses
import sys
import time
from collections.abc import Sequence

import keras
import numpy as np

from strtf.data.pairs import pair_sizes
from strtf.extraction.extractor import Extractor
from strtf.models.base import Task

LONG_SECONDS = 5.0
NEGLIGIBLE_FLOPS = 1e11  # a second or so on one slow core: not worth measuring the machine for
TYPICAL_PAIR = 9  # tokens that a pair attends to; the median of Chinese clinical corpora is 6 to 9
EFFICIENCY = 0.6  # of the rate of a large product that whole models reach


@dataclasses.dataclass(frozen=True)
class Cost:
    """Work of an extraction.

    Attributes:
        texts, tokens: how many; [CLS], [SEP] and overlaps of windows are counted as tokens.
        tag_flops: to encode and tag.
        pairs: how many will be scored; None where the entities are not known yet.
        pair_flops: to score those pairs, or one typical pair.
    """

    texts: int
    tokens: int
    tag_flops: float
    pairs: int | None
    pair_flops: float

    @property
    def flops(self) -> float:
        return self.tag_flops + (self.pair_flops if self.pairs is not None else 0.0)

    def describe(self, seconds: float, memory_mb: int) -> str:
        pairs = (
            f"{self.pair_flops / 1e9:.2g} GFLOP for each pair of entities found"
            if self.pairs is None
            else f"{self.pairs:,} pairs of entities with {self.pair_flops / 1e12:.2g} TFLOP"
        )
        at_least = "at least " if self.pairs is None else ""
        return (
            f"{self.texts:,} texts, {self.tokens:,} tokens with {self.tag_flops / 1e12:.2g} TFLOP, {pairs}; "
            f"chunks of pairs within {memory_mb} MiB; {at_least}about {_duration(seconds)}."
        )


def extraction_cost(extractor: Extractor, texts: Sequence[str], examples=None) -> Cost:
    """The cost of the texts.

    Args:
        examples: their windows with entities, where these are known.
    """
    featurizer, options, model = extractor.featurizer, extractor.options, extractor.model
    if examples is None:
        windows = [window for text in texts for window in featurizer.tokenize(text).windows]
        lengths = np.array([window.last_token - window.first_token + 2 for window in windows], np.int64)
    else:
        lengths = np.array([len(example.token_ids) for example in examples], np.int64)
    tagging = model.sentence_flops(lengths)
    if Task.RC not in model.tasks:
        return Cost(len(texts), int(lengths.sum()), tagging, 0, 0.0)
    if examples is None:
        typical = model.pair_flops(options, int(lengths.mean()) if len(lengths) else 2, [TYPICAL_PAIR])
        return Cost(len(texts), int(lengths.sum()), tagging, None, typical)
    sizes = [pair_sizes(example.pair_spans(slice(None))) for example in examples]
    scoring = sum(
        model.pair_flops(options, len(example.token_ids), s) for example, s in zip(examples, sizes, strict=True)
    )
    return Cost(len(texts), int(lengths.sum()), tagging, sum(map(len, sizes)), scoring)


def announce(extractor: Extractor, cost: Cost, what: str, times: int = 1) -> None:
    """One line on standard error where the work will take more than some seconds.

    Args:
        what: names the texts.
        times: how often the work is done.
    """
    if times * cost.flops < NEGLIGIBLE_FLOPS:
        return
    seconds = times * cost.flops / (EFFICIENCY * product_rate(*extractor.model.typical_product()))
    if seconds > LONG_SECONDS:
        print(f"{what}: {cost.describe(seconds, extractor.options.rc_memory_mb)}", file=sys.stderr, flush=True)


def product_rate(m: int, k: int, n: int) -> float:
    """FLOP/s of the product [m, k] · [k, n], the best of a few."""
    left, right = keras.ops.ones((m, k)), keras.ops.ones((k, n))
    seconds = []
    for _ in range(4):
        started = time.perf_counter()
        keras.ops.convert_to_numpy(keras.ops.matmul(left, right)[0, 0])  # waits for the device
        seconds.append(time.perf_counter() - started)
    return 2.0 * m * k * n / min(seconds[1:])


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
