"""Channels of trades: of an instrument, of a kind and currency, and candles."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec import Struct

from merkat.api.numbers import coins, usd
from merkat.api.public import show
from merkat.api.public.channels import instrument_of_channel, interval_of, unknown_channel
from merkat.api.public.charts import MINUTE_MS, MINUTES
from merkat.api.public.service import KINDS, check_currency, registry, select, view_of
from merkat.api.public.shapes import TradeShape
from merkat.api.registry import Context
from merkat.market.types import ANY_LISTING, Candle, Instrument, Topic
from merkat.market.view import View

# A reader who stays away for longer finds a gap in trade_seq; public/get_last_trades fills it.
TRADES_MAX: Final = 1_000
CHART_INTERVAL_MS: Final = 1_000
_EXPECTED: Final = "trades.INSTRUMENT.INTERVAL or trades.KIND.CURRENCY.INTERVAL"


class TradesFeed:
    """Trades of one instrument, each once."""

    private = False

    def __init__(self, view: View, instrument: Instrument, interval_ms: int) -> None:
        self.topics: frozenset[Topic] = frozenset({("trades", instrument.listing)})
        self.interval_ms = interval_ms
        self._view = view
        self._instrument = instrument
        self._seen = view.trade_seq[instrument.listing]

    def collect(self) -> list[list[TradeShape]]:
        """Return the trades since, as one list."""
        found = []
        for trade in reversed(self._view.trades[self._instrument.listing]):
            if trade.seq <= self._seen:
                break
            found.append(show.trade(self._instrument, trade))
        if not found:
            return []
        self._seen = found[0].trade_seq
        return [found[::-1]]


class KindTradesFeed:
    """Trades of all instruments of a kind and currency, each once; also of later listings."""

    private = False

    def __init__(self, view: View, kind: str, currency: str | None, interval_ms: int) -> None:
        self.topics: frozenset[Topic] = frozenset({("trades", ANY_LISTING)})
        self.interval_ms = interval_ms
        self._view = view
        self._kind = kind
        self._currency = currency
        self._seen = view.all_trades[-1].number if view.all_trades else 0

    def collect(self) -> list[list[TradeShape]]:
        """Return the trades since, as one list of at most TRADES_MAX."""
        view = self._view
        newest = view.all_trades[-1].number if view.all_trades else 0
        wanted = {one.listing for one in select(view, self._currency, self._kind)}
        found: list[TradeShape] = []
        for trade in reversed(view.all_trades):
            if trade.number <= self._seen or len(found) == TRADES_MAX:
                break
            if trade.listing in wanted:
                found.append(show.trade(view.instruments[trade.listing], trade))
        self._seen = newest
        return [found[::-1]] if found else []


class CandleShape(Struct, kw_only=True):
    """A candle that changed; tick: when it began."""

    tick: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    cost: Decimal


class ChartFeed:
    """Candles of an instrument as they grow."""

    private = False
    interval_ms = CHART_INTERVAL_MS

    def __init__(self, view: View, instrument: Instrument, minutes: int) -> None:
        self.topics: frozenset[Topic] = frozenset({("trades", instrument.listing)})
        self._view = view
        self._instrument = instrument
        self._minutes = minutes
        candles = view.minutes[instrument.listing].candles
        self._from = candles[-1].minute // minutes if candles else 0

    def collect(self) -> list[CandleShape]:
        """Return the candle told last, if it has grown since, and those after it."""
        steps: dict[int, list[Candle]] = {}
        for candle in reversed(self._view.minutes[self._instrument.listing].candles):
            step = candle.minute // self._minutes
            if step < self._from:
                break
            steps.setdefault(step, []).append(candle)
        if steps:
            self._from = max(steps)
        return [self._shape(step, steps[step][::-1]) for step in sorted(steps)]

    def _shape(self, step: int, candles: list[Candle]) -> CandleShape:
        coin, decimals = self._instrument.coin, self._instrument.size_decimals
        return CandleShape(
            tick=step * self._minutes * MINUTE_MS,
            open=usd(candles[0].open),
            high=usd(max(candle.high for candle in candles)),
            low=usd(min(candle.low for candle in candles)),
            close=usd(candles[-1].close),
            volume=coins(sum(candle.volume for candle in candles), decimals),
            cost=usd(sum(candle.cost for candle in candles) // coin),
        )


@registry.channel("trades", summary="Public trades, each once.", pattern=_EXPECTED)
def trades_channel(context: Context, name: str, words: list[str]) -> TradesFeed | KindTradesFeed:
    """Return the feed of trades of an instrument, or of a kind and currency."""
    view = view_of(context)
    if len(words) == 3:
        instrument = instrument_of_channel(context, words[1])
        return TradesFeed(view, instrument, interval_of(context, words[2], name))
    if len(words) != 4 or words[1] not in KINDS:
        raise unknown_channel(name, _EXPECTED)
    currency = check_currency(view, words[2], "channels")
    return KindTradesFeed(view, words[1], currency, interval_of(context, words[3], name))


@registry.channel(
    "chart",
    summary="Candles as they grow; resolution: minutes, or 1D.",
    pattern="chart.trades.INSTRUMENT.RESOLUTION",
)
def chart_channel(context: Context, name: str, words: list[str]) -> ChartFeed:
    """Return the feed of an instrument's candles."""
    if len(words) != 4 or words[1] != "trades" or words[3] not in MINUTES:
        raise unknown_channel(name, f"chart.trades.INSTRUMENT.{'|'.join(MINUTES)}")
    instrument = instrument_of_channel(context, words[2])
    return ChartFeed(view_of(context), instrument, MINUTES[words[3]])
