"""A desk: what it asks, how it reads answers, what it sends, which refusals are part of trading."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from merkat.api.client import RpcError
from merkat.bots.desk import Desk
from merkat.bots.dialect import (
    BUY,
    NEVER_MS,
    SELL,
    Cancel,
    Edit,
    Instrument,
    Order,
    Place,
    Position,
    Quote,
)

PERPETUAL = "BTC_USDC-PERPETUAL"
ORDER = {
    "order_id": "0a",
    "instrument_name": PERPETUAL,
    "direction": "buy",
    "price": Decimal("99980.5"),
    "amount": Decimal("0.5"),
    "filled_amount": Decimal("0.1"),
    "label": "buy-0.17",
}


class Recorded:
    """An API that answers what a test says and remembers what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        self.asked.append((method, params))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_instruments_with_their_ticks() -> None:
    api = Recorded(
        [
            {
                "instrument_name": PERPETUAL,
                "kind": "future",
                "settlement_period": "perpetual",
                "tick_size": Decimal("0.5"),
                "tick_size_steps": [],
                "min_trade_amount": Decimal("0.001"),
                "expiration_timestamp": 32_503_708_800_000,
            },
            {
                "instrument_name": "BTC_USDC-25DEC26-100000-C",
                "kind": "option",
                "settlement_period": "month",
                "tick_size": Decimal(1),
                "tick_size_steps": [{"above_price": Decimal(100), "tick_size": Decimal(5)}],
                "min_trade_amount": Decimal("0.01"),
                "expiration_timestamp": 1_798_185_600_000,
            },
        ]
    )
    found = asyncio.run(Desk(api).instruments())
    perpetual, option = found[PERPETUAL], found["BTC_USDC-25DEC26-100000-C"]
    assert perpetual.expiry_ms == NEVER_MS
    assert option.expiry_ms == 1_798_185_600_000
    assert [option.tick(Decimal(price)) for price in (1, 99, 100, 5_000)] == [1, 1, 5, 5]
    assert api.asked == [("public/get_instruments", {"currency": "USDC"})]


@pytest.mark.parametrize(
    ("price", "side", "rounded"),
    [("101.2", BUY, "100"), ("101.2", SELL, "105"), ("99.5", BUY, "99"), ("0.2", BUY, "1")],
)
def test_prices_are_rounded_away_from_the_middle(price: str, side: str, rounded: str) -> None:
    ticks = ((Decimal(0), Decimal(1)), (Decimal(100), Decimal(5)))
    option = Instrument("A", "option", ticks, Decimal("0.01"))
    assert option.on_tick(Decimal(price), side) == Decimal(rounded)


def test_amounts_are_whole_lots() -> None:
    option = Instrument("A", "option", ((Decimal(0), Decimal(1)),), Decimal("0.01"))
    assert option.lots(Decimal("0.1299")) == Decimal("0.12")


def test_quotes_of_a_ticker_and_of_a_summary() -> None:
    ticker = {"instrument_name": "A", "mark_price": 5, "best_bid_price": 4, "best_ask_price": None}
    summary = {"instrument_name": "B", "mark_price": 9, "bid_price": None, "ask_price": 10}
    unmarked = {"instrument_name": "C", "mark_price": None}
    api = Recorded(ticker, [unmarked, summary])
    assert asyncio.run(Desk(api).quote("A")) == Quote("A", Decimal(5), Decimal(4), None)
    assert asyncio.run(Desk(api).option_quotes()) == [Quote("B", Decimal(9), None, Decimal(10))]


def test_orders_and_positions() -> None:
    flat = {"instrument_name": "B", "size": Decimal(0), "delta": Decimal(0)}
    held = {"instrument_name": "A", "size": Decimal("-2"), "delta": Decimal("-0.9")}
    api = Recorded([ORDER], [held, flat])
    [order] = asyncio.run(Desk(api).orders(PERPETUAL))
    assert (order.left, order.purpose) == (Decimal("0.4"), "buy-0")
    assert asyncio.run(Desk(api).positions()) == [Position("A", Decimal("-2"), Decimal("-0.9"))], (
        "a flat position is none"
    )


def sent(desk: Desk, *wants: Place | Edit | Cancel) -> None:
    asyncio.run(desk.send(wants))


def test_what_is_sent() -> None:
    api = Recorded({"order": ORDER, "trades": [{}, {}]}, {"order": ORDER, "trades": []}, {}, ORDER)
    order = Order.of(ORDER)
    desk = Desk(api)
    sent(
        desk,
        Place(PERPETUAL, BUY, Decimal("0.5")),
        Place(PERPETUAL, SELL, Decimal("0.5"), Decimal(9), post_only=True, label="sell-0"),
        Edit(order, Decimal("0.6"), Decimal(8)),
        Cancel(order),
    )
    assert api.asked == [
        ("private/buy", {"instrument_name": PERPETUAL, "amount": Decimal("0.5"), "type": "market"}),
        (
            "private/sell",
            {
                "instrument_name": PERPETUAL,
                "amount": Decimal("0.5"),
                "type": "limit",
                "price": Decimal(9),
                "post_only": True,
                "reject_post_only": True,
                "label": "sell-0.2",
            },
        ),
        ("private/edit", {"order_id": "0a", "amount": Decimal("0.6"), "price": Decimal(8)}),
        ("private/cancel", {"order_id": "0a"}),
    ]
    assert (desk.sent, desk.trades) == (4, 2)


def test_labels_differ_so_that_no_order_is_taken_for_an_older_one() -> None:
    api = Recorded({}, {})
    want = Place(PERPETUAL, BUY, Decimal("0.5"), Decimal(9), label="buy-0")
    sent(Desk(api), want, want)
    assert [params["label"] for _, params in api.asked] == ["buy-0.1", "buy-0.2"]


@pytest.mark.parametrize("code", [10009, 10028, 10040, 11044, 11051, 11054, 13021, 13888])
def test_refusals_of_trading_are_counted_and_the_bot_goes_on(code: int) -> None:
    want = Place(PERPETUAL, BUY, Decimal("0.5"), Decimal(9), post_only=True)
    desk = Desk(Recorded(RpcError(code, "refused", None), {"trades": [{}]}))
    sent(desk, want, want)
    assert desk.refused == {code: 1}
    assert desk.trades == 1, "what follows a refusal is sent all the same"


@pytest.mark.parametrize("code", [-32602, 10043, 13009])
def test_errors_of_the_bot_itself_are_raised(code: int) -> None:
    want = Place(PERPETUAL, BUY, Decimal("0.5"), Decimal(9))
    with pytest.raises(RpcError, match=str(code)):
        sent(Desk(Recorded(RpcError(code, "refused", None))), want)
