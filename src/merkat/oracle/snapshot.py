"""Recorded option chains: whole BTC and ETH chains of an inverse venue, one row an option.

gzip-compressed CSV. Bids, asks and marks are in coins; price_usd = price_coin x forward. The vol
column is the truth: the marks were not read at one instant.
"""

from __future__ import annotations

import csv
import gzip
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

MICRO: Final = 1_000_000
SECOND_NS: Final = 1_000_000_000
COLUMNS: Final = (
    "timestamp",
    "instrument_name",
    "underlying",
    "option_type",
    "strike",
    "expiry_datetime",
    "bid_price",
    "ask_price",
    "mark_price",
    "futures_price",
    "implied_volatility",
    "delta",
    "open_interest",
    "currency",
    "index_price",
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class SnapshotError(Exception):
    """A file is no recorded chain; the message names line, column, and what was expected."""


@dataclass(frozen=True, slots=True)
class OptionQuote:
    """One row. Prices in coins as recorded (None: nobody quotes), forward in USD, vol as 1.00."""

    name: str
    is_call: bool
    strike: int  # 1e-6 USD
    expiry_ns: int
    forward: float
    bid: float | None
    ask: float | None
    mark: float
    vol: float
    delta: float
    open_interest: float

    @property
    def two_sided(self) -> bool:
        """Return whether somebody bids and somebody asks."""
        return self.bid is not None and self.ask is not None


@dataclass(frozen=True, slots=True)
class Chain:
    """All options of one currency at one time. Index and forwards in 1e-6 USD."""

    currency: str
    time_ns: int
    index: int
    quotes: tuple[OptionQuote, ...]

    def expiries(self) -> tuple[int, ...]:
        """Return the expiries after the chain's time, ascending (ns)."""
        later = {quote.expiry_ns for quote in self.quotes}
        return tuple(sorted(one for one in later if one >= self.time_ns + SECOND_NS))

    def of_expiry(self, expiry_ns: int) -> tuple[OptionQuote, ...]:
        """Return the quotes of one expiry, in the order of the file."""
        return tuple(quote for quote in self.quotes if quote.expiry_ns == expiry_ns)

    def forward(self, expiry_ns: int) -> int:
        """Return the median of an expiry's forwards, 1e-6 USD."""
        return round(median(quote.forward for quote in self.of_expiry(expiry_ns)) * MICRO)


def time_ns_of(text: str) -> int:
    """Return a time with offset, as the file writes it, in ns since 1970. Raises ValueError."""
    since = datetime.fromisoformat(text) - _EPOCH
    return since // timedelta(microseconds=1) * 1_000


class _Row:
    """The fields of one line, with errors that say where they stand."""

    def __init__(self, path: Path, line: int, fields: dict[str, str]) -> None:
        self._where = f"{path}: line {line}"
        self._fields = fields

    def fail(self, column: str, expected: str) -> SnapshotError:
        value = self._fields[column]
        return SnapshotError(f"{self._where}: {column} is {value!r}; expected {expected}")

    def text(self, column: str) -> str:
        return self._fields[column]

    def number(self, column: str) -> float:
        try:
            value = float(self._fields[column])
        except ValueError:
            raise self.fail(column, "a number") from None
        if not math.isfinite(value):
            raise self.fail(column, "a finite number")
        return value

    def positive(self, column: str) -> float:
        value = self.number(column)
        if value <= 0:
            raise self.fail(column, "a positive number")
        return value

    def price(self, column: str) -> float | None:
        """Return a price; None where the field is empty or 0: nobody quotes."""
        if not self._fields[column]:
            return None
        value = self.number(column)
        return value if value > 0 else None

    def time_ns(self, column: str) -> int:
        try:
            return time_ns_of(self._fields[column])
        except (ValueError, TypeError):
            raise self.fail(column, "a time with an offset") from None


def _quote(row: _Row) -> OptionQuote:
    if row.text("option_type") not in ("call", "put"):
        raise row.fail("option_type", "call or put")
    # The nearest expiries have no future of their own: their forward stands in `underlying`.
    forward = row.positive("futures_price" if row.text("futures_price") else "underlying")
    return OptionQuote(
        row.text("instrument_name"),
        row.text("option_type") == "call",
        round(row.positive("strike") * MICRO),
        row.time_ns("expiry_datetime"),
        forward,
        row.price("bid_price"),
        row.price("ask_price"),
        row.number("mark_price"),
        row.positive("implied_volatility"),
        row.number("delta"),
        row.number("open_interest"),
    )


def read(path: Path) -> dict[str, Chain]:
    """Return the chains of a snapshot by currency, in order of name. Raises SnapshotError."""
    quotes: dict[str, list[OptionQuote]] = {}
    indexes: dict[str, list[float]] = {}
    time_ns = None
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as source:
            reader = csv.DictReader(source)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise SnapshotError(f"{path}: no column {missing[0]!r}; expected an option chain")
            for line, fields in enumerate(reader, start=2):
                if None in fields.values() or None in fields:
                    raise SnapshotError(f"{path}: line {line}: more or fewer columns than line 1")
                row = _Row(path, line, fields)
                time_ns = row.time_ns("timestamp") if time_ns is None else time_ns
                currency = row.text("currency")
                quotes.setdefault(currency, []).append(_quote(row))
                indexes.setdefault(currency, []).append(row.positive("index_price"))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise SnapshotError(f"{path}: not a gzip-compressed CSV file: {error}") from error
    if time_ns is None:
        raise SnapshotError(f"{path}: no rows; expected at least one")
    return {
        currency: Chain(
            currency, time_ns, round(median(indexes[currency]) * MICRO), tuple(quotes[currency])
        )
        for currency in sorted(quotes)
    }
