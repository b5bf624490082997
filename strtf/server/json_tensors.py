"""TF Serving's JSON: rows (`instances`, `predictions`) and columns (`inputs`, `outputs`).

https://www.tensorflow.org/tfx/serving/api_rest. Messages are TF Serving's, without the values that they quote there.
"""

import base64
import binascii
import json

import numpy as np
import tensorflow as tf

from strtf.server.batching import Arrays
from strtf.server.saved_model import TensorInfo
from strtf.server.status import check_rows, invalid

MAX_RANK = 16
JSON_TYPES = {dict: "Object", list: "Array", str: "String", int: "Number", float: "Number", type(None): "Null"}


def parse_object(body: bytes) -> dict:
    """The JSON object in a request's body.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    try:
        value = json.loads(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise invalid(f"JSON Parse error: Invalid encoding in string. at offset: {error.start}") from None
    except json.JSONDecodeError as error:
        raise invalid(f"JSON Parse error: {error.msg} at offset: {error.pos}") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, thousands of brackets
        raise invalid(f"JSON Parse error: {type(error).__name__}") from None
    if not isinstance(value, dict):
        raise invalid(f"JSON Value of type {_json_type(value)} Is not object")
    return value


def signature_name(request: dict) -> str:
    name = request.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid("JSON Value not formatted correctly. 'signature_name' key must be a string value.")
    return name


def read_inputs(request: dict, infos: dict[str, TensorInfo], max_rows: int) -> tuple[Arrays, bool]:
    """The inputs of a parsed request, and whether they came in rows.

    Args:
        max_rows: of a batch; more are refused before they are looked at.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    if "instances" in request and "inputs" in request:
        raise invalid("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
    if "instances" in request:
        columns, in_rows = _columns_of_rows(request["instances"], infos, max_rows), True
    elif "inputs" in request:
        columns, in_rows = _columns(request["inputs"], infos), False
    else:
        raise invalid("Missing 'inputs' or 'instances' key")
    for name, info in infos.items():
        if info.has_rows and isinstance(columns[name], list):
            check_rows(len(columns[name]), max_rows)
    return {name: _array(columns[name], info, name) for name, info in infos.items()}, in_rows


def _columns_of_rows(instances, infos: dict[str, TensorInfo], max_rows: int) -> dict[str, list]:
    if not isinstance(instances, list):
        raise invalid("Excepting 'instances' to be an list/array")
    if not instances:
        raise invalid("No values in 'instances' array")
    check_rows(len(instances), max_rows)
    named = _is_named(instances[0])
    if not named and len(infos) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    for number, row in enumerate(instances):
        if named and not _is_named(row):
            raise invalid(f"Expecting object but got list at item {number} of input list")
        if not named and _is_named(row):
            raise invalid(f"Expecting value/list but got object at item {number} of input list")
        if named and row.keys() != infos.keys():
            raise invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object keys must be equal to: "
                f"{','.join(infos)}"
            )
    return {name: [row[name] if named else row for row in instances] for name in infos}


def _columns(inputs, infos: dict[str, TensorInfo]) -> dict:
    if not _is_named(inputs):
        if len(infos) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        inputs = dict.fromkeys(infos, inputs)
    for name in infos:
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return inputs


def _is_named(value) -> bool:
    """An object of inputs by name, not one that stands for bytes."""
    return isinstance(value, dict) and not _is_bytes(value)


def _is_bytes(value) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _array(value, info: TensorInfo, where: str) -> np.ndarray:
    shape, first = [], value
    while isinstance(first, list):
        shape.append(len(first))
        first = first[0] if first else None
    if len(shape) > MAX_RANK:
        raise invalid(f"JSON Value for {where} must be nested at most {MAX_RANK} deep.")
    leaves: list = []
    _collect(value, shape, 0, info.dtype, where, leaves)
    dtype = object if info.dtype == tf.string else info.dtype.as_numpy_dtype
    try:
        with np.errstate(over="raise"):
            return np.array(leaves, dtype).reshape(shape)
    except (FloatingPointError, OverflowError, ValueError) as error:
        raise invalid(f"JSON Value for {where} is out of the range of type: {info.dtype.name}") from error


def _collect(value, shape: list[int], level: int, dtype: tf.DType, where: str, leaves: list) -> None:
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(f"JSON Value for {where} found at incorrect level: {level}. Expected: {len(shape)}")
        leaves.append(_leaf(value, dtype, where))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)} for {where}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]} "
            f"for {where}"
        )
    for item in value:
        _collect(item, shape, level + 1, dtype, where, leaves)


def _leaf(value, dtype: tf.DType, where: str):
    if dtype == tf.string and isinstance(value, str):
        try:
            return value.encode("utf-8")
        except UnicodeEncodeError:
            raise invalid(f"JSON Value for {where}: The surrogate pair in string is invalid.") from None
    if dtype == tf.string and _is_bytes(value):
        return _decode_base64(value["b64"])
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if (
        (dtype.is_floating and number)
        or (dtype.is_integer and number and isinstance(value, int))
        or (dtype.is_bool and isinstance(value, bool))
    ):
        return value
    raise invalid(f"JSON Value for {where} Type: {_json_type(value)} is not of expected type: {dtype.name}")


def _decode_base64(text: str) -> bytes:
    try:  # both alphabets and missing padding, as in absl's Base64Unescape
        plain = text.rstrip("=").replace("-", "+").replace("_", "/")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid("Unable to base64 decode") from None


def _json_type(value) -> str:
    return str(value) if isinstance(value, bool) else JSON_TYPES[type(value)]


def write_outputs(outputs: Arrays, in_rows: bool) -> dict:
    """The answer's JSON object: a single output goes without its name.

    Raises:
        ServingError: INVALID_ARGUMENT where outputs in rows have not the same number of them.
    """
    columns = {name: _values(value, name.endswith("_bytes")) for name, value in outputs.items()}
    if not in_rows:
        return {"outputs": columns if len(columns) > 1 else next(iter(columns.values()))}
    counts = {len(value) if value.ndim else -1 for value in outputs.values()}
    if len(counts) > 1 or -1 in counts:
        raise invalid("Outputs have inconsistent batch sizes: ask in columns, 'inputs'.")
    if len(columns) == 1:
        return {"predictions": next(iter(columns.values()))}
    return {"predictions": [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]}


def _values(value: np.ndarray, as_bytes: bool):
    """Nested lists of what JSON can hold."""
    if value.dtype == object:
        encode = _base64_object if as_bytes else _text
        return np.array([encode(item) for item in value.ravel()] or [], object).reshape(value.shape).tolist()
    if value.dtype == np.float32:  # the shortest decimal that gives the same float32, not the double's 17 digits
        return value.astype(str).astype(np.float64).tolist()
    return value.tolist()


def _base64_object(item: bytes) -> dict:
    return {"b64": base64.b64encode(item).decode("ascii")}


def _text(item: bytes) -> str:
    return item.decode("utf-8", errors="replace")
