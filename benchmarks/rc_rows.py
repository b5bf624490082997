"""Rows of `rc_shortcut`: one model, its relation pass in both forms, the NER forward.

What is timed as dense or exact is the relation pass and the pair classifier, given what the encoder hands on.
"""

import dataclasses
import itertools

import keras
import numpy as np

from benchmarks.backend import on_device
from benchmarks.harness import Effort, Timing, interleaved
from benchmarks.models import ENCODERS, SCHEMA, experiment, paper_options, random_model
from benchmarks.rc_plan import Plan, plan_side
from benchmarks.synthetic import packed, pair_spans, sentence_batch
from strtf.config import ModelOptions, RcCompute, RcMask
from strtf.data.pairs import pair_sizes
from strtf.errors import StrtfError
from strtf.extraction.compiled import compiled
from strtf.layers.relation_pass import RelationPass
from strtf.models.flops import pair_flops

SIDES = {"dense": RcCompute.DENSE, "exact": RcCompute.EXACT_ROWS}


@dataclasses.dataclass(frozen=True)
class Limits:
    """Of one side: memory, and time of a call."""

    max_gb: float
    max_seconds: float


class GroupTimer:
    """Measures settings that share a model.

    Args:
        group: gives encoder and K.
        precision: dtype policy of the blocks.
        limits, effort: see there.
        peak_gflops: to estimate times with.
    """

    def __init__(self, group, precision: str, limits: Limits, effort: Effort, peak_gflops: float):
        config = ENCODERS[group.encoder]
        if group.num_task_blocks > config.num_blocks:
            raise StrtfError(
                f"--num_task_blocks must be at most {config.num_blocks}, the blocks of {group.encoder}. "
                f"Received: {group.num_task_blocks}."
            )
        self.config, self.limits, self.effort, self.peak_gflops = config, limits, effort, peak_gflops
        options = experiment(group.num_task_blocks, precision=precision, max_tokens=config.max_positions)
        self.model = random_model(config, options)
        self.encode = compiled(self.model, self.model.encode)
        self.tag = compiled(self.model, self.model.tag)
        self.ner = compiled(self.model, lambda batch: self.model.emissions(self.model.encode(batch)))
        self._classify = {}

    def classify(self, mask: str, side: str):
        """Compiled (states, pairs) -> logits; one program for all sizes of a side."""
        if (mask, side) not in self._classify:
            blocks, policy = self.model.encoder.task_blocks, self.model.dtype_policy
            relation_pass = RelationPass(blocks, RcMask(mask), SIDES[side], dtype=policy)
            function = _head_after(relation_pass, self.model.pair_classifier)
            self._classify[mask, side] = compiled(self.model, function)
        return self._classify[mask, side]

    def rows(self, group, batch_size: int, attended: int) -> list[dict]:
        """A row for each mask and number of pairs."""
        batch = on_device(sentence_batch(group.length, batch_size, self.config.vocabulary_size))
        states = self.encode(batch)
        settings = [
            Setting(self, group, mask, pairs, batch_size, attended)
            for mask, pairs in itertools.product(group.masks, group.pairs)
        ]
        sides = {"ner": lambda: self.ner(batch), "tag": lambda: self.tag(batch, states)}
        for setting in settings:
            sides |= {(setting, side): setting.call(side, states) for side in SIDES}
        timings = interleaved(sides, self.effort)
        ner = {"ner_ms": timings["ner"].median_ms, "tag_ms": timings["tag"].median_ms}
        return [setting.row(ner, {side: timings[setting, side] for side in SIDES}, states) for setting in settings]


class Setting:
    """One row: a mask and a number of pairs, on the sentences of a group."""

    def __init__(self, timer: GroupTimer, group, mask: str, pairs: int, batch_size: int, attended: int):
        self.timer, self.group, self.mask, self.pairs, self.batch_size = timer, group, mask, pairs, batch_size
        self.spans = pair_spans(group.length, pairs, attended)
        self.sizes = np.tile(pair_sizes(self.spans), batch_size)
        self.plans = {side: self._plan(side) for side in SIDES}
        self.chunks = {
            side: [on_device(packed(self.spans, batch_size, chunk)) for chunk in plan.chunks]
            for side, plan in self.plans.items()
        }

    def _plan(self, side: str) -> Plan:
        timer, options = self.timer, self._options(side)
        return plan_side(options, timer.config, self.group.length, self.sizes, timer.limits, timer.peak_gflops)

    def _options(self, side: str) -> ModelOptions:
        blocks = self.group.num_task_blocks
        return paper_options(blocks, self.mask, rc_compute=SIDES[side])

    def call(self, side: str, states):
        """The side over all its chunks, as a function without arguments."""
        classify, chunks = self.timer.classify(self.mask, side), self.chunks[side]
        return lambda: [classify(states, chunk) for chunk in chunks]

    def row(self, ner: dict, timings: dict[str, Timing], states) -> dict:
        scaled = {side: timings[side].median_ms * self.plans[side].scale for side in SIDES}
        difference, spread = self._compare(states)
        return {
            "mask": self.mask,
            "num_task_blocks": self.group.num_task_blocks,
            "length": self.group.length,
            "pairs": self.pairs,
            "encoder": self.group.encoder,
            "dense_ms": scaled["dense"],
            "exact_ms": scaled["exact"],
            "ratio": scaled["dense"] / scaled["exact"],
            "ner_ms": ner["ner_ms"],
            "rc_over_ner": scaled["exact"] / ner["ner_ms"],
            "max_abs_diff": difference,
            "probability_spread": spread,
            "tag_ms": ner["tag_ms"],
            "batch": self.batch_size,
            "attended": float(self.sizes.mean()),
            "exact_gflops": self._exact_flops() / scaled["exact"] * 1e-6,
            **{f"{side}_{key}": value for side in SIDES for key, value in self.plans[side].facts().items()},
            **{f"{side}_first_ms": 1000.0 * timings[side].first for side in SIDES},
            **{f"{side}_time_spread": timings[side].spread for side in SIDES},
            **{f"{side}_calls": timings[side].calls for side in SIDES},
            "repeats": len(timings["dense"].samples),
        }

    def _exact_flops(self) -> float:
        sentences = np.split(self.sizes, self.batch_size)
        arguments = self.timer.config, self._options("exact"), self.group.length
        return sum(pair_flops(*arguments, sizes, SCHEMA.num_classes) for sizes in sentences)

    def _compare(self, states) -> tuple[float, float]:
        """(largest difference of a class probability between the sides, how much probabilities differ by pair).

        Both on the pairs that the dense side ran; a small difference says something only beside a larger spread.
        """
        dense, exact = (
            np.concatenate([_probabilities(self.timer.classify(self.mask, side)(states, chunk)) for chunk in chunks])
            for side, chunks in (("dense", self.chunks["dense"]), ("exact", self.chunks["dense"]))
        )
        return float(np.abs(dense - exact).max()), float(np.ptp(dense, axis=0).max())


def _head_after(relation_pass, pair_classifier):
    return lambda states, pairs: pair_classifier(relation_pass(states, pairs))


def _probabilities(logits) -> np.ndarray:
    return keras.ops.convert_to_numpy(keras.ops.softmax(keras.ops.cast(logits, "float32"))).astype(np.float64)
