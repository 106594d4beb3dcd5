"""Books and tickers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from merkat.api.errors import ApiError
from merkat.api.public import show
from merkat.api.public.service import (
    instrument_of,
    registry,
    service_of,
    view_of,
)
from merkat.api.public.shapes import OrderBookShape, TickerShape
from merkat.api.registry import Context
from merkat.market.types import Instrument

Depth = Annotated[int, Meta(ge=1, le=10_000)]


class GetOrderBook(Struct, kw_only=True, forbid_unknown_fields=True):
    """depth: levels of each side, 5 without it."""

    instrument_name: str
    depth: Depth = 5


class GetOrderBookById(Struct, kw_only=True, forbid_unknown_fields=True):
    """instrument_id: the listing's number. depth: levels of each side, 5 without it."""

    instrument_id: int
    depth: Depth = 5


class GetTicker(Struct, kw_only=True, forbid_unknown_fields=True):
    """An instrument by its name."""

    instrument_name: str


@registry.method("public/get_order_book", summary="The book of an instrument, best prices first.")
def get_order_book(context: Context, params: GetOrderBook) -> OrderBookShape:
    """Return a book with its ticker."""
    return _order_book(context, instrument_of(context, params.instrument_name), params.depth)


@registry.method("public/get_order_book_by_instrument_id", summary="The book of an instrument.")
def get_order_book_by_instrument_id(context: Context, params: GetOrderBookById) -> OrderBookShape:
    """Return a book with its ticker."""
    found = view_of(context).instruments.get(params.instrument_id)
    if found is None:
        raise ApiError(
            13020,
            f"there is no instrument {params.instrument_id}",
            "public/get_instruments has the instrument_id of each",
            field="instrument_id",
        )
    return _order_book(context, found, params.depth)


def _order_book(context: Context, found: Instrument, depth: int) -> OrderBookShape:
    replica = service_of(context).replica
    book = replica.view.books[found.listing]
    bids, asks = book.levels(depth)
    fields = show.ticker_fields(replica.view, found, replica.ticker(found.listing))
    return OrderBookShape(
        **fields,
        change_id=book.change_id,
        bids=show.levels(found, bids),
        asks=show.levels(found, asks),
    )


@registry.method("public/ticker", summary="What an instrument is worth and did in 24 hours.")
def ticker(context: Context, params: GetTicker) -> TickerShape:
    """Return a ticker."""
    found = instrument_of(context, params.instrument_name)
    return show.ticker(service_of(context).replica, found)
