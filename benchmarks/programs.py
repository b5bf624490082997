"""What JAX compiles in a training: each program's size, and the seconds to trace, lower and compile it."""

import contextlib
import re
import time
from collections.abc import Iterator
from unittest import mock

import jax
import keras
import numpy as np

from benchmarks.forced import forced_extractor
from strtf.config import Experiment
from strtf.data.batches import TrainingBatches
from strtf.data.load import load_training_splits
from strtf.extraction import compiled
from strtf.extraction.load import make_featurizer
from strtf.layers.str_encoder import EncoderConfig
from strtf.models.build import build_model
from strtf.pretrained.load import open_pretrained
from strtf.schema import Schema
from strtf.training.jax_step import JaxStep
from strtf.training.optimizer import make_optimizer
from strtf.training.step import make_step
from strtf.training.train import batch_shapes

OPERATOR = re.compile(r" = (?:\(.*?\)|\S+) ([a-z][\w-]*)\(")
# they name values, or the same value in another shape, and no code is made for them
NO_WORK = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast", "reshape"}


def program_rows(experiment: Experiment, config: EncoderConfig, accelerator: bool) -> list[dict]:
    """A row for each program of a training of a model with random weights, in shapes as on an accelerator or not."""
    with mock.patch.object(compiled, "has_accelerator", lambda: accelerator), recorded_programs() as rows:
        _run_each_program(experiment, config)
    return rows


def _run_each_program(experiment: Experiment, config: EncoderConfig) -> None:
    model, featurizer, batches, optimizer, dev = _prepared(experiment, config)
    step = make_step(model, optimizer, experiment.training)
    for batch in one_of_each_shape(batches, experiment.training.epochs):
        step(batch)
    extractor = forced_extractor(experiment, model, featurizer, featurizer.corpus(dev)[0])
    extractor.extract([sentence.text for sentence in dev])


def _prepared(experiment: Experiment, config: EncoderConfig):
    """Model, featurizer, batches, optimizer and development split of a training."""
    train, dev = load_training_splits(experiment.data)
    schema = Schema.from_sentences(train)
    model = build_model(experiment, config, schema)
    featurizer = make_featurizer(experiment, schema, open_pretrained(experiment.model.encoder).vocabulary)
    examples, _ = featurizer.corpus(train)
    batches = TrainingBatches(examples, experiment.training, batch_shapes(experiment, model, examples))
    optimizer = make_optimizer(experiment.training, experiment.training.epochs * batches.steps_per_epoch, model)
    return model, featurizer, batches, optimizer, dev


def largest_step(experiment: Experiment, config: EncoderConfig):
    """A function that makes the step for some devices, and the longest batch, in an accelerator's shapes."""
    with mock.patch.object(compiled, "has_accelerator", lambda: True):
        model, _, batches, optimizer, _ = _prepared(experiment, config)
        batch = max(one_of_each_shape(batches, 1), key=lambda batch: batch["token_ids"].shape)
    return (lambda devices: JaxStep(model, optimizer, experiment.training, devices)), batch


def one_of_each_shape(batches: TrainingBatches, epochs: int) -> Iterator[dict]:
    """The first batch of each shape."""
    seen = set()
    for epoch in range(epochs):
        for _, batch in batches.epoch(epoch):
            if (key := _key(batch)) not in seen:
                seen.add(key)
                yield batch


@contextlib.contextmanager
def recorded_programs() -> Iterator[list[dict]]:
    """Rows of the programs of functions that are given to `jax.jit` meanwhile."""
    rows, jit = [], jax.jit

    def recorded(function, **options):
        return _Recorded(jit(function, **options), function.__name__, rows)

    with mock.patch.object(jax, "jit", recorded):
        yield rows


class _Recorded:
    """A jitted function that is compiled by stages for each shape of its arguments, with a row of each."""

    def __init__(self, jitted, name: str, rows: list[dict]):
        self._jitted = jitted
        self._name = name
        self._rows = rows
        self._programs = {}

    def __call__(self, *arguments):
        key = _key(arguments)
        if key not in self._programs:
            self._programs[key] = self._compiled(arguments)
        return self._programs[key](*arguments)

    def _compiled(self, arguments):
        times = [time.perf_counter()]
        traced = self._jitted.trace(*arguments)
        times.append(time.perf_counter())
        lowered = traced.lower()
        times.append(time.perf_counter())
        cpu_seconds = time.process_time()
        program = lowered.compile()
        cpu_seconds = time.process_time() - cpu_seconds
        times.append(time.perf_counter())
        seconds = dict(zip(("trace_s", "lower_s", "compile_s"), np.diff(times).tolist(), strict=True))
        sizes = {
            "hlo_before": count_instructions(before := lowered.as_text(dialect="hlo")),
            "hlo_after": count_instructions(program.as_text()),
            "products": OPERATOR.findall(before).count("dot"),
        }
        self._rows.append(
            {"program": self._name.strip("_"), "shapes": _shapes(arguments[-1])}
            | sizes
            | seconds
            | {"compile_cpu_s": cpu_seconds}
        )
        return program


def count_instructions(hlo: str) -> int:
    """Instructions of a module's text that compute something, those of called and fused computations too."""
    return sum(operator not in NO_WORK for operator in OPERATOR.findall(hlo))


def _key(arguments) -> tuple:
    return tuple((np.shape(leaf), str(leaf.dtype)) for leaf in keras.tree.flatten(arguments))


def _shapes(argument) -> str:
    """The shapes of a batch's sentences and pairs, of states or of spans: what tells programs of a function apart."""
    names = ("token_ids", "pair_rows", "output", "sentence")
    found = []

    def visit(path, leaf):
        if path and path[-1] in names:
            found.append("x".join(map(str, np.shape(leaf))))

    _walk(argument, visit)
    return " ".join(found)


def _walk(tree, visit, path=()):
    if isinstance(tree, dict):
        for name, child in tree.items():
            _walk(child, visit, (*path, name))
    elif isinstance(tree, (list, tuple)):
        for child in tree:
            _walk(child, visit, path)
    else:
        visit(path, tree)
