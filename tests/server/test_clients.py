"""Clients that are gone, too many or mistaken: each hears why, and the others are answered."""

import asyncio
import json
import random
import socket
import threading

BODY = json.dumps({"instances": ["左12，3"]}).encode()
HEAD = b"POST /v1/models/strtf:predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


def answered(server) -> bool:
    status, answer = server.predict("左12，3")
    return status == 200 and answer["predictions"][0]["entity_count"] == 2


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


def test_faults_under_load(server, expected, counted):
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
