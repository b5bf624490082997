"""How many pairs the relation pass takes at once."""

from collections.abc import Iterator

import numpy as np

from strtf.config import ModelOptions, RcCompute, RcMask
from strtf.layers.str_encoder import EncoderConfig

BYTES_PER_FLOAT = 4


def rows_per_pair(sizes: np.ndarray, length: int, options: ModelOptions) -> np.ndarray:
    """Token rows that the widest block of the relation pass holds for each pair, [p]."""
    all_tokens = options.rc_compute is RcCompute.DENSE or (
        options.rc_mask is RcMask.CLS_FOCUSED and options.num_task_blocks > 3
    )
    return np.full_like(sizes, length) if all_tokens else sizes


def bytes_per_row(config: EncoderConfig, length: int, options: ModelOptions) -> int:
    """Activations alive at once for a row: projections twice (packed, in slots), feed-forward, scores."""
    keys = length if rows_per_pair(np.int64([0]), length, options)[0] else 32
    floats = 12 * config.hidden_size + 2 * config.intermediate_size + 3 * config.num_heads * keys
    return BYTES_PER_FLOAT * floats


def pair_chunks(sizes: np.ndarray, length: int, config: EncoderConfig, options: ModelOptions) -> Iterator[np.ndarray]:
    """Indices of pairs in chunks under `rc_memory_mb`, pairs of like size together.

    Args:
        sizes: [p] int, tokens that each pair attends to.
        length: T of the batch.
    """
    budget = options.rc_memory_mb * 2**20 // bytes_per_row(config, length, options)
    order = np.argsort(sizes, kind="stable")
    rows = rows_per_pair(sizes, length, options)[order]
    # slots are padded to the longest of the chunk, which by the sort is its last
    start = 0
    while start < len(order):
        counts = np.arange(1, len(order) - start + 1)
        fits = int(np.searchsorted(rows[start:] * counts, budget, side="right"))
        yield order[start : start + max(fits, 1)]
        start += max(fits, 1)
