"""Extraction with the real model and random weights: what must not change its answers."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from strtf.config import PriorCorrection, TrainingOptions
from strtf.data.buckets import BucketedShapes
from strtf.errors import StrtfError
from strtf.extraction import extractor as extractor_module
from strtf.extraction.decision import Decision
from strtf.extraction.extractor import Extractor
from strtf.extraction.load import load_extractor, make_extractor, untuned
from strtf.models.base import Task
from strtf.models.build import named_values
from strtf.run_dir import RunDir, write_tensors

LARGEST_PAIR_BYTES = 48 * 1200  # of 48 tokens in the tiny model, about
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


def test_relations_can_be_decided_afterwards(random_extractor, documents, monkeypatch):
    """Every pair's best relation, and of them those above a threshold: what extraction with it finds."""
    monkeypatch.setattr(random_extractor, "decision", decision := Decision(relation_ends=1.0, relation_threshold=0.0))
    every = random_extractor.extract(documents)
    probabilities = [p for extraction in every for p in extraction.relation_probabilities]
    for threshold in np.quantile(probabilities, (0.3, 0.8)):
        decision.relation_threshold = float(threshold)
        found, cut = random_extractor.extract(documents), [extraction.decided(decision) for extraction in every]
        assert 0 < sum(len(f.relations) for f in found) < sum(len(f.relations) for f in every)
        assert [(f.entities, f.relations) for f in found] == [(c.entities, c.relations) for c in cut]


def test_relations_name_entities_of_their_text(expected):
    for found in expected:
        ids = {entity.id for entity in found.entities}
        assert all({r.head, r.tail} <= ids and r.head != r.tail for r in found.relations)


def test_each_document_alone(random_extractor, documents, expected):
    assert_same([random_extractor.extract([text])[0] for text in documents], expected)


def test_other_batches(random_extractor, documents, expected, monkeypatch):
    monkeypatch.setattr(extractor_module, "PADDED_TOKENS", 64)
    assert_same(random_extractor.extract(documents), expected)


@pytest.mark.parametrize("number", [1, 3, 50])
def test_small_chunks(random_extractor, documents, expected, monkeypatch, number):
    monkeypatch.setattr(random_extractor.shapes.memory, "budget", number * LARGEST_PAIR_BYTES)
    assert_same(random_extractor.extract(documents), expected)


@pytest.fixture
def crowded(random_extractor):
    """A text, and 40 entities of which some share tokens: 780 pairs."""
    rng = np.random.default_rng(1)
    starts = np.sort(rng.integers(0, 44, 40))
    types = rng.choice(random_extractor.featurizer.schema.entity_types, 40).tolist()
    ends = np.minimum(starts + rng.integers(1, 9, 40), 46)
    return random_text(rng, 46), list(zip(starts.tolist(), ends.tolist(), types, strict=True))


def related(extractor, crowded):
    text, entities = crowded
    return sorted(extractor.relate([text, "左", text], [entities, [], entities[:1]])[0])


def test_thousands_of_pairs_under_a_tiny_budget(random_experiment, random_model, random_featurizer, crowded):
    """One chunk and many give the same, pairs that share tokens among them; sentences without a pair do no harm."""
    calls = {}
    for name, budget in (("one", 2**30), ("many", 20 * LARGEST_PAIR_BYTES)):
        extractor = make_extractor(random_experiment, random_model, random_featurizer)
        extractor.shapes.memory.budget = budget
        classify, calls[name] = extractor._classify, []
        extractor._classify = lambda *a, made=calls[name], classify=classify: (made.append(0), classify(*a))[1]
        calls[f"{name} found"] = related(extractor, crowded)
    assert len(calls["one"]) <= 2 and len(calls["many"]) > 20
    assert len(calls["one found"]) > 50
    for ours, theirs in zip(calls["many found"], calls["one found"], strict=True):
        assert ours[:3] == theirs[:3]
        assert ours[3] == pytest.approx(theirs[3], rel=1e-5, abs=1e-5)


def watched(function, seen):
    """The function, which also notes the shapes of its arguments."""

    def noting(*arguments):
        seen.add(tuple(tuple(np.shape(value)) for value in tf.nest.flatten(arguments)))
        return function(*arguments)

    return noting


@pytest.fixture(scope="module")
def bucketed(random_experiment, random_model, random_featurizer):
    """An extractor as under a backend that compiles for each shape, and the shapes that each function met."""
    memory = random_model.pair_memory(random_experiment.model)
    shapes = BucketedShapes(random_experiment.model.max_tokens, memory)
    extractor, seen = Extractor(random_model, random_featurizer, random_experiment.model, shapes=shapes), {}
    for name in ("_encode", "_tag", "_span_log_probabilities", "_classify"):
        seen[name] = set()
        setattr(extractor, name, watched(getattr(extractor, name), seen[name]))
    return extractor, seen


def test_few_shapes_give_the_same(bucketed, documents, expected):
    assert_same(bucketed[0].extract(documents), expected)


def test_few_shapes_are_few(bucketed, documents, crowded, monkeypatch):
    """Over texts short and long, alone and many, with few entities and many."""
    extractor, seen = bucketed
    monkeypatch.setattr(extractor_module, "PADDED_TOKENS", 192)
    rng = np.random.default_rng(2)
    for count in (1, 3, 40):
        extractor.extract([random_text(rng, int(length)) for length in rng.integers(0, 120, count)])
    related(extractor, crowded)
    extractor.extract(documents)
    counts = {name: len(met) for name, met in seen.items()}
    assert max(counts.values()) <= 12
    assert counts["_classify"] >= counts["_encode"] > 2


def test_relations_of_the_entities_just_found(random_extractor, documents, expected):
    """`relate` encodes again what `extract` scored from the states at hand; characters are tokens here."""
    given = [[(*entity.span, entity.type) for entity in found.entities] for found in expected]
    classes = random_extractor.featurizer.schema.relation_classes
    for found, related in zip(expected, random_extractor.relate(documents, given), strict=True):
        related = sorted(related)
        assert [classes[pair.label - 1].type for pair in related] == [r.type for r in found.relations]
        np.testing.assert_allclose([pair.probability for pair in related], found.relation_probabilities, atol=1e-5)


def test_a_run_directory_gives_the_same_extractor(random_run, documents, expected):
    extractor = load_extractor(random_run)
    assert_same(extractor.extract(documents), expected)


def test_the_pair_filter_may_be_switched_on_for_a_trained_run(random_run, documents, expected):
    """With given entities and with found ones: related pairs are those of seen types among the related pairs."""
    experiment = random_run.read_experiment().override({"model": {"pair_filter": "seen_types"}})
    extractor = load_extractor(random_run, experiment)
    schema, given = extractor.featurizer.schema, [[(*e.span, e.type) for e in found.entities] for found in expected]
    unfiltered = load_extractor(random_run).relate(documents, given)
    wanted = [
        sorted(pair[:3] for pair in pairs if schema.related(spans[pair[0]][2], spans[pair[1]][2]))
        for spans, pairs in zip(given, unfiltered, strict=True)
    ]
    assert 0 < sum(map(len, wanted)) < sum(map(len, unfiltered))
    assert [sorted(pair[:3] for pair in pairs) for pairs in extractor.relate(documents, given)] == wanted
    assert [len(found.relations) for found in extractor.extract(documents)] == [len(pairs) for pairs in wanted]


def test_only_the_probable_may_be_asked_of_a_trained_run(random_run, documents, expected):
    least = float(np.median([p for found in expected for p in found.entity_probabilities]))
    experiment = random_run.read_experiment().override({"model": {"min_probability": least}})
    found = load_extractor(random_run, experiment).extract(documents)
    wanted = [
        [(e.span, e.type) for e, p in zip(each.entities, each.entity_probabilities, strict=True) if p >= least]
        for each in expected
    ]
    assert [[(e.span, e.type) for e in each.entities] for each in found] == wanted
    relations = [p for each in found for p in each.relation_probabilities]
    assert relations and min(relations) > least


def test_a_model_without_ner_cannot_extract(random_extractor, random_model, monkeypatch):
    monkeypatch.setattr(random_model, "tasks", (Task.RC,))
    with pytest.raises(StrtfError, match=r"must be among those of the model: rc\. Received: ner\..*--tasks=joint"):
        random_extractor.extract(["左"])


def test_a_model_without_rc_cannot_relate(random_extractor, random_model, monkeypatch):
    monkeypatch.setattr(random_model, "tasks", (Task.NER,))
    with pytest.raises(StrtfError, match=r"must be among those of the model: ner\. Received: rc"):
        random_extractor.relate(["左"], [[]])


@pytest.mark.parametrize(
    ("correction", "keep", "expected_offset"),
    [
        (PriorCorrection.LOGIT, 0.15, np.log(0.15)),
        (PriorCorrection.LOGIT, 1.0, 0.0),
        (PriorCorrection.LOGIT, 0.0, 0.0),
        (PriorCorrection.WEIGHT, 0.15, 0.0),
        (PriorCorrection.NONE, 0.15, 0.0),
    ],
)
def test_offset_of_the_prior(correction, keep, expected_offset):
    training = TrainingOptions(prior_correction=correction, negative_keep=keep)
    assert untuned(training).relation_offset == pytest.approx(expected_offset)


def test_the_decision_comes_with_the_weights(random_run, random_model, tmp_path):
    shutil.copytree(random_run.path, tmp_path / "run")
    run_dir = RunDir(tmp_path / "run")
    decision = Decision(*(n / 8 for n in range(1, 9)))
    write_tensors(run_dir.weights, named_values(random_model.trainable_variables), decision.to_json())
    assert load_extractor(run_dir).decision == decision


def test_other_decisions_find_what_extraction_finds(random_extractor):
    texts, shifts = ["左前降支近段狭窄，abc。" * n for n in (1, 3, 9)] + [""], (-1.0, 0.0, 2.0)
    found = random_extractor.try_entities(texts, [(shift, 1.5) for shift in shifts])
    assert random_extractor.decision == Decision()
    counts = [sum(map(len, of_shift)) for of_shift in found]
    assert counts[0] < counts[1] < counts[2]
    try:
        for shift, of_shift in zip(shifts, found, strict=True):
            random_extractor.decision = Decision(shift, 1.5)
            plain = random_extractor.extract(texts)
            assert [each.entities for each in plain] == [tuple(entity for entity, _ in text) for text in of_shift]
            assert [each.entity_probabilities for each in plain] == [tuple(p for _, p in text) for text in of_shift]
    finally:
        random_extractor.decision = Decision()
