"""What `ccxt.pro.deribit` watches: books, tickers, trades, candles, own orders and trades."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.conformance.clients import Symbols, with_pro
from tests.support.demo import Demo

SIZE = 0.01


def test_a_book_is_watched_and_agrees_with_the_one_that_is_asked_for(
    demo: Demo, symbols: Symbols
) -> None:
    async def body(pro: Any) -> None:
        await pro.load_markets()
        agreed = 0
        for _ in range(40):
            watched = await pro.watch_order_book(symbols.swap)
            bids, asks = ([level[:2] for level in watched[side]] for side in ("bids", "asks"))
            stamp = watched["timestamp"]
            assert [price for price, _ in bids] == sorted([p for p, _ in bids], reverse=True)
            assert [price for price, _ in asks] == sorted(p for p, _ in asks)
            assert not bids or not asks or bids[0][0] < asks[0][0], "a watched book never crosses"
            asked = await pro.fetch_order_book(symbols.swap, 1_000)
            if asked["timestamp"] == stamp and pro.orderbooks[symbols.swap]["timestamp"] == stamp:
                assert [level[:2] for level in asked["bids"]] == bids
                assert [level[:2] for level in asked["asks"]] == asks
                agreed += 1
                if agreed == 2:
                    return
        raise AssertionError("the watched and the asked book never were of one moment")

    with_pro(demo, body)


def test_tickers_and_best_prices(demo: Demo, symbols: Symbols) -> None:
    async def body(pro: Any) -> None:
        stamps = []
        for _ in range(3):
            ticker = await pro.watch_ticker(symbols.swap)
            assert ticker["symbol"] == symbols.swap
            assert ticker["markPrice"] > 0
            stamps.append(ticker["timestamp"])
        assert stamps == sorted(stamps)
        option = await pro.watch_ticker(symbols.call)
        assert option["info"]["greeks"]["delta"], "an option's ticker has its Greeks"
        best = await pro.watch_bids_asks([symbols.swap, symbols.future])
        assert all(one["bid"] < one["ask"] for one in best.values())

    with_pro(demo, body)


def test_trades_and_candles(demo: Demo, symbols: Symbols) -> None:
    async def body(pro: Any) -> None:
        trades = await pro.watch_trades(symbols.swap)
        assert trades, "a market that lives has trades"
        assert all(trade["price"] > 0 and trade["amount"] > 0 for trade in trades)
        candles = await pro.watch_ohlcv(symbols.swap, "1m")
        assert candles, "the candle of this minute"
        _, opened, high, low, closed, _ = candles[-1]
        assert low <= min(opened, closed) <= max(opened, closed) <= high

    with_pro(demo, body)


async def bought(pro: Any, symbol: str) -> Any:
    """Return a market order that was filled; sent again where the book was empty for a moment."""
    while True:
        order = await pro.create_order(symbol, "market", "buy", SIZE)
        if order["filled"]:
            return order


def test_own_orders_and_trades_are_pushed(demo: Demo, symbols: Symbols) -> None:
    async def body(pro: Any) -> None:
        await pro.load_markets()
        # The first call subscribes; what it waits for comes after it.
        orders = asyncio.ensure_future(pro.watch_orders())
        trades = asyncio.ensure_future(pro.watch_my_trades())
        await asyncio.sleep(0.5)
        index = (await pro.fetch_ticker(symbols.swap))["indexPrice"]
        price = float(pro.price_to_precision(symbols.swap, index * 0.98))
        placed = await pro.create_order(symbols.swap, "limit", "buy", SIZE, price)
        seen = {order["id"]: order["status"] for order in await orders}
        assert seen[placed["id"]] == "open"
        orders = asyncio.ensure_future(pro.watch_orders())
        await asyncio.sleep(0)
        await pro.cancel_order(placed["id"], symbols.swap)
        seen = {order["id"]: order["status"] for order in await orders}
        assert seen[placed["id"]] == "canceled"

        order = await bought(pro, symbols.swap)
        found = await trades
        assert order["id"] in {trade["order"] for trade in found}
        assert all(trade["fee"]["currency"] == "USDC" for trade in found)
        await pro.create_order(symbols.swap, "market", "sell", SIZE)

    with_pro(demo, body)


def test_the_account_is_pushed(demo: Demo, symbols: Symbols) -> None:
    async def body(pro: Any) -> None:
        await pro.load_markets()
        while "USDC" not in (balance := await pro.watch_balance()):
            continue  # one message a currency
        before = balance["USDC"]["USDC"]["total"]
        await bought(pro, symbols.swap)
        while balance["USDC"]["USDC"]["total"] == before:
            balance = await pro.watch_balance()
        await pro.create_order(symbols.swap, "market", "sell", SIZE)

    with_pro(demo, body)
