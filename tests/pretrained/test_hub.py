"""Models of the Hugging Face hub; nothing is downloaded here."""

import json
import shutil

import huggingface_hub
import numpy as np
import pytest

from strtf.errors import StrtfError
from strtf.pretrained import hub
from strtf.pretrained.huggingface import read_huggingface
from strtf.pretrained.load import open_pretrained

NAME = "hf://owner/name"


@pytest.fixture
def repository(tiny_encoder_dir, tmp_path, monkeypatch):
    """A directory that stands for the repository, and the calls that would download of it."""
    directory = shutil.copytree(tiny_encoder_dir, tmp_path / "name")
    (directory / "README.md").write_text("")
    asked = []

    def file(filename, **where):
        asked.append((filename, where))
        return str(directory / filename)

    def snapshot(allow_patterns, **where):
        asked.append((allow_patterns, where))
        return str(directory)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", file)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    return directory, asked


def configure(directory, **values):
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def test_is_read_as_its_directory(repository):
    directory, _ = repository
    found, expected = open_pretrained(NAME), read_huggingface(directory)
    assert (found.config, found.lowercase, found.source) == (expected.config, expected.lowercase, NAME)
    assert found.weights.keys() == expected.weights.keys()
    assert all(np.array_equal(found.weights[name], value) for name, value in expected.weights.items())


@pytest.mark.parametrize(("name", "revision"), [(NAME, None), (f"{NAME}@v2", "v2")])
def test_asks_for_what_it_reads_of_a_revision(repository, name, revision):
    open_pretrained(name)
    where = {"repo_id": "owner/name", "revision": revision}
    (first, of_first), (patterns, of_all) = repository[1]
    assert first == "config.json" and of_first == of_all == where
    assert not any(pattern.endswith((".bin", ".h5", "*")) for pattern in patterns)


@pytest.mark.parametrize("values", [{"hidden_act": "relu"}, {"layer_norm_eps": 1e-5}, {"is_decoder": True}])
def test_what_we_would_compute_otherwise_is_refused(repository, values):
    configure(repository[0], **values)
    with pytest.raises(StrtfError, match=next(iter(values))):
        open_pretrained(NAME)


def test_what_was_saved_for_keras_hub_is_read_by_it(repository, monkeypatch):
    (repository[0] / "config.json").write_text('{"class_name": "BertBackbone"}', encoding="utf-8")
    monkeypatch.setattr(hub, "read_preset", lambda name: f"keras-hub's {name}")
    assert open_pretrained(NAME) == f"keras-hub's {NAME}"


def test_without_weights_that_can_be_read(repository):
    (repository[0] / "model.safetensors").unlink()
    with pytest.raises(StrtfError, match=r"must have a model\.safetensors\. Received: hf://owner/name, which has none"):
        open_pretrained(NAME)


def test_a_refused_download(monkeypatch):
    def refuse(**_):
        raise ConnectionError("host not found")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(StrtfError, match=r"Received: hf://owner/name; the download was refused, .*host not found"):
        open_pretrained(NAME)


def test_no_name():
    with pytest.raises(StrtfError, match="Check the spelling"):
        open_pretrained("hf://")
