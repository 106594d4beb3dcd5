"""What there is: time, status, currencies, instruments, indices, deliveries."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from merkat.api.numbers import coins, usd
from merkat.api.public import show
from merkat.api.public.service import (
    QUOTE,
    group_of_index,
    index_name,
    instrument_of,
    milliseconds,
    registry,
    select,
    service_of,
    view_of,
)
from merkat.api.public.shapes import (
    ContractSize,
    Count,
    CurrencyShape,
    Deliveries,
    Delivery,
    IndexPrice,
    InstrumentShape,
    Status,
)
from merkat.api.registry import FREE, Context, NoParams
from merkat.products.names import format_day

Kind = Literal["any", "future", "option", "spot", "future_combo", "option_combo", "combo"]
_LONG_NAMES: Final = {"BTC": "Bitcoin", "ETH": "Ether", QUOTE: "USD Coin"}
_LISTS_PERPETUAL: Final = "PERPETUAL"


class GetInstruments(Struct, kw_only=True, forbid_unknown_fields=True):
    """currency: a base or USDC, any without one. expired: those that are delivered or closed."""

    currency: str | None = None
    kind: Kind = "any"
    expired: bool = False
    include_spots: bool = True


class GetInstrument(Struct, kw_only=True, forbid_unknown_fields=True):
    """An instrument by its name."""

    instrument_name: str


class GetContractSize(Struct, kw_only=True, forbid_unknown_fields=True):
    """An instrument by its name."""

    instrument_name: str


class GetExpirations(Struct, kw_only=True, forbid_unknown_fields=True):
    """A coin and a kind."""

    currency: str = "any"
    kind: Kind = "any"
    currency_pair: str | None = None


class GetIndexPrice(Struct, kw_only=True, forbid_unknown_fields=True):
    """An index by its name, such as btc_usdc."""

    index_name: str


class GetIndexPriceNames(Struct, kw_only=True, forbid_unknown_fields=True):
    """extended is taken and changes nothing."""

    extended: bool = False


class GetDeliveryPrices(Struct, kw_only=True, forbid_unknown_fields=True):
    """A page of the deliveries of an index."""

    index_name: str
    offset: Annotated[int, Meta(ge=0, le=100_000)] = 0
    count: Count = 10


@registry.method("public/get_time", summary="The venue's clock in milliseconds.", cost=FREE)
def get_time(context: Context, params: NoParams) -> int:
    """Return the venue's clock."""
    return milliseconds(service_of(context).now_ns())


@registry.method("public/status", summary="Whether trading is locked.", cost=FREE)
def status(context: Context, params: NoParams) -> Status:
    """Return that nothing is locked: what cannot trade says so itself."""
    return Status("false", [])


@registry.method("public/get_currencies", summary="The currency of accounts, and the coins.")
def get_currencies(context: Context, params: NoParams) -> list[CurrencyShape]:
    """Return USDC, and the coins that contracts are on."""
    bases = sorted({group.base for group in view_of(context).groups.values()})
    return [_currency(name) for name in (*bases, QUOTE)]


def _currency(name: str) -> CurrencyShape:
    return CurrencyShape(
        currency=name,
        currency_long=_LONG_NAMES.get(name, name),
        coin_type=name,
        decimals=6 if name == QUOTE else 8,
        fee_precision=6 if name == QUOTE else 8,
        min_confirmations=1,
        min_withdrawal_fee=Decimal(0),
        withdrawal_fee=Decimal(0),
        withdrawal_priorities=[],
        in_cross_collateral_pool=name == QUOTE,
    )


@registry.method("public/get_instruments", summary="Instruments of a currency and kind.", units=2)
def get_instruments(context: Context, params: GetInstruments) -> list[InstrumentShape]:
    """Return live instruments, or those that expired."""
    view, now_ns = view_of(context), service_of(context).now_ns()
    found = select(view, params.currency, params.kind)
    return [
        show.instrument(view, one, now_ns)
        for one in found
        if one.active(now_ns) != params.expired and (params.include_spots or not one.token)
    ]


@registry.method("public/get_instrument", summary="One instrument and its terms.")
def get_instrument(context: Context, params: GetInstrument) -> InstrumentShape:
    """Return one instrument."""
    found = instrument_of(context, params.instrument_name)
    return show.instrument(view_of(context), found, service_of(context).now_ns())


@registry.method("public/get_contract_size", summary="Coins of one contract.")
def get_contract_size(context: Context, params: GetContractSize) -> ContractSize:
    """Return the lot of an instrument."""
    found = instrument_of(context, params.instrument_name)
    return ContractSize(coins(found.lot, found.size_decimals))


@registry.method("public/get_expirations", summary="Days on which something expires, by kind.")
def get_expirations(context: Context, params: GetExpirations) -> dict[str, list[str]]:
    """Return the expiries of live instruments as names have them, soonest first."""
    view, now_ns = view_of(context), service_of(context).now_ns()
    days: dict[str, dict[int, str]] = {}
    currency = None if params.currency == "grouped" else params.currency
    for one in select(view, currency, params.kind):
        if one.active(now_ns) and not one.token:
            kind = "option" if one.is_option else "future"
            day = one.contract.expiry
            named = format_day(day) if day is not None else _LISTS_PERPETUAL
            days.setdefault(kind, {})[one.expiry_ns or 1 << 63] = named
    return {kind: [named[at] for at in sorted(named)] for kind, named in sorted(days.items())}


@registry.method("public/get_index_price_names", summary="The names of all indices.")
def get_index_price_names(context: Context, params: GetIndexPriceNames) -> list[str]:
    """Return the names of the indices."""
    return [index_name(group) for group in view_of(context).groups.values()]


@registry.method("public/get_index_price", summary="The index of a coin now.")
def get_index_price(context: Context, params: GetIndexPrice) -> IndexPrice:
    """Return the index that the oracle's newest vector has."""
    group = group_of_index(view_of(context), params.index_name)
    return IndexPrice(usd(group.index), usd(group.index))


@registry.method("public/get_delivery_prices", summary="Delivery prices of an index, newest first.")
def get_delivery_prices(context: Context, params: GetDeliveryPrices) -> Deliveries:
    """Return a page of delivery prices."""
    group = group_of_index(view_of(context), params.index_name)
    newest = sorted(group.delivered, reverse=True)
    page = newest[params.offset : params.offset + params.count]
    data = [
        Delivery(
            datetime.fromtimestamp(expiry_ns // 10**9, UTC).date().isoformat(),
            usd(group.delivered[expiry_ns]),
        )
        for expiry_ns in page
    ]
    return Deliveries(data, len(newest))
