import json

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from strtf.errors import StrtfError
from strtf.pretrained.huggingface import read_huggingface
from strtf.pretrained.load import REPOSITORY, open_pretrained

ZH_SMALL = REPOSITORY / "checkpoints" / "zh_small"
HEADS = {
    "bert.pooler.dense.weight": np.ones((16, 16), np.float32),
    "bert.pooler.dense.bias": np.ones(16, np.float32),
    "bert.embeddings.position_ids": np.arange(20)[None],
    "cls.predictions.bias": np.ones(50, np.float32),
    "cls.predictions.decoder.weight": np.ones((50, 16), np.float32),
    "cls.seq_relationship.weight": np.ones((2, 16), np.float32),
}


@pytest.mark.skipif(not ZH_SMALL.is_dir(), reason="checkpoints/zh_small is not in this tree")
@pytest.mark.parametrize("num_blocks", [0, 1, 6, 12])
def test_zh_small_gives_hugging_faces_hidden_states(golden, hidden_states, num_blocks):
    expected = golden("small")
    found = hidden_states(open_pretrained(str(ZH_SMALL)), expected["token_ids"], expected["lengths"], num_blocks)
    np.testing.assert_allclose(found, expected[f"hidden_{num_blocks}"], atol=1e-4)


@pytest.mark.parametrize("num_blocks", [0, 1, 2])
def test_tanh_gelu_gives_hugging_faces_hidden_states(
    write_huggingface, tiny_weights, golden, hidden_states, num_blocks
):
    expected = golden("tiny")
    bert = read_huggingface(write_huggingface(tiny_weights))
    found = hidden_states(bert, expected["token_ids"], expected["lengths"], num_blocks)
    np.testing.assert_allclose(found, expected[f"hidden_{num_blocks}"], atol=1e-5)


def test_the_form_of_gelu_shows(write_huggingface, tiny_weights, golden, hidden_states):
    """The test above tells the two forms apart."""
    expected = golden("tiny")
    bert = read_huggingface(write_huggingface(tiny_weights, hidden_act="gelu"))
    found = hidden_states(bert, expected["token_ids"], expected["lengths"])
    assert np.abs(found - expected["hidden_2"]).max() > 1e-4


@pytest.mark.parametrize(
    ("hidden_act", "approximate"),
    [("gelu", False), ("gelu_new", True), ("gelu_pytorch_tanh", True), ("gelu_fast", True)],
)
def test_hidden_act_decides_the_form_of_gelu(write_huggingface, tiny_weights, hidden_act, approximate):
    bert = read_huggingface(write_huggingface(tiny_weights, hidden_act=hidden_act))
    assert bert.config.approximate_gelu is approximate


def test_configuration(write_huggingface, tiny_weights, tiny_config):
    assert read_huggingface(write_huggingface(tiny_weights)).config == tiny_config


def test_heads_are_skipped_and_the_prefix_goes(write_huggingface, tiny_weights):
    bare = read_huggingface(write_huggingface(tiny_weights))
    with_heads = {f"bert.{name}": array for name, array in tiny_weights.items()} | HEADS
    bert = read_huggingface(write_huggingface(with_heads))
    assert bert.skipped == tuple(sorted(HEADS))
    assert_same_weights(bert.weights, bare.weights)


def test_old_names_of_layer_norm(write_huggingface, tiny_weights):
    new = read_huggingface(write_huggingface(tiny_weights))
    old_names = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): array
        for name, array in tiny_weights.items()
    }
    assert_same_weights(read_huggingface(write_huggingface(old_names)).weights, new.weights)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_becomes_float32(write_huggingface, tiny_weights, dtype):
    bert = read_huggingface(write_huggingface({name: array.astype(dtype) for name, array in tiny_weights.items()}))
    word = bert.weights["embedding/word"]
    assert word.dtype == np.float32
    rounded = tiny_weights["embeddings.word_embeddings.weight"].astype(dtype).astype(np.float32)
    np.testing.assert_array_equal(word, rounded)


def test_shards(write_huggingface, tiny_weights):
    directory = write_huggingface(tiny_weights)
    whole = read_huggingface(directory)
    (directory / "model.safetensors").unlink()
    names = sorted(tiny_weights)
    shards = {"a.safetensors": names[:7], "b.safetensors": names[7:]}
    for file, part in shards.items():
        save_file({name: tiny_weights[name] for name in part}, directory / file)
    write_index(directory, {name: file for file, part in shards.items() for name in part})
    assert_same_weights(open_pretrained(str(directory)).weights, whole.weights)


@pytest.mark.parametrize("value", [True, False])
def test_lowercase_is_the_tokenizers(write_huggingface, tiny_weights, value):
    directory = write_huggingface(tiny_weights)
    (directory / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": value}))
    assert read_huggingface(directory).lowercase is value


@pytest.mark.parametrize("tokenizer", [None, "{}"])
def test_lowercase_is_unknown_without_the_tokenizers(write_huggingface, tiny_weights, tokenizer):
    directory = write_huggingface(tiny_weights)
    if tokenizer:
        (directory / "tokenizer_config.json").write_text(tokenizer)
    assert read_huggingface(directory).lowercase is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_act": "relu"}, r"hidden_act in .* must be one of gelu, gelu_new, .*Received: relu\."),
        ({"model_type": "roberta"}, r"model_type in .* must be one of bert\. Received: roberta\."),
        ({"model_type": None}, r"model_type in .* must be one of bert\. Received: nothing\."),
        ({"layer_norm_eps": 1e-5}, r"layer_norm_eps in .* must be 1e-12\. Received: 1e-05\. Our blocks"),
        ({"position_embedding_type": "relative_key"}, r"must be one of absolute\. Received: relative_key\."),
        ({"is_decoder": True}, r"is_decoder in .* must be one of False\. Received: True\."),
        ({"vocab_size": 51}, r"vocab\.txt must hold 51 tokens, .*wrong size, 50\."),
    ],
)
def test_a_configuration_that_is_not_ours(write_huggingface, tiny_weights, changes, message):
    with pytest.raises(StrtfError, match=message):
        read_huggingface(write_huggingface(tiny_weights, **changes))


@pytest.mark.parametrize(("tokenizer", "warned"), [
    ({"do_lower_case": True, "strip_accents": False}, "accents kept"),
    ({"tokenize_chinese_chars": False}, "Chinese words in one piece"),
    ({"do_lower_case": False, "strip_accents": False, "tokenize_chinese_chars": True}, None),
    ({"do_lower_case": True, "strip_accents": None}, None),
])  # fmt: skip
def test_words_that_are_cut_otherwise_here_are_told(write_huggingface, tiny_weights, caplog, tokenizer, warned):
    directory = write_huggingface(tiny_weights)
    (directory / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    open_pretrained(str(directory))
    assert [warned in message for message in caplog.messages] == ([True] if warned else [])


def test_do_lower_case_must_be_a_truth_value(write_huggingface, tiny_weights):
    directory = write_huggingface(tiny_weights)
    (directory / "tokenizer_config.json").write_text('{"do_lower_case": "yes"}')
    with pytest.raises(StrtfError, match=r"do_lower_case in .* must be one of True, False\. Received: yes\."):
        read_huggingface(directory)


def test_unknown_variable(write_huggingface, tiny_weights):
    directory = write_huggingface(tiny_weights | {"classifier.weight": np.ones((2, 16), np.float32)})
    with pytest.raises(StrtfError, match=r"heads only\. Received: classifier\.weight\."):
        read_huggingface(directory)


def test_broken_weights(write_huggingface, tiny_weights):
    path = write_huggingface(tiny_weights) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(StrtfError, match=r"model\.safetensors must be a complete safetensors file\. Received: "):
        read_huggingface(path.parent)


def test_missing_shard(write_huggingface, tiny_weights):
    directory = write_huggingface(tiny_weights)
    (directory / "model.safetensors").unlink()
    write_index(directory, {"embeddings.LayerNorm.weight": "gone.safetensors"})
    with pytest.raises(StrtfError, match=r"gone\.safetensors must be a complete safetensors file"):
        read_huggingface(directory)


def test_index_without_its_map(write_huggingface, tiny_weights):
    directory = write_huggingface(tiny_weights)
    (directory / "model.safetensors").unlink()
    (directory / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(StrtfError, match=r"weight_map in .* must be an object of file names\. Received: NoneType"):
        read_huggingface(directory)


def write_index(directory, weight_map):
    (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))


def assert_same_weights(found, expected):
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
