"""The relation pass: blocks N-K+1..N with MASK_rc, for every pair, down to the [CLS] row that the classifier reads.

`dense_rows` is the paper's computation as written. `pair_focused_cls` and `cls_focused_cls` give the same numbers
(and gradients) for a fraction of the work: only [CLS] of block N is read, so they walk back from it and compute
just the rows that reach it. They are identities, not approximations. With dropout on, each form draws its own
masks, so their values differ sample by sample while both are valid samples of the same distribution.

Blocks are written b_1..b_K here, S_p = {[CLS]} ∪ EN1 ∪ EN2. The rows of all pairs are packed on one axis R, so that
short entities beside long ones waste no dense product; attention alone unpacks them into slots [P, M].
"""

import keras
from keras import ops

from strtf.config import RcCompute, RcFeatures, RcMask
from strtf.layers.alike import apply_in_turn
from strtf.layers.attention_masks import rc_mask_matrix
from strtf.layers.precision import at_least_float32, take_rows
from strtf.layers.transformer_block import masked_bias


class RelationPass(keras.layers.Layer):
    """What the classifier reads of H_N^rc, for every pair: [CLS], and the entities' mean rows where asked for.

    Args:
        blocks: the encoder's task blocks b_1..b_K, shared and not copied; K >= 1.
        rc_mask: Eq. (13) or Eq. (14).
        rc_compute: exact rows, or the dense reference.
        rc_features: [CLS] alone (the paper), or with the entities; the latter under Eq. (14) only.
    """

    def __init__(self, blocks, rc_mask, rc_compute=RcCompute.EXACT_ROWS, rc_features=RcFeatures.CLS, **kwargs):
        super().__init__(**kwargs)
        if not blocks:
            raise ValueError("num_task_blocks must be at least 1 for a relation pass. Received: no blocks")
        self.blocks = list(blocks)
        self.rc_mask = RcMask(rc_mask)
        self.rc_compute = RcCompute(rc_compute)
        self.rc_features = RcFeatures(rc_features)

    @property
    def needs_task_block(self) -> int:
        """The last task block whose sentence-level input this pass starts from."""
        dense_or_eq14 = self.rc_compute is RcCompute.DENSE or self.rc_mask is RcMask.PAIR_FOCUSED
        return 1 if dense_or_eq14 or len(self.blocks) == 1 else 2

    def call(self, states, pairs, training=False):
        """Runs the pass.

        Args:
            states: what `StrEncoder` returned.
            pairs: dict of int32: `pair_sentence` [P]; `pair_spans` [P, 4] token spans of e1 and e2; `pair_rows` [P, M]
                token positions of S_p, [CLS] first, -1 where padded; `row_slots` [R] flat index p·M + m of each
                packed row; `slot_rows` [P, M] its inverse (0 where padded).

        Returns:
            [P, D], or [P, 3D] with the entities.
        """
        layout = PairLayout(pairs, states["key_mask"])
        with_entities = self.rc_features is RcFeatures.CLS_AND_ENTITIES
        if self.rc_compute is RcCompute.DENSE:
            rows = dense_rows(self.blocks, states, pairs, self.rc_mask, training)  # [P·T, D]
            slots = ops.take(rows, layout.slot_own_tokens, axis=0)  # [P, M, D]
            return layout.with_entities(slots) if with_entities else slots[:, 0]
        if with_entities:
            rows = pair_focused_rows(self.blocks, states, layout, training)  # [R, D]
            return layout.with_entities(layout.unpack(rows))
        walk_back = pair_focused_cls if self.rc_mask is RcMask.PAIR_FOCUSED else cls_focused_cls
        return walk_back(self.blocks, states, layout, training)


class PairLayout:
    """Where the rows of each pair stand: in the sentences (tokens, B·T), packed (R), and in slots (P, M)."""

    def __init__(self, pairs, key_mask):
        self.sentence = pairs["pair_sentence"]  # [P]
        self.row_slots = pairs["row_slots"]  # [R]
        self.slot_rows = pairs["slot_rows"]  # [P, M]
        self.spans = pairs["pair_spans"]  # [P, 4]
        self.positions = pairs["pair_rows"]  # [P, M]
        self.num_pairs, self.num_slots = ops.shape(self.positions)
        self.length = ops.shape(key_mask)[2]
        self.slot_mask = (self.positions >= 0)[:, None]  # [P, 1, M]
        positions = ops.maximum(self.positions, 0)  # [P, M]
        self.cls_tokens = self.sentence * self.length  # [P] in B·T
        self.slot_tokens = self.cls_tokens[:, None] + positions  # [P, M] in B·T
        self.slot_own_tokens = ops.arange(self.num_pairs)[:, None] * self.length + positions  # [P, M] in P·T
        self.cls_rows = self.slot_rows[:, 0]  # [P] in R
        self.key_mask = ops.take(key_mask, self.sentence, axis=0)  # [P, 1, T]

    def pack(self, slots):
        """[P, M, W] -> [R, W]."""
        width = ops.shape(slots)[-1]
        return ops.take(ops.reshape(slots, (self.num_pairs * self.num_slots, width)), self.row_slots, axis=0)

    def unpack(self, rows):
        """[R, W] -> [P, M, W]."""
        return ops.take(rows, self.slot_rows, axis=0)

    def packed_rows(self):
        """(token in B·T, pair, is [CLS]) of each packed row, three times [R]."""
        pair = self.row_slots // self.num_slots
        return self.pack(self.slot_tokens[:, :, None])[:, 0], pair, self.row_slots % self.num_slots == 0

    def with_entities(self, slots):
        """[CLS] and the mean rows of e1 and of e2, side by side: [P, M, D] -> [P, 3D]."""
        parts = [slots[:, 0]]
        for start, end in ((0, 1), (2, 3)):
            inside = (self.positions >= self.spans[:, start, None]) & (self.positions < self.spans[:, end, None])
            weight = ops.cast(inside, slots.dtype)[:, :, None]  # [P, M, 1]
            # a padding pair has no entity
            parts.append(ops.sum(slots * weight, axis=1) / ops.maximum(ops.sum(weight, axis=1), 1))  # [P, D]
        return ops.concatenate(parts, axis=-1)

    def all_rows(self):
        """(token in B·T, pair, is [CLS]) of every token of every pair's sentence, three times [P·T]."""
        position = ops.tile(ops.arange(self.length), (self.num_pairs,))  # [P·T]
        pair = ops.repeat(ops.arange(self.num_pairs), self.length)  # [P·T]
        return ops.take(self.cls_tokens, pair) + position, pair, position == 0


def dense_rows(blocks, states, pairs, rc_mask, training=False):
    """The reference: every pair runs all T rows through all K blocks under its own [T, T] mask. [P·T, D]."""
    length = ops.shape(states["key_mask"])[2]
    width = blocks[0].hidden_size
    sentences = ops.reshape(states["input_1"], (-1, length, width))  # [B, T, D]
    rows = ops.reshape(take_rows(sentences, pairs["pair_sentence"]), (-1, width))  # [P·T, D]
    key_mask = ops.take(states["key_mask"], pairs["pair_sentence"], axis=0)  # [P, 1, T]
    mask = rc_mask_matrix(rc_mask, pairs["pair_rows"], key_mask)  # [P, T, T]
    for block in blocks:
        qkv = ops.reshape(block.project_qkv(rows), (-1, length, 3 * width))  # [P, T, 3D]
        q, k, v = block.heads(qkv, 3)  # [P, T, H, D/H]
        context = block.attend(q, k, v, mask, training)  # [P, T, D]
        rows = block.finish(rows, ops.reshape(context, (-1, width)), training)  # [P·T, D]
    return rows


def pair_focused_cls(blocks, states, layout, training=False):
    """Eq. (14): rows in S_p attend to S_p, and nothing else is ever read. [P, D].

    Walk back: [CLS] of b_K reads keys and values of S_p, those rows read S_p in b_{K-1}, and so on down to b_1.
    So M rows a pair suffice in every block; b_1 takes its projections from the sentence, where the NER pass
    made them; b_K has one query a pair, so its keys and values need no projection (`TransformerBlock.attend_one`),
    and its output projection and feed-forward run for [CLS] only.
    """
    if len(blocks) == 1:
        return first_cls(blocks[0], states, layout, training)
    rows = pair_focused_rows(blocks[:-1], states, layout, training)  # [R, D]
    return last_cls(blocks[-1], rows, layout, training)


def pair_focused_rows(blocks, states, layout, training=False):
    """The rows S_p of every pair after the given first task blocks under Eq. (14). [R, D]."""
    qkv = take_rows(states["qkv_1"], layout.slot_tokens)  # [P, M, 3D]
    token, _, _ = layout.packed_rows()
    rows = take_rows(states["input_1"], token)  # [R, D]

    def run(block, rows, qkv=None):
        qkv = layout.unpack(block.project_qkv(rows)) if qkv is None else qkv  # [P, M, 3D]
        q, k, v = block.heads(qkv, 3)  # [P, M, H, D/H]
        context = layout.pack(block.attend(q, k, v, layout.slot_mask, training))  # [R, D]
        return block.finish(rows, context, training)

    return apply_in_turn(blocks[1:], run(blocks[0], rows, qkv), run)


def cls_focused_cls(blocks, states, layout, training=False):
    """Eq. (13): row [CLS] attends to S_p; every other row attends to everything.

    In b_1 the rows other than [CLS] see what the NER pass sees, so they *are* the NER pass's rows, and stay so
    as inputs of b_2: only [CLS] is per pair. That settles K = 1 and K = 2. From b_2 on all rows differ by pair,
    because they read the pair's [CLS]; but b_K reads only S_p, so b_{K-1} need only yield the rows S_p.
    """
    cls = first_cls(blocks[0], states, layout, training)  # [P, D]
    if len(blocks) == 1:
        return cls
    if len(blocks) == 2:
        qkv = _second_slots(blocks[1], cls, states, layout)  # [P, M, 3D]
        return cls_row(blocks[1], cls, qkv, layout.slot_mask, training)
    if len(blocks) == 3:
        rows = second_block_rows(blocks[1], cls, states, layout, layout.packed_rows(), training)  # [R, D]
        return last_cls(blocks[2], rows, layout, training)
    rows = second_block_rows(blocks[1], cls, states, layout, layout.all_rows(), training)  # [P·T, D]
    for block in blocks[2:-2]:
        rows = _all_rows_block(block, rows, layout, training)  # [P·T, D]
    rows = _rows_of_pairs(blocks[-2], rows, layout, training)  # [R, D]
    return last_cls(blocks[-1], rows, layout, training)


def first_cls(block, states, layout, training):
    """b_1 for the [CLS] rows alone, from the sentence's own projections. [P, D]."""
    qkv = take_rows(states["qkv_1"], layout.slot_tokens)  # [P, M, 3D]
    cls = take_rows(states["input_1"], layout.cls_tokens)  # [P, D]
    return cls_row(block, cls, qkv, layout.slot_mask, training)


def cls_row(block, cls, qkv, mask, training):
    """One block for the [CLS] rows [P, D] alone, given the projections [P, M, 3D] of S_p. [P, D]."""
    return block.finish(cls, _slot_0_context(block, qkv, mask, training), training)


def last_cls(block, rows, layout, training):
    """b_K from the packed rows of S_p: one query a pair, so no key or value is projected. [R, D] -> [P, D]."""
    cls = ops.take(rows, layout.cls_rows, axis=0)  # [P, D]
    context = block.attend_one(block.project_q(cls), layout.unpack(rows), layout.slot_mask, training)  # [P, D]
    return block.finish(cls, context, training)


def _slot_0_context(block, qkv, mask, training):
    """Context of the first slot over all slots: [P, M, 3D] -> [P, D]."""
    q, k, v = block.heads(qkv, 3)  # [P, M, H, D/H]
    return block.attend(q[:, :1], k, v, mask, training)[:, 0]


def second_block_rows(block, cls, states, layout, wanted, training):
    """b_2 under Eq. (13) for the wanted rows of each pair.

    A row other than [CLS] has the sentence's own query, keys and values; only the key of [CLS] is the pair's.
    So its softmax over the other keys is computed once per sentence, as a context c and the log of its
    normaliser z, and the pair's key joins it exactly: with score s, w = sigmoid(s - z), the context is
    (1 - w)·c + w·v_cls.

    Args:
        cls: [P, D], [CLS] after b_1.
        wanted: (token in B·T [W], pair [W], is [CLS] [W]), see `PairLayout`.

    Returns:
        [W, D].
    """
    token, pair, is_cls = wanted
    slots = _second_slots(block, cls, states, layout)  # [P, M, 3D], slot 0 is the pair's [CLS]
    cls_context = _slot_0_context(block, slots, layout.slot_mask, training)  # [P, D]
    cls_key, cls_value = ops.split(slots[:, 0, block.hidden_size :], 2, axis=-1)  # [P, D]
    context, log_normaliser = _context_without_cls(block, states, layout.length, training)  # [B·T, D], [B·T, H]
    query = take_rows(states["qkv_2"][:, : block.hidden_size], token)  # [W, D]
    score = _row_scores(block, query, take_rows(cls_key, pair))  # [W, H]
    weight = ops.sigmoid(score - take_rows(log_normaliser, token))  # [W, H]
    rest, own = (_per_head(block, w, query.dtype) for w in (1.0 - weight, block.drop(weight, training)))  # [W, D]
    joined = rest * take_rows(context, token) + own * take_rows(cls_value, pair)  # [W, D]
    joined = ops.where(is_cls[:, None], take_rows(cls_context, pair), joined)
    rows = take_rows(states["input_2"], token)  # [W, D]
    rows = ops.where(is_cls[:, None], take_rows(cls, pair), rows)
    return block.finish(rows, joined, training)


def _second_slots(block, cls, states, layout):
    """Projections of S_p in b_2: the entity rows' are the sentence's, [CLS]'s are the pair's. [P, M, 3D]."""
    entities = take_rows(states["qkv_2"], layout.slot_tokens[:, 1:])  # [P, M-1, 3D]
    return ops.concatenate([block.project_qkv(cls)[:, None], entities], axis=1)


def _context_without_cls(block, states, length, training):
    """Attention of every sentence row over all keys but [CLS]: contexts [B·T, D], log normalisers [B·T, H]."""
    width = block.hidden_size
    qkv = ops.reshape(states["qkv_2"], (-1, length, 3 * width))  # [B, T, 3D]
    q, k, v = block.heads(qkv, 3)  # [B, T, H, D/H]
    mask = states["key_mask"] & (ops.arange(length) > 0)[None, None]  # [B, 1, T]
    scores = block.scores(q, k)
    scores = scores + masked_bias(mask, scores.dtype)[:, None]  # [B, H, T, T]
    probabilities = block.drop(ops.softmax(scores), training)
    context = block.contexts(probabilities, v)  # [B, T, D]
    log_normaliser = ops.transpose(ops.logsumexp(scores, axis=-1), (0, 2, 1))  # [B, T, H]
    return ops.reshape(context, (-1, width)), ops.reshape(log_normaliser, (-1, block.num_heads))


def _row_scores(block, query, key):
    """Scaled dot product of each row with its own key, per head: [W, D], [W, D] -> [W, H]."""
    head_size = block.hidden_size // block.num_heads
    products = at_least_float32(query * head_size**-0.5) * at_least_float32(key)
    return ops.sum(ops.reshape(products, (-1, block.num_heads, head_size)), axis=-1)


def _per_head(block, weight, dtype):
    """A weight per head spread over the head's width: [W, H] -> [W, D]."""
    return ops.cast(ops.repeat(weight, block.hidden_size // block.num_heads, axis=-1), dtype)


def _all_rows_block(block, rows, layout, training):
    """b_3..b_{K-2} under Eq. (13): all T rows of each pair; [CLS] over S_p. [P·T, D] -> [P·T, D]."""
    width = block.hidden_size
    qkv = block.project_qkv(rows)  # [P·T, 3D]
    q, k, v = block.heads(ops.reshape(qkv, (-1, layout.length, 3 * width)), 3)  # [P, T, H, D/H]
    context = block.attend(q[:, 1:], k, v, layout.key_mask, training)  # [P, T-1, D]
    cls = _cls_over_slots(block, q[:, :1], qkv[:, width:], layout, training)  # [P, 1, D]
    context = ops.reshape(ops.concatenate([cls, context], axis=1), (-1, width))  # [P·T, D]
    return block.finish(rows, context, training)


def _rows_of_pairs(block, rows, layout, training):
    """b_{K-1} under Eq. (13): only the rows S_p, over the keys of all tokens. [P·T, D] -> [R, D]."""
    width = block.hidden_size
    kv = block.project_kv(rows)  # [P·T, 2D]
    k, v = block.heads(ops.reshape(kv, (-1, layout.length, 2 * width)), 2)  # [P, T, H, D/H]
    own = layout.pack(ops.take(rows, layout.slot_own_tokens, axis=0))  # [R, D]
    (q,) = block.heads(layout.unpack(block.project_q(own)), 1)  # [P, M, H, D/H]
    context = block.attend(q[:, 1:], k, v, layout.key_mask, training)  # [P, M-1, D]
    cls = _cls_over_slots(block, q[:, :1], kv, layout, training)  # [P, 1, D]
    context = layout.pack(ops.concatenate([cls, context], axis=1))  # [R, D]
    return block.finish(own, context, training)


def _cls_over_slots(block, query, kv, layout, training):
    """Context of [CLS] over S_p, from keys and values of all tokens: [P, 1, H, D/H], [P·T, 2D] -> [P, 1, D]."""
    k, v = block.heads(ops.take(kv, layout.slot_own_tokens, axis=0), 2)  # [P, M, H, D/H]
    return block.attend(query, k, v, layout.slot_mask, training)
