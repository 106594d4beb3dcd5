"""`merkat demo` end to end: the story, its evidence, one root a seed, and a venue that is kept."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from merkat.api.client import RpcClient, RpcError
from merkat.cli._child import GRACE_S

COMMAND = [sys.executable, "-c", "from merkat.cli import main; main()"]
STOP_S = 10.0


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start the `merkat` command in a process of its own."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@dataclass(frozen=True)
class Told:
    """A story that has ended."""

    exit_code: int
    described: dict[str, Any]
    told: str
    evidence: Path
    data: Path


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> list[Told]:
    """Seed 7 twice and seed 8 once, beside one another: what they wait for differs, not the log."""
    folder = tmp_path_factory.mktemp("demo")
    running = []
    for number, seed in enumerate((7, 7, 8)):
        data, evidence = folder / f"data{number}", folder / f"evidence{number}"
        options = ("--fast", "--json", "--seed", seed, "--data", data, "--evidence", evidence)
        running.append((start("demo", *options), evidence, data))
    found = []
    for process, evidence, data in running:
        output, told = process.communicate()
        assert output, f"the demonstration printed nothing: {told}"
        described = json.loads(output.splitlines()[-1])
        found.append(Told(process.returncode, described, told, evidence, data))
    return found


def test_everything_holds(stories: list[Told]) -> None:
    for story in stories:
        assert story.exit_code == 0, f"the story does not hold: {story.told}"
        found = story.described
        assert found["trades"] >= 500
        assert found["options"] >= 50
        for name in ("liquidations", "fundings", "expiries", "batches", "trades_after_return"):
            assert found[name] >= 1, f"{name} is {found[name]}"
        assert found["state_root"] == found["replayed_state_root"] != "0x"
        assert found["venue_digest"] == found["replayed_venue_digest"] != "0x"
        for name in ("conservation", "proof_verified", "tampered_refused", "withdrawal_paid"):
            assert found[name] is True
        assert found["returned_after_kill"] is True
        assert len(found["profits"]) == 8


def test_one_seed_gives_one_root_and_another_seed_another(stories: list[Told]) -> None:
    first, again, other = (story.described for story in stories)
    same = ("state_root", "venue_digest", "log_number", "trades", "options", "profits")
    assert {name: first[name] for name in same} == {name: again[name] for name in same}
    assert first["state_root"] != other["state_root"]


def test_what_is_told_was_seen(stories: list[Told]) -> None:
    """The lines for people name the numbers of the run."""
    told = stories[0].told
    for words in (
        "burner keys",
        "carol has",
        "flipped: refused",
        "kill -9",
        "the same two digests",
        "the mean of 1,800 samples",
        "25,000.00 tUSD",
    ):
        assert words in told, f"nobody told {words!r}"


def test_the_evidence_is_confirmed_independently(stories: list[Told]) -> None:
    story = stories[0]
    checking = start("verify", "--evidence", story.evidence, "--json")
    output, told = checking.communicate()
    assert checking.returncode == 0, f"the evidence does not hold: {told}"
    verdict = json.loads(output.splitlines()[-1])
    assert verdict["good"] is True
    assert verdict["state_root"] == story.described["state_root"]
    changed = story.evidence / "receipts.bin"
    data = bytearray(changed.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    checking = start("verify", "--evidence", story.evidence)
    checking.communicate()
    assert checking.returncode == 1, "canary: a flipped bit in the evidence is found"


@dataclass
class Kept:
    """A venue that is kept, and what it said."""

    process: subprocess.Popen[str]
    ready: dict[str, str]

    def children(self) -> list[int]:
        """Return the process ids of the supervisor's children."""
        listing = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in listing.read_text().split()]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    process = start("demo", "--keep", "--port", "0", "--json", "--seed", "3")
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "nothing was said"
        yield Kept(process, json.loads(line))
    finally:
        process.kill()
        process.communicate()


async def trade_once(ready: dict[str, str]) -> tuple[Decimal, int, dict[str, Any]]:
    """Return what a client of the API finds: equity, trades after its own, an option's ticker."""
    async with await RpcClient.connect(ready["ws_url"]) as api:
        await api.auth(ready["client_id"], ready["client_secret"])
        summary = await api.call("private/get_account_summary", {"currency": "USDC"})
        perpetual = {"instrument_name": "BTC_USDC-PERPETUAL"}
        order = {**perpetual, "amount": Decimal("0.1"), "type": "market"}
        bought = await api.call("private/buy", order)
        assert bought["order"]["filled_amount"] == Decimal("0.1")
        last = int(bought["trades"][-1]["trade_seq"])
        newest = last
        while newest <= last + 2:
            await asyncio.sleep(0.05)
            found = await api.call("public/get_last_trades_by_instrument", perpetual)
            newest = max(int(trade["trade_seq"]) for trade in found["trades"])
        names = await api.call("public/get_instruments", {"currency": "BTC", "kind": "option"})
        assert len(names) == 24
        option = names[len(names) // 2]["instrument_name"]
        ticker = await api.call("public/ticker", {"instrument_name": option})
        off_tick = {**perpetual, "amount": Decimal("0.1"), "price": Decimal("90000.3")}
        with pytest.raises(RpcError, match="10043"):
            await api.call("private/buy", off_tick)
        return summary["equity"], newest - last, ticker


def is_alive(pid: int) -> bool:
    """Return whether a process is there and no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until_gone(pids: list[int], seconds: float) -> list[int]:
    """Return which processes are left after a time."""
    deadline_s = time.monotonic() + seconds
    while time.monotonic() < deadline_s and any(map(is_alive, pids)):
        time.sleep(0.02)
    return [pid for pid in pids if is_alive(pid)]


def test_a_kept_venue_trades_and_ends_with_its_children(kept: Kept) -> None:
    assert set(kept.ready) == {"url", "ws_url", "client_id", "client_secret"}
    assert kept.ready["url"].startswith("http://127.0.0.1:")
    assert kept.ready["ws_url"] == kept.ready["url"].replace("http", "ws") + "/ws/api/v2"
    equity, trades, ticker = asyncio.run(asyncio.wait_for(trade_once(kept.ready), 60))
    assert equity >= 100_000, "the account affords orders of a whole coin"
    assert trades > 0, "the bots go on trading"
    assert {"delta", "gamma", "vega", "theta"} <= set(ticker["greeks"])
    children = kept.children()
    assert len(children) == 2, "a venue and a gateway"
    kept.process.send_signal(signal.SIGTERM)
    started_s = time.monotonic()
    output, told = kept.process.communicate(timeout=STOP_S)
    assert kept.process.returncode == 0, f"it did not end well: {told}"
    assert output == "", "one line is said, and nothing more"
    left = wait_until_gone(children, STOP_S - (time.monotonic() - started_s))
    assert left == [], "the children end with their supervisor"


def test_children_end_when_their_supervisor_is_killed(kept: Kept) -> None:
    children = kept.children()
    assert len(children) == 2
    os.kill(kept.process.pid, signal.SIGKILL)
    assert wait_until_gone(children, GRACE_S + 2) == []
