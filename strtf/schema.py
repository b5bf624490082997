"""Entities, relations, sentences, and the label inventory derived from them.

Both attention masks of the paper are symmetric in the two entities, so a candidate pair is *unordered*:
e1 stands before e2 in the text, and the direction of a relation is part of its class.
`candidate_pairs` is the only enumeration of pairs in the code base.
"""

import dataclasses
import enum
import itertools
from collections.abc import Iterable, Sequence

from strtf.errors import DataError, StrtfError

NO_RELATION = "No relation"


@dataclasses.dataclass(frozen=True, slots=True)
class Entity:
    """A typed span of text. Offsets count characters (code points); `end` is exclusive."""

    id: str
    start: int
    end: int
    type: str

    @property
    def span(self) -> tuple[int, int]:
        return self.start, self.end


@dataclasses.dataclass(frozen=True, slots=True)
class Relation:
    """A directed, typed relation between two entities, named by their ids."""

    head: str
    tail: str
    type: str


@dataclasses.dataclass(frozen=True, slots=True)
class Sentence:
    """One annotated text. `source` is `path:line` where it was read, for error messages."""

    id: str
    text: str
    entities: tuple[Entity, ...] = ()
    relations: tuple[Relation, ...] = ()
    source: str = dataclasses.field(default="", compare=False)

    def entity(self, entity_id: str) -> Entity:
        return next(entity for entity in self.entities if entity.id == entity_id)


class Direction(enum.StrEnum):
    """Which way a relation runs between e1 and e2, e1 being the first in the text."""

    FORWARD = "1→2"
    BACKWARD = "2→1"


@dataclasses.dataclass(frozen=True, slots=True)
class RelationClass:
    """What the pair classifier names: a relation type and its direction in the text."""

    type: str
    direction: Direction

    def __str__(self) -> str:
        return f"{self.type}({self.direction})"


def text_order(entities: Iterable[Entity]) -> list[Entity]:
    """Entities sorted by where they stand: start, then end, then type and id to break ties."""
    return sorted(entities, key=lambda entity: (entity.start, entity.end, entity.type, entity.id))


def candidate_pairs(num_entities: int) -> list[tuple[int, int]]:
    """The n(n-1)/2 unordered pairs (first, second) of entities that are in text order."""
    return list(itertools.combinations(range(num_entities), 2))


@dataclasses.dataclass(frozen=True)
class Schema:
    """The label inventory of a run.

    Attributes:
        entity_types: names, sorted.
        relation_classes: (type, direction) as they occur in the training split, sorted. The classifier's
            class 0 is "No relation"; class i is `relation_classes[i - 1]`.
        related_types: unordered pairs of entity types that some training relation joins.
    """

    entity_types: tuple[str, ...]
    relation_classes: tuple[RelationClass, ...]
    related_types: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def from_sentences(cls, sentences: Iterable[Sentence]) -> "Schema":
        """Derives the inventory from the training split."""
        entity_types, classes, related = set(), set(), set()
        for sentence in sentences:
            entities = {entity.id: entity for entity in sentence.entities}
            entity_types.update(entity.type for entity in sentence.entities)
            for relation in sentence.relations:
                _check_relation_type(relation, sentence)
                head, tail = entities[relation.head], entities[relation.tail]
                classes.add(RelationClass(relation.type, direction_of(head, tail)))
                related.add(_unordered(head.type, tail.type))
        ordered = sorted(classes, key=lambda c: (c.type, c.direction))
        return cls(tuple(sorted(entity_types)), tuple(ordered), frozenset(related))

    @property
    def num_classes(self) -> int:
        """Relation classes including "No relation"."""
        return len(self.relation_classes) + 1

    @property
    def relation_types(self) -> tuple[str, ...]:
        return tuple(sorted({relation_class.type for relation_class in self.relation_classes}))

    @property
    def class_names(self) -> tuple[str, ...]:
        return (NO_RELATION, *map(str, self.relation_classes))

    def class_index(self, relation_class: RelationClass) -> int | None:
        """The classifier's index, or None for a direction that training never showed."""
        try:
            return self.relation_classes.index(relation_class) + 1
        except ValueError:
            return None

    def related(self, type_1: str, type_2: str) -> bool:
        """Whether the training split ever related two entities of these types."""
        return _unordered(type_1, type_2) in self.related_types

    def in_order(self) -> "Schema":
        """The same inventory, sorted as the attributes say; one that a person wrote need not be."""
        classes = sorted(self.relation_classes, key=lambda c: (c.type, c.direction))
        return Schema(tuple(sorted(self.entity_types)), tuple(classes), self.related_types)

    def check_learnable(self, relations: bool) -> None:
        """Raises StrtfError where a training would have no entities to learn or, if it is to, no relations."""
        if not self.entity_types:
            raise StrtfError("--train_data must annotate entities. Received: a corpus without any.")
        if relations and not self.relation_classes:
            raise StrtfError("--train_data must annotate relations. Received: a corpus without any. Use --tasks=ner.")

    def check(self, sentences: Iterable[Sentence]) -> None:
        """Raises DataError for the first entity or relation type that training never showed."""
        entity_types, relation_types = set(self.entity_types), set(self.relation_types)
        for sentence in sentences:
            for entity in sentence.entities:
                _check_known("entity", entity.type, entity_types, sentence)
            for relation in sentence.relations:
                _check_known("relation", relation.type, relation_types, sentence)

    def to_json(self) -> dict:
        return {
            "entity_types": list(self.entity_types),
            "relation_classes": [[c.type, c.direction.name.lower()] for c in self.relation_classes],
            "related_types": sorted(map(list, self.related_types)),
        }

    @classmethod
    def from_json(cls, values: dict) -> "Schema":
        try:
            classes = [RelationClass(t, Direction[d.upper()]) for t, d in values["relation_classes"]]
            related = frozenset(_unordered(a, b) for a, b in values["related_types"])
            _check_names([*values["entity_types"], *(c.type for c in classes), *itertools.chain(*related)])
            return cls(_distinct(values["entity_types"]), _distinct(classes), related)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise StrtfError(
                'The schema must hold "entity_types" (names), "relation_classes" ([type, "forward"|"backward"]) '
                f'and "related_types" (pairs of entity types). Received: {type(error).__name__}: {error}. '
                "A run's schema.json shows the form."
            ) from error


def direction_of(head: Entity, tail: Entity) -> Direction:
    """FORWARD where the head stands first in the text."""
    return Direction.FORWARD if text_order((head, tail))[0] is head else Direction.BACKWARD


def directed(first: Entity, second: Entity, direction: Direction) -> tuple[Entity, Entity]:
    """(head, tail) of a relation between two entities in text order."""
    return (first, second) if direction is Direction.FORWARD else (second, first)


def _unordered(type_1: str, type_2: str) -> tuple[str, str]:
    return (type_1, type_2) if type_1 <= type_2 else (type_2, type_1)


def _distinct(values: Sequence) -> tuple:
    if isinstance(values, str) or len(set(values)) < len(values):
        raise ValueError(f"{values} must be a list of distinct values")
    return tuple(values)


def _check_names(names: Iterable) -> None:
    for name in names:
        if not isinstance(name, str) or not name:
            raise ValueError(f"{name!r} must be a name")


def _check_relation_type(relation: Relation, sentence: Sentence) -> None:
    if relation.type == NO_RELATION:
        raise DataError(
            sentence.source or sentence.id,
            f"relation types must not be {NO_RELATION!r}, the name of what pairs without a relation are. "
            "Remove these relations: every pair without one counts as such.",
        )


def _check_known(kind: str, name: str, known: set[str], sentence: Sentence) -> None:
    if name not in known:
        raise DataError(
            sentence.source or sentence.id,
            f"{kind} type {name!r} does not occur in the training split. Known types: "
            f"{', '.join(sorted(known)) or 'none'}. Correct the annotation, or train with a --schema that lists it.",
        )


def pair_classes(sentence: Sentence, ordered: Sequence[Entity], schema: Schema) -> tuple[dict, int]:
    """Gold class of each related pair, for entities in text order.

    Returns:
        ({(i, j): class index}, n): n relations cannot be written as one class a pair: a second relation
        of the same pair, a relation of an entity with itself, a direction unseen in training.
    """
    position = {entity.id: i for i, entity in enumerate(ordered)}
    classes, lost = {}, 0
    for relation in sentence.relations:
        if relation.head not in position or relation.tail not in position:
            continue  # the entity itself was lost, and is counted where that happened
        head, tail = position[relation.head], position[relation.tail]
        pair = (min(head, tail), max(head, tail))
        direction = Direction.FORWARD if head < tail else Direction.BACKWARD
        index = schema.class_index(RelationClass(relation.type, direction))
        if head == tail or index is None or pair in classes:
            lost += 1
        else:
            classes[pair] = index
    return classes, lost
