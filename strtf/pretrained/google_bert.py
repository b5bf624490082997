"""Google's BERT files (google-research/bert): bert_config.json, bert_model.ckpt.*, vocab.txt.

The one place that knows the variable names of Google's TF1 code, its `modeling.py` and `optimization.py`.
There GELU is always the tanh form, so the configuration's "gelu" means another function here than at Hugging
Face. TensorFlow is imported where it is used: the other kinds of checkpoints load without it.
"""

import pathlib

import numpy as np

from strtf.errors import StrtfError
from strtf.pretrained.bert_config import encoder_config, read_json
from strtf.pretrained.pretrained_bert import PretrainedBert, is_lowercase
from strtf.pretrained.variables import pack_qkv, to_float32, translate
from strtf.text.vocabulary import Vocabulary

CONFIG_FILE = "bert_config.json"
CHECKPOINT = "bert_model.ckpt"
INDEX_FILE = f"{CHECKPOINT}.index"

_LAYER = r"bert/encoder/layer_(?P<layer>\d+)"
_DENSE = "(?P<kind>kernel|bias)"
_NORM = "LayerNorm/(?P<kind>gamma|beta)"
_TABLE = {
    "bert/embeddings/word_embeddings": "embedding/word",
    "bert/embeddings/position_embeddings": "embedding/position",
    "bert/embeddings/token_type_embeddings": "embedding/segment",
    f"bert/embeddings/{_NORM}": "embedding/norm/{kind}",
    f"{_LAYER}/attention/self/(?P<part>query|key|value)/{_DENSE}": "{block}/{part}_{kind}",
    f"{_LAYER}/attention/output/dense/{_DENSE}": "{block}/attention_output/{kind}",
    f"{_LAYER}/attention/output/{_NORM}": "{block}/attention_norm/{kind}",
    f"{_LAYER}/intermediate/dense/{_DENSE}": "{block}/intermediate/{kind}",
    f"{_LAYER}/output/dense/{_DENSE}": "{block}/output/{kind}",
    f"{_LAYER}/output/{_NORM}": "{block}/output_norm/{kind}",
}
_UNUSED = ("bert/pooler/dense/(kernel|bias)", "cls/.*", ".*/adam_[mv]", "global_step")


def is_google_bert(directory: pathlib.Path) -> bool:
    return all((directory / file).is_file() for file in (CONFIG_FILE, INDEX_FILE))


def read_google_bert(directory: pathlib.Path) -> PretrainedBert:
    """Reads a directory of Google's files.

    `lowercase` follows from the vocabulary (`is_lowercase`): the files do not say.

    Raises:
        StrtfError: a file is missing or broken, a variable is unknown, the vocabulary has the wrong size, or
            TensorFlow is not installed.
    """
    config_path = directory / CONFIG_FILE
    values = read_json(config_path)
    if (activation := values.get("hidden_act", "gelu")) != "gelu":
        raise StrtfError(
            f"hidden_act in {config_path} must be gelu. Received: {activation}. Take a checkpoint with GELU."
        )
    config = encoder_config(values, config_path, approximate_gelu=True)
    vocabulary = Vocabulary.load(directory / "vocab.txt")
    weights, skipped = _read_variables(directory / CHECKPOINT)
    return PretrainedBert(config, weights, vocabulary, is_lowercase(vocabulary), str(directory), skipped)


def _read_variables(checkpoint: pathlib.Path) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    source = str(checkpoint)
    try:
        import tensorflow as tf
    except ImportError as error:
        raise StrtfError(
            f"TensorFlow must be installed to read Google's files. Received: {source} ({error}). "
            "Install tensorflow, or give a directory of Hugging Face files."
        ) from error
    try:
        reader = tf.train.load_checkpoint(source)
        ours, skipped = translate(reader.get_variable_to_shape_map(), _TABLE, _UNUSED, source)
        parts = {name: to_float32(reader.get_tensor(theirs), theirs, source) for name, theirs in ours.items()}
    except tf.errors.OpError as error:
        raise StrtfError(
            f"{source} must be a complete TensorFlow checkpoint. Received: {' '.join(str(error).split())}. "
            f"Unpack {INDEX_FILE} and {CHECKPOINT}.data-00000-of-00001 into one directory."
        ) from error
    return pack_qkv(parts, source), skipped
