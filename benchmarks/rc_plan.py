"""What a side of the comparison can afford: the pairs it is timed on, and in how many chunks."""

import dataclasses
import math

import numpy as np

from strtf.config import ModelOptions, RcCompute, RcMask
from strtf.layers.str_encoder import EncoderConfig
from strtf.models.flops import pair_flops

ACHIEVED = 0.5  # share of the matrix product peak to expect, for estimates of time only
FEWEST_PAIRS = 2


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """The pairs of one side.

    Attributes:
        total: pairs of the setting, over all sentences.
        chunks: indices of the pairs that are run, in chunks.
    """

    total: int
    chunks: list[np.ndarray]

    @property
    def run(self) -> int:
        return sum(map(len, self.chunks))

    @property
    def scale(self) -> float:
        """All pairs over those run: what the measured time is multiplied with."""
        return self.total / self.run

    def facts(self) -> dict:
        """For the row: a reader must see which times are scaled up from fewer pairs."""
        return {"pairs_run": self.run, "pairs_total": self.total, "chunks": len(self.chunks)}


def plan_side(options: ModelOptions, config: EncoderConfig, length: int, sizes: np.ndarray, limits,
              peak_gflops: float) -> Plan:  # fmt: skip
    """As many pairs as fit `limits.max_seconds`, evenly taken; chunks of as many as fit `limits.max_gb`.

    Args:
        options: of the side; decides what is computed for a pair.
        sizes: [p], tokens that each pair attends to.
    """
    total = len(sizes)
    seconds = pair_flops(config, options, length, sizes, num_classes=0) / (ACHIEVED * peak_gflops * 1e9)
    affordable = int(total * limits.max_seconds / seconds)
    run = min(total, max(FEWEST_PAIRS, affordable))
    chosen = np.linspace(0, total - 1, run).astype(np.int64)
    bytes_per_pair = _bytes_per_pair(options, config, length, int(sizes.max()))
    fitting = max(1, int(limits.max_gb * 2**30 / bytes_per_pair))
    return Plan(total, np.array_split(chosen, math.ceil(run / fitting)))


def _bytes_per_pair(options: ModelOptions, config: EncoderConfig, length: int, size: int) -> int:
    """Activations of a pair's widest block: projections in two layouts, feed-forward, scores; in float32."""
    cls_focused = options.rc_mask is RcMask.CLS_FOCUSED and options.num_task_blocks > 3
    all_rows = options.rc_compute is RcCompute.DENSE or cls_focused
    rows = length if all_rows else size
    return 4 * rows * (12 * config.hidden_size + 2 * config.intermediate_size + 3 * config.num_heads * rows)
