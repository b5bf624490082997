"""The REST routes of a server process, asked over HTTP."""

import base64
import http.client
import json
import shutil
import subprocess

import pytest

TEXTS = ["左12，3和456", "", "狭窄", "7😀89"]
PREDICT = "/v1/models/strtf:predict"


@pytest.mark.parametrize(
    "path",
    [
        PREDICT,
        "/V1/Models/strtf/versions/1:Predict",
        "/v1/models/strtf/labels/stable:predict",
        "/V1/Models/strtf:Predict",
    ],
)
def test_rows(server, expected, counted, path):
    status, answer = server.ask("POST", path, {"instances": TEXTS})
    assert status == 200 and list(answer) == ["predictions"]
    assert [counted(row) for row in answer["predictions"]] == [expected(text) for text in TEXTS]


def test_columns_are_the_rows_turned(server):
    _, rows = server.ask("POST", PREDICT, {"instances": [{"text": text} for text in TEXTS]})
    status, columns = server.ask("POST", PREDICT, {"signature_name": "serving_default", "inputs": {"text": TEXTS}})
    assert status == 200 and list(columns) == ["outputs"]
    assert columns["outputs"] == {name: [row[name] for row in rows["predictions"]] for name in columns["outputs"]}


def test_base64(server, expected, counted):
    text = TEXTS[0]
    encoded = {"b64": base64.b64encode(text.encode()).decode()}
    _, answer = server.ask("POST", PREDICT, {"instances": [encoded]})
    assert counted(answer["predictions"][0]) == expected(text)


def test_status(server):
    version = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in ("", "/versions/1", "/labels/stable"):
        assert server.ask("GET", f"/v1/models/strtf{path}") == (200, {"model_version_status": [version]})


def test_metadata(server):
    status, answer = server.ask("GET", "/v1/models/strtf/metadata")
    assert status == 200
    assert answer["model_spec"] == {"name": "strtf", "signature_name": "", "version": "1"}
    signature = answer["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["text"]["dtype"] == "DT_STRING"
    assert signature["outputs"]["entity_start"]["tensor_shape"] == {
        "dim": [{"size": "-1", "name": ""}, {"size": "-1", "name": ""}],
        "unknown_rank": False,
    }


def test_health_and_metrics(server):
    assert server.ask("GET", "/healthz") == (200, {"status": "ok", "model": "strtf", "version": 1})
    before = server.metric(":tensorflow:serving:request_count")
    server.predict("1")
    server.ask("POST", PREDICT, b"{")
    assert server.metric(":tensorflow:serving:request_count") == before + 2
    assert server.metric(":tensorflow:serving:request_latency_count") == before + 2
    assert server.metric("strtf_model_version") == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", PREDICT, b"", 400, "JSON Parse error: The document is empty"),
        ("POST", PREDICT, b'{"instances": ["\xe6\x82"]}', 400, "Invalid encoding in string"),
        ("POST", PREDICT, {"instances": [{"b64": "/w=="}]}, 400, "text must be UTF-8"),
        ("POST", PREDICT, {"instances": [5]}, 400, "is not of expected type: string"),
        ("POST", PREDICT, {"instances": ["患者☠"]}, 400, "The model refuses these inputs"),
        ("POST", PREDICT, {"instances": ["1"] * 9}, 400, "at most 8 texts. Received: 9."),
        ("POST", PREDICT, {"instances": ["1" * 70_000]}, 413, "The request's body must be at most 65536 bytes."),
        ("POST", PREDICT, {"signature_name": "x", "inputs": "1"}, 400, 'Serving signature name: "x" not found'),
        ("POST", PREDICT, {"signature_name": "患者", "inputs": "1"}, 400, '"(not a name)" not found'),
        ("POST", "/v1/models/half:predict", {"instances": ["1"]}, 404, "Servable not found for request: Latest(half)"),
        ("POST", "/v1/models/strtf/versions/9:predict", {"instances": ["1"]}, 404, "Specific(strtf, 9)"),
        ("POST", f"/v1/models/strtf/versions/{10**30}:predict", {"instances": ["1"]}, 400, "Failed to convert version"),
        (
            "POST",
            "/v1/models/strtf/labels/x:predict",
            {"instances": ["1"]},
            400,
            "Unrecognized servable version label: x",
        ),
        ("POST", "/v1/models/strtf:classify", {"examples": [{}]}, 501, "classify is not implemented"),
        ("GET", PREDICT, None, 400, "Malformed request: GET /v1/models/strtf/predict"),
        ("POST", "/v1/models/strtf", {}, 400, "Malformed request"),
        ("DELETE", PREDICT, None, 400, "Malformed request"),
        ("GET", "/v1/models", None, 400, "Missing model name in request."),
        ("GET", "/v1/models/half", None, 404, "Could not find any versions of model half"),
        ("GET", "/v1/models/half/metadata", None, 404, "Servable not found for request: Latest(half)"),
        ("GET", "/v1/models/strtf/versions/9", None, 404, "Could not find version 9 of model strtf"),
        ("GET", f"/v1/models/strtf/versions/{2**63}", None, 400, "Failed to convert version"),
        ("GET", f"/v1/models/strtf/versions/{'9' * 5000}", None, 400, "Failed to convert version"),
        ("GET", "/elsewhere", None, 404, "Not found"),
    ],
)
def test_mistakes_have_a_status_and_one_message(server, method, path, body, status, message):
    found, answer = server.ask(method, path, body)
    assert found == status and list(answer) == ["error"] and message in answer["error"]
    assert "患者" not in answer["error"]


def test_a_client_that_goes_leaves_the_queue(server, gate, until):
    connection = http.client.HTTPConnection(server.host, server.rest_port)
    connection.request("POST", PREDICT, json.dumps({"instances": [gate.text]}))
    until(lambda: server.metric("strtf_queued_texts") == 1)
    connection.close()
    until(lambda: server.metric("strtf_queued_texts") == 0, seconds=30.0)  # its request would end after 60


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not there")
def test_curl(server, expected, counted):
    command = [
        "curl",
        "-sS",
        "-d",
        json.dumps({"instances": ["12和3"]}),
        f"http://{server.host}:{server.rest_port}{PREDICT}",
    ]
    answer = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert counted(answer["predictions"][0]) == expected("12和3")
