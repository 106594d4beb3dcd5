"""Every refusal becomes the exception that ccxt has for it, and says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import ccxt
import pytest

from tests.conformance.clients import Symbols, connect
from tests.support.demo import Demo

SIZE = 0.01
UNKNOWN_ID = "0" * 24
REQUESTS_MAX = 5_000


def described(refusal: pytest.ExceptionInfo[BaseException]) -> dict[str, Any]:
    """Return the error object that a ccxt exception carries behind the exchange's name."""
    text = str(refusal.value)
    error: dict[str, Any] = json.loads(text[text.index("{") :])["error"]
    return error


def limit_buy(exchange: Any, symbol: str, **changed: str) -> dict[str, str]:
    """Return the parameters of a buy that would be taken, some of them changed."""
    index = exchange.fetch_ticker(symbol)["indexPrice"]
    price = exchange.price_to_precision(symbol, index * 0.98)
    name = exchange.market(symbol)["id"]
    return {"instrument_name": name, "amount": "0.01", "price": price, "type": "limit"} | changed


def test_credentials_that_are_wrong(demo: Demo) -> None:
    for names in ({"apiKey": "nobody"}, {"secret": "wrong"}):
        stranger = connect(ccxt.deribit, demo, **names)
        try:
            with pytest.raises(ccxt.AuthenticationError) as refusal:
                stranger.fetch_balance()
            assert described(refusal)["code"] in (13004, 13009), names
            assert described(refusal)["data"]["hint"], "an error says what to do"
        finally:
            stranger.session.close()


def test_more_than_the_account_can_bear(exchange: Any, symbols: Symbols) -> None:
    free = exchange.fetch_balance()["USDC"]["free"]
    index = exchange.fetch_ticker(symbols.swap)["indexPrice"]
    # Margin is some percent of the notional: fifty times the free money is beyond it.
    amount = float(exchange.amount_to_precision(symbols.swap, 50 * free / index))
    price = float(exchange.price_to_precision(symbols.swap, index * 0.99))
    with pytest.raises(ccxt.InsufficientFunds, match="10009"):
        exchange.create_order(symbols.swap, "limit", "buy", amount, price)


def test_orders_that_are_not_there(exchange: Any, symbols: Symbols) -> None:
    price = float(limit_buy(exchange, symbols.swap)["price"])
    calls: list[Callable[[], Any]] = [
        lambda: exchange.fetch_order(UNKNOWN_ID),
        lambda: exchange.cancel_order(UNKNOWN_ID, symbols.swap),
        lambda: exchange.edit_order(UNKNOWN_ID, symbols.swap, "limit", "buy", SIZE, price),
        lambda: exchange.cancel_order("no-such-order", symbols.swap),
    ]
    for call in calls:
        with pytest.raises(ccxt.OrderNotFound) as refusal:
            call()
        assert described(refusal)["code"] == 10004


def test_an_order_that_is_over_cannot_be_cancelled(exchange: Any, symbols: Symbols) -> None:
    price = float(limit_buy(exchange, symbols.swap)["price"])
    order = exchange.create_order(symbols.swap, "limit", "buy", SIZE, price)
    exchange.cancel_order(order["id"], symbols.swap)
    with pytest.raises(ccxt.InvalidOrder, match="11044"):
        exchange.cancel_order(order["id"], symbols.swap)
    with pytest.raises(ccxt.InvalidOrder, match="11044"):
        exchange.edit_order(order["id"], symbols.swap, "limit", "buy", SIZE, price)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"price": "60000.013"}, "price"),
        ({"price": "-1"}, "price"),
        ({"amount": "0.00000001"}, "amount"),
        ({"amount": "0"}, "amount"),
    ],
)
def test_orders_that_break_the_grid(
    exchange: Any, symbols: Symbols, changed: dict[str, str], field: str
) -> None:
    # By the raw method: ccxt itself would round such a number before it asks.
    with pytest.raises((ccxt.InvalidOrder, ccxt.BadRequest)) as refusal:
        exchange.private_get_buy(limit_buy(exchange, symbols.swap, **changed))
    error = described(refusal)
    assert error["data"]["param"] == field, "the error names the field"
    assert error["data"]["hint"], "and says what to do"


def test_an_off_tick_price_is_refused_and_never_rounded(exchange: Any, symbols: Symbols) -> None:
    with pytest.raises(ccxt.InvalidOrder, match="10043"):
        exchange.private_get_buy(limit_buy(exchange, symbols.swap, price="60000.013"))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e4", "0x10", "", "60,000"])
def test_numbers_that_are_none(exchange: Any, symbols: Symbols, text: str) -> None:
    with pytest.raises((ccxt.BadRequest, ccxt.InvalidOrder)) as refusal:
        exchange.private_get_buy(limit_buy(exchange, symbols.swap, price=text))
    assert described(refusal)["data"]["param"] == "price"


def test_markets_that_are_not_there(exchange: Any) -> None:
    with pytest.raises(ccxt.BadSymbol):
        exchange.fetch_ticker("NOPE/USDC:USDC")
    with pytest.raises(ccxt.ExchangeError) as refusal:
        exchange.public_get_ticker({"instrument_name": "NOPE_USDC-PERPETUAL"})
    assert described(refusal)["code"] in (13020, 10020, -32602)
    assert described(refusal)["data"]["param"] == "instrument_name"


def test_methods_and_parameters_that_are_not_there(exchange: Any, symbols: Symbols) -> None:
    name = exchange.market(symbols.swap)["id"]
    with pytest.raises(ccxt.BadRequest) as refusal:
        exchange.public_get_ticker({"instrument_name": name, "colour": "red"})
    assert described(refusal)["code"] == -32602
    assert described(refusal)["data"]["param"] == "colour"
    with pytest.raises((ccxt.BadRequest, ccxt.NotSupported)) as unknown:
        exchange.private_get_get_email_language()
    assert described(unknown)["code"] in (-32601, 10033)


def test_trigger_orders_are_said_to_be_missing(exchange: Any, symbols: Symbols) -> None:
    price = float(limit_buy(exchange, symbols.swap)["price"])
    with pytest.raises((ccxt.NotSupported, ccxt.InvalidOrder, ccxt.BadRequest)) as refusal:
        exchange.create_order(symbols.swap, "limit", "sell", SIZE, price, {"stopLossPrice": price})
    assert described(refusal)["data"]["hint"], "what is not there yet is said so"


def test_a_client_that_asks_too_much_is_told_to_wait(demo: Demo) -> None:
    eager = connect(ccxt.deribit, demo, enableRateLimit=False)

    def ask_on() -> None:
        for _ in range(REQUESTS_MAX):
            eager.public_get_get_instruments()

    try:
        with pytest.raises(ccxt.DDoSProtection) as refusal:
            ask_on()
        error = described(refusal)
        assert error["code"] == 10028
        assert error["data"]["wait"] > 0, "it says how long"
    finally:
        eager.session.close()
