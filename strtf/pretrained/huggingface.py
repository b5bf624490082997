"""A local directory of Hugging Face files: config.json, model.safetensors (or its shards), vocab.txt.

We read these files ourselves rather than through keras-hub, because keras-hub ignores `hidden_act`: it would
run every checkpoint with the tanh form of GELU, and most of these were trained with the erf form.
"""

import logging
import pathlib

import numpy as np
import safetensors

from strtf.errors import StrtfError
from strtf.layers.transformer_block import LAYER_NORM_EPSILON
from strtf.pretrained.bert_config import encoder_config, read_json
from strtf.pretrained.pretrained_bert import PretrainedBert
from strtf.pretrained.variables import pack_qkv, to_float32, translate
from strtf.text.vocabulary import Vocabulary

_LOG = logging.getLogger(__name__)
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
SHARDS_FILE = "model.safetensors.index.json"

_BERT = r"(?:bert\.)?"  # there when the file was saved with a head
_LAYER = rf"{_BERT}encoder\.layer\.(?P<layer>\d+)"
_GAMMA = r"LayerNorm\.(?:weight|gamma)"  # gamma and beta: files converted before 2019
_BETA = r"LayerNorm\.(?:bias|beta)"
_SELF = r"attention\.self\.(?P<part>query|key|value)"
_TABLE = {
    rf"{_BERT}embeddings\.word_embeddings\.weight": "embedding/word",
    rf"{_BERT}embeddings\.position_embeddings\.weight": "embedding/position",
    rf"{_BERT}embeddings\.token_type_embeddings\.weight": "embedding/segment",
    rf"{_BERT}embeddings\.{_GAMMA}": "embedding/norm/gamma",
    rf"{_BERT}embeddings\.{_BETA}": "embedding/norm/beta",
    rf"{_LAYER}\.{_SELF}\.weight": "{block}/{part}_kernel",
    rf"{_LAYER}\.{_SELF}\.bias": "{block}/{part}_bias",
    rf"{_LAYER}\.attention\.output\.dense\.weight": "{block}/attention_output/kernel",
    rf"{_LAYER}\.attention\.output\.dense\.bias": "{block}/attention_output/bias",
    rf"{_LAYER}\.attention\.output\.{_GAMMA}": "{block}/attention_norm/gamma",
    rf"{_LAYER}\.attention\.output\.{_BETA}": "{block}/attention_norm/beta",
    rf"{_LAYER}\.intermediate\.dense\.weight": "{block}/intermediate/kernel",
    rf"{_LAYER}\.intermediate\.dense\.bias": "{block}/intermediate/bias",
    rf"{_LAYER}\.output\.dense\.weight": "{block}/output/kernel",
    rf"{_LAYER}\.output\.dense\.bias": "{block}/output/bias",
    rf"{_LAYER}\.output\.{_GAMMA}": "{block}/output_norm/gamma",
    rf"{_LAYER}\.output\.{_BETA}": "{block}/output_norm/beta",
}
_UNUSED = (
    rf"{_BERT}pooler\.dense\.(weight|bias)",
    rf"{_BERT}embeddings\.position_ids",  # 0, 1, 2, …, which old versions saved
    r"cls\.(predictions|seq_relationship)\..*",
)
_APPROXIMATE = {"gelu": False, "gelu_new": True, "gelu_pytorch_tanh": True, "gelu_fast": True}


def is_huggingface(directory: pathlib.Path) -> bool:
    weights = any((directory / file).is_file() for file in (WEIGHTS_FILE, SHARDS_FILE))
    return weights and (directory / CONFIG_FILE).is_file()


def read_huggingface(directory: pathlib.Path) -> PretrainedBert:
    """Reads a directory of Hugging Face files.

    `lowercase` is `do_lower_case` of tokenizer_config.json, or None.

    Raises:
        StrtfError: a file is missing or broken, the model is no plain BERT, a variable is unknown, or the
            vocabulary has the wrong size.
    """
    config_path = directory / CONFIG_FILE
    values = read_json(config_path)
    _check_architecture(values, config_path)
    activation = _one_of(values, "hidden_act", tuple(_APPROXIMATE), "gelu", config_path)
    config = encoder_config(values, config_path, _APPROXIMATE[activation])
    vocabulary = Vocabulary.load(directory / "vocab.txt")
    weights, skipped = _read_variables(directory)
    tokenizer_path = directory / "tokenizer_config.json"
    tokenizer = read_json(tokenizer_path) if tokenizer_path.is_file() else {}
    _warn_about_words(tokenizer, directory)
    lowercase = None
    if "do_lower_case" in tokenizer:
        lowercase = _one_of(tokenizer, "do_lower_case", (True, False), None, tokenizer_path)
    return PretrainedBert(config, weights, vocabulary, lowercase, str(directory), skipped)


def _check_architecture(values, path):
    _one_of(values, "model_type", ("bert",), "nothing", path)
    _one_of(values, "position_embedding_type", ("absolute",), "absolute", path)
    _one_of(values, "is_decoder", (False,), False, path)  # its attention would be causal
    epsilon = values.get("layer_norm_eps", LAYER_NORM_EPSILON)
    if epsilon != LAYER_NORM_EPSILON:
        raise StrtfError(
            f"layer_norm_eps in {path} must be {LAYER_NORM_EPSILON}. Received: {epsilon!r}. Our blocks have "
            "BERT's epsilon built in, and weights trained with another would give other hidden states here. "
            "Take a checkpoint of BERT."
        )


def _one_of(values, key, choices, default, path):
    value = values.get(key, default)
    if not isinstance(value, str | bool) or value not in choices:
        raise StrtfError(
            f"{key} in {path} must be one of {', '.join(map(str, choices))}. Received: {value}. "
            "Take a checkpoint of BERT."
        )
    return value


def _warn_about_words(tokenizer: dict, directory: pathlib.Path) -> None:
    """Says where our tokenizers, which are BERT's, cut words otherwise than the encoder was trained with."""
    if tokenizer.get("do_lower_case") and tokenizer.get("strip_accents") is False:
        _LOG.warning("%s was trained with accents kept; --lowercase takes them away.", directory)
    if tokenizer.get("tokenize_chinese_chars") is False:
        _LOG.warning("%s was trained with Chinese words in one piece; here each character is a token.", directory)


def _read_variables(directory) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    source = str(directory)
    files = [_open(path) for path in _weight_files(directory)]
    holders = {name: file for file in files for name in file.keys()}  # noqa: SIM118 (no mapping)
    ours, skipped = translate(holders, _TABLE, _UNUSED, source)
    parts = {}
    for name, theirs in ours.items():
        array = to_float32(holders[theirs].get_tensor(theirs), theirs, source)
        # PyTorch's Linear keeps its kernel as [out, in]
        parts[name] = array.T if name.endswith("kernel") else array
    return pack_qkv(parts, source), skipped


def _weight_files(directory) -> list[pathlib.Path]:
    if (directory / WEIGHTS_FILE).is_file():
        return [directory / WEIGHTS_FILE]
    shards = read_json(directory / SHARDS_FILE).get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(file, str) for file in shards.values()):
        raise StrtfError(
            f"weight_map in {directory / SHARDS_FILE} must be an object of file names. "
            f"Received: {type(shards).__name__}. Take the unchanged file that came with the weights."
        )
    return [directory / file for file in sorted(set(shards.values()))]


def _open(path):
    try:
        return safetensors.safe_open(path, framework="numpy")
    except (OSError, safetensors.SafetensorError) as error:
        raise StrtfError(f"{path} must be a complete safetensors file. Received: {error}. Fetch it again.") from error
