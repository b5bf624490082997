"""TF Serving's REST routes over the predictor, a health route, the metrics and the page."""

import asyncio
import importlib.resources
import json
import re
import time
from urllib.parse import unquote

from google.protobuf.json_format import MessageToDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from strtf.config import ServerOptions
from strtf.server.http import Body, while_connected
from strtf.server.json_tensors import parse_object, read_inputs, signature_name, write_outputs
from strtf.server.metrics import CONTENT_TYPE, Metrics
from strtf.server.predictor import Predictor
from strtf.server.protos import model_spec, signature_map, status_response
from strtf.server.saved_model import DEFAULT_SIGNATURE
from strtf.server.status import ServingError, fault, invalid, shown

_WHICH = r"(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_POST = re.compile(rf"/v1/models/(?P<name>[^/:]+){_WHICH}:(?P<method>classify|regress|predict)", re.IGNORECASE)
_GET = re.compile(rf"/v1/models(?:/(?P<name>[^/:]+))?{_WHICH}(?:/(?P<metadata>metadata))?", re.IGNORECASE)
_PAGE = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src data:",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_MAX_VERSION = 2**63 - 1
CLOSES = {408, 413}  # the rest of such a request is not read


class RestApi:
    """The routes.

    Args:
        stopping: set when the server takes no more requests.
    """

    def __init__(self, predictor: Predictor, metrics: Metrics, options: ServerOptions, stopping: asyncio.Event):
        self._predictor, self._metrics, self._options, self._stopping = predictor, metrics, options, stopping
        files = importlib.resources.files("strtf.server") / "page"
        self._page = {path: ((files / name).read_bytes(), kind) for path, (name, kind) in _PAGE.items()}

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/healthz", self._health, methods=["GET"]),
                Route("/monitoring/prometheus/metrics", self._prometheus, methods=["GET"]),
                *(Route(path, self._static, methods=["GET"]) for path in self._page),
                Route("/{path:path}", self._models, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
            ]
        )

    async def _health(self, request: Request) -> Response:
        versions = self._predictor.versions
        healthy = versions.current is not None and not self._stopping.is_set()
        version = versions.current.version if versions.current else None
        state = {"status": "ok" if healthy else "unavailable", "model": versions.name, "version": version}
        return _json(state, 200 if healthy else 503)

    async def _prometheus(self, request: Request) -> Response:
        return Response(self._metrics.page(), headers={"Content-Type": CONTENT_TYPE})

    async def _static(self, request: Request) -> Response:
        content, kind = self._page[request.url.path]
        return Response(content, media_type=kind, headers=_PAGE_HEADERS)

    async def _models(self, request: Request) -> Response:
        try:
            return await self._dispatch(request)
        except ServingError as error:
            return _failure(error)
        except Exception as error:
            return _failure(fault(error))

    async def _dispatch(self, request: Request) -> Response:
        path = request.scope["raw_path"].decode("latin-1").split("?")[0]
        if request.method == "POST" and (match := _POST.fullmatch(path)):
            return await self._post(request, match)
        if request.method == "GET" and (match := _GET.fullmatch(path)):
            return self._get(match)
        if not path.lower().startswith("/v1/"):
            raise ServingError("NOT_FOUND", "Not found. Routes begin with /v1/models/.")
        raise invalid(f"Malformed request: {request.method} {shown(path.replace(':', '/'))}")

    def _get(self, match: re.Match) -> Response:
        name, version, label = _which(match)
        if not name:
            raise invalid("Missing model name in request.")
        if match["metadata"]:
            serving = self._predictor.find(name, version, label)
            signatures = {"signature_def": _dict(signature_map(serving))}
            return _json({"model_spec": _dict(model_spec(name, serving)), "metadata": signatures})
        versions = self._predictor.versions
        if name != versions.name:
            raise ServingError("NOT_FOUND", f"Could not find any versions of model {shown(name)}")
        return _json(_dict(status_response(versions, versions.find(None, label).version if label else version)))

    async def _post(self, request: Request, match: re.Match) -> Response:
        if match["method"].lower() != "predict":
            raise ServingError("UNIMPLEMENTED", f"{match['method']} is not implemented by this server. Use predict.")
        started, code = time.perf_counter(), "CANCELLED"
        try:
            async with asyncio.timeout(self._options.request_timeout_s):
                response = await self._predict(request, match)
            code = "OK"
            return response
        except TimeoutError:
            code = "DEADLINE_EXCEEDED"
            message = f"The answer took longer than {self._options.request_timeout_s:g} seconds."
            raise ServingError(code, message) from None
        except Exception as error:
            known = error if isinstance(error, ServingError) else fault(error)
            code = known.code
            raise known from None
        finally:
            self._metrics.request("REST", code, started)

    async def _predict(self, request: Request, match: re.Match) -> Response:
        limit = self._options.max_body_kb << 10
        async with Body(request, limit, self._options.read_timeout_s, self._predictor.bytes) as body:
            serving = self._predictor.find(*_which(match))
            asked = parse_object(body)
            name = signature_name(asked) or DEFAULT_SIGNATURE
            if name not in serving.model.signatures:
                raise invalid(f'Serving signature name: "{shown(name)}" not found in signature def')
            infos = serving.model.signatures[name].inputs
            inputs, in_rows = read_inputs(asked, infos, self._options.max_texts)
            outputs = await while_connected(request, self._predictor.predict(serving, name, inputs))
        return _json(write_outputs(outputs, in_rows))


def _which(match: re.Match) -> tuple[str, int | None, str]:
    """(name, version, label) of the model in a path."""
    digits = match["version"] or ""
    if len(digits) > len(str(_MAX_VERSION)) or int(digits or 0) > _MAX_VERSION:  # `int` refuses thousands of digits
        raise invalid("Failed to convert version to numeric.")
    return (
        unquote(match["name"] or ""),
        int(digits) if digits else None,
        unquote(match["label"] or ""),
    )


def _dict(message) -> dict:
    return MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def _json(value, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps(value, ensure_ascii=False)  # NaN and Infinity are written as such, as TF Serving does
    return Response(body.encode("utf-8"), status, headers, media_type="application/json")


def _failure(error: ServingError) -> Response:
    headers = {"Connection": "close"} if error.http_status in CLOSES else None
    return _json({"error": error.message}, error.http_status, headers)
