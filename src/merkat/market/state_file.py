"""The state of a replica in one file, so that a restart need not read the whole log again.

file = magic ‖ sha-256 of the rest ‖ u32 length of the view ‖ view (JSON) ‖ snapshot of the engine.
It replaces the one before in one step: a kill leaves the old file or the new one.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from merkat.market.book import Book
from merkat.market.statistics import Minutes
from merkat.market.types import Account, Candle, Group, Instrument, Order, Row, Trade
from merkat.market.view import LISTING_TRADES_MAX, View

MAGIC: Final = b"merkat replica state 1\n"
_DIGEST_BYTES: Final = 32
_LENGTH_BYTES: Final = 4


class StateFileError(Exception):
    """A state file that cannot be used: damaged, of another version or of another venue."""


class _Listing(Struct):
    instrument: Instrument
    change_id: int
    changed_ns: int
    trade_seq: int
    trades: list[Trade]
    candles: list[Candle]
    last_price: int
    last_direction: int
    mark: int | None
    funding: int | None
    row: Row | None


class _Saved(Struct):
    salt: bytes
    journal_hash: bytes
    log_number: int
    time_ns: int
    underlyings: list[str]
    groups: list[Group]
    option_bands: dict[int, int]
    listings: list[_Listing]
    accounts: list[Account]
    orders: list[Order]
    closed_orders: list[bytes]
    chains: list[tuple[bytes, bytes]]


class Loaded(Struct):
    """What a state file held."""

    view: View
    journal_hash: bytes
    snapshot: bytes


def save(path: Path, view: View, salt: bytes, journal_hash: bytes, snapshot: bytes) -> None:
    """Write the state durably in place of the one before."""
    saved = _Saved(
        salt,
        journal_hash,
        view.log_number,
        view.time_ns,
        list(view.underlyings),
        list(view.groups.values()),
        view.option_bands,
        [_listing(view, listing) for listing in view.instruments],
        list(view.accounts.values()),
        list(view.orders.values()),
        list(view.closed_orders),
        list(view.chains.items()),
    )
    encoded = msgspec.json.encode(saved)
    rest = len(encoded).to_bytes(_LENGTH_BYTES, "big") + encoded + snapshot
    temporary = path.with_suffix(".new")
    with temporary.open("wb") as sink:
        sink.write(MAGIC + hashlib.sha256(rest).digest() + rest)
        sink.flush()
        os.fsync(sink.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def load(path: Path, salt: bytes, underlyings: tuple[str, ...]) -> Loaded | None:
    """Return the state of a file; None where there is none. Raises StateFileError."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if not data.startswith(MAGIC):
        raise StateFileError(f"{path}: not a state file of this version")
    at = len(MAGIC) + _DIGEST_BYTES
    rest = data[at:]
    if hashlib.sha256(rest).digest() != data[len(MAGIC) : at]:
        raise StateFileError(f"{path}: its checksum does not fit: it is damaged")
    length = int.from_bytes(rest[:_LENGTH_BYTES], "big")
    end = _LENGTH_BYTES + length
    try:
        saved = msgspec.json.decode(rest[_LENGTH_BYTES:end], type=_Saved)
    except msgspec.MsgspecError as error:
        raise StateFileError(f"{path}: {error}") from None
    if saved.salt != salt:
        raise StateFileError(f"{path}: it is that of another venue; name another folder")
    if tuple(saved.underlyings) != underlyings:
        raise StateFileError(f"{path}: its groups are called {saved.underlyings}")
    return Loaded(_view(saved), saved.journal_hash, rest[end:])


def _listing(view: View, listing: int) -> _Listing:
    book, minutes = view.books[listing], view.minutes[listing]
    return _Listing(
        view.instruments[listing],
        book.change_id,
        book.time_ns,
        view.trade_seq[listing],
        list(view.trades[listing]),
        list(minutes.candles),
        minutes.last_price,
        minutes.last_direction,
        view.marks.get(listing),
        view.funding.get(listing),
        view.rows.get(listing),
    )


def _view(saved: _Saved) -> View:
    view = View(saved.underlyings)
    view.log_number, view.time_ns = saved.log_number, saved.time_ns
    view.groups = {group.group: group for group in saved.groups}
    view.option_bands = saved.option_bands
    for one in saved.listings:
        _add_listing(view, one)
    trades = [trade for one in saved.listings for trade in one.trades]
    view.all_trades.extend(sorted(trades, key=lambda trade: trade.number))
    view.orders = {order.key: order for order in saved.orders}
    view.closed_orders = deque(saved.closed_orders)
    view.chains = dict(saved.chains)
    for order in saved.orders:
        if order.resting:
            view.books[order.listing].add(order.side, order.price, order.remaining)
    for one in saved.listings:
        # The levels that stand are no change: readers begin with a snapshot.
        _settle_book(view.books[one.instrument.listing], one)
    for account in saved.accounts:
        view.accounts[account.account] = account
        for listing, position in account.positions.items():
            view.open_interest[listing] += max(position.size, 0)
            view.holders[listing].add(account.account)
    return view


def _add_listing(view: View, one: _Listing) -> None:
    instrument = one.instrument
    listing = instrument.listing
    view.instruments[listing] = view.by_name[instrument.name] = instrument
    view.books[listing] = Book(listing, one.change_id, one.changed_ns)
    view.minutes[listing] = Minutes(one.candles, one.last_price, one.last_direction)
    view.trades[listing] = deque(one.trades, maxlen=LISTING_TRADES_MAX)
    view.trade_seq[listing] = one.trade_seq
    view.open_interest[listing] = 0
    view.holders[listing] = set()
    if instrument.token:
        view.spot_listings[instrument.token] = listing
    if one.mark is not None:
        view.marks[listing] = one.mark
    if one.funding is not None:
        view.funding[listing] = one.funding
    if one.row is not None:
        view.rows[listing] = one.row


def _settle_book(book: Book, one: _Listing) -> None:
    book.commit(one.change_id, one.changed_ns)
    book.changes.clear()
