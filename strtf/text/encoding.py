"""Tokens with their place in the text, and the way from character spans to token spans and back."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """n tokens of a text, without [CLS] and [SEP].

    Attributes:
        ids: int32 [n], vocabulary ids, or with what `text/surface.py` adds to them.
        starts, ends: int32 [n], offsets in characters (code points) of the original text, `ends` exclusive.
            Neither ever decreases. A character without a token (white space under WordPiece) lies in no range.
    """

    ids: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def char_span(self, first: int, last: int) -> tuple[int, int]:
        """The characters from the start of token `first` to the end of token `last - 1`; first < last."""
        return int(self.starts[first]), int(self.ends[last - 1])


def align(encoding: Encoding, start: int, end: int) -> tuple[int, int] | None:
    """The tokens that cover exactly the characters [start, end).

    Characters without a token count as covered. So a span with white space at its ends is aligned under
    WordPiece, and `char_span` of the result is the same span without those characters. In character mode each
    character has its token, and `char_span(*align(...))` is always the span itself.

    Returns:
        (first token, last token exclusive), or None where the span cuts a token or touches none.
    """
    first = int(np.searchsorted(encoding.ends, start, side="right"))
    last = int(np.searchsorted(encoding.starts, end, side="left"))
    if first >= last or encoding.starts[first] < start or encoding.ends[last - 1] > end:
        return None
    return first, last
