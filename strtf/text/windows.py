"""Texts longer than the encoder's positions, as overlapping windows of tokens.

Two windows share about `overlap` tokens, so that an entity at a cut stands whole in at least one of them. Each
token is *owned* by one window: of the entities that windows predict twice, the one counts whose first token its
window owns. The cut of ownership lies in the middle of the overlap, where both windows see context on both sides. An
entity that ends beyond the window that owns its first token counts in the first one that reaches to its end: with it,
whatever stands whole in some window counts in exactly one.
"""

import bisect
import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from strtf.errors import StrtfError

SENTENCE_ENDS = frozenset("。！？!?；;\n")
PAUSES = frozenset("，,、：:")


class Window(NamedTuple):
    """Tokens [first_token, last_token) of a text."""

    first_token: int
    last_token: int


def windows(text: str, starts: Sequence[int], ends: Sequence[int], max_tokens: int, overlap: int) -> list[Window]:
    """Windows that together hold every token, in text order.

    A window ends where a sentence ends within its last quarter, else where a clause or word does, else after
    `max_tokens`. The next one begins between `overlap` and `overlap / 2` tokens earlier, by the same preferences.

    Args:
        starts, ends: [n] character offsets of the tokens, as in `Encoding`.
        max_tokens: most tokens of a window, [CLS] and [SEP] not counted.
        overlap: most tokens that a window shares with the next; 0 <= overlap < max_tokens.

    Returns:
        At least one window; the only one is empty for a text without tokens.

    Raises:
        StrtfError: `max_tokens` or `overlap` out of range.
    """
    if not 0 <= overlap < max_tokens:
        raise StrtfError(
            f"overlap must be at least 0 and below the {max_tokens} tokens of a window. Received: {overlap}. "
            "Lower the overlap, or raise the window's length."
        )
    strength, num_tokens = _boundary_strength(text, starts, ends), len(starts)
    slack = cut_slack(max_tokens, overlap)
    first, found = 0, []
    while num_tokens - first > max_tokens:
        hard_cut = first + max_tokens
        last = _best(range(hard_cut, hard_cut - slack - 1, -1), strength)
        found.append(Window(first, last))
        first = _best(range(last - overlap, last - (overlap + 1) // 2 + 1), strength)
    return [*found, Window(first, num_tokens)]


def cut_slack(max_tokens: int, overlap: int) -> int:
    """By how many tokens a window may end early; so few that each window ends later than the one before."""
    return min(max_tokens // 4, max_tokens - overlap - 1)


def first_window_holding(windows: Sequence[Window], first: int, last: int) -> int | None:
    """Index of the first window that holds the tokens [first, last) whole, or None.

    For a pair of entities: first token of the one, last token (exclusive) of the other.
    """
    index = bisect.bisect_left(windows, last, key=lambda window: window.last_token)
    return index if index < len(windows) and windows[index].first_token <= first else None


class Owned(NamedTuple):
    """What counts in a window: the tokens [first, last), and all that ends beyond `reached`, where the one before ends.

    The tokens that a text's windows own are a partition of all its tokens, in order.
    """

    first: int
    last: int
    reached: int

    def counts(self, first: int, last: int) -> bool:
        """Whether the tokens [first, last), found in this window, count here and in no other."""
        return first < self.last and (first >= self.first or last > self.reached)


def owned(windows: Sequence[Window]) -> list[Owned]:
    """What counts in each window of a text."""
    cuts = [(left.last_token + right.first_token) // 2 for left, right in itertools.pairwise(windows)]
    bounds = itertools.pairwise([windows[0].first_token, *cuts, windows[-1].last_token])
    reached = [0, *(window.last_token for window in windows[:-1])]
    return [Owned(*of_window, before) for of_window, before in zip(bounds, reached, strict=True)]


def _best(candidates: range, strength: Callable[[int], int]) -> int:
    """The first of the candidates with the strongest boundary."""
    return max(candidates, key=strength)  # max keeps the first of equals


def _boundary_strength(
    text: str, starts: Sequence[int] | np.ndarray, ends: Sequence[int] | np.ndarray
) -> Callable[[int], int]:
    """How well a text can be cut before a token: 2 after a sentence, 1 after a clause or word, 0 elsewhere."""

    def strength(token: int) -> int:
        last_char = text[ends[token - 1] - 1]
        gap = text[ends[token - 1] : starts[token]]  # characters without a token, e.g. spaces under WordPiece
        if last_char in SENTENCE_ENDS or "\n" in gap:
            return 2
        if last_char == "." and (gap or text[starts[token]]).isspace():
            return 2
        return 1 if gap or last_char in PAUSES or last_char.isspace() else 0

    return strength
