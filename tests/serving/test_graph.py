"""The graph from texts on against the extractor, over systems and options."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf

from strtf.config import Quantize
from strtf.errors import StrtfError
from strtf.serving import graph as graph_module
from strtf.serving.bare_run import answers
from strtf.serving.self_check import _as_answer

SYSTEMS = {
    "entities": {"rc_features": "cls_and_entities", "rc_distance": True},
    "cls_focused": {"rc_mask": "cls_focused", "pair_filter": "seen_types"},
    # many small windows: layers of two windows find entities in turn
    "layers": {"tag_layers": 3, "pair_filter": "seen_types", "max_tokens": 16, "window_overlap": 4},
    "lines": {"pair_scope": "line", "tag_layers": 2},
    "ner": {"tasks": "ner", "legal_decoding": False},
    "joint_bilstm": {"system": "joint_bilstm"},
    "spert": {"system": "spert"},
    "rdcnn": {"system": "rdcnn", "tasks": "ner"},
}


def assert_same(found, wanted):
    """Equal but for rounding."""
    for ours, theirs in zip(found, map(_as_answer, wanted), strict=True):
        for kind in ("entities", "relations"):
            assert [item[:-1] for item in ours[kind]] == [item[:-1] for item in theirs[kind]]
            np.testing.assert_allclose(
                [item[-1] for item in ours[kind]], [item[-1] for item in theirs[kind]], rtol=0, atol=1e-4
            )


@pytest.fixture(scope="module")
def extractor(make_extractor):
    return make_extractor(**SYSTEMS["entities"])


@pytest.fixture(scope="module")
def run(served, extractor):
    return served(extractor)


@pytest.fixture
def decided(extractor, monkeypatch):
    """decided(**changes): `extractor` itself, for this test with another decision."""
    before = extractor.decision

    def make(**changes):
        monkeypatch.setattr(extractor, "decision", dataclasses.replace(before, **changes))
        return extractor

    return make


@pytest.mark.parametrize("options", SYSTEMS.values(), ids=SYSTEMS)
def test_the_answers_are_the_extractor_s(make_extractor, served, documents, options):
    extractor = make_extractor(**options)
    if "pair_scope" in options:
        documents = [text.replace("。", "\n") for text in documents]
    wanted = extractor.extract(documents)
    assert_same(answers(served(extractor)(documents)), wanted)
    pairs = sum(len(found.entities) * (len(found.entities) - 1) // 2 for found in wanted)
    assert sum(len(found.entities) for found in wanted) > 10
    assert (0 < sum(len(found.relations) for found in wanted) < pairs) or options.get("tasks") == "ner"


def test_layers_find_entities_within_entities(make_extractor, documents):
    """Else the cases above would show nothing."""
    for found in make_extractor(**SYSTEMS["layers"]).extract(documents):
        places = [entity.span for entity in found.entities]
        assert places == sorted(places)
        if any(b < last for (_, last), (b, _) in itertools.pairwise(places)):
            return
    pytest.fail("no entities overlap")


def test_each_text_alone(run, extractor, documents):
    found = [answers(run([text]))[0] for text in documents]
    assert_same(found, extractor.extract(documents))


def test_small_chunks_of_texts_and_windows(served, documents, extractor, monkeypatch):
    monkeypatch.setattr(graph_module, "PADDED_TOKENS", 100)
    assert_same(answers(served(extractor)(documents)), extractor.extract(documents))


@pytest.mark.parametrize("pairs", [1, 7])
def test_small_chunks_of_pairs(served, documents, extractor, monkeypatch, pairs):
    monkeypatch.setattr(type(extractor.shapes.memory), "pairs", lambda self, tokens, length: pairs)
    assert_same(answers(served(extractor)(documents[:3])), extractor.extract(documents[:3]))


@pytest.mark.parametrize("texts", [[], [""], ["", ""], ["左"], ["。"], ["😀"]], ids=repr)
def test_little(run, extractor, texts):
    outputs = run(texts)
    assert all(value.shape[0] == len(texts) for value in outputs.values())
    assert all(value.shape[1] >= 1 for name, value in outputs.items() if not name.endswith("count"))
    assert_same(answers(outputs), extractor.extract(texts))


def test_five_thousand_characters(run, extractor, documents):
    """Most of them outside of entities: each of these windows' pairs would cost time."""
    text = ("".join(documents) + "x" * 2000 + "。" * 3000)[:5000]
    assert_same(answers(run([text])), extractor.extract([text]))


def test_the_probability_of_relations(decided, served, documents):
    """Of the triple, as a temperature, a line and the entities make it."""
    documents = documents[:4]
    options = {"entity_temperature": 1.5, "relation_slope": 0.8, "relation_offset": -0.5, "relation_ends": 1.0}
    extracted = decided(**options, relation_threshold=0.0).extract(documents)
    probabilities = sorted(p for found in extracted for p in found.relation_probabilities)
    strict = decided(**options, relation_threshold=sum(probabilities[-7:-5]) / 2)
    found, wanted = answers(served(strict)(documents)), strict.extract(documents)
    assert_same(found, wanted)
    assert sum(len(w.relations) for w in wanted) == 6


def test_the_threshold_of_entities(decided, served, documents):
    documents = documents[:4]
    plain = decided().extract(documents)
    probabilities = sorted(p for found in plain for p in found.entity_probabilities)
    strict = decided(entity_threshold=sum(probabilities[len(probabilities) // 2 :][:2]) / 2)  # between two values
    found, wanted = answers(served(strict)(documents)), strict.extract(documents)
    assert_same(found, wanted)
    assert 0 < sum(len(w.entities) for w in wanted) < sum(len(e.entities) for e in plain)


@pytest.mark.parametrize("shift", [-1.0, 1.0])
def test_the_shift_of_entities(decided, served, documents, shift):
    documents = documents[:4]
    plain = decided().extract(documents)
    shifted = decided(entity_shift=shift)
    found, wanted = answers(served(shifted)(documents)), shifted.extract(documents)
    assert_same(found, wanted)
    more = sum(len(w.entities) for w in wanted) - sum(len(e.entities) for e in plain)
    assert more * shift > 0


def test_the_outputs_keep_their_contract(run, documents):
    outputs = run(documents)
    kinds = {name: (value.dtype, len(value.shape)) for name, value in outputs.items()}
    integers, strings, floats = (tf.int32, 2), (tf.string, 2), (tf.float32, 2)
    assert kinds == {
        "entity_start": integers, "entity_end": integers, "entity_type": strings, "entity_probability": floats,
        "entity_count": (tf.int32, 1), "relation_head": integers, "relation_tail": integers,
        "relation_type": strings, "relation_probability": floats, "relation_count": (tf.int32, 1),
    }  # fmt: skip


def test_padding(run):
    outputs = {name: value.numpy() for name, value in run(["", "左前降支近段可见狭窄约30%，。"]).items()}
    assert outputs["entity_count"][0] == outputs["relation_count"][0] == 0 < outputs["entity_count"][1]
    for name, value in outputs.items():
        if not name.endswith("count"):
            padding = b"" if name.endswith("type") else 0 if name.endswith("probability") else -1
            assert (value[0] == padding).all(), name


def test_bytes_that_are_not_utf8(run):
    broken = "左前降支".encode() + b"\xff\xe5" + "近段狭窄30%".encode()
    assert answers(run([broken.decode(errors="replace")])) == answers(run([broken]))


@pytest.mark.parametrize("quantize", [Quantize.FLOAT16, Quantize.DYNAMIC_INT8])
def test_rounded_weights(make_extractor, served, documents, quantize):
    """The graph answers as the model does with the same rounding."""
    from strtf.serving.weights import StoredWeights

    extractor = make_extractor(**SYSTEMS["entities"])
    documents = documents[:4]
    run, plain = served(extractor, quantize), extractor.extract(documents)
    StoredWeights(extractor.model, quantize).assign()
    rounded = extractor.extract(documents)
    assert_same(answers(run(documents)), rounded)
    assert [e.entity_probabilities for e in plain] != [e.entity_probabilities for e in rounded]


def test_a_model_without_entities(make_extractor, served):
    with pytest.raises(StrtfError, match=r"Received: ner"):
        served(make_extractor(tasks="rc"))


def test_the_schema_decides_directions(make_extractor, run, served, documents):
    """The same weights under turned directions: head and tail change places."""
    documents, turned = documents[:4], make_extractor(**SYSTEMS["entities"])
    schema = turned.featurizer.schema
    classes = [dataclasses.replace(c, direction=type(c.direction)("1→2" if c.direction == "2→1" else "2→1"))
               for c in schema.relation_classes]  # fmt: skip
    turned.featurizer.schema = dataclasses.replace(schema, relation_classes=tuple(classes))
    there, back = answers(run(documents)), answers(served(turned)(documents))
    swapped = [[[tail, head, *rest] for head, tail, *rest in answer["relations"]] for answer in there]
    assert [answer["relations"] for answer in back] == swapped
