"""Sessions: keys that sign orders of an account within a scope (sessions.md section 2)."""

from __future__ import annotations

from merkat.spec.orders import Order
from merkat.spec.rules import rule
from merkat.spec.session_messages import SessionOpen, SessionRevoke
from merkat.spec.settle.leaves import SESSION_OPEN, SESSION_REVOKED, Session
from merkat.spec.settle.outcomes import Outcome
from merkat.spec.settle.shared import S_02, S_03, S_04, known_account, signed_by_owner
from merkat.spec.settle.state import State
from merkat.spec.signatures import SCHEMES, Recover, signed_by
from merkat.spec.typed_data import session_open_digest, session_revoke_digest
from merkat.spec.values import (
    DAY_NS,
    SESSION_SLOT_MAX,
    WALLET_SLOT,
    ZERO_ADDRESS,
    ceil_div,
)

SESSION_NS_MAX = 180 * DAY_NS
KINDS_MAX = 31  # a bit for each kind of listing
EVERY_GROUP = 2**64 - 1
GROUP_BITS = 64

K_01 = rule("K-01", "session_slot", "session_slot", "1 <= slot <= 15")
K_02 = rule("K-02", "session_scheme", "scheme", "the scheme is 1 (secp256k1) or 2 (P-256)")
K_03 = rule(
    "K-03",
    "session_key",
    "key",
    "the key is not zero, not the owner, and not that of a live session of the account",
)
K_04 = rule(
    "K-04", "session_scope", "scope", "1 <= kinds <= 31, groups is not 0, notional is not 0"
)
K_05 = rule("K-05", "session_expiry", "expiry", "t < expiry <= t + 180 days")
K_06 = rule("K-06", "session_taken", "session_slot", "the slot's session is not live")
K_07 = rule("K-07", "session_absent", "session_slot", "the slot has an open session")
K_08 = rule("K-08", "revoke_floor", "floor", "floor >= the account's order floor")
K_09 = rule("K-09", "no_session", "session_slot", "the slot is 0, or that of a live session")
K_10 = rule(
    "K-10", "out_of_scope", "scope", "the listing's kind and group are in the session's scope"
)
K_11 = rule(
    "K-11",
    "over_notional",
    "size",
    "ceil(size x max(limit_price, index) / 10^size_decimals) is at most the session's notional",
)
K_12 = rule("K-12", "outlives_session", "expiry", "the order's expiry <= the session's")


def session_open(state: State, op: SessionOpen, time_ns: int, recover: Recover) -> Outcome:
    """Let a key sign orders of an account."""
    # AUTHORITY
    S_02.require(known_account(state, op.account))
    digest = session_open_digest(state.config, op)
    S_03.require(signed_by_owner(state, op.account, digest, op.signature, recover))
    S_04.require(op.nonce > state.accounts[op.account].nonce)

    # CHECKS
    check_open(state, op, time_ns)

    # EFFECT
    state.change_account(op.account).nonce = op.nonce
    leaf = Session(
        state=SESSION_OPEN,
        scheme=op.scheme,
        kinds=op.kinds,
        groups=op.groups,
        notional=op.notional,
        expiry=op.expiry,
        key=op.key,
    )
    state.put_session(session_key(op.account, op.slot), leaf)

    # RESULT: nothing besides.
    return None


def session_revoke(state: State, op: SessionRevoke, recover: Recover) -> Outcome:
    """Take a key's right away, and void the orders up to a floor."""
    # AUTHORITY
    S_02.require(known_account(state, op.account))
    digest = session_revoke_digest(state.config, op)
    S_03.require(signed_by_owner(state, op.account, digest, op.signature, recover))
    S_04.require(op.nonce > state.accounts[op.account].nonce)

    # CHECKS
    check_revoke(state, op)

    # EFFECT
    account = state.change_account(op.account)
    account.nonce = op.nonce
    account.order_floor = op.floor
    state.change_session(session_key(op.account, op.slot)).state = SESSION_REVOKED

    # RESULT: nothing besides.
    return None


# The same checks, for the venue, which makes them of its commands.


def check_open(state: State, op: SessionOpen, time_ns: int) -> None:
    """Make the checks K-01 to K-06 of a session."""
    K_01.require(1 <= op.slot <= SESSION_SLOT_MAX)
    K_02.require(op.scheme in SCHEMES)
    K_03.require(_may_hold(state, op, time_ns))
    K_04.require(1 <= op.kinds <= KINDS_MAX and op.groups != 0 and op.notional != 0)
    K_05.require(time_ns < op.expiry <= time_ns + SESSION_NS_MAX)
    K_06.require(live_session(state, op.account, op.slot, time_ns) is None)


def check_revoke(state: State, op: SessionRevoke) -> None:
    """Make the checks K-01, K-07 and K-08 of a revocation."""
    K_01.require(1 <= op.slot <= SESSION_SLOT_MAX)
    leaf = state.sessions.get(session_key(op.account, op.slot))
    K_07.require(leaf is not None and leaf.state == SESSION_OPEN)
    K_08.require(op.floor >= state.accounts[op.account].order_floor)


# Sessions of orders, for order_open and for the venue


def session_key(account: int, slot: int) -> int:
    """Return the key of a session's leaf: account (28 bits) ‖ slot (4)."""
    return account << 4 | slot


def live_session(state: State, account: int, slot: int, time_ns: int) -> Session | None:
    """Return a slot's session if it is open and has not expired, None otherwise."""
    if not 1 <= slot <= SESSION_SLOT_MAX:
        return None
    leaf = state.sessions.get(session_key(account, slot))
    return leaf if leaf is not None and _is_live(leaf, time_ns) else None


def live_sessions(state: State, account: int, time_ns: int) -> dict[int, Session]:
    """Return the account's live sessions by slot, ascending."""
    found = (
        (slot, live_session(state, account, slot, time_ns))
        for slot in range(1, SESSION_SLOT_MAX + 1)
    )
    return {slot: session for slot, session in found if session is not None}


def order_session(state: State, order: Order) -> Session:
    """Return the session whose key signs an order of a slot above 0; K-09 saw that it is live."""
    return state.sessions[session_key(order.account, order.slot)]


def may_sign_by_slot(state: State, order: Order, time_ns: int) -> bool:
    """Return whether the order's slot is the wallet's or that of a live session (K-09)."""
    is_wallet = order.slot == WALLET_SLOT
    return is_wallet or live_session(state, order.account, order.slot, time_ns) is not None


def signed_for_slot(
    state: State, order: Order, digest: bytes, signature: bytes, recover: Recover
) -> bool:
    """Return whether an order is signed by the key of its slot (S-03): the owner's of slot 0."""
    if order.slot == WALLET_SLOT:
        return signed_by_owner(state, order.account, digest, signature, recover)
    session = order_session(state, order)
    return signed_by(digest, signature, session.scheme, session.key, recover)


def in_scope(state: State, order: Order) -> bool:
    """Return whether the session may trade the order's listing (K-10)."""
    session, instrument = order_session(state, order), state.instruments[order.listing]
    kind_fits = session.kinds >> (instrument.kind - 1) & 1 == 1
    group_fits = session.groups == EVERY_GROUP or (
        instrument.group < GROUP_BITS and session.groups >> instrument.group & 1 == 1
    )
    return kind_fits and group_fits


def within_notional(state: State, order: Order) -> bool:
    """Return whether the order is worth no more than its session allows (K-11)."""
    return order_notional(state, order) <= order_session(state, order).notional


def order_notional(state: State, order: Order) -> int:
    """Return what a whole order is worth at the dearer of limit and index, in 1e-6 USD, up."""
    instrument = state.instruments[order.listing]
    price = max(order.limit_price, state.groups[instrument.group].index)
    return ceil_div(order.size * price, instrument.coin)


def ends_in_time(state: State, order: Order) -> bool:
    """Return whether the order expires no later than its session (K-12)."""
    return order.expiry <= order_session(state, order).expiry


def _is_live(leaf: Session, time_ns: int) -> bool:
    return leaf.state == SESSION_OPEN and leaf.expiry > time_ns


def _may_hold(state: State, op: SessionOpen, time_ns: int) -> bool:
    """Return whether a key may become that of a session (K-03)."""
    others = live_sessions(state, op.account, time_ns).values()
    taken = {state.accounts[op.account].owner, *(session.key for session in others)}
    return op.key != ZERO_ADDRESS and op.key not in taken
