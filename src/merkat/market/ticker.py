"""Tickers: what a listing is worth and did, computed when somebody asks."""

from __future__ import annotations

import math
from array import array
from struct import Struct as Layout
from typing import Final

from msgspec import Struct

from merkat import _core
from merkat.market.book import Level
from merkat.market.statistics import DayFigures
from merkat.market.types import NANO, Group, Instrument, Row
from merkat.market.view import View
from merkat.sdk.commands import KIND_CALL

FUNDING_HOURS: Final = 8
_INTEREST, _FUNDING_CLAMP, _FUNDING_CAP = 6, 7, 8
_ROW: Final = Layout(">IBqQq64xq16x")  # listing, kind, strike, expiry, forward, years
_MICRO: Final = 1e6


class Forward(Struct, frozen=True):
    """What the row of a listing was priced with: forward 1e-6 USD, years 1e-9."""

    forward: int
    years: int


class OptionFigures(Struct, frozen=True):
    """Figures of an option for display, as floats.

    Volatilities are shares (0.5 is 50 %), 0 at the intrinsic value and None where no volatility
    gives the price, or where there is none. rho: USD for a rate of 1.00 more.
    """

    mark_iv: float | None
    bid_iv: float | None
    ask_iv: float | None
    rho: float


class Ticker(Struct, frozen=True):
    """A listing now. Prices 1e-6 USD, sizes base units, rates 1e-9; None where there is none.

    Attributes:
        min_price, max_price: the lowest and highest limit price on tick inside the band.
        forward: of dated listings with a row. current_funding, funding_8h: rates for eight hours,
            of the hour that runs and of the eight that closed last; None where none is paid.
    """

    listing: int
    time_ns: int
    mark: int | None
    index: int
    last: int | None
    best_bid: Level | None
    best_ask: Level | None
    min_price: int | None
    max_price: int | None
    open_interest: int
    day: DayFigures
    forward: int | None
    current_funding: int | None
    funding_8h: int | None
    row: Row | None
    option: OptionFigures | None


def current_funding(group: Group) -> int:
    """Return the rate (1e-9, for eight hours) that the hour would close with now."""
    count = group.premium_count
    premium = group.premium_sum // count if count else 0
    clamp, cap = group.parameters[_FUNDING_CLAMP], group.parameters[_FUNDING_CAP]
    drawn = max(-clamp, min(clamp, group.parameters[_INTEREST] - premium))
    return max(-cap, min(cap, premium + drawn))


def funding_8h(group: Group) -> int:
    """Return the mean rate (1e-9) of the last eight hours; those without a sample paid nothing."""
    now = group.premium_hour
    rates = [rate for hour, rate in group.funding_rates if hour >= now - FUNDING_HOURS]
    return sum(rates) // FUNDING_HOURS


class Tickers:
    """Makes tickers of a view; its engine has the forwards of the rows."""

    def __init__(self, view: View, engine: _core.Engine) -> None:
        self._view = view
        self._engine = engine
        self._forwards: dict[int, tuple[int, dict[int, Forward]]] = {}

    def forward(self, instrument: Instrument) -> Forward | None:
        """Return forward and time to expiry of a listing's row; None without a row."""
        group = self._view.groups[instrument.group]
        if not group.has_rows:
            return None
        known = self._forwards.get(group.group)
        if known is None or known[0] != group.epoch_time:
            known = (group.epoch_time, _forwards(self._engine.rows(group.group)))
            self._forwards[group.group] = known
        return known[1].get(instrument.listing)

    def ticker(self, listing: int) -> Ticker:
        """Return the ticker of a listing. Raises KeyError for an unknown one."""
        view = self._view
        instrument = view.instruments[listing]
        group = view.groups[instrument.group]
        book, minutes = view.books[listing], view.minutes[listing]
        mark = view.marks.get(listing)
        band = view.price_band(listing)
        forward = self.forward(instrument) if instrument.is_dated else None
        bid, ask = book.best_bid, book.best_ask
        option = None
        if instrument.is_option and forward is not None and mark is not None:
            option = _option_figures(instrument, forward, mark, bid, ask)
        return Ticker(
            listing,
            view.time_ns,
            mark,
            group.index,
            minutes.last_price or None,
            bid,
            ask,
            band[0] if band else None,
            band[1] if band else None,
            view.open_interest[listing],
            minutes.day(view.time_ns),
            forward.forward if forward is not None else None,
            current_funding(group) if instrument.is_perpetual else None,
            funding_8h(group) if instrument.is_perpetual else None,
            view.rows.get(listing),
            option,
        )


def _forwards(found: tuple[int, bytes] | None) -> dict[int, Forward]:
    if found is None:
        return {}
    scenarios, rows = found
    width = _ROW.size + 8 * scenarios
    forwards = {}
    for at in range(4, len(rows), width):
        listing, _, _, _, forward, years = _ROW.unpack_from(rows, at)
        forwards[listing] = Forward(forward, years)
    return forwards


def _option_figures(
    instrument: Instrument, row: Forward, mark: int, bid: Level | None, ask: Level | None
) -> OptionFigures:
    forward, strike = row.forward / _MICRO, instrument.strike / _MICRO
    years = row.years / NANO
    prices = [mark / _MICRO, bid[0] / _MICRO if bid else 0.0, ask[0] / _MICRO if ask else 0.0]
    calls = bytes([instrument.kind == KIND_CALL])
    three = len(prices)
    vols = array("d")
    vols.frombytes(
        _core.implied_vols(
            array("d", [forward] * three),
            array("d", [strike] * three),
            array("d", [years] * three),
            array("d", [0.0] * three),
            array("d", prices),
            calls * three,
        )
    )
    rho = 0.0
    if vols[0] > 0 and years > 0:
        values = array("d")
        values.frombytes(
            _core.black76_values(
                array("d", [forward]),
                array("d", [strike]),
                array("d", [years]),
                array("d", [vols[0]]),
                array("d", [0.0]),
                calls,
            )
        )
        rho = values[5]
    return OptionFigures(
        _finite(vols[0]),
        _finite(vols[1]) if bid else None,
        _finite(vols[2]) if ask else None,
        rho if math.isfinite(rho) else 0.0,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
