"""Who may send a command: the account exists, the right key signed, the nonce was never used.

Sources: rules.md section 3, sessions.md section 3.
"""

from __future__ import annotations

from merkat.spec.messages import Cancel
from merkat.spec.orders import Order
from merkat.spec.settle.sessions import live_session, live_sessions, signed_for_slot
from merkat.spec.settle.shared import signed_by_owner
from merkat.spec.signatures import signed_by
from merkat.spec.typed_data import cancel_digest, order_digest
from merkat.spec.values import SESSION_SLOT_MAX, WALLET_SLOT
from merkat.spec.venue.rules import C_02, C_03, C_04, C_07, C_08
from merkat.spec.venue.state import VenueState

NONCE_UNIT_NS = 1_000_000
NONCE_AHEAD_MS_MAX = 86_400_000


def authorise_order(venue: VenueState, order: Order, signature: bytes) -> None:
    """C-02 to C-08 for place, amend and renew: the key of the order's slot signs."""
    state, account, slot = venue.settlement, order.account, order.slot
    C_02.require(account in state.accounts)
    C_07.require(slot <= SESSION_SLOT_MAX)
    if slot != WALLET_SLOT:
        C_08.require(live_session(state, account, slot, venue.time_ns) is not None)
    digest = order_digest(venue.config, order)
    C_03.require(signed_for_slot(state, order, digest, signature, venue.recover))
    _use_nonce(venue, account, slot, order.nonce)


def authorise_cancel(venue: VenueState, cancel: Cancel) -> None:
    """C-02 to C-07 for cancel: the owner signs, or any live session of the account."""
    C_02.require(cancel.account in venue.settlement.accounts)
    C_07.require(cancel.slot <= SESSION_SLOT_MAX)
    slot = _slot_of_signer(venue, cancel)
    C_03.require(slot is not None)
    assert slot is not None
    _use_nonce(venue, cancel.account, slot, cancel.nonce)


def authorise(venue: VenueState, account: int, digest: bytes, signature: bytes, nonce: int) -> None:
    """C-02 to C-04 for floor; then the nonce is used up."""
    _check_owner(venue, account, digest, signature)
    _use_nonce(venue, account, WALLET_SLOT, nonce)


def authorise_strictly(
    venue: VenueState, account: int, digest: bytes, signature: bytes, nonce: int
) -> None:
    """C-02 to C-04 for the commands whose nonces only grow.

    These are withdraw, transfer, margin_mode, session_open and session_revoke.
    """
    _check_owner(venue, account, digest, signature)
    known = venue.accounts[account]
    C_04.require(nonce > known.strict_nonce)
    known.strict_nonce = nonce


def _check_owner(venue: VenueState, account: int, digest: bytes, signature: bytes) -> None:
    state = venue.settlement
    C_02.require(account in state.accounts)
    C_03.require(signed_by_owner(state, account, digest, signature, venue.recover))


def _slot_of_signer(venue: VenueState, cancel: Cancel) -> int | None:
    """The slot of the key that signed a cancel: 0 the owner's, None for a stranger's."""
    state, recover, signature = venue.settlement, venue.recover, cancel.signature
    digest = cancel_digest(venue.config, cancel)
    if signed_by_owner(state, cancel.account, digest, signature, recover):
        return WALLET_SLOT
    for slot, session in live_sessions(state, cancel.account, venue.time_ns).items():
        if signed_by(digest, signature, session.scheme, session.key, recover):
            return slot
    return None


def _use_nonce(venue: VenueState, account: int, slot: int, nonce: int) -> None:
    """C-04 by the window of the signer's slot; then the nonce is used up."""
    known = venue.accounts[account]
    is_near = nonce <= venue.time_ns // NONCE_UNIT_NS + NONCE_AHEAD_MS_MAX
    C_04.require(known.may_use(slot, nonce) and is_near)
    known.use(slot, nonce)
