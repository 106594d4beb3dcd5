"""A venue and a gateway as processes: what a user runs, what a kill leaves, what is refused."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from merkat.api.client import RpcClient, RpcClosedError, RpcError
from merkat.gateway.keys import KeyedClient, write_keys
from merkat.sdk import commands
from tests.support.gateway_world import PERPETUAL, World, owner, world

ORDER = {"instrument_name": PERPETUAL, "amount": "0.1", "price": "99000"}


def run(folder: Path, story: Callable[[World], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(180), world(folder) as it:
            await story(it)

    asyncio.run(bounded())


def merkat(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-c", "from merkat.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | (env or {}),
    )


def test_two_traders_meet_over_the_wire_and_hear_of_it(tmp_path: Path) -> None:
    async def story(it: World) -> None:
        maker, taker = await it.client(1), await it.client(2)
        taken = await maker.subscribe(
            ["user.orders.any.any.raw", "user.trades.any.any.raw", "user.portfolio.SOL"]
        )
        assert len(taken) == 3
        placed = await maker.call("private/sell", ORDER | {"price": "100000", "label": "ask"})
        bought = await taker.call("private/buy", ORDER | {"price": "100000"})
        [trade] = bought["trades"]
        assert (bought["order"]["order_state"], trade["liquidity"]) == ("filled", "T")
        seen: dict[str, list[Any]] = {"orders": [], "trades": []}
        while not (
            seen["trades"] and seen["orders"] and seen["orders"][-1]["order_state"] == "filled"
        ):
            news = await asyncio.wait_for(maker.notifications.get(), 20)
            what = news.channel.split(".")[1]
            seen[what] += news.data if isinstance(news.data, list) else [news.data]
        assert [one["order_state"] for one in seen["orders"]] == ["open", "filled"]
        assert seen["orders"][-1]["order_id"] == placed["order"]["order_id"]
        assert seen["orders"][-1]["label"] == "ask"
        assert seen["trades"][0]["trade_id"] == trade["trade_id"]
        book = await taker.call("public/get_order_book", {"instrument_name": PERPETUAL})
        assert book["asks"] == []
        root = await taker.call("venue/get_state_root")
        assert root["log_number"] >= trade["log_number"], "the venue's own methods are passed on"
        waited = await taker.call("venue/wait_log_number", {"log_number": trade["log_number"]})
        assert waited["log_number"] >= trade["log_number"]

    run(tmp_path, story)


def test_a_killed_venue_comes_back_and_the_gateway_with_it(tmp_path: Path) -> None:
    async def story(it: World) -> None:
        client = await it.client(1)
        before = await client.call("private/buy", ORDER | {"label": "before"})
        assert it.venue is not None
        it.venue.kill()
        waiting = asyncio.create_task(client.call("private/buy", ORDER | {"label": "during"}))
        await asyncio.sleep(0.05)
        it.start_venue()
        end: Any = (await asyncio.gather(waiting, return_exceptions=True))[0]
        if isinstance(end, RpcError):
            assert end.code in (10040, 11051), "a refusal is one that is certain"
        else:
            assert end["order"]["label"] == "during"
        states = await client.call("private/get_order_state_by_label", {"label": "before"})
        assert [one["order_id"] for one in states] == [before["order"]["order_id"]]
        after = await client.call("private/buy", ORDER | {"label": "during"})
        states = await client.call("private/get_order_state_by_label", {"label": "during"})
        assert [one["order_id"] for one in states] == [after["order"]["order_id"]]
        assert len(await client.call("private/get_open_orders")) == 2

    run(tmp_path, story)


def test_a_killed_gateway_knows_every_order_that_it_answered_or_sent(tmp_path: Path) -> None:
    async def story(it: World) -> None:
        client = await it.client(1)
        answered: dict[str, str] = {}
        asked: set[str] = set()
        killed = asyncio.Event()

        async def worker(name: int) -> None:
            for number in range(1_000):
                label = f"{name}-{number}"
                asked.add(label)
                try:
                    placed = await client.call("private/buy", ORDER | {"label": label})
                except (RpcClosedError, RpcError):
                    return
                answered[label] = placed["order"]["order_id"]
                if len(answered) == 60:
                    killed.set()

        workers = [asyncio.create_task(worker(name)) for name in range(8)]
        await killed.wait()
        assert it.gateway is not None
        it.gateway.kill()
        await asyncio.gather(*workers)
        it.start_gateway()
        client = await it.client(1)
        found: dict[str, list[str]] = {}
        for label in asked:
            states = await client.call("private/get_order_state_by_label", {"label": label})
            found[label] = [one["order_id"] for one in states]
        assert all(len(ids) <= 1 for ids in found.values()), "nothing is doubled"
        assert {label: found[label] for label in answered} == {
            label: [order_id] for label, order_id in answered.items()
        }, "nothing that was answered is lost"
        orders = await client.call("private/get_open_orders")
        assert sorted(one["order_id"] for one in orders) == sorted(
            order_id for ids in found.values() for order_id in ids
        ), "every order in the venue is known by its label"

    run(tmp_path, story)


def test_history_goes_on_after_a_clean_restart_without_reading_all_again(tmp_path: Path) -> None:
    async def story(it: World) -> None:
        client, other = await it.client(1), await it.client(2)
        await client.call("private/sell", ORDER | {"price": "100000", "label": "kept"})
        await other.call("private/buy", ORDER | {"price": "100000"})
        trades = await client.call("private/get_user_trades_by_currency", {"currency": "BTC"})
        assert it.gateway is not None
        assert it.gateway.stop() == 0
        it.start_gateway()
        client = await it.client(1)
        again = await client.call("private/get_user_trades_by_currency", {"currency": "BTC"})
        assert again == trades
        assert again["trades"][0]["label"] == "kept"
        position = await client.call("private/get_position", {"instrument_name": PERPETUAL})
        assert position["size"] == Decimal("-0.1")

    run(tmp_path, story)


def test_two_gateways_in_one_folder_are_refused(tmp_path: Path) -> None:
    async def story(it: World) -> None:
        arguments = ["gateway", "--venue", it.venue_ready["link_url"], "--keys", str(it.keys)]
        arguments += ["--data", str(it.folder / "gateway"), "--demo"]
        second = await asyncio.to_thread(merkat, *arguments)
        assert second.returncode == 3
        assert "another gateway uses this folder" in second.stderr

    run(tmp_path, story)


# --- custody ---


@pytest.mark.parametrize(
    ("accounts", "slot", "said"),
    [((1, 2), 1, "keys of several owners is custody"), ((1,), 0, "wallet's own key")],
)
def test_custody_is_refused_without_demo_and_loud_with_it(
    tmp_path: Path, accounts: tuple[int, ...], slot: int, said: str
) -> None:
    async def story(it: World) -> None:
        keys = tmp_path / "custody.json"
        write_keys(
            keys,
            [
                KeyedClient(f"n{n}", "s", n, slot, commands.SECP256K1, owner(n + 10 * slot))
                for n in accounts
            ],
        )
        arguments = ["gateway", "--venue", it.venue_ready["link_url"], "--keys", str(keys)]
        refused = await asyncio.to_thread(merkat, *arguments, "--data", str(tmp_path / "c"))
        assert refused.returncode == 3, refused.stderr
        assert said in refused.stderr
        assert it.gateway is not None
        assert "HOSTED" in it.gateway.log.read_text(), "with --demo it is said aloud"

    run(tmp_path, story)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--venue", "ws://127.0.0.1:1", "--keys", "none.json"], 3, "merkat account create"),
        (["--venue", "gopher://x", "--keys", "{keys}"], 3, "expected ws://host:port/ws/link"),
        (["--venue", "ws://x", "--keys", "{keys}", "--port", "70000"], 2, "expected 0 to 65535"),
        (
            ["--venue", "ws://x", "--keys", "{keys}", "--orders-per-second", "0"],
            2,
            "expected 1 to 1000000",
        ),
    ],
)
def test_wrong_options_are_refused_with_what_to_do(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    keys = tmp_path / "keys.json"
    write_keys(keys, [KeyedClient("n1", "s", 1, 1, commands.SECP256K1, owner(1))])
    done = merkat("gateway", *[one.replace("{keys}", str(keys)) for one in arguments])
    assert done.returncode == code
    assert said in done.stderr


# --- from nothing to the first order ---


@pytest.mark.parametrize("scheme", ["secp256k1", "p256"])
def test_an_account_is_made_and_trades_with_its_session_key(tmp_path: Path, scheme: str) -> None:
    async def story(it: World) -> None:
        folder = tmp_path / "me"
        creating = asyncio.create_task(
            asyncio.to_thread(
                merkat,
                "account",
                "create",
                "--venue",
                it.venue_ready["url"],
                "--data",
                str(folder),
                "--scheme",
                scheme,
                "--json",
            )
        )
        while not creating.done():
            await it.epoch()
            await asyncio.sleep(0.1)
        done = await creating
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout)
        assert (made["account"], made["scheme"], made["deposit"]) == (3, scheme, "250000")
        for name in ("wallet.json", "keys.json"):
            assert (folder / name).stat().st_mode & 0o777 == 0o600
        wallet = json.loads((folder / "wallet.json").read_text())["secret"]
        assert wallet not in (folder / "keys.json").read_text(), "the gateway never has the wallet"
        assert it.gateway is not None
        it.gateway.stop()
        arguments = ["gateway", "--venue", it.venue_ready["link_url"], "--keys", made["keys"]]
        child = type(it.gateway)(tmp_path / "own.log", *arguments, "--json")
        it.gateway = child
        secret = json.loads(Path(made["keys"]).read_text())["clients"][0]["client_secret"]
        async with await RpcClient.connect(child.ready["ws_url"]) as client:
            await client.auth(made["client_id"], secret)
            placed = await client.call("private/buy", ORDER | {"label": "first"})
            assert placed["order"]["order_state"] == "open"
            summary = await client.call("private/get_account_summary", {"currency": "USDC"})
            assert summary["equity"] == 250_000
        again = await asyncio.to_thread(
            merkat, "account", "create", "--venue", it.venue_ready["url"], "--data", str(folder)
        )
        assert again.returncode == 3
        assert "never overwritten" in again.stderr

    run(tmp_path, story)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--amount", "-1"], "--amount is '-1'"),
        (["--amount", "1e5"], None),
        (["--amount", "0.0000001"], "at most 6 decimals"),
        (["--notional", "NaN"], "--notional is 'NaN'"),
        (["--days", "181"], "--days is 181"),
    ],
)
def test_wrong_wishes_for_an_account_are_refused(
    tmp_path: Path, arguments: list[str], said: str | None
) -> None:
    done = merkat(
        "account",
        "create",
        "--venue",
        "ws://127.0.0.1:1",
        "--data",
        str(tmp_path / "x"),
        *arguments,
    )
    if said is None:
        assert done.returncode == 4, "the amount is one; nobody listens there"
        return
    assert done.returncode == 2
    assert said in done.stderr
