"""The whole venue as its log shows it: instruments, books, orders, accounts, trades."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from merkat.market import positions
from merkat.market.book import Book
from merkat.market.outcomes import Outcome, Outcomes
from merkat.market.statistics import Minutes
from merkat.market.streams import Stream
from merkat.market.types import (
    NANO,
    Account,
    Group,
    Instrument,
    Order,
    Position,
    Row,
    Settlement,
    Topic,
    Trade,
    UserTrade,
)
from merkat.products.terms import UNDERLYINGS

CLOSED_ORDERS_MAX: Final = 20_000
LISTING_TRADES_MAX: Final = 1_000
VENUE_TRADES_MAX: Final = 10_000
PARAMETER_BAND: Final = 2
OPTION_BAND_TICKS: Final = 4


class Watched:
    """The streams of an account that somebody follows: orders that changed, own trades, moves."""

    __slots__ = ("orders", "settlements", "trades")

    def __init__(self) -> None:
        self.orders: Stream[Order] = Stream()
        self.trades: Stream[UserTrade] = Stream()
        self.settlements: Stream[Settlement] = Stream()


class View:
    """What is known after the command `log_number`. Only the follower changes it.

    Attributes:
        instruments, groups, books: by number. by_name: instruments.
        orders: by key: all open ones, and the newest CLOSED_ORDERS_MAX that are closed.
        chains: key of the newest order of a chain of renewals, by that of its first.
        marks, open_interest, funding (F), rows: by listing, where there are any.
        trades: the newest of a listing; all_trades: of the venue.
        trade_seq: how many trades a listing had.
        spot_listings: by token.
    """

    def __init__(self, underlyings: Iterable[str] = tuple(UNDERLYINGS)) -> None:
        self.underlyings = tuple(underlyings)
        self.time_ns = 0
        self.log_number = 0
        self.instruments: dict[int, Instrument] = {}
        self.by_name: dict[str, Instrument] = {}
        self.groups: dict[int, Group] = {}
        self.books: dict[int, Book] = {}
        self.orders: dict[bytes, Order] = {}
        self.chains: dict[bytes, bytes] = {}
        self.closed_orders: deque[bytes] = deque()
        self.accounts: dict[int, Account] = {}
        self.marks: dict[int, int] = {}
        self.funding: dict[int, int] = {}
        self.rows: dict[int, Row] = {}
        self.open_interest: dict[int, int] = {}
        self.holders: dict[int, set[int]] = {}
        self.minutes: dict[int, Minutes] = {}
        self.trades: dict[int, deque[Trade]] = {}
        self.all_trades: deque[Trade] = deque(maxlen=VENUE_TRADES_MAX)
        self.trade_seq: dict[int, int] = {}
        self.spot_listings: dict[int, int] = {}
        self.option_bands: dict[int, int] = {}  # of the newest risk set of a group
        self.watched: dict[int, Watched] = {}
        self.outcomes = Outcomes()

    # --- what changes it ---

    def add_instrument(self, instrument: Instrument, log_number: int) -> None:
        """Take a listing. A second perpetual of a group gets its number behind its name."""
        listing = instrument.listing
        if instrument.name in self.by_name and self.by_name[instrument.name].state < 4:
            instrument.name = f"{instrument.name}-{listing}"
        self.instruments[listing] = self.by_name[instrument.name] = instrument
        self.books[listing] = Book(listing, log_number, instrument.created_ns)
        self.minutes[listing] = Minutes([])
        self.trades[listing] = deque(maxlen=LISTING_TRADES_MAX)
        self.trade_seq[listing] = 0
        self.open_interest[listing] = 0
        self.holders[listing] = set()
        self.groups[instrument.group].listings.append(listing)
        if instrument.token:
            self.spot_listings[instrument.token] = listing

    def add_group(self, number: int, parameters: tuple[int, ...]) -> None:
        """Take a new group, or new parameters of a known one."""
        group = self.groups.get(number)
        if group is not None:
            group.parameters = parameters
            return
        known = number < len(self.underlyings)
        base = self.underlyings[number] if known else f"G{number}"
        self.groups[number] = Group(number, base, parameters)

    # --- what it says ---

    def instrument(self, name: str) -> Instrument | None:
        """Return the instrument of a name; None where there is none."""
        return self.by_name.get(name)

    def index_of(self, listing: int) -> int:
        """Return the index of a listing's group, 1e-6 USD; 0 before the first vector."""
        return self.groups[self.instruments[listing].group].index

    def band(self, listing: int) -> int | None:
        """Return how far from the mark limit prices may lie, 1e-6 USD; None without a mark.

        rules.md section 1; of options derivatives.md section 4.
        """
        mark = self.marks.get(listing)
        if mark is None:
            return None
        instrument = self.instruments[listing]
        group = self.groups[instrument.group]
        if not instrument.is_option:
            return group.parameters[PARAMETER_BAND] * mark // NANO
        row = self.rows[listing]
        ticks = OPTION_BAND_TICKS * instrument.tick(mark)
        return max(group.option_band * mark // NANO, row.vega * 15 // 1_000, ticks)

    def price_band(self, listing: int) -> tuple[int, int] | None:
        """Return the lowest and the highest limit price on tick inside the band, 1e-6 USD.

        None without a mark. A buy may lie below it and a sell above it, but not the other way.
        """
        mark, band = self.marks.get(listing), self.band(listing)
        if mark is None or band is None:
            return None
        instrument = self.instruments[listing]
        low, high = max(instrument.quantum, mark - band), mark + band
        low_tick, high_tick = instrument.tick(low), instrument.tick(high)
        return -(-low // low_tick) * low_tick, high // high_tick * high_tick

    def outcome(self, log_number: int) -> Outcome | None:
        """Return what one of the newest 65,536 commands gave; None where it is not known."""
        return self.outcomes.find(log_number)

    def order_by_command(self, log_number: int) -> Order | None:
        """Return the order that a command placed, amended, renewed or cancelled."""
        outcome = self.outcomes.find(log_number)
        key = outcome.order_key if outcome is not None else None
        return self.orders.get(key) if key is not None else None

    def open_orders(self, account: int) -> list[Order]:
        """Return the open orders of an account, oldest first."""
        found = self.accounts.get(account)
        if found is None:
            return []
        orders = self.orders
        return sorted(
            (orders[key] for key in found.open_orders),
            key=lambda order: (order.log_number, order.key),
        )

    def newest_of_chain(self, origin: bytes) -> Order | None:
        """Return the order that people know by this key: itself, or the newest that renewed it."""
        return self.orders.get(self.chains.get(origin, origin))

    def watch(self, account: int) -> Watched:
        """Return the streams of an account; what happens from now on is in them."""
        return self.watched.setdefault(account, Watched())

    def unrealized(self, listing: int, position: Position) -> int:
        """Return the profit that a position has at the mark, 1e-6 USD."""
        mark = self.marks.get(listing, 0)
        return positions.unrealized(position, mark, self.instruments[listing].coin)

    def funding_due(self, listing: int, position: Position) -> int:
        """Return the funding paid for a position since it was opened, 1e-6 USD."""
        coin = self.instruments[listing].coin
        return positions.funding_since_open(position, self.funding.get(listing, 0), coin)


def topics_of_book(listing: int) -> tuple[Topic, Topic]:
    """Return the topics that a changed book wakes."""
    return ("book", listing), ("ticker", listing)
