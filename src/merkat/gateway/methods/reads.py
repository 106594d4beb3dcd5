"""Open orders and the state of orders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from merkat.api.errors import ApiError
from merkat.api.registry import Context, Registry
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
from merkat.gateway.intents import Fate
from merkat.gateway.shapes import OrderShape
from merkat.market.types import Order

if TYPE_CHECKING:
    from merkat.gateway.service import Gateway

registry = Registry()

# How long a question waits for the fate of an order whose link was lost.
FATE_SECONDS: Final = 30.0
# So long a label that nobody knows is looked for again: the order may have arrived before the
# question and still lie unread in a socket of its own.
GRACE_SECONDS: Final = 0.4
GRACE_STEP_SECONDS: Final = 0.05

OrderId = Annotated[str, msgspec.Meta(max_length=64)]


class OpenOrdersParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_open_orders."""

    kind: Kind | None = None
    type: OrderTypes | None = None


class OpenByCurrencyParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_open_orders_by_currency."""

    currency: Name
    kind: Kind | None = None
    type: OrderTypes | None = None


class OpenByInstrumentParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_open_orders_by_instrument."""

    instrument_name: Name
    type: OrderTypes | None = None


class ByLabelParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of the methods that take a label; `currency` narrows it."""

    label: str
    currency: Name | None = None


class OrderStateParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_order_state."""

    order_id: OrderId


@registry.method("private/get_open_orders", summary="Returns the open orders.")
def get_open_orders(context: Context, params: OpenOrdersParams) -> list[OrderShape]:
    """Return all open orders, oldest first."""
    return _open(context, listings_of(context, None, params.kind), means_type(params.type))


@registry.method(
    "private/get_open_orders_by_currency", summary="Returns the open orders of a currency."
)
def get_open_orders_by_currency(context: Context, params: OpenByCurrencyParams) -> list[OrderShape]:
    """Return the open orders of a currency."""
    listings = listings_of(context, params.currency, params.kind)
    return _open(context, listings, means_type(params.type))


@registry.method(
    "private/get_open_orders_by_instrument", summary="Returns the open orders of an instrument."
)
def get_open_orders_by_instrument(
    context: Context, params: OpenByInstrumentParams
) -> list[OrderShape]:
    """Return the open orders of an instrument."""
    listing = instrument_of(context, params.instrument_name).listing
    return _open(context, {listing}, means_type(params.type))


@registry.method(
    "private/get_open_orders_by_label", summary="Returns the open orders with a label."
)
def get_open_orders_by_label(context: Context, params: ByLabelParams) -> list[OrderShape]:
    """Return the open orders with a label."""
    gateway = gateway_of(context)
    listings = _of_currency(context, params.currency)
    found = gateway.open_by_label(client_of(context).account, params.label)
    return [
        gateway.mapper.order(order)
        for order in found
        if listings is None or order.listing in listings
    ]


@registry.method("private/get_order_state", summary="Returns an order, open or not.")
def get_order_state(context: Context, params: OrderStateParams) -> OrderShape:
    """Return an order by its id."""
    gateway = gateway_of(context)
    return gateway.mapper.order(gateway.desk.own(client_of(context).account, params.order_id))


@registry.method(
    "private/get_order_state_by_label",
    summary="Returns the orders with a label, once the fate of each is known.",
)
async def get_order_state_by_label(context: Context, params: ByLabelParams) -> list[OrderShape]:
    """Return all orders with a label, newest first; what became of each is known for certain."""
    gateway = gateway_of(context)
    listings = _of_currency(context, params.currency)
    account = client_of(context).account
    try:
        async with asyncio.timeout(FATE_SECONDS):
            await _until_read(gateway, account, params.label)
            intents = list(gateway.labels.of_label(account, params.label))
            for intent in intents:
                await gateway.desk.fate_of(intent)
    except TimeoutError:
        raise ApiError(
            13888,
            "what became of an order with this label is not known yet: the venue is away",
            "ask again; the order's fate is settled as soon as the venue is back",
            field="label",
        ) from None
    orders = [gateway.desk.find(one.key) for one in intents if one.fate is Fate.DONE]
    return [
        gateway.mapper.order(order)
        for order in orders
        if order is not None and (listings is None or order.listing in listings)
    ]


async def _until_read(gateway: Gateway, account: int, label: str) -> None:
    """Wait until an order with a label is known, or whatever had arrived was surely read."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + GRACE_SECONDS
    while loop.time() < end_s or gateway.placer.is_placing(account, label):
        if gateway.labels.of_label(account, label):
            return
        await asyncio.sleep(GRACE_STEP_SECONDS)


def _of_currency(context: Context, currency: str | None) -> set[int] | None:
    if currency is None:
        return None
    currency_of(context, currency)
    return listings_of(context, currency, None)


def _open(
    context: Context, listings: set[int] | None, meant: Callable[[Order], bool]
) -> list[OrderShape]:
    gateway = gateway_of(context)
    orders = gateway.replica.view.open_orders(client_of(context).account)
    return [
        gateway.mapper.order(order)
        for order in orders
        if (listings is None or order.listing in listings) and meant(order)
    ]
