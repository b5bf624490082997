"""Floating-point operations of models, by formula.

Counted are the products of matrices, those of attention among them: [m, k] times [k, n] is 2·m·k·n. Layer norms,
softmaxes, GELU, the CRF and copies are left out. With D the hidden width and I that of the feed-forward layer, a row
costs 2·D² for each of query, key, value and output projection, and 4·D·I for the feed-forward layer; q queries over
k keys cost 4·q·k·D. The exact paths count the rows that `layers/relation_pass.py` computes, without padding.
"""

import dataclasses

import numpy as np

from strtf.config import ModelOptions, RcCompute, RcFeatures, RcMask
from strtf.layers.str_encoder import EncoderConfig


def dense_flops(rows, k: int, n: int) -> float:
    """A dense layer from width k to n over so many rows (counts are summed); a convolution has k = kernel · width."""
    return 2.0 * float(np.sum(rows)) * k * n


def bi_lstm_flops(lengths, width: int, units: int) -> float:
    """Both directions over sentences of these lengths: four gates from inputs of that width and from the state."""
    return 2.0 * dense_flops(lengths, width + units, 4 * units)


def bi_lstm_product(units: int) -> tuple[int, int, int]:
    """(m, k, n) of a step of the recurrence, which cannot wait for other tokens: one row a sentence of a batch."""
    return 32, units, 4 * units


@dataclasses.dataclass(frozen=True)
class BlockFlops:
    """Operations of the parts of one block, per row.

    Attributes:
        width: D.
        inner: I.
        heads: H.
    """

    width: int
    inner: int
    heads: int

    @property
    def projection(self) -> int:
        """One of query, key, value, output."""
        return 2 * self.width**2

    @property
    def finish(self) -> int:
        """Output projection and feed-forward layer."""
        return self.projection + 4 * self.width * self.inner

    def attend(self, queries, keys):
        return 4 * queries * keys * self.width

    def attend_one(self, keys):
        """One query over rows whose keys and values are not projected, see `TransformerBlock.attend_one`."""
        return 2 * self.projection + 4 * self.heads * keys * self.width

    def whole(self, rows):
        """All of a block for a sentence of so many rows."""
        return rows * (3 * self.projection + self.finish) + self.attend(rows, rows)


def block_flops(config: EncoderConfig) -> BlockFlops:
    return BlockFlops(config.hidden_size, config.intermediate_size, config.num_heads)


def encoder_product(config: EncoderConfig) -> tuple[int, int, int]:
    """(m, k, n) of the feed-forward layer's product over the rows of a typical batch."""
    return 1024, config.hidden_size, config.intermediate_size


def tag_flops(config: EncoderConfig, lengths, num_tags: int) -> float:
    """All N blocks and the emissions, for sentences of these lengths ([CLS] and [SEP] included)."""
    lengths, block = np.asarray(lengths, np.float64), block_flops(config)
    emissions = 2 * (lengths - 1) * config.hidden_size * num_tags
    return float(np.sum(config.num_blocks * block.whole(lengths) + emissions))


def pair_flops(config: EncoderConfig, options: ModelOptions, length: int, sizes, num_classes: int) -> float:
    """The relation pass and the classifier for the pairs of one sentence.

    Args:
        length: T.
        sizes: [p], tokens that each pair attends to.
    """
    sizes = np.asarray(sizes, np.float64)
    if not len(sizes):
        return 0.0
    block, k = block_flops(config), options.num_task_blocks
    with_entities = options.rc_features is RcFeatures.CLS_AND_ENTITIES
    if options.rc_compute is RcCompute.DENSE:
        each = k * block.whole(length) + 0 * sizes
    elif options.rc_mask is RcMask.PAIR_FOCUSED:
        each = _pair_focused_rows(block, k, sizes) if with_entities else _pair_focused(block, k, sizes)
    else:
        each = _cls_focused(block, k, length, sizes)
    shared = block.attend(length, length) if _shares_attention(options) else 0
    features = config.hidden_size * ((3 if with_entities else 1) + options.rc_context)
    classifier = 2 * config.hidden_size * (features + num_classes)
    return float(np.sum(each + classifier) + shared)


def _shares_attention(options: ModelOptions) -> bool:
    """Whether b_2's attention over all keys but [CLS] is computed for the whole sentence, Eq. (13)."""
    exact = options.rc_compute is RcCompute.EXACT_ROWS and options.rc_mask is RcMask.CLS_FOCUSED
    return exact and options.num_task_blocks >= 3


def _pair_focused(block: BlockFlops, k: int, sizes):
    if k == 1:
        return _cls_row(block, sizes)
    return _pair_focused_rows(block, k - 1, sizes) + _last(block, sizes)


def _pair_focused_rows(block: BlockFlops, k: int, sizes):
    """All rows of S_p through the first k task blocks; b_1's projections are the sentence's."""
    return k * (sizes * block.finish + block.attend(sizes, sizes)) + (k - 1) * 3 * sizes * block.projection


def _cls_focused(block: BlockFlops, k: int, length: int, sizes):
    first = _cls_row(block, sizes)
    if k == 1:
        return first
    second = 3 * block.projection + block.attend(1, sizes)
    if k == 2:
        return first + second + block.finish
    if k == 3:
        return first + second + sizes * block.finish + _last(block, sizes)
    second = second + length * block.finish
    all_rows = length * (3 * block.projection + block.finish) + block.attend(length - 1, length)
    between = (k - 4) * (all_rows + block.attend(1, sizes))
    rows_of_pairs = (2 * length + sizes) * block.projection + sizes * block.finish
    rows_of_pairs = rows_of_pairs + block.attend(sizes - 1, length) + block.attend(1, sizes)
    return first + second + between + rows_of_pairs + _last(block, sizes)


def _cls_row(block: BlockFlops, sizes):
    """[CLS] alone, from projections that are there already."""
    return block.attend(1, sizes) + block.finish


def _last(block: BlockFlops, sizes):
    """b_K: query, attention and the rest of the block for [CLS]."""
    return block.projection + block.attend_one(sizes) + block.finish
