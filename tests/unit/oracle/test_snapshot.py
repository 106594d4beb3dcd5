"""Recorded option chains: what is read, and what is refused with line and column."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from merkat.oracle import snapshot
from merkat.oracle.snapshot import COLUMNS, SnapshotError

ROW = {
    "timestamp": "2026-02-05T21:29:37.885165+00:00",
    "instrument_name": "BTC-24APR26-88000-C",
    "underlying": "64195.93",
    "option_type": "call",
    "strike": "88000.0",
    "expiry_datetime": "2026-04-24T08:00:00+00:00",
    "bid_price": "0.0185",
    "ask_price": "0.02",
    "mark_price": "0.020192",
    "futures_price": "64200.5",
    "implied_volatility": "0.5988",
    "delta": "0.15732",
    "open_interest": "226.4",
    "currency": "BTC",
    "index_price": "63718.97",
}


def write(path: Path, *rows: dict[str, str], columns: tuple[str, ...] = COLUMNS) -> Path:
    """Write a snapshot of these rows."""
    lines = [",".join(columns)] + [",".join(row[name] for name in columns) for row in rows]
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    return path


def test_a_row_is_read_in_the_units_of_the_venue(tmp_path: Path) -> None:
    chains = snapshot.read(write(tmp_path / "a.csv.gz", ROW))
    chain = chains["BTC"]
    assert chain.time_ns == 1_770_326_977_885_165_000, "the time is exact to the microsecond"
    assert chain.index == 63_718_970_000
    (quote,) = chain.quotes
    assert quote.strike == 88_000_000_000
    assert quote.is_call
    assert quote.two_sided
    assert chain.expiries() == (1_777_017_600_000_000_000,)
    assert chain.forward(quote.expiry_ns) == 64_200_500_000


def test_an_empty_future_stands_for_the_underlying_and_an_empty_side_for_nobody(
    tmp_path: Path,
) -> None:
    row = ROW | {"futures_price": "", "bid_price": "", "ask_price": "0.0"}
    (quote,) = snapshot.read(write(tmp_path / "a.csv.gz", row))["BTC"].quotes
    assert quote.forward == 64195.93, "the nearest expiries name their forward as underlying"
    assert quote.bid is None
    assert quote.ask is None, "a price of 0 is no quote"
    assert not quote.two_sided


def test_index_and_forward_are_medians(tmp_path: Path) -> None:
    rows = [
        ROW | {"index_price": index, "futures_price": forward}
        for index, forward in (("1.0", "7.0"), ("3.0", "9.0"), ("900.0", "8.0"))
    ]
    chain = snapshot.read(write(tmp_path / "a.csv.gz", *rows))["BTC"]
    assert chain.index == 3_000_000, "one bad row does not move a median"
    assert chain.forward(chain.quotes[0].expiry_ns) == 8_000_000


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("strike", "x", "strike is 'x'; expected a number"),
        ("strike", "-1", "strike is '-1'; expected a positive number"),
        ("implied_volatility", "nan", "expected a finite number"),
        ("implied_volatility", "0", "expected a positive number"),
        ("futures_price", "0", "futures_price is '0'"),
        ("option_type", "future", "expected call or put"),
        ("expiry_datetime", "soon", "expected a time with an offset"),
        ("expiry_datetime", "2026-04-24T08:00:00", "expected a time with an offset"),
        ("index_price", "", "index_price is ''"),
    ],
)
def test_a_bad_field_is_named(tmp_path: Path, column: str, value: str, expected: str) -> None:
    path = write(tmp_path / "a.csv.gz", ROW, ROW | {column: value})
    with pytest.raises(SnapshotError, match="line 3") as caught:
        snapshot.read(path)
    assert expected in str(caught.value), f"the message must name {column}"


def test_files_that_are_no_chain_are_refused(tmp_path: Path) -> None:
    plain = tmp_path / "plain.csv.gz"
    plain.write_text("not compressed")
    with pytest.raises(SnapshotError, match="not a gzip-compressed CSV"):
        snapshot.read(plain)
    with pytest.raises(SnapshotError, match="no rows"):
        snapshot.read(write(tmp_path / "empty.csv.gz"))
    with pytest.raises(SnapshotError, match="no column 'index_price'"):
        snapshot.read(write(tmp_path / "short.csv.gz", ROW, columns=COLUMNS[:-1]))
    whole = gzip.decompress(write(tmp_path / "cut.csv.gz", ROW).read_bytes())
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(whole[:-10].rpartition(b",")[0]))
    with pytest.raises(SnapshotError, match="line 2: more or fewer columns"):
        snapshot.read(tmp_path / "cut.csv.gz")
