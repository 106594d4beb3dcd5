"""Collateral: positions in spot listings, which are deposited tokens (derivatives.md 2 and 4).

A token comes in as whole lots of a position; what cannot become a position is claimable at once. It
leaves as whole lots too. Amounts are in base units.
"""

from __future__ import annotations

from collections.abc import Callable

from merkat.spec.settle.fill import Side, groups_fit, open_interest_fits
from merkat.spec.settle.margin import figures_of, holds_at_least, net_delta_of, sizes_of, slot_for
from merkat.spec.settle.orders import SIZE_END
from merkat.spec.settle.state import State
from merkat.spec.values import SETTLEMENT_TOKEN


def spot_listing(state: State, token: int) -> int | None:
    """Return the listing whose positions are a token's deposits, None where there is none."""
    if token == SETTLEMENT_TOKEN:
        return None
    for listing, instrument in state.instruments.items():
        if instrument.is_spot and instrument.token == token:
            return listing
    return None


def known_token(state: State, token: int) -> bool:
    """Return whether a token can be deposited and withdrawn (I-03, W-01)."""
    return token == SETTLEMENT_TOKEN or spot_listing(state, token) is not None


def deposit_token(state: State, account: int, token: int, amount: int) -> None:
    """Add whole lots to the account's position, and what is left to what it may claim."""
    listing = spot_listing(state, token)
    assert listing is not None, f"I-03 lets no deposit of token {token} pass"
    lot = state.instruments[listing].lot
    whole = amount // lot * lot
    slot = slot_for(state, account, listing)
    if whole > 0 and slot is not None and _position_fits(state, account, slot, listing, whole):
        state.move_position(account, slot, listing, whole)
    else:
        whole = 0
    credit_claimable(state, account, token, amount - whole)


def _position_fits(state: State, account: int, slot: int, listing: int, whole: int) -> bool:
    """Return whether a deposit may become a position: F-12, and the widths of F-13."""
    side = Side(account, slot, listing, whole, 0, 0, False)
    size = state.accounts[account].size_of(listing) + whole
    return groups_fit(state, side) and size < SIZE_END and open_interest_fits(state, (side,))


def in_held_lots(state: State, account: int, token: int, amount: int) -> bool:
    """Return whether an account holds an amount of a token in whole lots (W-02)."""
    listing = spot_listing(state, token)
    assert listing is not None, f"W-01 lets no withdrawal of token {token} pass"
    held = state.accounts[account].size_of(listing)
    return amount % state.instruments[listing].lot == 0 and amount <= held


def stays_safe_without(state: State, account: int, token: int, amount: int) -> bool:
    """Return whether an account holds its margin when an amount of collateral is gone (W-06)."""
    listing = spot_listing(state, token)
    assert listing is not None, f"W-01 lets no withdrawal of token {token} pass"
    leaf = state.accounts[account]
    sizes = sizes_of(leaf)
    sizes[listing] = sizes.get(listing, 0) - amount
    after = figures_of(state, leaf.cash, sizes, leaf.margin_mode)
    return holds_at_least(after, net_delta_of(state, sizes))


def largest_withdrawal(state: State, account: int, token: int, amount: int) -> int:
    """Return how much of an amount of a token may leave: whole lots, by bisection."""
    listing = spot_listing(state, token)
    assert listing is not None, f"I-03 lets no forced withdrawal of token {token} pass"
    lot = state.instruments[listing].lot
    lots = min(amount, max(0, state.accounts[account].size_of(listing))) // lot
    return lot * _last(lots, lambda count: stays_safe_without(state, account, token, count * lot))


def _last(most: int, holds: Callable[[int], bool]) -> int:
    """Return the largest number up to `most` for which `holds`, when it holds up to that number.

    0 is not tested. Where `holds` is not of that form the number is the one that bisection gives.
    """
    if holds(most):
        return most
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low


def withdraw_token(state: State, account: int, token: int, amount: int) -> None:
    """Turn whole lots of a position into what the Vault may pay out."""
    if amount == 0:
        return
    listing = spot_listing(state, token)
    assert listing is not None, f"W-01 lets no withdrawal of token {token} pass"
    slot = state.accounts[account].slot_of(listing)
    assert slot is not None, "W-02 lets no more leave than is held"
    state.move_position(account, slot, listing, -amount)
    credit_claimable(state, account, token, amount)


def credit_claimable(state: State, account: int, token: int, amount: int) -> None:
    """Add to what the Vault may pay out for an account."""
    state.change_account(account).claimable[token] += amount
    state.globals_.claimable[token] += amount
