"""What `ccxt.deribit` reads without credentials: markets, books, trades, candles, Greeks."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from tests.conformance.clients import Symbols, until
from tests.support.demo import Demo


def two_sided(exchange: Any, symbol: str) -> Any:
    """Return the book of a market, None while one of its sides is empty."""
    book = exchange.fetch_order_book(symbol)
    return book if book["bids"] and book["asks"] else None


def test_the_demo_says_where_it_is_on_one_line_and_then_nothing(demo: Demo) -> None:
    assert demo.url.startswith("http://"), demo.url
    assert demo.ws_url.startswith("ws://"), demo.ws_url
    assert demo.ws_url.endswith("/ws/api/v2"), demo.ws_url
    assert demo.more_output() == b"", "after its one line the demo writes nothing to stdout"


def test_markets_of_every_kind_are_loaded(exchange: Any, symbols: Symbols) -> None:
    markets = exchange.load_markets()
    assert symbols.swap == "BTC/USDC:USDC"
    kinds = {
        kind: [m for m in markets.values() if m[kind]] for kind in ("swap", "future", "option")
    }
    assert len(kinds["option"]) >= 24, f"{len(kinds['option'])} options: the demo lists 24"
    assert kinds["future"], "the demo lists a future"
    for market in markets.values():
        assert market["linear"] is True, f"{market['id']}: everything settles in USDC"
        assert market["precision"]["price"] > 0, market["id"]
        assert market["precision"]["amount"] > 0, market["id"]
        assert market["limits"]["amount"]["min"] > 0, market["id"]
        assert market["taker"] >= 0, market["id"]
        assert exchange.market(market["symbol"])["id"] == market["id"], "symbols name one market"
        if market["option"]:
            assert market["strike"] > 0, market["id"]
            assert market["optionType"] in ("call", "put"), market["id"]
            assert market["expiry"] > time.time() * 1e3, f"{market['id']} has expired"


def test_currencies_have_every_base_and_the_settlement_currency(exchange: Any) -> None:
    currencies = exchange.fetch_currencies()
    bases = {market["base"] for market in exchange.load_markets().values()}
    assert bases | {"USDC"} <= set(currencies), "ccxt looks up the currency of each market"


def test_time_and_status(exchange: Any) -> None:
    skew_ms = exchange.fetch_time() - time.time() * 1e3
    assert abs(skew_ms) < 60_000, f"`--keep` runs on the wall clock, it is {skew_ms:+.0f} ms off"
    assert exchange.fetch_status()["status"] == "ok"


def test_order_books_are_sorted_and_not_crossed(exchange: Any, symbols: Symbols) -> None:
    for symbol in (symbols.swap, symbols.future, symbols.call, symbols.put):
        book = until(f"both sides of {symbol}", partial(two_sided, exchange, symbol))
        bids, asks = ([level[0] for level in book[side]] for side in ("bids", "asks"))
        assert bids == sorted(bids, reverse=True), symbol
        assert asks == sorted(asks), symbol
        assert bids[0] < asks[0], f"{symbol} is crossed"
        assert all(level[1] > 0 for side in ("bids", "asks") for level in book[side]), symbol
        assert isinstance(book["nonce"], int), "change_id is the sequence of a book"
    assert len(exchange.fetch_order_book(symbols.swap, 1)["bids"]) == 1, "depth is honoured"


def test_tickers(exchange: Any, symbols: Symbols) -> None:
    ticker = exchange.fetch_ticker(symbols.swap)
    assert ticker["bid"] < ticker["ask"]
    assert ticker["markPrice"] > 0
    assert abs(ticker["markPrice"] / ticker["indexPrice"] - 1) < 0.1, "mark is near the index"
    assert ticker["last"] > 0, "the demo says that it is ready when the perpetual has trades"
    assert ticker["baseVolume"] > 0
    many = exchange.fetch_tickers([symbols.swap, symbols.future])
    assert set(many) == {symbols.swap, symbols.future}
    options = exchange.fetch_tickers([symbols.call, symbols.put])
    assert set(options) == {symbols.call, symbols.put}
    assert options[symbols.call]["markPrice"] > 0


def test_trades_come_in_order_and_from_a_time(exchange: Any, symbols: Symbols) -> None:
    trades = exchange.fetch_trades(symbols.swap, limit=20)
    assert trades, "the perpetual has trades"
    assert [trade["timestamp"] for trade in trades] == sorted(t["timestamp"] for t in trades)
    assert len({trade["id"] for trade in trades}) == len(trades), "a trade has one id"
    for trade in trades:
        assert trade["side"] in ("buy", "sell")
        assert trade["price"] > 0
        assert trade["amount"] > 0
        assert abs(trade["cost"] / (trade["price"] * trade["amount"]) - 1) < 1e-9
    since = trades[len(trades) // 2]["timestamp"]
    later = exchange.fetch_trades(symbols.swap, since=since)
    assert later, "the trades since one of them include it"
    assert all(trade["timestamp"] >= since for trade in later)


def test_candles_hold_their_prices(exchange: Any, symbols: Symbols) -> None:
    candles = exchange.fetch_ohlcv(symbols.swap, "1m", limit=30)
    assert candles, "a market that trades has candles"
    for _, opened, high, low, closed, volume in candles:
        assert low <= min(opened, closed) <= max(opened, closed) <= high
        assert volume >= 0
    assert any(candle[5] > 0 for candle in candles), "one of them has seen a trade"
    assert [candle[0] % 60_000 for candle in candles] == [0] * len(candles)


def test_funding(exchange: Any, symbols: Symbols) -> None:
    rate = exchange.fetch_funding_rate(symbols.swap)
    assert isinstance(rate["fundingRate"], int | float), "a bare number is the rate of 8 hours"
    history = exchange.fetch_funding_rate_history(symbols.swap)
    assert isinstance(history, list), "hours that have closed, none yet is an answer too"
    assert all(entry["timestamp"] % 3_600_000 == 0 for entry in history), "funding is hourly"


def test_greeks_of_a_call_and_a_put(exchange: Any, symbols: Symbols) -> None:
    call, put = exchange.fetch_greeks(symbols.call), exchange.fetch_greeks(symbols.put)
    assert 0 < call["delta"] < 1
    assert -1 < put["delta"] < 0
    for greeks in (call, put):
        assert greeks["gamma"] > 0
        assert greeks["vega"] > 0
        assert greeks["theta"] < 0
        assert 1 < greeks["markImpliedVolatility"] < 500, "in percent"
        assert greeks["underlyingPrice"] > 0
        assert greeks["markPrice"] > 0


def test_the_option_chain(exchange: Any, symbols: Symbols) -> None:
    chain = exchange.fetch_option_chain("BTC")
    assert symbols.call in chain
    assert symbols.put in chain
    assert len(chain) >= 24
    assert all(option["markPrice"] >= 0 for option in chain.values())
    option = exchange.fetch_option(symbols.call)
    assert option["underlyingPrice"] > 0
    interest = exchange.fetch_open_interest(symbols.swap)
    assert interest["symbol"] == symbols.swap
    assert float(interest["info"]["open_interest"]) > 0, "the perpetual has positions"
