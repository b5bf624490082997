"""Timing: compilation apart, the sides of a comparison in turn, medians.

A machine's speed drifts by tens of per cent within minutes, so both sides of a ratio are run alternately in one loop,
and the ratio is of their medians. A short call is repeated back to back until a sample lasts long enough to time.
"""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Hashable

from benchmarks.backend import wait

SAMPLE_SECONDS = 0.03  # of a sample at least: thousands of times the clock's error, a few times a scheduler's slice
SLOW_SECONDS = 5.0  # a second call of so long is not repeated to learn how many more there is time for
MOST_SAMPLES = 25
WARM_CALLS = 3  # after the first, which may have compiled


@dataclasses.dataclass(frozen=True)
class Timing:
    """Seconds of one side.

    Attributes:
        first: its first call here; compilation included where the program is new.
        samples: mean seconds per call of each sample.
        calls: calls per sample.
    """

    first: float
    samples: tuple[float, ...]
    calls: int

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    @property
    def median_ms(self) -> float:
        return 1000.0 * self.median

    @property
    def spread(self) -> float:
        """(slowest - fastest) / median: how far to trust the median."""
        return (max(self.samples) - min(self.samples)) / self.median


@dataclasses.dataclass(frozen=True)
class Effort:
    """How long to measure: seconds for the repeats of a side, and the least repeats, however slow."""

    seconds: float = 0.5
    repeats: int = 3


def interleaved(sides: dict[Hashable, Callable], effort: Effort) -> dict[Hashable, Timing]:
    """Times all sides in turn: functions without arguments, by name; what they return is waited for."""
    first = {name: sample(call) for name, call in sides.items()}
    warm = {name: _warm(call) for name, call in sides.items()}
    calls = {name: max(1, math.ceil(SAMPLE_SECONDS / t)) for name, t in warm.items()}
    rounds = _rounds(sum(warm[name] * calls[name] for name in sides), effort.seconds * len(sides), effort.repeats)
    samples = {name: [] for name in sides}
    for _ in range(rounds):
        for name, call in sides.items():
            samples[name].append(sample(call, calls[name]))
    return {name: Timing(first[name], tuple(samples[name]), calls[name]) for name in sides}


def sample(call: Callable, calls: int = 1) -> float:
    """Mean seconds of calls made back to back."""
    started = time.perf_counter()
    for _ in range(calls - 1):
        call()
    wait(call())
    return (time.perf_counter() - started) / calls


def _warm(call: Callable) -> float:
    """Seconds of a call that has been made before; of some, the fastest."""
    second = sample(call)
    more = 0 if second > SLOW_SECONDS else WARM_CALLS - 1
    return min([second, *(sample(call) for _ in range(more))])


def _rounds(round_seconds: float, seconds: float, repeats: int) -> int:
    return max(repeats, min(MOST_SAMPLES, int(seconds / round_seconds)))
