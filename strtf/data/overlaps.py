"""Overlapping entities: a layer of BIEOS tags gives each token one tag, so of those that overlap it holds one."""

import bisect
from collections.abc import Iterable
from typing import NamedTuple

from strtf.config import OverlapPolicy
from strtf.data.documents import shown
from strtf.errors import DataError
from strtf.schema import Entity, Relation, Sentence


class Resolved(NamedTuple):
    """A sentence without what no layer holds, the layer of each entity's id, and what it lost: entities, and the
    relations of lost entities."""

    sentence: Sentence
    layers: dict[str, int]
    dropped_entities: tuple[Entity, ...]
    dropped_relations: tuple[Relation, ...]


def resolve_overlaps(sentence: Sentence, policy: OverlapPolicy, num_layers: int = 1) -> Resolved:
    """Drops entities until no two of a layer share a character. What is kept keeps its order.

    The first layer takes what the policy prefers, the next one what it prefers of the rest, and so on.

    Raises:
        DataError: under `OverlapPolicy.ERROR`, for the first two entities that overlap.
    """
    left = sorted(sentence.entities, key=_leftmost)  # stable: equal spans stay in the order of the file
    if policy == OverlapPolicy.ERROR:
        _check_disjoint(left, sentence)
    kept: dict[str, int] = {}
    for layer in range(num_layers):
        kept |= {entity.id: layer for entity in _disjoint(_preferred(left, policy))}
        left = [entity for entity in left if entity.id not in kept]
    entities = tuple(entity for entity in sentence.entities if entity.id in kept)
    relations = tuple(r for r in sentence.relations if r.head in kept and r.tail in kept)
    return Resolved(
        Sentence(sentence.id, sentence.text, entities, relations, sentence.source),
        kept,
        tuple(entity for entity in sentence.entities if entity.id not in kept),
        tuple(r for r in sentence.relations if r.head not in kept or r.tail not in kept),
    )


def _preferred(ordered: list[Entity], policy: OverlapPolicy) -> list[Entity]:
    """Those that one layer may hold, the most wanted first, of entities in leftmost order."""
    if policy == OverlapPolicy.LONGEST:
        return sorted(ordered, key=lambda entity: entity.start - entity.end)  # ties stay leftmost first
    return _outermost(ordered) if policy == OverlapPolicy.OUTERMOST else ordered


def _leftmost(entity: Entity) -> tuple[int, int]:
    return entity.start, -entity.end


def _outermost(ordered: Iterable[Entity]) -> list[Entity]:
    """Without those that lie in another. In leftmost order, the other always stands before them."""
    outermost = []
    for entity in ordered:
        if not outermost or entity.end > outermost[-1].end:
            outermost.append(entity)
    return outermost


def _disjoint(preferred: Iterable[Entity]) -> list[Entity]:
    """Takes each entity that overlaps none taken before it, in O(n log n) comparisons."""
    taken = []  # disjoint, from left to right
    for entity in preferred:
        n = bisect.bisect(taken, entity.start, key=lambda other: other.start)
        free_left = n == 0 or taken[n - 1].end <= entity.start
        free_right = n == len(taken) or entity.end <= taken[n].start
        if free_left and free_right:
            taken.insert(n, entity)
    return taken


def _check_disjoint(ordered: Iterable[Entity], sentence: Sentence) -> None:
    reaching = None  # of the entities so far, the one that ends last
    for entity in ordered:
        if reaching and entity.start < reaching.end:
            clash = " and ".join(f"{shown(e.id)} from {e.start} to {e.end}" for e in (reaching, entity))
            raise DataError(
                sentence.source or sentence.id,
                f"entities must not overlap. Received: {clash}. Correct them, or choose which to keep: "
                "--overlaps=longest, --overlaps=outermost or --overlaps=first.",
            )
        reaching = entity
