"""Channel `book`: a snapshot, then changes that lead from one number to the next.

A change names the number it follows (`prev_change_id`) and its own: there is never a gap, so that
whoever applies them has the venue's book at every number told. A slow reader is told less often,
in one change that says all that is different; never a second snapshot, for which some clients do
not look.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec import UNSET, Struct, UnsetType

from merkat.api.errors import ApiError
from merkat.api.numbers import coins, price_micro, usd
from merkat.api.public.channels import instrument_of_channel, interval_of, unknown_channel
from merkat.api.public.service import milliseconds, registry, view_of
from merkat.api.public.shapes import Level
from merkat.api.registry import Context
from merkat.market.book import Book
from merkat.market.types import Instrument, Topic

# So many changes are told one by one on a raw channel; more are told as one.
RAW_CHANGES_MAX: Final = 64
DEPTHS: Final = ("1", "10", "20")
_EXPECTED: Final = (
    "book.INSTRUMENT.raw, .100ms or .agg2, or book.INSTRUMENT.GROUP.DEPTH.INTERVAL with GROUP none"
    " or a number of USD, DEPTH 1, 10 or 20"
)
_CHANGE = tuple[str, Decimal, Decimal]


class BookNews(Struct, kw_only=True):
    """A snapshot (without prev_change_id) or a change; levels: new, change or delete."""

    type: str
    timestamp: int
    instrument_name: str
    change_id: int
    prev_change_id: int | UnsetType = UNSET
    bids: list[_CHANGE]
    asks: list[_CHANGE]


class GroupedBook(Struct, kw_only=True):
    """The best levels of a book, by groups of prices."""

    timestamp: int
    instrument_name: str
    change_id: int
    bids: list[Level]
    asks: list[Level]


class BookFeed:
    """One subscriber's book: `_known` is what he has, `_told` the number he has it at."""

    private = False

    def __init__(self, instrument: Instrument, book: Book, interval_ms: int) -> None:
        self.topics: frozenset[Topic] = frozenset({("book", instrument.listing)})
        self.interval_ms = interval_ms
        self._instrument = instrument
        self._book = book
        self._known: dict[int, int] | None = None
        self._told = 0  # the number that the subscriber was told last
        self._seen = 0  # the number up to which there was nothing else to tell

    def collect(self) -> list[BookNews]:
        """Return the snapshot, or the changes since; one for all where there are many."""
        book = self._book
        if self._known is None:
            self._known = book.signed_levels()
            self._told = self._seen = book.change_id
            return [self._news("snapshot", book.change_id, book.time_ns, dict(self._known))]
        changes = book.changes_after(self._seen)
        if changes is None:
            # So much has happened that the ring has lost some of it: compare whole books.
            now = book.signed_levels()
            levels = {signed: now.get(signed, 0) for signed in self._known.keys() | now.keys()}
            return self._change(book.change_id, book.time_ns, levels)
        if self.interval_ms == 0 and len(changes) <= RAW_CHANGES_MAX:
            return [
                news
                for change in changes
                for news in self._change(change.number, change.time_ns, change.levels)
            ]
        levels = {}
        for change in changes:
            levels |= change.levels
        return self._change(book.change_id, book.time_ns, levels)

    def _change(self, number: int, time_ns: int, levels: dict[int, int]) -> list[BookNews]:
        """Return what levels are different from those that the subscriber has."""
        known = self._known
        assert known is not None, "a snapshot comes before every change"
        self._seen = number
        different = {
            signed: size for signed, size in levels.items() if known.get(signed, 0) != size
        }
        if not different:
            return []
        news = self._news("change", number, time_ns, different)
        news.prev_change_id = self._told
        self._told = number
        for signed, size in different.items():
            if size:
                known[signed] = size
            else:
                del known[signed]
        return [news]

    def _news(self, kind: str, number: int, time_ns: int, levels: dict[int, int]) -> BookNews:
        """Return levels as news, best prices first; all of a snapshot's are new."""
        known = self._known if kind == "change" else {}
        assert known is not None, "a snapshot comes before every change"
        decimals = self._instrument.size_decimals
        bids: list[_CHANGE] = []
        asks: list[_CHANGE] = []
        # Asks are negative, so descending order has the best price of each side first.
        for signed in sorted(levels, reverse=True):
            size = levels[signed]
            action = "delete" if not size else "change" if signed in known else "new"
            side = bids if signed > 0 else asks
            side.append((action, usd(abs(signed)), coins(size, decimals)))
        return BookNews(
            type=kind,
            timestamp=milliseconds(time_ns),
            instrument_name=self._instrument.name,
            change_id=number,
            bids=bids,
            asks=asks,
        )


class GroupedBookFeed:
    """The best levels whole, whenever they are different; prices in groups of `group_micro`."""

    private = False

    def __init__(
        self, instrument: Instrument, book: Book, group_micro: int, depth: int, interval_ms: int
    ) -> None:
        self.topics: frozenset[Topic] = frozenset({("book", instrument.listing)})
        self.interval_ms = interval_ms
        self._instrument = instrument
        self._book = book
        self._group = group_micro
        self._depth = depth
        self._told: tuple[list[Level], list[Level]] | None = None

    def collect(self) -> list[GroupedBook]:
        """Return the best levels, if they are others than those told last."""
        if self._group:
            bids, asks = self._grouped()
        else:
            bids, asks = self._book.levels(self._depth)
        decimals = self._instrument.size_decimals
        shown = (
            [(usd(price), coins(size, decimals)) for price, size in bids],
            [(usd(price), coins(size, decimals)) for price, size in asks],
        )
        if shown == self._told:
            return []
        self._told = shown
        return [
            GroupedBook(
                timestamp=milliseconds(self._book.time_ns),
                instrument_name=self._instrument.name,
                change_id=self._book.change_id,
                bids=shown[0],
                asks=shown[1],
            )
        ]

    def _grouped(self) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return sizes by group: a bid counts at the multiple below it, an ask at that above."""
        group = self._group
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        for side, levels, up in ((bids, self._book.bids, 0), (asks, self._book.asks, group - 1)):
            for price, size in levels:
                at = (price + up) // group * group
                if at not in side and len(side) == self._depth:
                    break
                side[at] = side.get(at, 0) + size
        return list(bids.items()), list(asks.items())


@registry.channel(
    "book",
    summary="The book: a snapshot, then changes from one number to the next.",
    pattern="book.INSTRUMENT.INTERVAL or book.INSTRUMENT.GROUP.DEPTH.INTERVAL",
)
def book_channel(context: Context, name: str, words: list[str]) -> BookFeed | GroupedBookFeed:
    """Return the feed of a book."""
    if len(words) not in (3, 5):
        raise unknown_channel(name, _EXPECTED)
    instrument = instrument_of_channel(context, words[1])
    book = view_of(context).books[instrument.listing]
    interval_ms = interval_of(context, words[-1], name)
    if len(words) == 3:
        return BookFeed(instrument, book, interval_ms)
    if words[3] not in DEPTHS:
        raise unknown_channel(name, _EXPECTED)
    group = _group(words[2], name)
    if group % instrument.tick_size:
        raise unknown_channel(name, f"a group of whole ticks of {usd(instrument.tick_size)}")
    return GroupedBookFeed(instrument, book, group, int(words[3]), interval_ms)


def _group(word: str, name: str) -> int:
    """Return a group of prices in 1e-6 USD; 0 for none."""
    if word == "none":
        return 0
    digits = word.replace("d", "", 1)  # a point in a channel's name would split it: 0d5 is 0.5
    if not (digits.isascii() and digits.isdigit() and len(word) <= 12):
        raise unknown_channel(name, _EXPECTED)
    try:
        group = price_micro(Decimal(word.replace("d", ".", 1)), "channels")
    except (ApiError, ArithmeticError):
        raise unknown_channel(name, _EXPECTED) from None
    if group <= 0:
        raise unknown_channel(name, _EXPECTED)
    return group
