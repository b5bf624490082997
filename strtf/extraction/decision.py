"""From scores to answers: the numbers that a development split chooses for trained weights, kept with them.

Which entities there are says the best tagging, after `entity_shift` was added to the score of every entity. An entity's
probability is its marginal under the CRF whose scores are all divided by `entity_temperature`, because a network that
has seen a small corpus many times is far too sure of itself (temperature scaling: Guo et al. 2017, arXiv 1706.04599).

A relation's probability is that of the whole triple: of the relation, if both entities are right, times that of the
entities:

    P = σ(relation_slope · margin + relation_offset) · (P_head · P_tail)^relation_ends

The margin is the logit of the best class less that of "No relation"; slope and offset are those of Platt (1999). With
the numbers below, which are the paper's, a relation is kept where its class is the most probable one, and entities
count for nothing in it. `evaluation/threshold.py` chooses others.
"""

import dataclasses
import math

import numpy as np

from strtf.errors import StrtfError


@dataclasses.dataclass
class Decision:
    """See the module.

    Attributes:
        entity_shift: added to the score of every entity before the best tagging is sought: more entities above 0,
            fewer below.
        entity_temperature: divides the CRF's scores where probabilities are computed; above 0.
        entity_threshold: probability that an entity must have. What has less is not looked at for relations either.
        relation_slope, relation_offset: from a margin to log-odds, entities given.
        relation_ends: 1: a relation is as sure as its entities are, too; 0: it is not.
        relation_threshold: probability above which a relation between found entities is kept.
        given_threshold: the same between given entities, whose own probability is 1.
    """

    entity_shift: float = 0.0
    entity_temperature: float = 1.0
    entity_threshold: float = 0.0
    relation_slope: float = 1.0
    relation_offset: float = 0.0
    relation_ends: float = 0.0
    relation_threshold: float = 0.5
    given_threshold: float = 0.5

    def relation_probabilities(self, margins, ends) -> np.ndarray:
        """P of relations, float64 [r], from their margins [r] and the probabilities [r, 2] of their entities."""
        margins, ends = np.asarray(margins, np.float64), np.asarray(ends, np.float64).reshape(-1, 2)
        log_odds = self.relation_slope * margins + self.relation_offset
        return np.exp(-np.logaddexp(0.0, -log_odds)) * np.prod(ends, axis=1) ** self.relation_ends

    def at_least(self, probability: float) -> "Decision":
        """The same, but what is less probable than that is not kept either."""
        names = ("entity_threshold", "relation_threshold", "given_threshold")
        return dataclasses.replace(self, **{name: max(getattr(self, name), probability) for name in names})

    def to_json(self) -> dict[str, float]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: dict, default: "Decision") -> "Decision":
        """What was kept with weights; the default's numbers where that lacks some.

        Weights of before these numbers were kept have a `no_relation_shift`, the margin that a relation must have.

        Raises:
            StrtfError: nothing was kept, or not numbers that it can be.
        """
        if not isinstance(values, dict) or not values:
            raise StrtfError("Thresholds must be kept with the weights, as numbers by name. Received: none.")
        for name, value in values.items():
            if type(value) not in (int, float) or not math.isfinite(value):
                raise StrtfError(f"{name} must be a finite number. Received: {value!r}.")
        known = {name: float(values.get(name, own)) for name, own in default.to_json().items()}
        if "no_relation_shift" in values:
            known["relation_offset"] = -float(values["no_relation_shift"])
        if known["entity_temperature"] <= 0.0:
            raise StrtfError(f"entity_temperature must be above 0. Received: {known['entity_temperature']}.")
        return cls(**known)
