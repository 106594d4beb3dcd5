"""Client, gateway and venue killed under load: no order lost, none doubled, none misreported.

Two clients trade with each other through one gateway. At every point one process gets SIGKILL and
is started again, the load goes on, then stops; then every label that was ever sent is asked for and
compared with the journal, which `tests.support.order_history` reads by itself.

Another choice of points: MERKAT_KILL_SEED=17. More of them: MERKAT_KILL_POINTS=50 (`nox -s kill`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from merkat.api.client import RpcClient, RpcError
from merkat.bench.served import END_S_MAX, Plan, Served, served
from tests.support.order_history import Fate, read_history

SEED = int(os.environ.get("MERKAT_KILL_SEED", "1"))
POINTS = int(os.environ.get("MERKAT_KILL_POINTS", "10"))
ROOT = Path(__file__).resolve().parents[2]
CLIENTS = 2
VICTIMS = ("client", "gateway", "venue")
LINES_BEFORE = (60, 240)  # lines of the log between the start of a load and the kill
LINES_AFTER = 60
PROGRESS_S_MAX = 120.0
ANSWER_S_MAX = 90.0
SIZE_UNITS = 10**8
PRICE_UNITS = 10**6
OPS_A_PROCESS = 1_000_000
CHECKS = 10  # so often everything is compared, whatever the number of points
LIMITS = {"open_orders_account": 4_096, "open_orders_listing": 4_096}


@dataclass
class Point:
    """Whom to kill, after how many lines of the load's logs."""

    victim: str
    lines: int


def choose_points(seed: int, count: int) -> list[Point]:
    """Return the points of a seed; every victim comes up, in an order that the seed mixes."""
    source = random.Random(f"merkat kill {seed}")
    victims = [VICTIMS[number % len(VICTIMS)] for number in range(count)]
    source.shuffle(victims)
    return [Point(victim, source.randint(*LINES_BEFORE)) for victim in victims]


@dataclass
class Sent:
    """All that the clients know of one label."""

    client: int
    order_ids: set[str] = field(default_factory=set)
    placed: int = 0  # how often a place was sent
    unknown: int = 0  # how many of them were never answered for certain
    cancelled: bool = False  # a cancel of it was acknowledged


class Loads:
    """The load processes of the clients, and what their logs say."""

    def __init__(self, running: Served, folder: Path) -> None:
        self.running = running
        self.folder = folder
        self.stop_file = folder / "stop"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.started = 0

    def log(self, client: int) -> Path:
        """Return the log of a client; all its processes write to it, one after the other."""
        return self.folder / f"client-{client}.log"

    def start(self, client: int) -> None:
        """Start a client's process; the numbers of its labels are its own."""
        name, secret = self.running.plan.credentials(client)
        self.started += 1
        options = {
            "url": self.running.ws_url,
            "client-id": name,
            "client-secret": secret,
            "log": str(self.log(client)),
            "stop": str(self.stop_file),
            "seed": str(SEED),
            "first": str(self.started * OPS_A_PROCESS),
        }
        command = [sys.executable, "-m", "tests.support.kill_load"]
        command += [f"--{option}={value}" for option, value in options.items()]
        with (self.folder / f"client-{client}.err").open("ab") as sink:
            process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=sink)
        self.processes[client : client + 1] = [process]

    def lines(self) -> int:
        """Return how many lines the logs have together."""
        logs = (self.log(client) for client in range(CLIENTS))
        return sum(log.read_bytes().count(b"\n") for log in logs if log.exists())

    def wait_lines(self, count: int) -> None:
        """Wait until the logs have so many lines more than now."""
        wanted = self.lines() + count
        deadline = time.monotonic() + PROGRESS_S_MAX
        while self.lines() < wanted:
            assert time.monotonic() < deadline, (
                f"the load makes no progress: {self.lines()} of {wanted} lines; "
                f"{self.errors()}; gateway: {self.running.gateway.tail()}"
            )
            time.sleep(0.02)

    def errors(self) -> str:
        """Return what the load processes wrote to stderr."""
        files = (self.folder / f"client-{client}.err" for client in range(CLIENTS))
        return " ".join(file.read_text(errors="replace")[-1_500:] for file in files)

    def finish(self) -> None:
        """Let the processes end what they have begun."""
        self.stop_file.touch()
        for process in self.processes:
            assert process.wait(END_S_MAX * 2) == 0, f"a load process failed: {self.errors()}"
        self.stop_file.unlink()

    def kill(self) -> None:
        """End every process that still runs."""
        for process in self.processes:
            process.kill()
            process.wait()

    def sent(self) -> dict[str, Sent]:
        """Return what the logs say of every label."""
        found: dict[str, Sent] = {}
        for client in range(CLIENTS):
            for text in self.log(client).read_text(encoding="utf-8").splitlines():
                _take(found, client, json.loads(text))
        return found


def _take(found: dict[str, Sent], client: int, line: dict[str, Any]) -> None:
    """Take over one line of a log."""
    label = line["label"]
    entry = found.setdefault(label, Sent(client))
    method = line.get("sent") or line["heard"]
    placing = method in ("private/buy", "private/sell")
    if "sent" in line:
        entry.placed += placing
        entry.unknown += placing
        return
    if placing and not line.get("unknown"):
        entry.unknown -= 1
    answer = line.get("answer")
    if answer is None:
        return
    if placing:
        entry.order_ids.add(answer["order"]["order_id"])
    elif method == "private/cancel" or (method == "private/cancel_by_label" and int(answer)):
        entry.cancelled = True


@contextlib.contextmanager
def loaded(folder: Path) -> Iterator[tuple[Served, Loads]]:
    """Yield a venue, its gateway and a load that has begun."""
    plan = Plan(clients=CLIENTS, seed=SEED, limits=LIMITS)
    with served(folder / "served", plan) as running:
        loads = Loads(running, folder)
        try:
            yield running, loads
        finally:
            loads.kill()


def strike(victim: str, running: Served, loads: Loads, source: random.Random) -> None:
    """Kill one process and start it again."""
    if victim == "client":
        client = source.randrange(CLIENTS)
        loads.processes[client].kill()
        loads.processes[client].wait()
        loads.start(client)
    elif victim == "gateway":
        running.gateway.kill()
        running.start_gateway()
    else:
        running.venue.kill()
        running.start_venue()


@dataclass
class Reported:
    """What the gateway says: the orders of every label, and their fills (price, amount)."""

    orders: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    fills: dict[str, list[tuple[Decimal, Decimal]]] = field(default_factory=dict)


async def ask_all(running: Served, sent: dict[str, Sent]) -> Reported:
    """Ask the gateway for every label, and for the fills of what it finds."""
    found = Reported()
    for client in range(CLIENTS):
        async with await RpcClient.connect(running.ws_url, timeout_s=ANSWER_S_MAX) as rpc:
            await rpc.auth(*running.plan.credentials(client))
            for label in (label for label, entry in sent.items() if entry.client == client):
                parameters = {"currency": "any", "label": label}
                orders = await _asked(rpc, "private/get_order_state_by_label", parameters)
                found.orders[label] = orders
                for order in orders:
                    if order["filled_amount"]:
                        by_order = {"order_id": order["order_id"]}
                        trades = await _asked(rpc, "private/get_user_trades_by_order", by_order)
                        fills = [(trade["price"], trade["amount"]) for trade in trades]
                        found.fills[label] = fills
    return found


async def _asked(rpc: RpcClient, method: str, parameters: dict[str, Any]) -> Any:
    """Return an answer, waiting as long as the gateway says where it is asked too much."""
    while True:
        try:
            return await rpc.call(method, parameters)
        except RpcError as error:
            if error.code != 10028:
                raise
            await asyncio.sleep(max(0.01, int(error.data["wait"]) / 1e3))
        except TimeoutError:
            raise AssertionError(f"{method} {parameters}: never answered") from None


def check(sent: dict[str, Sent], reported: Reported, truth: dict[bytes, Fate]) -> Counter[str]:
    """Compare what clients heard, what the gateway says, and what the journal holds."""
    seen: Counter[str] = Counter()
    by_label: dict[str, str] = {}
    for label, entry in sent.items():
        orders = reported.orders[label]
        assert len(orders) <= 1, f"{label}: one label, {len(orders)} orders: doubled"
        assert len(entry.order_ids) <= 1, f"{label}: acknowledged as {entry.order_ids}: doubled"
        if not orders:
            assert not entry.order_ids, f"{label}: acknowledged as {entry.order_ids} and lost"
            seen["no order"] += 1
            continue
        order = orders[0]
        assert not entry.order_ids or entry.order_ids == {order["order_id"]}, (
            f"{label}: acknowledged as {entry.order_ids}, reported as {order['order_id']}"
        )
        if not entry.order_ids:
            assert entry.unknown, f"{label}: refused for certain, and there it is: misreported"
            seen["found by label"] += 1
        by_label[label] = order["order_id"]
        key = bytes.fromhex(order["order_id"])
        assert key in truth, f"{label}: {order['order_id']} is reported, the journal has it not"
        compare(label, order, truth[key], reported.fills.get(label, []))
        if entry.cancelled:
            assert truth[key].state != "open", f"{label}: its cancel was acknowledged, it is open"
        seen[order["order_state"]] += 1
    known = {bytes.fromhex(order_id) for order_id in by_label.values()}
    assert len(known) == len(by_label), "two labels name one order"
    clients = range(1, CLIENTS + 1)
    strangers = {key.hex() for key, fate in truth.items() if fate.account in clients} - {
        key.hex() for key in known
    }
    assert not strangers, f"the journal holds orders that no label names: {strangers}"
    return seen


def compare(
    label: str, order: dict[str, Any], fate: Fate, fills: list[tuple[Decimal, Decimal]]
) -> None:
    """Assert that a reported order is what the journal says of it."""
    reported = {
        "state": order["order_state"],
        "filled": Decimal(order["filled_amount"]) * SIZE_UNITS,
        "size": Decimal(order["amount"]) * SIZE_UNITS,
        "price": Decimal(order["price"]) * PRICE_UNITS,
        "side": order["direction"],
        "label": order["label"],
        "fills": sorted((price * PRICE_UNITS, size * SIZE_UNITS) for price, size in fills),
    }
    held = {
        "state": fate.state,
        "filled": Decimal(fate.filled),
        "size": Decimal(fate.size),
        "price": Decimal(fate.price),
        "side": ("buy", "sell")[fate.side],
        "label": label,
        "fills": sorted((Decimal(price), Decimal(size)) for price, size in fate.fills),
    }
    assert reported == held, f"{label} is misreported: {reported}, the journal says {held}"


def test_nothing_is_lost_doubled_or_misreported(tmp_path: Path) -> None:
    points = choose_points(SEED, POINTS)
    print(f"\nMERKAT_KILL_SEED={SEED}, {POINTS} points")
    source = random.Random(f"merkat kill clients {SEED}")
    with loaded(tmp_path) as (running, loads):
        for number, point in enumerate(points):
            for client in range(CLIENTS):
                loads.start(client)
            loads.wait_lines(point.lines)
            strike(point.victim, running, loads, source)
            loads.wait_lines(LINES_AFTER)
            loads.finish()
            print(f"{number + 1:>3}  {point.victim:<8} after {point.lines:>3} lines", end="")
            if (number + 1) * CHECKS % POINTS >= CHECKS and number + 1 < POINTS:
                print()
                continue
            sent = loads.sent()
            try:
                reported = asyncio.run(ask_all(running, sent))
            except Exception as error:
                logs = f"{running.gateway.tail()}\n{running.venue.tail()}"
                raise AssertionError(f"{error!r}; gateway and venue said:\n{logs}") from error
            truth = read_history(running.venue_data / "venue", tmp_path / "copy")
            seen = check(sent, reported, truth)
            shown = ", ".join(f"{count} {name}" for name, count in sorted(seen.items()))
            print(f": {shown}")
        assert seen["filled"], "the load never traded: this scenario shows nothing"
        assert seen["open"], "the load never left an order: this scenario shows nothing"
        assert seen["cancelled"], "the load never cancelled: this scenario shows nothing"


def test_a_lost_a_doubled_and_a_misreported_order_are_caught() -> None:
    key = (1 << 44 | 7).to_bytes(12, "big")
    price = 60_000 * PRICE_UNITS
    fate = Fate(key, 1, 1, 0, price, SIZE_UNITS, SIZE_UNITS, fills=[(price, SIZE_UNITS)])
    fills = {"a": [(Decimal(60_000), Decimal(1))]}
    order = {
        "order_id": key.hex(),
        "order_state": "filled",
        "filled_amount": Decimal(1),
        "amount": Decimal(1),
        "price": Decimal(60_000),
        "direction": "buy",
        "label": "a",
    }
    sent = {"a": Sent(0, {key.hex()}, placed=1)}
    good = Reported({"a": [order]}, fills)
    assert check(sent, good, {key: fate})["filled"] == 1
    other = Fate((1 << 44 | 8).to_bytes(12, "big"), 1, 1, 0, 1, 1)
    cases: list[tuple[dict[str, list[dict[str, Any]]], dict[bytes, Fate], str]] = [
        ({"a": []}, {key: fate}, "lost"),
        ({"a": [order, order]}, {key: fate}, "doubled"),
        ({"a": [order]}, {}, "the journal has it not"),
        ({"a": [order]}, {key: fate, other.key: other}, "no label names"),
        ({"a": [order | {"order_state": "open"}]}, {key: fate}, "misreported"),
        ({"a": [order | {"filled_amount": Decimal("0.5")}]}, {key: fate}, "misreported"),
    ]
    for reported, truth, what in cases:
        with pytest.raises(AssertionError, match=what):
            check(sent, Reported(reported, fills), truth)
    with pytest.raises(AssertionError, match="misreported"):
        check(sent, Reported({"a": [order]}, {}), {key: fate})
    refused = {"a": Sent(0, set(), placed=1)}
    with pytest.raises(AssertionError, match="refused for certain"):
        check(refused, good, {key: fate})
