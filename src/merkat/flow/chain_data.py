"""What recorded option chains give a flow: sessions in order, an index between them, contracts."""

from __future__ import annotations

import csv
import gzip
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from merkat.oracle import calibration, snapshot
from merkat.oracle.calibration import Calibration
from merkat.oracle.snapshot import Chain, OptionQuote, SnapshotError
from merkat.products.names import Contract
from merkat.products.terms import UNDERLYINGS
from merkat.sdk.commands import KIND_CALL, KIND_FUTURE, KIND_PERPETUAL, KIND_PUT

MICRO: Final = 1_000_000
RATE: Final = 1_000_000_000
SECOND_NS: Final = 1_000_000_000
MONTH_NS: Final = 30 * 86_400 * SECOND_NS
CURRENCIES: Final = ("BTC", "ETH")  # their places are the groups' numbers
PATTERN: Final = "deribit_options_snapshot_*.csv.gz"
PERPETUALS: Final = "perpetual_futures_prices.csv.gz"
BASIS_MOST: Final = 5_000_000


class IndexHistory:
    """Recorded prices of the coins, and straight lines between them."""

    def __init__(self, points: Iterable[tuple[str, int, int]]) -> None:
        """Take (currency, time in ns, price in 1e-6 USD); the last of equal times stands."""
        by_currency: dict[str, dict[int, int]] = {}
        for currency, time_ns, price in points:
            by_currency.setdefault(currency, {})[time_ns] = price
        self._times = {currency: sorted(one) for currency, one in by_currency.items()}
        self._prices = by_currency

    def at(self, currency: str, time_ns: int) -> int:
        """Return the price at a time, 1e-6 USD; beyond the ends that of the nearest point.

        Raises KeyError for a coin without a price.
        """
        times, prices = self._times[currency], self._prices[currency]
        place = bisect_right(times, time_ns)
        if place in (0, len(times)):
            return prices[times[max(0, place - 1)]]
        before, after = times[place - 1], times[place]
        low, high = prices[before], prices[after]
        return low + (high - low) * (time_ns - before) // (after - before)


def read_perpetuals(path: Path) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (time in ns, price in 1e-6 USD) of the perpetuals by (snapshot file, currency).

    Raises SnapshotError.
    """
    columns = ("snapshot_file", "obs_datetime", "coin", "perp_futures_mark_price")
    found = {}
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as source:
            reader = csv.DictReader(source)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise SnapshotError(f"{path}: no column {missing[0]!r}; expected perpetual prices")
            for line, row in enumerate(reader, start=2):
                try:
                    time_ns = snapshot.time_ns_of(row["obs_datetime"])
                    price = round(float(row["perp_futures_mark_price"]) * MICRO)
                except (ValueError, TypeError) as error:
                    raise SnapshotError(f"{path}: line {line}: {error}") from error
                found[row["snapshot_file"], row["coin"]] = (time_ns, price)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise SnapshotError(f"{path}: not a gzip-compressed CSV file: {error}") from error
    return found


@dataclass(frozen=True, slots=True)
class Session:
    """One snapshot: both chains with their calibrations, in the order of CURRENCIES."""

    name: str
    time_ns: int
    chains: tuple[Chain, ...]
    calibrations: tuple[Calibration, ...]


@dataclass(frozen=True, slots=True)
class Recordings:
    """All sessions in order of time, and the index between them."""

    sessions: tuple[Session, ...]
    history: IndexHistory


def read_folder(folder: Path) -> Recordings:
    """Return the snapshots of a folder. Raises SnapshotError, CalibrationError."""
    paths = sorted(folder.glob(PATTERN))
    if not paths:
        raise SnapshotError(f"{folder}: no {PATTERN} there; expected recorded option chains")
    return read_files(paths, folder / PERPETUALS)


def read_files(paths: Sequence[Path], perpetuals: Path | None = None) -> Recordings:
    """Return some snapshots, in order of time. Raises SnapshotError, CalibrationError."""
    recorded = read_perpetuals(perpetuals) if perpetuals and perpetuals.exists() else {}
    points = [(currency, *one) for (_, currency), one in recorded.items()]
    sessions = []
    vols: dict[str, list[tuple[int, int]]] = {currency: [] for currency in CURRENCIES}
    read = sorted(((snapshot.read(path), path) for path in paths), key=_time_of)
    for chains, path in read:
        calibrated = []
        for currency in CURRENCIES:
            if currency not in chains:
                raise SnapshotError(f"{path}: no rows of {currency}; expected both coins")
            chain = chains[currency]
            name = path.name.removesuffix(".gz")
            perpetual = recorded.get((name, currency), (0, chain.index))[1]
            past = [vol for at, vol in vols[currency] if at > chain.time_ns - MONTH_NS]
            found = calibration.calibrate(
                chain, basis=_basis(perpetual, chain.index), vols_before=past
            )
            vols[currency].append((chain.time_ns, found.vol))
            points.append((currency, chain.time_ns, chain.index))
            calibrated.append(found)
        ordered = tuple(chains[currency] for currency in CURRENCIES)
        sessions.append(Session(path.name, ordered[0].time_ns, ordered, tuple(calibrated)))
    return Recordings(tuple(sessions), IndexHistory(points))


def _time_of(entry: tuple[dict[str, Chain], Path]) -> int:
    return min(chain.time_ns for chain in entry[0].values())


def _basis(perpetual: int, index: int) -> int:
    basis = (perpetual - index) * RATE // index
    return max(-BASIS_MOST, min(BASIS_MOST, basis))


def contract_of(currency: str, quote: OptionQuote) -> Contract:
    """Return the linear contract of a row of an inverse chain."""
    day = datetime.fromtimestamp(quote.expiry_ns // SECOND_NS, UTC).date()
    return Contract(currency, KIND_CALL if quote.is_call else KIND_PUT, day, quote.strike)


def linear_contracts(chain: Chain) -> list[Contract]:
    """Return the perpetual of a chain's coin and a future for each of its expiries."""
    found = [Contract(chain.currency, KIND_PERPETUAL)]
    for expiry_ns in chain.expiries():
        day = datetime.fromtimestamp(expiry_ns // SECOND_NS, UTC).date()
        found.append(Contract(chain.currency, KIND_FUTURE, day))
    return found


def on_tick(currency: str, is_option: bool, price: float, up: bool) -> int:
    """Return a price (USD) on the contract's tick below (or above), 1e-6 USD; 0 below the first."""
    underlying = UNDERLYINGS[currency]
    terms = underlying.option if is_option else underlying.linear
    micro = price * MICRO
    tick = terms.coarse_tick if micro >= terms.coarse_from else terms.tick
    steps = -(-micro // tick) if up else micro // tick
    return int(steps) * tick
