"""Reading market files: what is one, and what is refused by line and column."""

from __future__ import annotations

import lzma
from pathlib import Path

import pytest

from merkat.flow import market_file
from merkat.flow.market_file import MarketFileError, Row

HEADER = "id,timestamp,exchange.timestamp,price,volume,action,direction\n"
GOOD = "7,1430438404518,1430438404000,236.47,200000000,created,bid\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "orders.csv.xz"
    path.write_bytes(lzma.compress(text.encode()))
    return path


def test_a_row_is_read_in_the_venue_s_units(tmp_path: Path) -> None:
    rows = list(market_file.read(written(tmp_path, HEADER + GOOD)))
    assert rows == [Row(7, 1_430_438_404_518_000_000, 236_470_000, 200_000_000, "created", 0)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("x,1430438404518,1,236.47,2,created,bid\n", "line 3: id is 'x'"),
        ("7,1430438404518,1,236.475,2,created,bid\n", "line 3: price is '236.475'"),
        ("7,1430438404518,1,-1,2,created,bid\n", "line 3: price is '-1'"),
        ("7,1430438404518,1,nan,2,created,bid\n", "line 3: price is 'nan'"),
        ("7,1430438404518,1,price,2,created,bid\n", "line 3: price is 'price'"),
        ("7,1430438404518,1,236.47,-2,created,bid\n", "line 3: volume is '-2'"),
        ("7,1430438404518,1,236.47,2,made,bid\n", "line 3: action is 'made'"),
        ("7,1430438404518,1,236.47,2,created,up\n", "line 3: direction is 'up'"),
        ("7,1430438404518,1,236.47,2,created\n", "line 3 has 6 columns"),
        ("7,1430438404517,1,236.47,2,created,bid\n", "line 3: timestamp goes back"),
    ],
)
def test_a_bad_row_is_refused_by_line_and_column(tmp_path: Path, row: str, message: str) -> None:
    path = written(tmp_path, HEADER + GOOD + row)
    with pytest.raises(MarketFileError, match=message):
        list(market_file.read(path))


def test_other_columns_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "id,price\n1,2\n")
    with pytest.raises(MarketFileError, match="the columns are 'id,price'"):
        list(market_file.read(path))


@pytest.mark.parametrize("cut", [False, True])
def test_a_file_that_is_not_compressed_so_or_cut_is_refused(tmp_path: Path, cut: bool) -> None:
    path = written(tmp_path, HEADER + GOOD * 100)
    path.write_bytes(path.read_bytes()[:-20] if cut else (HEADER + GOOD).encode())
    with pytest.raises(MarketFileError, match="not an xz-compressed CSV file"):
        list(market_file.read(path))


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    flow = market_file.MarketFlow(written(tmp_path, HEADER))
    with pytest.raises(MarketFileError, match="no rows"):
        flow.start_ns()
