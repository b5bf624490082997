"""Chooses sentences from a pool so that the counts of the whole corpus are those of the paper's Table I.

A local search over subsets: start from a random subset, then swap a chosen sentence for another of the pool
while the weighted distance to the target falls. Integers only, ties to the lowest index: the result does not
depend on the machine.
"""

from collections.abc import Sequence
from random import Random

import numpy as np

from strtf.schema import Sentence, candidate_pairs, direction_of

TARGET = {
    **{"Negation": 103, "Body Part": 492, "Degree": 658, "Quantifier": 422, "Location": 461},
    **{"Negative 2→1": 406, "Modifier 2→1": 1068, "Position 1→2": 389},
    **{"Percentage 1→2": 100, "Percentage 2→1": 256},
    "unrelated pairs": 13167,  # the table keeps 15 % of them: 1,975
}
_NEVER = 1 << 40
_PAIRS_TOLERANCE = 20  # 15 % of which is 3 pairs


def counts_of(sentence: Sentence) -> dict[str, int]:
    """The sentence's share of every count in `TARGET`; anything else in it is an error of the grammar."""
    counts = dict.fromkeys(TARGET, 0)
    for entity in sentence.entities:
        counts[entity.type] += 1
    for relation in sentence.relations:
        direction = direction_of(sentence.entity(relation.head), sentence.entity(relation.tail))
        counts[f"{relation.type} {direction}"] += 1
    counts["unrelated pairs"] = len(candidate_pairs(len(sentence.entities))) - len(sentence.relations)
    return counts


def select(pool: Sequence[Sentence], number: int, rng: Random, attempts: int = 20) -> list[Sentence]:
    """`number` sentences of the pool, in pool order, that meet `TARGET`.

    Raises:
        RuntimeError: no attempt met it; the pool is too small or too unlike the target.
    """
    counts = np.array([list(counts_of(sentence).values()) for sentence in pool], np.int32)  # [pool, counts]
    for _ in range(attempts):
        chosen = np.array(sorted(rng.sample(range(len(pool)), number)))
        if _descend(chosen, counts, rng):
            return [pool[i] for i in sorted(chosen.tolist())]
    raise RuntimeError(f"No subset of {number} sentences was found that meets the counts.")


def _descend(chosen: np.ndarray, counts: np.ndarray, rng: Random, steps: int = 3000) -> bool:
    """Swaps in place until the target is met; a random swap leads out of a local minimum."""
    target = np.array(list(TARGET.values()))
    for _ in range(steps):
        missing = target - counts[chosen].sum(axis=0)
        distance = int(_distance(missing))
        if distance == 0:
            return True
        out = rng.randrange(len(chosen))
        after = _distance(missing + counts[chosen[out]] - counts)  # [pool], had each sentence come in for `out`
        after[chosen] = _NEVER
        best = int(after.argmin())
        if after[best] < distance or rng.random() < 0.02:
            chosen[out] = best
    return False


def _distance(missing: np.ndarray) -> np.ndarray:
    """Sum of absolute differences; pairs count a tenth, and only beyond their tolerance."""
    pairs = np.maximum(np.abs(missing[..., -1]) - _PAIRS_TOLERANCE, 0)
    return 10 * np.abs(missing[..., :-1]).sum(axis=-1) + pairs
