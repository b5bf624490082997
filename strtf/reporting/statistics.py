"""Table I for any corpus: entities of each type, relations of each class, pairs without a relation."""

import collections
import math
from collections.abc import Mapping, Sequence

import pandas as pd

from strtf.data.corpus import statistics
from strtf.data.load import SPLITS
from strtf.reporting.paper import ENTITIES, KEPT, NO_RELATION_KEPT, RELATIONS
from strtf.schema import NO_RELATION, Direction, Sentence

Key = tuple[str, str, str]  # kind, item, direction

DIRECTIONS = {Direction.FORWARD: "e1 to e2", Direction.BACKWARD: "e2 to e1"}  # as the paper writes them
PAPER: dict[Key, int] = {
    **{("entity", name, ""): number for name, number in ENTITIES.items()},
    **{("relation", name, DIRECTIONS[way]): number for (name, way), number in RELATIONS.items()},
    ("total", "entities", ""): sum(ENTITIES.values()),
    ("total", "relations", ""): sum(RELATIONS.values()),
}
COLUMNS = ("item", "direction", "paper", *SPLITS, "total")


def corpus_statistics(splits: Mapping[str, Sequence[Sentence]]) -> pd.DataFrame:
    """Table I: a line for each count, the paper's beside that of each split and of all splits.

    Everything is counted as annotated, overlapping entities included. The paper gives "No relation" after 85 % of them
    were discarded, so the last line is what would be left of ours.
    """
    counts = {split: _counts(sentences) for split, sentences in splits.items()}
    counts["total"] = sum(counts.values(), collections.Counter())
    lines = [
        [*key[1:], PAPER.get(key), *(counts[split][key] if split in counts else None for split in (*SPLITS, "total"))]
        for key in _order(counts["total"])
    ]
    kept = [None if number is None else round(KEPT * number) for number in lines[-1][3:]]
    lines.append([f"{NO_RELATION}, {KEPT:.0%} of these pairs", "none", NO_RELATION_KEPT, *kept])
    return pd.DataFrame(lines, columns=COLUMNS).astype(dict.fromkeys(COLUMNS[2:], "Int64"))


def _counts(sentences: Sequence[Sentence]) -> collections.Counter:
    found = statistics(sentences)
    totals = {
        "sentences": found["sentences"],
        "characters": sum(len(sentence.text) for sentence in sentences),
        "entities": sum(found["entity_types"].values()),
        "relations": sum(found["relation_classes"].values()),
        "pairs of entities": sum(math.comb(len(sentence.entities), 2) for sentence in sentences),
        "pairs without a relation": found["unrelated_pairs"],
    }
    counts: collections.Counter[Key] = collections.Counter()
    counts.update({("total", name, ""): number for name, number in totals.items()})
    counts.update({("entity", name, ""): number for name, number in found["entity_types"].items()})
    counts.update(
        {("relation", c.type, DIRECTIONS[c.direction]): number for c, number in found["relation_classes"].items()}
    )
    return counts


def _order(found: Mapping[Key, int]) -> list[Key]:
    """Texts, entities, relations, pairs; types as the paper has them, then by number."""

    def of(kind: str) -> list[Key]:
        papers = [key for key in PAPER if key[0] == kind and key in found]
        others = sorted((key for key in found if key[0] == kind and key not in PAPER), key=lambda k: (-found[k], k))
        return papers + others

    names = ("sentences", "characters", "entities", "relations", "pairs of entities", "pairs without a relation")
    first, second, entities, relations, *pairs = (("total", name, "") for name in names)
    return [first, second, *of("entity"), entities, *of("relation"), relations, *pairs]
