"""Puts the server together: one event loop for gRPC and REST, one thread for the model, one for loading."""

import asyncio
import contextlib
import logging
import pathlib
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

from strtf.config import ServerOptions
from strtf.errors import StrtfError
from strtf.server.batching import Batcher
from strtf.server.grpc_api import address, start_grpc
from strtf.server.http import Server, http_server
from strtf.server.metrics import Metrics
from strtf.server.predictor import Predictor
from strtf.server.rest_api import RestApi
from strtf.server.saved_model import SavedModel
from strtf.server.status import LOG
from strtf.server.versions import Versions


def serve(options: ServerOptions) -> None:
    """Serves until SIGTERM or SIGINT, then answers what is in flight and returns.

    Raises:
        StrtfError: limits that contradict each other, no version that loads, a host that is not this machine, a port
            that is taken.
    """
    _check_limits(options)
    _check_host(options.host)
    _log_to_stderr()
    _allow_many_connections()
    asyncio.run(_serve(options))


def _check_limits(options: ServerOptions) -> None:
    """A request that may be sent must fit at least where nothing else waits: no later try would be answered."""
    if options.max_queued_texts < options.max_texts:
        raise StrtfError(
            f"--max_queued_texts must be at least --max_texts. Received: {options.max_queued_texts} and "
            f"{options.max_texts}. Raise the one or lower the other."
        )
    if options.max_pending_mb << 10 < options.max_body_kb:
        raise StrtfError(
            f"--max_pending_mb must be at least --max_body_kb. Received: {options.max_pending_mb} MiB and "
            f"{options.max_body_kb} KiB. Raise the one or lower the other."
        )


def _check_host(host: str) -> None:
    """The servers would blame their ports."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.bind(place)
    except (OSError, UnicodeError) as error:  # UnicodeError: two dots in a row, a part of more than 63 characters
        raise StrtfError(
            f"--host must be an address or a name of this machine. Received: {host or 'nothing'}. "
            "Use 127.0.0.1 or ::1, or 0.0.0.0 for every address."
        ) from error


async def _serve(options: ServerOptions) -> None:
    directory = pathlib.Path(options.model)
    if not options.model or not directory.is_dir():
        raise StrtfError(f"--model must be a directory of versions (1, 2, …). Received: {options.model or 'nothing'}.")
    executor, metrics = ThreadPoolExecutor(1, "model"), Metrics(options.model_name)

    def make_batcher(model: SavedModel, name: str) -> Batcher:
        timeout = options.batch_timeout_ms / 1000.0
        return Batcher(
            lambda inputs: model.call(name, inputs), executor, options.max_batch_size, timeout, metrics.batch
        )

    labels = frozenset(label.strip() for label in options.labels.split(",") if label.strip())
    versions = Versions(directory, options.model_name, labels, make_batcher)
    predictor = Predictor(versions, executor, options)
    metrics.queued.set_function(lambda: predictor.texts.used)
    metrics.version.set_function(lambda: versions.current.version if versions.current else 0)
    await versions.look()
    if versions.current is None:
        raise StrtfError(_why_none(directory, versions))
    watch = asyncio.create_task(versions.watch(options.poll_s))
    try:
        await _answer(predictor, metrics, options)
    finally:
        watch.cancel()
        versions.close()
        executor.shutdown(wait=False, cancel_futures=True)


def _why_none(directory: pathlib.Path, versions: Versions) -> str:
    errors = [state.error_message.rstrip(".") for state in versions.states.values()]
    found = "; ".join(errors) or "no subdirectory whose name is a number"
    return f"--model must hold a version that loads, {directory}/1 or so. Received: {found}. Export one there."


async def _answer(predictor: Predictor, metrics: Metrics, options: ServerOptions) -> None:
    stopping = asyncio.Event()
    app = RestApi(predictor, metrics, options, stopping).app()
    rest = http_server(
        app, options.host, options.rest_port, options.read_timeout_s, options.max_connections, options.drain_s
    )
    try:
        rpc, port = await start_grpc(predictor, metrics, options)
    except RuntimeError as error:
        raise StrtfError(_taken("port", options.port)) from error
    http, hurry = asyncio.create_task(_run_http(rest, options)), asyncio.Event()
    now = asyncio.create_task(_end_now(hurry, rpc, rest))
    try:
        await _started(rest, http)
        print(f"serving {options.model_name}: gRPC {address(options.host, port)}, REST {_address(rest)}", flush=True)
        _on_signals(stopping, hurry)
        stop = asyncio.create_task(stopping.wait())
        await asyncio.wait({stop, http}, return_when=asyncio.FIRST_COMPLETED)
        LOG.info("ending: no new requests, those in flight have %g seconds", options.drain_s)
    finally:
        rest.should_exit = True
        await asyncio.gather(rpc.stop(options.drain_s), http)
        now.cancel()


async def _end_now(hurry: asyncio.Event, rpc, rest: Server) -> None:
    """Ends what is in flight, once that is asked for."""
    await hurry.wait()
    rest.end_now()
    await rpc.stop(0)


async def _run_http(rest: Server, options: ServerOptions) -> None:
    try:
        await rest.serve()
    except SystemExit as error:  # uvicorn's way to say that it cannot listen
        raise StrtfError(_taken("rest_port", options.rest_port)) from error


async def _started(rest: Server, http: asyncio.Task) -> None:
    while not rest.started:
        if http.done():
            http.result()
            raise StrtfError("The REST server ended before it began.")
        await asyncio.sleep(0.01)


def _taken(flag: str, port: int) -> str:
    return f"--{flag} must be a port of this machine that nothing listens on. Received: {port}. Choose another."


def _address(rest: Server) -> str:
    return f"http://{address(*rest.servers[0].sockets[0].getsockname()[:2])}/"


def _on_signals(stopping: asyncio.Event, hurry: asyncio.Event) -> None:
    """The first signal ends the server, the second does not wait for requests in flight."""

    def stop() -> None:
        (hurry if stopping.is_set() else stopping).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows: the default, KeyboardInterrupt
            asyncio.get_running_loop().add_signal_handler(number, stop)


def _log_to_stderr() -> None:
    """Only our lines: other libraries' may quote requests."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    LOG.handlers, LOG.propagate = [handler], False
    LOG.setLevel(logging.INFO)
    for name in ("grpc", "asyncio", "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _allow_many_connections() -> None:
    """A connection is a file descriptor, of which a process may open some 1,000 by default."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
