"""A client of the dialect over WebSocket, for bots, the command line and tests."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple


class RpcError(Exception):
    """The server answered with an error: `code`, `message` and `data` as it gave them."""

    def __init__(self, code: int, message: str, data: Any) -> None:
        reason = data.get("reason", "") if isinstance(data, dict) else ""
        super().__init__(f"{code} {message}: {reason}" if reason else f"{code} {message}")
        self.code = code
        self.message = message
        self.data = data


class RpcClosedError(Exception):
    """The connection has ended: whether a request that waited was done is not known."""


class Notification(NamedTuple):
    """News of a channel, or with `method` "resync" the notice that some are lost (`data`)."""

    method: str
    channel: str
    data: Any


class RpcClient:
    """One connection. Numbers are int or Decimal. Answers heartbeats; does not reconnect."""

    notifications: asyncio.Queue[Notification]

    @classmethod
    async def connect(
        cls, url: str, *, timeout_s: float = 30.0, notifications: int = 65_536
    ) -> RpcClient:
        """Connect to a `ws://host:port/ws/api/v2`. Raises OSError where nobody listens."""
        raise NotImplementedError

    async def call(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """Return the result. Raises RpcError, RpcClosedError, TimeoutError."""
        raise NotImplementedError

    async def auth(self, client_id: str, client_secret: str) -> dict[str, Any]:
        """Authenticate this connection (client_signature). Raises RpcError."""
        raise NotImplementedError

    async def subscribe(self, channels: list[str]) -> list[str]:
        """Subscribe and return the channels that the server took."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close; what waits ends with RpcClosedError."""
        raise NotImplementedError
