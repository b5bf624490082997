"""Two rules that see only the types and places of gold entities: the floor beside every model's score.

`TypePairRule` relates every pair whose two types, in text order, were ever related in training.
`NearestRule` keeps of those pairs only the ones that join an entity to its nearest partner.

On several public corpora the two types decide the relation and only the choice of the pair is hard; a model
that does not clear these rules by far has learned little.
"""

import collections
from collections.abc import Iterable, Sequence

from strtf.config import PairScope
from strtf.errors import StrtfError
from strtf.schema import Direction, Entity, RelationClass, Sentence, candidate_pairs, direction_of, text_order
from strtf.text.scope import scope_numbers

Prediction = tuple[int, int, RelationClass]


class TypePairRule:
    """Gives a pair the commonest relation class of its two types, in text order, in the training split.

    Attributes:
        relation_classes: {(type of the first entity, type of the second): its commonest class}. Classes
            equally common are decided by the order of (type, direction).
    """

    def __init__(self, relation_classes: dict[tuple[str, str], RelationClass]):
        self.relation_classes = relation_classes

    @classmethod
    def fit(cls, sentences: Iterable[Sentence]) -> "TypePairRule":
        """Learns from the gold relations of the training split; an entity related to itself is ignored."""
        counts: dict[tuple[str, str], collections.Counter] = collections.defaultdict(collections.Counter)
        for sentence in sentences:
            entities = {entity.id: entity for entity in sentence.entities}
            for relation in sentence.relations:
                if relation.head != relation.tail:
                    head, tail = entities[relation.head], entities[relation.tail]
                    first, second = text_order((head, tail))
                    counts[first.type, second.type][RelationClass(relation.type, direction_of(head, tail))] += 1
        return cls({types: _commonest(counter) for types, counter in counts.items()})

    def to_json(self) -> list[list[str]]:
        """[type of the first entity, type of the second, relation type, direction] rows."""
        return [
            [first, second, relation_class.type, relation_class.direction.name.lower()]
            for (first, second), relation_class in sorted(self.relation_classes.items(), key=lambda item: item[0])
        ]

    @classmethod
    def from_json(cls, rows: Iterable[Sequence[str]]) -> "TypePairRule":
        """The rule that `to_json` wrote."""
        if not isinstance(rows, list):
            raise StrtfError(f"A rule must be a list of rows. Received: {type(rows).__name__}.")
        return cls({(a, b): RelationClass(name, Direction[way.upper()]) for a, b, name, way in rows})

    def predict(self, sentence: Sentence, scope: PairScope = PairScope.TEXT) -> list[Prediction]:
        """Related pairs (i, j, class), i < j indices into `text_order(sentence.entities)`, in that order.

        Args:
            scope: which part of the text both entities of a pair begin in.
        """
        entities = text_order(sentence.entities)
        scopes = scope_numbers(sentence.text, [entity.start for entity in entities], scope).tolist()
        pairs = [(i, j) for i, j in candidate_pairs(len(entities)) if scopes[i] == scopes[j]]
        known = [(i, j) for i, j in pairs if (entities[i].type, entities[j].type) in self.relation_classes]
        chosen = self._choose(entities, known)
        return [(i, j, self.relation_classes[entities[i].type, entities[j].type]) for i, j in chosen]

    def _choose(self, entities: Sequence[Entity], known: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Of the candidate pairs whose types some training relation joins, those to relate."""
        return known


class NearestRule(TypePairRule):
    """The pairs of `TypePairRule` that join at least one of their two entities to its nearest partner.

    The partners of an entity are all entities that it forms a known pair of types with; each entity has one
    nearest partner, whatever its type. Nearest: fewest characters between the two spans (none, if they touch
    or overlap); of partners equally near, the first in text order.
    """

    def _choose(self, entities: Sequence[Entity], known: list[tuple[int, int]]) -> list[tuple[int, int]]:
        nearest: dict[int, tuple[int, int]] = {}  # entity: (characters between, nearest partner)
        for i, j in known:
            gap = max(entities[j].start - entities[i].end, 0)
            nearest[i] = min(nearest.get(i, (gap, j)), (gap, j))
            nearest[j] = min(nearest.get(j, (gap, i)), (gap, i))
        return [(i, j) for i, j in known if nearest[i][1] == j or nearest[j][1] == i]


def _commonest(counter: collections.Counter) -> RelationClass:
    return min(
        counter,
        key=lambda relation_class: (-counter[relation_class], relation_class.type, relation_class.direction),
    )
