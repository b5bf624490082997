"""The load test of a server: counts, errors, and mistakes of its flags."""

import http.server
import json
import threading

import pytest

from strtf.errors import StrtfError


@pytest.fixture
def rest_stub():
    """(host:port, requests that came): a server that refuses every fourth request."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            seen.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
            self.send_response(503 if len(seen) % 4 == 0 else 200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()


def test_answers_and_errors_are_counted(parsed, rest_stub):
    from benchmarks import serve

    address, seen = rest_stub
    flags = (f"--rest={address}", "--protocols=rest", "--clients=1,2", "--texts=2", "--load_seconds=0.05")
    one, two = serve.measure(parsed(serve, *flags, "--model_name=m"), None)
    assert (one["clients"], two["clients"], one["texts"]) == (1, 2, 2)
    asked = sum(row["requests"] + row["errors"] for row in (one, two))
    assert len(seen) == asked + 3 * 3  # and each client's warm-up
    refused = len(seen) // 4
    assert refused - 3 <= one["errors"] + two["errors"] <= refused
    assert one["p50_ms"] <= one["p99_ms"] and one["texts_per_s"] == pytest.approx(2 * one["requests_per_s"])
    assert {path for path, _ in seen} == {"/v1/models/m:predict"}
    assert {len(body["instances"]) for _, body in seen} == {2}


def test_a_server_of_its_own(parsed, save_digit_model, tmp_path):
    from benchmarks import serve

    save_digit_model(tmp_path, 1, 0.5)
    flags = (f"--model={tmp_path}", "--clients=2", "--load_seconds=0.1", "--server_flag=--max_batch_size=2")
    rows = serve.measure(parsed(serve, *flags), None)
    assert [row["protocol"] for row in rows] == ["grpc", "rest"]
    assert all(row["requests"] >= 2 and row["errors"] == 0 for row in rows)


@pytest.mark.parametrize("flags", [(), ("--model=x", "--rest=x")])
def test_one_server_is_named(parsed, flags):
    from benchmarks import serve

    with pytest.raises(StrtfError, match="--model must name a directory to serve, or --grpc and --rest"):
        serve.measure(parsed(serve, *flags), None)


def test_a_protocol_without_an_address(parsed):
    from benchmarks import serve

    with pytest.raises(StrtfError, match="--grpc must be host:port"):
        serve.measure(parsed(serve, "--rest=x", "--protocols=grpc"), None)
