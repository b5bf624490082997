"""What uvicorn leaves open: clients that send or read too slowly, bodies without end, an end with exit code 0."""

import asyncio
import contextlib
import json
from collections.abc import Coroutine

import h11
import uvicorn
from starlette.requests import ClientDisconnect, Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from strtf.server.batching import Room
from strtf.server.status import ServingError

DISCARD = 16  # times the limit of a body is read and thrown away, so that the client can hear why it is refused


class PatientProtocol(H11Protocol):
    """HTTP/1.1 whose clients have `read_timeout` seconds for a request's headers, so long to read on when stuck, and so
    long for the rest of a body that was answered before it had come."""

    read_timeout = 10.0
    _headers_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _rest_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport) -> None:
        super().connection_made(transport)
        self._wait_for_headers()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            self._wait_for_headers()
        else:
            self._headers_timer = _cancelled(self._headers_timer)
        # each byte ends uvicorn's wait for the next request, and nothing else would wait for the last one
        if self.conn.our_state is not h11.DONE or self.conn.their_state is not h11.SEND_BODY:
            self._rest_timer = _cancelled(self._rest_timer)
        elif self._rest_timer is None:
            self._rest_timer = self.loop.call_later(self.read_timeout, self.transport.abort)

    def _wait_for_headers(self) -> None:
        if self._headers_timer is None:
            self._headers_timer = self.loop.call_later(self.read_timeout, self._headers_late)

    def _headers_late(self) -> None:
        # a busy loop may not have read yet what has come: it does so before it calls this
        self._headers_timer = self.loop.call_later(0.01, self._refuse)

    def _refuse(self) -> None:
        if self.transport.is_closing():
            return
        body = json.dumps({"error": "The request's headers must be sent sooner."}).encode()
        headers = [("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close")]
        if self.conn.our_state is h11.IDLE:
            for event in (h11.Response(status_code=408, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event))
        self.transport.close()
        self.loop.call_later(self.read_timeout, self.transport.abort)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.read_timeout, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._write_timer = _cancelled(self._write_timer)

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self.loop.call_later(self.read_timeout, self.transport.abort)  # its client may not have read all of it

    def connection_lost(self, exc: Exception | None) -> None:
        self._headers_timer = _cancelled(self._headers_timer)
        self._write_timer = _cancelled(self._write_timer)
        self._rest_timer = _cancelled(self._rest_timer)
        super().connection_lost(exc)


def _cancelled(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


class Server(uvicorn.Server):
    """uvicorn's server without its signal handlers, which raise the signal again in the end."""

    @contextlib.contextmanager
    def capture_signals(self):
        yield

    def end_now(self) -> None:
        """Gives up the requests in flight: uvicorn alone would still wait for their connections to close."""
        self.force_exit = True
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def http_server(app, host: str, port: int, read_timeout: float, max_connections: int, drain: float) -> Server:
    protocol = type("Protocol", (PatientProtocol,), {"read_timeout": read_timeout})
    return Server(
        uvicorn.Config(
            app, host=host, port=port, http=protocol, ws="none", loop="none", lifespan="off", log_config=None,
            log_level="critical", access_log=False, server_header=False, proxy_headers=False,
            limit_concurrency=max_connections + 1,  # uvicorn refuses the one that reaches it
            timeout_graceful_shutdown=max(1, round(drain)),
        )
    )  # fmt: skip


async def while_connected(request: Request, answer: Coroutine):
    """What `answer` returns; it is cancelled once the client has gone. The request's body must have been read.

    Raises:
        ServingError: the client has gone.
    """
    work, gone = asyncio.create_task(answer), asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise _gone()
        return work.result()
    finally:
        work.cancel()
        gone.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _gone() -> ServingError:
    return ServingError("UNAVAILABLE", "The client has gone.")


class Body:
    """A request's body in memory, with its place in `room` as long as it is open.

    Args:
        limit: bytes.
        seconds: for all of it.
    """

    def __init__(self, request: Request, limit: int, seconds: float, room: Room):
        self._request, self._limit, self._seconds, self._room = request, limit, seconds, room
        self._held = 0

    async def __aenter__(self) -> bytes:
        """Raises ServingError: too large (413), too slow (408), no room for it now (503), a client that has gone."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._read()
        except TimeoutError:
            self._release()
            message = f"The request's body must arrive within {self._seconds:g} seconds."
            raise ServingError("DEADLINE_EXCEEDED", message, http_status=408) from None
        except ClientDisconnect:
            self._release()
            raise _gone() from None
        except BaseException:
            self._release()
            raise

    async def __aexit__(self, *_) -> None:
        self._release()

    def _release(self) -> None:
        self._room.give_back(self._held)
        self._held = 0

    async def _read(self) -> bytes:
        length = self._request.headers.get("content-length", "")
        if length.isdigit() and int(length) > self._limit and self._request.headers.get("expect"):
            raise self._too_large()  # it has not begun to send
        chunks, size = [], 0
        async for chunk in self._request.stream():
            size += len(chunk)
            if size > DISCARD * self._limit:
                break
            if size > self._limit:
                chunks.clear()
                self._release()
                continue
            self._room.take(len(chunk))
            self._held += len(chunk)
            chunks.append(chunk)
        if size > self._limit:
            raise self._too_large()
        return b"".join(chunks)

    def _too_large(self) -> ServingError:
        message = f"The request's body must be at most {self._limit} bytes."
        return ServingError("RESOURCE_EXHAUSTED", message, http_status=413)
