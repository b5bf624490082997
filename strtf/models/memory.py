"""How many pairs a model may classify at once under `--rc_memory_mb`."""

import numpy as np

from strtf.config import ModelOptions, RcCompute, RcMask
from strtf.layers.str_encoder import EncoderConfig

BYTES_PER_FLOAT = 4


class Budget:
    """Says what fits `--rc_memory_mb`, by an estimate of the activations that subclasses give."""

    def __init__(self, options: ModelOptions):
        self.budget = options.rc_memory_mb * 2**20

    def bytes(self, sizes: np.ndarray, length: int) -> int:
        """Bytes that pairs of these sizes [p], in sentences of T tokens, take."""
        raise NotImplementedError

    def pairs(self, tokens: int, length: int) -> int:
        """How many pairs of so many tokens, in sentences of T tokens, fit at once; at least 1."""
        return max(self.budget // self.bytes(np.int64([tokens]), length), 1)

    def holds(self, sizes: np.ndarray, length: int) -> bool:
        """Whether pairs of these sizes [p], in sentences of T tokens, fit at once."""
        return self.bytes(sizes, length) <= self.budget


class EvenMemory(Budget):
    """Pairs that all take the same, whatever their size: so many floats, and so many for each token of a sentence.

    The numbers that the systems give were fitted like those below, and are rather too high than too low.
    """

    def __init__(self, options: ModelOptions, floats: int, floats_per_token: int = 0):
        super().__init__(options)
        self.floats = floats
        self.floats_per_token = floats_per_token

    def bytes(self, sizes: np.ndarray, length: int) -> int:
        return BYTES_PER_FLOAT * len(sizes) * (self.floats + length * self.floats_per_token)


class PairMemory(Budget):
    """Estimates the activations of the relation pass.

    Args:
        config: the encoder's shape.
        options: the budget, and what decides how many rows a pair needs.
        training: whether the activations of all K blocks are kept for the gradient, or only those of one.
    """

    def __init__(self, config: EncoderConfig, options: ModelOptions, training: bool = False):
        super().__init__(options)
        self.config = config
        self.options = options
        self.training = training

    def bytes(self, sizes: np.ndarray, length: int) -> int:
        """Bytes that pairs of these sizes [p] take: their rows, and slots up to the longest of them."""
        if self._all_tokens:
            sizes = np.full_like(sizes, length)
        slots = int(sizes.max(initial=0))
        return BYTES_PER_FLOAT * (int(sizes.sum()) * self._row() + len(sizes) * slots * self._slot(slots))

    @property
    def _all_tokens(self) -> bool:
        """Whether the widest block holds all T rows of each pair."""
        focused = self.options.rc_mask is RcMask.CLS_FOCUSED and self.options.num_task_blocks > 3
        return focused or self.options.rc_compute is RcCompute.DENSE

    # The factors were fitted to the growth of a process with the pairs, at BERT-base size on a CPU.
    def _row(self) -> int:
        """Floats of a packed row: projections, residuals, norms, the feed-forward layer."""
        width, inner = self.config.hidden_size, self.config.intermediate_size
        return self.options.num_task_blocks * (7 * width + 3 * inner) if self.training else 7 * width + 2 * inner

    def _slot(self, keys: int) -> int:
        """Floats of a slot: query, key and value, as they come and by head; context; scores."""
        width, heads = self.config.hidden_size, self.config.num_heads
        if self.training:
            return self.options.num_task_blocks * (6 * width + 4 * heads * keys)
        return 7 * width + 3 * heads * keys
