"""BIEOS tags: typed, non-overlapping token spans written as one tag a token.

B(egin), I(nside), E(nd) mark the tokens of a longer span, S(ingle) a span of one token, O(utside) the rest
(Section III of Xue et al. 2019; seqeval calls the scheme IOBES). Spans and *legal* tag sequences correspond one
to one; the penalties keep a CRF to the legal ones.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

OUTSIDE = 0
PREFIXES = "BIES"
ILLEGAL = -1e4  # finite: −∞ gives NaN gradients; and exp(-1e4) is 0 in every float format


class SpanTags(NamedTuple):
    """Tag indices of one entity type."""

    begin: int
    inside: int
    end: int
    single: int


@dataclasses.dataclass(frozen=True)
class TagScheme:
    """The C = 1 + 4·types tags of a run: "O" is tag 0, then B, I, E, S of each type, types in the order given.

    Args:
        entity_types: distinct names, e.g. `Schema.entity_types`.

    Raises:
        ValueError: a type given twice.
    """

    entity_types: tuple[str, ...]

    outside = OUTSIDE

    def __post_init__(self):
        object.__setattr__(self, "entity_types", tuple(self.entity_types))
        if len(set(self.entity_types)) < len(self.entity_types):
            raise ValueError(f"entity_types must be distinct. Received: {self.entity_types}")

    @property
    def num_tags(self) -> int:
        return 1 + len(PREFIXES) * len(self.entity_types)

    @property
    def names(self) -> tuple[str, ...]:
        return ("O", *(f"{prefix}-{name}" for name in self.entity_types for prefix in PREFIXES))

    def span_tags(self, entity_type: str) -> SpanTags:
        begin = 1 + len(PREFIXES) * self.entity_types.index(entity_type)
        return SpanTags(begin, begin + 1, begin + 2, begin + 3)

    def encode(self, spans: Iterable[tuple[int, int, str]], num_tokens: int) -> np.ndarray:
        """Tags of the spans (first token, last token exclusive, type), given in any order.

        Returns:
            int32 [num_tokens].

        Raises:
            ValueError: a span is empty, out of range, overlaps another, or has an unknown type.
        """
        tags = np.full(num_tokens, OUTSIDE, np.int32)
        for start, end, entity_type in spans:
            if not 0 <= start < end <= num_tokens:
                raise ValueError(f"spans must be non-empty and within {num_tokens} tokens. Received: {start}:{end}")
            if tags[start:end].any():
                raise ValueError(f"spans must not overlap. Received: {start}:{end} over an earlier span")
            begin, inside, last, single = self.span_tags(entity_type)
            tags[start:end] = inside
            tags[start], tags[end - 1] = (begin, last) if end - start > 1 else (single, single)
        return tags

    def decode(self, tags: Sequence[int] | np.ndarray) -> list[tuple[int, int, str]]:
        """Spans (first token, last token exclusive, type) in text order; the inverse of `encode`.

        Strict: only S, and B I* E of one type, are spans. Other fragments are ignored.
        """
        spans, opened = [], None  # opened: (start, type index) of a B that may still become a span
        for position, tag in enumerate(np.asarray(tags).tolist()):
            kind, part = divmod(tag - 1, len(PREFIXES))  # O: kind -1
            prefix = PREFIXES[part] if tag != OUTSIDE else "O"
            if prefix == "S":
                spans.append((position, position + 1, self.entity_types[kind]))
            elif prefix == "E" and opened and opened[1] == kind:
                spans.append((opened[0], position + 1, self.entity_types[kind]))
            if prefix == "B":
                opened = (position, kind)
            elif prefix != "I" or not opened or opened[1] != kind:
                opened = None
        return spans

    def start_penalty(self) -> np.ndarray:
        """float32 [C]: 0 for tags that may come first (O, B, S), -1e4 for I and E."""
        return np.where(self._is("OBS"), 0.0, ILLEGAL).astype(np.float32)

    def begins(self) -> np.ndarray:
        """float32 [C]: 1 for the tags that every span has exactly one of (B, S), 0 for others."""
        return self._is("BS").astype(np.float32)

    def edge_penalty(self) -> np.ndarray:
        """float32 [C]: -1e4 for the tags of a span's first and last token (B, E, S), 0 for others."""
        return np.where(self._is("BES"), ILLEGAL, 0.0).astype(np.float32)

    def end_penalty(self) -> np.ndarray:
        """float32 [C]: 0 for O, -1e4 elsewhere, because the last token of a sequence is [SEP]."""
        return np.where(self._is("O"), 0.0, ILLEGAL).astype(np.float32)

    def transition_penalty(self) -> np.ndarray:
        """float32 [C, C], [from, to]: 0 for legal moves, -1e4 for others.

        An open span (B, I) goes on to I or E of its type; from elsewhere (O, E, S) come O, B, S.
        """
        kind = (np.arange(self.num_tags) - 1) // len(PREFIXES)  # [C], O: -1
        is_open, goes_on = self._is("BI"), self._is("IE")
        same_type = kind[:, None] == kind[None, :]  # [C, C]
        legal = (is_open[:, None] == goes_on[None, :]) & (same_type | ~goes_on[None, :])
        return np.where(legal, 0.0, ILLEGAL).astype(np.float32)

    def _is(self, prefixes: str) -> np.ndarray:
        return np.array([name[0] in prefixes for name in self.names])  # [C]
