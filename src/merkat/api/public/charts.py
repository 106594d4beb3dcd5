"""Candles, from the history; minutes without a trade repeat the last price."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from merkat.api.numbers import coins, usd
from merkat.api.public.service import instrument_of, registry, service_of, time_range
from merkat.api.public.shapes import Chart, Milliseconds
from merkat.api.registry import Context
from merkat.market.statistics import MINUTE_NS
from merkat.market.types import Candle, Instrument

Resolution = Literal["1", "3", "5", "10", "15", "30", "60", "120", "180", "360", "720", "1D"]
MINUTES: Final[dict[str, int]] = {
    "1": 1,
    "3": 3,
    "5": 5,
    "10": 10,
    "15": 15,
    "30": 30,
    "60": 60,
    "120": 120,
    "180": 180,
    "360": 360,
    "720": 720,
    "1D": 1_440,
}
CANDLES_MAX: Final = 5_000
MINUTE_MS: Final = 60_000


class GetTradingviewChartData(Struct, kw_only=True, forbid_unknown_fields=True):
    """resolution: minutes, or 1D. At most the newest 5,000 candles of the span."""

    instrument_name: str
    start_timestamp: Milliseconds
    end_timestamp: Milliseconds
    resolution: Resolution


@registry.method(
    "public/get_tradingview_chart_data", summary="Candles of an instrument in a span.", units=2
)
def get_tradingview_chart_data(context: Context, params: GetTradingviewChartData) -> Chart:
    """Return candles that begin in a span, up to the one that runs."""
    service = service_of(context)
    found = instrument_of(context, params.instrument_name)
    start_ns, end_ns = time_range(params.start_timestamp, params.end_timestamp)
    minutes = MINUTES[params.resolution]
    step_ns = minutes * MINUTE_NS
    last = min(end_ns, service.now_ns()) // step_ns
    first = max(-(-start_ns // step_ns), last - CANDLES_MAX + 1, found.created_ns // step_ns)
    if first > last:
        return chart(found, [])
    history = service.replica.history
    candles = history.candles(found.listing, minutes, first * step_ns, last * step_ns)
    before = history.last_close(found.listing, first * step_ns)
    return chart(found, _filled(candles, before, first, last, minutes))


def _filled(
    candles: list[Candle], before: int | None, first: int, last: int, minutes: int
) -> list[Candle]:
    """Return a candle for every step; none before the first price that is known."""
    traded = {candle.minute // minutes: candle for candle in candles}
    filled = []
    close = before
    for step in range(first, last + 1):
        candle = traded.get(step)
        if candle is None:
            if close is None:
                continue
            candle = Candle(step * minutes, close, close, close, close, 0, 0)
        close = candle.close
        filled.append(candle)
    return filled


def chart(found: Instrument, candles: list[Candle]) -> Chart:
    """Return candles as columns."""
    return Chart(
        status="ok" if candles else "no_data",
        ticks=[candle.minute * MINUTE_MS for candle in candles],
        open=[usd(candle.open) for candle in candles],
        high=[usd(candle.high) for candle in candles],
        low=[usd(candle.low) for candle in candles],
        close=[usd(candle.close) for candle in candles],
        volume=[coins(candle.volume, found.size_decimals) for candle in candles],
        cost=[usd(candle.cost // found.coin) for candle in candles],
    )
