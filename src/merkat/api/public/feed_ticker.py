"""Channels of prices: ticker, quote, perpetual, the index, and the states of instruments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from msgspec import UNSET, Struct, structs

from merkat.api.numbers import coins, rate, usd
from merkat.api.public import show
from merkat.api.public.channels import instrument_of_channel, interval_of, unknown_channel
from merkat.api.public.service import (
    KINDS,
    check_currency,
    group_of_index,
    milliseconds,
    registry,
    select,
    service_of,
    state_of,
    view_of,
)
from merkat.api.public.shapes import TickerShape
from merkat.api.registry import Context
from merkat.market.replica import Replica
from merkat.market.ticker import current_funding
from merkat.market.types import ANY_LISTING, Group, Instrument, Topic
from merkat.market.view import View

QUOTE_INTERVAL_MS = 0
STATE_INTERVAL_MS = 100


class TickerFeed:
    """The ticker, whenever something in it but the time is different."""

    private = False

    def __init__(self, replica: Replica, instrument: Instrument, interval_ms: int) -> None:
        self.topics: frozenset[Topic] = frozenset({("ticker", instrument.listing)})
        self.interval_ms = interval_ms
        self._replica = replica
        self._instrument = instrument
        self._told: TickerShape | None = None

    def collect(self) -> list[TickerShape]:
        """Return the ticker, if it is another than the one told last."""
        now = show.ticker(self._replica, self._instrument)
        told = self._told
        if told is not None and structs.replace(now, timestamp=told.timestamp) == told:
            return []
        self._told = now
        return [now]


class IncrementalTickerFeed:
    """The whole ticker once, then the fields that are different."""

    private = False

    def __init__(self, replica: Replica, instrument: Instrument) -> None:
        self._inner = TickerFeed(replica, instrument, 0)
        self.topics = self._inner.topics
        self.interval_ms = 0
        self._told: dict[str, Any] | None = None

    def collect(self) -> list[dict[str, Any]]:
        """Return a snapshot, or what is different."""
        news = []
        for ticker in self._inner.collect():
            fields = {
                name: value for name, value in structs.asdict(ticker).items() if value is not UNSET
            }
            told, self._told = self._told, fields
            if told is None:
                news.append({"type": "snapshot", **fields})
                continue
            always = ("instrument_name", "timestamp")
            changed = {
                name: value
                for name, value in fields.items()
                if name in always or name not in told or told[name] != value
            }
            news.append({"type": "change", **changed})
        return news


class QuoteShape(Struct, kw_only=True):
    """The best prices and amounts of both sides; null and 0 for none."""

    timestamp: int
    instrument_name: str
    best_bid_price: Decimal | None
    best_bid_amount: Decimal
    best_ask_price: Decimal | None
    best_ask_amount: Decimal


class QuoteFeed:
    """The best level of both sides, whenever it is another."""

    private = False
    interval_ms = QUOTE_INTERVAL_MS

    def __init__(self, view: View, instrument: Instrument) -> None:
        self.topics: frozenset[Topic] = frozenset({("book", instrument.listing)})
        self._view = view
        self._instrument = instrument
        self._told: tuple[object, object] | None = None

    def collect(self) -> list[QuoteShape]:
        """Return the best levels, if they are others than those told last."""
        book = self._view.books[self._instrument.listing]
        bid, ask = book.best_bid, book.best_ask
        if self._told == (bid, ask):
            return []
        self._told = (bid, ask)
        decimals = self._instrument.size_decimals
        return [
            QuoteShape(
                timestamp=milliseconds(book.time_ns),
                instrument_name=self._instrument.name,
                best_bid_price=usd(bid[0]) if bid else None,
                best_bid_amount=coins(bid[1] if bid else 0, decimals),
                best_ask_price=usd(ask[0]) if ask else None,
                best_ask_amount=coins(ask[1] if ask else 0, decimals),
            )
        ]


class PerpetualShape(Struct, kw_only=True):
    """What the running hour of funding would pay (for eight hours), and the index."""

    timestamp: int
    interest: Decimal
    index_price: Decimal


class PerpetualFeed:
    """Funding and index of a perpetual, after every oracle step."""

    private = False

    def __init__(self, view: View, instrument: Instrument, interval_ms: int) -> None:
        self.topics: frozenset[Topic] = frozenset({("index", instrument.group)})
        self.interval_ms = interval_ms
        self._group: Group = view.groups[instrument.group]

    def collect(self) -> list[PerpetualShape]:
        """Return funding and index now."""
        group = self._group
        return [
            PerpetualShape(
                timestamp=milliseconds(group.epoch_time),
                interest=rate(current_funding(group)),
                index_price=usd(group.index),
            )
        ]


class IndexShape(Struct, kw_only=True):
    """An index."""

    timestamp: int
    price: Decimal
    index_name: str


class IndexFeed:
    """An index, after every oracle step."""

    private = False
    interval_ms = 0

    def __init__(self, group: Group, name: str) -> None:
        self.topics: frozenset[Topic] = frozenset({("index", group.group)})
        self._group = group
        self._name = name  # as it was asked for: clients look for it by that

    def collect(self) -> list[IndexShape]:
        """Return the index now."""
        group = self._group
        return [
            IndexShape(
                timestamp=milliseconds(group.epoch_time),
                price=usd(group.index),
                index_name=self._name,
            )
        ]


class StateShape(Struct, kw_only=True):
    """A state that an instrument has come to: created, open, locked, settled, closed."""

    timestamp: int
    state: str
    instrument_name: str


class StateFeed:
    """States of the instruments of a currency and kind, new ones too."""

    private = False
    interval_ms = STATE_INTERVAL_MS

    def __init__(self, view: View, currency: str | None, kind: str) -> None:
        self.topics: frozenset[Topic] = frozenset({("instrument", ANY_LISTING)})
        self._view = view
        self._currency = currency
        self._kind = kind
        self._known = self._states()

    def _states(self) -> dict[str, str]:
        view = self._view
        found = select(view, self._currency, self._kind)
        return {one.name: state_of(one, view.time_ns) for one in found}

    def collect(self) -> list[StateShape]:
        """Return the instruments that are new or in another state."""
        before, self._known = self._known, self._states()
        return [
            StateShape(
                timestamp=milliseconds(self._view.time_ns),
                state=state if name in before else "created",
                instrument_name=name,
            )
            for name, state in self._known.items()
            if before.get(name) != state
        ]


@registry.channel(
    "ticker", summary="What an instrument is worth.", pattern="ticker.INSTRUMENT.INTERVAL"
)
def ticker_channel(context: Context, name: str, words: list[str]) -> TickerFeed:
    """Return the feed of a ticker."""
    if len(words) != 3:
        raise unknown_channel(name, "ticker.INSTRUMENT.raw, .100ms or .agg2")
    instrument = instrument_of_channel(context, words[1])
    interval_ms = interval_of(context, words[2], name)
    return TickerFeed(service_of(context).replica, instrument, interval_ms)


@registry.channel(
    "incremental_ticker",
    summary="The ticker once, then what is different in it.",
    pattern="incremental_ticker.INSTRUMENT",
)
def incremental_ticker_channel(
    context: Context, name: str, words: list[str]
) -> IncrementalTickerFeed:
    """Return the feed of the changes of a ticker."""
    if len(words) != 2:
        raise unknown_channel(name, "incremental_ticker.INSTRUMENT")
    instrument = instrument_of_channel(context, words[1])
    return IncrementalTickerFeed(service_of(context).replica, instrument)


@registry.channel("quote", summary="Best bid and ask.", pattern="quote.INSTRUMENT")
def quote_channel(context: Context, name: str, words: list[str]) -> QuoteFeed:
    """Return the feed of the best prices."""
    if len(words) != 2:
        raise unknown_channel(name, "quote.INSTRUMENT")
    return QuoteFeed(view_of(context), instrument_of_channel(context, words[1]))


@registry.channel(
    "perpetual",
    summary="Funding and index of a perpetual.",
    pattern="perpetual.INSTRUMENT.INTERVAL",
)
def perpetual_channel(context: Context, name: str, words: list[str]) -> PerpetualFeed:
    """Return the feed of a perpetual's funding."""
    if len(words) != 3:
        raise unknown_channel(name, "perpetual.INSTRUMENT.raw, .100ms or .agg2")
    instrument = instrument_of_channel(context, words[1])
    if not instrument.is_perpetual:
        raise unknown_channel(name, "the name of a perpetual, such as BTC_USDC-PERPETUAL")
    return PerpetualFeed(view_of(context), instrument, interval_of(context, words[2], name))


@registry.channel(
    "deribit_price_index", summary="An index.", pattern="deribit_price_index.INDEX_NAME"
)
def index_channel(context: Context, name: str, words: list[str]) -> IndexFeed:
    """Return the feed of an index."""
    if len(words) != 2:
        raise unknown_channel(name, "deribit_price_index.btc_usdc")
    return IndexFeed(group_of_index(view_of(context), words[1], "channels"), words[1].lower())


@registry.channel(
    "instrument",
    summary="Instruments that are new or in another state.",
    pattern="instrument.state.KIND.CURRENCY",
)
def state_channel(context: Context, name: str, words: list[str]) -> StateFeed:
    """Return the feed of the states of instruments."""
    if len(words) != 4 or words[1] != "state" or words[2] not in KINDS:
        raise unknown_channel(name, "instrument.state.KIND.CURRENCY, such as .option.BTC")
    view = view_of(context)
    return StateFeed(view, check_currency(view, words[3], "channels"), words[2])
