"""What the parts of the follower share while one command is read, and the records it leaves."""

from __future__ import annotations

from merkat.market.book import Book
from merkat.market.positions import move
from merkat.market.types import (
    ANY_LISTING,
    Candle,
    Funding,
    Order,
    Settlement,
    Topic,
    Trade,
    UserTrade,
)
from merkat.market.view import View


class Records:
    """What goes to the history, in order, until it is flushed."""

    __slots__ = ("candles", "funding", "orders", "settlements", "trades", "user_trades")

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.user_trades: list[UserTrade] = []
        self.orders: list[Order] = []
        self.settlements: list[Settlement] = []
        self.funding: list[tuple[int, Funding]] = []
        self.candles: dict[tuple[int, int], Candle] = {}

    def __len__(self) -> int:
        """Return how many records wait, candles apart."""
        return (
            len(self.trades)
            + len(self.user_trades)
            + len(self.orders)
            + len(self.settlements)
            + len(self.funding)
        )

    def clear(self) -> None:
        """Forget everything."""
        self.trades.clear()
        self.user_trades.clear()
        self.orders.clear()
        self.settlements.clear()
        self.funding.clear()
        self.candles.clear()


class Step:
    """The command that is being read: where it stands, what it touched.

    Attributes:
        batch, command_at: the batch, and the place of the command's version byte in it.
        command_end: the place after its last byte. command_kind: its kind.
        outputs: what the batch gave; handlers get places in it.
        place: how many trades the command has made so far; settlements count apart.
        books: those it touched, to be committed at its end.
    """

    __slots__ = (
        "batch",
        "books",
        "command_at",
        "command_end",
        "command_kind",
        "log_number",
        "outputs",
        "place",
        "records",
        "settlement_place",
        "time_ns",
        "topics",
        "view",
    )

    def __init__(self, view: View, records: Records) -> None:
        self.view = view
        self.records = records
        self.batch = b""
        self.outputs = b""
        self.command_at = 0
        self.command_end = 0
        self.command_kind = 0
        self.log_number = 0
        self.time_ns = 0
        self.place = 0
        self.settlement_place = 0
        self.books: list[Book] = []
        self.topics: set[Topic] = set()

    def item(self, at: int) -> bytes:
        """Return the command's bytes from an offset behind its version byte on."""
        return self.batch[self.command_at + at : self.command_end]

    def touch(self, listing: int) -> Book:
        """Return a book that this command changes."""
        book = self.view.books[listing]
        books = self.books
        # Nearly every command touches one book: a look at the newest spares the search.
        if not books or (books[-1] is not book and book not in books):
            books.append(book)
        return book

    def touch_instrument(self, listing: int) -> None:
        """Note that terms or state of a listing are others."""
        self.topics.update(
            (("instrument", listing), ("instrument", ANY_LISTING), ("ticker", listing))
        )

    def move(self, account: int, listing: int, by: int, price: int) -> tuple[int, int]:
        """Move a position; returns its size after and the profit (1e-6 USD) that was closed."""
        view = self.view
        owner = view.accounts[account]
        before = owner.positions.get(listing)
        old = before.size if before is not None else 0
        coin = view.instruments[listing].coin
        new, realized = move(
            owner, listing, by, price, view.funding.get(listing, 0), coin, self.time_ns
        )
        self.count_holder(account, listing, old, new)
        self.topics.add(("portfolio", account))
        return new, realized

    def count_holder(self, account: int, listing: int, old: int, new: int) -> None:
        """Keep open interest and holders of a listing when a position goes from old to new."""
        view = self.view
        view.open_interest[listing] += max(new, 0) - max(old, 0)
        if not old:
            view.holders[listing].add(account)
        elif not new:
            view.holders[listing].discard(account)

    def settle(
        self,
        account: int,
        kind: str,
        amount: int,
        listing: int = 0,
        position: int = 0,
        price: int = 0,
        token: int = 0,
    ) -> None:
        """Record that an account gained an amount (1e-6 USD) otherwise than by a trade."""
        settlement = Settlement(
            self.log_number,
            self.settlement_place,
            account,
            kind,
            listing,
            amount,
            self.time_ns,
            position,
            price,
            token,
        )
        self.settlement_place += 1
        self.records.settlements.append(settlement)
        watched = self.view.watched.get(account)
        if watched is not None:
            watched.settlements.append(settlement)
        self.topics.add(("portfolio", account))
