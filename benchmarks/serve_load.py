"""A closed loop: N clients, each with a connection of its own, each asking again as soon as it is answered."""

import contextlib
import dataclasses
import http.client
import json
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import grpc
import numpy as np
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

from strtf.errors import StrtfError

DT_STRING = 7  # tensorflow.DataType
TIMEOUT = 60.0
WARM_UP = 3  # requests of each client that are not counted


@dataclasses.dataclass(frozen=True)
class Addresses:
    """host:port of each protocol; empty where a server has it not."""

    grpc: str
    rest: str


@contextlib.contextmanager
def serving(model: str, server_flags: list[str], running: Addresses) -> Iterator[Addresses]:
    """Addresses of a server: the running one, or one of our own for `model` that ends with the block."""
    if not model:
        yield running
        return
    command = [sys.executable, "-m", "strtf.serve", f"--model={model}", "--port=0", "--rest_port=0", *server_flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        try:
            found = re.search(r"gRPC (\S+), REST http://(\S+)/", process.stdout.readline())
            if not found:
                raise StrtfError(f"--model must be a directory that can be served. Received: {model}. See above.")
            yield Addresses(found[1], found[2])
        finally:
            process.terminate()


def load_row(protocol: str, addresses: Addresses, model: str, texts: list[str], clients: int, values) -> dict:
    """The figures of `clients` that ask for `values.load_seconds`.

    Returns:
        A row. `errors` counts answers other than good ones, and they are in no time; p50 and p99 are of one request.
    """
    connect = {"grpc": _grpc_client, "rest": _rest_client}[protocol]
    address = getattr(addresses, protocol)
    if not address:
        raise StrtfError(f"--{protocol} must be host:port. Received: nothing. Name it, or leave {protocol} out.")
    rng = random.Random(values.seed)
    draws = [[rng.sample(texts, min(values.texts, len(texts))) for _ in range(64)] for _ in range(clients)]
    times, errors, seconds = _closed_loop(lambda: connect(address, model), draws, values.load_seconds)
    latencies = 1000.0 * np.array(times or [np.nan])
    return {
        "part": protocol,
        "protocol": protocol,
        "clients": clients,
        "texts": len(draws[0][0]),
        "characters": float(np.mean([len(text) for text in texts])),
        "requests": len(times),
        "errors": errors,
        "requests_per_s": len(times) / seconds,
        "texts_per_s": len(times) * len(draws[0][0]) / seconds,
        "p50_ms": float(np.percentile(latencies, 50)),
        "p99_ms": float(np.percentile(latencies, 99)),
    }


def _closed_loop(connect: Callable, draws: list[list[list[str]]], seconds: float) -> tuple[list[float], int, float]:
    """(seconds of each good request, errors, seconds of all); each client asks once at least."""
    times: list[list[float]] = [[] for _ in draws]
    errors = [0] * len(draws)
    start = threading.Barrier(len(draws) + 1)
    end = [0.0]

    def client(number: int) -> None:
        with connect() as ask:
            for texts in draws[number][:WARM_UP]:
                ask(texts)
            start.wait()
            start.wait()  # the main thread sets the end in between
            turn = 0
            while not turn or time.perf_counter() < end[0]:
                began = time.perf_counter()
                good = ask(draws[number][turn % len(draws[number])])
                if good:
                    times[number].append(time.perf_counter() - began)
                errors[number] += not good
                turn += 1

    threads = [threading.Thread(target=client, args=(number,), daemon=True) for number in range(len(draws))]
    for thread in threads:
        thread.start()
    start.wait(TIMEOUT)
    began = time.perf_counter()
    end[0] = began + seconds
    start.wait(TIMEOUT)
    for thread in threads:
        thread.join()
    return [t for of_client in times for t in of_client], sum(errors), time.perf_counter() - began


@contextlib.contextmanager
def _grpc_client(address: str, model: str) -> Iterator[Callable[[list[str]], bool]]:
    # a channel of its own: gRPC lets channels of the same arguments share a connection
    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        stub = PredictionServiceStub(channel)

        def ask(texts: list[str]) -> bool:
            request = PredictRequest()
            request.model_spec.name = model
            tensor = request.inputs["text"]
            tensor.dtype = DT_STRING
            tensor.tensor_shape.dim.add(size=len(texts))
            tensor.string_val.extend(text.encode("utf-8") for text in texts)
            try:
                stub.Predict(request, timeout=TIMEOUT)
            except grpc.RpcError:
                return False
            return True

        yield ask


@contextlib.contextmanager
def _rest_client(address: str, model: str) -> Iterator[Callable[[list[str]], bool]]:
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT)

    def ask(texts: list[str]) -> bool:
        try:
            connection.request("POST", f"/v1/models/{model}:predict", json.dumps({"instances": texts}))
            response = connection.getresponse()
            response.read()
            return response.status == 200
        except (OSError, http.client.HTTPException):
            connection.close()  # the next request opens it again
            return False

    with contextlib.closing(connection):
        yield ask
