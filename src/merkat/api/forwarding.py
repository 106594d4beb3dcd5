"""Hands methods to another server of the dialect over one connection that is kept."""

from __future__ import annotations

import asyncio
from typing import Any

from merkat.api.client import RpcClient, RpcClosedError
from merkat.api.errors import ApiError, unavailable


class Forwarder:
    """What `build_app(forward=...)` is given. Connects when needed, again after an end.

    A request is sent once: what ends without an answer is reported as such, never repeated.
    """

    def __init__(self, ws_url: str, timeout_s: float = 30.0) -> None:
        self._url = ws_url
        self._timeout_s = timeout_s
        self._client: RpcClient | None = None
        self._lock = asyncio.Lock()

    async def __call__(self, method: str, params: dict[str, Any]) -> Any:
        """Return the other server's result. Raises its RpcError, ApiError 13503 or 13888."""
        client = await self._connected()
        try:
            return await client.call(method, params)
        except (RpcClosedError, TimeoutError) as error:
            raise ApiError(
                13888,
                f"the venue gave no answer to {method}: {str(error) or 'timeout'}",
                "whether it was done is not known: look before you repeat it",
            ) from error

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _connected(self) -> RpcClient:
        async with self._lock:
            if self._client is not None and not self._client.closed:
                return self._client
            await self.close()
            try:
                self._client = await RpcClient.connect(self._url, timeout_s=self._timeout_s)
            except (OSError, RpcClosedError, TimeoutError) as error:
                raise unavailable(f"the venue at {self._url} is away: {error}") from error
            return self._client
