"""Clients that are slow, silent or too many, at the routes of a server without a model."""

import asyncio
import contextlib

import pytest

from strtf.config import ServerOptions
from strtf.server.http import http_server
from strtf.server.metrics import Metrics
from strtf.server.predictor import Predictor
from strtf.server.rest_api import RestApi
from strtf.server.versions import Versions

PREDICT = b"POST /v1/models/strtf:predict HTTP/1.1\r\nHost: x\r\n"
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
LIMIT = 1024


@pytest.fixture
def listening(tmp_path):
    """listening(test): `await test(connect, server)`; all waiting of the server for its clients is 0.2 seconds."""

    async def main(test):
        options = ServerOptions(max_body_kb=LIMIT >> 10, read_timeout_s=0.2)
        versions = Versions(tmp_path, "strtf", frozenset(), None)
        predictor = Predictor(versions, None, options)
        app = RestApi(predictor, Metrics("strtf"), options, asyncio.Event()).app()
        server = http_server(app, "127.0.0.1", 0, options.read_timeout_s, max_connections=4, drain=1.0)
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        await test(lambda **options: asyncio.open_connection("127.0.0.1", port, **options), server)
        assert predictor.bytes.used == 0
        server.should_exit = True
        await running
        versions.close()

    return lambda test: asyncio.run(main(test))


@pytest.fixture
def talk(listening):
    """talk(*parts) -> all that the server says until it closes; the last part is followed by silence."""

    def call(*parts: bytes) -> bytes:
        answers = []

        async def test(connect, _):
            reader, writer = await connect()
            for part in parts:
                writer.write(part)
                await writer.drain()
            answers.append(await reader.read())
            writer.close()
            reader, writer = await connect()  # others are answered
            writer.write(HEALTH)
            assert (await reader.readline()).split()[1] == b"503"  # there is no model
            writer.close()

        listening(test)
        return answers[0]

    return call


@pytest.mark.parametrize("part", [b"", b"POST /v1/mod", PREDICT])
def test_headers_that_do_not_come(talk, part):
    answer = talk(part)
    assert answer.startswith(b"HTTP/1.1 408") and b"The request's headers must be sent sooner." in answer


def test_headers_of_a_second_request_that_do_not_come(listening):
    async def test(connect, _):
        reader, writer = await connect()
        writer.write(HEALTH)
        await reader.readuntil(b"}")
        writer.write(PREDICT)
        assert (await reader.read()).startswith(b"HTTP/1.1 408")
        writer.close()

    listening(test)


def test_a_body_that_does_not_come(talk):
    answer = talk(PREDICT + b"Content-Length: 100\r\n\r\n", b'{"instances"')
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"The request's body must arrive within 0.2 seconds." in answer


def test_a_body_that_is_answered_before_it_has_come(listening):
    async def test(connect, _):
        reader, writer = await connect()
        writer.write(b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n")
        assert (await reader.readline()).split()[1] == b"404"
        writer.write(b"1")
        async with asyncio.timeout(5.0):
            with contextlib.suppress(ConnectionResetError):
                await reader.read()
        writer.close()

    listening(test)


def test_a_client_that_goes_before_its_body_has_come(listening):
    async def test(connect, server):
        _, writer = await connect()
        writer.write(PREDICT + b"Content-Length: 100\r\n\r\n{")
        await writer.drain()
        writer.close()
        while server.server_state.connections:
            await asyncio.sleep(0.01)

    listening(test)


@pytest.mark.parametrize("chunks", [2, 10])
def test_a_body_without_a_length_that_is_too_large(talk, chunks):
    chunk = b"400\r\n" + b" " * 1024 + b"\r\n"
    answer = talk(PREDICT + b"Transfer-Encoding: chunked\r\n\r\n", chunk * chunks + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413") and b"must be at most 1024 bytes" in answer


def test_a_client_that_asks_before_it_sends_too_much(talk):
    assert talk(PREDICT + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n").startswith(b"HTTP/1.1 413")


def test_a_client_that_asks_before_it_sends(talk):
    answer = talk(PREDICT + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n", b"{}")
    assert b"HTTP/1.1 404" in answer and b"Servable not found for request: Latest(strtf)" in answer


def test_what_is_no_http(talk):
    assert talk(b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_too_many_connections(listening):
    async def test(connect, _):
        idle = [await connect() for _ in range(4)]
        idle[0][1].write(HEALTH)  # as many as may be there are served
        assert b"application/json" in await idle[0][0].readuntil(b"\r\n\r\n")
        reader, writer = await connect()
        writer.write(HEALTH)
        assert (await reader.read()).startswith(b"HTTP/1.1 503")
        for _, other in [*idle, (reader, writer)]:
            other.close()

    listening(test)


def test_a_client_that_does_not_read_its_answers(listening):
    """More than the sockets hold: the server gives the connection up, and what it kept for it."""

    async def test(connect, server):
        _, writer = await connect(limit=1)  # it stops reading from its socket, too
        request = b"GET /page.js HTTP/1.1\r\nHost: x\r\n\r\n"
        writer.write(request * 3000)  # 30 MB of answers
        while not server.server_state.connections:
            await asyncio.sleep(0.01)
        while server.server_state.connections:
            await asyncio.sleep(0.01)
        writer.close()

    listening(test)
