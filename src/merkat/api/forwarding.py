"""Hands methods to another server of the dialect over one connection that is kept."""

from __future__ import annotations

import asyncio
from typing import Any

from merkat.api.client import RpcClient, RpcClosedError
from merkat.api.errors import ApiError, unavailable
from merkat.api.parameters import Prepare, Texts, schema_reader


class Forwarder:
    """What `build_app(forward=...)` is given. Connects when needed, again after an end.

    A request is sent once: what ends without an answer is reported as such, never repeated. The
    texts of a query string are read by what the other server says of its parameters.
    """

    def __init__(self, ws_url: str, timeout_s: float = 30.0) -> None:
        self._url = ws_url
        self._timeout_s = timeout_s
        self._client: RpcClient | None = None
        self._lock = asyncio.Lock()
        self._readers: dict[str, dict[str, Prepare]] = {}

    async def __call__(self, method: str, params: dict[str, Any]) -> Any:
        """Return the other server's result. Raises its RpcError, ApiError 13503 or 13888."""
        client = await self._connected()
        if isinstance(params, Texts):
            params = await self._read(client, method, params)
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
                self._readers = {}  # it may be another version now
            except (OSError, RpcClosedError, TimeoutError) as error:
                raise unavailable(f"the venue at {self._url} is away: {error}") from error
            return self._client

    async def _read(self, client: RpcClient, method: str, texts: Texts) -> dict[str, Any]:
        """Return the parameters that texts mean. Raises ApiError -32602 or 13503."""
        if texts and not self._readers:
            try:
                self._readers = _readers(await client.call("rpc.discover"))
            except (RpcClosedError, TimeoutError) as error:
                raise unavailable(f"the venue at {self._url} is away: {error}") from error
        readers = self._readers.get(method, {})
        return {
            name: readers[name](text, name) if name in readers else text
            for name, text in texts.items()
        }


def _readers(document: Any) -> dict[str, dict[str, Prepare]]:
    """Return what reads the parameters of each method of an OpenRPC document."""
    return {
        method["name"]: {
            item["name"]: reader
            for item in method["params"]
            if (reader := schema_reader(item["schema"])) is not None
        }
        for method in document["methods"]
    }
