"""What trades make of a position: size, cost, realized profit, funding."""

from __future__ import annotations

from typing import NamedTuple

from merkat.market.types import Account, Position


class Moved(NamedTuple):
    """What a move of a position made: its size after, profit (1e-6 USD, rounded down) it closed."""

    size: int
    realized: int


def move(
    account: Account, listing: int, by: int, price: int, funding: int, coin: int, time_ns: int
) -> Moved:
    """Add `by` base units (negative: sold) at a price to a position.

    Args:
        price: 1e-6 USD a coin. funding: F of the listing (rules.md section 1). coin: base units.
    """
    positions = account.positions
    position = positions.get(listing)
    if position is None:
        positions[listing] = Position(
            size=by, cost=by * price, funding_cost=by * funding, opened_ns=time_ns
        )
        return Moved(by, 0)
    size = position.size
    if (size > 0) == (by > 0):
        position.size = size + by
        position.cost += by * price
        position.funding_cost += by * funding
        return Moved(size + by, 0)
    if abs(by) < abs(size):
        # The rest keeps its average price; the division's remainder stays with what is held.
        taken = position.cost * -by // size
        gained = -by * price - taken
        position.size = size + by
        position.cost -= taken
        position.realized += gained
        position.funding_cost += by * funding
        return Moved(size + by, gained // coin)
    gained = size * price - position.cost
    _close(account, position, gained, funding, coin)
    rest = size + by
    if rest:
        positions[listing] = Position(
            size=rest, cost=rest * price, funding_cost=rest * funding, opened_ns=time_ns
        )
    else:
        del positions[listing]
    return Moved(rest, gained // coin)


def _close(account: Account, position: Position, gained: int, funding: int, coin: int) -> None:
    """Put what a position made in its life to its account: whole numbers of 1e-6 USD again."""
    account.realized += (position.realized + gained) // coin
    account.funding_paid += (position.size * funding - position.funding_cost) // coin


def unrealized(position: Position, mark: int, coin: int) -> int:
    """Return the profit that a position would close at a mark, 1e-6 USD, rounded down."""
    return (position.size * mark - position.cost) // coin


def funding_since_open(position: Position, funding: int, coin: int) -> int:
    """Return the funding that a position paid since it was opened, 1e-6 USD; negative: was paid."""
    return (position.size * funding - position.funding_cost) // coin


def average_price(position: Position) -> int:
    """Return the average entry price, 1e-6 USD, rounded down; exactly it is cost / size."""
    return position.cost // position.size
