"""The dialect as a Starlette application, and uvicorn around it in the running loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

from starlette.applications import Starlette

from merkat.api.limits import Limits
from merkat.api.registry import Client, Registry

Forward: TypeAlias = Callable[[str, dict[str, Any]], Awaitable[Any]]


class Clients(Protocol):
    """Who may authenticate, by client id."""

    def find(self, client_id: str) -> Client | None:
        """Return the client of an id, None where there is none."""
        ...


def build_app(
    registry: Registry,
    service: Any,
    *,
    clients: Clients | None = None,
    limits: Limits | None = None,
    forward: Forward | None = None,
    testnet: bool = True,
) -> Starlette:
    """Return the application; `app.state.hub` wakes feeds. `forward` gets unknown `venue/...`."""
    raise NotImplementedError


class Server:
    """A listening server. `port` is the real one when 0 was asked for."""

    port: int

    async def stop(self) -> None:
        """Close connections and listen no more."""
        raise NotImplementedError


async def serve(app: Starlette, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Serve an application in the running loop (best under uvloop) until `stop`."""
    raise NotImplementedError
