"""TF Serving's gRPC services over the predictor."""

import asyncio
import time

import grpc
import numpy as np
from tensorflow_serving.apis import (
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from strtf.config import ServerOptions
from strtf.server.metrics import Metrics
from strtf.server.predictor import Predictor
from strtf.server.protos import array_from_proto, metadata_response, model_spec, proto_from_array, status_response
from strtf.server.saved_model import DEFAULT_SIGNATURE
from strtf.server.status import ServingError, fault, invalid, shown
from strtf.server.versions import Serving


def _guarded(method):
    """A servicer's method whose errors are a status and a message, never a traceback."""

    async def call(self, request, context):
        try:
            return await method(self, request)
        except ServingError as error:
            await _abort(context, error)
        except Exception as error:
            await _abort(context, fault(error))

    return call


async def _abort(context, error: ServingError):
    await context.abort(grpc.StatusCode[error.code], error.message)


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; Classify, Regress and MultiInference are for tf.Example: UNIMPLEMENTED."""

    def __init__(self, predictor: Predictor, metrics: Metrics):
        self._predictor, self._metrics = predictor, metrics

    async def Predict(self, request, context):
        started, code = time.perf_counter(), "CANCELLED"
        try:
            response = await self._predict(request)
            code = "OK"
            return response
        except asyncio.CancelledError:  # the deadline has passed, or the client has gone
            remaining = context.time_remaining()
            code = "DEADLINE_EXCEEDED" if remaining is not None and remaining <= 0 else "CANCELLED"
            raise
        except Exception as error:
            known = error if isinstance(error, ServingError) else fault(error)
            code = known.code
            await _abort(context, known)
        finally:
            self._metrics.request("GRPC", code, started)

    async def _predict(self, request) -> predict_pb2.PredictResponse:
        size = request.ByteSize()
        self._predictor.bytes.take(size)
        try:
            serving = _find(self._predictor, request)
            name = request.model_spec.signature_name or DEFAULT_SIGNATURE
            inputs = {key: self._array(key, proto) for key, proto in request.inputs.items()}
            outputs = await self._predictor.predict(serving, name, inputs, request.output_filter)
            return _response(request.model_spec.name, serving, name, outputs)
        finally:
            self._predictor.bytes.give_back(size)

    def _array(self, name: str, proto) -> np.ndarray:
        return array_from_proto(shown(name), proto, self._predictor.max_elements)

    @_guarded
    async def GetModelMetadata(self, request):
        serving = _find(self._predictor, request)
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid(f"Metadata field {shown(field)} is not supported")
        return metadata_response(request.model_spec.name, serving)

    @_guarded
    async def Classify(self, request):
        raise _unimplemented("Classify")

    @_guarded
    async def Regress(self, request):
        raise _unimplemented("Regress")

    @_guarded
    async def MultiInference(self, request):
        raise _unimplemented("MultiInference")


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus; the configuration is not changed from outside: UNIMPLEMENTED."""

    def __init__(self, predictor: Predictor):
        self._predictor = predictor

    @_guarded
    async def GetModelStatus(self, request):
        name, version, label = _spec(request)
        versions = self._predictor.versions
        if name != versions.name:
            raise ServingError("NOT_FOUND", f"Could not find any versions of model {shown(name)}")
        return status_response(versions, versions.find(None, label).version if label else version)

    @_guarded
    async def HandleReloadConfigRequest(self, request):
        raise _unimplemented("HandleReloadConfigRequest")


def _unimplemented(method: str) -> ServingError:
    return ServingError("UNIMPLEMENTED", f"{method} is not implemented by this server. Use Predict.")


def _spec(request) -> tuple[str, int | None, str]:
    """(name, version, label) of the model that a request asks for."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    spec = request.model_spec
    return spec.name, spec.version.value if spec.HasField("version") else None, spec.version_label


def _find(predictor: Predictor, request) -> Serving:
    return predictor.find(*_spec(request))


def _response(name: str, serving: Serving, signature: str, outputs) -> predict_pb2.PredictResponse:
    response = predict_pb2.PredictResponse(model_spec=model_spec(name, serving, signature))
    infos = serving.model.signatures[signature].outputs
    for key, value in outputs.items():
        response.outputs[key].CopyFrom(proto_from_array(value, infos[key].dtype))
    return response


def address(host: str, port: int) -> str:
    """Both in one, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def start_grpc(predictor: Predictor, metrics: Metrics, options: ServerOptions) -> tuple[grpc.aio.Server, int]:
    """A started server and its port.

    Raises:
        RuntimeError: the port is taken.
    """
    limit = options.max_body_kb << 10
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", limit),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # a second server on the port is an error, not half of the requests
        ],
        maximum_concurrent_rpcs=options.max_connections,
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(predictor, metrics), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(predictor), server)
    port = server.add_insecure_port(address(options.host, options.port))
    await server.start()
    return server, port
