"""Flows with recorded option chains and with the recorded futures flow."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from merkat.cli import flow
from merkat.flow import chain_market
from merkat.sdk import commands
from tests.scenarios.test_flow import assert_whole, last_object

CHAINS = Path("market/deribit_chains")
MARKET_FILE = Path("market/orderflow/bitstamp-btcusd-l3-20150501.orders.csv.xz")
FUTURES_FILE = Path("market/orderflow/cme-es-mbo-20231225.dbn.zst")
CALM, HELD, CRASH = "20260120T092708Z", "20260204T093620Z", "20260205T212937Z"
BEFORE_EIGHT, AFTER_EIGHT = "20260205T042952Z", "20260205T093647Z"


def folder_of(data: Path, place: Path, *times: str) -> Path:
    """Return a folder with some of the snapshots, and the perpetuals' prices."""
    place.mkdir()
    names = [f"deribit_options_snapshot_{time}.csv.gz" for time in times]
    for name in (*names, "perpetual_futures_prices.csv.gz"):
        (place / name).symlink_to(data / CHAINS / name)
    return place


def test_calm_and_crash_with_an_eight_o_clock(
    merkat_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    times = (CALM, HELD, BEFORE_EIGHT, AFTER_EIGHT, CRASH)
    folder = folder_of(merkat_data, tmp_path / "chains", *times)
    assert flow.command(chains=folder, json=True) == 0
    result: dict[str, Any] = last_object(capsys)
    assert_whole(result)
    assert result["listed_share"] >= 0.95
    assert result["wrongful_liquidations"] == 0
    assert result["judged"] >= result["liquidations"] > 0, "each forced step is judged"
    assert result["float_deviation"] < 1e-6, "floats and integers saw the same accounts"
    assert result["expiry_cash_sum"] == -result["expiry_fees"] < 0
    assert result["conservation"] is True
    assert result["delivered_by_samples"] == 2, "both coins were delivered by their 1,800 samples"
    assert result["delivered_by_timelock"] > 0, "what expired in the gaps came by the timelock"
    assert max(result["epochs_by_group"].values()) <= 80
    assert result["heartbeats"] > 1_700
    assert set(map(type, result["funds"].values())) == {int}
    calm, held, *_ = result["sessions"]
    assert (calm["gap_s"], calm["halted_orders"]) == (0.0, 0)
    assert held["gap_s"] > 14 * 86_400
    assert held["halted_orders"] == 2, "an order into each silent group was refused"
    assert held["held_vectors"] == 4, "an index jump above a tenth is held until three agree"


def test_canary_a_venue_that_liquidates_too_early_is_caught(
    merkat_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The judge expects half the margin that the venue asks for: entries are wrong then."""
    group_of = chain_market.float_group

    def lenient(place: int) -> Any:
        group = group_of(place)
        scalars = group.risk_set.scalars
        halved = replace(scalars, maintenance_factor=scalars.maintenance_factor // 2)
        risk_set = replace(group.risk_set, scalars=halved)
        return replace(group, risk_set=risk_set, maintenance_rate=group.maintenance_rate / 2)

    monkeypatch.setattr(chain_market, "float_group", lenient)
    folder = folder_of(merkat_data, tmp_path / "chains", BEFORE_EIGHT, CRASH)
    assert flow.command(chains=folder, limit=2, spec=False, json=True) == 1
    output = capsys.readouterr()
    result = json.loads(output.out.splitlines()[-1])
    assert result["wrongful_liquidations"] > 0
    assert result["conservation"] is True, "only the one claim is broken"
    assert "does not hold: wrongful liquidations" in output.err


def test_canary_a_row_that_is_refused_is_named_with_its_rule(
    merkat_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Strikes between whole 5,000 USD are asked for off the quantum: I-23."""
    original: Callable[..., bytes] = commands.list_dated

    def off_quantum(*arguments: Any, **named: Any) -> bytes:
        if named.get("strike", 0) % 5_000_000_000:
            named["strike"] += 1
        return original(*arguments, **named)

    monkeypatch.setattr(commands, "list_dated", off_quantum)
    folder = folder_of(merkat_data, tmp_path / "chains", CALM)
    assert flow.command(chains=folder, limit=1, spec=False, json=True) == 1
    output = capsys.readouterr()
    result = json.loads(output.out.splitlines()[-1])
    assert set(result["refused"].values()) == {"I-23"}
    assert all(name.split("-")[0] in ("BTC_USDC", "ETH_USDC") for name in result["refused"])
    missing = len(result["refused"])
    share = 1 - missing / result["rows_recorded"]
    assert result["listed_share"] == pytest.approx(share)
    assert share < 0.95
    assert "does not hold: listed_share" in output.err


def test_a_chain_beside_a_market_file(
    merkat_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshot = merkat_data / CHAINS / f"deribit_options_snapshot_{CALM}.csv.gz"
    path = merkat_data / MARKET_FILE
    assert flow.command(path, options=snapshot, limit=1_500, json=True) == 0
    result: dict[str, Any] = last_object(capsys)
    assert_whole(result)
    assert result["listed_share"] >= 0.95
    assert result["rows"] == 1_500
    assert result["conservation"] is True
    assert set(result["funds"]) == {"0", "1", "2"}, "the file has a group of its own"
    assert result["events"]["row"] > 1_300
    alone = flow.command(path, limit=1_500, spec=False, json=True)
    assert alone == 0
    plain: dict[str, Any] = last_object(capsys)
    assert result["trades"] > plain["trades"] > 0, "options traded beside the file"
    for reason in ("unknown_order", "below_lot", "already_filled"):
        assert result["rejected"].get(reason) == plain["rejected"].get(reason), (
            "the file is played as without options"
        )


def test_the_recorded_futures_flow_fills_as_recorded(
    merkat_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert flow.command(merkat_data / FUTURES_FILE, json=True, spec=False) == 0
    result: dict[str, Any] = last_object(capsys)
    assert_whole(result, specification=False)
    found = result["market_by_order"]
    assert (found["adds"], found["aggressions"]) == (29_216, 2_972)
    # A plain replay by price and time predicts 2,742 of them.
    assert found["aggressions_filled_as_recorded"] > 2_700
    assert 0 < result["rejected"]["would_trade"] < 100, "what crosses before the auction is refused"
    assert result["events"]["amended"] > 11_000


def test_the_specification_agrees_on_the_opening_of_the_futures_flow(
    merkat_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert flow.command(merkat_data / FUTURES_FILE, limit=14_000, json=True) == 0
    result: dict[str, Any] = last_object(capsys)
    assert_whole(result)
    assert result["rejected"]["would_trade"] > 0
    assert result["trades"] > 300
