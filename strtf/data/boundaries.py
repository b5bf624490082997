"""Related pairs with a wrong boundary, which relate nothing (`--boundary_negatives`).

Training pairs are made of annotated spans; extraction meets the tagger's, of which some begin or end elsewhere.
"""

import numpy as np

from strtf.data.features import Example
from strtf.data.pairs import Spans, pair_sizes
from strtf.data.shapes import SHORT_PAIR

FARTHEST = 2  # tokens by which a boundary is off
_STEPS = [step for step in range(-FARTHEST, FARTHEST + 1) if step]
MOVES = np.concatenate([step * np.eye(4, dtype=np.int32) for step in _STEPS])  # [16, 4]: one of a pair's four ends


def moved_pairs(example: Example, probability: float, rng: np.random.Generator) -> tuple[Spans, np.ndarray]:
    """Of each related pair, with this probability, a copy one of whose spans has a wrong boundary.

    All that are possible are equally likely: the span holds a token, stays between [CLS] and [SEP] and off the pair's
    other span, as tagged spans do, and is no entity.

    Returns:
        (spans [m, 4] int32, indices [m] of the pairs they are copies of).
    """
    related = np.flatnonzero(example.labels > 0)  # [r]
    moved = example.pair_spans(related)[:, None] + MOVES  # [r, 16, 4]
    start_1, end_1, start_2, end_2 = np.moveaxis(moved, 2, 0)
    possible = (start_1 >= 1) & (start_1 < end_1) & (end_1 <= start_2) & (start_2 < end_2)
    possible &= end_2 < len(example.token_ids)
    # the span that is not moved is an entity
    possible &= ~(_are_entities(moved[..., :2], example) & _are_entities(moved[..., 2:], example))
    chosen = np.where(possible, rng.random(possible.shape), -1.0).argmax(axis=1)  # [r]
    drawn = (rng.random(len(related)) < probability) & possible.any(axis=1)
    return moved[np.arange(len(related)), chosen][drawn], related[drawn]


def possible_sizes(example: Example, probability: float) -> np.ndarray:
    """Sizes that bound, short and long pairs apart, those of all pairs that may be trained on; see `pair_sizes`."""
    sizes = pair_sizes(example.pair_spans(slice(None)))
    if not probability:
        return sizes
    moved = sizes[example.labels > 0] + FARTHEST
    # one that would be long at its largest may be short
    return np.concatenate([sizes, moved, np.minimum(moved, SHORT_PAIR)])


def _are_entities(spans: np.ndarray, example: Example) -> np.ndarray:
    """[..., 2] -> [...] bool."""
    numbers = (len(example.token_ids) + 1) ** np.arange(2)
    return np.isin(spans @ numbers, example.spans @ numbers)
