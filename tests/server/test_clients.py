"""Clients that are slow, gone, too many or mistaken: each hears why, and the others are answered."""

import asyncio
import json
import random
import socket
import threading

import pytest

BODY = json.dumps({"instances": ["左12，3"]}).encode()
HEAD = b"POST /v1/models/strtf:predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture
def talk(server):
    """talk(*parts) -> all that the server says until it closes; the last part is followed by silence."""

    def call(*parts: bytes) -> bytes:
        with socket.create_connection((server.host, server.rest_port), timeout=60) as connection:
            for part in parts:
                connection.sendall(part)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    return call


def answered(server) -> bool:
    status, answer = server.predict("左12，3")
    return status == 200 and answer["predictions"][0]["entity_count"] == 2


@pytest.mark.parametrize("part", [b"", b"POST /v1/mod", HEAD[:60]])
def test_headers_that_do_not_come(server, talk, part):
    answer = talk(part)
    assert answer.startswith(b"HTTP/1.1 408") and b"The request's headers must be sent sooner." in answer
    assert answered(server)


def test_headers_of_a_second_request_that_do_not_come(server):
    with socket.create_connection((server.host, server.rest_port), timeout=60) as connection:
        connection.sendall(HEAD % len(BODY) + BODY)
        answer = b""
        while not answer.endswith(b"]}]}"):
            answer += connection.recv(65536)
        connection.sendall(HEAD[:40])
        assert b"HTTP/1.1 408" in b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_body_that_does_not_come(server, talk):
    answer = talk(HEAD % len(BODY), BODY[:10])
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"The request's body must arrive within 1 seconds." in answer
    assert answered(server)


def test_a_body_without_a_length_that_is_too_large(server, talk):
    head = HEAD.replace(b"Content-Length: %d", b"Transfer-Encoding: chunked")
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    answer = talk(head, *[chunk] * 20, b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413") and b"must be at most 65536 bytes" in answer
    assert answered(server)


def test_a_client_that_asks_before_it_sends_too_much(talk):
    head = (
        b"POST /v1/models/strtf:predict HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"
    )
    assert talk(head).startswith(b"HTTP/1.1 413")


def test_what_is_no_http(server, talk):
    assert talk(b"\x16\x03\x01 hello\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert answered(server)


def test_a_thousand_clients_at_once(server):
    before = server.metric("process_resident_memory_bytes")

    async def client() -> int:
        reader, writer = await asyncio.open_connection(server.host, server.rest_port)
        writer.write(HEAD.replace(b"Host: x", b"Host: x\r\nConnection: close") % len(BODY) + BODY)
        answer = await reader.read()
        writer.close()
        assert b'{"predictions"' in answer or b"The server is busy: the queue is full" in answer
        return int(answer.split()[1])

    async def crowd():
        return await asyncio.gather(*(client() for _ in range(1000)))

    statuses = asyncio.run(crowd())
    assert set(statuses) <= {200, 503} and statuses.count(200) >= 256
    assert answered(server) and server.metric("strtf_queued_texts") == 0
    assert server.metric("process_resident_memory_bytes") - before < 300 * 2**20


def test_a_full_queue(server, gate, until):
    """256 texts wait behind one that is not answered: the next is refused at once, all others are answered later."""
    results = []
    texts = [gate.text, *["12"] * 7]
    threads = [threading.Thread(target=lambda: results.append(server.predict(*texts)[0])) for _ in range(32)]
    for thread in threads:
        thread.start()
    until(lambda: server.metric("strtf_queued_texts") == 256)
    status, answer = server.predict("1")
    assert (status, answer) == (503, {"error": "The server is busy: the queue is full. Try again later."})
    gate.open()
    for thread in threads:
        thread.join()
    assert results == [200] * 32


def test_faults_under_load(server, expected, counted, talk):
    """Good requests beside refused ones, broken bodies and connections that end anywhere: each gets its own answer."""
    import grpc
    from tensorflow_serving.apis.predict_pb2 import PredictRequest
    from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

    def good(rng, _):
        texts = ["".join(rng.choices("12左，😀", k=rng.randint(0, 30))) for _ in range(rng.randint(1, 8))]
        status, answer = server.predict(*texts)
        assert status == 200 and [counted(row) for row in answer["predictions"]] == [expected(text) for text in texts]

    def refused(rng, _):
        assert server.predict("1", "☠")[0] == 400

    def broken(rng, _):
        assert server.ask("POST", "/v1/models/strtf:predict", BODY[: rng.randrange(len(BODY))])[0] == 400

    def gone(rng, _):
        whole = HEAD % len(BODY) + BODY
        with socket.create_connection((server.host, server.rest_port)) as connection:
            connection.sendall(whole[: rng.randrange(len(whole))])

    def cancelled(rng, stub):
        request = PredictRequest()
        request.model_spec.name = "strtf"
        request.inputs["text"].dtype = 7
        request.inputs["text"].tensor_shape.dim.add(size=1)
        request.inputs["text"].string_val.append(b"12")
        stub.Predict.future(request, timeout=30).cancel()

    failures = []

    def work(seed):
        rng = random.Random(seed)
        try:
            with grpc.insecure_channel(server.grpc) as channel:
                for _ in range(25):
                    rng.choice([good, good, good, refused, broken, gone, cancelled])(
                        rng, PredictionServiceStub(channel)
                    )
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and answered(server) and server.process.poll() is None


def test_a_thousand_calls_at_once_over_grpc(server):
    import grpc
    from tensorflow_serving.apis.predict_pb2 import PredictRequest
    from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

    request = PredictRequest()
    request.model_spec.name = "strtf"
    request.inputs["text"].dtype = 7  # DT_STRING
    request.inputs["text"].tensor_shape.dim.add(size=1)
    request.inputs["text"].string_val.append(b"12")
    with grpc.insecure_channel(server.grpc) as channel:
        stub = PredictionServiceStub(channel)
        calls = [stub.Predict.future(request, timeout=60) for _ in range(1000)]
        codes = [call.code() for call in calls]  # waits for each
    assert set(codes) <= {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert codes.count(grpc.StatusCode.OK) >= 256 and answered(server)


def test_a_client_that_does_not_read_its_answers(server, until):
    """Megabytes of answers, more than the sockets hold: the server gives the connection up, and what it kept for it."""
    before = server.metric("process_open_fds")
    body = json.dumps({"instances": ["1 " * 3900] * 8}).encode()
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((server.host, server.rest_port))
        connection.sendall((HEAD % len(body) + body) * 4)
        until(lambda: server.metric("process_open_fds") > before)
        until(lambda: server.metric("process_open_fds") <= before)
    assert answered(server) and server.metric("strtf_queued_texts") == 0
