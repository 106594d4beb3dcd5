"""Who may send a command: the account exists, its owner signed, the nonce was never used."""

from __future__ import annotations

from merkat.spec.venue.rules import C_02, C_03, C_04
from merkat.spec.venue.state import NONCES_KEPT, VenueAccount, VenueState

NONCE_UNIT_NS = 1_000_000
NONCE_AHEAD_MS_MAX = 86_400_000


def authorise(venue: VenueState, account: int, digest: bytes, signature: bytes, nonce: int) -> None:
    """C-02 to C-04 for place, amend, renew, cancel and floor; then the nonce is used up."""
    _check_signer(venue, account, digest, signature)
    known = venue.accounts[account]
    C_04.require(
        not known.knows(nonce)
        and (len(known.nonces) < NONCES_KEPT or nonce > known.nonces[0])
        and nonce <= venue.time_ns // NONCE_UNIT_NS + NONCE_AHEAD_MS_MAX
    )
    known.use(nonce)


def authorise_strictly(
    venue: VenueState, account: int, digest: bytes, signature: bytes, nonce: int
) -> None:
    """C-02 to C-04 for withdraw, transfer and margin_mode, whose nonces only grow."""
    _check_signer(venue, account, digest, signature)
    known: VenueAccount = venue.accounts[account]
    C_04.require(nonce > known.strict_nonce)
    known.strict_nonce = nonce


def _check_signer(venue: VenueState, account: int, digest: bytes, signature: bytes) -> None:
    C_02.require(account in venue.settlement.accounts)
    C_03.require(venue.recover(digest, signature) == venue.account(account).owner)
