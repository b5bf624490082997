"""Opens a pretrained BERT by name, and puts its weights into an encoder.

>>> bert = open_pretrained("checkpoints/zh_small")
>>> encoder = StrEncoder(bert.config, num_task_blocks=4)
>>> encoder.build((None, None))
>>> assign_weights(encoder, bert.weights)
"""

import pathlib

import numpy as np

from strtf.errors import StrtfError
from strtf.layers.str_encoder import StrEncoder
from strtf.pretrained import google_bert, huggingface
from strtf.pretrained.hub import HUB, read_hub
from strtf.pretrained.keras_hub_presets import is_preset, read_preset
from strtf.pretrained.pretrained_bert import PretrainedBert
from strtf.pretrained.variables import listing

__all__ = ["PretrainedBert", "assign_weights", "open_pretrained"]

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
KINDS = (
    "a directory of Google's files (bert_config.json, bert_model.ckpt.*, vocab.txt), "
    "a directory of Hugging Face files (config.json, model.safetensors, vocab.txt), "
    "a model of the Hugging Face hub (hf://owner/name), or a keras-hub preset (bert_base_zh, kaggle://…)"
)


def open_pretrained(name: str) -> PretrainedBert:
    """Reads configuration, weights and vocabulary.

    Args:
        name: a directory of Google's or of Hugging Face's files, as seen from the working directory or else
            from the repository (so `checkpoints/zh_small` works everywhere); or a model of the Hugging Face hub,
            or a keras-hub preset.

    Raises:
        StrtfError: nothing of that name, or files that are no complete BERT.
    """
    if directory := _find_directory(name):
        return _read_directory(directory)
    if name.startswith(HUB) and name != HUB:
        return read_hub(name)
    if is_preset(name):
        return read_preset(name)
    places = f"no directory here or in {REPOSITORY}, no preset of keras-hub"
    raise StrtfError(f"The pretrained encoder must be {KINDS}. Received: {name!r}: {places}. Check the spelling.")


def assign_weights(encoder: StrEncoder, weights: dict[str, np.ndarray]) -> None:
    """Copies weights into the encoder: every one of them, into every variable, or none.

    Args:
        encoder: built; its shape is the checkpoint's configuration. Its `fresh_weights` stay as they are.
        weights: by the variable's path relative to the encoder, as in `PretrainedBert.weights`.

    Raises:
        StrtfError: a variable without weights, weights without a variable, or a shape that differs.
        ValueError: the encoder is not built.
    """
    if not encoder.built:
        raise ValueError("encoder must be built before its weights are assigned.")
    # `weights` leaves out the states of dropout's random generators, `variables` would not
    fresh = {id(variable) for variable in encoder.fresh_weights}
    pretrained = [variable for variable in encoder.weights if id(variable) not in fresh]
    variables = {variable.path.removeprefix(f"{encoder.path}/"): variable for variable in pretrained}
    shapes = [
        f"{name} expected {tuple(variable.shape)} found {weights[name].shape}"
        for name, variable in variables.items()
        if name in weights and tuple(variable.shape) != weights[name].shape
    ]
    problems = {
        "not finite": sorted(name for name, value in weights.items() if not np.isfinite(value).all()),
        "missing": sorted(variables.keys() - weights.keys()),
        "unexpected": sorted(weights.keys() - variables.keys()),
        "of another shape": shapes,
    }
    received = "; ".join(f"{len(names)} {kind}: {listing(names)}" for kind, names in problems.items() if names)
    if received:
        raise StrtfError(
            f"The weights must fit the encoder's variables one to one. Received: {received}. "
            "Nothing was copied: check that the configuration file belongs to these weights."
        )
    for name, variable in variables.items():
        variable.assign(weights[name])


def _find_directory(name: str) -> pathlib.Path | None:
    path = pathlib.Path(name).expanduser()
    return next((place for place in (path, REPOSITORY / path) if name and place.is_dir()), None)


def _read_directory(directory: pathlib.Path) -> PretrainedBert:
    if google_bert.is_google_bert(directory):
        return google_bert.read_google_bert(directory)
    if huggingface.is_huggingface(directory):
        return huggingface.read_huggingface(directory)
    names = sorted(path.name for path in directory.iterdir())
    remedy = (
        "Of PyTorch's pytorch_model.bin, make a model.safetensors with transformers' save_pretrained."
        if "pytorch_model.bin" in names
        else "Complete its files."
    )
    raise StrtfError(
        f"The pretrained encoder must be {KINDS}. Received: {directory} with {listing(names) or 'no files'}. {remedy}"
    )
