"""The dialect over HTTP: GET with a query string, POST with an envelope."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from merkat.api.describe import openapi, openrpc
from merkat.api.envelope import now_us, read_request, readable_id
from merkat.api.errors import (
    INVALID_PARAMS,
    ApiError,
    invalid_request,
    method_not_found,
    shown,
)
from merkat.api.host import Host, ended_from_inside, is_waiting
from merkat.api.json import JsonError, dumps, loads_strict
from merkat.api.registry import Context, Cost

JSON_TYPE: Final = "application/json"
HTTP_PATH: Final = "/api/v2"
WEBSOCKET_PATH: Final = "/ws/api/v2"
QUERY_FIELDS_MAX: Final = 64
PATH_SHOWN_MAX: Final = 200
VERB_HINT: Final = f"GET {HTTP_PATH}/public/test?name=value, or POST {HTTP_PATH} with a JSON body"
# What else is asked often, and what is meant then.
VERB_HINTS: Final = {
    "GET": f"the path of a GET ends with the method: {VERB_HINT}",
    "HEAD": f"the path ends with the method: {VERB_HINT}",
    "OPTIONS": "pages of other origins are not served, so there is nothing to ask before a call;"
    f" from a program {VERB_HINT}",
}
HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


class HttpFace:
    """Endpoints of one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._documents: dict[str, bytes] = {}

    async def get(self, request: Request) -> Response:
        """Answer GET /api/v2/{method}?name=value."""
        context = self._context(request)
        name = request.path_params["method"]
        try:
            texts = _query(request)
            self._authenticate(context, request, b"")
            result = self._host.begin(context, name, texts, texts=True)
            return await self._answer(context, name, result)
        except Exception as error:
            return self._refused(context, name, error)

    async def post(self, request: Request) -> Response:
        """Answer POST /api/v2 and POST /api/v2/{method} with an envelope as body."""
        context = self._context(request)
        name = request.path_params.get("method")
        try:
            body = await self._body(request)
            document: Any = None
            try:
                document = loads_strict(body)
                context.request_id = readable_id(document)
                call = read_request(document, name)
            except JsonError as error:
                context.request_id = readable_id(error.document)
                raise
            name = call.method
            self._authenticate(context, request, body)
            result = self._host.begin(context, name, call.params)
            return await self._answer(context, name, result)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:
            return self._refused(context, name or "", error)

    async def openapi(self, request: Request) -> Response:
        """Answer GET /openapi.json."""
        return self._document("openapi")

    async def openrpc(self, request: Request) -> Response:
        """Answer GET /openrpc.json."""
        return self._document("openrpc")

    async def other_method(self, request: Request, error: Exception) -> Response:
        """Answer 405 for other verbs than GET and POST."""
        verb = request.method
        reason = f"{verb} {request.url.path[:PATH_SHOWN_MAX]} is not taken"
        problem = invalid_request(None, reason, VERB_HINTS.get(verb, VERB_HINT))
        headers = getattr(error, "headers", None) or {}
        return self._error(self._context(request), problem, 405, dict(headers))

    async def other_path(self, request: Request, error: Exception) -> Response:
        """Answer 404 for paths that are no method's."""
        path = request.url.path
        problem = method_not_found(path[:PATH_SHOWN_MAX], ())
        if path.rstrip("/") == WEBSOCKET_PATH:
            hint = f"connect to it as a WebSocket; over HTTP: {VERB_HINT}"
            problem = invalid_request(None, f"{path} is a WebSocket, this is plain HTTP", hint)
        return self._error(self._context(request), problem, 404)

    async def failed(self, request: Request, error: Exception) -> Response:
        """Answer 500 in the dialect for a defect that nothing nearer has caught."""
        return self._error(self._context(request), error, 500, name=request.url.path)

    def _context(self, request: Request) -> Context:
        address = request.client.host if request.client is not None else ""
        return Context(
            service=self._host.service, received_us=now_us(), address=address, host=self._host
        )

    def _authenticate(self, context: Context, request: Request, body: bytes) -> None:
        """Let the Authorization header say who asks, if there is one."""
        headers = request.headers.getlist("authorization")
        if not headers:
            return
        if len(headers) > 1:
            raise invalid_request("Authorization", "more than one header", "send one")
        uri = request.scope.get("raw_path", b"").decode("latin-1")
        if request.scope["query_string"]:
            uri += "?" + request.scope["query_string"].decode("latin-1")
        try:
            grant = self._host.authenticator.by_header(headers[0], request.method, uri, body)
        except ApiError:
            self._host.buckets.charge(self._host.payer(context), Cost.READ)
            raise
        context.take(grant)

    async def _body(self, request: Request) -> bytes:
        """Return the body. Raises ApiError for a wrong type, a long or a slow one."""
        kind = request.headers.get("content-type", JSON_TYPE).partition(";")[0].strip().lower()
        if kind != JSON_TYPE:
            reason = f"content-type is {shown(kind)}"
            raise ApiError(13018, reason, f"send {JSON_TYPE}", field="content-type")
        limits = self._host.limits
        too_long = invalid_request(
            None, f"the body is longer than {limits.frame_bytes} bytes", "send less in one request"
        )
        announced = request.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced[:20]) > limits.frame_bytes:
            raise too_long
        body = bytearray()
        try:
            async with asyncio.timeout(limits.body_seconds):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > limits.frame_bytes:
                        raise too_long
        except TimeoutError:
            reason = f"the body did not come within {limits.body_seconds:g} s"
            raise invalid_request(None, reason, "send it at once") from None
        return bytes(body)

    async def _answer(self, context: Context, name: str, result: Any) -> Response:
        if is_waiting(result):
            result = await _shielded(self._host, result)
        text = self._host.result(context, result)
        return Response(text, media_type=JSON_TYPE, headers=HEADERS)

    def _refused(self, context: Context, name: str, error: Exception) -> Response:
        if isinstance(error, ApiError) and error.code < 0 and error.code != INVALID_PARAMS:
            try:
                self._host.buckets.charge(self._host.payer(context), Cost.FREE)
            except ApiError as refusal:
                error = refusal
        return self._error(context, error, 400, name=name)

    def _error(
        self,
        context: Context,
        error: Exception,
        status: int,
        headers: dict[str, str] | None = None,
        name: str = "",
    ) -> Response:
        text = self._host.refusal(context, error, name)
        return Response(text, status, media_type=JSON_TYPE, headers={**HEADERS, **(headers or {})})

    def _document(self, name: str) -> Response:
        """Return a description, made once."""
        if name not in self._documents:
            make = openapi if name == "openapi" else openrpc
            self._documents[name] = dumps(make(self._host.registry))
        return Response(self._documents[name], media_type=JSON_TYPE)


async def _shielded(host: Host, waiting: Awaitable[Any]) -> Any:
    """Return the result of a method that goes on to its end even when the caller leaves."""

    async def run() -> None:
        try:
            outcome.set_result(await waiting)
        except asyncio.CancelledError as error:
            outcome.set_exception(ended_from_inside(error))
        except Exception as error:
            outcome.set_exception(error)

    outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run())
    host.tasks.add(task)
    task.add_done_callback(host.tasks.discard)
    return await asyncio.shield(outcome)


def _query(request: Request) -> dict[str, str]:
    """Return the parameters of the query string. Raises ApiError -32602."""
    raw = request.scope["query_string"]
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(raw),
            encoding="utf-8",
            errors="strict",
            max_num_fields=QUERY_FIELDS_MAX,
        )
    except ValueError as error:
        raise ApiError(
            INVALID_PARAMS, f"the query string is malformed: {error}", "send name=value&name=value"
        ) from None
    texts = dict(pairs)
    if len(texts) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ApiError(
            INVALID_PARAMS, "the same parameter comes twice", "send it once", field=twice[:80]
        )
    return texts
