"""TF Serving's JSON to arrays and back."""

import base64
import json

import numpy as np
import pytest
import tensorflow as tf

from strtf.server.json_tensors import parse_object, read_inputs, signature_name, write_outputs
from strtf.server.saved_model import TensorInfo
from strtf.server.status import ServingError

TEXT = {"text": TensorInfo(tf.string, (None,))}
TWO = {"tag": TensorInfo(tf.string, (None,)), "signal": TensorInfo(tf.float32, (None, 2))}
SECRET = "患者王某"


def read(request, infos=TEXT, max_rows=100):
    return read_inputs(request, infos, max_rows)


@pytest.mark.parametrize(
    ("request_", "rows"),
    [
        ({"instances": ["foo", "狭窄"]}, True),
        ({"instances": [{"text": "foo"}, {"text": "狭窄"}]}, True),
        ({"instances": ["foo", {"b64": base64.b64encode("狭窄".encode()).decode()}]}, True),
        ({"inputs": ["foo", "狭窄"]}, False),
        ({"inputs": {"text": ["foo", "狭窄"]}}, False),
    ],
)
def test_all_ways_to_write_two_texts(request_, rows):
    inputs, in_rows = read(request_)
    assert inputs["text"].tolist() == [b"foo", "狭窄".encode()] and in_rows is rows


def test_named_inputs_by_row_and_by_column_are_the_same():
    rows, _ = read({"instances": [{"tag": "a", "signal": [1, 2]}, {"signal": [3.5, 4], "tag": "b"}]}, TWO)
    columns, _ = read({"inputs": {"tag": ["a", "b"], "signal": [[1, 2], [3.5, 4]]}}, TWO)
    for found in (rows, columns):
        assert found["tag"].tolist() == [b"a", b"b"]
        np.testing.assert_array_equal(found["signal"], np.array([[1, 2], [3.5, 4]], np.float32))
        assert found["signal"].dtype == np.float32


@pytest.mark.parametrize(
    ("request_", "infos", "message"),
    [
        ({}, TEXT, "Missing 'inputs' or 'instances' key"),
        ({"instances": [SECRET], "inputs": [SECRET]}, TEXT, "only one of 'inputs' or 'instances'"),
        ({"instances": SECRET}, TEXT, "Excepting 'instances' to be an list/array"),
        ({"instances": []}, TEXT, "No values in 'instances' array"),
        ({"instances": [SECRET, {"text": SECRET}]}, TEXT, "Expecting value/list but got object at item 1"),
        ({"instances": [{"text": SECRET}, SECRET]}, TEXT, "Expecting object but got list at item 1"),
        ({"instances": [{SECRET: SECRET}]}, TEXT, "keys must be equal to: text"),
        ({"instances": [SECRET]}, TWO, "instances is a plain list, but expecting list of objects"),
        ({"inputs": [SECRET]}, TWO, "inputs is a plain value/list, but expecting an object"),
        ({"inputs": {"tag": [SECRET]}}, TWO, "Missing named input: signal in 'inputs' object."),
        ({"instances": [1]}, TEXT, "JSON Value for text Type: Number is not of expected type: string"),
        ({"instances": [None]}, TEXT, "Type: Null is not of expected type: string"),
        ({"instances": [[SECRET], SECRET]}, TEXT, "found at incorrect level: 1. Expected: 2"),
        ({"instances": [SECRET, [SECRET]]}, TEXT, "Encountered list at unexpected level"),
        ({"instances": [[SECRET], []]}, TEXT, "Encountered list at unexpected size: 0 at level: 1 expected size: 1"),
        ({"inputs": {"tag": ["a"], "signal": [[1, SECRET]]}}, TWO, "Type: String is not of expected type: float32"),
        ({"inputs": {"tag": ["a"], "signal": [[1, True]]}}, TWO, "Type: True is not of expected type: float32"),
        ({"inputs": {"tag": ["a"], "signal": [[1, 1e300]]}}, TWO, "out of the range of type: float32"),
        ({"inputs": ["\ud800"]}, TEXT, "The surrogate pair in string is invalid"),
        ({"instances": [{"b64": "=!="}]}, TEXT, "Unable to base64 decode"),
        ({"instances": [SECRET] * 101}, TEXT, "A request must have at most 100 texts. Received: 101."),
        ({"inputs": {"text": [SECRET] * 101}}, TEXT, "A request must have at most 100 texts. Received: 101."),
    ],
)
def test_what_is_wrong_is_named_and_no_text_is_quoted(request_, infos, message):
    with pytest.raises(ServingError) as caught:
        read(request_, infos)
    assert message in caught.value.message and caught.value.http_status == 400
    assert SECRET not in caught.value.message and "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b'{"instances": [', "JSON Parse error: Expecting value at offset: 15"),
        (b'{"instances": ["\xff"]}', "JSON Parse error: Invalid encoding in string. at offset: 16"),
        (b'["foo"]', "Is not object"),
        (b"[" * 100_000, "JSON Parse error: RecursionError"),
        (b'{"a": 1' + b"0" * 5000 + b"}", "JSON Parse error: ValueError"),
    ],
)
def test_bodies_that_are_no_json_object(body, message):
    with pytest.raises(ServingError) as caught:
        parse_object(body)
    assert message in caught.value.message and caught.value.code == "INVALID_ARGUMENT"


def test_lists_in_lists_end():
    nested = json.loads("[" * 900 + "]" * 900)
    with pytest.raises(ServingError, match="nested at most"):
        read({"inputs": {"text": nested}})


def test_signature_names():
    assert signature_name({}) == "" and signature_name({"signature_name": "other"}) == "other"
    with pytest.raises(ServingError, match="'signature_name' key must be a string value"):
        signature_name({"signature_name": 3})


def test_one_output_goes_without_its_name():
    outputs = {"y": np.array([3.5, 0.1], np.float32)}
    assert write_outputs(outputs, in_rows=True) == {"predictions": [3.5, 0.1]}  # not 0.10000000149011612
    assert write_outputs(outputs, in_rows=False) == {"outputs": [3.5, 0.1]}


def test_several_outputs_are_objects():
    outputs = {
        "name": np.array(["狭窄".encode(), b"\xff"], object),
        "raw_bytes": np.array([b"\xff", b""], object),
        "spans": np.array([[1, 2], [3, 4]], np.int32),
    }
    rows = [
        {"name": "狭窄", "raw_bytes": {"b64": "/w=="}, "spans": [1, 2]},
        {"name": "\ufffd", "raw_bytes": {"b64": ""}, "spans": [3, 4]},
    ]
    assert write_outputs(outputs, in_rows=True) == {"predictions": rows}
    columns = {name: [row[name] for row in rows] for name in outputs}
    assert write_outputs(outputs, in_rows=False) == {"outputs": columns}


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)])
@pytest.mark.parametrize("dtype", [object, np.float32, np.int32])
def test_empty_outputs(shape, dtype):
    assert write_outputs({"y": np.empty(shape, dtype)}, in_rows=False) == {"outputs": np.empty(shape).tolist()}


def test_outputs_that_have_no_rows():
    outputs = {"a": np.zeros(2, np.float32), "b": np.float32(1.0)}
    with pytest.raises(ServingError, match="inconsistent batch sizes"):
        write_outputs({name: np.asarray(value) for name, value in outputs.items()}, in_rows=True)
