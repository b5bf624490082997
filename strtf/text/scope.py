"""Which part of a text may hold a relation."""

import numpy as np

from strtf.config import PairScope


def scope_numbers(text: str, offsets, scope: PairScope) -> np.ndarray:
    """The number of the part that each offset lies in; entities of one part, by their first characters, are candidates.

    Args:
        offsets: [n], in characters; they may be those of tokens or of entities.
        scope: the whole text is one part, or each of its lines, which end with a line feed.

    Returns:
        int32 [n].
    """
    offsets = np.asarray(offsets, np.int64).reshape(-1)
    if scope is PairScope.TEXT:
        return np.zeros(len(offsets), np.int32)
    line_feeds = np.array([i for i, char in enumerate(text) if char == "\n"], np.int64)
    return np.searchsorted(line_feeds, offsets, side="left").astype(np.int32)
