"""What the private methods share: who asks, and which instruments and orders somebody means."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias, cast

import msgspec

from merkat.api.public.service import ANY, QUOTE, check_currency, instrument_of, kind_of, select
from merkat.api.public.shapes import Milliseconds
from merkat.api.registry import Context
from merkat.gateway.keys import KeyedClient
from merkat.market.types import Order
from merkat.sdk.commands import MARKET

if TYPE_CHECKING:
    from merkat.gateway.service import Gateway

__all__ = ["currency_of", "instrument_of", "kind_of"]

SETTLEMENT_CURRENCY: Final = QUOTE

Name = Annotated[str, msgspec.Meta(max_length=64)]
Kind: TypeAlias = Literal[
    "future", "option", "spot", "future_combo", "option_combo", "combo", "any"
]
Timestamp = Milliseconds
Count = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
OrderTypes: TypeAlias = Literal[
    "all",
    "limit",
    "trigger_all",
    "stop_all",
    "stop_limit",
    "stop_market",
    "take_all",
    "take_limit",
    "take_market",
    "trailing_all",
    "trailing_stop",
]


def gateway_of(context: Context) -> Gateway:
    """Return the gateway that serves a request."""
    return cast("Gateway", context.service)


def client_of(context: Context) -> KeyedClient:
    """Return who asks. Raises ApiError 13009."""
    client = context.authenticated()
    assert isinstance(client, KeyedClient), "the gateway's clients are those of its keys file"
    return client


def currency_of(context: Context, currency: str) -> str | None:
    """Return a currency in capitals, None for any. Raises ApiError -32602 for one unheard of."""
    return check_currency(gateway_of(context).replica.view, currency)


def currencies(context: Context) -> list[str]:
    """Return the currencies that are here: the settlement's, then the coins traded."""
    view = gateway_of(context).replica.view
    return [SETTLEMENT_CURRENCY, *(group.base for group in view.groups.values())]


def listings_of(context: Context, currency: str | None, kind: str | None) -> set[int] | None:
    """Return the listings that a currency and a kind mean; None for all."""
    view = gateway_of(context).replica.view
    wanted = check_currency(view, currency)
    if wanted in (None, QUOTE) and kind in (None, ANY):
        return None
    return {instrument.listing for instrument in select(view, currency, kind)}


def means_type(wanted: str | None) -> Callable[[Order], bool]:
    """Return what tells whether an order is of a type: `all`, `limit` or one that is not here."""
    if wanted in (None, "all"):
        return lambda order: True
    if wanted == "limit":
        return lambda order: order.flags != MARKET
    return lambda order: False
