"""What ccxt does to every Deribit-compatible venue: listed, so that nobody looks for it here.

When ccxt repairs one, its test fails and its line in docs/guides/connect-ccxt.md goes.
"""

from __future__ import annotations

from typing import Any

import ccxt

from tests.conformance.clients import Symbols, take, with_pro
from tests.support.demo import Demo


def test_the_fee_of_an_order_is_named_in_the_base_currency(exchange: Any, symbols: Symbols) -> None:
    order = take(exchange, symbols.swap, "buy", 0.01)
    take(exchange, symbols.swap, "sell", 0.01)
    assert order["fee"]["currency"] == "BTC", "though it is paid in USDC; its trades say so"
    assert {trade["fee"]["currency"] for trade in order["trades"]} == {"USDC"}


def test_free_and_used_do_not_add_up(exchange: Any, symbols: Symbols) -> None:
    take(exchange, symbols.swap, "buy", 0.1)
    usdc = exchange.fetch_balance()["USDC"]
    take(exchange, symbols.swap, "sell", 0.1)
    assert usdc["free"] + usdc["used"] < usdc["total"], (
        "ccxt takes maintenance margin for `used`; available funds are net of initial margin"
    )


def test_positions_have_no_time(exchange: Any, symbols: Symbols) -> None:
    take(exchange, symbols.swap, "buy", 0.01)
    position = exchange.fetch_position(symbols.swap)
    take(exchange, symbols.swap, "sell", 0.01)
    assert position["timestamp"] is None


def test_a_watched_balance_is_nested(demo: Demo, symbols: Symbols) -> None:
    async def body(pro: Any) -> Any:
        await pro.load_markets()
        while "USDC" not in (balance := await pro.watch_balance()):
            continue  # one message a currency
        return balance

    balance = with_pro(demo, body)
    assert "USDC" in balance["USDC"], "the currency stands twice"


def snapshot(price: int) -> dict[str, Any]:
    """Return the notification of a snapshot with one bid."""
    name = "BTC_USDC-PERPETUAL"
    data = {
        "type": "snapshot",
        "timestamp": 1,
        "instrument_name": name,
        "change_id": price,
        "bids": [["new", price, 1]],
        "asks": [],
    }
    return {"params": {"channel": f"book.{name}.100ms", "data": data}}


def test_a_watched_book_is_never_cleared(demo: Demo, symbols: Symbols) -> None:
    async def body(pro: Any) -> Any:
        await pro.load_markets()
        client = pro.client(demo.ws_url)
        for price in (50_000, 40_000):
            pro.handle_order_book(client, snapshot(price))
        return pro.orderbooks[symbols.swap]["bids"]

    assert len(with_pro(demo, body)) == 2, (
        "a second snapshot adds to the first: so this venue sends one a subscription"
    )


def test_the_default_currency_is_bitcoin() -> None:
    assert ccxt.deribit().options["code"] == "BTC", "so `currency` names base or settlement here"
