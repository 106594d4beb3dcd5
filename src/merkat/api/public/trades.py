"""Public trades, from the history."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

from msgspec import Meta, Struct

from merkat.api.errors import invalid_params
from merkat.api.public import show
from merkat.api.public.instruments import Kind
from merkat.api.public.service import (
    instrument_of,
    registry,
    select,
    service_of,
    time_range,
    view_of,
)
from merkat.api.public.shapes import Count, Milliseconds, TradesPage
from merkat.api.registry import Context
from merkat.market.types import TRADE_PLACE_BITS, Trade

Sequence = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Sorting = Literal["asc", "desc", "default"]
_LATEST = (1 << 63) - 1


class ByInstrument(Struct, kw_only=True, forbid_unknown_fields=True):
    """Bounds are included. Without `sorting`: oldest first from a start, else newest first.

    include_old is taken and changes nothing: all trades are kept.
    """

    instrument_name: str
    start_seq: Sequence | None = None
    end_seq: Sequence | None = None
    start_timestamp: Milliseconds | None = None
    end_timestamp: Milliseconds | None = None
    count: Count = 10
    include_old: bool = True
    sorting: Sorting = "default"


class ByInstrumentAndTime(Struct, kw_only=True, forbid_unknown_fields=True):
    """Bounds are included. Without `sorting`: oldest first."""

    instrument_name: str
    start_timestamp: Milliseconds
    end_timestamp: Milliseconds | None = None
    count: Count = 10
    include_old: bool = True
    sorting: Sorting = "default"


class ByCurrency(Struct, kw_only=True, forbid_unknown_fields=True):
    """start_id, end_id: trade_id of the first and the last, both included."""

    currency: str
    kind: Kind = "any"
    start_id: str | None = None
    end_id: str | None = None
    start_timestamp: Milliseconds | None = None
    end_timestamp: Milliseconds | None = None
    count: Count = 10
    include_old: bool = True
    sorting: Sorting = "default"


class ByCurrencyAndTime(Struct, kw_only=True, forbid_unknown_fields=True):
    """Bounds are included. Without `sorting`: oldest first."""

    currency: str
    start_timestamp: Milliseconds
    end_timestamp: Milliseconds | None = None
    kind: Kind = "any"
    count: Count = 10
    include_old: bool = True
    sorting: Sorting = "default"


def newest_first(sorting: str, from_start: bool) -> bool:
    """Return the direction: what was asked for, else forward from a start."""
    return not from_start if sorting == "default" else sorting == "desc"


@registry.method("public/get_last_trades_by_instrument", summary="Trades of an instrument.")
def get_last_trades_by_instrument(context: Context, params: ByInstrument) -> TradesPage:
    """Return trades of an instrument by number or time."""
    found = instrument_of(context, params.instrument_name)
    start_ns, end_ns = time_range(params.start_timestamp, params.end_timestamp)
    start_seq = params.start_seq or 0
    end_seq = _LATEST if params.end_seq is None else params.end_seq
    if start_seq > end_seq:
        raise invalid_params("start_seq", start_seq, f"a number that is at most end_seq {end_seq}")
    from_start = params.start_seq is not None or params.start_timestamp is not None
    trades = service_of(context).replica.history.trades(
        [found.listing],
        start_ns=start_ns,
        end_ns=end_ns,
        start_seq=start_seq,
        end_seq=end_seq,
        count=params.count + 1,
        newest_first=newest_first(params.sorting, from_start),
    )
    return _page(context, trades, params.count)


@registry.method(
    "public/get_last_trades_by_instrument_and_time", summary="Trades of an instrument in a span."
)
def get_last_trades_by_instrument_and_time(
    context: Context, params: ByInstrumentAndTime
) -> TradesPage:
    """Return trades of an instrument in a span of time."""
    found = instrument_of(context, params.instrument_name)
    span = (params.start_timestamp, params.end_timestamp)
    return _in_span(context, [found.listing], span, params.count, params.sorting)


@registry.method("public/get_last_trades_by_currency", summary="Trades of a currency.")
def get_last_trades_by_currency(context: Context, params: ByCurrency) -> TradesPage:
    """Return trades of a currency by id or time."""
    listings = _listings(context, params.currency, params.kind)
    if params.start_id is None and params.end_id is None:
        span = (params.start_timestamp, params.end_timestamp)
        from_start = params.start_timestamp is not None
        return _in_span(context, listings, span, params.count, params.sorting, from_start)
    trades = service_of(context).replica.history.trades_by_number(
        listings,
        start=trade_number(params.start_id, "start_id") if params.start_id else 0,
        end=trade_number(params.end_id, "end_id") if params.end_id else _LATEST,
        count=params.count + 1,
        newest_first=newest_first(params.sorting, params.start_id is not None),
    )
    return _page(context, trades, params.count)


@registry.method(
    "public/get_last_trades_by_currency_and_time", summary="Trades of a currency in a span."
)
def get_last_trades_by_currency_and_time(context: Context, params: ByCurrencyAndTime) -> TradesPage:
    """Return trades of a currency in a span of time."""
    listings = _listings(context, params.currency, params.kind)
    span = (params.start_timestamp, params.end_timestamp)
    return _in_span(context, listings, span, params.count, params.sorting)


def trade_number(trade_id: str, field: str) -> int:
    """Return the number of a trade by its id. Raises ApiError -32602."""
    log_number, dash, place = trade_id.partition("-")
    numbers = all(part.isascii() and part.isdigit() for part in (log_number, place))
    if not (dash and numbers and len(log_number) <= 12 and len(place) <= 6):
        raise invalid_params(field, trade_id, "a trade_id such as 1234-0")
    return int(log_number) << TRADE_PLACE_BITS | int(place)


def _listings(context: Context, currency: str, kind: str) -> list[int]:
    return [one.listing for one in select(view_of(context), currency, kind)]


def _in_span(
    context: Context,
    listings: Collection[int],
    span: tuple[int | None, int | None],
    count: int,
    sorting: str,
    from_start: bool = True,
) -> TradesPage:
    start_ns, end_ns = time_range(*span)
    trades = service_of(context).replica.history.trades(
        listings,
        start_ns=start_ns,
        end_ns=end_ns,
        count=count + 1,
        newest_first=newest_first(sorting, from_start),
    )
    return _page(context, trades, count)


def _page(context: Context, trades: list[Trade], count: int) -> TradesPage:
    instruments = view_of(context).instruments
    shown = [show.trade(instruments[one.listing], one) for one in trades[:count]]
    return TradesPage(shown, len(trades) > count)
