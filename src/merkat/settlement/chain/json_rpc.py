"""JSON-RPC over one kept-alive HTTP connection of the standard library."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any
from urllib.parse import urlsplit

from merkat.settlement.chain.interface import ChainError, ChainUnavailableError

TIMEOUT_S = 30.0


class RpcError(ChainError):
    """The endpoint answered with an error object; `code` and `data` as it gave them."""

    def __init__(self, method: str, code: int, message: str, data: object) -> None:
        super().__init__(f"{method}: the endpoint answers error {code}: {message}")
        self.code = code
        self.message = message
        self.data = data


class JsonRpc:
    """A client of one endpoint. Threads may share it; their requests go one after the other."""

    def __init__(self, url: str, timeout_s: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise ValueError(f"url is {url!r}, expected http://host:port or https://host/path")
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.hostname, parts.port, timeout=timeout_s)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._host = parts.netloc.rpartition("@")[2]
        self._next_id = 1
        self._lock = threading.Lock()

    def request(self, method: str, *parameters: object) -> Any:
        """Return the result of a method.

        Raises RpcError if the endpoint refuses it and ChainUnavailableError if there is no answer.
        A request whose kept connection turns out to be closed is sent once more on a new one, so a
        method may run twice: a signed transaction has its nonce against that.
        """
        with self._lock:
            number, self._next_id = self._next_id, self._next_id + 1
            body = json.dumps(
                {"jsonrpc": "2.0", "id": number, "method": method, "params": parameters}
            ).encode()
            status, text = self._exchange(method, body)
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict) or answer.get("id") != number:
            raise ChainUnavailableError(
                f"{method}: {self._host} answers HTTP {status} without a JSON-RPC response"
            )
        error = answer.get("error")
        if error is not None:
            raise RpcError(
                method, error.get("code", 0), error.get("message", ""), error.get("data")
            )
        if "result" not in answer:
            raise ChainUnavailableError(f"{method}: {self._host} answers neither result nor error")
        return answer["result"]

    def close(self) -> None:
        """Close the connection; the next request opens another one."""
        with self._lock:
            self._connection.close()

    def _exchange(self, method: str, body: bytes) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"}
        kept = self._connection.sock is not None
        for last in (not kept, True):
            try:
                self._connection.request("POST", self._path, body, headers)
                response = self._connection.getresponse()
                return response.status, response.read()
            except (http.client.HTTPException, OSError) as error:
                self._connection.close()
                # A timeout is no closed connection: the endpoint may still be working on it.
                if last or isinstance(error, TimeoutError):
                    raise ChainUnavailableError(
                        f"{method}: {self._host} cannot be reached: {error!r}"
                    ) from error
        raise AssertionError("the last attempt returns or raises")
