"""A tiny BERT with known hidden states (tests/golden/make_hf_bert.py), in the files of each source."""

import json
import pathlib

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from strtf.layers.str_encoder import EncoderConfig, StrEncoder
from strtf.pretrained.load import assign_weights

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden" / "hf_bert.npz"
TINY = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "vocab_size": 50,
    "max_position_embeddings": 20,
    "type_vocab_size": 2,
}
TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(chr(ord("一") + i) for i in range(45)))


@pytest.fixture(scope="session")
def golden():
    """golden("tiny"): the arrays stored below "tiny/"."""
    with np.load(GOLDEN) as arrays:
        everything = dict(arrays)
    return lambda below: {
        name.removeprefix(f"{below}/"): array for name, array in everything.items() if name.startswith(f"{below}/")
    }


@pytest.fixture
def tiny_weights(golden):
    """Hugging Face's names -> arrays."""
    return golden("tiny/weights")


@pytest.fixture(scope="session")
def tiny_config():
    return EncoderConfig(
        vocabulary_size=50,
        num_blocks=2,
        hidden_size=16,
        num_heads=2,
        intermediate_size=32,
        max_positions=20,
        approximate_gelu=True,
    )


@pytest.fixture(scope="session")
def tokens():
    return TOKENS


@pytest.fixture(scope="session")
def tiny_sizes():
    return TINY


@pytest.fixture
def write_huggingface(tmp_path):
    """Writes a directory; keywords replace values of config.json, None removes one."""

    def write(weights, **changes):
        config = {"model_type": "bert", "hidden_act": "gelu_new", "layer_norm_eps": 1e-12} | TINY | changes
        config = {key: value for key, value in config.items() if value is not None}
        (tmp_path / "config.json").write_text(json.dumps(config))
        (tmp_path / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
        save_file(
            {name: np.ascontiguousarray(array) for name, array in weights.items()},
            tmp_path / "model.safetensors",
        )
        return tmp_path

    return write


@pytest.fixture
def write_google(tmp_path):
    """Writes a directory with a TF1 checkpoint; keywords change bert_config.json, None removes a value."""

    def write(variables, **changes):
        config = {"hidden_act": "gelu", "directionality": "bidi"} | TINY | changes
        config = {key: value for key, value in config.items() if value is not None}
        (tmp_path / "bert_config.json").write_text(json.dumps(config))
        (tmp_path / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
        save_tf1_checkpoint(variables, str(tmp_path / "bert_model.ckpt"))
        return tmp_path

    return write


def save_tf1_checkpoint(variables, path):
    from tensorflow.compat import v1 as tf

    with tf.Graph().as_default(), tf.Session() as session:
        for name, array in variables.items():
            tf.get_variable(name, initializer=tf.constant(array), use_resource=False)
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, path, write_meta_graph=False)


@pytest.fixture(scope="session")
def build():
    """Builds an encoder, with weights where given."""

    def build_encoder(config, weights=None):
        encoder = StrEncoder(config, num_task_blocks=0, dropout=0.0)
        encoder.build((None, None))
        if weights is not None:
            assign_weights(encoder, weights)
        return encoder

    return build_encoder


@pytest.fixture(scope="session")
def hidden_states(build):
    """H_N [B, T, D] of a PretrainedBert, or H_num_blocks; zeros at padding, as in the golden values."""

    def compute(bert, token_ids, lengths, num_blocks=None):
        number = bert.config.num_blocks if num_blocks is None else num_blocks
        config = EncoderConfig(**bert.config.to_json() | {"num_blocks": number})
        blocks = [f"block_{i + 1:02d}" for i in range(number)]
        weights = {name: bert.weights[name] for name in bert.weights if name.split("/")[0] in ("embedding", *blocks)}
        output = keras.ops.convert_to_numpy(build(config, weights)(token_ids, lengths)["output"])
        return output * (np.arange(token_ids.shape[1]) < lengths[:, None])[:, :, None]

    return compute
