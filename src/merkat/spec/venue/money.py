"""Commands 6 and 7, withdraw and transfer: only what open orders leave free (rules.md 3.3)."""

from __future__ import annotations

from merkat.spec.messages import Transfer, Withdraw
from merkat.spec.settle import margin
from merkat.spec.settle.leaves import BANKRUPT
from merkat.spec.settle.money import (
    AMOUNT_END,
    W_01,
    W_02,
    W_03,
    W_04,
    W_05,
    W_06,
    may_pay_out,
)
from merkat.spec.settle.shared import S_02, known_account
from merkat.spec.typed_data import transfer_digest, withdraw_digest
from merkat.spec.values import SETTLEMENT_TOKEN
from merkat.spec.venue import events
from merkat.spec.venue.authority import authorise_strictly
from merkat.spec.venue.margin import equity, initial_margin
from merkat.spec.venue.state import VenueState


def withdraw(venue: VenueState, command: Withdraw) -> None:
    """Turn cash into a claim on the Vault."""
    state = venue.settlement

    # AUTHORITY
    digest = withdraw_digest(venue.config, command)
    authorise_strictly(venue, command.account, digest, command.signature, command.nonce)

    # CHECKS
    W_01.require(command.token == SETTLEMENT_TOKEN)
    W_02.require(0 < command.amount < AMOUNT_END)
    W_04.require(may_pay_out(state, command.account))
    W_05.require(margin.all_fresh(state, command.account, venue.time_ns))
    W_06.require(command.amount <= free_cash(venue, command.account))

    # EFFECT
    venue.emit(command)

    # EVENTS
    claimable = venue.account(command.account).claimable[command.token]
    venue.event(events.Withdrawn(command.account, command.token, command.amount, claimable))


def transfer(venue: VenueState, command: Transfer) -> None:
    """Move cash to another account."""
    state = venue.settlement

    # AUTHORITY
    digest = transfer_digest(venue.config, command)
    authorise_strictly(venue, command.account, digest, command.signature, command.nonce)

    # CHECKS
    W_02.require(0 < command.amount < AMOUNT_END)
    S_02.require(known_account(state, command.to_account), "to_account")
    W_03.require(command.to_account != command.account)
    W_03.require(venue.account(command.to_account).stage != BANKRUPT)
    W_04.require(may_pay_out(state, command.account))
    W_05.require(margin.all_fresh(state, command.account, venue.time_ns))
    W_06.require(command.amount <= free_cash(venue, command.account))

    # EFFECT
    venue.emit(command)

    # EVENTS
    venue.event(events.Transferred(command.account, command.to_account, command.amount))


def free_cash(venue: VenueState, account: int) -> int:
    """W-06: what may leave: equity above the margin with open orders, and above a move's loss."""
    kept = max(
        initial_margin(venue, account), margin.net_delta_requirement(venue.settlement, account)
    )
    return equity(venue, account) - kept
