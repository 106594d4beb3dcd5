"""What `ccxt.deribit` does with an account: orders of every kind, fills, positions, balance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from tests.conformance.clients import Symbols, until

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
    bought = exchange.create_order(symbols.swap, "market", "buy", SIZE)
    assert bought["status"] == "closed", bought["info"]
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

    sold = exchange.create_order(
        symbols.swap, "market", "sell", SIZE, None, {"reduceOnly": before >= 0}
    )
    assert sold["status"] == "closed", sold["info"]
    assert position_of(exchange, symbols.swap) == pytest.approx(before)


def test_a_limit_order_that_crosses_fills_at_the_book(exchange: Any, symbols: Symbols) -> None:
    price = price_away(exchange, symbols.swap, 0.02)
    bought = exchange.create_order(symbols.swap, "limit", "buy", SIZE, price)
    assert bought["status"] == "closed"
    assert bought["average"] <= price, "a fill is at the book's price, not at the limit"
    sold = exchange.create_order(
        symbols.swap, "limit", "sell", SIZE, price_away(exchange, symbols.swap, -0.02)
    )
    assert sold["status"] == "closed"


def test_immediate_or_cancel_takes_nothing_away_from_the_market(
    exchange: Any, symbols: Symbols
) -> None:
    price = price_away(exchange, symbols.swap, -0.02)
    order = exchange.create_order(symbols.swap, "limit", "buy", SIZE, price, {"timeInForce": "IOC"})
    assert order["status"] == "canceled"
    assert order["filled"] == 0
    assert order["timeInForce"] == "IOC"
    assert order["id"] not in [one["id"] for one in exchange.fetch_open_orders(symbols.swap)]
    taken = exchange.create_order(
        symbols.swap,
        "limit",
        "sell",
        SIZE,
        price_away(exchange, symbols.swap, -0.02),
        {"timeInForce": "IOC"},
    )
    assert taken["status"] == "closed"
    assert exchange.create_order(symbols.swap, "market", "buy", SIZE)["status"] == "closed"


def test_post_only_that_would_trade_is_refused(exchange: Any, symbols: Symbols) -> None:
    crossing = price_away(exchange, symbols.swap, 0.02)
    with pytest.raises(ccxt.InvalidOrder, match="11054"):
        exchange.create_order(symbols.swap, "limit", "buy", SIZE, crossing, {"postOnly": True})


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
    filled = exchange.create_order(symbols.swap, "market", "buy", SIZE)
    exchange.create_order(symbols.swap, "market", "sell", SIZE)
    closed = {one["id"]: one for one in exchange.fetch_closed_orders(symbols.swap, limit=100)}
    assert closed[filled["id"]]["status"] == "closed"
    assert closed[filled["id"]]["filled"] == SIZE
    everywhere = exchange.fetch_closed_orders(limit=100)
    assert filled["id"] in [one["id"] for one in everywhere]


def test_an_option_is_bought_held_and_sold(exchange: Any, symbols: Symbols) -> None:
    market = exchange.market(symbols.call)
    amount = max(market["limits"]["amount"]["min"], 0.1)
    ask = until(
        "an ask on the call",
        lambda: exchange.fetch_order_book(symbols.call)["asks"][:1] or None,
    )[0]
    amount = min(amount, ask[1])
    price = float(exchange.price_to_precision(symbols.call, ask[0] * 1.05))
    bought = exchange.create_order(
        symbols.call, "limit", "buy", amount, price, {"timeInForce": "IOC"}
    )
    assert bought["filled"] > 0, bought["info"]
    position = exchange.fetch_position(symbols.call)
    assert float(position["info"]["delta"]) > 0, "a long call is long"
    assert position["side"] == "long"
    exchange.create_order(symbols.call, "market", "sell", bought["filled"])


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
