"""What holds after every command, whatever the rules say (docs/spec/rules.md section 4)."""

from __future__ import annotations

from merkat.spec.settle import margin
from merkat.spec.settle.state import State
from merkat.spec.values import BUY, SELL
from merkat.spec.venue.state import VenueState


def broken(venue: VenueState) -> list[str]:
    """Return the invariants that do not hold."""
    return _money(venue.settlement) + _positions(venue.settlement) + _books(venue)


def _money(state: State) -> list[str]:
    values = state.globals_
    owned = sum(account.cash for account in state.accounts.values())
    owned += values.fees + values.rebates + values.interest - values.bad_debt
    owned += sum(group.fund for group in state.groups.values()) + sum(values.claimable)
    found = []
    if owned != sum(values.deposited):
        found.append(f"money: {owned} is there, {sum(values.deposited)} was deposited")
    for number, group in state.groups.items():
        if group.fund < 0:
            found.append(f"the fund of group {number} is {group.fund}")
    return found


def _positions(state: State) -> list[str]:
    sums = dict.fromkeys(state.instruments, 0)
    longs = dict.fromkeys(state.instruments, 0)
    for account in state.accounts.values():
        for position in account.positions.values():
            sums[position.listing] += position.size
            longs[position.listing] += max(position.size, 0)
    found = [f"positions of listing {each} sum to {total}" for each, total in sums.items() if total]
    for listing, instrument in state.instruments.items():
        if instrument.open_interest != longs[listing]:
            found.append(f"open interest of listing {listing}: {instrument.open_interest}")
    return found


def _books(venue: VenueState) -> list[str]:
    found = []
    for listing, book in venue.books.items():
        for side in book.sides:
            if any(resting.remaining <= 0 for resting in side):
                found.append(f"an order of listing {listing} rests with nothing left")
        bid, ask = book.best(BUY), book.best(SELL)
        if bid is None or ask is None or bid.order.limit_price < ask.order.limit_price:
            continue
        mark, band = margin.mark(venue.settlement, listing), margin.band(venue.settlement, listing)
        prices = (bid.order.limit_price, ask.order.limit_price)
        if all(abs(price - mark) <= band for price in prices):
            found.append(f"the book of listing {listing} is crossed: {prices}")
    return found
