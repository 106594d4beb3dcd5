"""Orders that have ended, own trades, money that came and went, settlements."""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from merkat.api.errors import invalid_params
from merkat.api.numbers import coins, usd
from merkat.api.public.service import first_ns, last_ns
from merkat.api.registry import Context, Registry
from merkat.gateway.asking import (
    SETTLEMENT_CURRENCY,
    Count,
    Kind,
    Name,
    Timestamp,
    client_of,
    currency_of,
    gateway_of,
    instrument_of,
    listings_of,
)
from merkat.gateway.mapping import MS_NS
from merkat.gateway.shapes import (
    ZERO,
    Movements,
    MovementShape,
    OrderShape,
    Settlements,
    SettlementShape,
    UserTrades,
    UserTradeShape,
)
from merkat.market.history import ROWS_MAX
from merkat.market.types import TRADE_PLACE_BITS, Settlement, UserTrade

registry = Registry()

Sorting = Literal["asc", "desc", "default"]
OrderId = Annotated[str, msgspec.Meta(max_length=64)]
TradeId = Annotated[str, msgspec.Meta(max_length=40)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]

_TRADE_ID: Final = re.compile(r"([0-9]{1,18})-([0-9]{1,6})", re.ASCII)
_LATEST_NS: Final = (1 << 63) - 1


class OrdersByCurrencyParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_order_history_by_currency. All of history is searched."""

    currency: Name
    kind: Kind | None = None
    count: Count = 20
    offset: Offset = 0
    include_old: bool = False
    include_unfilled: bool = False
    historical: bool = False


class OrdersByInstrumentParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_order_history_by_instrument."""

    instrument_name: Name
    count: Count = 20
    offset: Offset = 0
    include_old: bool = False
    include_unfilled: bool = False
    historical: bool = False


class TradesByCurrencyParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_user_trades_by_currency (and _and_time)."""

    currency: Name
    kind: Kind | None = None
    start_id: TradeId | None = None
    end_id: TradeId | None = None
    start_timestamp: Timestamp | None = None
    end_timestamp: Timestamp | None = None
    count: Count = 10
    include_old: bool = False
    sorting: Sorting = "default"
    historical: bool = False


class TradesByInstrumentParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_user_trades_by_instrument (and _and_time)."""

    instrument_name: Name
    start_seq: int | None = None
    end_seq: int | None = None
    start_timestamp: Timestamp | None = None
    end_timestamp: Timestamp | None = None
    count: Count = 10
    include_old: bool = False
    sorting: Sorting = "default"
    historical: bool = False


class TradesByOrderParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_user_trades_by_order."""

    order_id: OrderId
    sorting: Sorting = "default"
    historical: bool = False


class MovementsParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_deposits, get_withdrawals and get_transfers."""

    currency: Name
    count: Count = 10
    offset: Offset = 0


class SettlementsByCurrencyParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_settlement_history_by_currency."""

    currency: Name
    type: Literal["settlement", "delivery", "bankruptcy"] | None = None
    count: Count = 20
    search_start_timestamp: Timestamp | None = None


class SettlementsByInstrumentParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_settlement_history_by_instrument."""

    instrument_name: Name
    type: Literal["settlement", "delivery", "bankruptcy"] | None = None
    count: Count = 20
    search_start_timestamp: Timestamp | None = None


# --- orders ---


@registry.method(
    "private/get_order_history_by_currency", summary="Returns ended orders, the newest first."
)
def get_order_history_by_currency(
    context: Context, params: OrdersByCurrencyParams
) -> list[OrderShape]:
    """Return the ended orders of a currency."""
    listings = listings_of(context, params.currency, params.kind)
    return _orders(context, listings, params)


@registry.method(
    "private/get_order_history_by_instrument", summary="Returns ended orders of an instrument."
)
def get_order_history_by_instrument(
    context: Context, params: OrdersByInstrumentParams
) -> list[OrderShape]:
    """Return the ended orders of an instrument."""
    return _orders(context, {instrument_of(context, params.instrument_name).listing}, params)


def _orders(
    context: Context,
    listings: Collection[int] | None,
    params: OrdersByCurrencyParams | OrdersByInstrumentParams,
) -> list[OrderShape]:
    gateway = gateway_of(context)
    orders = gateway.replica.history.orders(
        client_of(context).account,
        listings,
        filled_only=not params.include_unfilled,
        count=params.count,
        offset=params.offset,
    )
    return [gateway.mapper.order(order) for order in orders]


# --- own trades ---


@registry.method("private/get_user_trades_by_currency", summary="Returns own trades.")
def get_user_trades_by_currency(context: Context, params: TradesByCurrencyParams) -> UserTrades:
    """Return own trades of a currency."""
    listings = listings_of(context, params.currency, params.kind)
    least = _trade_number(params.start_id, "start_id", 0)
    most = _trade_number(params.end_id, "end_id", _LATEST_NS)
    return _trades(context, listings, params, (least, most), (0, _LATEST_NS))


@registry.method(
    "private/get_user_trades_by_currency_and_time", summary="Returns own trades of a time."
)
def get_user_trades_by_currency_and_time(
    context: Context, params: TradesByCurrencyParams
) -> UserTrades:
    """Return own trades of a currency and time."""
    return get_user_trades_by_currency(context, params)


@registry.method(
    "private/get_user_trades_by_instrument", summary="Returns own trades of an instrument."
)
def get_user_trades_by_instrument(context: Context, params: TradesByInstrumentParams) -> UserTrades:
    """Return own trades of an instrument."""
    listing = instrument_of(context, params.instrument_name).listing
    least = params.start_seq if params.start_seq is not None else 0
    most = params.end_seq if params.end_seq is not None else _LATEST_NS
    return _trades(context, {listing}, params, (0, _LATEST_NS), (least, most))


@registry.method(
    "private/get_user_trades_by_instrument_and_time",
    summary="Returns own trades of an instrument and time.",
)
def get_user_trades_by_instrument_and_time(
    context: Context, params: TradesByInstrumentParams
) -> UserTrades:
    """Return own trades of an instrument and time."""
    return get_user_trades_by_instrument(context, params)


@registry.method("private/get_user_trades_by_order", summary="Returns the trades of an order.")
def get_user_trades_by_order(context: Context, params: TradesByOrderParams) -> list[UserTradeShape]:
    """Return the trades of an order, oldest first by default."""
    gateway, client = gateway_of(context), client_of(context)
    order = gateway.desk.own(client.account, params.order_id)
    found = gateway.replica.history.user_trades(
        client.account, order=order.origin, newest_first=params.sorting == "desc"
    )
    return [gateway.mapper.trade(one) for one in found]


def _trades(
    context: Context,
    listings: Collection[int] | None,
    params: TradesByCurrencyParams | TradesByInstrumentParams,
    numbers: tuple[int, int],
    sequence: tuple[int, int],
) -> UserTrades:
    """Return a page: the newest first by default, the oldest first where a start is given."""
    starts = params.start_timestamp is not None or numbers[0] > 0 or sequence[0] > 0
    newest_first = params.sorting == "desc" or (params.sorting == "default" and not starts)
    everything = numbers == (0, _LATEST_NS) and sequence == (0, _LATEST_NS)
    end = params.end_timestamp
    found = gateway_of(context).replica.history.user_trades(
        client_of(context).account,
        listings,
        start_ns=first_ns(params.start_timestamp or 0),
        end_ns=last_ns(end) if end is not None else _LATEST_NS,
        count=params.count + 1 if everything else ROWS_MAX,
        newest_first=newest_first,
    )

    def meant(one: UserTrade) -> bool:
        trade = one.trade
        inside = numbers[0] <= trade.number <= numbers[1]
        return inside and sequence[0] <= trade.seq <= sequence[1]

    kept = found if everything else [one for one in found if meant(one)]
    mapper = gateway_of(context).mapper
    page = [mapper.trade(one) for one in kept[: params.count]]
    return UserTrades(page, len(kept) > params.count)


def _trade_number(text: str | None, field: str, absent: int) -> int:
    if text is None:
        return absent
    found = _TRADE_ID.fullmatch(text)
    if found is None:
        raise invalid_params(field, text, "a trade_id such as 1234-0")
    return int(found[1]) << TRADE_PLACE_BITS | int(found[2])


# --- money ---


@registry.method("private/get_deposits", summary="Returns deposits, the newest first.")
def get_deposits(context: Context, params: MovementsParams) -> Movements:
    """Return what came in from the chain."""
    return _movements(context, params, "deposit")


@registry.method("private/get_withdrawals", summary="Returns withdrawals, the newest first.")
def get_withdrawals(context: Context, params: MovementsParams) -> Movements:
    """Return what was made claimable on the chain."""
    return _movements(context, params, "withdrawal")


@registry.method("private/get_transfers", summary="Returns transfers between accounts.")
def get_transfers(context: Context, params: MovementsParams) -> Movements:
    """Return what went to or came from another account."""
    return _movements(context, params, "transfer")


def _movements(context: Context, params: MovementsParams, kind: str) -> Movements:
    currency = currency_of(context, params.currency)
    gateway, account = gateway_of(context), client_of(context).account
    found = gateway.replica.history.settlements(account, kinds=(kind,))
    named = [(one, _currency_of(context, one)) for one in found]
    kept = [(one, name) for one, name in named if currency in (None, name)]
    known = gateway.replica.view.accounts.get(account)
    owner = "0x" + known.owner.hex() if known is not None else ""
    page = kept[params.offset : params.offset + params.count]
    return Movements(len(kept), [_movement(context, one, name, owner) for one, name in page])


def _currency_of(context: Context, one: Settlement) -> str:
    view = gateway_of(context).replica.view
    listing = view.spot_listings.get(one.token) if one.token else None
    if listing is None:
        return SETTLEMENT_CURRENCY
    return view.instruments[listing].contract.base


def _movement(context: Context, one: Settlement, currency: str, owner: str) -> MovementShape:
    view = gateway_of(context).replica.view
    amount = abs(one.amount)
    listing = view.spot_listings.get(one.token) if one.token else None
    exact = (
        usd(amount) if listing is None else coins(amount, view.instruments[listing].size_decimals)
    )
    time_ms = one.time_ns // MS_NS
    return MovementShape(
        id=f"{one.log_number}-{one.place}",
        currency=currency,
        amount=exact,
        state="completed" if one.kind == "deposit" else "confirmed",
        created_timestamp=time_ms,
        updated_timestamp=time_ms,
        received_timestamp=time_ms,
        address=owner,
        transaction_id=None,
        type=one.kind,
        direction="income" if one.amount >= 0 else "payment",
        log_number=one.log_number,
    )


# --- settlements ---

_KINDS: Final = {
    "settlement": ("funding",),
    "delivery": ("delivery",),
    "bankruptcy": ("fund_payment", "write_off", "surplus"),
}


@registry.method(
    "private/get_settlement_history_by_currency", summary="Returns funding and deliveries."
)
def get_settlement_history_by_currency(
    context: Context, params: SettlementsByCurrencyParams
) -> Settlements:
    """Return the settlements of a currency."""
    return _settlements(context, listings_of(context, params.currency, None), params)


@registry.method(
    "private/get_settlement_history_by_instrument",
    summary="Returns funding and deliveries of an instrument.",
)
def get_settlement_history_by_instrument(
    context: Context, params: SettlementsByInstrumentParams
) -> Settlements:
    """Return the settlements of an instrument."""
    return _settlements(context, {instrument_of(context, params.instrument_name).listing}, params)


def _settlements(
    context: Context,
    listings: Collection[int] | None,
    params: SettlementsByCurrencyParams | SettlementsByInstrumentParams,
) -> Settlements:
    kinds = _KINDS[params.type] if params.type is not None else sum(_KINDS.values(), ())
    end = params.search_start_timestamp
    found = gateway_of(context).replica.history.settlements(
        client_of(context).account,
        kinds=kinds,
        listings=listings,
        end_ns=last_ns(end) if end is not None else _LATEST_NS,
        count=params.count,
    )
    return Settlements([_settlement(context, one) for one in found], None)


def _settlement(context: Context, one: Settlement) -> SettlementShape:
    view = gateway_of(context).replica.view
    instrument = view.instruments.get(one.listing)
    amount = usd(one.amount)
    is_funding = one.kind == "funding"
    names = {kind: name for name, kinds in _KINDS.items() for kind in kinds}
    return SettlementShape(
        type=names[one.kind],
        timestamp=one.time_ns // MS_NS,
        instrument_name=instrument.name if instrument is not None else None,
        position=coins(one.position, instrument.size_decimals) if instrument is not None else ZERO,
        mark_price=usd(one.price),
        index_price=usd(view.index_of(one.listing)) if instrument is not None else Decimal(0),
        profit_loss=ZERO if is_funding else amount,
        funding=amount if is_funding else ZERO,
        session_profit_loss=amount,
    )
