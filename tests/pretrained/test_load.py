import ast
import pathlib
import re

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strtf.errors import StrtfError
from strtf.layers.str_encoder import StrEncoder
from strtf.pretrained import load
from strtf.pretrained.load import assign_weights, open_pretrained
from strtf.pretrained.variables import listing


@pytest.fixture(scope="module")
def encoder(build, tiny_config):
    return build(tiny_config)


@pytest.fixture(scope="module")
def weights(encoder):
    random = np.random.default_rng(0)
    prefix = f"{encoder.path}/"
    return {v.path.removeprefix(prefix): random.normal(size=v.shape).astype("float32") for v in encoder.weights}


def test_names_and_shapes_are_the_documented_ones(weights):
    shapes = {name: weights[name].shape for name in ("embedding/word", "block_01/qkv_kernel", "block_02/output/bias")}
    assert shapes == {
        "embedding/word": (50, 16),
        "block_01/qkv_kernel": (16, 48),
        "block_02/output/bias": (16,),
    }


def test_every_variable_takes_its_weights(build, tiny_config, weights):
    encoder = build(tiny_config)
    assign_weights(encoder, weights)
    assert len(encoder.weights) == len(weights)
    for variable, value in zip(encoder.weights, values(encoder), strict=True):
        np.testing.assert_array_equal(value, weights[variable.path.removeprefix(f"{encoder.path}/")])


def test_names_do_not_depend_on_where_the_encoder_lives(tiny_config, weights):
    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = StrEncoder(tiny_config, num_task_blocks=1, name="inner")

        def build(self, input_shape):
            self.encoder.build(input_shape)

    model = Model()
    model.build((None, None))
    assign_weights(model.encoder, weights)
    np.testing.assert_array_equal(values(model.encoder)[0], weights["embedding/word"])


def values(encoder):
    return [keras.ops.convert_to_numpy(variable) for variable in encoder.weights]


def refuse(encoder, weights):
    """The refusal; checks that it came before any copying."""
    before = values(encoder)
    with pytest.raises(StrtfError) as caught:
        assign_weights(encoder, weights)
    for old, new in zip(before, values(encoder), strict=True):
        np.testing.assert_array_equal(old, new)
    return str(caught.value)


@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_missing_weights_are_listed(encoder, weights, data):
    gone = data.draw(st.sets(st.sampled_from(sorted(weights)), min_size=1))
    message = refuse(encoder, {name: array for name, array in weights.items() if name not in gone})
    assert f"Received: {len(gone)} missing: {listing(sorted(gone))}. Nothing was copied" in message


def test_unexpected_weights_are_listed(encoder, weights):
    message = refuse(encoder, weights | {"block_03/qkv_bias": np.zeros(48, "float32")})
    assert "Received: 1 unexpected: block_03/qkv_bias. Nothing was copied" in message


@given(data=st.data())
@settings(deadline=None, max_examples=25)
def test_wrong_shapes_are_listed(encoder, weights, data):
    name = data.draw(st.sampled_from(sorted(weights)))
    other = weights[name][None]
    message = refuse(encoder, weights | {name: other})
    assert f"1 of another shape: {name} expected {weights[name].shape} found {other.shape}." in message


def test_a_transposed_kernel_is_a_wrong_shape(encoder, weights):
    name = "block_01/intermediate/kernel"
    assert f"{name} expected (16, 32) found (32, 16)" in refuse(encoder, weights | {name: weights[name].T})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(encoder, weights, value):
    name = "block_01/output_norm/gamma"
    broken = weights[name].copy()
    broken[0] = value
    assert f"1 not finite: {name}" in refuse(encoder, weights | {name: broken})


def test_a_long_list_is_cut(encoder):
    assert "block_01/output_norm/gamma and 19 more." in refuse(encoder, {}) and len(refuse(encoder, {})) < 600


def test_an_encoder_that_is_not_built(tiny_config, weights):
    with pytest.raises(ValueError, match="must be built"):
        assign_weights(StrEncoder(tiny_config, num_task_blocks=0), weights)


def test_a_relative_name_is_looked_up_here_first(write_huggingface, tiny_weights, monkeypatch):
    directory = write_huggingface(tiny_weights)
    monkeypatch.chdir(directory.parent)
    monkeypatch.setattr(load, "REPOSITORY", directory / "elsewhere")
    assert open_pretrained(directory.name).source == directory.name


def test_a_relative_name_is_looked_up_in_the_repository_next(write_huggingface, tiny_weights, monkeypatch, tmp_path):
    directory = write_huggingface(tiny_weights)
    monkeypatch.setattr(load, "REPOSITORY", directory.parent)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert open_pretrained(directory.name).source == str(directory)


def test_the_repository_holds_this_package():
    assert (load.REPOSITORY / "strtf" / "pretrained" / "load.py").is_file()


@pytest.mark.parametrize("name", ["", "no/such/directory", "checkpoints/zh_smal"])
def test_a_name_of_nothing(name):
    with pytest.raises(StrtfError) as caught:
        open_pretrained(name)
    for kind in ("bert_model.ckpt.*", "model.safetensors", "hf://owner/name", "bert_base_zh, kaggle://…", repr(name)):
        assert kind in str(caught.value)


def test_a_directory_of_something_else(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(StrtfError, match=r"Received: .* with notes\.txt\. Complete its files\."):
        open_pretrained(str(tmp_path))


def test_an_empty_directory(tmp_path):
    with pytest.raises(StrtfError, match=r"Received: .* with no files\. Complete its files\."):
        open_pretrained(str(tmp_path))


def test_pytorch_weights_are_to_be_converted(tmp_path):
    for file in ("config.json", "pytorch_model.bin"):
        (tmp_path / file).touch()
    with pytest.raises(StrtfError, match=r"Of PyTorch's pytorch_model\.bin, make a model\.safetensors"):
        open_pretrained(str(tmp_path))


def test_missing_block_shows_when_assigning(write_huggingface, tiny_weights, build):
    fewer = {name: array for name, array in tiny_weights.items() if "layer.1." not in name}
    bert = open_pretrained(str(write_huggingface(fewer)))
    with pytest.raises(StrtfError, match="12 missing: block_02/attention_norm/beta, "):
        build(bert.config, bert.weights)


@pytest.mark.parametrize("path", sorted(pathlib.Path(load.__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_tensorflow_and_keras_hub_are_imported_where_they_are_used(path):
    """So that the package imports where only another backend is installed."""
    statements = ast.parse(path.read_text(encoding="utf-8")).body
    imports = [ast.unparse(node) for node in statements if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not re.findall(r"^(?:import|from) (?:tensorflow|keras_hub)\b.*", "\n".join(imports), re.MULTILINE)
