"""Sessions in a random market: keys are opened, trade, end, and are opened anew."""

from __future__ import annotations

from dataclasses import replace

from merkat.spec.orders import Order
from merkat.spec.settle import margin
from merkat.spec.settle.leaves import Session
from merkat.spec.settle.sessions import EVERY_GROUP, KINDS_MAX, live_session, session_key
from merkat.spec.signatures import P256, SECP256K1
from merkat.spec.values import DAY_NS, HOUR_NS
from merkat.spec.vectors.script import USD, Trader
from tests.differential.walk import SECOND, Walk

SLOTS = (1, 1, 2, 2, 3, 15)
KEYS = 12
UNBOUNDED = 2**64 - 1


def open_session(walk: Walk) -> None:
    """An owner lets a key trade; now and then one field is wrong, or a session signs."""
    draws, script = walk.draws, walk.script
    by = walk.standing_trader()
    slot, scheme = draws.choice(SLOTS), draws.choice((SECP256K1, P256))
    key = walk.key(draws.below(KEYS), scheme)
    equity = max(USD, margin.figures(script.state, by.account).equity)
    life_ns = draws.choice((60 * SECOND, HOUR_NS, DAY_NS, 30 * DAY_NS, 180 * DAY_NS))
    body = script.session_body(
        by,
        slot,
        key,
        groups=draws.choice((EVERY_GROUP,) * 7 + (1, 2, 3)),
        kinds=draws.choice((KINDS_MAX,) * 7 + (1, 30, 13)),
        notional=draws.choice((UNBOUNDED, 2 * equity, 6 * equity, 12 * equity)),
        expiry=script.time_ns + life_ns,
    )
    if draws.chance(12):
        name = draws.choice(("slot", "scheme", "groups", "kinds", "notional", "expiry", "nonce"))
        spoilt = draws.choice((0, 1, 3, 16, 32, 255))
        body = script.session_body(by, slot, key, **{name: spoilt})
    elif draws.chance(5):
        owner = draws.choice((by.wallet.address, bytes(20)))
        body = script.session_body(by, slot, replace(key, address=owner))
    elif draws.chance(5):
        body = script.session_body(by, slot, key, signed_by=signing(walk, by).wallet)
    script.say(body)
    if script.state.sessions.get(session_key(by.account, body.slot)) is not None:
        opened = script.state.sessions[session_key(by.account, body.slot)]
        if opened.key == key.address:
            walk.keys[by.account, body.slot] = Trader(by.account, key, body.slot)


def revoke_session(walk: Walk) -> None:
    """An owner takes a key's right away, with or without a floor; or that of no session."""
    draws, script = walk.draws, walk.script
    if not walk.keys or draws.chance(8):
        by = walk.trader()
        script.revoke(by, draws.choice((0, 1, 2, 16)))
        return
    account, slot = draws.choice(sorted(walk.keys))
    by = walk.trader_of(account)
    floor = script.state.accounts[account].order_floor
    orders = script.venue.accounts[account].open_orders.ascending()
    if orders and draws.chance(35):
        floor = draws.choice(orders).order.counter
    elif floor > 0 and draws.chance(20):
        floor += draws.choice((-1, 1))
    script.revoke(by, slot, max(0, floor))


def signing(walk: Walk, owner: Trader) -> Trader:
    """Return who signs for an account: its owner, or one of the keys that it has had."""
    state, dead_too = walk.script.state, walk.draws.chance(8)
    keys = [
        key
        for (account, slot), key in sorted(walk.keys.items())
        if account == owner.account
        and (dead_too or live_session(state, account, slot, walk.now_ns) is not None)
    ]
    return walk.draws.choice(keys) if keys and walk.draws.chance(60) else owner


def signer_of(walk: Walk, order: Order) -> Trader:
    """Return who signs a newer body of an order: the newest key of its slot, mostly."""
    owner = walk.trader_of(order.account)
    if walk.draws.permille(30):
        return replace(signing(walk, owner), slot=order.slot)
    return walk.keys.get((order.account, order.slot), owner) if order.slot else owner


def canceller(walk: Walk, order: Order) -> Trader:
    """Return any key of the account: whoever signs, the slot is that of the order."""
    return signing(walk, walk.trader_of(order.account))


def fitted(walk: Walk, order: Order) -> Order:
    """Return a session's order cut to its session, mostly: expiry and size."""
    session = session_of(walk, order)
    if session is None or walk.draws.chance(6):
        return order
    fitting = replace(order, expiry=min(order.expiry, session.expiry))
    instrument = walk.script.state.instruments[order.listing]
    index = walk.script.group_leaf(instrument.group).index
    price = max(order.limit_price, index)
    most = session.notional * instrument.coin // price // instrument.lot * instrument.lot
    if most < fitting.size or (most < 2**50 and walk.draws.chance(25)):
        fitting = replace(fitting, size=max(instrument.lot, most))
    return fitting


def session_of(walk: Walk, order: Order) -> Session | None:
    """Return the leaf of an order's session, None for the wallet's or where there is none."""
    if not 1 <= order.slot <= 15:
        return None
    return walk.script.state.sessions.get(session_key(order.account, order.slot))
