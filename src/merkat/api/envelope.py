"""The JSON-RPC 2.0 envelope of the dialect: what a request must be, how an answer is written."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any, Final, NamedTuple

from merkat.api.errors import INVALID_PARAMS, ApiError, invalid_request, shown
from merkat.api.json import dumps, has_half_pair

ID_TEXT_MAX: Final = 256
METHOD_TEXT_MAX: Final = 128


class Request(NamedTuple):
    """A request that has the right form."""

    id: Any
    method: str
    params: dict[str, Any]


def now_us() -> int:
    """Return microseconds since 1970."""
    return time.time_ns() // 1_000


def is_id(value: object) -> bool:
    """Return whether a value may be an `id`: one that an answer can give back."""
    if isinstance(value, str):
        return len(value) <= ID_TEXT_MAX and not has_half_pair(value)
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def readable_id(document: object) -> Any:
    """Return the id to answer with, None where a document has none that could be read."""
    value = document.get("id") if isinstance(document, dict) else None
    return value if is_id(value) else None


def read_request(document: object, path_method: str | None = None) -> Request:
    """Return the request that a document is.

    Other members of the envelope are ignored: ccxt puts its own beside `params`.

    Args:
        document: what `loads_strict` gave.
        path_method: the method that the path of a POST names; `method` may then be absent.

    Raises:
        ApiError: -32600, or -32602 for positional parameters.
    """
    if isinstance(document, list):
        raise invalid_request(
            None, "a batch (an array of requests)", "send one request a message; they may overlap"
        )
    if not isinstance(document, dict):
        raise invalid_request(None, f"{shown(document)} is no object", f"send {_EXAMPLE}")
    if document.get("jsonrpc") != "2.0":
        was = shown(document["jsonrpc"]) if "jsonrpc" in document else "missing"
        raise invalid_request("jsonrpc", f"jsonrpc is {was}", 'send "jsonrpc":"2.0"')
    if "id" not in document:
        raise invalid_request(
            "id", "id is missing: notifications are not taken", "send a number or a text as id"
        )
    if not is_id(document["id"]):
        hint = f"send a number or a text of at most {ID_TEXT_MAX} characters"
        raise invalid_request("id", f"id is {shown(document['id'])}", hint)
    method = document.get("method", path_method)
    if not isinstance(method, str):
        was = shown(method) if "method" in document else "missing"
        raise invalid_request("method", f"method is {was}", 'send a text such as "public/test"')
    if path_method is not None and method != path_method:
        reason = f"method is {shown(method)}, the path says {shown(path_method)}"
        raise invalid_request("method", reason, "send one of them, or both alike")
    if len(method) > METHOD_TEXT_MAX:
        raise invalid_request("method", f"method is {shown(method)}", "see rpc.discover")
    params = document.get("params")
    if params is None:
        params = {}
    if not isinstance(params, dict):
        kind = "an array" if isinstance(params, list) else shown(params)
        reason = f"params is {kind}: positional parameters are not taken"
        raise ApiError(INVALID_PARAMS, reason, "send an object of named parameters", field="params")
    return Request(document["id"], method, params)


def result_text(request_id: Any, result: Any, received_us: int, testnet: bool) -> bytes:
    """Return the answer with a result."""
    return _envelope(request_id, b'"result":' + dumps(result), received_us, testnet)


def error_text(request_id: Any, error: ApiError, received_us: int, testnet: bool) -> bytes:
    """Return the answer with an error."""
    return _envelope(request_id, b'"error":' + dumps(error.body()), received_us, testnet)


def notification_text(channel: str, data: Any) -> bytes:
    """Return the notification of a channel."""
    name = dumps(channel)
    head = b'{"jsonrpc":"2.0","method":"subscription","params":{"channel":'
    return b"%b%b,%b%b}}" % (head, name, b'"data":', dumps(data))


def notice_text(method: str, params: dict[str, Any]) -> bytes:
    """Return a notification that is of no channel."""
    return dumps({"jsonrpc": "2.0", "method": method, "params": params})


def _envelope(request_id: Any, body: bytes, received_us: int, testnet: bool) -> bytes:
    sent_us = now_us()
    return b'{"jsonrpc":"2.0","id":%b,%b,"usIn":%d,"usOut":%d,"usDiff":%d,"testnet":%b}' % (
        b"%d" % request_id if type(request_id) is int else dumps(request_id),
        body,
        received_us,
        sent_us,
        sent_us - received_us,
        b"true" if testnet else b"false",
    )


_EXAMPLE: Final = '{"jsonrpc":"2.0","id":1,"method":"public/test","params":{}}'
