"""The measurements of `merkat bench api`: order to acknowledgement, and orders a second.

A venue and a gateway run as children, as they do in use: the gateway signs, the venue recovers the
signer, journals, applies, and answers when the order is durable. The client is picows on uvloop, so
that what is measured is the server. An echo of picows in a child of its own, with messages of the
same sizes, stands beside it; gateway, echo, echo, gateway. Inside the timed region: from the first
byte that is sent to the last answer that has come, on loopback.
"""

from __future__ import annotations

import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from merkat.bench.figure import Figure
from merkat.bench.settlement import Stated

if TYPE_CHECKING:
    from merkat.bench.pipe import Run

PEERS: Final = ("picows",)
DURABLE_P50_MS_GOAL: Final = 1.5
ORDERS_GOAL: Final = 10_000.0
IN_FLIGHT: Final = 64
ORDERS_PER_SECOND: Final = 1_000_000  # no credit is to run out while measuring
OPEN_ORDERS: Final = 4_096
SYNCS: Final = 50
SYNC_BYTES: Final = 4_096
CHILD_S_MAX: Final = 300.0
FIRST_TRADE_S_GOAL: Final = 5.0


class MissingPeerError(ImportError):
    """A peer of the benchmark is not installed; the message says how to install it."""


class VoidError(Exception):
    """Orders were refused: the figure would be that of refusals."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured: orders of one block (there are two), and whether the demo is run."""

    one_in_flight: int
    many_in_flight: int
    demo: bool


FULL: Final = Sizes(1_000, 3_000, True)
SHORT: Final = Sizes(40, 128, False)


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of a round trip beside those of the echo."""

    name: str
    unit: str
    times_ms: list[float]
    control: str
    control_ms: list[float]
    goal: float | None = None

    def percentile(self, percent: float) -> float:
        """Return a percentile, ms."""
        return percentile(self.times_ms, percent)

    @property
    def ratio(self) -> float:
        """Return how many times the echo's median this one's is."""
        return self.percentile(50) / percentile(self.control_ms, 50)

    def described(self) -> dict[str, object]:
        """Return the figure as JSON-able values."""
        return {
            "unit": self.unit,
            "count": len(self.times_ms),
            "p50_ms": round(self.percentile(50), 4),
            "p99_ms": round(self.percentile(99), 4),
            "worst_ms": round(max(self.times_ms), 4),
            "goal": self.goal,
            "control": self.control,
            "control_p50_ms": round(percentile(self.control_ms, 50), 4),
            "control_p99_ms": round(percentile(self.control_ms, 99), 4),
            "ratio": round(self.ratio, 3),
        }


def percentile(values: list[float], percent: float) -> float:
    """Return the value that `percent` of all do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(len(ranked) * percent / 100) - 1)]


def require_peers() -> None:
    """Raise MissingPeerError unless picows is installed; imports nothing."""
    missing = [name for name in PEERS if find_spec(name) is None]
    if missing:
        raise MissingPeerError(
            f"{', '.join(missing)}: not installed, but `merkat bench api` measures beside it; "
            "install the dependency group dev: uv sync --group dev, or pip install --group dev"
        )


def measure(sizes: Sizes) -> Iterator[Figure | Latency | Stated]:
    """Yield every figure as it is measured.

    Raises MissingPeerError, VoidError, ServedError.
    """
    require_peers()
    from merkat.bench.served import Plan, served

    plan = Plan(
        clients=1,
        limits={"open_orders_account": OPEN_ORDERS, "open_orders_listing": OPEN_ORDERS},
        gateway=("--orders-per-second", str(ORDERS_PER_SECOND)),
    )
    with tempfile.TemporaryDirectory(prefix="merkat-bench-") as folder:
        yield sync_probe("fdatasync_before", Path(folder))
        with served(Path(folder) / "served", plan) as running:
            orders = Orders(running.ws_url, plan.credentials(0), plan.index)
            servers = {"gateway": running.gateway.pid, "venue": running.venue.pid}
            yield from _beside_echo(orders, sizes, Path(folder), servers)
        yield sync_probe("fdatasync_after", Path(folder))
        if sizes.demo:
            yield first_trade(Path(folder))


def sync_probe(name: str, folder: Path) -> Stated:
    """State how long this disk takes to make 4 KiB of a file that has its size durable."""
    times_ms = []
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(SYNCS * SYNC_BYTES))
        file.flush()
        os.fsync(file.fileno())
        for number in range(SYNCS):
            start_s = time.perf_counter()
            os.pwrite(file.fileno(), b"x" * SYNC_BYTES, number * SYNC_BYTES)
            os.fdatasync(file.fileno())
            times_ms.append((time.perf_counter() - start_s) * 1e3)
    median = statistics.median(times_ms)
    return Stated(name, "ms, median", round(median, 4), note=f"p99 {percentile(times_ms, 99):.2f}")


class Orders:
    """Orders of one client as messages: each rests at a price of its own, well below the index."""

    def __init__(self, ws_url: str, credentials: tuple[str, str], index: int) -> None:
        self.ws_url = ws_url
        self.credentials = credentials
        self.price = Decimal(index).scaleb(-6) * Decimal("0.99") // 5 * 5
        self.sent = 0

    def login(self) -> bytes:
        """Return the message that authenticates the connection."""
        client_id, client_secret = self.credentials
        return _message(
            0,
            "public/auth",
            {
                "grant_type": "client_credentials",
                "client_id": client_id,
                "client_secret": client_secret,
            },
        )

    def cancel_all(self) -> bytes:
        """Return the message that clears the book for the next block."""
        return _message(0, "private/cancel_all", {})

    def messages(self, count: int) -> list[bytes]:
        """Return `count` new orders, each with a label that was never used."""
        first = self.sent + 1
        self.sent += count
        return [
            _message(
                number,
                "private/buy",
                {
                    "instrument_name": "BTC_USDC-PERPETUAL",
                    "amount": "0.01",
                    "type": "limit",
                    "price": str(self.price - 5 * (number % 200)),
                    "label": f"bench-{number:08d}",
                },
            )
            for number in range(first, first + count)
        ]


def _message(number: int, method: str, params: dict[str, Any]) -> bytes:
    content = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    return json.dumps(content, separators=(",", ":")).encode()


def _beside_echo(
    orders: Orders, sizes: Sizes, folder: Path, servers: dict[str, int]
) -> Iterator[Figure | Latency | Stated]:
    """Measure gateway, echo, echo, gateway; all figures of each block."""
    from merkat.bench.pipe import EchoChild, on_echo, on_gateway, run_async

    sample = run_async(on_gateway(orders, 1, 1))
    with EchoChild(sample.reply_bytes, folder / "echo.log") as echo:
        for in_flight, count in ((1, sizes.one_in_flight), (IN_FLIGHT, sizes.many_in_flight)):
            before = {name: cpu_s(pid) for name, pid in servers.items()}
            ours = [run_async(on_gateway(orders, count, in_flight))]
            theirs = [
                run_async(on_echo(echo.url, orders.messages(count), in_flight)) for _ in range(2)
            ]
            ours.append(run_async(on_gateway(orders, count, in_flight)))
            yield _latency(in_flight, ours, theirs)
            if in_flight > 1:
                yield _rate(ours, theirs)
            for name, pid in servers.items():
                used_s = cpu_s(pid) - before[name]
                yield Stated(
                    f"cpu_{name}_{in_flight}_in_flight",
                    "us of processor time an order, cancel included",
                    round(used_s / (2 * count) * 1e6, 1),
                )


def cpu_s(pid: int) -> float:
    """Return the processor seconds that a process has used; 0 where the system does not say."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    fields = text.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _latency(in_flight: int, ours: list[Run], theirs: list[Run]) -> Latency:
    goal = DURABLE_P50_MS_GOAL if in_flight == 1 else None
    return Latency(
        f"order_ack_{in_flight}_in_flight",
        f"ms, durable, {in_flight} in flight",
        [time_ms for run in ours for time_ms in run.times_ms],
        "picows echo, messages of the same sizes",
        [time_ms for run in theirs for time_ms in run.times_ms],
        goal,
    )


def _rate(ours: list[Run], theirs: list[Run]) -> Figure:
    return Figure(
        "orders",
        f"orders/s, durable, one gateway, {IN_FLIGHT} in flight",
        sum(len(run.times_ms) for run in ours),
        sum(run.seconds for run in ours),
        "picows echo, messages of the same sizes",
        sum(len(run.times_ms) for run in theirs),
        sum(run.seconds for run in theirs),
        ORDERS_GOAL,
    )


def first_trade(folder: Path) -> Stated:
    """State how long a warm demo takes until its first trade."""
    from merkat.bench.served import run_to_end

    arguments = ["demo", "--fast", "--json", "--seed", "7"]
    line = run_to_end(arguments, folder / "demo.log", CHILD_S_MAX)
    return Stated(
        "demo_first_trade",
        "s from the start of `merkat demo --fast`",
        float(line["first_trade_seconds"]),
        FIRST_TRADE_S_GOAL,
        f"whole demo {line['seconds']} s",
    )
