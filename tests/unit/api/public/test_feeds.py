"""Feeds tell everything once, in order; slow readers are told the same in fewer words."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from merkat.market.book import CHANGES_MAX
from merkat.sdk import commands
from tests.unit.api.public.asking import Asker, news
from tests.unit.api.public.rebuilt import RebuiltBook
from tests.unit.market.option_venue import INDEX, NAMES, USD, OptionVenue

PERPETUAL, CALL = NAMES[0], NAMES[5]
LOT = 100_000


@pytest.fixture
def venue() -> Iterator[OptionVenue]:
    with OptionVenue(lambda released: None) as made:
        made.surface(INDEX)
        yield made


def levels(venue: OptionVenue, listing: int = 1) -> tuple[list[Any], list[Any]]:
    bids, asks = venue.observer.engine.book(listing, 1 << 20)
    scale = Decimal(10**8)
    return (
        [(Decimal(price) / USD, size / scale) for price, size in bids],
        [(Decimal(price) / USD, size / scale) for price, size in asks],
    )


def test_a_book_is_a_snapshot_and_then_changes(venue: OptionVenue) -> None:
    ask = Asker(venue.observer)
    venue.place(1, 1, commands.BUY, 59_990 * USD, 5 * LOT)
    feed = ask.feed(f"book.{PERPETUAL}.raw")
    (snapshot,) = news(feed)
    assert snapshot["type"] == "snapshot"
    assert "prev_change_id" not in snapshot
    assert snapshot["bids"] == [["new", 59_990, Decimal("0.005")]]
    assert news(feed) == []
    venue.place(1, 1, commands.BUY, 59_990 * USD, LOT)
    venue.place(1, 1, commands.SELL, 60_010 * USD, LOT)
    venue.place(2, 1, commands.SELL, 59_990 * USD, 6 * LOT)
    changes = news(feed)
    assert [change["type"] for change in changes] == ["change"] * 3
    assert changes[0]["bids"] == [["change", 59_990, Decimal("0.006")]]
    assert changes[1]["asks"] == [["new", 60_010, Decimal("0.001")]]
    assert changes[2]["bids"] == [["delete", 59_990, 0]]
    chain = [snapshot["change_id"], *(change["change_id"] for change in changes)]
    assert [change["prev_change_id"] for change in changes] == chain[:-1]
    assert chain[-1] == venue.observer.log_number


def test_what_comes_and_goes_between_two_looks_is_not_told(venue: OptionVenue) -> None:
    ask = Asker(venue.observer)
    feed = ask.feed(f"book.{PERPETUAL}.100ms")
    (snapshot,) = news(feed)
    venue.place(1, 1, commands.BUY, 59_990 * USD, 5 * LOT)
    (order,) = venue.observer.view.open_orders(1)
    venue.cancel(order)
    assert news(feed) == []
    venue.place(1, 1, commands.BUY, 59_980 * USD, LOT)
    (change,) = news(feed)
    assert change["prev_change_id"] == snapshot["change_id"], "the chain has no gap"
    assert change["bids"] == [["new", 59_980, Decimal("0.001")]]


@pytest.mark.parametrize("interval", ["raw", "100ms", "agg2"])
def test_a_reader_who_looks_rarely_has_the_venues_book_whenever_he_looks(interval: str) -> None:
    with OptionVenue(lambda released: None, seed=3) as venue:
        ask = Asker(venue.observer)
        feeds = {listing: ask.feed(f"book.{NAMES[listing - 1]}.{interval}") for listing in (1, 6)}
        books = {listing: RebuiltBook() for listing in feeds}
        for _ in range(12):
            venue.crowd(9)
            for listing, feed in feeds.items():
                for item in news(feed):
                    books[listing].apply(item)
                assert books[listing].levels() == levels(venue, listing)


def test_a_reader_far_behind_is_told_in_one_change(venue: OptionVenue) -> None:
    ask = Asker(venue.observer)
    feed = ask.feed(f"book.{PERPETUAL}.raw")
    book = RebuiltBook()
    venue.place(1, 1, commands.BUY, 59_000 * USD, 3 * LOT)
    (snapshot,) = news(feed)
    book.apply(snapshot)
    known = venue.observer.view.books[1]
    # The engine need not follow: what the ring forgets is the view's own business.
    for step in range(CHANGES_MAX + 5):
        known.add(0, (59_100 + step % 7) * USD, LOT)
        known.commit(venue.observer.log_number + 1 + step, venue.time_ns)
    assert known.changes_after(snapshot["change_id"]) is None
    (change,) = news(feed)
    book.apply(change)
    assert change["type"] == "change", "some clients do not look for a second snapshot"
    assert len(book.levels()[0]) == 8
    assert news(feed) == []


def test_grouped_books_are_whole(venue: OptionVenue) -> None:
    ask = Asker(venue.observer)
    for price in (59_991, 59_994, 59_980, 59_979):
        venue.place(1, 1, commands.BUY, price * USD, LOT)
    for price in (60_001, 60_009, 60_011):
        venue.place(1, 1, commands.SELL, price * USD, LOT)
    none, tens = (
        ask.feed(f"book.{PERPETUAL}.none.1.100ms"),
        ask.feed(f"book.{PERPETUAL}.10.20.agg2"),
    )
    amount = Decimal("0.001")
    (best,) = news(none)
    assert (best["bids"], best["asks"]) == ([[59_994, amount]], [[60_001, amount]])
    (grouped,) = news(tens)
    assert grouped["bids"] == [
        [59_990, 2 * amount],
        [59_980, amount],
        [59_970, amount],
    ]
    assert grouped["asks"] == [[60_010, 2 * amount], [60_020, amount]]
    venue.place(1, 1, commands.BUY, 59_000 * USD, LOT)
    assert news(none) == [], "the best level is as it was"
    assert len(news(tens)) == 1


def test_trades_are_told_once(venue: OptionVenue) -> None:
    ask = Asker(venue.observer)
    venue.place(1, 1, commands.SELL, 60_010 * USD, 5 * LOT)
    venue.place(2, 1, commands.BUY, 60_010 * USD, LOT)
    one = ask.feed(f"trades.{PERPETUAL}.100ms")
    every = ask.feed("trades.future.BTC.raw")
    options = ask.feed("trades.option.any.100ms")
    assert news(one) == news(every) == [], "what was before the subscription is history"
    venue.place(2, 1, commands.BUY, 60_010 * USD, LOT)
    venue.place(3, 1, commands.BUY, 60_010 * USD, LOT)
    (found,) = news(one)
    assert [trade["trade_seq"] for trade in found] == [2, 3]
    assert news(every) == [found]
    assert news(one) == news(every) == news(options) == []


def test_candles_grow(venue: OptionVenue) -> None:
    ask = Asker(venue.observer)
    feed = ask.feed(f"chart.trades.{PERPETUAL}.1")
    assert news(feed) == []
    venue.place(1, 1, commands.SELL, 60_010 * USD, 5 * LOT)
    venue.place(2, 1, commands.BUY, 60_010 * USD, LOT)
    (first,) = news(feed)
    assert (first["open"], first["volume"]) == (60_010, Decimal("0.001"))
    venue.time_ns += 60 * 10**9
    venue.surface(INDEX)
    venue.place(2, 1, commands.BUY, 60_010 * USD, LOT)
    same, second = news(feed)
    assert same == first
    assert second["tick"] == first["tick"] + 60_000


def test_tickers_quotes_and_indices_tell_what_is_different(venue: OptionVenue) -> None:
    ask = Asker(venue.observer)
    ticker, quote = ask.feed(f"ticker.{CALL}.raw"), ask.feed(f"quote.{PERPETUAL}")
    index, perpetual = (
        ask.feed("deribit_price_index.btc_usdc"),
        ask.feed(f"perpetual.{PERPETUAL}.agg2"),
    )
    assert [len(news(feed)) for feed in (ticker, quote, index, perpetual)] == [1, 1, 1, 1]
    venue.send(commands.tick())
    assert news(ticker) == news(quote) == []
    venue.place(1, 1, commands.BUY, 59_990 * USD, LOT)
    (best,) = news(quote)
    assert (best["best_bid_price"], best["best_ask_price"]) == (59_990, None)
    venue.surface(INDEX + 10 * USD)
    assert news(ticker)[0]["index_price"] == 60_010
    assert news(index)[0]["price"] == 60_010
    assert news(perpetual)[0]["index_price"] == 60_010


@pytest.mark.parametrize("name", ["btc_usdc", "btc_usd"])
def test_an_index_goes_by_the_name_that_was_asked_for(venue: OptionVenue, name: str) -> None:
    (told,) = news(Asker(venue.observer).feed(f"deribit_price_index.{name}"))
    assert told["index_name"] == name


def test_incremental_tickers_add_up(venue: OptionVenue) -> None:
    ask = Asker(venue.observer)
    feed = ask.feed(f"incremental_ticker.{PERPETUAL}")
    (whole,) = news(feed)
    assert whole["type"] == "snapshot"
    venue.place(1, 1, commands.BUY, 59_990 * USD, LOT)
    (change,) = news(feed)
    assert change["type"] == "change"
    assert set(change) == {
        "type",
        "timestamp",
        "instrument_name",
        "best_bid_price",
        "best_bid_amount",
    }
    fresh = ask.call("ticker", instrument_name=PERPETUAL)
    assert {**whole, **change, "type": ""} == {**fresh, "type": ""}


def test_states_of_instruments(venue: OptionVenue) -> None:
    ask = Asker(venue.observer)
    feed = ask.feed("instrument.state.option.BTC")
    assert news(feed) == []
    venue.expire()
    found = {one["instrument_name"]: one["state"] for one in news(feed)}
    assert found == {NAMES[2]: "closed", NAMES[3]: "closed"}


def test_topics_wake_feeds(venue: OptionVenue) -> None:
    ask = Asker(venue.observer)
    assert ask.feed(f"book.{PERPETUAL}.raw").topics == {("book", 1)}
    assert ask.feed("trades.any.any.100ms").topics == {("trades", 0)}
    assert ask.feed(f"ticker.{CALL}.100ms").interval_ms == 100
    assert ask.feed(f"book.{PERPETUAL}.agg2").interval_ms == 1_000
    assert not ask.feed(f"quote.{PERPETUAL}").private


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        ("book.BTC_USDC-PERP.100ms", 13020),
        (f"book.{PERPETUAL}", -32602),
        (f"book.{PERPETUAL}.10ms", -32602),
        (f"book.{PERPETUAL}.none.7.100ms", -32602),
        (f"book.{PERPETUAL}.0d7.10.100ms", -32602),
        (f"book.{PERPETUAL}.x.10.100ms", -32602),
        (f"book.{PERPETUAL}.0.10.100ms", -32602),
        (f"ticker.{PERPETUAL}", -32602),
        (f"incremental_ticker.{PERPETUAL}.raw", -32602),
        (f"quote.{PERPETUAL}.raw", -32602),
        (f"perpetual.{CALL}.100ms", -32602),
        ("trades.swap.BTC.100ms", -32602),
        ("trades.future.GOLD.100ms", -32602),
        (f"chart.trades.{PERPETUAL}.7", -32602),
        ("deribit_price_index.doge", -32602),
        ("instrument.state.swap.BTC", -32602),
    ],
)
def test_a_wrong_name_is_refused(venue: OptionVenue, channel: str, code: int) -> None:
    error = Asker(venue.observer).refused(channel)
    assert error.code == code, f"{error}"
    assert error.hint


@pytest.mark.parametrize(
    "channel", [f"book.{PERPETUAL}.raw", f"trades.{PERPETUAL}.raw", f"ticker.{PERPETUAL}.raw"]
)
def test_raw_channels_are_for_those_who_authenticated(venue: OptionVenue, channel: str) -> None:
    assert Asker(venue.observer, authenticated=False).refused(channel).code == 13009
    assert Asker(venue.observer).feed(channel).interval_ms == 0
