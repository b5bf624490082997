"""What is wrong with an answer: each entity and each relation that only one side has, and what the other has instead.

The kinds of entities' errors are those of MUC-5 (Chinchor & Sundheim 1993) and SemEval-2013 task 9 (Segura-Bedmar et
al.): another type, another boundary, both, and nothing at all, which is a miss on the gold side and an invention on the
other. Only what is wrong itself counts as "instead": an entity within a right one, left out, is a miss. Of relations is
told whether their entities were found, because a relation cannot be better than its ends.
"""

import collections
import dataclasses
from collections.abc import Iterable, Sequence

RIGHT = "right"
TYPE, BOUNDARY, BOTH = "wrong type", "wrong boundary", "wrong boundary and type"
MISSED, MADE_UP = "missed", "made up"
ALONE = f"{MISSED}, {MADE_UP}"  # the one on the gold side, the other on that of the answer
ENTITY, DIRECTION = "an entity is wrong", "wrong direction"
ENTITY_KINDS, RELATION_KINDS = (TYPE, BOUNDARY, BOTH, ALONE), (ENTITY, TYPE, DIRECTION, ALONE)
KINDS = {"ner": ENTITY_KINDS, "rc_predicted": RELATION_KINDS, "rc_gold": RELATION_KINDS}  # by row of `scores.ROWS`


@dataclasses.dataclass(frozen=True, slots=True)
class Error:
    """An item that the other side lacks; tuples as in `evaluate.py`.

    Attributes:
        instead: the item of the other side that stands in its place, where there is one.
    """

    kind: str
    item: tuple
    instead: tuple | None = None


SentenceErrors = tuple[list[Error], list[Error]]  # what gold has and the answer lacks; the reverse


def entity_errors(items: set[tuple], others: set[tuple]) -> list[Error]:
    """Those (start, end, type) of one side that the other lacks, in text order."""
    wrong = others - items
    return [_entity_error(item, wrong) for item in sorted(items - others)]


def _entity_error(item: tuple, wrong: set[tuple]) -> Error:
    touching = [other for other in wrong if other[0] < item[1] and item[0] < other[1]]
    if not touching:
        return Error(ALONE, item)
    instead = max(touching, key=lambda other: (*_sameness(item, other), _overlap(item, other), other))
    kinds = {(True, False): TYPE, (False, True): BOUNDARY, (False, False): BOTH}
    return Error(kinds[_sameness(item, instead)], item, instead)


def _sameness(item: tuple, other: tuple) -> tuple[bool, bool]:
    return item[:2] == other[:2], item[2] == other[2]


def _overlap(item: tuple, other: tuple) -> int:
    return min(item[1], other[1]) - max(item[0], other[0])


def relation_errors(items: set[tuple], others: set[tuple], entities: set[tuple]) -> list[Error]:
    """Those relations (head span, head type, tail span, tail type, type) of one side that the other lacks.

    Args:
        entities: (start, end, type) of the other side.
    """
    wrong = others - items
    return [_relation_error(item, wrong, entities) for item in sorted(items - others)]


def _relation_error(item: tuple, wrong: set[tuple], entities: set[tuple]) -> Error:
    head, tail = item[:2], item[2:4]  # (span, type)
    if any((*span, kind) not in entities for span, kind in (head, tail)):
        return Error(ENTITY, item)
    between = [(other[:2] == head, other) for other in wrong if {other[:2], other[2:4]} == {head, tail}]
    if not between:
        return Error(ALONE, item)
    same_direction, instead = max(between)
    return Error(TYPE if same_direction else DIRECTION, item, instead)


def count_errors(gold: Sequence[set], predicted: Sequence[set], errors: Iterable[SentenceErrors]) -> dict:
    """{"gold": {kind: count}, "predicted": the same}; each side's counts sum to its number of items.

    Args:
        errors: of each sentence.
    """
    right = sum(len(truth & guess) for truth, guess in zip(gold, predicted, strict=True))
    sides = {"gold": collections.Counter({RIGHT: right}), "predicted": collections.Counter({RIGHT: right})}
    for missing, spurious in errors:
        sides["gold"].update(error.kind for error in missing)
        sides["predicted"].update(error.kind for error in spurious)
    return {side: dict(counter) for side, counter in sides.items()}
