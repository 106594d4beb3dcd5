"""What all connections of a server share, and how a request becomes the call of a method."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import structlog

from merkat.api.auth import Authenticator, Clients, NoClients
from merkat.api.buckets import Buckets, address_key
from merkat.api.client import RpcError
from merkat.api.envelope import error_text, now_us, result_text
from merkat.api.errors import (
    ApiError,
    forbidden,
    internal_error,
    invalid_params,
    method_not_found,
    shown,
    too_many_requests,
)
from merkat.api.hub import Hub
from merkat.api.limits import Limits
from merkat.api.parameters import Texts
from merkat.api.registry import Context, Cost, Method, Registry

Forward: TypeAlias = Callable[[str, dict[str, Any]], Awaitable[Any]]

FORWARDED: Final = "venue/"
PRIVATE: Final = "private/"
TOKEN_PARAMETER: Final = "access_token"

logger = structlog.get_logger(__name__)


class Host:
    """The shared state of one server."""

    def __init__(
        self,
        registry: Registry,
        service: Any,
        clients: Clients | None,
        limits: Limits,
        forward: Forward | None,
        testnet: bool,
    ) -> None:
        self.registry = registry
        self.service = service
        self.limits = limits
        self.forward = forward
        self.testnet = testnet
        self.hub = Hub()
        self.buckets = Buckets(limits)
        self.authenticator = Authenticator(clients or NoClients(), limits, self.now_ms)
        self.connections: Counter[str] = Counter()  # authenticated ones, by client id
        self.tasks: set[asyncio.Task[None]] = set()
        self._failures = 0

    @staticmethod
    def now_ms() -> int:
        """Return milliseconds since 1970."""
        return now_us() // 1_000

    def begin(
        self, context: Context, name: str, params: dict[str, Any], *, texts: bool = False
    ) -> Any:
        """Check a request, pay for it and start it: return its result or what to await for it.

        Args:
            context: of the request; a token in `params` sets its client.
            name: of the method.
            params: by name.
            texts: whether all values are texts of a query string.

        Raises:
            ApiError: the request is refused; nothing was done.
        """
        method = self.registry.methods.get(name)
        if TOKEN_PARAMETER in params and name.startswith(PRIVATE):
            params = dict(params)
            self._take_token(context, params.pop(TOKEN_PARAMETER))
        cost = method.cost if method is not None else Cost.READ
        units = method.units if method is not None else 1
        self.buckets.charge(self.payer(context), cost, units)
        if method is None:
            return self._forwarded(context, name, Texts(params) if texts else params)
        self._check_scope(context, method)
        if method.is_async:
            self._check_room(context, method.cost)
        read = method.parameters.read_text if texts else method.parameters.read
        return method.handler(context, read(params))

    def payer(self, context: Context) -> str:
        """Return the key of the buckets that pay for a request."""
        if context.grant is not None:
            return f"client {context.grant.client.client_id}"
        return address_key(context.address)

    def result(self, context: Context, result: Any) -> bytes:
        """Return the text of an answer. Raises ValueError or TypeError: it has no JSON."""
        return result_text(context.request_id, result, context.received_us, self.testnet)

    def refusal(self, context: Context, error: Exception, name: str) -> bytes:
        """Return the text that tells an error. One that cannot be told is a defect of its own."""
        explained = self.explained(error, name)
        try:
            return error_text(context.request_id, explained, context.received_us, self.testnet)
        except Exception as defect:
            told = self.explained(defect, name)
            return error_text(context.request_id, told, context.received_us, self.testnet)

    def explained(self, error: Exception, name: str) -> ApiError:
        """Return what the caller is told of an error; unexpected ones go to the log."""
        if isinstance(error, ApiError):
            return error
        if isinstance(error, RpcError):
            return passed_on(error)
        self._failures += 1
        reference = f"{now_us():x}-{self._failures}"
        logger.error("a method failed", method=name, reference=reference, exc_info=error)
        return internal_error(reference)

    async def drain(self, seconds: float) -> None:
        """Wait until the requests that were begun have ended, at most so long."""
        if self.tasks:
            await asyncio.wait(tuple(self.tasks), timeout=seconds)

    def _take_token(self, context: Context, token: Any) -> None:
        if not isinstance(token, str):
            raise invalid_params(TOKEN_PARAMETER, token, "the text that public/auth gave")
        context.take(self.authenticator.by_token(token))

    def _check_scope(self, context: Context, method: Method) -> None:
        if method.scope is None and not method.name.startswith(PRIVATE):
            return
        client = context.authenticated()
        if method.scope is not None and method.scope not in context.scopes:
            had = ", ".join(sorted(context.scopes)) or "none"
            raise forbidden(
                f"{method.name} needs the scope {method.scope}, {client.client_id} has {had}",
                "authenticate with that scope, or with a client that may",
            )

    def _check_room(self, context: Context, cost: Cost) -> None:
        if len(self.tasks) >= self.limits.requests_waiting:
            raise too_many_requests(100, "waiting requests of this server")
        if context.connection is not None:
            context.connection.check_room(cost)

    def _forwarded(self, context: Context, name: str, params: dict[str, Any]) -> Any:
        if self.forward is None or not name.startswith(FORWARDED):
            raise method_not_found(name, self.registry.methods)
        self._check_room(context, Cost.READ)
        return self.forward(name, params)


def passed_on(error: RpcError) -> ApiError:
    """Return the error of another server of this dialect as our own answer."""
    data = dict(error.data) if isinstance(error.data, dict) else {"reason": shown(error.data)}
    field = data.pop("param", None)
    return ApiError(
        error.code,
        str(data.pop("reason", error.message)),
        str(data.pop("hint", "")),
        field=field if isinstance(field, str) else None,
        message=error.message,
        extra=data,
    )


def ended_from_inside(error: asyncio.CancelledError) -> Exception:
    """Return what is told where a method was cancelled, but not by who called it."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise error
    return RuntimeError("what the method waited for was cancelled")


def is_waiting(result: Any) -> bool:
    """Return whether a method's result must be awaited."""
    return hasattr(type(result), "__await__")
