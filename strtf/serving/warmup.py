"""Warm-up requests for TensorFlow Serving, so that the first user does not wait for what is built on first use.

The file is a TFRecord of `PredictionLog` messages. Of these only fields that hold other messages and strings are
needed, so they are written here, and an export needs no more than TensorFlow; a test reads them with
tensorflow-serving-api. Their texts are made up: an export goes where the corpus may not.
"""

import pathlib
from collections.abc import Sequence

import tensorflow as tf

# Field numbers of tensorflow_serving/apis: prediction_log.proto, predict.proto, model.proto
PREDICT_LOG, REQUEST, MODEL_SPEC, INPUTS, NAME, SIGNATURE_NAME = 6, 1, 1, 2, 1, 3
KEY, VALUE = 1, 2  # of an entry of a map
LENGTH_DELIMITED = 2  # wire type of messages and strings

EXAMPLES = (
    "左前降支近段管壁不规则，最狭窄处30-40％。回旋支未见明显狭窄。",
    "右冠状动脉中段狭窄约75%，远段闭塞。左主干未见异常。",
)


def example_batches(max_tokens: int) -> list[list[str]]:
    """A text alone, and several with one that needs two windows of `max_tokens` tokens."""
    joined = "".join(EXAMPLES)
    long = joined * (max_tokens // len(joined) + 1)
    return [[EXAMPLES[0]], [*EXAMPLES, long[: max_tokens + 1]]]


def write_warmup(path: pathlib.Path, batches: Sequence[Sequence[str]], signature: str, name: str) -> None:
    """One request for each batch of texts.

    Args:
        signature: that takes them.
        name: of the model.
    """
    with tf.io.TFRecordWriter(str(path)) as writer:
        for texts in batches:
            tensor = tf.make_tensor_proto([text.encode() for text in texts], tf.string)
            writer.write(prediction_log(signature, name, tensor.SerializeToString()))


def prediction_log(signature: str, name: str, tensor: bytes) -> bytes:
    """A serialized `PredictionLog` of a request with the input `text`."""
    spec = _field(NAME, name.encode()) + _field(SIGNATURE_NAME, signature.encode())
    inputs = _field(KEY, b"text") + _field(VALUE, tensor)
    request = _field(MODEL_SPEC, spec) + _field(INPUTS, inputs)
    return _field(PREDICT_LOG, _field(REQUEST, request))


def _field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | LENGTH_DELIMITED) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    """Seven bits a byte, lowest first; the high bit says that more follow."""
    low, rest = value & 0x7F, value >> 7
    return bytes([low]) if not rest else bytes([low | 0x80]) + _varint(rest)
