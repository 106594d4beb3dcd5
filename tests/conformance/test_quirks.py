"""What ccxt does to every Deribit-compatible venue: listed, so that nobody looks for it here.

When ccxt repairs one, its test fails and its line in docs/guides/connect-ccxt.md goes.
"""

from __future__ import annotations

import inspect
from typing import Any

import ccxt
import ccxt.pro

from tests.conformance.clients import Symbols, with_pro
from tests.support.demo import Demo


def test_the_fee_of_an_order_is_named_in_the_base_currency(exchange: Any, symbols: Symbols) -> None:
    order = exchange.create_order(symbols.swap, "market", "buy", 0.01)
    exchange.create_order(symbols.swap, "market", "sell", 0.01)
    assert order["fee"]["currency"] == "BTC", "though it is paid in USDC; its trades say so"
    assert {trade["fee"]["currency"] for trade in order["trades"]} == {"USDC"}


def test_free_and_used_do_not_add_up(exchange: Any, symbols: Symbols) -> None:
    exchange.create_order(symbols.swap, "market", "buy", 0.1)
    usdc = exchange.fetch_balance()["USDC"]
    exchange.create_order(symbols.swap, "market", "sell", 0.1)
    assert usdc["free"] + usdc["used"] < usdc["total"], (
        "ccxt takes maintenance margin for `used`; available funds are net of initial margin"
    )


def test_positions_have_no_time(exchange: Any, symbols: Symbols) -> None:
    exchange.create_order(symbols.swap, "market", "buy", 0.01)
    position = exchange.fetch_position(symbols.swap)
    exchange.create_order(symbols.swap, "market", "sell", 0.01)
    assert position["timestamp"] is None


def test_a_watched_balance_is_nested(demo: Demo, symbols: Symbols) -> None:
    async def body(pro: Any) -> Any:
        await pro.load_markets()
        return await pro.watch_balance()

    balance = with_pro(demo, body)
    assert "USDC" in balance["USDC"], "the currency stands twice"


def test_a_watched_book_is_never_cleared() -> None:
    source = inspect.getsource(ccxt.pro.deribit.handle_order_book)
    assert "snapshot" not in source.replace('"snapshot"', ""), (
        "the type of a message is not read: so this venue sends one snapshot a subscription"
    )


def test_the_default_currency_is_bitcoin() -> None:
    assert ccxt.deribit().options["code"] == "BTC", "so `currency` names base or settlement here"
