"""Pairs of entities as arrays: the numpy side of the layout that `layers/relation_pass.py` reads."""

import numpy as np

from strtf.data.shapes import PairChunks

FACTS = ("pair_types", "pair_rivals")  # of each pair, [P, 2] int32
Spans = np.ndarray  # [P, 4] int32: start and end (exclusive) of e1, then of e2, in token positions


def pair_sizes(spans: Spans) -> np.ndarray:
    """Tokens of S_p for each pair, [P]; see `pair_tokens_sorted`."""
    start_1, end_1, start_2, end_2 = spans.T
    return 1 + (end_1 - start_1) + np.maximum(end_2, end_1) - np.maximum(start_2, end_1)


def pair_tokens_sorted(spans: Spans) -> tuple[np.ndarray, np.ndarray]:
    """Token positions of S_p = {[CLS]} ∪ EN1 ∪ EN2 for each pair, each token once.

    Args:
        spans: [P, 4] token spans of e1 and e2 with e1 before e2 in text order; they may touch or overlap.

    Returns:
        (positions [P, M] int32, [CLS] = 0 first, -1 where padded; sizes [P] int32).
    """
    start_1, end_1, start_2, end_2 = spans.T.astype(np.int32)
    start_2 = np.maximum(start_2, end_1)  # shared tokens belong to e1
    end_2 = np.maximum(end_2, start_2)
    length_1, length_2 = end_1 - start_1, end_2 - start_2
    sizes = 1 + length_1 + length_2
    slot = np.arange(sizes.max(initial=1), dtype=np.int32)[None]  # [1, M]
    in_1 = start_1[:, None] + slot - 1
    in_2 = start_2[:, None] + slot - 1 - length_1[:, None]
    positions = np.where(slot <= length_1[:, None], in_1, in_2)  # [P, M]
    positions = np.where(slot == 0, 0, positions)
    return np.where(slot < sizes[:, None], positions, -1).astype(np.int32), sizes


def rivals_between(types: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """How many entities between the two of a pair have the type of e1, and how many that of e2.

    Args:
        types: [n] int >= 0, of the entities in text order.
        pairs: [p, 2] int, indices of e1 and e2, e1 first.

    Returns:
        [p, 2] int32.
    """
    before = np.zeros((len(types) + 1, int(max(types, default=0)) + 1), np.int32)  # [n + 1, types]
    before[np.arange(len(types)) + 1, types] = 1
    before = before.cumsum(axis=0)
    first, second = pairs.reshape(-1, 2).T
    of = types[pairs.reshape(-1, 2)]  # [p, 2]
    return (before[second[:, None], of] - before[first[:, None] + 1, of]).astype(np.int32)


def pack_pairs(sentences: np.ndarray, spans: Spans, round_up,
               facts: dict[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:  # fmt: skip
    """The pairs of a batch on one axis, padded to rounded sizes.

    Args:
        sentences: [p] int, index of each pair's sentence in the batch.
        spans: [p, 4], see `pair_tokens_sorted`.
        round_up: function of a size and the axis' name ("P", "M", "R") that gives the padded size.
        facts: `pair_types` [p, 2], types of e1 and e2 by index in the schema, and `pair_rivals` [p, 2], see
            `rivals_between`; all 0 where not given.

    Returns:
        dict of int32 arrays: `pair_sentence` [P], `pair_spans` [P, 4], `pair_types` and `pair_rivals` [P, 2],
        `pair_rows` [P, M], `row_slots` [R], `slot_rows` [P, M] (see `RelationPass.call`). Padding pairs consist of
        [CLS] of sentence 0; there is always at least one pair, so that no axis is empty.
    """
    count = len(sentences)
    padded = round_up(max(count, 1), "P")
    pair_sentence = np.zeros(padded, np.int32)
    pair_spans = np.tile(np.int32([1, 1, 1, 1]), (padded, 1))
    pair_sentence[:count], pair_spans[:count] = sentences, spans
    rows, _ = pair_tokens_sorted(pair_spans)
    slots = round_up(max(rows.shape[1], 2), "M")  # Keras warns of a softmax over a single key
    pair_rows = np.full((padded, slots), -1, np.int32)
    pair_rows[:, : rows.shape[1]] = rows
    valid = np.flatnonzero(pair_rows.ravel() >= 0).astype(np.int32)
    row_slots = np.zeros(round_up(len(valid), "R"), np.int32)
    row_slots[: len(valid)] = valid
    slot_rows = np.zeros(padded * slots, np.int32)
    slot_rows[valid] = np.arange(len(valid), dtype=np.int32)
    return {
        "pair_sentence": pair_sentence,
        "pair_spans": pair_spans,
        **_facts(facts or {}, count, padded),
        "pair_rows": pair_rows,
        "row_slots": row_slots,
        "slot_rows": slot_rows.reshape(padded, slots),
    }


def _facts(facts: dict[str, np.ndarray], count: int, size: int) -> dict[str, np.ndarray]:
    found = {name: np.zeros((size, 2), np.int32) for name in FACTS}
    for name, values in facts.items():
        found[name][:count] = values
    return found


def stack_chunks(chunks: PairChunks, sentences: np.ndarray, spans: Spans, facts: dict[str, np.ndarray],
                 targets: dict[str, np.ndarray], least: int = 1) -> dict[str, np.ndarray]:  # fmt: skip
    """The chunks' pairs, packed and stacked.

    Args:
        sentences, spans, facts: of all pairs, see `pack_pairs`.
        targets: further arrays [p] to cut in chunks likewise; 0 where padded.
        least: stack at least so many chunks, empty ones last.

    Returns:
        `pack_pairs`' arrays and the targets with a leading axis N, and `num_chunks`, int32: those that hold pairs.
    """
    parts = chunks.parts or [np.zeros(0, np.int64)]
    stacked = {}
    for number, part in enumerate(parts):
        packed = pack_pairs(sentences[part], spans[part], chunks.shape.size, {k: v[part] for k, v in facts.items()})
        packed |= {name: padded(values[part], chunks.shape.P) for name, values in targets.items()}
        for name, array in packed.items():
            if name not in stacked:
                stacked[name] = np.zeros((max(len(parts), least), *array.shape), array.dtype)
            stacked[name][number] = array
    return stacked | {"num_chunks": np.int32(len(chunks.parts))}


def padded(values: np.ndarray, size: int) -> np.ndarray:
    """[n] -> [size], with zeros behind."""
    return np.pad(values, (0, size - len(values)))
