"""Tiny models and the options of a tiny run."""

import contextlib
import dataclasses

import numpy as np
import pytest

from strtf.config import DataOptions, Experiment, ModelOptions, Precision, Tasks, TrainingOptions, from_values
from strtf.data.features import Example
from strtf.schema import Direction, RelationClass, Schema, candidate_pairs

# TagScheme: 9 tags; 4 relation classes with "No relation": the sizes of `random_pair_batch`
SCHEMA = Schema(
    ("A", "B"),
    (
        RelationClass("Of", Direction.FORWARD),
        RelationClass("Of", Direction.BACKWARD),
        RelationClass("On", Direction.FORWARD),
    ),
)


@pytest.fixture(scope="session")
def tiny_model(tiny_config):
    """tiny_model(tasks=…, precision=…, dropout=0.0, seed=0): a fresh model of two blocks (they trace fast)."""
    config = dataclasses.replace(tiny_config, num_blocks=2)

    def make(tasks=Tasks.JOINT, precision=Precision.FLOAT32, dropout=0.0, seed=0):
        import keras

        from strtf.models.build import build_model

        keras.utils.set_random_seed(seed)
        options = ModelOptions(tasks=tasks, num_task_blocks=1, dropout=dropout, max_tokens=64)
        training = TrainingOptions(precision=precision)
        return build_model(Experiment(model=options, training=training), config, SCHEMA)

    return make


@pytest.fixture(scope="session")
def tiny_experiment(two_block_encoder_dir, tiny_corpus_dir):
    """tiny_experiment(epochs=…, …): options of training on the tiny corpus."""

    def make(**training):
        return Experiment(
            data=DataOptions(data_dir=str(tiny_corpus_dir), max_dev_sentences=4),
            model=ModelOptions(encoder=str(two_block_encoder_dir), num_task_blocks=1, max_tokens=48),
            training=dataclasses.replace(
                TrainingOptions(epochs=2, batch_size=2, learning_rate=1e-3, head_learning_rate=3e-3, seed=3),
                **training,
            ),
        )

    return make


@pytest.fixture(scope="session")
def pairs_of_all_sizes():
    """Examples whose pairs have few and many tokens; the first has no entities, the second two, the others many."""
    rng = np.random.default_rng(0)
    return [_example(rng, length, number) for length, number in ((20, 0), (24, 2), (50, 9), (64, 12))]


def _example(rng, length, number):
    starts = np.sort(rng.choice(np.arange(1, length - 1), number, replace=False))
    ends = np.minimum(starts + rng.choice([1, 2, 3, 15], number), length - 1)
    pairs = np.array(candidate_pairs(number), np.int32).reshape(-1, 2)
    return Example(
        f"s{length}",
        rng.integers(5, 60, length, np.int32),
        rng.integers(0, 9, (1, length), np.int32),
        np.stack([starts, ends], axis=1).astype(np.int32),
        rng.integers(0, 2, number, np.int32),
        pairs,
        rng.integers(0, 4, len(pairs), np.int32),
    )


@pytest.fixture(scope="module")
def wide_model(tiny_config, tiny_schema):
    """wide_model(options of the model): a model in float64 with random weights, without dropout."""
    from strtf.models.build import SYSTEMS
    from strtf.text.bieos import TagScheme

    def make(**options):
        options = from_values(ModelOptions, {"dropout": 0.0} | options)
        scheme = TagScheme(tiny_schema.entity_types)
        made = SYSTEMS[options.system](tiny_config, options, scheme, tiny_schema.num_classes, dtype="float64")
        for variable in made.trainable_variables:
            rng = np.random.default_rng(len(variable.path))
            variable.assign(rng.normal(1.0 if variable.path.endswith("gamma") else 0.0, 0.3, variable.shape))
        return made

    return make


@pytest.fixture(scope="session")
def untraced():
    """untraced(): a context in which steps run without being traced, which costs seconds."""

    @contextlib.contextmanager
    def run():
        import tensorflow as tf

        tf.config.run_functions_eagerly(True)
        try:
            yield
        finally:
            tf.config.run_functions_eagerly(False)

    return run


@pytest.fixture
def eagerly(untraced):
    with untraced():
        yield
