"""Orders: opened by their slot's signature, closed, voided by a floor, dropped.

Sources: rules.md section 2.3, sessions.md section 2.
"""

from __future__ import annotations

from dataclasses import replace

from merkat.spec.messages import Floor
from merkat.spec.orders import Order, hour_of_key
from merkat.spec.rules import rule
from merkat.spec.settle.leaves import CLOSED, OPEN, Instrument, OrderLeaf
from merkat.spec.settle.ops import DropHour, OrderClose, OrderOpen
from merkat.spec.settle.outcomes import Outcome
from merkat.spec.settle.sessions import (
    K_09,
    K_10,
    K_11,
    K_12,
    ends_in_time,
    in_scope,
    may_sign_by_slot,
    signed_for_slot,
    within_notional,
)
from merkat.spec.settle.shared import S_02, S_03, known_account, signed_by_owner
from merkat.spec.settle.state import State
from merkat.spec.signatures import Recover
from merkat.spec.typed_data import floor_digest, order_digest
from merkat.spec.values import (
    ALL_FLAGS,
    BUY,
    HOUR_NS,
    HOURS_END,
    IMMEDIATE_BIT,
    MINUTE_NS,
    SELL,
    WALLET_SLOT,
    WEEK_NS,
)

PRICE_MAX = 2**52
SIZE_END = 2**56
NOTIONAL_END = 2**88

P_01 = rule("P-01", "open_listing", "listing", "the listing exists")
P_02 = rule("P-02", "open_side", "side", "the side is 0 or 1; the flags are 0, 1, 2 or 5")
P_03 = rule("P-03", "open_price", "limit_price", "on tick, 0 < limit_price <= 2^52")
P_04 = rule(
    "P-04", "open_size", "size", "a multiple of lot, 0 < size < 2^56, size x limit_price < 2^88"
)
P_05 = rule("P-05", "open_expired", "expiry", "expiry > t")
P_06 = rule("P-06", "open_far", "expiry", "expiry - t <= 7 days, or 1 minute with flag bit 0")
P_07 = rule("P-07", "open_floor", "counter", "the counter is above the account's order floor")
P_08 = rule(
    "P-08",
    "open_version",
    "version",
    "version >= 1, and the leaf is absent, or open with a smaller version and the same side, "
    "flags and listing, and size > filled",
)
P_09 = rule(
    "P-09",
    "open_renews",
    "renews",
    "renews is zero; or it names another key of the account, whose leaf is absent, or open with "
    "the same side, flags and listing and at least the new size left; and the new leaf is absent",
)
P_10 = rule("P-10", "close_absent", "counter", "the leaf exists and is open")
P_11 = rule("P-11", "floor_not_larger", "floor", "the floor is above the order floor")
P_12 = rule("P-12", "drop_early", "hour", "hour < 2^20 and its end is 7 days past")


def order_open(state: State, op: OrderOpen, time_ns: int, recover: Recover) -> Outcome:
    """Make a signed order known: a new one, a larger version, or a renewal."""
    # AUTHORITY
    order = op.order
    S_02.require(known_account(state, order.account))
    K_09.require(may_sign_by_slot(state, order, time_ns))
    digest = order_digest(state.config, order)
    S_03.require(signed_for_slot(state, order, digest, op.signature, recover))

    # CHECKS
    P_01.require(order.listing in state.instruments)
    P_02.require(known_side(order), "side")
    P_02.require(known_flags(order), "flags")
    P_03.require(price_on_tick(state, order))
    P_04.require(size_in_lots(state, order))
    P_05.require(order.expiry > time_ns)
    P_06.require(expires_in_time(order, time_ns))
    if order.slot != WALLET_SLOT:
        K_10.require(in_scope(state, order))
        K_11.require(within_notional(state, order))
        K_12.require(ends_in_time(state, order))
    P_07.require(order.counter > state.accounts[order.account].order_floor)
    P_08.require(order.version >= 1 and _absent_or_older(state, order))
    P_09.require(not order.renews or _may_renew(state, order))

    # EFFECT
    standing = state.orders.get(order.key)
    leaf = OrderLeaf(
        state=OPEN,
        side=order.side,
        flags=order.flags,
        version=order.version,
        listing=order.listing,
        expiry=order.expiry,
        limit_price=order.limit_price,
        size=order.size,
        filled=standing.filled if standing else 0,
        fee_cap=order.fee_cap,
    )
    state.put_order(order.key, leaf)
    if order.renews:
        old = state.orders.get(order.renews_key)
        closed = replace(old, state=CLOSED) if old else OrderLeaf(state=CLOSED)
        state.put_order(order.renews_key, closed)

    # RESULT: nothing besides.
    return None


def order_close(state: State, op: OrderClose) -> Outcome:
    """Close an order: the venue says that it trades no more."""
    # AUTHORITY: the venue's; a closed order only fails to trade.
    # CHECKS
    P_10.require(is_open(state, op.key))

    # EFFECT
    state.change_order(op.key).state = CLOSED

    # RESULT: nothing besides.
    return None


def floor(state: State, op: Floor, recover: Recover) -> Outcome:
    """Void every order of an account with a counter up to the floor."""
    # AUTHORITY
    S_02.require(known_account(state, op.account))
    digest = floor_digest(state.config, op)
    S_03.require(signed_by_owner(state, op.account, digest, op.signature, recover))

    # CHECKS
    P_11.require(op.floor > state.accounts[op.account].order_floor)

    # EFFECT
    state.change_account(op.account).order_floor = op.floor

    # RESULT: nothing besides.
    return None


def drop_hour(state: State, op: DropHour, time_ns: int) -> Outcome:
    """Remove every order leaf of an hour that nobody can dispute any more."""
    # AUTHORITY: anyone's.
    # CHECKS
    P_12.require(droppable(op.hour, time_ns))

    # EFFECT
    for key in [key for key in state.orders if hour_of_key(key) == op.hour]:
        state.drop_order(key)

    # RESULT: nothing besides.
    return None


# The same checks, for the venue, which makes them under ids of its own.


def known_side(order: Order) -> bool:
    """Return whether an order buys or sells (P-02)."""
    return order.side in (BUY, SELL)


def known_flags(order: Order) -> bool:
    """Return whether an order's flags are known (P-02)."""
    return order.flags in ALL_FLAGS


def price_on_tick(state: State, order: Order) -> bool:
    """Return whether an order's limit price is on the grid and within bounds (P-03)."""
    on_grid = on_tick(state.instruments[order.listing], order.limit_price)
    return on_grid and 0 < order.limit_price <= PRICE_MAX


def on_tick(instrument: Instrument, price: int) -> bool:
    """Return whether orders may name a price: coarser steps where it is larger."""
    is_coarse = price >= instrument.coarse_from
    return price % instrument.tick == 0 and not (is_coarse and price % instrument.coarse_tick)


def size_in_lots(state: State, order: Order) -> bool:
    """Return whether an order's size is in whole lots and within bounds (P-04)."""
    whole = order.size % state.instruments[order.listing].lot == 0
    return whole and 0 < order.size < SIZE_END and order.size * order.limit_price < NOTIONAL_END


def expires_in_time(order: Order, time_ns: int) -> bool:
    """Return whether an order expires soon enough, in an hour that keys can name (P-06)."""
    longest = MINUTE_NS if order.flags & IMMEDIATE_BIT else WEEK_NS
    return order.expiry - time_ns <= longest and order.expiry_hour < HOURS_END


def is_open(state: State, key: int) -> bool:
    """Return whether an order's leaf exists and is open."""
    leaf = state.orders.get(key)
    return leaf is not None and leaf.state == OPEN


def droppable(hour: int, time_ns: int) -> bool:
    """Return whether an hour's leaves may go (P-12)."""
    return hour < HOURS_END and (hour + 1) * HOUR_NS + WEEK_NS <= time_ns


def _absent_or_older(state: State, order: Order) -> bool:
    leaf = state.orders.get(order.key)
    return leaf is None or (
        leaf.state == OPEN
        and leaf.version < order.version
        and _same_terms(leaf, order)
        and order.size > leaf.filled
    )


def _may_renew(state: State, order: Order) -> bool:
    names_another = order.renews_hour < HOURS_END and order.renews_key != order.key
    old = state.orders.get(order.renews_key)
    old_is_fit = old is None or (
        old.state == OPEN and _same_terms(old, order) and order.size <= old.remaining
    )
    return names_another and old_is_fit and order.key not in state.orders


def _same_terms(leaf: OrderLeaf, order: Order) -> bool:
    terms = (leaf.side, leaf.flags, leaf.listing)
    return terms == (order.side, order.flags, order.listing)
