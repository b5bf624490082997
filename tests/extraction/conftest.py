"""Extractors with models that are not trained: a stub whose answers are known, and the real one with random weights."""

import numpy as np
import pytest

from strtf.config import Experiment, ModelOptions, PriorCorrection, TrainingOptions
from strtf.schema import Direction, RelationClass, Schema

SCHEMA = Schema(
    ("Body Part", "Degree", "Location"),
    (RelationClass("Modifier", Direction.BACKWARD), RelationClass("Position", Direction.FORWARD)),
    frozenset([("Body Part", "Location"), ("Body Part", "Degree")]),
)
# What the stub makes of a character: names of tags
LETTERS = {"a": "S-Body Part", "b": "S-Degree", "c": "S-Location"}
LETTERS |= {"d": "B-Body Part", "e": "I-Body Part", "f": "E-Body Part"}


@pytest.fixture(scope="session")
def vocabulary(tiny_encoder_dir):
    from strtf.text.vocabulary import Vocabulary

    return Vocabulary.load(tiny_encoder_dir / "vocab.txt")


class StubModel:
    """Tags each letter by LETTERS; relates every pair, "Modifier" where the second entity is one token."""

    def __init__(self, config, vocabulary, scheme):
        from strtf.models.base import Task

        self.tasks = (Task.NER, Task.RC)
        self.config = config
        self.scored_pairs = []
        self.edge_tag = None  # what it makes of letters at a window's edges, where context is missing
        self._tags = np.zeros(len(vocabulary.ids), np.int32)
        for letter, tag in LETTERS.items():
            self._tags[vocabulary.id(letter)] = scheme.names.index(tag)

    def pair_memory(self, options, training=False):
        from strtf.models.memory import PairMemory

        return PairMemory(self.config, options, training)

    def sentence_flops(self, lengths):
        return 0.0

    def pair_flops(self, options, length, sizes):
        return 0.0

    def require(self, task):
        assert task in self.tasks

    def encode(self, batch):
        return {"ids": np.asarray(batch["token_ids"])}

    def tag(self, batch, states):
        tags = self._tags[states["ids"] % len(self._tags)]
        if self.edge_tag is not None:
            place, last = np.arange(tags.shape[1])[None], batch["lengths"][:, None] - 2
            at_edge = (place <= 2) | (place >= last - 1)
            tags = np.where(at_edge & (tags > 0), self.edge_tag, tags)
        return tags, np.zeros((1, 1, 1), np.float32)

    def span_log_probabilities(self, batch, emissions, spans):
        return -np.log(np.maximum(spans["end"] - spans["start"], 1))

    def classify_pairs(self, batch, states):
        spans = np.asarray(batch["pair_spans"])
        self.scored_pairs.append(len(spans))
        assert (spans[:, :2] >= 1).all() and (spans <= states["ids"].shape[1] - 1).all()
        short = spans[:, 3] - spans[:, 2] == 1
        return np.stack([np.zeros(len(spans)), 3.0 * short, 3.0 * ~short], axis=1).astype(np.float32)


@pytest.fixture(scope="session")
def tokenizer(vocabulary):
    """Made once: its table of all code points takes a while."""
    from strtf.config import Tokenization
    from strtf.text.tokenizer import make_tokenizer

    return make_tokenizer(vocabulary, Tokenization.CHARACTER, lowercase=True)


@pytest.fixture
def stub_extractor(tiny_config, vocabulary, tokenizer, monkeypatch):
    """stub_extractor(max_tokens=…, …): an Extractor around the stub, whose methods stay uncompiled."""
    from strtf.extraction import extractor, load

    monkeypatch.setattr(extractor, "compiled", lambda model, function, jit_compile: function)
    monkeypatch.setattr(load, "make_tokenizer", lambda *_: tokenizer)

    def make(**model):
        experiment = Experiment(model=ModelOptions(**{"max_tokens": 32, "window_overlap": 8} | model))
        featurizer = load.make_featurizer(experiment, SCHEMA, vocabulary)
        stub = StubModel(tiny_config, vocabulary, featurizer.scheme)
        return extractor.Extractor(stub, featurizer, experiment.model)

    return make


@pytest.fixture(scope="session")
def random_experiment():
    model = ModelOptions(max_tokens=48, window_overlap=12, num_task_blocks=2)
    return Experiment(model=model, training=TrainingOptions(prior_correction=PriorCorrection.NONE))


@pytest.fixture(scope="session")
def random_model(tiny_config, random_experiment):
    """The real model with random weights, its classifier loud enough that answers vary."""
    import keras

    from strtf.models.build import build_model

    keras.utils.set_random_seed(5)
    model = build_model(random_experiment, tiny_config, SCHEMA)
    model.pair_classifier.relation_dense.kernel.assign(model.pair_classifier.relation_dense.kernel * 40.0)
    return model


@pytest.fixture(scope="session")
def random_featurizer(random_experiment, vocabulary):
    from strtf.extraction.load import make_featurizer

    return make_featurizer(random_experiment, SCHEMA, vocabulary)


@pytest.fixture(scope="session")
def random_extractor(random_experiment, random_model, random_featurizer):
    from strtf.extraction.load import make_extractor

    return make_extractor(random_experiment, random_model, random_featurizer)


@pytest.fixture(scope="session")
def random_run(random_experiment, random_model, tiny_config, vocabulary, tmp_path_factory):
    """A run directory as training leaves it, with those random weights."""
    from strtf.extraction.load import untuned
    from strtf.models.build import named_values
    from strtf.run_dir import RunDir, write_json, write_tensors

    run_dir = RunDir(tmp_path_factory.mktemp("random_run"))
    write_json(run_dir.schema, SCHEMA.to_json())
    write_json(run_dir.encoder, tiny_config.to_json())
    vocabulary.save(run_dir.vocabulary)
    write_json(run_dir.config, random_experiment.to_json())
    kept = untuned(random_experiment.training).to_json()
    write_tensors(run_dir.weights, named_values(random_model.trainable_variables), kept)
    return run_dir
