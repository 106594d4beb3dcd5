"""cancel, cancel_all and their like. They pay from a bucket of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated

import msgspec

from merkat.api.registry import CANCEL, Context, Registry
from merkat.gateway.asking import (
    Kind,
    Name,
    OrderTypes,
    client_of,
    currency_of,
    gateway_of,
    instrument_of,
    listings_of,
    means_type,
)
from merkat.gateway.shapes import OrderShape
from merkat.market.types import Order

registry = Registry()

# A count, or with detailed=true the orders.
Cancelled = int | list[OrderShape]


class CancelParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/cancel."""

    order_id: Annotated[str, msgspec.Meta(max_length=64)]


class CancelAllParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/cancel_all."""

    detailed: bool = False
    freeze_quotes: bool = False


class CancelByCurrencyParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/cancel_all_by_currency."""

    currency: Name
    kind: Kind | None = None
    type: OrderTypes | None = None
    detailed: bool = False
    freeze_quotes: bool = False


class CancelByKindParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/cancel_all_by_kind_or_type; `currency` may be a list."""

    currency: str | list[str]
    kind: Kind | None = None
    type: OrderTypes | None = None
    detailed: bool = False
    freeze_quotes: bool = False


class CancelByInstrumentParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/cancel_all_by_instrument."""

    instrument_name: Name
    type: OrderTypes | None = None
    detailed: bool = False
    include_combos: bool = False
    freeze_quotes: bool = False


class CancelByLabelParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/cancel_by_label."""

    label: str
    currency: Name | None = None
    detailed: bool = False


@registry.method("private/cancel", summary="Cancels an open order and returns it.", cost=CANCEL)
async def cancel(context: Context, params: CancelParams) -> OrderShape:
    """Cancel an order by its id."""
    gateway, client = gateway_of(context), client_of(context)
    order = gateway.desk.own(client.account, params.order_id)
    return gateway.mapper.order(await gateway.canceller.cancel(client, order))


@registry.method("private/cancel_all", summary="Cancels all open orders.", cost=CANCEL)
async def cancel_all(context: Context, params: CancelAllParams) -> Cancelled:
    """Cancel everything."""
    return await _cancel(context, lambda order: True, params.detailed)


@registry.method(
    "private/cancel_all_by_currency", summary="Cancels the orders of a currency.", cost=CANCEL
)
async def cancel_all_by_currency(context: Context, params: CancelByCurrencyParams) -> Cancelled:
    """Cancel the orders of a currency and kind."""
    meant = _in_listings(listings_of(context, params.currency, params.kind), params.type)
    return await _cancel(context, meant, params.detailed)


@registry.method(
    "private/cancel_all_by_kind_or_type",
    summary="Cancels the orders of currencies, a kind and a type.",
    cost=CANCEL,
)
async def cancel_all_by_kind_or_type(context: Context, params: CancelByKindParams) -> Cancelled:
    """Cancel the orders of one or several currencies."""
    asked = [params.currency] if isinstance(params.currency, str) else params.currency
    listings: set[int] | None = set()
    for currency in asked:
        found = listings_of(context, currency, params.kind)
        listings = None if found is None or listings is None else listings | found
    return await _cancel(context, _in_listings(listings, params.type), params.detailed)


@registry.method(
    "private/cancel_all_by_instrument", summary="Cancels the orders of an instrument.", cost=CANCEL
)
async def cancel_all_by_instrument(context: Context, params: CancelByInstrumentParams) -> Cancelled:
    """Cancel the orders of an instrument."""
    listing = instrument_of(context, params.instrument_name).listing
    return await _cancel(context, _in_listings({listing}, params.type), params.detailed)


@registry.method("private/cancel_by_label", summary="Cancels the orders with a label.", cost=CANCEL)
async def cancel_by_label(context: Context, params: CancelByLabelParams) -> Cancelled:
    """Cancel the orders with a label."""
    gateway = gateway_of(context)
    listings = None
    if params.currency is not None:
        currency_of(context, params.currency)
        listings = listings_of(context, params.currency, None)

    def meant(order: Order) -> bool:
        intent = gateway.labels.of_order(order.origin)
        same = intent is not None and intent.label == params.label and params.label != ""
        return same and (listings is None or order.listing in listings)

    return await _cancel(context, meant, params.detailed)


def _in_listings(listings: Iterable[int] | None, wanted: str | None) -> Callable[[Order], bool]:
    of_type = means_type(wanted)
    if listings is None:
        return of_type
    kept = frozenset(listings)
    return lambda order: order.listing in kept and of_type(order)


async def _cancel(context: Context, meant: Callable[[Order], bool], detailed: bool) -> Cancelled:
    gateway = gateway_of(context)
    orders = await gateway.canceller.cancel_all(client_of(context), meant)
    return [gateway.mapper.order(order) for order in orders] if detailed else len(orders)
