"""How the commands name a gateway, read numbers and tell refusals."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from merkat.api.client import RpcError
from merkat.cli import _client, _common
from merkat.cli._client import Connection


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8080", "ws://127.0.0.1:8080/ws/api/v2"),
        ("http://127.0.0.1:8080/", "ws://127.0.0.1:8080/ws/api/v2"),
        ("https://venue.example/api/v2", "wss://venue.example/ws/api/v2"),
        ("ws://127.0.0.1:8080/ws/api/v2", "ws://127.0.0.1:8080/ws/api/v2"),
    ],
)
def test_every_url_that_a_venue_prints_is_understood(url: str, expected: str) -> None:
    assert Connection(url=url).ws_url() == expected


@pytest.mark.parametrize("url", [None, "ftp://x", "127.0.0.1:8080", "http://", "http://x/other"])
def test_a_url_that_is_none_is_a_usage_error(url: str | None) -> None:
    with pytest.raises(_common.CommandError, match="--url") as refusal:
        Connection(url=url).ws_url()
    assert refusal.value.exit_code == _common.USAGE


def test_credentials_come_from_options_or_from_a_keys_file(tmp_path: Path) -> None:
    assert Connection(client_id="a", client_secret="b").credentials() == ("a", "b")
    keys = tmp_path / "keys.json"
    clients = [{"client_id": name, "client_secret": f"s-{name}"} for name in ("one", "two")]
    keys.write_text(json.dumps({"clients": clients}))
    assert Connection(keys=keys).credentials() == ("one", "s-one")
    assert Connection(keys=keys, client_id="two").credentials() == ("two", "s-two")
    with pytest.raises(_common.CommandError, match="this file has one, two"):
        Connection(keys=keys, client_id="three").credentials()
    with pytest.raises(_common.CommandError, match="MERKAT_CLIENT_ID"):
        Connection(client_id="a").credentials()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"clients": [{}]}', '{"clients": 1}'])
def test_a_file_that_holds_no_keys_is_refused(tmp_path: Path, content: str) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(content)
    with pytest.raises(_common.CommandError, match="not a keys file") as refusal:
        Connection(keys=keys).credentials()
    assert refusal.value.exit_code == _common.REFUSED_INPUT


def test_numbers_are_read_exactly() -> None:
    assert _client.number("60_000.10", "--price") == Decimal("60000.10")
    assert _client.number("1,000", "AMOUNT") == Decimal(1000)
    for text in ("NaN", "Infinity", "1e3", "", "x", "0x10"):
        with pytest.raises(_common.CommandError, match="expected a decimal number"):
            _client.number(text, "AMOUNT")


def test_numbers_are_shown_whole() -> None:
    assert _client.shown(Decimal("60000.10")) == "60,000.1"
    assert _client.shown(Decimal("1E+3")) == "1,000"
    assert _client.shown(Decimal("0.00000001")) == "0.00000001"
    assert _client.shown(Decimal("2.345"), 2) == "2.34"
    assert _client.shown(None) == "-"
    assert _client.shown("market_price") == "market_price"


def test_a_refusal_names_the_field_and_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"param": "price", "reason": "price is off the tick", "hint": "round it yourself"}

    def body() -> int:
        raise RpcError(10043, "price_wrong_tick", data)

    assert _client.guarded(True, body) == _common.REFUSED_INPUT
    printed = capsys.readouterr()
    assert printed.err == (
        "merkat: refused: price_wrong_tick (10043); price is off the tick; round it yourself\n"
    )
    assert json.loads(printed.out)["error"] == {
        "code": 10043,
        "message": "price_wrong_tick",
        "data": data,
    }
    assert _client.guarded(False, body) == _common.REFUSED_INPUT
    assert capsys.readouterr().out == "", "without --json nothing stands on stdout"


def test_a_field_is_named_once() -> None:
    data = {"param": "post_only", "reason": "it would have traded", "hint": ""}
    assert _client.refusal_text(11054, "post_only_reject", data) == (
        "refused: post_only_reject (11054); post_only: it would have traded"
    )
    assert _client.refusal_text(10001, "error", None) == "refused: error (10001)"


def test_nobody_listening_is_the_environment(capsys: pytest.CaptureFixture[str]) -> None:
    async def body(_: Any) -> None:
        raise AssertionError("nobody was there")

    def run() -> int:
        _client.ask(Connection(url="http://127.0.0.1:1"), body, private=False)
        return 0

    assert _client.guarded(False, run) == _common.ENVIRONMENT
    assert "nobody answers" in capsys.readouterr().err


def test_money_is_text_and_amounts_are_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    answer = {
        "price": Decimal("60000.10"),
        "amount": Decimal("0.1"),
        "fee": 0,
        "filled_amount": 1,
        "trades": [{"price": Decimal(5), "post_only": False}],
        "session_upl": Decimal("-1.5"),
        "total_pl": 2,
        "available_subaccount_transfer_funds": Decimal(7),
        "fees": [{"maker_fee": Decimal("0.0005")}],
        "delta": Decimal("0.5"),
        "label": "fee",
    }
    _client.print_json(answer)
    assert json.loads(capsys.readouterr().out, parse_float=Decimal) == {
        "price": "60000.10",
        "amount": Decimal("0.1"),
        "fee": "0",
        "filled_amount": 1,
        "trades": [{"price": "5", "post_only": False}],
        "session_upl": "-1.5",
        "total_pl": "2",
        "available_subaccount_transfer_funds": "7",
        "fees": [{"maker_fee": Decimal("0.0005")}],
        "delta": Decimal("0.5"),
        "label": "fee",
    }
