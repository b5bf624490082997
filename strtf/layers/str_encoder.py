"""The shared task representation encoder (STR-encoder), Eq. (8): BERT whose last K blocks run once per task.

The call runs the shared blocks and the NER pass (MASK_ner is all ones, so that pass is plain BERT) and hands on
what the relation pass of `relation_pass.py` starts from. Blocks are held once; both passes use the same objects.
"""

import dataclasses

import keras
from keras import ops

from strtf.layers.alike import apply_in_turn
from strtf.layers.bert_embedding import BertEmbedding
from strtf.layers.transformer_block import TransformerBlock


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
    """Shape of a BERT encoder, as its checkpoint's configuration file gives it."""

    vocabulary_size: int
    num_blocks: int
    hidden_size: int
    num_heads: int
    intermediate_size: int
    max_positions: int = 512
    num_segments: int = 2
    approximate_gelu: bool = False
    num_forms: int = 1  # of tokens, see `BertEmbedding`; no checkpoint has them

    def to_json(self) -> dict:
        return dataclasses.asdict(self)


class StrEncoder(keras.layers.Layer):
    """Shared blocks 1..N-K and the NER pass through blocks N-K+1..N.

    Args:
        config: the encoder's shape.
        num_task_blocks: K in 0..N.
        dropout: rate used everywhere in the encoder.
    """

    def __init__(self, config: EncoderConfig, num_task_blocks: int, dropout: float = 0.1, **kwargs):
        super().__init__(**kwargs)
        if not 0 <= num_task_blocks <= config.num_blocks:
            raise ValueError(f"num_task_blocks must be in 0..{config.num_blocks}. Received: {num_task_blocks}")
        self.config = config
        self.num_task_blocks = num_task_blocks
        self.dropout = dropout
        self.embedding = BertEmbedding(
            config.vocabulary_size,
            config.max_positions,
            config.num_segments,
            config.hidden_size,
            dropout,
            config.num_forms,
            dtype=self.dtype_policy,
            name="embedding",
        )
        self.blocks = [
            TransformerBlock(
                config.num_heads,
                config.hidden_size,
                config.intermediate_size,
                config.approximate_gelu,
                dropout,
                dtype=self.dtype_policy,
                name=f"block_{i + 1:02d}",
            )
            for i in range(config.num_blocks)
        ]

    @property
    def task_blocks(self) -> list[TransformerBlock]:
        """Blocks N-K+1..N."""
        return self.blocks[len(self.blocks) - self.num_task_blocks :]

    @property
    def fresh_weights(self) -> list[keras.Variable]:
        """Those that no checkpoint has."""
        return [] if self.embedding.form is None else self.embedding.form.weights

    def build(self, token_ids_shape, lengths_shape=None):
        self.embedding.build(token_ids_shape)
        for block in self.blocks:
            block.build((None, self.config.hidden_size))

    def call(self, token_ids, lengths, training=False, stop_at=None):
        """Encodes sentences.

        Args:
            token_ids: [B, T] int32, padded with anything.
            lengths: [B] int32, tokens of each sentence incl. [CLS] and [SEP]; padding is never attended to.
            stop_at: number k of a task block (1, 2); stop once its input is projected, because that is all the
                relation pass needs where no tags are wanted. None runs all N blocks.

        Returns:
            dict of rows: `input_k` [B·T, D], the input of task block k = 1, 2 (H_{N-K} and H^ner_{N-K+1}), and
            `qkv_k` [B·T, 3D], its projections, as far as those blocks were run; `output` [B, T, D] = H_N^ner
            unless stopped; `key_mask` [B, 1, T] bool.
        """
        batch, length = ops.shape(token_ids)
        width = self.config.hidden_size
        key_mask = (ops.arange(length)[None] < lengths[:, None])[:, None]  # [B, 1, T]
        rows = ops.reshape(self.embedding(token_ids, training=training), (batch * length, width))  # [B·T, D]
        states = {"key_mask": key_mask}
        shared = len(self.blocks) - self.num_task_blocks

        def run(block, rows, qkv=None):
            qkv = block.project_qkv(rows) if qkv is None else qkv  # [B·T, 3D]
            q, k, v = block.heads(ops.reshape(qkv, (batch, length, 3 * width)), 3)  # [B, T, H, D/H]
            context = block.attend(q, k, v, key_mask, training)  # [B, T, D]
            return block.finish(rows, ops.reshape(context, (batch * length, width)), training)

        rows = apply_in_turn(self.blocks[:shared], rows, run)
        for task_block, block in enumerate(self.task_blocks[:2], start=1):
            qkv = block.project_qkv(rows)  # [B·T, 3D]
            states |= {f"input_{task_block}": rows, f"qkv_{task_block}": qkv}
            if task_block == stop_at:
                return states
            rows = run(block, rows, qkv)
        rows = apply_in_turn(self.task_blocks[2:], rows, run)
        return states | {"output": ops.reshape(rows, (batch, length, width))}

    def get_config(self):
        return super().get_config() | {
            "config": self.config.to_json(),
            "num_task_blocks": self.num_task_blocks,
            "dropout": self.dropout,
        }

    @classmethod
    def from_config(cls, config):
        return cls(EncoderConfig(**config.pop("config")), **config)
