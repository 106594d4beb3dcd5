"""The trades of a listing by minute: candles, and the figures of the last 24 hours."""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

from merkat.market.types import Candle

MINUTE_NS: Final = 60_000_000_000
DAY_MINUTES: Final = 1_440


class DayFigures(NamedTuple):
    """The last 24 hours: base units, atoms, 1e-6 USD; prices are None without a trade."""

    volume: int
    cost: int
    high: int | None
    low: int | None
    first: int | None


class Minutes:
    """Candles of the last 24 hours of one listing; the newest is the one that still grows."""

    __slots__ = ("_cost", "_high", "_low", "_volume", "candles", "last_direction", "last_price")

    def __init__(self, candles: list[Candle], last_price: int = 0, last_direction: int = 0) -> None:
        self.candles: deque[Candle] = deque(candles)
        self.last_price = last_price
        self.last_direction = last_direction
        self._volume = sum(candle.volume for candle in candles)
        self._cost = sum(candle.cost for candle in candles)
        self._high: int | None = None  # None: to be looked for
        self._low: int | None = None

    def add(self, time_ns: int, price: int, size: int) -> Candle:
        """Count a trade; returns the candle that it is in."""
        minute = time_ns // MINUTE_NS
        candles = self.candles
        atoms = price * size
        self._volume += size
        self._cost += atoms
        if candles and candles[-1].minute == minute:
            candle = candles[-1]
            candle.high = max(candle.high, price)
            candle.low = min(candle.low, price)
            candle.close = price
            candle.volume += size
            candle.cost += atoms
        else:
            candle = Candle(minute, price, price, price, price, size, atoms)
            candles.append(candle)
            self._evict(minute)
        if self._high is not None and price > self._high:
            self._high = price
        if self._low is not None and price < self._low:
            self._low = price
        return candle

    def direction(self, price: int) -> int:
        """Return and remember the tick direction of a trade: 0 up, 1, 2 down, 3 (`Trade`)."""
        last = self.last_price
        if price > last:
            found = 0
        elif price < last:
            found = 2
        else:
            found = self.last_direction | 1
        self.last_price, self.last_direction = price, found
        return found

    def day(self, time_ns: int) -> DayFigures:
        """Return the figures of the 24 hours up to a time, by whole minutes."""
        self._evict(time_ns // MINUTE_NS)
        candles = self.candles
        if not candles:
            return DayFigures(0, 0, None, None, None)
        if self._high is None:
            self._high = max(candle.high for candle in candles)
        if self._low is None:
            self._low = min(candle.low for candle in candles)
        return DayFigures(self._volume, self._cost, self._high, self._low, candles[0].open)

    def _evict(self, minute: int) -> None:
        candles = self.candles
        while candles and candles[0].minute <= minute - DAY_MINUTES:
            gone = candles.popleft()
            self._volume -= gone.volume
            self._cost -= gone.cost
            self._high = self._low = None
