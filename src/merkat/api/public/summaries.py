"""Overviews of many instruments."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from merkat.api.numbers import coins
from merkat.api.public import show
from merkat.api.public.instruments import Kind
from merkat.api.public.service import instrument_of, registry, select, service_of, view_of
from merkat.api.public.shapes import BookSummary, TradeVolume
from merkat.api.registry import Context
from merkat.sdk.commands import KIND_CALL, KIND_PUT, KIND_SPOT


class GetBookSummaryByCurrency(Struct, kw_only=True, forbid_unknown_fields=True):
    """currency: a base or USDC or "any"."""

    currency: str
    kind: Kind = "any"


class GetBookSummaryByInstrument(Struct, kw_only=True, forbid_unknown_fields=True):
    """An instrument by its name."""

    instrument_name: str


class GetTradeVolumes(Struct, kw_only=True, forbid_unknown_fields=True):
    """extended is taken and changes nothing."""

    extended: bool = False


@registry.method(
    "public/get_book_summary_by_currency", summary="A line for each live instrument.", units=5
)
def get_book_summary_by_currency(
    context: Context, params: GetBookSummaryByCurrency
) -> list[BookSummary]:
    """Return a line for each live instrument of a currency."""
    service = service_of(context)
    now_ns = service.now_ns()
    return [
        show.summary(service.replica, one, now_ns)
        for one in select(service.replica.view, params.currency, params.kind)
        if one.active(now_ns)
    ]


@registry.method("public/get_book_summary_by_instrument", summary="The line of one instrument.")
def get_book_summary_by_instrument(
    context: Context, params: GetBookSummaryByInstrument
) -> list[BookSummary]:
    """Return a list with the line of one instrument."""
    service = service_of(context)
    found = instrument_of(context, params.instrument_name)
    return [show.summary(service.replica, found, service.now_ns())]


@registry.method("public/get_trade_volumes", summary="Volumes of 24 hours by coin and kind.")
def get_trade_volumes(context: Context, params: GetTradeVolumes) -> list[TradeVolume]:
    """Return the volumes of each coin."""
    view = view_of(context)
    volumes = {
        group.base: TradeVolume(group.base, *[Decimal(0)] * 4) for group in view.groups.values()
    }
    for listing, found in view.instruments.items():
        volume = coins(view.minutes[listing].day(view.time_ns).volume, found.size_decimals)
        line = volumes[view.groups[found.group].base]
        if found.kind == KIND_CALL:
            line.calls_volume += volume
        elif found.kind == KIND_PUT:
            line.puts_volume += volume
        elif found.kind == KIND_SPOT:
            line.spot_volume += volume
        else:
            line.futures_volume += volume
    return list(volumes.values())
