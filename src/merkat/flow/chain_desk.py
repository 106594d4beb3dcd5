"""One group that a recorded chain is played on: what is listed, who makes, how orders are sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from merkat.flow.chain_books import Books, Terms
from merkat.flow.chain_data import CURRENCIES, on_tick
from merkat.flow.chain_judge import Judge
from merkat.flow.chain_traders import LinearMaker, Maker, Trader, Want, by_kind
from merkat.flow.player import Player
from merkat.flow.wallets import Wallets
from merkat.oracle.snapshot import Chain, OptionQuote
from merkat.products.names import Contract, format_name
from merkat.products.terms import UNDERLYINGS
from merkat.sdk import commands
from merkat.sdk.commands import KIND_CALL, KIND_PERPETUAL, KIND_PUT

MICRO: Final = 1_000_000
RATE: Final = 1_000_000_000
LIFE_NS: Final = 3_600 * 1_000_000_000
IMMEDIATE_LIFE_NS: Final = 30 * 1_000_000_000
FEE_CAP: Final = 1_000_000
LISTINGS_EACH: Final = 128  # of a maker, and the venue's limit of positions
_OPTIONS: Final = (KIND_CALL, KIND_PUT)


@dataclass(slots=True)
class Clock:
    """The flow's time: each order comes `step_ns` after the one before."""

    now_ns: int = 0
    step_ns: int = 0

    def next(self) -> int:
        """Return the time of the next command."""
        self.now_ns += self.step_ns
        return self.now_ns


class Desk:
    """A group's listings and traders."""

    def __init__(
        self,
        place: int,
        group: int,
        traders: list[Trader],
        player: Player,
        wallets: Wallets,
        books: Books,
        judge: Judge,
        clock: Clock,
    ) -> None:
        self.currency = CURRENCIES[place]
        self.underlying = UNDERLYINGS[self.currency]
        self.group = group
        self.traders = traders
        self.makers, self.linear_makers, self.takers = by_kind(traders)
        self.player, self.wallets = player, wallets
        self.books, self.judge, self.clock = books, judge, clock
        self.coin = 10**self.underlying.size_decimals
        self.listing_by_contract: dict[Contract, int] = {}
        self.perpetual = 0
        self.chain: Chain = Chain(self.currency, 0, 1, ())
        self.time_ns = 0
        self.session = 0
        self._rows: dict[tuple[bool, int, int], int] = {}

    def _all_makers(self) -> list[Maker | LinearMaker]:
        return [*self.linear_makers, *self.makers]

    # --- listings ---

    def listed(self, listing: int, contract: Contract) -> None:
        """Take note of a listing, and give it to the maker with the fewest."""
        self.listing_by_contract[contract] = listing
        self.books.terms[listing] = Terms(
            format_name(contract),
            self.group,
            contract.kind,
            contract.strike or 0,
            contract.expiry_ns,
            self.coin,
            self.underlying.quantum(contract),
        )
        if contract.kind in _OPTIONS:
            row = (contract.kind == KIND_CALL, contract.strike or 0, contract.expiry_ns)
            self._rows[row] = listing
            maker = min(self.makers, key=lambda one: (len(one.listings), one.account))
            maker.listings.add(listing)
        else:
            self.linear_makers[0].listings.add(listing)
            if contract.kind == KIND_PERPETUAL:
                self.perpetual = listing

    def forget(self, expiry_ns: int) -> None:
        """Take an expiry's listings from their makers: it was delivered."""
        gone = {
            listing
            for listing, terms in self.books.terms.items()
            if terms.group == self.group and terms.expiry_ns == expiry_ns
        }
        for maker in self._all_makers():
            maker.listings -= gone
        self._rows = {row: one for row, one in self._rows.items() if one not in gone}

    def live_expiries(self) -> list[int]:
        """Return the expiries of listings that were not delivered, ascending."""
        delivered = self.books.group(self.group).delivered
        return sorted(
            {
                terms.expiry_ns
                for terms in self.books.terms.values()
                if terms.group == self.group
                and terms.expiry_ns
                and terms.expiry_ns not in delivered
            }
        )

    # --- what traders see ---

    def listing_of(self, quote: OptionQuote) -> int | None:
        """Return the listing of a row, None where it was refused or has expired."""
        return self._rows.get((quote.is_call, quote.strike, quote.expiry_ns))

    def mark(self, listing: int) -> float:
        """Return a listing's mark in USD, 0 without a row."""
        rows = self.judge.rows.get(self.group)
        if rows is None:
            return 0.0
        place = rows.place_of().get(listing)
        return 0.0 if place is None else float(rows.mark[place])

    def index(self) -> float:
        """Return the index, USD."""
        return self.books.group(self.group).index / MICRO

    def equity(self, account: int) -> float:
        """Return an account's E, USD."""
        return self.judge.equity(account, self.judge.figures(account).value)

    def initial(self, account: int, extra: dict[int, float]) -> float:
        """Return the IM of an account with further positions (coins), USD."""
        sizes = {listing: round(size * self.coin) for listing, size in extra.items()}
        return self.judge.figures(account, sizes).initial

    def is_flat(self, account: int) -> bool:
        """Return whether the account is in stage 0 without a position."""
        held = self.books.account(account)
        return held.stage == 0 and not held.positions

    def positions(self, account: int) -> dict[int, float]:
        """Return an account's positions by listing, coins."""
        held = self.books.account(account).positions
        return {listing: size / self.coin for listing, size in held.items()}

    # --- orders ---

    def send(self, want: Want) -> bool:
        """Send an order, on tick and in lots; returns whether anything was left to send."""
        terms = self.books.terms[want.listing]
        is_option = terms.kind in _OPTIONS
        # A quote stays behind its recorded price, an order that takes stays within its limit.
        price = on_tick(self.currency, is_option, want.price, up=want.side == commands.SELL)
        kept = self.underlying.option if is_option else self.underlying.linear
        size = int(want.size * self.coin) // kept.lot * kept.lot
        if price <= 0 or size <= 0:
            return False
        time_ns = self.clock.next()
        nonce = self.wallets.nonce(want.account, time_ns)
        life_ns = IMMEDIATE_LIFE_NS if want.flags & 1 else LIFE_NS
        command = commands.place(
            want.account,
            want.listing,
            want.side,
            want.flags,
            price,
            size,
            FEE_CAP,
            time_ns + life_ns,
            nonce,
        )
        self.player.send(time_ns, command, self.wallets.secret(want.account))
        return True

    def set_modes(self) -> None:
        """Move the accounts to the margin mode that their owners want."""
        for trader in self.traders:
            if trader.mode != commands.STANDARD:
                time_ns = self.clock.next()
                nonce = self.wallets.nonce(trader.account, time_ns)
                command = commands.margin_mode(trader.account, trader.mode, nonce)
                self.player.send(time_ns, command, self.wallets.secret(trader.account))

    def quote(self) -> int:
        """Have the makers quote the chain; returns how many orders were sent."""
        return sum(self.send(want) for maker in self._all_makers() for want in maker.act(self))

    def take(self) -> None:
        """Have everybody else do what they want, by what is known now."""
        self.player.settle()
        for trader in self.takers:
            for want in list(trader.act(self)):
                self.send(want)

    def withdraw_quotes(self) -> None:
        """Make void every order of the makers."""
        for maker in self._all_makers():
            time_ns = self.clock.next()
            nonce = self.wallets.nonce(maker.account, time_ns)
            floor = (nonce & commands.COUNTER_MASK) - 1
            command = commands.floor(maker.account, floor, nonce)
            self.player.send(time_ns, command, self.wallets.secret(maker.account))
