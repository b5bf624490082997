import logging
import sys

import numpy as np
import pytest

from strtf.errors import StrtfError
from strtf.pretrained.keras_hub_presets import is_preset
from strtf.pretrained.load import open_pretrained


@pytest.fixture(scope="module")
def models():
    return pytest.importorskip("keras_hub").models


@pytest.fixture
def backbone(models):
    """keras-hub's own BERT with random weights, none at its initial 0 or 1."""
    backbone = models.BertBackbone(
        vocabulary_size=50,
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        max_sequence_length=20,
    )
    random = np.random.default_rng(0)
    for variable in backbone.weights:
        variable.assign_add(random.normal(0, 0.3, variable.shape))
    return backbone


@pytest.fixture
def preset(models, backbone, tokens, monkeypatch):
    """The name of a preset that keras-hub "downloads"."""
    tokenizer = models.BertTokenizer(vocabulary=list(tokens), lowercase=False)
    monkeypatch.setattr(models.BertBackbone, "from_preset", lambda name, **kwargs: backbone)
    monkeypatch.setattr(models.BertTokenizer, "from_preset", lambda name: tokenizer)
    return "bert_base_zh"


def test_hidden_states_are_keras_hubs(preset, backbone, golden, hidden_states):
    inputs = golden("tiny")
    token_ids, lengths = inputs["token_ids"], inputs["lengths"]
    mask = np.arange(token_ids.shape[1]) < lengths[:, None]
    expected = backbone(
        {
            "token_ids": token_ids,
            "segment_ids": np.zeros_like(token_ids),
            "padding_mask": mask.astype("int32"),
        }
    )["sequence_output"]
    found = hidden_states(open_pretrained(preset), token_ids, lengths)
    np.testing.assert_allclose(found, np.asarray(expected) * mask[:, :, None], atol=1e-5)


def test_every_variable_of_the_backbone_is_read(preset, backbone):
    bert = open_pretrained(preset)
    read = sum(array.size for array in bert.weights.values())
    assert read + backbone.pooled_dense.count_params() == backbone.count_params()
    assert bert.skipped == ("pooled_dense/kernel", "pooled_dense/bias")


def test_configuration_vocabulary_and_case(preset, tiny_config, tokens):
    bert = open_pretrained(preset)
    assert (bert.config, bert.vocabulary.tokens, bert.lowercase) == (tiny_config, tokens, True)


@pytest.mark.parametrize("name", ["bert_base_zh", "kaggle://keras/bert/keras/bert_base_zh"])
def test_refused_download(models, monkeypatch, name):
    def refuse(*args, **kwargs):
        raise ConnectionError("host\nnot found " + "very " * 100)

    monkeypatch.setattr(models.BertBackbone, "from_preset", refuse)
    with pytest.raises(StrtfError) as caught:
        open_pretrained(name)
    message = str(caught.value)
    assert f"Received: {name}; the download was refused, or" in message
    assert "(ConnectionError: host not found" in message
    assert message.endswith("Give a directory of Google's or Hugging Face's files instead.")
    assert "\n" not in message and len(message) < 500


def test_retries_are_not_printed_and_the_first_names_the_cause(models, monkeypatch, caplog):
    def retry(*args, **kwargs):
        for cause in ("Name or service not known", "Retrying in 1s"):
            logging.getLogger("huggingface_hub.utils._http").warning(cause)
        raise ValueError("Preset has no config.json.")

    monkeypatch.setattr(models.BertBackbone, "from_preset", retry)
    with pytest.raises(StrtfError, match=r"\(Name or service not known; ValueError: Preset has no config\.json\.\)"):
        open_pretrained("bert_base_zh")
    assert not caplog.records
    logging.getLogger("huggingface_hub").warning("later")
    assert [record.message for record in caplog.records] == ["later"]


def test_preset_without_wordpiece(models, preset, monkeypatch):
    monkeypatch.setattr(models.BertTokenizer, "from_preset", lambda name: object())
    with pytest.raises(StrtfError, match=r"WordPiece vocabulary\. Received: bert_base_zh with tokenizer object\."):
        open_pretrained(preset)


@pytest.mark.parametrize(
    ("name", "known"),
    [("bert_base_zh", True), ("kaggle://a/b", True), ("kaggle://", False), ("bert_base", False), ("a/b", False)],
)
def test_names_of_presets(models, name, known):
    assert is_preset(name) is known


@pytest.mark.parametrize("name", ["bert_base_zh", "kaggle://keras/bert"])
def test_without_keras_hub(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(StrtfError, match=f"keras-hub must be installed to look for a preset. Received: {name}, which"):
        open_pretrained(name)
