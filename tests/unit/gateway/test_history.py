"""Ended orders, own trades, money: pages, orders and filters."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

from merkat.sdk import commands
from tests.support.gateway_stand import CALL, CASH, FUTURE, PERPETUAL, USD, Stand, stand


def run(folder: Path, story: Callable[[Stand], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60), stand(folder) as it:
            await story(it)

    asyncio.run(bounded())


async def some_trades(it: Stand) -> None:
    """Let accounts 1 and 2 trade five perpetuals and two futures, a second apart."""
    for place in range(7):
        name = FUTURE if place in (2, 5) else PERPETUAL
        await it.trade(1, 2, f"0.0{place + 1}", "100000", name)
        it.venue.pass_time(1)


def test_own_trades_come_newest_first_in_pages(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await some_trades(it)
        page = await it.call("private/get_user_trades_by_currency", currency="BTC", count=3)
        assert [one.amount for one in page.trades] == [Decimal(t) for t in ("0.07", "0.06", "0.05")]
        assert page.has_more
        oldest = await it.call(
            "private/get_user_trades_by_currency", currency="any", count=100, sorting="asc"
        )
        assert oldest.trades[0].amount == Decimal("0.01")
        assert (len(oldest.trades), oldest.has_more) == (7, False)
        futures = await it.call(
            "private/get_user_trades_by_instrument", instrument_name=FUTURE, count=1
        )
        assert ([one.amount for one in futures.trades], futures.has_more) == (
            [Decimal("0.06")],
            True,
        )
        options = await it.call(
            "private/get_user_trades_by_currency", currency="BTC", kind="option"
        )
        assert options.trades == []
        other = await it.call("private/get_user_trades_by_currency", currency="ETH")
        assert other.trades == []

    run(tmp_path, story)


def test_own_trades_of_a_time_from_an_id_and_from_a_sequence_number(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await some_trades(it)
        everything = (
            await it.call("private/get_user_trades_by_currency", currency="BTC", count=100)
        ).trades[::-1]
        third = everything[2]
        since = await it.call(
            "private/get_user_trades_by_currency_and_time",
            currency="BTC",
            start_timestamp=third.timestamp,
            end_timestamp=everything[4].timestamp,
        )
        assert [one.trade_id for one in since.trades] == [one.trade_id for one in everything[2:5]]
        by_id = await it.call(
            "private/get_user_trades_by_currency", currency="BTC", start_id=third.trade_id, count=2
        )
        assert [one.trade_id for one in by_id.trades] == [one.trade_id for one in everything[2:4]]
        assert by_id.has_more
        by_seq = await it.call(
            "private/get_user_trades_by_instrument_and_time",
            instrument_name=PERPETUAL,
            start_seq=2,
            end_seq=3,
        )
        assert [one.trade_seq for one in by_seq.trades] == [2, 3]
        wrong = await it.error(
            "private/get_user_trades_by_currency", currency="BTC", start_id="ETH-12"
        )
        assert (wrong.code, wrong.field) == (-32602, "start_id")

    run(tmp_path, story)


def test_ended_orders_come_newest_first_and_unfilled_ones_when_asked_for(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await it.trade(1, 2, "0.1", "100000", PERPETUAL)
        unfilled = (await it.buy(label="none")).order
        await it.call("private/cancel", order_id=unfilled.order_id)
        await it.buy(label="open")
        ended = await it.call("private/get_order_history_by_currency", currency="BTC")
        assert [(one.order_state, one.label) for one in ended] == [("filled", "")]
        everything = await it.call(
            "private/get_order_history_by_instrument",
            instrument_name=PERPETUAL,
            include_unfilled=True,
        )
        assert [one.label for one in everything] == ["none", ""]
        rest = await it.call(
            "private/get_order_history_by_currency",
            currency="USDC",
            include_unfilled=True,
            offset=1,
            count=5,
        )
        assert [one.label for one in rest] == [""]
        assert await it.call("private/get_order_history_by_currency", 3, currency="BTC") == []

    run(tmp_path, story)


def test_open_orders_by_what_they_are(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await it.buy(label="p")
        await it.buy("0.01", "100", instrument_name=CALL, label="c")
        methods: dict[str, dict[str, Any]] = {
            "get_open_orders": {},
            "get_open_orders_by_currency": {"currency": "BTC"},
        }
        for method, params in methods.items():
            found = await it.call(f"private/{method}", **params)
            assert [one.label for one in found] == ["p", "c"], method
        options = await it.call(
            "private/get_open_orders_by_currency", currency="any", kind="option"
        )
        assert [one.label for one in options] == ["c"]
        [one] = await it.call("private/get_open_orders_by_instrument", instrument_name=PERPETUAL)
        assert one.label == "p"
        [labelled] = await it.call("private/get_open_orders_by_label", label="c", currency="BTC")
        assert labelled.instrument_name == CALL
        assert await it.call("private/get_open_orders_by_label", label="c", currency="ETH") == []
        assert await it.call("private/get_open_orders", type="stop_all") == []
        assert len(await it.call("private/get_open_orders", type="limit")) == 2

    run(tmp_path, story)


def test_money_that_came_in_is_told(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        found = await it.call("private/get_deposits", currency="USDC")
        [deposit] = found.data
        assert (found.count, deposit.amount, deposit.state) == (1, CASH // USD, "completed")
        assert deposit.address.startswith("0x")
        for method in ("get_withdrawals", "get_transfers"):
            nothing = await it.call(f"private/{method}", currency="USDC")
            assert (nothing.count, nothing.data) == (0, [])
        assert (await it.call("private/get_deposits", currency="BTC")).data == []

    run(tmp_path, story)


def test_a_withdrawal_and_a_transfer_are_told_with_their_direction(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        nonce = it.venue.time_ns // 10**6
        it.venue.apply(it.venue.signed(1, commands.withdraw(1, 5 * USD, nonce)))
        it.venue.apply(it.venue.signed(1, commands.transfer(1, 2, 7 * USD, nonce + 1)))
        [gone] = (await it.call("private/get_withdrawals", currency="USDC")).data
        assert (gone.amount, gone.direction) == (5, "payment")
        [sent] = (await it.call("private/get_transfers", currency="USDC")).data
        assert (sent.amount, sent.direction) == (7, "payment")
        [got] = (await it.call("private/get_transfers", 2, currency="any")).data
        assert (got.amount, got.direction) == (7, "income")

    run(tmp_path, story)


def test_funding_is_a_settlement(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await it.trade(1, 2, "1", "100000", PERPETUAL)
        it.venue.prices(seconds=3_600)
        it.venue.prices(seconds=3_600)
        found = await it.call("private/get_settlement_history_by_currency", currency="BTC")
        paid = [one for one in found.settlements if one.type == "settlement"]
        assert paid, "an hour has closed"
        assert all(one.funding < 0 for one in paid), "the long pays the interest"
        assert paid[0].instrument_name == PERPETUAL
        assert paid[0].position == 1
        only = await it.call(
            "private/get_settlement_history_by_instrument",
            instrument_name=FUTURE,
            type="settlement",
        )
        assert only.settlements == []

    run(tmp_path, story)


def test_a_time_beyond_all_times_means_no_end(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await some_trades(it)
        last = 9_999_999_999_999
        name = "private/get_user_trades_by_instrument_and_time"
        page = await it.call(name, instrument_name=FUTURE, start_timestamp=0, end_timestamp=last)
        assert len(page.trades) == 2
        page = await it.call(name, instrument_name=FUTURE, start_timestamp=last, end_timestamp=last)
        assert page.trades == []
        settled = await it.call(
            "private/get_settlement_history_by_currency",
            currency="any",
            search_start_timestamp=last,
        )
        assert settled.continuation is None

    run(tmp_path, story)
