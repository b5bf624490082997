"""SavedModels that find digits, a server process, and its clients."""

import contextlib
import http.client
import json
import pathlib
import re
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Server:
    """A process of `python -m strtf.serve` on free ports."""

    def __init__(self, model: pathlib.Path, *flags: str):
        command = [sys.executable, "-m", "strtf.serve", f"--model={model}", "--port=0", "--rest_port=0", *flags]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self.first_line = self.process.stdout.readline()
        found = re.search(r"gRPC (\S+), REST http://\[?([^/]+?)\]?:(\d+)/", self.first_line)
        assert found, self.process.stderr.read()
        self.grpc, self.host, self.rest_port = found[1], found[2], int(found[3])

    def ask(self, method: str, path: str, body=None, **headers) -> tuple[int, object]:
        """(status, parsed JSON): `body` is bytes, or is made JSON of."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.host, self.rest_port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            content = response.read()
        kind = response.headers["content-type"]
        return response.status, json.loads(content) if kind == "application/json" else content.decode()

    def predict(self, *texts: str) -> tuple[int, object]:
        return self.ask("POST", "/v1/models/strtf:predict", {"instances": list(texts)})

    def metric(self, name: str) -> float:
        _, page = self.ask("GET", "/monitoring/prometheus/metrics")
        return sum(float(v) for v in re.findall(rf"^{re.escape(name)}(?:{{[^}}]*}})? (\S+)$", page, re.MULTILINE))

    def stop(self) -> tuple[int, str]:
        """(exit code, what was logged) after SIGTERM."""
        self.process.terminate()
        _, log = self.process.communicate(timeout=60)
        return self.process.returncode, log


def until(condition, seconds: float = 60.0) -> None:
    """Waits for what is bound to happen."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@pytest.fixture(scope="session", name="until")
def until_fixture():
    return until


@pytest.fixture(scope="session")
def digits_dir(save_digit_model, tmp_path_factory):
    directory = tmp_path_factory.mktemp("digits")
    save_digit_model(directory, 1, 0.5)
    return directory


@pytest.fixture(scope="session")
def start_server():
    """start_server(model, *flags) -> Server; ended with the session."""
    with contextlib.ExitStack() as stack:

        def start(model, *flags) -> Server:
            server = Server(model, *flags)
            stack.callback(_end, server.process)
            return server

        yield start


def _end(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def server(start_server, digits_dir):
    """One with small limits, shared by the tests that leave it as it was."""
    return start_server(
        digits_dir, "--max_body_kb=64", "--max_texts=8", "--max_queued_texts=256", "--request_timeout_s=60"
    )


@pytest.fixture(scope="session")
def expected():
    """expected(text) -> the entities and relations in it, found with Python's `re`: what counts of a row."""

    def find(text: str, probability: float = 0.5) -> dict:
        spans = [match.span() for match in re.finditer("[0-9]+", text)]
        pairs = max(0, len(spans) - 1)
        return {
            "entity_start": [start for start, _ in spans],
            "entity_end": [end for _, end in spans],
            "entity_type": ["Number"] * len(spans),
            "entity_probability": [pytest.approx(1 / (end - start)) for start, end in spans],
            "relation_head": list(range(pairs)),
            "relation_tail": list(range(1, pairs + 1)),
            "relation_type": ["Next"] * pairs,
            "relation_probability": [probability] * pairs,
        }

    return find


@pytest.fixture(scope="session")
def counted():
    """counted(row) -> a row of `predictions` without its padding and counts."""

    def cut(row: dict) -> dict:
        counts = {"entity": row["entity_count"], "relation": row["relation_count"]}
        return {name: row[name][: counts[name.split("_")[0]]] for name in row if not name.endswith("_count")}

    return cut


@pytest.fixture
def gate(tmp_path):
    """A text that the model does not answer before `gate.open()`."""

    class Gate:
        file = tmp_path / "open"
        text = f"⏳{file}"

        def open(self) -> None:
            self.file.touch()

    found = Gate()
    yield found
    found.open()  # whatever the test did: the model must not hang for the next
