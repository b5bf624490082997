"""Floating-point operations by formula: products of matrices and attention, a multiply-add counted as two.

Layer norms, softmaxes, GELU, the CRF and copies are left out: they are time that the products are kept from running.
The formulas follow `strtf/layers/relation_pass.py`; `sizes` are the M tokens that each pair attends to, without
padding, so that a program that computes on padding gets no credit for it.
"""

import dataclasses

import numpy as np

from strtf.config import RcMask
from strtf.layers.str_encoder import EncoderConfig


@dataclasses.dataclass(frozen=True)
class BlockFlops:
    """Operations of the parts of one block, per row."""

    width: int
    inner: int
    heads: int

    @property
    def product(self) -> int:
        """One [D, D] product: of Q, K, V or the output projection."""
        return 2 * self.width**2

    @property
    def finish(self) -> int:
        """Output projection and feed-forward."""
        return self.product + 4 * self.width * self.inner

    @property
    def whole(self) -> int:
        return 3 * self.product + self.finish

    def attend(self, queries, keys):
        return 4 * queries * keys * self.width

    def attend_one(self, keys):
        """One query over unprojected rows: keys and values are never made, see `TransformerBlock.attend_one`."""
        return 2 * self.product + 4 * self.heads * keys * self.width


def block_flops(config: EncoderConfig) -> BlockFlops:
    return BlockFlops(config.hidden_size, config.intermediate_size, config.num_heads)


def ner_flops(config: EncoderConfig, lengths, num_tags: int) -> float:
    """The NER pass of sentences of the given lengths: all N blocks and the emissions."""
    block, lengths = block_flops(config), np.asarray(lengths, np.float64)
    rows = config.num_blocks * (lengths * block.whole + block.attend(lengths, lengths))
    return float(np.sum(rows + 2 * lengths * block.width * num_tags))


def classifier_flops(config: EncoderConfig, num_classes: int) -> int:
    """The pair classifier, per pair."""
    return 2 * config.hidden_size * (config.hidden_size + num_classes)


def dense_flops(config: EncoderConfig, num_task_blocks: int, length: int, num_pairs: int) -> float:
    """The relation pass as written: T rows of every pair through K blocks."""
    block = block_flops(config)
    return float(num_pairs * num_task_blocks * (length * block.whole + block.attend(length, length)))


def exact_flops(config: EncoderConfig, mask: RcMask, num_task_blocks: int, length: int, sizes) -> float:
    """The walk back from [CLS], without what is done once per sentence."""
    sizes = np.asarray(sizes, np.float64)
    walk = _pair_focused if mask is RcMask.PAIR_FOCUSED else _cls_focused
    return float(np.sum(walk(block_flops(config), num_task_blocks, length, sizes)))


def _pair_focused(block: BlockFlops, num_task_blocks: int, length: int, sizes):
    if num_task_blocks == 1:
        return _cls_row(block, sizes)
    first = block.attend(sizes, sizes) + sizes * block.finish  # projections are the sentence's
    middle = first + sizes * 3 * block.product
    return first + (num_task_blocks - 2) * middle + _last(block, sizes)


def _cls_focused(block: BlockFlops, num_task_blocks: int, length: int, sizes):
    first = _cls_row(block, sizes)
    if num_task_blocks == 1:
        return first
    second = 3 * block.product + block.attend(1, sizes)  # [CLS] of b_2; its finish is counted with the rows'
    if num_task_blocks == 2:
        return first + second + block.finish
    if num_task_blocks == 3:
        return first + second + sizes * block.finish + _last(block, sizes)
    middle = length * block.whole + block.attend(length, length)
    before_last = 2 * length * block.product + sizes * block.product + block.attend(sizes, length)
    before_last += sizes * block.finish
    return first + second + length * block.finish + (num_task_blocks - 4) * middle + before_last + _last(block, sizes)


def _cls_row(block: BlockFlops, sizes):
    """One row whose query, keys and values are there already."""
    return block.attend(1, sizes) + block.finish


def _last(block: BlockFlops, sizes):
    """b_K: query, attention and finish for [CLS]."""
    return block.product + block.attend_one(sizes) + block.finish
