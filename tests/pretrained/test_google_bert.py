import sys

import numpy as np
import pytest

from strtf.errors import StrtfError
from strtf.pretrained.google_bert import read_google_bert
from strtf.pretrained.load import open_pretrained

# Hugging Face's conversion of Google's files, undone
RENAMED = (
    ("encoder.layer.", "encoder.layer_"),
    ("embeddings.weight", "embeddings"),
    ("LayerNorm.weight", "LayerNorm.gamma"),
    ("LayerNorm.bias", "LayerNorm.beta"),
    (".weight", ".kernel"),
    (".", "/"),
)
HEADS = {
    "bert/pooler/dense/kernel": (16, 16),
    "bert/pooler/dense/bias": (16,),
    "cls/predictions/output_bias": (50,),
    "cls/predictions/transform/dense/kernel": (16, 16),
    "cls/seq_relationship/output_weights": (2, 16),
}


@pytest.fixture
def variables(tiny_weights):
    """The tiny BERT as Google's code names and transposes it."""
    found = {}
    for name, array in tiny_weights.items():
        for theirs, googles in RENAMED:
            name = name.replace(theirs, googles)
        found[f"bert/{name}"] = array.T if name.endswith("kernel") else array
    return found


@pytest.fixture
def leftovers(variables):
    """What pretraining leaves in a checkpoint besides the encoder."""
    heads = {name: np.ones(shape, np.float32) for name, shape in HEADS.items()}
    trained = variables | heads
    slots = {f"{name}/adam_{slot}": np.zeros_like(array) for name, array in trained.items() for slot in "mv"}
    return heads | slots | {"global_step": np.int64(1000)}


def test_gives_the_hidden_states_of_the_same_weights(write_google, variables, leftovers, golden, hidden_states):
    bert = open_pretrained(str(write_google(variables | leftovers)))
    expected = golden("tiny")
    found = hidden_states(bert, expected["token_ids"], expected["lengths"])
    np.testing.assert_allclose(found, expected["hidden_2"], atol=1e-5)


def test_heads_slots_and_step_are_skipped(write_google, variables, leftovers):
    assert read_google_bert(write_google(variables | leftovers)).skipped == tuple(sorted(leftovers))


def test_configuration_is_the_tanh_form(write_google, variables, tiny_config):
    assert read_google_bert(write_google(variables)).config == tiny_config


@pytest.mark.parametrize(("token", "lowercase"), [("a", True), ("A", False)])
def test_lowercase_follows_from_the_vocabulary(write_google, variables, tokens, token, lowercase):
    directory = write_google(variables)
    (directory / "vocab.txt").write_text("\n".join([*tokens[:-1], token]), encoding="utf-8")
    assert read_google_bert(directory).lowercase is lowercase


def test_unknown_variables_are_named(write_google, variables):
    unknown = {"output_weights": np.ones((2, 16), np.float32), "bert/extra": np.ones(3, np.float32)}
    with pytest.raises(StrtfError, match=r"heads only\. Received: bert/extra, output_weights\."):
        read_google_bert(write_google(variables | unknown))


def test_another_activation(write_google, variables):
    with pytest.raises(StrtfError, match=r"hidden_act in .* must be gelu\. Received: relu\."):
        read_google_bert(write_google(variables, hidden_act="relu"))


def test_vocabulary_of_the_wrong_size(write_google, variables, tokens):
    directory = write_google(variables)
    (directory / "vocab.txt").write_text("\n".join(tokens[:-1]), encoding="utf-8")
    with pytest.raises(StrtfError, match=r"vocab\.txt must hold 50 tokens, .* vocabulary of the wrong size, 49\."):
        read_google_bert(directory)


def test_half_unpacked_checkpoint(write_google, variables):
    directory = write_google(variables)
    (directory / "bert_model.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(StrtfError, match=r"bert_model\.ckpt must be a complete TensorFlow checkpoint\. Received: "):
        read_google_bert(directory)


def test_without_tensorflow(write_google, variables, monkeypatch):
    directory = write_google(variables)
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(StrtfError, match="TensorFlow must be installed to read Google's files"):
        read_google_bert(directory)
