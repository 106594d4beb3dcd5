"""The guide to one's own gateway is followed as written; its gateway really runs."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from tests.support.demo import Demo, end
from tests.support.pages import ROOT, Block, PageError, Reader

PAGE = ROOT / "docs" / "guides" / "gateway.md"
GATEWAY_PORT = 8430
READY_S_MAX = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class GatewayReader(Reader):
    """A reader who also starts the gateway that the page starts in a terminal of its own."""

    def __init__(self, folder: Path, venue: dict[str, str], port: int) -> None:
        super().__init__(folder, venue)
        self.port = port
        self.gateway: subprocess.Popen[bytes] | None = None

    def _run(self, page: Path, block: Block) -> str:
        if block.how != "background" or " gateway " not in block.text:
            return super()._run(page, block)
        log = (self.folder / "gateway.log").open("wb")
        self.gateway = subprocess.Popen(
            ["bash", "-c", f"exec {block.text}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        deadline = time.monotonic() + READY_S_MAX
        while b"gateway ready" not in (self.folder / "gateway.log").read_bytes():
            said = (self.folder / "gateway.log").read_text()
            if self.gateway.poll() is not None or time.monotonic() > deadline:
                raise PageError(f"{page}:{block.line}: the gateway is not ready: {said}")
            time.sleep(0.1)
        return ""


def test_the_guide_ends_with_an_order_signed_by_an_own_gateway(demo: Demo, tmp_path: Path) -> None:
    port = free_port()
    page = tmp_path / "gateway.md"
    page.write_text(PAGE.read_text(encoding="utf-8").replace(str(GATEWAY_PORT), str(port)))
    venue = {
        "MERKAT_URL": demo.url,
        "MERKAT_CLIENT_ID": demo.client_id,
        "MERKAT_CLIENT_SECRET": demo.client_secret,
    }
    reader = GatewayReader(tmp_path, venue, port)
    try:
        printed = reader.follow(page)
    finally:
        if reader.gateway is not None:
            end(reader.gateway)
    assert reader.gateway is not None
    assert reader.gateway.returncode == 0, "SIGTERM ends it cleanly"
    assert "the venue has opened account" in printed
    assert "forbidden (13021)" in printed, "the scope of the session holds"
    assert (tmp_path / "me" / "keys.json").stat().st_mode & 0o777 == 0o600
