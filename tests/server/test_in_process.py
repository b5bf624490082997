"""The server without a process: other models, a model that hangs or breaks, no memory left, what cannot start."""

import asyncio
import base64
import json
import pathlib
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from strtf.config import ServerOptions
from strtf.errors import StrtfError
from strtf.server import run
from strtf.server.batching import Batcher
from strtf.server.metrics import Metrics
from strtf.server.predictor import Predictor
from strtf.server.rest_api import RestApi
from strtf.server.versions import Versions

BODY = json.dumps({"instances": ["患者12"]}).encode()


async def ask(app, path: str, body: bytes = b"", method: str = "POST") -> tuple[int, dict]:
    """(status, JSON) of an ASGI application."""
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": b"", "headers": [], "scheme": "http", "server": ("x", 80), "client": ("x", 1),
    }  # fmt: skip
    sent = []

    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return messages.pop() if messages else await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent))


@pytest.fixture
def inside(digits_dir):
    """inside(test, directory, **options): `await test(app, predictor, stopping)` with a model loaded here."""

    def call(test, directory=digits_dir, **options):
        async def main():
            with ThreadPoolExecutor(1) as executor:

                def make_batcher(model, name):
                    return Batcher(lambda inputs: model.call(name, inputs), executor, 8, 0.0)

                versions = Versions(directory, "strtf", frozenset(), make_batcher)
                settings, stopping = ServerOptions(**options), asyncio.Event()
                predictor = Predictor(versions, executor, settings)
                await versions.look()
                await test(RestApi(predictor, Metrics("strtf"), settings, stopping).app(), predictor, stopping)
                versions.close()

        asyncio.run(main())

    return call


PREDICT = "/v1/models/strtf:predict"


def test_named_inputs_a_second_signature_and_binary_outputs(inside, stub_model, tmp_path):
    async def test(app, *_):
        async def predict(request):
            return await ask(app, PREDICT, json.dumps(request).encode())

        rows = [{"points": [1, 2], "scale": 2}, {"points": [3, 4], "scale": 10}]
        raw = [{"b64": base64.b64encode(value).decode()} for value in (b"\xff2", b"\xff10")]
        assert await predict({"instances": rows}) == (
            200,
            {
                "predictions": [
                    {"raw_bytes": raw[0], "scaled": [2.0, 4.0]},
                    {"raw_bytes": raw[1], "scaled": [30.0, 40.0]},
                ]
            },
        )
        assert await predict({"signature_name": "total", "inputs": [1.5, 2]}) == (200, {"outputs": 3.5})
        assert await predict({"inputs": {"points": [[1, 2]], "scale": [1, 2]}}) == (
            400,
            {"error": "Inputs must have the same number of rows. Received: [1, 2]."},
        )

    stub_model.save_two_inputs(tmp_path)
    inside(test, tmp_path)


def test_an_answer_does_not_depend_on_who_asks_at_the_same_time(inside, expected):
    async def test(app, *_):
        texts = ["12和3", "1，2，3，4，5，6", "7和8"]
        together = await asyncio.gather(
            *(ask(app, PREDICT, json.dumps({"instances": [text]}).encode()) for text in texts)
        )
        for text, (status, answer) in zip(texts, together, strict=True):
            (row,) = answer["predictions"]  # no padding to cut off
            found = {name: value for name, value in row.items() if not name.endswith("_count")}
            assert status == 200 and found == expected(text)

    inside(test)


def test_a_model_that_hangs(inside, monkeypatch):
    async def test(app, predictor, _):
        batcher = predictor.versions.current.batchers["serving_default"]
        monkeypatch.setattr(batcher, "submit", lambda inputs: asyncio.Event().wait())
        assert await ask(app, PREDICT, BODY) == (504, {"error": "The answer took longer than 0.05 seconds."})
        assert (predictor.texts.used, predictor.bytes.used) == (0, 0)
        assert predictor.versions.current.idle.is_set()

    inside(test, request_timeout_s=0.05)


def test_a_model_that_breaks(inside, monkeypatch):
    async def test(app, predictor, _):
        def broken(signature, inputs):
            raise KeyError(inputs["text"][0].decode())

        monkeypatch.setattr(predictor.versions.current.model, "call", broken)
        assert await ask(app, PREDICT, BODY) == (500, {"error": "The server failed: KeyError."})
        monkeypatch.undo()
        assert (await ask(app, PREDICT, BODY))[0] == 200

    inside(test)


def test_no_memory_for_one_more_request(inside):
    async def test(app, predictor, _):
        taken = predictor.bytes.size - len(BODY) + 1
        predictor.bytes.take(taken)
        refused = {"error": "The server is busy: the memory for requests is full. Try again later."}
        assert await ask(app, PREDICT, BODY) == (503, refused)
        predictor.bytes.give_back(taken)
        assert (await ask(app, PREDICT, BODY))[0] == 200 and predictor.bytes.used == 0

    inside(test)


def test_a_request_without_texts_waits_for_no_room_either(inside):
    async def test(app, predictor, _):
        body = json.dumps({"inputs": []}).encode()
        assert (await ask(app, PREDICT, body))[0] == 200
        predictor.texts.take(predictor.texts.size)
        assert (await ask(app, PREDICT, body))[0] == 503

    inside(test)


def test_health_at_the_end(inside):
    async def test(app, predictor, stopping):
        assert (await ask(app, "/healthz", method="GET"))[0] == 200
        stopping.set()
        assert (await ask(app, "/healthz", method="GET"))[0] == 503

    inside(test)


@pytest.fixture
def start(monkeypatch):
    """start(**options) -> the message that starting ends with."""
    monkeypatch.setattr(run, "_log_to_stderr", lambda: None)

    def call(**options) -> str:
        with pytest.raises(StrtfError) as caught:
            run.serve(ServerOptions(port=0, **options))
        return str(caught.value)

    return call


def test_a_directory_that_is_not_there(start):
    assert start(model="none") == "--model must be a directory of versions (1, 2, …). Received: none."


def test_a_directory_without_a_version(start, tmp_path):
    assert "Received: no subdirectory whose name is a number. Export one" in start(model=str(tmp_path))
    pathlib.Path(tmp_path / "4").mkdir()
    assert "Received: Version 4 does not load: saved_model.pb is missing. Export one" in start(model=str(tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"max_queued_texts": 7, "max_texts": 8},
            "--max_queued_texts must be at least --max_texts. Received: 7 and 8. Raise the one or lower the other.",
        ),
        (
            {"max_pending_mb": 1, "max_body_kb": 1025},
            "--max_pending_mb must be at least --max_body_kb. Received: 1 MiB and 1025 KiB. "
            "Raise the one or lower the other.",
        ),
    ],
)
def test_limits_under_which_a_request_never_fits(start, options, message):
    assert start(model="none", **options) == message


@pytest.mark.parametrize("host", ["", "192.0.2.1", "x..y", "[::1]"])
def test_a_host_that_is_not_this_machine(start, host):
    message = f"--host must be an address or a name of this machine. Received: {host or 'nothing'}. "
    assert start(model="none", host=host).startswith(message)


@pytest.mark.parametrize("flag", ["port", "rest_port"])
def test_a_port_that_is_taken(monkeypatch, digits_dir, flag):
    monkeypatch.setattr(run, "_log_to_stderr", lambda: None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        options = {"port": 0, "rest_port": 0} | {flag: number}
        with pytest.raises(StrtfError, match=rf"--{flag} must be a port .* Received: {number}"):
            run.serve(ServerOptions(model=str(digits_dir), **options))
