"""`merkat book`, `positions`, `account show` and `doctor`: what people see."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from merkat.cli import _account, _common, book, doctor, positions
from merkat.cli._client import Connection
from tests.unit.cli.asked import asked

NAME = "BTC_USDC-PERPETUAL"
BOOK: dict[str, Any] = {
    "instrument_name": NAME,
    "bids": [[Decimal("59990.5"), Decimal("1.5")], [Decimal(59_990), Decimal(3)]],
    "asks": [[Decimal("60010.5"), Decimal("0.75")]],
    "mark_price": Decimal("60000.25"),
    "index_price": Decimal(60_001),
    "last_price": None,
    "open_interest": Decimal(4),
    "change_id": 77,
    "current_funding": Decimal("0.0001"),
    "funding_8h": Decimal("0.0002"),
}
SUMMARY: dict[str, Any] = {
    "currency": "USDC",
    "equity": Decimal(1_000),
    "balance": Decimal(1_000),
    "initial_margin": Decimal(130),
    "maintenance_margin": Decimal(100),
    "available_funds": Decimal(870),
    "available_withdrawal_funds": Decimal(870),
    "margin_model": "cross_sm",
}
POSITION: dict[str, Any] = {
    "instrument_name": NAME,
    "size": Decimal("-0.5"),
    "average_price": Decimal(60_000),
    "mark_price": Decimal(61_000),
    "floating_profit_loss": Decimal(-500),
    "delta": Decimal("-0.5"),
}


def test_a_book_is_a_ladder(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = asked(monkeypatch, {"public/get_order_book": BOOK})
    assert book.command(NAME, depth=5) == 0
    assert gateway.private == [False], "a book is public"
    printed = capsys.readouterr().out
    lines = [line for line in printed.splitlines() if "█" in line]
    assert ["60,010.5" in lines[0], "59,990.5" in lines[1]] == [True, True], "asks above bids"
    assert lines[2].count("█") > lines[1].count("█") > lines[0].count("█"), "bars show amounts"
    assert "mark 60,000.25" in printed
    assert book.command(NAME, json=True) == 0
    found = json.loads(capsys.readouterr().out, parse_float=Decimal)
    assert found["bids"][0] == ["59990.5", Decimal("1.5")]
    assert found["mark_price"] == "60000.25"


def test_an_empty_side_and_an_option_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    option = {
        "bids": [],
        "asks": [],
        "mark_iv": Decimal("55.5"),
        "greeks": {"delta": Decimal("0.51234")},
    }
    asked(monkeypatch, {"public/get_order_book": BOOK | option})
    assert book.command(NAME) == 0
    printed = capsys.readouterr().out
    assert printed.count("nobody") == 2
    assert "delta 0.51234" in printed


@pytest.mark.parametrize("depth", [0, 101])
def test_a_depth_out_of_bounds_is_never_sent(monkeypatch: pytest.MonkeyPatch, depth: int) -> None:
    gateway = asked(monkeypatch, {})
    assert book.command(NAME, depth=depth) == _common.USAGE
    assert gateway.calls == []


def test_positions_have_the_account_above_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    flat = POSITION | {"size": Decimal(0), "instrument_name": "BTC_USDC-25DEC26"}
    asked(
        monkeypatch,
        {"private/get_account_summary": SUMMARY, "private/get_positions": [POSITION, flat]},
    )
    assert positions.command() == 0
    printed = capsys.readouterr().out
    assert "10.0 % of equity" in printed
    assert "short 0.5 at 60,000, mark 61,000, -500.00" in printed
    assert "delta -0.5000" in printed
    assert max(map(len, printed.splitlines())) <= 80, "it fits a terminal"
    assert "25DEC26" not in printed, "what is flat is no position"
    assert positions.command(json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["count"] == 1
    assert found["summary"]["equity"] == "1000"


def test_the_gauge_of_an_account() -> None:
    assert positions.gauge(Decimal(50), Decimal(100)).count("█") == positions.GAUGE_CELLS // 2
    assert positions.gauge(Decimal(500), Decimal(100)).count("░") == 0, "never more than full"
    assert positions.gauge(Decimal(1), Decimal(-1)) == "no equity: bankrupt"
    assert positions.gauge(Decimal(0), Decimal(0)) == "empty"


def test_an_account_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = SUMMARY | {"currency": "BTC", "equity": Decimal(0), "balance": Decimal(0)}
    asked(monkeypatch, {"private/get_account_summaries": {"summaries": [SUMMARY, empty]}})
    assert _account.show() == 0
    printed = capsys.readouterr().out
    assert "870.00 USDC" in printed
    assert "BTC" not in printed, "a currency that nothing is held in is left out"
    assert _account.show(json=True) == 0
    assert json.loads(capsys.readouterr().out)["summaries"][0]["margin_model"] == "cross_sm"


def test_the_doctor_looks_at_the_machine(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert doctor.command(data=tmp_path, json=True) in (0, 1)
    found = json.loads(capsys.readouterr().out)
    by_name = {check["name"]: check for check in found["checks"]}
    assert set(by_name) == {
        "python",
        "core",
        "libraries",
        "open files",
        "port",
        "disk",
        "gateway",
    }
    assert by_name["core"]["good"], by_name["core"]
    assert found["good"] == all(check["good"] for check in found["checks"])


def test_the_doctor_says_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    nobody = Connection(url="http://127.0.0.1:1")
    assert doctor.command(data=tmp_path / "absent", connection=nobody) == _common.CHECK_SAID_NO
    printed = capsys.readouterr().out
    assert "BAD   disk" in printed
    assert "--data DIR" in printed
    assert "BAD   gateway" in printed
    assert "merkat gateway" in printed


def test_a_taken_port_is_bad() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        finding = doctor.free_port(taken.getsockname()[1])
    assert not finding.good
    assert "--port" in finding.advice
    assert not doctor.free_port(99_999).good, "no port has this number"
    assert doctor.free_port(0).good


def test_a_clock_that_differs_is_bad() -> None:
    assert doctor._clock(40, 3).good
    assert not doctor._clock(-5_000, 3).good
    assert "NTP" in doctor._clock(-5_000, 3).advice
