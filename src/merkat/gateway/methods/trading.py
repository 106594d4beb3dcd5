"""buy, sell, edit, edit_by_label, close_position."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

import msgspec

from merkat.api.errors import ApiError, invalid_params, missing_param, order_not_found
from merkat.api.registry import ORDER, Context, Registry
from merkat.gateway.asking import Name, client_of, gateway_of, instrument_of
from merkat.gateway.desk import Result
from merkat.gateway.shapes import Placed
from merkat.gateway.terms import (
    Asked,
    not_implemented,
    read_flags,
    read_force,
    read_label,
    read_price,
    read_size,
)
from merkat.market.types import Instrument, Order

registry = Registry()

Text = Annotated[str, msgspec.Meta(max_length=64)]
_ADVANCED_HINT = "send price in USD: a price by volatility or in another unit is not signed here"


class PlaceParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/buy and private/sell. What has no default value here must be left out."""

    instrument_name: Name
    amount: Decimal | None = None
    contracts: Decimal | None = None
    type: Text = "limit"
    label: str | None = None
    price: Decimal | None = None
    time_in_force: Text = "good_til_cancelled"
    post_only: bool = False
    reject_post_only: bool = False
    reduce_only: bool = False
    max_show: Decimal | None = None
    display_amount: Decimal | None = None
    trigger_price: Decimal | None = None
    trigger_offset: Decimal | None = None
    trigger: Text | None = None
    trigger_fill_condition: Text | None = None
    advanced: Text | None = None
    mmp: bool = False
    valid_until: int | None = None
    linked_order_type: Text | None = None
    otoco_config: list[Any] | None = None


class EditParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/edit. `amount` is of the whole order, what is filled included."""

    order_id: Text
    amount: Decimal | None = None
    contracts: Decimal | None = None
    price: Decimal | None = None
    post_only: bool | None = None
    reject_post_only: bool | None = None
    reduce_only: bool | None = None
    advanced: Text | None = None
    trigger_price: Decimal | None = None
    trigger_offset: Decimal | None = None
    mmp: bool = False
    valid_until: int | None = None
    display_amount: Decimal | None = None


class EditByLabelParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/edit_by_label: the one open order of an instrument with a label."""

    label: str
    instrument_name: Name
    amount: Decimal | None = None
    contracts: Decimal | None = None
    price: Decimal | None = None
    post_only: bool | None = None
    reject_post_only: bool | None = None
    reduce_only: bool | None = None
    advanced: Text | None = None
    trigger_price: Decimal | None = None
    mmp: bool = False
    valid_until: int | None = None


class CloseParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/close_position."""

    instrument_name: Name
    type: Text
    price: Decimal | None = None


@registry.method("private/buy", summary="Places a buy order.", cost=ORDER)
async def buy(context: Context, params: PlaceParams) -> Placed:
    """Buy."""
    return await _place(context, params, is_buy=True)


@registry.method("private/sell", summary="Places a sell order.", cost=ORDER)
async def sell(context: Context, params: PlaceParams) -> Placed:
    """Sell."""
    return await _place(context, params, is_buy=False)


@registry.method("private/edit", summary="Changes amount or price of an open order.", cost=ORDER)
async def edit(context: Context, params: EditParams) -> Placed:
    """Edit an order by its id."""
    order = gateway_of(context).desk.own(client_of(context).account, params.order_id)
    if params.trigger_offset is not None or params.display_amount is not None:
        raise _no_triggers("trigger_offset or display_amount")
    return await _edit(context, order, params)


@registry.method(
    "private/edit_by_label", summary="Changes the open order with a label.", cost=ORDER
)
async def edit_by_label(context: Context, params: EditByLabelParams) -> Placed:
    """Edit the one open order of an instrument with a label."""
    instrument = instrument_of(context, params.instrument_name)
    found = gateway_of(context).open_by_label(client_of(context).account, params.label)
    meant = [order for order in found if order.listing == instrument.listing]
    if not meant:
        raise order_not_found(params.label, "label")
    if len(meant) > 1:
        reason = f"{len(meant)} open orders have the label {params.label!r}"
        raise ApiError(11047, reason, "edit one of them by its order_id", field="label")
    return await _edit(context, meant[0], params)


@registry.method("private/close_position", summary="Closes a position.", cost=ORDER)
async def close_position(context: Context, params: CloseParams) -> Placed:
    """Send the opposite of a position: at the market, or up to a price, never resting."""
    gateway, client = gateway_of(context), client_of(context)
    instrument = instrument_of(context, params.instrument_name)
    held = gateway.desk.position(client.account, instrument.listing)
    if not held:
        raise ApiError(
            10010,
            f"there is no position in {instrument.name}",
            "private/get_positions lists those that are open",
            field="instrument_name",
        )
    if params.type == "limit" and params.price is None:
        raise missing_param("price", "the limit price")
    flags, force = read_flags(
        params.type, read_force("immediate_or_cancel"), post_only=False, reduce_only=True
    )
    price = read_price(instrument, params.price) if params.price is not None else None
    asked = Asked(instrument, held < 0, abs(held), price, flags, force, True, False, "")
    return _placed(context, await gateway.placer.place(client, asked))


async def _place(context: Context, params: PlaceParams, *, is_buy: bool) -> Placed:
    client = client_of(context)
    instrument = instrument_of(context, params.instrument_name)
    asked = read_order(instrument, params, is_buy)
    gateway = gateway_of(context)
    if not instrument.active(gateway.now_ns()):
        reason = f"{instrument.name} takes no orders: it has expired or is closed"
        hint = "public/get_instruments lists those that are open"
        raise ApiError(10012, reason, hint, field="instrument_name")
    return _placed(context, await gateway.placer.place(client, asked))


def read_order(instrument: Instrument, params: PlaceParams, is_buy: bool) -> Asked:
    """Return what an order asks for. Raises ApiError for what cannot be meant or is not here."""
    _refuse_unknown_terms(params)
    force = read_force(params.time_in_force)
    flags, force = read_flags(params.type, force, params.post_only, params.reduce_only)
    size, _ = read_size(instrument, params.amount, params.contracts)
    for field in ("max_show", "display_amount"):
        shown = getattr(params, field)
        if shown is not None and shown != params.amount:
            hint = "leave it out: all of an order is shown"
            raise not_implemented(field, "showing less than the amount", hint)
    if params.type == "limit" and params.price is None:
        raise missing_param("price", "the limit price in USD")
    price = read_price(instrument, params.price) if params.price is not None else None
    moves = params.post_only and not params.reject_post_only
    label = read_label(params.label)
    return Asked(instrument, is_buy, size, price, flags, force, params.reduce_only, moves, label)


def _refuse_unknown_terms(params: PlaceParams) -> None:
    """Refuse what the dialect has and the venue's machine has not."""
    read_type = params.type in ("limit", "market")
    if read_type:
        for field in ("trigger_price", "trigger_offset", "trigger", "trigger_fill_condition"):
            if getattr(params, field) is not None:
                raise _no_triggers(field)
    if params.advanced is not None:
        raise not_implemented("advanced", "an advanced order", _ADVANCED_HINT)
    if params.mmp:
        raise not_implemented("mmp", "market maker protection", "leave mmp out")
    if params.linked_order_type is not None or params.otoco_config is not None:
        raise not_implemented(
            "linked_order_type", "an order that depends on another", "send them one by one"
        )
    if params.valid_until is not None:
        hint = "leave it out: an answer says whether the order stands"
        raise not_implemented("valid_until", "a time until which to try", hint)


async def _edit(context: Context, order: Order, params: EditParams | EditByLabelParams) -> Placed:
    """Edit an order that is the caller's."""
    if params.trigger_price is not None:
        raise _no_triggers("trigger_price")
    if params.advanced is not None:
        raise not_implemented("advanced", "an advanced order", _ADVANCED_HINT)
    if params.mmp or params.valid_until is not None:
        field = "mmp" if params.mmp else "valid_until"
        raise not_implemented(field, field, "leave it out")
    if params.post_only is not None and params.post_only != order.is_post_only:
        was = "true" if order.is_post_only else "false"
        hint = "cancel it and send another order"
        raise invalid_params("post_only", params.post_only, f"{was}, as the order was placed", hint)
    if params.reduce_only:
        raise not_implemented(
            "reduce_only", "reduce_only of an order that rests", "leave it out of the edit"
        )
    instrument = gateway_of(context).replica.view.instruments[order.listing]
    size = None
    if params.amount is not None or params.contracts is not None:
        size, _ = read_size(instrument, params.amount, params.contracts)
    price = read_price(instrument, params.price) if params.price is not None else None
    if size is None and price is None:
        raise missing_param("amount", "a new amount or a new price")
    gateway, client = gateway_of(context), client_of(context)
    rejects = params.reject_post_only
    if rejects is None:
        rejects = gateway.mapper.rejects_post_only(order)
    moves = order.is_post_only and not rejects
    result = await gateway.changer.edit(client.client_id, order, size, price, moves)
    return _placed(context, result)


def _no_triggers(field: str) -> ApiError:
    hint = "leave it out: the venue has no trigger orders"
    return not_implemented(field, "a trigger", hint)


def _placed(context: Context, result: Result) -> Placed:
    mapper = gateway_of(context).mapper
    return Placed(mapper.order(result.order), [mapper.trade(one) for one in result.trades])
