"""One SavedModel in memory: its signatures, and calling them with numpy arrays.

Only TensorFlow's own loader: nothing of this package is needed to run what it exported.
"""

import dataclasses
import pathlib

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import prediction_log_pb2

from strtf.errors import StrtfError

DEFAULT_SIGNATURE = "serving_default"
WARM_UP = "assets.extra/tf_serving_warmup_requests"


@dataclasses.dataclass(frozen=True)
class TensorInfo:
    """Type and shape of an input or output; None in the shape is any size, None as the shape any rank."""

    dtype: tf.DType
    shape: tuple[int | None, ...] | None

    @property
    def has_rows(self) -> bool:
        """Whether the first axis is of any size: a batch."""
        return bool(self.shape) and self.shape[0] is None

    def fits(self, shape: tuple[int, ...]) -> bool:
        if self.shape is None:
            return True
        return len(shape) == len(self.shape) and all(
            mine in (None, theirs) for mine, theirs in zip(self.shape, shape, strict=True)
        )


@dataclasses.dataclass(frozen=True)
class Signature:
    """A callable signature's inputs and outputs by name."""

    inputs: dict[str, TensorInfo]
    outputs: dict[str, TensorInfo]

    @property
    def can_batch(self) -> bool:
        """Whether rows of several requests can be put together and taken apart."""
        infos = (*self.inputs.values(), *self.outputs.values())
        return bool(self.inputs) and all(info.has_rows for info in infos)


class SavedModel:
    """A loaded SavedModel.

    Args:
        directory: the one with saved_model.pb.

    Raises:
        StrtfError: no SavedModel for serving is there.
        Exception: whatever TensorFlow's loader raises for damaged files, and the model on its warm-up requests.
    """

    def __init__(self, directory: pathlib.Path):
        self.signature_defs = _read_signature_defs(directory)
        self._loaded = tf.saved_model.load(str(directory), tags=["serve"])
        self._functions = dict(self._loaded.signatures)
        self.signatures = {name: _signature(self.signature_defs[name]) for name in self._functions}
        self._warm_up(directory / WARM_UP)

    def call(self, signature: str, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs by name; inputs and outputs as the signature says, strings as arrays of bytes objects."""
        dtypes = {name: info.dtype for name, info in self.signatures[signature].inputs.items()}
        tensors = {name: tf.constant(value, dtypes[name]) for name, value in inputs.items()}
        return {name: value.numpy() for name, value in self._functions[signature](**tensors).items()}

    def _warm_up(self, requests: pathlib.Path) -> None:
        """Requests that came with the model, in TF Serving's format, and an empty text where a text is what it reads.

        The first user does not wait, and a version that cannot run is found before it is served.
        """
        if requests.exists():
            for record in tf.data.TFRecordDataset(str(requests)):
                request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
                inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
                self.call(request.model_spec.signature_name or DEFAULT_SIGNATURE, inputs)
        signature = self.signatures.get(DEFAULT_SIGNATURE)
        if signature and signature.inputs == {"text": TensorInfo(tf.string, (None,))}:
            self.call(DEFAULT_SIGNATURE, {"text": np.array([b""], object)})


def _read_signature_defs(directory: pathlib.Path):
    """{name: SignatureDef} of the graph tagged for serving; raises StrtfError where there is none."""
    try:
        saved = saved_model_pb2.SavedModel.FromString((directory / "saved_model.pb").read_bytes())
    except FileNotFoundError as error:
        raise StrtfError("saved_model.pb is missing") from error
    except DecodeError as error:
        raise StrtfError("saved_model.pb is damaged") from error
    for graph in saved.meta_graphs:
        if "serve" in graph.meta_info_def.tags:
            return dict(graph.signature_def)
    raise StrtfError("saved_model.pb has no graph with the tag 'serve'")


def _signature(definition) -> Signature:
    return Signature(
        {name: _tensor_info(info) for name, info in sorted(definition.inputs.items())},
        {name: _tensor_info(info) for name, info in sorted(definition.outputs.items())},
    )


def _tensor_info(info) -> TensorInfo:
    sizes = None if info.tensor_shape.unknown_rank else tuple(d.size for d in info.tensor_shape.dim)
    shape = None if sizes is None else tuple(None if size < 0 else size for size in sizes)
    return TensorInfo(tf.as_dtype(info.dtype), shape)
