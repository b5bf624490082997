"""TF Serving's messages from and to arrays."""

import math

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import error_codes_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, model_pb2

from strtf.server.status import ServingError, invalid
from strtf.server.versions import Serving, Versions

# TF Serving fills these fields, not `tensor_content`, and there are clients that read them.
_FIELDS = {
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.int32: "int_val",
    tf.int16: "int_val",
    tf.int8: "int_val",
    tf.uint8: "int_val",
    tf.int64: "int64_val",
    tf.uint32: "uint32_val",
    tf.uint64: "uint64_val",
    tf.bool: "bool_val",
    tf.string: "string_val",
}


def array_from_proto(name: str, proto: tensor_pb2.TensorProto, max_elements: int) -> np.ndarray:
    """The array in a TensorProto.

    Args:
        max_elements: a proto can name a huge shape and give one value for all of it; beyond this it is refused.

    Raises:
        ServingError: INVALID_ARGUMENT.
    """
    sizes = [dim.size for dim in proto.tensor_shape.dim]
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in sizes):
        raise invalid(f"Tensor of input {name} must have a known shape.")
    if math.prod(sizes) > max_elements:
        raise invalid(f"Tensor of input {name} must have at most {max_elements} elements.")
    mismatch = invalid(f"Tensor of input {name} must have as many values as its shape says, of its type.")
    if proto.dtype == tf.string.as_datatype_enum and not proto.string_val and math.prod(sizes):
        raise mismatch  # make_ndarray would fill the tensor with what is no bytes
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
        raise mismatch from error


def proto_from_array(value: np.ndarray, dtype: tf.DType) -> tensor_pb2.TensorProto:
    if dtype not in _FIELDS:
        return tf.make_tensor_proto(value, dtype)
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
    proto.tensor_shape.SetInParent()
    for size in value.shape:
        proto.tensor_shape.dim.add(size=size)
    getattr(proto, _FIELDS[dtype]).extend(value.ravel().tolist())
    return proto


def model_spec(name: str, serving: Serving, signature: str = "") -> model_pb2.ModelSpec:
    """Says which version, and which signature, has answered."""
    spec = model_pb2.ModelSpec(name=name, signature_name=signature)
    spec.version.value = serving.version
    return spec


def metadata_response(name: str, serving: Serving) -> get_model_metadata_pb2.GetModelMetadataResponse:
    response = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=model_spec(name, serving))
    signatures = signature_map(serving)
    response.metadata["signature_def"].Pack(signatures)
    return response


def signature_map(serving: Serving) -> get_model_metadata_pb2.SignatureDefMap:
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, definition in serving.model.signature_defs.items():
        signatures.signature_def[name].CopyFrom(definition)
    return signatures


def status_response(versions: Versions, version: int | None) -> get_model_status_pb2.GetModelStatusResponse:
    """The states of all versions, or of one.

    Raises:
        ServingError: NOT_FOUND.
    """
    if version is not None and version not in versions.states:
        raise ServingError("NOT_FOUND", f"Could not find version {version} of model {versions.name}")
    response = get_model_status_pb2.GetModelStatusResponse()
    for number, state in sorted(versions.states.items(), reverse=True):
        if version in (None, number):
            row = response.model_version_status.add(version=number, state=state.state)
            row.status.error_code = error_codes_pb2.Code.Value(state.error_code)
            row.status.error_message = state.error_message
    return response
