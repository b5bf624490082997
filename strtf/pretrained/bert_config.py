"""Reads BERT's JSON configuration; Google and Hugging Face share its key names."""

import json
import pathlib

from strtf.errors import StrtfError
from strtf.layers.str_encoder import EncoderConfig

_FIELDS = {
    "vocab_size": "vocabulary_size",
    "num_hidden_layers": "num_blocks",
    "hidden_size": "hidden_size",
    "num_attention_heads": "num_heads",
    "intermediate_size": "intermediate_size",
    "max_position_embeddings": "max_positions",
    "type_vocab_size": "num_segments",
}
_REMEDY = "Take the unchanged file that came with the weights."


def read_json(path: pathlib.Path) -> dict:
    """A JSON object. Raises StrtfError for an unreadable file, broken JSON or another kind of value."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StrtfError(f"{path} must be a readable file. Received: {error.strerror}. {_REMEDY}") from error
    except (ValueError, RecursionError) as error:
        raise StrtfError(f"{path} must be JSON. Received: {error}. {_REMEDY}") from error
    if not isinstance(values, dict):
        raise StrtfError(f"{path} must be a JSON object. Received: {type(values).__name__}. {_REMEDY}")
    return values


def encoder_config(values: dict, path: pathlib.Path, approximate_gelu: bool) -> EncoderConfig:
    """The encoder's shape.

    Args:
        values: the configuration file's content.
        path: the file, for error messages.
        approximate_gelu: tanh form of GELU; the source decides, see the two callers.

    Raises:
        StrtfError: a size is missing or no positive integer, or the heads do not divide the hidden size.
    """
    sizes = {field: _positive_integer(values, key, path) for key, field in _FIELDS.items()}
    if sizes["hidden_size"] % sizes["num_heads"]:
        raise StrtfError(
            f"hidden_size in {path} must be a multiple of num_attention_heads. "
            f"Received: {sizes['hidden_size']}, {sizes['num_heads']}. {_REMEDY}"
        )
    return EncoderConfig(**sizes, approximate_gelu=approximate_gelu)


def _positive_integer(values, key, path):
    value = values.get(key, "nothing")
    if type(value) is not int or value < 1:  # not isinstance: JSON's true is a bool, and a bool is an int
        raise StrtfError(f"{key} in {path} must be a positive integer. Received: {value}. {_REMEDY}")
    return value
