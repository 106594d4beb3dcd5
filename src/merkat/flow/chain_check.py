"""What a flow with recorded chains claims at its end, computed from the state and from events."""

from __future__ import annotations

from dataclasses import dataclass, field

from merkat.flow.chain_books import Books
from merkat.flow.chain_judge import Wrong
from merkat.flow.chain_market import ChainMarket, Listed
from merkat.sequencer.pipeline import Sequencer
from merkat.spec.codec import Reader
from merkat.spec.settle.state import State
from merkat.spec.typed_data import Config

LISTED_LEAST = 0.95


@dataclass(frozen=True, slots=True)
class Check:
    """Sums over the whole flow; amounts in 1e-6 USD, `listed_share` a share.

    Attributes:
        expiry_cash: of all accounts by expiries alone; what is missing to 0 is fees.
        difference: cash + fees + rebates + interest + funds + claimable - bad debt - deposited.
        unbalanced: listings whose positions do not sum to 0.
        astray: accounts, or funds, where the books of the events differ from the state.
    """

    listed_share: float
    expiry_cash: int
    expiry_fees: int
    deficits: int
    bad_debt: int
    funds: dict[int, int]
    difference: int
    unbalanced: list[int]
    astray: list[str]
    judged: int
    deviation: float
    wrong: list[Wrong] = field(default_factory=list)

    @property
    def conserved(self) -> bool:
        """Return whether no unit of money and no position came or went by itself."""
        funds_hold = all(fund >= 0 for fund in self.funds.values())
        return not (self.difference or self.unbalanced or self.astray) and funds_hold

    def broken(self) -> list[str]:
        """Return every claim that does not hold, as text."""
        claims = {
            f"listed_share is {self.listed_share:.4f}, expected at least {LISTED_LEAST}": (
                self.listed_share >= LISTED_LEAST
            ),
            f"expiry_cash_sum is {self.expiry_cash}, expected minus the fees, "
            f"{-self.expiry_fees}": self.expiry_cash == -self.expiry_fees,
            f"conservation: {self.difference} too many, listings {self.unbalanced} do not sum to "
            f"0, {self.astray} differ from the books, funds {self.funds}": self.conserved,
            f"wrongful liquidations: {self.wrong[:3]}": not self.wrong,
        }
        return [text for text, holds in claims.items() if not holds]


def check(market: ChainMarket, sequencer: Sequencer) -> Check:
    """Hold the books of the events against the engine's state, and sum up."""
    config = Config(*sequencer.domain.parts)
    state = State.read(config, Reader(sequencer.engine.snapshot()))
    return judged(market.listed, market, state)


def judged(listed: Listed, market: ChainMarket, state: State) -> Check:
    """Return the sums for a state."""
    books = market.books
    return Check(
        listed.share,
        books.expiry_cash,
        books.expiry_fees,
        books.deficits,
        state.globals_.bad_debt,
        {group: leaf.fund for group, leaf in sorted(state.groups.items())},
        difference_of(state),
        unbalanced_of(state),
        astray_of(books, state),
        market.judge.judged,
        market.judge.deviation,
        market.judge.wrong,
    )


def difference_of(state: State) -> int:
    """Return what the state holds more than was deposited (derivatives.md section 8), token 0."""
    globals_ = state.globals_
    held = sum(account.cash for account in state.accounts.values())
    held += globals_.fees + globals_.rebates + globals_.interest - globals_.bad_debt
    held += sum(group.fund for group in state.groups.values()) + globals_.claimable[0]
    return int(held - globals_.deposited[0])


def unbalanced_of(state: State) -> list[int]:
    """Return the listings whose positions do not sum to 0."""
    total: dict[int, int] = {}
    for account in state.accounts.values():
        for position in account.positions.values():
            total[position.listing] = total.get(position.listing, 0) + position.size
    return sorted(listing for listing, size in total.items() if size)


def astray_of(books: Books, state: State) -> list[str]:
    """Return where the books, made from events alone, differ from the state."""
    found = []
    for index, leaf in sorted(state.accounts.items()):
        own = books.account(index)
        positions = {one.listing: one.size for one in leaf.positions.values() if one.size}
        if (own.cash, own.positions) != (leaf.cash, positions):
            found.append(f"account {index}")
    for group, state_group in sorted(state.groups.items()):
        if books.group(group).fund != state_group.fund:
            found.append(f"fund of group {group}")
    if books.fees != state.globals_.fees:
        found.append("fees")
    return found
