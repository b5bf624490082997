"""Extraction with the real model and random weights: what must not change its answers."""

import numpy as np
import pytest

from strtf.config import Experiment, PriorCorrection, TrainingOptions
from strtf.errors import StrtfError
from strtf.extraction import extractor as extractor_module
from strtf.extraction.load import load_extractor, no_relation_shift
from strtf.models.base import Task

CHARACTERS = list("左前降支近段可见狭窄约，。0123%回旋开口")


def random_text(rng, length):
    return "".join(rng.choice(CHARACTERS, length))


@pytest.fixture(scope="module")
def documents():
    rng = np.random.default_rng(0)
    return [random_text(rng, n) for n in (5, 30, 12, 0, 120, 46, 1, 25)]


@pytest.fixture(scope="module")
def expected(random_extractor, documents):
    return random_extractor.extract(documents)


def assert_same(found, wanted):
    for ours, theirs in zip(found, wanted, strict=True):
        assert (ours.entities, ours.relations) == (theirs.entities, theirs.relations)
        np.testing.assert_allclose(ours.entity_probabilities, theirs.entity_probabilities, atol=1e-5)
        np.testing.assert_allclose(ours.relation_probabilities, theirs.relation_probabilities, atol=1e-5)


def test_the_weights_are_random_enough(expected):
    assert sum(len(found.entities) for found in expected) > 20
    pairs = sum(len(found.entities) * (len(found.entities) - 1) // 2 for found in expected)
    assert 0 < sum(len(found.relations) for found in expected) < pairs


def test_probabilities_are_probabilities(expected):
    values = [p for found in expected for p in (*found.entity_probabilities, *found.relation_probabilities)]
    assert all(0.0 <= value <= 1.0 for value in values)
    assert len(set(values)) > 10


def test_relations_name_entities_of_their_text(expected):
    for found in expected:
        ids = {entity.id for entity in found.entities}
        assert all({r.head, r.tail} <= ids and r.head != r.tail for r in found.relations)


def test_each_document_alone(random_extractor, documents, expected):
    assert_same([random_extractor.extract([text])[0] for text in documents], expected)


def test_other_batches(random_extractor, documents, expected, monkeypatch):
    monkeypatch.setattr(extractor_module, "PADDED_TOKENS", 64)
    assert_same(random_extractor.extract(documents), expected)


def test_small_chunks(random_extractor, documents, expected, monkeypatch):
    monkeypatch.setattr(
        extractor_module, "pair_chunks", lambda sizes, *_: np.array_split(np.argsort(sizes), -(-len(sizes) // 3))
    )
    assert_same(random_extractor.extract(documents), expected)


def test_relations_of_the_entities_just_found(random_extractor, documents, expected):
    """`relate` encodes again what `extract` scored from the states at hand; characters are tokens here."""
    given = [[(*entity.span, entity.type) for entity in found.entities] for found in expected]
    classes = random_extractor.featurizer.schema.relation_classes
    for found, related in zip(expected, random_extractor.relate(documents, given), strict=True):
        related = sorted(related)
        assert [classes[label - 1].type for _, _, label, _ in related] == [r.type for r in found.relations]
        np.testing.assert_allclose([p for *_, p in related], found.relation_probabilities, atol=1e-5)


def test_a_run_directory_gives_the_same_extractor(random_run, documents, expected):
    extractor = load_extractor(random_run)
    assert_same(extractor.extract(documents), expected)


def test_a_model_without_ner_cannot_extract(random_extractor, random_model, monkeypatch):
    monkeypatch.setattr(random_model, "tasks", (Task.RC,))
    with pytest.raises(StrtfError, match=r"must be among those of the model: rc\. Received: ner\..*--tasks=joint"):
        random_extractor.extract(["左"])


def test_a_model_without_rc_cannot_relate(random_extractor, random_model, monkeypatch):
    monkeypatch.setattr(random_model, "tasks", (Task.NER,))
    with pytest.raises(StrtfError, match=r"must be among those of the model: ner\. Received: rc"):
        random_extractor.relate(["左"], [[]])


@pytest.mark.parametrize(
    ("correction", "keep", "expected_shift"),
    [
        (PriorCorrection.LOGIT, 0.15, -np.log(0.15)),
        (PriorCorrection.LOGIT, 1.0, 0.0),
        (PriorCorrection.LOGIT, 0.0, 0.0),
        (PriorCorrection.WEIGHT, 0.15, 0.0),
        (PriorCorrection.NONE, 0.15, 0.0),
    ],
)
def test_shift_of_the_prior(correction, keep, expected_shift):
    training = TrainingOptions(prior_correction=correction, negative_keep=keep)
    assert no_relation_shift(Experiment(training=training)) == pytest.approx(expected_shift)
