"""user.* feeds: what changed, once, and never a silent loss."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from merkat.api.errors import ApiError
from merkat.api.feeds import Resync
from merkat.api.registry import Context
from merkat.gateway.methods import registry
from merkat.market.streams import STREAM_MAX
from tests.support.gateway_stand import CALL, INDEX, PERPETUAL, Stand, stand


def run(folder: Path, story: Callable[[Stand], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60), stand(folder) as it:
            await story(it)

    asyncio.run(bounded())


def feed(it: Stand, name: str, account: int = 1) -> Any:
    return registry.channels["user"].handler(it.context(account), name, name.split("."))


@pytest.mark.parametrize(
    "name",
    ["user.orders.any.any.raw", f"user.orders.{PERPETUAL}.raw", "user.orders.future.BTC.raw"],
)
def test_raw_orders_come_one_by_one_with_their_labels(tmp_path: Path, name: str) -> None:
    async def story(it: Stand) -> None:
        orders = feed(it, name)
        assert orders.collect() == [], "a subscription begins with what happens next"
        placed = (await it.buy(label="a")).order
        assert orders.topics & it.topics == orders.topics, "an order wakes it"
        assert orders.collect() == [placed]
        assert orders.collect() == []
        await it.sell("0.04", "99000", account=2)
        [filled] = orders.collect()
        assert (filled.filled_amount, filled.label) == (Decimal("0.04"), "a")
        await it.call("private/cancel", order_id=placed.order_id)
        [cancelled] = orders.collect()
        assert cancelled.order_state == "cancelled"

    run(tmp_path, story)


def test_changes_between_two_tellings_are_one_and_others_are_not_told(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        slow = feed(it, "user.orders.any.any.100ms")
        assert slow.interval_ms == 100
        first = (await it.buy()).order
        await it.call("private/edit", order_id=first.order_id, amount="0.2")
        await it.buy("0.01", "100", instrument_name=CALL)
        await it.sell(account=2)
        [told] = slow.collect()
        assert [(one.instrument_name, one.order_version) for one in told] == [
            (PERPETUAL, 2),
            (CALL, 1),
        ]
        options = feed(it, "user.orders.option.BTC.agg2")
        assert options.interval_ms == 1_000
        await it.buy()
        assert options.collect() == []

    run(tmp_path, story)


def test_trades_come_once_and_only_ones_own(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        mine, theirs = feed(it, "user.trades.any.any.raw"), feed(it, "user.trades.any.any.raw", 3)
        await it.trade(1, 2, "0.1", "100000", PERPETUAL)
        [[trade]] = mine.collect()
        assert (trade.direction, trade.amount) == ("buy", Decimal("0.1"))
        assert mine.collect() == []
        assert theirs.collect() == []

    run(tmp_path, story)


def test_changes_tell_orders_trades_and_the_position_together(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        changes = feed(it, f"user.changes.{PERPETUAL}.raw")
        await it.sell("0.1", "100000", account=2)
        await it.buy("0.1", "100000")
        await it.buy("0.01", "100", instrument_name=CALL)
        [told] = changes.collect()
        assert told["instrument_name"] == PERPETUAL
        assert [one.order_state for one in told["orders"]] == ["filled"]
        assert len(told["trades"]) == 1
        assert [one.size for one in told["positions"]] == [Decimal("0.1")]

    run(tmp_path, story)


def test_a_reader_who_lost_something_is_told_to_start_anew(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        feeds = [feed(it, f"user.{what}.any.any.raw") for what in ("orders", "trades", "changes")]
        watched = it.replica.view.watch(1)
        await it.trade(1, 2, "0.1", "100000", PERPETUAL)
        order, trade = watched.orders.after(0)[0], watched.trades.after(0)[0]
        for _ in range(STREAM_MAX + 1):
            watched.orders.append(order)
            watched.trades.append(trade)
        for one in feeds:
            [lost] = one.collect()
            assert isinstance(lost, Resync)

    run(tmp_path, story)


def test_the_portfolio_moves_with_the_mark(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        portfolio = feed(it, "user.portfolio.USDC")
        [first] = portfolio.collect()
        assert portfolio.collect() == []
        await it.trade(1, 2, "1", "100000", PERPETUAL)
        it.topics.clear()
        it.venue.prices(INDEX * 99 // 100)
        assert portfolio.topics & it.topics, "new prices wake it"
        [second] = portfolio.collect()
        assert second.equity == first.equity - 1_000 - 50
        anything = feed(it, "user.portfolio.any")
        assert anything.collect()[0].currency == "USDC"

    run(tmp_path, story)


def test_currencies_that_are_not_here_tell_nothing(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        for currency in ("ETH", "SOL", "TULIPS"):
            assert feed(it, f"user.portfolio.{currency}").collect() == []

    run(tmp_path, story)


@pytest.mark.parametrize(
    "name",
    [
        "user",
        "user.orders",
        "user.orders.any.any",
        "user.orders.any.any.5ms",
        "user.orders.BTC-PERPETUAL.raw",
        "user.orders.any.TULIPS.raw",
        "user.secrets.any.any.raw",
        "user.portfolio",
    ],
)
def test_what_is_no_channel_is_refused(tmp_path: Path, name: str) -> None:
    async def story(it: Stand) -> None:
        with pytest.raises(ApiError) as raised:
            feed(it, name)
        assert raised.value.code in (-32602, 11050)

    run(tmp_path, story)


def test_nobody_follows_an_account_without_authentication(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        with pytest.raises(ApiError) as raised:
            registry.channels["user"].handler(
                Context(service=it.gateway), "user.portfolio.USDC", ["user", "portfolio", "USDC"]
            )
        assert raised.value.code == 13009

    run(tmp_path, story)
