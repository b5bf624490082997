import json

import pytest

from strtf.errors import StrtfError
from strtf.pretrained.bert_config import encoder_config, read_json


@pytest.fixture
def path(tmp_path):
    return tmp_path / "bert_config.json"


def test_every_size_finds_its_field(tiny_sizes, tiny_config, path):
    assert encoder_config(tiny_sizes, path, approximate_gelu=True) == tiny_config


@pytest.mark.parametrize("key", ["vocab_size", "num_hidden_layers", "max_position_embeddings", "type_vocab_size"])
def test_a_missing_size(tiny_sizes, path, key):
    values = {name: size for name, size in tiny_sizes.items() if name != key}
    with pytest.raises(StrtfError, match=rf"{key} in .* must be a positive integer\. Received: nothing\."):
        encoder_config(values, path, approximate_gelu=False)


@pytest.mark.parametrize("value", [0, -1, 1.5, "16", None, True])
def test_a_size_must_be_a_positive_integer(tiny_sizes, path, value):
    with pytest.raises(StrtfError, match=rf"hidden_size in .* must be a positive integer\. Received: {value}\."):
        encoder_config(tiny_sizes | {"hidden_size": value}, path, approximate_gelu=False)


def test_heads_must_divide_the_hidden_size(tiny_sizes, path):
    with pytest.raises(StrtfError, match=r"must be a multiple of num_attention_heads\. Received: 16, 3\."):
        encoder_config(tiny_sizes | {"num_attention_heads": 3}, path, approximate_gelu=False)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"{", "must be JSON"),
        (b"[" * 100_000, "must be JSON"),
        (b"\xff", "must be JSON"),
        (b"[1]", r"must be a JSON object\. Received: list"),
    ],
)
def test_content_must_be_a_json_object(path, content, rule):
    path.write_bytes(content)
    with pytest.raises(StrtfError, match=rf"bert_config\.json {rule}"):
        read_json(path)


def test_unreadable_file(path):
    with pytest.raises(StrtfError, match=r"bert_config\.json must be a readable file"):
        read_json(path)


def test_values_are_returned(path):
    path.write_text(json.dumps({"hidden_act": "gelu"}))
    assert read_json(path) == {"hidden_act": "gelu"}
