"""keras-hub presets: `bert_base_zh`, `kaggle://…`, downloaded and converted by keras-hub.

keras-hub's BertBackbone is our encoder in other words: post-LayerNorm with epsilon 1e-12, and GELU in the
tanh form, always. Hugging Face's files are read by `huggingface.py`, which knows of others (`hub.py`).
"""

import contextlib
import logging
import re
import textwrap
from collections.abc import Iterator

from keras import ops

from strtf.errors import StrtfError
from strtf.layers.str_encoder import EncoderConfig
from strtf.pretrained.pretrained_bert import PretrainedBert, is_lowercase
from strtf.pretrained.variables import pack_qkv
from strtf.text.vocabulary import Vocabulary


def is_preset(name: str) -> bool:
    """True for `kaggle://…` and the names that keras-hub lists; for these it must be installed."""
    if re.match("kaggle://.", name):
        return True
    return re.fullmatch(r"[\w.]+", name) is not None and name in _keras_hub(name).models.BertBackbone.presets


def read_preset(name: str) -> PretrainedBert:
    """Downloads a preset, or takes it from keras-hub's cache.

    `lowercase` follows from the vocabulary (`is_lowercase`): the setting of `bert_base_zh` was once wrong.
    keras-hub strips white space off tokens, so the two tokens of U+2028 (line separator) in Google's Chinese
    vocabulary are lost, and their ids are never produced.

    Raises:
        StrtfError: keras-hub is not installed, the download was refused, or the preset is no WordPiece BERT.
    """
    models = _keras_hub(name).models
    with downloading(name):
        backbone = models.BertBackbone.from_preset(name, dtype="float32")
        tokenizer = models.BertTokenizer.from_preset(name)
    if not isinstance(tokenizer, models.BertTokenizer):
        raise StrtfError(
            "The preset must have a WordPiece vocabulary. "
            f"Received: {name} with tokenizer {type(tokenizer).__name__}. "
            "Give a preset whose name begins with bert_."
        )
    vocabulary = Vocabulary(tuple(tokenizer.get_vocabulary()), f"the vocabulary of {name}")
    return PretrainedBert(
        config=_config(backbone),
        weights=_weights(backbone, name),
        vocabulary=vocabulary,
        lowercase=is_lowercase(vocabulary),
        source=name,
        skipped=tuple(variable.path for variable in backbone.pooled_dense.weights),
    )


@contextlib.contextmanager
def downloading(name: str) -> Iterator[None]:
    """Inside, any error becomes one that says so, and nothing is printed of retries.

    Without a network the first of huggingface_hub's warnings names the cause; the error that follows then only says
    that a file is not there.
    """
    logger, warnings = logging.getLogger("huggingface_hub"), []
    handler = logging.Handler()
    handler.emit = lambda record: warnings.append(record.getMessage())
    before = logger.handlers, logger.propagate
    logger.handlers, logger.propagate = [handler], False
    try:
        yield
    except Exception as error:  # each hub has exceptions of its own, from HTTP status to ValueError
        cause = textwrap.shorten("; ".join([*warnings[:1], f"{type(error).__name__}: {error}"]), 250)
        raise StrtfError(
            "The preset must be a BERT that can be downloaded. "
            f"Received: {name}; the download was refused, or what came is no BERT ({cause}). "
            "Give a directory of Google's or Hugging Face's files instead."
        ) from error
    finally:
        logger.handlers, logger.propagate = before


def _keras_hub(name):
    try:
        import keras_hub
    except ImportError as error:
        raise StrtfError(
            "keras-hub must be installed to look for a preset. "
            f"Received: {name}, which is no directory ({error}). "
            "Install keras-hub, or give a directory of Google's or Hugging Face's files."
        ) from error
    return keras_hub


def _config(backbone) -> EncoderConfig:
    return EncoderConfig(
        vocabulary_size=backbone.vocabulary_size,
        num_blocks=backbone.num_layers,
        hidden_size=backbone.hidden_dim,
        num_heads=backbone.num_heads,
        intermediate_size=backbone.intermediate_dim,
        max_positions=backbone.max_sequence_length,
        num_segments=backbone.num_segments,
        approximate_gelu=True,
    )


def _weights(backbone, name):
    variables = {
        "embedding/word": backbone.token_embedding.embeddings,
        "embedding/position": backbone.position_embedding.position_embeddings,
        "embedding/segment": backbone.segment_embedding.embeddings,
        **_named("embedding/norm", backbone.embeddings_layer_norm, ("gamma", "beta")),
    }
    for number, layer in enumerate(backbone.transformer_layers, start=1):
        variables |= _block_variables(f"block_{number:02d}", layer)
    parts = {ours: ops.convert_to_numpy(variable) for ours, variable in variables.items()}
    width = backbone.hidden_dim
    for ours, array in parts.items():
        # heads are an axis of their own there: [D, H, D/H] and [H, D/H], or [H, D/H, D] on the way out
        if array.ndim == 3:
            parts[ours] = array.reshape(width, width)
        elif re.fullmatch(r".*/(query|key|value)_bias", ours):
            parts[ours] = array.reshape(width)
    return pack_qkv(parts, name)


def _block_variables(block, layer):
    # private attributes: keras-hub's TransformerEncoder gives its parts no public names
    attention = layer._self_attention_layer
    variables = {}
    for part in ("query", "key", "value"):
        dense = getattr(attention, f"{part}_dense")
        variables |= {f"{block}/{part}_kernel": dense.kernel, f"{block}/{part}_bias": dense.bias}
    return (
        variables
        | _named(f"{block}/attention_output", attention.output_dense, ("kernel", "bias"))
        | _named(f"{block}/attention_norm", layer._self_attention_layer_norm, ("gamma", "beta"))
        | _named(f"{block}/intermediate", layer._feedforward_intermediate_dense, ("kernel", "bias"))
        | _named(f"{block}/output", layer._feedforward_output_dense, ("kernel", "bias"))
        | _named(f"{block}/output_norm", layer._feedforward_layer_norm, ("gamma", "beta"))
    )


def _named(prefix, layer, names):
    return {f"{prefix}/{name}": getattr(layer, name) for name in names}
