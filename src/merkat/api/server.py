"""The dialect as a Starlette application."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from merkat.api.auth import Clients
from merkat.api.connection import Connection
from merkat.api.host import Forward, Host
from merkat.api.http import HTTP_PATH, WEBSOCKET_PATH, HttpFace
from merkat.api.limits import Limits
from merkat.api.protocols import ABORT
from merkat.api.registry import Registry
from merkat.api.serving import Server, serve
from merkat.api.session import registry as session_registry

__all__ = [
    "HTTP_PATH",
    "WEBSOCKET_PATH",
    "Clients",
    "Forward",
    "Limits",
    "Server",
    "build_app",
    "serve",
]


def build_app(
    registry: Registry,
    service: Any,
    *,
    clients: Clients | None = None,
    limits: Limits | None = None,
    forward: Forward | None = None,
    testnet: bool = True,
) -> Starlette:
    """Return the application of a server.

    Args:
        registry: methods and channels; those of every server (`session`) are added.
        service: what handlers find as `context.service`.
        clients: who may authenticate; nobody where absent.
        limits: bounds of everything.
        forward: is given name and parameters of `venue/...` methods that the registry lacks.
        testnet: member of every answer.

    Returns:
        The application; `app.state.hub` wakes feeds, `app.state.host` is what connections share.
    """
    whole = Registry()
    whole.merge(session_registry)
    whole.merge(registry)
    host = Host(whole, service, clients, limits or Limits(), forward, testnet)
    face = HttpFace(host)
    app = Starlette(
        routes=[
            Route(HTTP_PATH, face.post, methods=["POST"]),
            Route(HTTP_PATH + "/{method:path}", face.get, methods=["GET"]),
            Route(HTTP_PATH + "/{method:path}", face.post, methods=["POST"]),
            Route("/openapi.json", face.openapi, methods=["GET"]),
            Route("/openrpc.json", face.openrpc, methods=["GET"]),
            WebSocketRoute(WEBSOCKET_PATH, WebSocketFace(host)),
        ],
        exception_handlers={
            404: face.other_path,
            405: face.other_method,
            Exception: face.failed,
        },
    )
    app.state.host = host
    app.state.hub = host.hub
    return app


class WebSocketFace:
    """The WebSocket endpoint of one host."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Accept a connection and serve it to its end."""
        message = await receive()
        if message["type"] != "websocket.connect":
            return
        await send({"type": "websocket.accept"})
        address = scope["client"][0] if scope.get("client") else ""
        abort = scope.get("extensions", {}).get(ABORT)
        await Connection(self._host, address, receive, send, abort).run()
