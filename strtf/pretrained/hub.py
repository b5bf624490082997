"""Encoders of the Hugging Face hub, `hf://owner/name` or `hf://owner/name@revision`: downloaded, read as a directory.

keras-hub reads them too, but takes only sizes from config.json: another activation, epsilon or kind of position would
be loaded without a word. What was saved for keras-hub has files of its own and is read by it.
"""

import dataclasses
import pathlib

from strtf.errors import StrtfError
from strtf.pretrained import huggingface
from strtf.pretrained.bert_config import read_json
from strtf.pretrained.keras_hub_presets import downloading, read_preset
from strtf.pretrained.pretrained_bert import PretrainedBert

HUB = "hf://"
_FILES = (huggingface.CONFIG_FILE, "tokenizer_config.json", "vocab.txt", "*.safetensors", huggingface.SHARDS_FILE)


def read_hub(name: str) -> PretrainedBert:
    """Downloads what is needed of a repository, or takes it from the cache, and reads it.

    Raises:
        StrtfError: the download was refused, or the model is no BERT that `read_huggingface` takes.
    """
    import huggingface_hub  # a second that nobody else should wait for

    repository, _, revision = name.removeprefix(HUB).partition("@")
    where = {"repo_id": repository, "revision": revision or None}
    with downloading(name):
        config = pathlib.Path(huggingface_hub.hf_hub_download(filename=huggingface.CONFIG_FILE, **where))
    if "model_type" not in read_json(config):
        return read_preset(name)
    with downloading(name):
        directory = pathlib.Path(huggingface_hub.snapshot_download(allow_patterns=list(_FILES), **where))
    if not huggingface.is_huggingface(directory):
        raise StrtfError(
            f"The encoder must have a {huggingface.WEIGHTS_FILE}. Received: {name}, which has none. "
            "Save it with transformers' save_pretrained, and give that directory."
        )
    return dataclasses.replace(huggingface.read_huggingface(directory), source=name)
