"""A server's life: new versions while it serves, its end by a signal, and what it leaves in its log."""

import shutil
import socket
import threading

import grpc
import pytest
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from strtf.server.status import LOG, fault


def test_versions_change_under_load_and_the_end_waits_for_what_is_in_flight(
    start_server, digits_dir, save_digit_model, tmp_path, expected, counted, gate, until
):
    save_digit_model(tmp_path / "saved", 2, 0.25)
    shutil.copytree(digits_dir / "1", tmp_path / "model" / "1")
    server = start_server(tmp_path / "model", "--poll_s=0.05")
    stop, answers = threading.Event(), []

    def load():
        while not stop.wait(0.005):
            status, answer = server.predict("12和3和4")
            answers.append((status, answer["predictions"][0]["relation_probability"] if status == 200 else answer))

    thread = threading.Thread(target=load)
    thread.start()
    shutil.copytree(tmp_path / "saved" / "2", tmp_path / "model" / "2")
    until(lambda: server.ask("GET", "/healthz")[1]["version"] == 2)
    (tmp_path / "model" / "3").mkdir()
    (tmp_path / "model" / "3" / "saved_model.pb").write_bytes(b"\xff\xff")
    until(lambda: server.ask("GET", "/v1/models/strtf/versions/3")[0] == 200)
    until(lambda: states(server).get("3") == "END")
    stop.set()
    thread.join()
    assert {status for status, _ in answers} == {200}
    assert [probability for _, probability in answers if probability not in ([0.5, 0.5], [0.25, 0.25])] == []
    assert answers[-1][1] == [0.25, 0.25]
    until(lambda: states(server) == {"1": "END", "2": "AVAILABLE", "3": "END"})
    _, answer = server.ask("GET", "/v1/models/strtf/versions/3")
    assert answer["model_version_status"][0]["status"] == {
        "error_code": "INVALID_ARGUMENT",
        "error_message": "Version 3 does not load: saved_model.pb is damaged",
    }

    late = []
    waiting = threading.Thread(target=lambda: late.append(server.predict(gate.text, "患者12")))
    waiting.start()
    channel = grpc.insecure_channel(server.grpc)
    stub = PredictionServiceStub(channel)
    rpc = stub.Predict.future(predict_request("34和5"), timeout=60)
    until(lambda: server.metric("strtf_queued_texts") == 3)
    server.process.terminate()
    until(lambda: _refuses(server))
    with pytest.raises(grpc.RpcError) as caught:
        stub.Predict(predict_request("1"), timeout=60)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert server.process.poll() is None
    gate.open()
    assert list(rpc.result().outputs["entity_count"].int_val) == [2]
    channel.close()
    waiting.join()
    status, answer = late[0]
    assert status == 200 and counted(answer["predictions"][1]) == expected("患者12", 0.25)
    code, log = server.stop()
    assert code == 0
    assert "version 2 is served" in log and "version 3 does not load" in log and "患者" not in log
    assert "Traceback" not in log and "Exception" not in log


def test_a_second_signal_ends_what_is_in_flight_over_grpc(start_server, digits_dir, gate, until):
    server = start_server(digits_dir, "--drain_s=600")
    with grpc.insecure_channel(server.grpc) as channel:
        rpc = PredictionServiceStub(channel).Predict.future(predict_request(gate.text), timeout=120)
        signal_twice(server, until)
        with pytest.raises(grpc.RpcError) as caught:
            rpc.result()
    assert caught.value.code() in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)


def test_a_second_signal_ends_what_is_in_flight_over_rest(start_server, digits_dir, gate, until):
    server = start_server(digits_dir, "--drain_s=600", "--request_timeout_s=600")
    failed = []

    def ask():
        try:
            server.predict(gate.text)
        except OSError as error:
            failed.append(error)

    client = threading.Thread(target=ask)
    client.start()
    signal_twice(server, until)
    client.join()
    gate.open()
    assert failed and server.process.wait(60) == 0


def signal_twice(server, until) -> None:
    """Once a request is in flight."""
    until(lambda: server.metric("strtf_queued_texts") == 1)
    server.process.terminate()
    until(lambda: _refuses(server))
    server.process.terminate()


def predict_request(text: str) -> PredictRequest:
    request = PredictRequest()
    request.model_spec.name = "strtf"
    tensor = request.inputs["text"]
    tensor.dtype = 7  # DT_STRING
    tensor.tensor_shape.dim.add(size=1)
    tensor.string_val.append(text.encode())
    return request


def states(server) -> dict[str, str]:
    _, answer = server.ask("GET", "/v1/models/strtf")
    return {row["version"]: row["state"] for row in answer["model_version_status"]}


def _refuses(server) -> bool:
    try:
        server.ask("GET", "/healthz")
    except OSError:
        return True
    return False


def _has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")
def test_an_ipv6_address(start_server, digits_dir):
    server = start_server(digits_dir, "--host=::1")
    assert server.host == "::1" and server.predict("1")[0] == 200
    with grpc.insecure_channel(server.grpc) as channel:
        answer = PredictionServiceStub(channel).Predict(predict_request("1"), timeout=60)
    assert server.grpc.startswith("[::1]:") and list(answer.outputs["entity_count"].int_val) == [1]


def test_an_unforeseen_error_is_told_without_its_message(caplog, monkeypatch):
    monkeypatch.setattr(LOG, "propagate", True)
    try:
        raise KeyError("患者王某")
    except KeyError as error:
        answer = fault(error)
    assert answer.http_status == 500 and answer.message == "The server failed: KeyError."
    assert "a request failed: KeyError at test_lifecycle.py:" in caplog.text and "患者" not in caplog.text
