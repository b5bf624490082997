"""Made-up sentences: random tokens, entities of given size at even distances, pairs of these."""

import math

import numpy as np

from strtf.data.batches import exact_size
from strtf.data.pairs import pack_pairs
from strtf.schema import candidate_pairs


def sentence_batch(length: int, batch: int, vocabulary_size: int, seed: int = 0) -> dict[str, np.ndarray]:
    """`token_ids` [B, T] and `lengths` [B], without padding."""
    rng = np.random.default_rng(seed)
    token_ids = rng.integers(0, vocabulary_size, (batch, length)).astype(np.int32)
    return {"token_ids": token_ids, "lengths": np.full(batch, length, np.int32)}


def entity_spans(length: int, count: int, size: int) -> np.ndarray:
    """[n, 2] token spans at even distances between [CLS] and [SEP]; they overlap where there are too many to fit."""
    starts = np.linspace(1, length - 1 - size, count).astype(np.int32)
    return np.stack([starts, starts + size], axis=1)


def entities_for(pairs: int) -> int:
    """The fewest entities that have so many pairs."""
    return math.ceil((1 + math.sqrt(1 + 8 * pairs)) / 2)


def pair_spans(length: int, pairs: int, attended: int) -> np.ndarray:
    """[p, 4] spans of the first `pairs` pairs of entities, each pair of which attends to `attended` tokens."""
    count, size = entities_for(pairs), attended - 1
    firsts = entity_spans(length, count, size - size // 2)
    seconds = entity_spans(length, count, size // 2)
    chosen = np.array(candidate_pairs(count)[:pairs])
    return np.concatenate([firsts[chosen[:, 0]], seconds[chosen[:, 1]]], axis=1)


def packed(spans: np.ndarray, batch: int, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """The chosen ones of B sentences' pairs, which are the same in every sentence, as arrays."""
    sentence, pair = chosen // len(spans), chosen % len(spans)
    return pack_pairs(sentence.astype(np.int32), spans[pair], exact_size)
