"""Instruments from the Inbox items that list them."""

from __future__ import annotations

from datetime import UTC, datetime

from merkat.market import layout
from merkat.market.types import Instrument
from merkat.products.names import SECOND_NS, Contract, format_name
from merkat.sdk.commands import KIND_PERPETUAL

LIST: int = 3
LIST_DATED: int = 10


def from_item(item: bytes, listing: int, base: str, time_ns: int) -> Instrument:
    """Return the instrument of an item `list` or `list_dated` that was given a number.

    Args:
        item: with its kind and source. base: the coin of its group. time_ns: of the command.
    """
    if item[0] == LIST:
        kind, group, decimals, lot, tick, maker, taker = layout.ITEM_LIST.unpack_from(
            item, layout.ITEM_BODY_AT
        )
        coarse_tick, coarse_from, delivery_fee, strike, expiry_ns, token = tick, 0, 0, 0, 0, 0
    else:
        assert item[0] == LIST_DATED, "only these two items list something"
        (
            kind,
            group,
            decimals,
            lot,
            tick,
            coarse_tick,
            coarse_from,
            maker,
            taker,
            delivery_fee,
            strike,
            expiry_ns,
            token,
        ) = layout.ITEM_LIST_DATED.unpack_from(item, layout.ITEM_BODY_AT)
    contract = contract_of(base, kind, strike, expiry_ns)
    return Instrument(
        listing=listing,
        name=format_name(contract),
        contract=contract,
        group=group,
        kind=kind,
        size_decimals=decimals,
        lot=lot,
        tick_size=tick,
        coarse_tick=coarse_tick,
        coarse_from=coarse_from,
        maker_fee=maker,
        taker_fee=taker,
        delivery_fee=delivery_fee,
        strike=strike,
        expiry_ns=expiry_ns,
        token=token,
        created_ns=time_ns,
    )


def contract_of(base: str, kind: int, strike: int, expiry_ns: int) -> Contract:
    """Return what a listing is, as its name says it."""
    day = datetime.fromtimestamp(expiry_ns // SECOND_NS, UTC).date() if expiry_ns else None
    return Contract(base, kind, day, strike or None)


def perpetual_mark(index: int, basis: int, basis_clamp: int, quantum: int) -> int:
    """Return the mark of a perpetual in a group without rows (rules.md section 1)."""
    clamped = max(-basis_clamp, min(basis_clamp, basis))
    return max(quantum, index * (10**9 + clamped) // (10**9 * quantum) * quantum)


def funding_quanta(cumulative: int, instrument: Instrument) -> int:
    """Return F of a listing, 1e-6 USD a coin: whole quanta of a perpetual's funding."""
    if instrument.kind != KIND_PERPETUAL:
        return 0
    quantum = instrument.quantum
    return cumulative // (quantum * 10**6) * quantum
