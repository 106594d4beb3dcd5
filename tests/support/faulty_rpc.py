"""A small HTTP proxy on loopback, in front of a real node, that injects a bounded number of faults.

It listens on a port that the system chooses, forwards each request to one fixed loopback address,
and ends with its block. No fault lasts longer than LATE_S.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LATE_S = 5.0
FAULTS = ("status 500", "reset", "error", "truncated", "no JSON", "late")
Logs = list[dict[str, Any]]


class FaultyRpc(ThreadingHTTPServer):
    """Each request takes the next of `faults`; `edit_logs` changes the answers of eth_getLogs."""

    daemon_threads = True

    def __init__(self, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.faults: deque[str] = deque()
        self.lost_answers: deque[str] = deque()  # methods: the node is asked, its answer is cut
        self.edit_logs: Callable[[Logs], Logs] | None = None
        self.ended = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients that are gone are what the tests want."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a head and its body would wait 40 ms for each other
    server: FaultyRpc

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = self.server.faults.popleft() if self.server.faults else ""
        if fault == "reset":
            linger = struct.pack("ii", 1, 0)  # closing sends RST
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            return
        if fault == "late":
            self.server.ended.wait(LATE_S)
            self.close_connection = True
            return
        kind = {"Content-Type": "application/json"}
        request = urllib.request.Request(self.server.target, body, kind)
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.loads(response.read())
        method = json.loads(body)["method"]
        if self.server.lost_answers and self.server.lost_answers[0] == method:
            self.server.lost_answers.popleft()
            self.close_connection = True
            return
        if method == "eth_getLogs" and self.server.edit_logs is not None:
            answer["result"] = self.server.edit_logs(answer["result"])
        if fault == "error":
            del answer["result"]
            answer["error"] = {"code": -32005, "message": "rate limit"}
        text = b"<html>" if fault in ("status 500", "no JSON") else json.dumps(answer).encode()
        self.send_response(500 if fault == "status 500" else 200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if fault == "truncated":
            text, self.close_connection = text[: len(text) // 2], True
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def faulty_rpc(target: str) -> Iterator[FaultyRpc]:
    """Yield a proxy in front of the node at `target`; it ends with the block."""
    server = FaultyRpc(target)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()
