"""Sessions from recorded chains: contracts, ticks, the index between snapshots."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from merkat.flow.chain_data import (
    CURRENCIES,
    PERPETUALS,
    IndexHistory,
    Session,
    contract_of,
    linear_contracts,
    on_tick,
    read_files,
    read_folder,
    read_perpetuals,
)
from merkat.flow.chain_flow import DAY_NS, window_of
from merkat.oracle.snapshot import Chain, OptionQuote, SnapshotError
from merkat.products.names import format_name
from tests.unit.oracle.test_snapshot import ROW, write

START = 1_770_280_192_000_000_000  # 2026-02-05 08:29:52 UTC
SECOND_NS = 10**9


def test_the_index_lies_on_straight_lines() -> None:
    history = IndexHistory([("BTC", 100, 1_000), ("BTC", 300, 2_001), ("ETH", 0, 7)])
    assert [history.at("BTC", one) for one in (100, 200, 299, 300)] == [1_000, 1_500, 1_995, 2_001]
    assert (history.at("BTC", 0), history.at("BTC", 999)) == (1_000, 2_001)
    assert history.at("ETH", 55) == 7
    with pytest.raises(KeyError):
        history.at("SOL", 0)


def test_a_row_becomes_the_linear_contract_of_the_same_terms() -> None:
    quote = OptionQuote(
        "BTC-24APR26-88000-C", True, 88_000_000_000, 1_777_017_600_000_000_000, *[1.0] * 7
    )
    assert format_name(contract_of("BTC", quote)) == "BTC_USDC-24APR26-88000-C"
    put = replace(quote, is_call=False)
    assert format_name(contract_of("ETH", put)) == "ETH_USDC-24APR26-88000-P"
    names = [format_name(one) for one in linear_contracts(Chain("BTC", START, 1, (quote,)))]
    assert names == ["BTC_USDC-PERPETUAL", "BTC_USDC-24APR26"]


@pytest.mark.parametrize(
    ("price", "up", "expected"),
    [(57.3, False, 57), (57.3, True, 58), (0.4, False, 0), (123.0, False, 120), (123.0, True, 125)],
)
def test_prices_move_to_the_tick_away_from_a_fill(price: float, up: bool, expected: int) -> None:
    """BTC options: 1 USD below 100, 5 USD from there on."""
    assert on_tick("BTC", True, price, up) == expected * 1_000_000


def quote_at(expiry_ns: int, count: int) -> list[OptionQuote]:
    return [OptionQuote(str(one), True, one, expiry_ns, *[1.0] * 7) for one in range(1, count + 1)]


def session(time_ns: int, *expiries: tuple[int, int]) -> Session:
    quotes = tuple(quote for expiry, count in expiries for quote in quote_at(expiry, count))
    return Session("x", time_ns, (Chain("BTC", time_ns, 1, quotes),), ())


def test_the_window_is_where_most_rows_expire_soon_after_a_snapshot() -> None:
    hour = 3_600 * SECOND_NS
    near, later = START + 4 * hour, START + DAY_NS + 4 * hour
    sessions = [
        session(START, (near, 3), (later, 9)),
        session(START + 5 * hour, (later, 9)),
        session(START + DAY_NS, (later, 5)),
        session(START + DAY_NS + 5 * hour),
    ]
    assert window_of(sessions) == later
    assert window_of(sessions[:3]) == near
    assert window_of(sessions[:1]) is None, "no window without a session behind it"
    assert window_of([sessions[0], sessions[3]]) == near, "a day later nobody knows the surface"


def test_perpetual_prices_are_read_by_file_and_coin(tmp_path: Path) -> None:
    path = tmp_path / PERPETUALS
    text = (
        "snapshot_file,obs_datetime,coin,perp_futures_mark_price\n"
        "a.csv,2026-02-05T08:29:52+00:00,BTC,63700.5\n"
    )
    path.write_bytes(gzip.compress(text.encode()))
    assert read_perpetuals(path) == {("a.csv", "BTC"): (START, 63_700_500_000)}
    path.write_bytes(gzip.compress(text.replace("63700.5", "x").encode()))
    with pytest.raises(SnapshotError, match="line 2"):
        read_perpetuals(path)
    path.write_bytes(gzip.compress(b"a,b\n"))
    with pytest.raises(SnapshotError, match="no column 'snapshot_file'"):
        read_perpetuals(path)


def test_a_folder_without_chains_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="expected recorded option chains"):
        read_folder(tmp_path)
    lone = write(tmp_path / "deribit_options_snapshot_a.csv.gz", ROW)
    with pytest.raises(SnapshotError):
        read_files([lone])


def test_the_recorded_folder_gives_thirteen_sessions(merkat_data: Path) -> None:
    found = read_folder(merkat_data / "market" / "deribit_chains")
    assert len(found.sessions) == 13
    times = [one.time_ns for one in found.sessions]
    assert times == sorted(times)
    for one in found.sessions:
        for currency, chain, calibration in zip(
            CURRENCIES, one.chains, one.calibrations, strict=True
        ):
            assert found.history.at(currency, one.time_ns) == chain.index
            assert abs(calibration.basis) <= 5_000_000
    crash = found.sessions[6].calibrations[0]
    assert crash.vol > 1.2 * crash.vol_mean, "the crash stands above the mean of its month"
    assert window_of(found.sessions) == 1_770_364_800_000_000_000, "6 February 2026, 08:00 UTC"
