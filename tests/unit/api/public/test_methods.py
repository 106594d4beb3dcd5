"""Public methods answer with every field that the strictest clients demand, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from merkat.sdk import commands
from tests.unit.api.public.asking import Asker
from tests.unit.market.option_venue import EXPIRIES, INDEX, NAMES, USD, OptionVenue

PERPETUAL, FUTURE, CALL = NAMES[0], NAMES[1], NAMES[5]
LOT = 100_000


@pytest.fixture(scope="module")
def venue() -> Iterator[OptionVenue]:
    with OptionVenue(lambda released: None) as made:
        made.surface(INDEX)
        for side, price in ((0, 59_990), (0, 59_980), (1, 60_010), (1, 60_020)):
            made.place(1, 1, side, price * USD, 5 * LOT)
        made.place(2, 1, commands.BUY, 60_010 * USD, 2 * LOT)
        made.place(2, 1, commands.SELL, 59_990 * USD, LOT)
        yield made


@pytest.fixture
def ask(venue: OptionVenue) -> Asker:
    return Asker(venue.observer)


FIELDS = {
    "instrument": """instrument_name instrument_id kind base_currency quote_currency
        counter_currency settlement_currency settlement_period tick_size tick_size_steps
        contract_size min_trade_amount maker_commission taker_commission creation_timestamp
        expiration_timestamp is_active state instrument_type""",
    "ticker": """instrument_name timestamp state mark_price index_price open_interest last_price
        best_bid_price best_bid_amount best_ask_price best_ask_amount min_price max_price stats""",
    "trade": """trade_id trade_seq instrument_name price amount direction timestamp tick_direction
        index_price mark_price""",
    "summary": """instrument_name base_currency quote_currency bid_price ask_price mid_price
        mark_price last high low volume volume_usd volume_notional open_interest price_change
        creation_timestamp""",
    "currency": "currency currency_long withdrawal_fee decimals",
}


def check_fields(kind: str, found: dict[str, Any], *more: str) -> None:
    missing = {*FIELDS[kind].split(), *more} - set(found)
    assert not missing, f"{kind} lacks {missing}"


def test_instruments_have_their_terms(ask: Asker) -> None:
    found = {one["instrument_name"]: one for one in ask.call("get_instruments")}
    assert list(found) == list(NAMES)
    for one in found.values():
        check_fields("instrument", one)
        assert ask.call("get_instrument", instrument_name=one["instrument_name"]) == one
    perpetual, call = found[PERPETUAL], found[CALL]
    assert perpetual["settlement_period"] == "perpetual"
    assert perpetual["expiration_timestamp"] == 32_503_708_800_000
    assert perpetual["tick_size"] == Decimal("0.5")
    assert perpetual["min_trade_amount"] == Decimal("0.001")
    assert perpetual["taker_commission"] == Decimal("0.0005")
    assert (call["kind"], call["option_type"], call["strike"]) == ("option", "call", 60_000)
    assert call["tick_size_steps"] == [{"above_price": 100, "tick_size": 5}]
    assert call["expiration_timestamp"] == EXPIRIES[1] // 10**6
    assert found[FUTURE]["settlement_period"] == "month"
    assert found["BTC_USDC-20NOV26-60000-C"]["settlement_period"] == "week"


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({}, 7),
        ({"currency": "BTC"}, 7),
        ({"currency": "USDC"}, 7),
        ({"currency": "any"}, 7),
        ({"currency": "btc", "kind": "option"}, 5),
        ({"kind": "future"}, 2),
        ({"kind": "spot"}, 0),
        ({"kind": "option_combo"}, 0),
        ({"currency": "SOL"}, 0),
        ({"currency": "ETH"}, 0),
        ({"expired": True}, 0),
    ],
)
def test_instruments_are_filtered(ask: Asker, params: dict[str, Any], count: int) -> None:
    assert len(ask.call("get_instruments", **params)) == count


def test_every_base_is_a_currency(ask: Asker) -> None:
    found = ask.call("get_currencies")
    assert [one["currency"] for one in found] == ["BTC", "USDC"]
    for one in found:
        check_fields("currency", one)


def test_the_book_is_exact_and_as_deep_as_asked(ask: Asker, venue: OptionVenue) -> None:
    book = ask.call("get_order_book", instrument_name=PERPETUAL)
    check_fields("ticker", book, "change_id", "bids", "asks", "funding_8h", "current_funding")
    amounts = [Decimal(text) for text in ("0.004", "0.005", "0.003", "0.005")]
    assert book["bids"] == [[59_990, amounts[0]], [59_980, amounts[1]]]
    assert book["asks"] == [[60_010, amounts[2]], [60_020, amounts[3]]]
    assert book["change_id"] == venue.observer.view.books[1].change_id
    shallow = ask.call("get_order_book", instrument_name=PERPETUAL, depth=1)
    assert (len(shallow["bids"]), len(shallow["asks"])) == (1, 1)
    assert ask.call("get_order_book_by_instrument_id", instrument_id=1) == book
    assert (book["best_bid_price"], book["best_bid_amount"]) == (59_990, amounts[0])


def test_tickers_of_every_kind(ask: Asker) -> None:
    perpetual = ask.call("ticker", instrument_name=PERPETUAL)
    check_fields("ticker", perpetual, "funding_8h", "current_funding")
    assert perpetual["index_price"] == 60_000
    assert perpetual["last_price"] == 59_990
    assert perpetual["open_interest"] == Decimal("0.001")
    assert perpetual["stats"]["volume"] == Decimal("0.003")
    assert perpetual["stats"]["volume_usd"] == Decimal("180.01")
    assert "greeks" not in perpetual
    call = ask.call("ticker", instrument_name=CALL)
    fields = ("greeks", "mark_iv", "bid_iv", "ask_iv", "underlying_price", "underlying_index")
    check_fields("ticker", call, *fields)
    assert set(call["greeks"]) == {"delta", "gamma", "vega", "theta", "rho"}
    assert 50 < call["mark_iv"] < 60
    assert call["bid_iv"] == 0
    assert call["underlying_index"] == FUTURE
    near = ask.call("ticker", instrument_name="BTC_USDC-20NOV26-60000-C")
    assert near["underlying_index"] == "SYN.BTC_USDC-20NOV26"
    assert "funding_8h" not in call
    assert call["last_price"] is None
    assert call["best_bid_price"] is None
    assert call["best_bid_amount"] == 0


def test_summaries_of_a_currency_and_of_one(ask: Asker) -> None:
    found = ask.call("get_book_summary_by_currency", currency="BTC")
    assert [one["instrument_name"] for one in found] == list(NAMES)
    for one in found:
        check_fields("summary", one)
    options = ask.call("get_book_summary_by_currency", currency="USDC", kind="option")
    assert len(options) == 5
    for one in options:
        check_fields("summary", one, "mark_iv", "underlying_price", "underlying_index")
    (perpetual,) = ask.call("get_book_summary_by_instrument", instrument_name=PERPETUAL)
    assert perpetual == found[0]
    assert perpetual["mid_price"] == 60_000


def test_trades_have_ids_that_follow_from_the_log(ask: Asker, venue: OptionVenue) -> None:
    page = ask.call("get_last_trades_by_instrument", instrument_name=PERPETUAL)
    assert page["has_more"] is False
    newest, oldest = page["trades"]
    for one in (newest, oldest):
        check_fields("trade", one)
    assert [oldest["trade_seq"], newest["trade_seq"]] == [1, 2]
    number = venue.observer.view.trades[1][0].log_number
    assert oldest["trade_id"] == f"{number}-0"
    assert (oldest["price"], oldest["amount"], oldest["direction"]) == (
        60_010,
        Decimal("0.002"),
        "buy",
    )
    assert newest["tick_direction"] == 2
    ascending = ask.call(
        "get_last_trades_by_instrument", instrument_name=PERPETUAL, sorting="asc", count=1
    )
    assert ascending == {"trades": [oldest], "has_more": True}
    second = ask.call("get_last_trades_by_instrument", instrument_name=PERPETUAL, start_seq=2)
    assert second["trades"] == [newest]
    by_id = ask.call("get_last_trades_by_currency", currency="BTC", end_id=oldest["trade_id"])
    assert by_id["trades"] == [oldest]
    span = {"start_timestamp": oldest["timestamp"], "end_timestamp": oldest["timestamp"]}
    in_span = ask.call("get_last_trades_by_instrument_and_time", instrument_name=PERPETUAL, **span)
    assert in_span["trades"] == [oldest]
    of_currency = ask.call("get_last_trades_by_currency_and_time", currency="any", **span)
    assert of_currency == in_span
    assert ask.call("get_last_trades_by_currency", currency="BTC", kind="option")["trades"] == []


def test_candles_are_filled_between_trades(ask: Asker, venue: OptionVenue) -> None:
    now_ms = venue.time_ns // 10**6
    chart = ask.call(
        "get_tradingview_chart_data",
        instrument_name=PERPETUAL,
        start_timestamp=now_ms - 600_000,
        end_timestamp=now_ms + 600_000,
        resolution="1",
    )
    columns = ("ticks", "open", "high", "low", "close", "volume", "cost")
    assert {len(chart[name]) for name in columns} == {len(chart["ticks"])}
    assert chart["status"] == "ok"
    assert chart["ticks"] == sorted(set(chart["ticks"]))
    assert sum(chart["volume"]) == Decimal("0.003")
    assert (chart["high"][0], chart["low"][0]) == (60_010, 59_990)
    span = {"start_timestamp": 0, "end_timestamp": 1, "resolution": "1D"}
    empty = ask.call("get_tradingview_chart_data", instrument_name=PERPETUAL, **span)
    assert empty["status"] == "no_data"
    assert empty["ticks"] == []


def test_funding_is_told_by_the_hour() -> None:
    with OptionVenue(lambda released: None) as venue:
        ask = Asker(venue.observer)
        venue.surface(INDEX)
        start_ns, step_ns = venue.time_ns, 4 * 10**9
        times = range(start_ns + step_ns, start_ns + 3_640 * 10**9, step_ns)
        beats = [venue.oracle.heartbeat(time_ns) for time_ns in times]
        venue.send(*beats, after_ns=times[-1] - start_ns)
        now_ms = venue.time_ns // 10**6
        span = {"instrument_name": PERPETUAL, "start_timestamp": 0, "end_timestamp": now_ms}
        (hour,) = ask.call("get_funding_rate_history", **span)
        assert hour["timestamp"] % 3_600_000 == 0
        assert hour["interest_8h"] == Decimal("0.0001")
        assert hour["interest_1h"] == Decimal("0.0000125")
        assert ask.call("get_funding_rate_value", **span) == Decimal("0.0000125")
        chart = ask.call("get_funding_chart_data", instrument_name=PERPETUAL, length="24h")
        assert chart["data"] == [
            {
                "timestamp": hour["timestamp"],
                "index_price": 60_000,
                "interest_8h": Decimal("0.0001"),
            }
        ]
        ticker = ask.call("ticker", instrument_name=PERPETUAL)
        assert ticker["funding_8h"] == Decimal("0.0000125")


def test_what_else_there_is(ask: Asker, venue: OptionVenue) -> None:
    assert ask.call("get_time") == venue.time_ns // 10**6
    assert ask.call("status") == {"locked": "false", "locked_indices": []}
    assert ask.call("get_index_price", index_name="btc_usdc")["index_price"] == 60_000
    assert ask.call("get_index_price", index_name="btc_usd")["index_price"] == 60_000
    assert ask.call("get_index_price_names") == ["btc_usdc"]
    assert ask.call("get_expirations", currency="BTC") == {
        "future": ["25DEC26", "PERPETUAL"],
        "option": ["20NOV26", "25DEC26"],
    }
    assert ask.call("get_contract_size", instrument_name=CALL) == {"contract_size": Decimal("0.01")}
    (volumes,) = ask.call("get_trade_volumes")
    assert volumes["futures_volume"] == Decimal("0.003")
    assert ask.call("get_delivery_prices", index_name="btc_usdc") == {
        "data": [],
        "records_total": 0,
    }


def test_an_expired_instrument_and_its_delivery_price() -> None:
    with OptionVenue(lambda released: None) as venue:
        ask = Asker(venue.observer)
        venue.surface(INDEX)
        venue.expire()
        expired = ask.call("get_instruments", expired=True)
        assert [one["state"] for one in expired] == ["closed", "closed"]
        assert not any(one["is_active"] for one in expired)
        assert len(ask.call("get_instruments")) == 5
        ticker = ask.call("ticker", instrument_name=expired[0]["instrument_name"])
        assert ticker["delivery_price"] == 60_000
        page = ask.call("get_delivery_prices", index_name="btc_usdc")
        assert page["data"] == [{"date": "2026-11-20", "delivery_price": 60_000}]


@pytest.mark.parametrize(
    ("name", "params", "code", "field", "hint"),
    [
        ("ticker", {"instrument_name": "BTC_USDC-PERPETUA"}, 13020, "instrument_name", PERPETUAL),
        ("get_order_book", {"instrument_name": PERPETUAL, "depth": 0}, -32602, "depth", "1"),
        ("get_order_book", {"instrument_name": PERPETUAL, "depth": "5"}, -32602, "depth", "int"),
        ("get_order_book_by_instrument_id", {"instrument_id": 99}, 13020, "instrument_id", ""),
        ("get_instruments", {"currency": "GOLD"}, -32602, "currency", "BTC, USDC"),
        ("get_instruments", {"kind": "swap"}, -32602, "kind", "future"),
        ("get_instruments", {"colour": "red"}, -32602, "colour", "currency"),
        ("get_index_price", {"index_name": "doge"}, -32602, "index_name", "btc_usdc"),
        (
            "get_last_trades_by_instrument",
            {"instrument_name": PERPETUAL, "count": 1_001},
            -32602,
            "count",
            "1000",
        ),
        (
            "get_last_trades_by_instrument",
            {"instrument_name": PERPETUAL, "start_seq": 3, "end_seq": 2},
            -32602,
            "start_seq",
            "end_seq 2",
        ),
        (
            "get_last_trades_by_instrument_and_time",
            {"instrument_name": PERPETUAL, "start_timestamp": 2, "end_timestamp": 1},
            -32602,
            "start_timestamp",
            "end_timestamp 1",
        ),
        (
            "get_last_trades_by_currency",
            {"currency": "BTC", "start_id": "7"},
            -32602,
            "start_id",
            "1234-0",
        ),
        (
            "get_funding_rate_value",
            {"instrument_name": CALL, "start_timestamp": 0, "end_timestamp": 1},
            -32602,
            "instrument_name",
            "perpetual",
        ),
        (
            "get_tradingview_chart_data",
            {
                "instrument_name": PERPETUAL,
                "start_timestamp": 0,
                "end_timestamp": 1,
                "resolution": "7",
            },
            -32602,
            "resolution",
            "15",
        ),
    ],
)
def test_what_is_refused_names_the_field_and_what_to_do(
    ask: Asker, name: str, params: dict[str, Any], code: int, field: str, hint: str
) -> None:
    error = ask.error(name, **params)
    assert (error.code, error.field) == (code, field), f"{error}"
    assert hint in f"{error.reason} {error.hint}", f"{error}"


def test_a_time_beyond_all_times_means_no_end(ask: Asker) -> None:
    last = 9_999_999_999_999
    span = {"instrument_name": PERPETUAL, "start_timestamp": 0, "end_timestamp": last}
    now_ms = ask.context.service.now_ns() // 10**6
    same = {**span, "end_timestamp": now_ms + 1}
    for name in ("get_funding_rate_value", "get_funding_rate_history"):
        assert ask.call(name, **span) == ask.call(name, **same)
    trades = "get_last_trades_by_instrument_and_time"
    assert ask.call(trades, **span)["trades"] == ask.call(trades, **same)["trades"]
    assert ask.call(trades, **{**span, "start_timestamp": last})["trades"] == []
    chart = ask.call("get_tradingview_chart_data", **span, resolution="60")
    assert chart == ask.call("get_tradingview_chart_data", **same, resolution="60")
    error = ask.error(trades, **{**span, "end_timestamp": 1 << 53})
    assert (error.code, error.field) == (-32602, "end_timestamp")
