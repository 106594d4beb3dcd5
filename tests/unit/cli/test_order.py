"""`merkat order`: what it asks the gateway, what it prints, and what it refuses by itself."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from merkat.api.client import RpcError
from merkat.cli import order
from merkat.cli.order import Terms
from tests.unit.cli.asked import asked

NAME = "BTC_USDC-PERPETUAL"
ORDER: dict[str, Any] = {
    "order_id": "00aa",
    "instrument_name": NAME,
    "direction": "buy",
    "price": Decimal("60000.5"),
    "amount": Decimal("0.1"),
    "filled_amount": Decimal(0),
    "average_price": Decimal(0),
    "order_state": "open",
    "label": "mine",
    "creation_timestamp": 1_795_262_400_000,
}


def test_a_limit_order_is_asked_for_exactly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = asked(monkeypatch, {"private/buy": {"order": ORDER, "trades": []}})
    terms = Terms(price="60000.5", label="mine", post_only=True)
    assert order.buy(NAME, "0.1", terms=terms, json=True) == 0
    assert gateway.private == [True]
    assert gateway.calls == [
        (
            "private/buy",
            {
                "instrument_name": NAME,
                "amount": Decimal("0.1"),
                "type": "limit",
                "price": Decimal("60000.5"),
                "time_in_force": "good_til_cancelled",
                "label": "mine",
                "post_only": True,
                "reject_post_only": True,
            },
        )
    ]
    assert json.loads(capsys.readouterr().out)["order"]["price"] == "60000.5"


def test_without_a_price_it_is_a_market_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trade = {
        "amount": Decimal("0.1"),
        "price": Decimal(60_000),
        "fee": Decimal(3),
        "fee_currency": "USDC",
    }
    filled = ORDER | {"order_state": "filled", "price": "market_price"}
    gateway = asked(monkeypatch, {"private/sell": {"order": filled, "trades": [trade]}})
    assert order.sell(NAME, "0.1", terms=Terms(reduce_only=True)) == 0
    _, parameters = gateway.calls[0]
    assert parameters["type"] == "market"
    assert parameters["reduce_only"] is True
    assert "price" not in parameters
    printed = capsys.readouterr().out
    assert "traded 0.1 at 60,000, fee 3 USDC" in printed
    assert printed.startswith("filled     buy 0.1 BTC_USDC-PERPETUAL at market_price")


@pytest.mark.parametrize("amount", ["NaN", "1e3", "much"])
def test_an_amount_that_is_no_number_is_never_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], amount: str
) -> None:
    gateway = asked(monkeypatch, {})
    assert order.buy(NAME, amount) == 2
    assert gateway.calls == []
    assert "AMOUNT" in capsys.readouterr().err


def test_a_refusal_is_exit_code_3(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refusal = RpcError(10009, "not_enough_funds", {"reason": "too little", "hint": "deposit"})
    asked(monkeypatch, {"private/buy": refusal})
    assert order.buy(NAME, "1") == 3
    assert "not_enough_funds (10009); too little; deposit" in capsys.readouterr().err


def test_one_way_to_cancel_must_be_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = asked(
        monkeypatch,
        {
            "private/cancel": ORDER,
            "private/cancel_by_label": Decimal(2),
            "private/cancel_all": 3,
            "private/cancel_all_by_instrument": 1,
        },
    )
    assert order.cancel() == 2
    assert order.cancel("00aa", label="mine") == 2
    assert gateway.calls == []
    capsys.readouterr()
    assert order.cancel("00aa", json=True) == 0
    assert json.loads(capsys.readouterr().out)["cancelled"] == 1
    for options, count in (
        ({"label": "mine"}, 2),
        ({"all_orders": True}, 3),
        ({"instrument": NAME}, 1),
    ):
        assert order.cancel(json=True, **options) == 0
        assert json.loads(capsys.readouterr().out) == {"cancelled": count}
    assert [method for method, _ in gateway.calls] == [
        "private/cancel",
        "private/cancel_by_label",
        "private/cancel_all",
        "private/cancel_all_by_instrument",
    ]


def test_orders_are_listed_open_or_closed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = asked(
        monkeypatch,
        {
            "private/get_open_orders": [ORDER],
            "private/get_open_orders_by_instrument": [],
            "private/get_order_history_by_currency": [ORDER],
            "private/get_order_history_by_instrument": [ORDER],
        },
    )
    assert order.list_orders(json=True) == 0
    assert json.loads(capsys.readouterr().out)["count"] == 1
    assert order.list_orders(instrument=NAME) == 0
    assert capsys.readouterr().out == "no order\n"
    assert order.list_orders(history=True) == 0
    assert order.list_orders(history=True, instrument=NAME, count=5) == 0
    assert gateway.calls[-1][1]["count"] == 5
    assert order.list_orders(history=True, count=0) == 2


def test_an_order_is_shown_by_id_or_label(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = asked(
        monkeypatch,
        {"private/get_order_state": ORDER, "private/get_order_state_by_label": []},
    )
    assert order.show("00aa", json=True) == 0
    assert json.loads(capsys.readouterr().out)["orders"][0]["order_id"] == "00aa"
    assert order.show(label="mine") == 0
    assert capsys.readouterr().out == "no order\n"
    assert gateway.calls[-1][1] == {"currency": "any", "label": "mine"}
    assert order.show() == 2


def test_an_edit_names_amount_and_price(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = asked(monkeypatch, {"private/edit": {"order": ORDER, "trades": []}})
    assert order.edit("00aa", amount="0.05", price="60000") == 0
    assert gateway.calls == [
        (
            "private/edit",
            {"order_id": "00aa", "amount": Decimal("0.05"), "price": Decimal(60_000)},
        )
    ]


def test_an_order_is_two_lines_that_fit_a_terminal() -> None:
    assert order.described(ORDER) == (
        "open       buy 0.1 BTC_USDC-PERPETUAL at 60,000.5",
        "           id 00aa  of 12:00:00 UTC  label mine",
    )
    partly = {"filled_amount": Decimal("0.05"), "average_price": Decimal(60_000)}
    market = {"order_type": "market", "price": Decimal(61_800), "label": ""}
    first, second = order.described(ORDER | partly | market)
    assert first == (
        "open       buy 0.1 BTC_USDC-PERPETUAL at market (not beyond 61,800), 0.05 filled at 60,000"
    )
    assert second == "           id 00aa  of 12:00:00 UTC"
