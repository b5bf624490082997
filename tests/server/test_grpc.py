"""The gRPC services, asked with the stubs that tensorflow-serving-api generated."""

import grpc
import pytest
import tensorflow as tf

SPEC = {"name": "strtf"}
TEXTS = ["左12，3和456", "", "狭窄", "7😀89"]


@pytest.fixture(scope="module")
def channel(server):
    with grpc.insecure_channel(server.grpc) as channel:
        yield channel


@pytest.fixture(scope="module")
def prediction(channel):
    from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

    return PredictionServiceStub(channel)


@pytest.fixture(scope="module")
def model_service(channel):
    from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub

    return ModelServiceStub(channel)


def predict_request(texts=("1",), signature="serving_default", name="strtf", only=(), **inputs):
    from tensorflow_serving.apis.predict_pb2 import PredictRequest

    request = PredictRequest(output_filter=only)
    request.model_spec.name, request.model_spec.signature_name = name, signature
    for key, value in (inputs or {"text": tf.constant(list(texts), tf.string)}).items():
        proto = value if hasattr(value, "tensor_shape") else tf.make_tensor_proto(value)
        request.inputs[key].CopyFrom(proto)
    return request


@pytest.fixture
def refused(prediction):
    """refused(request) -> (status, message)."""

    def ask(request, timeout=30):
        with pytest.raises(grpc.RpcError) as caught:
            prediction.Predict(request, timeout=timeout)
        return caught.value.code(), caught.value.details()

    return ask


def rows_of(response):
    arrays = {name: tf.make_ndarray(proto) for name, proto in response.outputs.items()}
    count = len(arrays["entity_count"])
    rows = [{name: value[row].tolist() for name, value in arrays.items()} for row in range(count)]
    for row in rows:
        for name in ("entity_type", "relation_type"):
            row[name] = [item.decode() for item in row[name]]
    return rows


def test_predict(prediction, expected, counted):
    response = prediction.Predict(predict_request(TEXTS), timeout=30)
    assert [counted(row) for row in rows_of(response)] == [expected(text) for text in TEXTS]
    spec = response.model_spec
    assert (spec.name, spec.signature_name, spec.version.value) == ("strtf", "serving_default", 1)
    # as TF Serving does, values are in the typed fields
    assert list(response.outputs["entity_count"].int_val) == [3, 0, 0, 2]
    assert response.outputs["entity_probability"].float_val[0] == 0.5


def test_the_default_signature_a_version_a_label_and_an_output_filter(prediction):
    request = predict_request(["12"], signature="", only=["entity_count", "entity_start"])
    request.model_spec.version.value = 1
    assert set(prediction.Predict(request, timeout=30).outputs) == {"entity_count", "entity_start"}
    request.model_spec.version_label = "stable"  # clears the version: they are one field
    assert prediction.Predict(request, timeout=30).model_spec.version.value == 1


def test_no_texts(prediction):
    response = prediction.Predict(predict_request([]), timeout=30)
    assert tf.make_ndarray(response.outputs["entity_count"]).shape == (0,)


def tensor(dtype=tf.string, shape=(1,), **values):
    proto = tf.make_tensor_proto([], dtype)
    proto.tensor_shape.Clear()
    for size in shape:
        proto.tensor_shape.dim.add(size=size)
    for name, value in values.items():
        getattr(proto, name).extend(value)
    return proto


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        ({"name": "other"}, "NOT_FOUND", "Servable not found for request: Latest(other)"),
        ({"signature": "other"}, "FAILED_PRECONDITION", 'Serving signature key "other" not found.'),
        ({"txt": [b"1"]}, "INVALID_ARGUMENT", "Sent extra: {txt}. Missing but required: {text}."),
        ({"text": [1.0]}, "INVALID_ARGUMENT", "Expects text to be string but float32 is provided"),
        ({"text": [[b"1"]]}, "INVALID_ARGUMENT", "Expects text to be of shape [?] but [1,1] is provided"),
        ({"text": tensor(string_val=[b"a", b"b"])}, "INVALID_ARGUMENT", "as many values as its shape says"),
        ({"text": tensor(shape=(2,))}, "INVALID_ARGUMENT", "as many values as its shape says"),
        ({"text": tensor(tf.uint8, int_val=[300])}, "INVALID_ARGUMENT", "as many values as its shape says"),
        ({"text": tensor(shape=(-1,))}, "INVALID_ARGUMENT", "must have a known shape"),
        ({"text": tensor(shape=(2**40,), string_val=[b"1"])}, "INVALID_ARGUMENT", "at most 65536 elements"),
        ({"text": [b"1"] * 9}, "INVALID_ARGUMENT", "A request must have at most 8 texts. Received: 9."),
        ({"text": [b"1", b"2\xff"]}, "INVALID_ARGUMENT", "text must be UTF-8. Text 1 (from 0) is not, at byte 1."),
        ({"text": ["患者☠".encode()]}, "INVALID_ARGUMENT", "The model refuses these inputs: InvalidArgumentError."),
        ({"only": ["none"]}, "INVALID_ARGUMENT", "output tensor alias not found in signature: none"),
        ({"only": ["entity_end"] * 2}, "INVALID_ARGUMENT", "duplicate output tensor alias"),
    ],
)
def test_mistakes_have_a_status_and_a_message(refused, request_, code, message):
    found, details = refused(predict_request(**request_))
    assert found is grpc.StatusCode[code] and message in details
    assert "患者" not in details


def test_no_model_is_named(refused):
    request = predict_request()
    request.ClearField("model_spec")
    assert refused(request) == (grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")


def test_a_version_that_is_not_served(refused):
    request = predict_request()
    request.model_spec.version.value = 7
    message = "Servable not found for request: Specific(strtf, 7)"
    assert refused(request) == (grpc.StatusCode.NOT_FOUND, message)


def test_a_message_over_the_limit(refused):
    assert refused(predict_request(["1" * 70_000]))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_bytes_that_are_no_message(channel):
    call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
    with pytest.raises(grpc.RpcError):
        call(b"\xff\xff\xff", timeout=30)


def test_the_deadline_ends_a_request_and_not_the_server(prediction, refused, gate, until, server):
    assert refused(predict_request([gate.text]), timeout=0.3)[0] is grpc.StatusCode.DEADLINE_EXCEEDED
    until(lambda: server.metric("strtf_queued_texts") == 0)  # it counts no longer
    gate.open()
    assert rows_of(prediction.Predict(predict_request(["1"]), timeout=30))[0]["entity_count"] == 1


@pytest.mark.parametrize("method", ["Classify", "Regress", "MultiInference"])
def test_methods_on_examples_are_not_there(prediction, method):
    from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2

    requests = {
        "Classify": classification_pb2.ClassificationRequest,
        "Regress": regression_pb2.RegressionRequest,
        "MultiInference": inference_pb2.MultiInferenceRequest,
    }
    with pytest.raises(grpc.RpcError) as caught:
        getattr(prediction, method)(requests[method](), timeout=30)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_metadata(prediction, digits_dir):
    from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, SignatureDefMap

    request = GetModelMetadataRequest(metadata_field=["signature_def"])
    request.model_spec.name = "strtf"
    response = prediction.GetModelMetadata(request, timeout=30)
    signatures = SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    served = signatures.signature_def["serving_default"]
    loaded = tf.saved_model.load(str(digits_dir / "1")).signatures["serving_default"]
    assert set(served.outputs) == set(loaded.structured_outputs)
    assert served.inputs["text"].dtype == tf.string.as_datatype_enum
    for fields, message in (([], "at least one metadata_field"), (["cost"], "Metadata field cost is not supported")):
        request = GetModelMetadataRequest(metadata_field=fields)
        request.model_spec.name = "strtf"
        with pytest.raises(grpc.RpcError) as caught:
            prediction.GetModelMetadata(request, timeout=30)
        assert message in caught.value.details()


def test_model_status(model_service):
    from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusRequest, ModelVersionStatus

    request = GetModelStatusRequest()
    request.model_spec.name = "strtf"
    (row,) = model_service.GetModelStatus(request, timeout=30).model_version_status
    assert (row.version, row.state, row.status.error_code) == (1, ModelVersionStatus.AVAILABLE, 0)
    request.model_spec.version.value = 9
    with pytest.raises(grpc.RpcError) as caught:
        model_service.GetModelStatus(request, timeout=30)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "Could not find version 9 of model strtf"
