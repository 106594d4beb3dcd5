"""What `ccxt.deribit` does with an account: orders of every kind, fills, positions, balance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from tests.conformance.clients import Symbols, take, until

SIZE = 0.01


@pytest.fixture(autouse=True)
def nothing_open(exchange: Any, symbols: Symbols) -> Iterator[None]:
    """Leave no order behind, whatever a test did."""
    yield
    exchange.cancel_all_orders()


def price_away(exchange: Any, symbol: str, share: float) -> float:
    """Return a price of the grid that far from the index (below 0: under it)."""
    ticker = exchange.fetch_ticker(symbol)
    return float(exchange.price_to_precision(symbol, ticker["indexPrice"] * (1 + share)))


def position_of(exchange: Any, symbol: str) -> float:
    """Return the size of a position; ccxt has it without a sign and a side beside it."""
    for position in exchange.fetch_positions():
        if position["symbol"] == symbol:
            contracts = abs(float(position["contracts"]))
            return contracts if position["side"] == "long" else -contracts
    return 0.0


def test_a_limit_order_rests_is_edited_and_cancelled(exchange: Any, symbols: Symbols) -> None:
    price = price_away(exchange, symbols.swap, -0.02)
    placed = exchange.create_order(
        symbols.swap, "limit", "buy", SIZE, price, {"postOnly": True, "label": "conformance-rests"}
    )
    assert placed["status"] == "open"
    assert placed["type"] == "limit"
    assert placed["side"] == "buy"
    assert placed["timeInForce"] in ("GTC", "PO")
    assert placed["postOnly"] is True
    assert (placed["price"], placed["amount"], placed["filled"]) == (price, SIZE, 0)
    assert placed["info"]["label"] == "conformance-rests"
    fetched = exchange.fetch_order(placed["id"])
    assert fetched["status"] == "open"
    assert fetched["id"] == placed["id"]
    assert placed["id"] in [one["id"] for one in exchange.fetch_open_orders(symbols.swap)]
    assert placed["id"] in [one["id"] for one in exchange.fetch_open_orders()]

    lower = price_away(exchange, symbols.swap, -0.025)
    edited = exchange.edit_order(placed["id"], symbols.swap, "limit", "buy", SIZE / 2, lower)
    assert edited["id"] == placed["id"], "an edited order stays the same order"
    assert (edited["price"], edited["amount"]) == (lower, SIZE / 2)
    assert exchange.fetch_order(placed["id"])["price"] == lower

    cancelled = exchange.cancel_order(placed["id"], symbols.swap)
    assert cancelled["id"] == placed["id"]
    assert cancelled["status"] == "canceled"
    assert exchange.fetch_order(placed["id"])["status"] == "canceled"
    assert placed["id"] not in [one["id"] for one in exchange.fetch_open_orders(symbols.swap)]


def test_market_orders_fill_and_become_a_position(exchange: Any, symbols: Symbols) -> None:
    before = position_of(exchange, symbols.swap)
    bought = take(exchange, symbols.swap, "buy", SIZE)
    assert bought["type"] == "market"
    assert bought["filled"] == SIZE
    assert bought["average"] > 0
    assert bought["trades"], "the answer brings the fills"
    assert sum(trade["amount"] for trade in bought["trades"]) == pytest.approx(SIZE)
    assert position_of(exchange, symbols.swap) == pytest.approx(before + SIZE)

    position = exchange.fetch_position(symbols.swap)
    assert position["symbol"] == symbols.swap
    assert position["entryPrice"] > 0
    assert position["markPrice"] > 0
    assert position["initialMargin"] >= position["maintenanceMargin"] >= 0

    trades = exchange.fetch_order_trades(bought["id"])
    assert {trade["id"] for trade in trades} == {trade["id"] for trade in bought["trades"]}
    mine = exchange.fetch_my_trades(symbols.swap, limit=50)
    assert {trade["id"] for trade in trades} <= {trade["id"] for trade in mine}
    for trade in trades:
        assert trade["order"] == bought["id"]
        assert trade["takerOrMaker"] == "taker"
        assert trade["fee"]["currency"] == "USDC"
        assert trade["fee"]["cost"] >= 0
    since = exchange.fetch_my_trades(symbols.swap, since=trades[0]["timestamp"])
    assert trades[0]["id"] in {trade["id"] for trade in since}
    assert trades[0]["id"] in {trade["id"] for trade in exchange.fetch_my_trades(limit=50)}

    take(exchange, symbols.swap, "sell", SIZE, reduceOnly=before >= 0)
    assert position_of(exchange, symbols.swap) == pytest.approx(before)


def limit_until_filled(exchange: Any, symbol: str, side: str, **params: Any) -> Any:
    """Return a limit order through the book that was filled; sent again where nothing was there."""
    away = 0.02 if side == "buy" else -0.02

    def send() -> Any:
        price = price_away(exchange, symbol, away)
        order = exchange.create_order(symbol, "limit", side, SIZE, price, params)
        if order["status"] == "open":
            order = exchange.cancel_order(order["id"], symbol)
        return order if order["filled"] == SIZE else None

    return until(f"a fill of {symbol}", send)


def test_a_limit_order_that_crosses_fills_at_the_book(exchange: Any, symbols: Symbols) -> None:
    bought = limit_until_filled(exchange, symbols.swap, "buy")
    assert bought["average"] <= bought["price"], "a fill is at the book's price or better"
    sold = limit_until_filled(exchange, symbols.swap, "sell")
    assert sold["average"] >= sold["price"]


def test_immediate_or_cancel_never_rests(exchange: Any, symbols: Symbols) -> None:
    price = price_away(exchange, symbols.swap, -0.02)
    order = exchange.create_order(symbols.swap, "limit", "buy", SIZE, price, {"timeInForce": "IOC"})
    assert order["status"] == "canceled"
    assert order["filled"] == 0
    assert order["timeInForce"] == "IOC"
    assert order["id"] not in [one["id"] for one in exchange.fetch_open_orders(symbols.swap)]
    taken = limit_until_filled(exchange, symbols.swap, "sell", timeInForce="IOC")
    assert taken["status"] == "closed"
    take(exchange, symbols.swap, "buy", SIZE)


def test_post_only_that_would_trade_is_refused(exchange: Any, symbols: Symbols) -> None:
    crossing = price_away(exchange, symbols.swap, 0.02)

    def refused() -> bool | None:
        try:
            order = exchange.create_order(
                symbols.swap, "limit", "buy", SIZE, crossing, {"postOnly": True}
            )
        except ccxt.InvalidOrder as error:
            return "11054" in str(error)
        assert order["status"] == "open", "it rests where nothing was on the other side"
        exchange.cancel_order(order["id"], symbols.swap)
        return None

    assert until("a refusal", refused)


def test_cancel_all_of_a_market_and_everywhere(exchange: Any, symbols: Symbols) -> None:
    swap = price_away(exchange, symbols.swap, -0.02)
    future = price_away(exchange, symbols.future, -0.02)
    for step in range(3):
        exchange.create_order(symbols.swap, "limit", "buy", SIZE, swap - 10 * step)
    exchange.create_order(symbols.future, "limit", "buy", SIZE, future)
    exchange.cancel_all_orders(symbols.swap)
    assert exchange.fetch_open_orders(symbols.swap) == []
    assert len(exchange.fetch_open_orders(symbols.future)) == 1, "other markets keep theirs"
    exchange.cancel_all_orders()
    assert exchange.fetch_open_orders(symbols.future) == []
    assert exchange.fetch_open_orders() == []


def test_closed_orders_have_how_they_ended(exchange: Any, symbols: Symbols) -> None:
    filled = take(exchange, symbols.swap, "buy", SIZE)
    take(exchange, symbols.swap, "sell", SIZE)
    closed = {one["id"]: one for one in exchange.fetch_closed_orders(symbols.swap, limit=100)}
    assert closed[filled["id"]]["status"] == "closed"
    assert closed[filled["id"]]["filled"] == SIZE
    everywhere = exchange.fetch_closed_orders(limit=100)
    assert filled["id"] in [one["id"] for one in everywhere]


def test_an_option_is_bought_held_and_sold(exchange: Any, symbols: Symbols) -> None:
    amount = exchange.market(symbols.call)["limits"]["amount"]["min"]
    bought = take(exchange, symbols.call, "buy", amount)
    assert bought["average"] > 0
    position = exchange.fetch_position(symbols.call)
    assert position["side"] == "long"
    assert float(position["info"]["delta"]) > 0, "a long call is long"
    take(exchange, symbols.call, "sell", amount)


def test_the_balance_is_in_the_settlement_currency(exchange: Any) -> None:
    balance = exchange.fetch_balance()
    assert balance["USDC"]["total"] > 0
    assert balance["USDC"]["free"] > 0
    one = exchange.fetch_balance({"code": "USDC"})
    assert one["USDC"]["total"] == pytest.approx(balance["USDC"]["total"], rel=0.01)
    summary = one["info"]
    assert float(summary["initial_margin"]) >= float(summary["maintenance_margin"]) >= 0
    assert summary["margin_model"]


def test_fees_are_those_of_the_markets(exchange: Any, symbols: Symbols) -> None:
    fees = exchange.fetch_trading_fees()
    assert fees[symbols.swap]["taker"] >= 0
    assert set(fees) == set(exchange.symbols)
