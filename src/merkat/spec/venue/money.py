"""Commands 6 to 8, withdraw, transfer and margin_mode: only what open orders leave free.

Sources: rules.md section 3.3, derivatives.md sections 4 and 5.
"""

from __future__ import annotations

from merkat.spec.messages import MarginMode, Transfer, Withdraw
from merkat.spec.settle import margin
from merkat.spec.settle.collateral import known_token, spot_listing
from merkat.spec.settle.leaves import BANKRUPT, STANDARD
from merkat.spec.settle.money import (
    AMOUNT_END,
    W_01,
    W_02,
    W_03,
    W_04,
    W_05,
    W_06,
    W_07,
    W_08,
    W_09,
    W_10,
    amount_fits,
    another_mode,
    may_pay_out,
)
from merkat.spec.settle.shared import S_02, known_account
from merkat.spec.typed_data import margin_mode_digest, transfer_digest, withdraw_digest
from merkat.spec.values import SETTLEMENT_TOKEN
from merkat.spec.venue import derivative_events, events
from merkat.spec.venue.authority import authorise_strictly
from merkat.spec.venue.margin import holds_with_orders, initial_margin
from merkat.spec.venue.state import VenueState


def withdraw(venue: VenueState, command: Withdraw) -> None:
    """Turn cash or collateral into a claim on the Vault."""
    state, token = venue.settlement, command.token

    # AUTHORITY
    digest = withdraw_digest(venue.config, command)
    authorise_strictly(venue, command.account, digest, command.signature, command.nonce)

    # CHECKS
    W_01.require(known_token(state, token))
    W_02.require(amount_fits(state, command))
    W_04.require(may_pay_out(state, command.account))
    W_05.require(margin.all_fresh(state, command.account, venue.time_ns))
    W_06.require(margin_stays(venue, command))

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


def margin_mode(venue: VenueState, command: MarginMode) -> None:
    """Count an account's margin another way from now on."""
    state = venue.settlement

    # AUTHORITY
    digest = margin_mode_digest(venue.config, command)
    authorise_strictly(venue, command.account, digest, command.signature, command.nonce)

    # CHECKS
    account = venue.account(command.account)
    W_07.require(another_mode(state, command))
    W_08.require(account.stage == STANDARD)
    W_09.require(margin.all_fresh(state, command.account, venue.time_ns))
    sizes = margin.sizes_of(account)
    figures = margin.figures_of(state, account.cash, sizes, command.mode)
    needed = initial_margin(venue, command.account, mode=command.mode)
    W_10.require(holds_with_orders(figures, needed))

    # EFFECT
    venue.emit(command)

    # EVENTS
    venue.event(derivative_events.MarginModeSet(command.account, command.mode))


def margin_stays(venue: VenueState, command: Withdraw) -> bool:
    """W-06: margin with open orders, a move's loss and the loan hold without what leaves."""
    if command.token == SETTLEMENT_TOKEN:
        return command.amount <= free_cash(venue, command.account)
    listing = spot_listing(venue.settlement, command.token)
    assert listing is not None, "W-01 let the token pass"
    return _bears_without(venue, command.account, listing, command.amount)


def free_cash(venue: VenueState, account: int) -> int:
    """W-06: what may leave of the cash: above margin with orders and a move's loss.

    It is no more than what the loan limit still lets the account owe.
    """
    state = venue.settlement
    own = margin.figures(state, account)
    kept = max(initial_margin(venue, account), margin.net_delta_requirement(state, account))
    return min(own.wide_equity - kept, own.usd + own.loan_limit)


def _bears_without(venue: VenueState, account: int, listing: int, amount: int) -> bool:
    state = venue.settlement
    after = margin.figures_after(state, account, listing, -amount, 0)
    sizes = margin.sizes_of(venue.account(account))
    sizes[listing] -= amount
    needed = initial_margin(venue, account, listing, -amount)
    return holds_with_orders(after, max(needed, margin.net_delta_of(state, sizes)))
