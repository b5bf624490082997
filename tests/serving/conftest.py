"""Runs with random weights, loud enough that answers vary, and exports of them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from strtf.config import DataOptions, Experiment, ModelOptions, PriorCorrection, Quantize, TrainingOptions, from_values
from strtf.extraction.load import load_extractor, untuned
from strtf.models.build import build_model, named_values
from strtf.run_dir import RunDir, write_json, write_tensors
from strtf.schema import Direction, RelationClass, Schema
from strtf.serving.export import export
from strtf.serving.signatures import ServedModel
from strtf.serving.weights import StoredWeights
from strtf.text.vocabulary import Vocabulary

# The types of `tiny_corpus_dir`, and both directions
SCHEMA = Schema(
    ("Body Part", "Degree", "Location", "Quantifier"),
    (
        RelationClass("Modifier", Direction.BACKWARD),
        RelationClass("Percentage", Direction.FORWARD),
        RelationClass("Position", Direction.FORWARD),
    ),
    frozenset([("Body Part", "Location"), ("Degree", "Location"), ("Degree", "Degree")]),
)
CHARACTERS = list("左前降支近段可见狭窄约，。0123%回旋开口. \n！A")


@pytest.fixture(scope="session")
def documents():
    """Texts of all lengths: none, several windows, characters of several bytes."""
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(CHARACTERS, n)) for n in (5, 30, 12, 0, 150, 46, 1, 25, 47, 300)]
    return [*texts, "😀左前降支e\u0301狭窄\x00", "", "\ufeff左主干"]


@pytest.fixture(scope="session")
def make_run(tiny_config, tiny_encoder_dir, tiny_corpus_dir, tmp_path_factory):
    """make_run(seed=0, **options of the model): a run directory as training leaves it."""

    def make(seed=0, **options):
        keras.utils.set_random_seed(seed)
        options = {"max_tokens": 48, "window_overlap": 12, "num_task_blocks": 2, "units": 12} | options
        options |= {"embedding_size": 12, "encoder": str(tiny_encoder_dir)}
        experiment = Experiment(
            data=DataOptions(data_dir=str(tiny_corpus_dir)),
            model=from_values(ModelOptions, options),
            training=TrainingOptions(prior_correction=PriorCorrection.LOGIT, negative_keep=0.7),
        )
        model = build_model(experiment, tiny_config, SCHEMA)
        values = named_values(model.trainable_variables)
        for name, value in values.items():  # classifiers of fresh weights answer everywhere alike
            values[name] = value * (60.0 if name.endswith("relation_dense/kernel") else 1.0)
        run_dir = RunDir(tmp_path_factory.mktemp("run"))
        write_json(run_dir.schema, SCHEMA.to_json())
        write_json(run_dir.encoder, tiny_config.to_json())
        Vocabulary.load(tiny_encoder_dir / "vocab.txt").save(run_dir.vocabulary)
        write_json(run_dir.config, experiment.to_json())
        write_tensors(run_dir.weights, values, untuned(experiment.training).to_json())
        return run_dir

    return make


@pytest.fixture(scope="session")
def make_extractor(make_run):
    """make_extractor(seed=0, **options of the model): an extractor with those weights."""
    return lambda **options: load_extractor(make_run(**options))


@pytest.fixture(scope="session")
def served():
    """served(extractor, quantize): a function of texts, or bytes, that runs the signature, not saved."""

    def make(extractor, quantize=Quantize.NONE):
        signature = ServedModel(extractor, StoredWeights(extractor.model, quantize)).of_texts()
        return lambda texts: signature(
            text=tf.constant([t if isinstance(t, bytes) else t.encode() for t in texts], tf.string)
        )

    return make


@pytest.fixture(scope="session")
def exported(make_run, tmp_path_factory):
    """(version directory, run, lines that were said)."""
    run_dir, said = make_run(rc_features="cls_and_entities"), []
    target = tmp_path_factory.mktemp("serving") / "reports" / "7"
    export(run_dir, str(target), Quantize.NONE, {}, said.append)
    return target, run_dir, said
