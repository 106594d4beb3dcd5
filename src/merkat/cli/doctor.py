"""Look at this machine, the gateway and the venue: what is good, what is not, what to do."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from merkat.cli import _client, _common

if TYPE_CHECKING:
    from merkat.api.client import RpcClient

PYTHON_MIN: Final = (3, 11)
LIBRARIES: Final = ("msgspec", "starlette", "uvicorn", "uvloop", "httptools", "websockets")
KECCAK_OF_NOTHING: Final = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
SYNCS: Final = 20
SYNC_BYTES: Final = 4_096
SYNC_MS_MAX: Final = 50.0
FREE_BYTES_MIN: Final = 1 << 30
OPEN_FILES_MIN: Final = 1_024
CLOCK_MS_MAX: Final = 1_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `advice` says what to do where it is not good."""

    name: str
    good: bool
    found: str
    advice: str = ""


def command(
    *,
    data: Path | None = None,
    port: int = 0,
    connection: _client.Connection = _client.NOT_NAMED,
    json: _client.Json = False,
) -> int:
    """Look at this machine, the gateway and the venue; exit code 1 where something is not good.

    Example: merkat doctor --url http://127.0.0.1:8080

    Parameters
    ----------
    data
        The folder whose disk is tried; default: the one for temporary files.
    port
        A port that a venue or gateway is to listen on; 0: any that is free.
    connection
        The gateway to ask, and through it the venue; credentials are tried where they are given.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        findings = list(_findings(data, port, connection, json))
        good = all(finding.good for finding in findings)
        if json:
            checks = [
                {
                    "name": one.name,
                    "good": one.good,
                    "found": one.found,
                    "advice": "" if one.good else one.advice,
                }
                for one in findings
            ]
            _client.print_json({"good": good, "checks": checks})
        elif good:
            print("everything is as it should be")
        return _common.GOOD if good else _common.CHECK_SAID_NO

    return _common.guarded(body)


def _findings(
    data: Path | None, port: int, connection: _client.Connection, quiet: bool
) -> Iterator[Finding]:
    """Yield every finding, each printed as it is made."""
    looks: list[Callable[[], Finding]] = [
        python_version,
        compiled_core,
        libraries,
        open_files,
        lambda: free_port(port),
        lambda: disk(data or Path(tempfile.gettempdir())),
    ]
    for look in looks:
        yield _said(look(), quiet)
    if connection.url is None:
        named = "no gateway is named; --url http://host:port looks at one"
        yield _said(Finding("gateway", True, named), quiet)
        return
    for finding in served(connection):
        yield _said(finding, quiet)


def _said(finding: Finding, quiet: bool) -> Finding:
    if not quiet:
        print(f"{'good' if finding.good else 'BAD ':<5} {finding.name:<12} {finding.found}")
        if not finding.good:
            print(f"{'':<18} {finding.advice}")
    return finding


def python_version() -> Finding:
    """Look at the interpreter."""
    found = f"{platform.python_implementation()} {platform.python_version()}"
    wanted = ".".join(map(str, PYTHON_MIN))
    good = sys.version_info >= PYTHON_MIN
    return Finding("python", good, found, f"merkat needs Python {wanted} or newer")


def compiled_core() -> Finding:
    """Look at the compiled core: it is there, and hashes nothing to what it must."""
    advice = "build it: make build (needs Rust and a C compiler)"
    try:
        from merkat import __version__, _core
    except ImportError as error:
        return Finding("core", False, str(error), advice)
    good = _core.keccak256(b"").hex() == KECCAK_OF_NOTHING
    found = f"merkat {__version__}" if good else "the compiled core hashes wrongly"
    return Finding("core", good, found, advice)


def libraries() -> Finding:
    """Look at the libraries that serve and call the API."""
    versions, absent = [], []
    for name in LIBRARIES:
        try:
            versions.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            absent.append(name)
    if absent:
        advice = "install the requirements: make build"
        return Finding("libraries", False, f"absent: {', '.join(absent)}", advice)
    return Finding("libraries", True, ", ".join(versions))


def open_files() -> Finding:
    """Look at how many sockets and files a process may have open."""
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    advice = f"ulimit -n {OPEN_FILES_MIN} or more, before starting a venue or gateway"
    return Finding("open files", limit >= OPEN_FILES_MIN, f"at most {limit:,}", advice)


def free_port(port: int) -> Finding:
    """Look whether a port of the loopback interface can be listened on."""
    with contextlib.closing(socket.socket()) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            advice = "stop what listens there, or name another --port (0 finds a free one)"
            return Finding("port", False, f"127.0.0.1:{port}: {error}", advice)
        bound = listening.getsockname()[1]
    return Finding("port", True, f"127.0.0.1:{bound} is free")


def disk(folder: Path) -> Finding:
    """Look at free space, and at how long 4 KiB take until they are durable."""
    try:
        free = shutil.disk_usage(folder).free
        times_ms = _sync_times_ms(folder)
    except OSError as error:
        advice = "name a folder that can be written: --data DIR"
        return Finding("disk", False, f"{folder}: {error.strerror or error}", advice)
    median, worst = statistics.median(times_ms), max(times_ms)
    found = (
        f"{folder}: {free / (1 << 30):.1f} GiB free, "
        f"fdatasync {median:.2f} ms (median of {SYNCS}, worst {worst:.2f})"
    )
    if free < FREE_BYTES_MIN:
        return Finding("disk", False, found, "a venue's journal grows: free at least 1 GiB")
    advice = (
        f"an order is acknowledged when it is durable: expected below {SYNC_MS_MAX:.0f} ms; put "
        "--data on a local disk"
    )
    return Finding("disk", median <= SYNC_MS_MAX, found, advice)


def _sync_times_ms(folder: Path) -> list[float]:
    """Return how long each of SYNCS writes took to be durable."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(SYNCS):
            start_s = time.perf_counter()
            file.write(bytes(SYNC_BYTES))
            file.flush()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - start_s) * 1e3)
    return times


def served(connection: _client.Connection) -> Iterator[Finding]:
    """Look at a gateway: it answers, its clock, the venue behind it, the credentials."""
    from merkat.api.client import RpcError

    where = str(connection.url)
    private = connection.client_id is not None or connection.keys is not None

    async def look(client: RpcClient) -> dict[str, Any]:
        found: dict[str, Any] = {"test": await client.call("public/test", {})}
        before_ms = time.time_ns() // 1_000_000
        found["time"] = await client.call("public/get_time", {})
        after_ms = time.time_ns() // 1_000_000
        found["skew"], found["trip"] = (
            found["time"] - (before_ms + after_ms) // 2,
            after_ms - before_ms,
        )
        found["status"] = await client.call("public/status", {})
        found["venue"] = await client.call("venue/get_state_root", {})
        return found

    try:
        found = _client.ask(connection, look, private=False)
    except (_common.CommandError, RpcError) as error:
        advice = "start it: merkat gateway, or merkat demo --keep; `--url` names another"
        yield Finding("gateway", False, f"{where}: {error}", advice)
        return
    yield Finding("gateway", True, f"{where}: version {found['test'].get('version', '?')}")
    yield _clock(found["skew"], found["trip"])
    yield _venue(found["status"], found["venue"])
    if private:
        yield _credentials(connection)


def _clock(skew_ms: int, trip_ms: int) -> Finding:
    found = f"the venue is {skew_ms:+,} ms from this machine (answered in {trip_ms} ms)"
    advice = (
        "signed requests carry this machine's time: set it by NTP (a venue with a virtual clock "
        "differs by design)"
    )
    return Finding("clock", abs(skew_ms) <= CLOCK_MS_MAX, found, advice)


def _venue(status: dict[str, Any], root: dict[str, Any]) -> Finding:
    if status.get("locked") not in ("false", False):
        advice = "the gateway cannot reach its venue, or the venue is halted: look at its log"
        return Finding("venue", False, f"locked: {status.get('locked')}", advice)
    return Finding("venue", True, f"log number {root['log_number']:,}, root {root['state_root']}")


def _credentials(connection: _client.Connection) -> Finding:
    """Try the credentials."""
    from merkat.api.client import RpcError

    async def nothing(_: RpcClient) -> None:
        return None

    advice = "check MERKAT_CLIENT_ID and MERKAT_CLIENT_SECRET, or the keys file of this gateway"
    try:
        name, _ = connection.credentials()
        _client.ask(connection, nothing, private=True)
    except (_common.CommandError, RpcError) as error:
        return Finding("credentials", False, str(error), advice)
    return Finding("credentials", True, f"client {name} is let in")
