"""A recorded market file: every order of an exchange, one row a change, played on a perpetual.

xz-compressed CSV with the columns id, timestamp (ms), exchange.timestamp, price (USD), volume
(1e-8 BTC), action (created, changed, deleted), direction (bid, ask). The perpetual has a tick of
0.01 USD and a lot of 0.0001 BTC. Rules of the translation:

- volumes are floored to lots; zero lots are `rejected.below_lot`;
- created: a new order, owned as on a tape;
- changed at another price: cancel and a new order; at the same price: amended down to the new
  volume if what is left of ours is larger, else `rejected.already_filled`;
- deleted: cancelled; the venue refuses that of an order that is no longer open: `order_not_open`;
- a change or deletion of an order that this file never created: `rejected.unknown_order`.
"""

from __future__ import annotations

import csv
import lzma
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final, NamedTuple

from merkat.flow.oracle import PERIOD_NS, OracleNodes
from merkat.flow.player import Player
from merkat.flow.setup import AMPLE_CASH, Listing, Scene
from merkat.flow.tally import ACCEPTED, AMENDED, CANCELLED, TRADE
from merkat.flow.wallets import MS_NS, TAPE_PAIRS, Wallets, tape_account
from merkat.sdk import commands

COLUMNS: Final = [
    "id",
    "timestamp",
    "exchange.timestamp",
    "price",
    "volume",
    "action",
    "direction",
]
TICK: Final = 10_000
LOT: Final = 10_000
SIZE_DECIMALS: Final = 8
TAKER_FEE: Final = 500_000
LIFE_NS: Final = 6 * 86_400 * 1_000_000_000
TICK_EPOCHS: Final = 30
ACCOUNTS: Final = 2 * TAPE_PAIRS
_DIRECTIONS: Final = {"bid": commands.BUY, "ask": commands.SELL}
_ACTIONS: Final = frozenset({"created", "changed", "deleted"})


class MarketFileError(Exception):
    """A file is no market file; the message names line, column, and what was expected."""


class Row(NamedTuple):
    """One row: price in 1e-6 USD, volume in 1e-8 BTC."""

    identifier: int
    time_ns: int
    price: int
    volume: int
    action: str
    side: int


def _row(path: Path, line: int, fields: list[str]) -> Row:
    def fail(column: str, expected: str) -> MarketFileError:
        value = fields[COLUMNS.index(column)]
        return MarketFileError(f"{path}: line {line}: {column} is {value!r}; expected {expected}")

    if len(fields) != len(COLUMNS):
        raise MarketFileError(
            f"{path}: line {line} has {len(fields)} columns; expected {len(COLUMNS)}"
        )
    whole = {}
    for column in ("id", "timestamp", "volume"):
        text = fields[COLUMNS.index(column)]
        if not (text.isascii() and text.isdigit()):
            raise fail(column, "a whole number")
        whole[column] = int(text)
    try:
        price = Decimal(fields[3]) * 1_000_000
    except InvalidOperation:
        raise fail("price", "a decimal number") from None
    if not (price.is_finite() and price > 0 and price % TICK == 0):
        raise fail("price", "a positive multiple of 0.01")
    if fields[5] not in _ACTIONS:
        raise fail("action", "created, changed or deleted")
    if fields[6] not in _DIRECTIONS:
        raise fail("direction", "bid or ask")
    time_ns = whole["timestamp"] * MS_NS
    return Row(whole["id"], time_ns, int(price), whole["volume"], fields[5], _DIRECTIONS[fields[6]])


def read(path: Path) -> Iterator[Row]:
    """Yield the rows of a market file in order. Raises MarketFileError."""
    try:
        with lzma.open(path, "rt", encoding="utf-8", newline="") as source:
            reader = csv.reader(source)
            header = next(reader, [])
            if header != COLUMNS:
                raise MarketFileError(
                    f"{path}: the columns are {','.join(header)!r}; expected {','.join(COLUMNS)!r}"
                )
            last_ns = 0
            for line, fields in enumerate(reader, start=2):
                row = _row(path, line, fields)
                if row.time_ns < last_ns:
                    raise MarketFileError(f"{path}: line {line}: timestamp goes back")
                last_ns = row.time_ns
                yield row
    except (lzma.LZMAError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise MarketFileError(f"{path}: not an xz-compressed CSV file: {error}") from error


@dataclass(slots=True)
class Order:
    """What a client knows of its order from the answers: sizes in base units."""

    account: int
    side: int
    price: int
    size: int
    expiry_ns: int
    counter: int
    version: int = 1
    filled: int = 0
    is_open: bool = False

    @property
    def key(self) -> bytes:
        """Return the order's key."""
        return commands.order_key(self.account, self.expiry_ns, self.counter)


class MarketFlow:
    """Plays the rows of a market file with epochs every two seconds of its time."""

    tick = TICK
    untimed = (0, 0.0)
    story = False

    def __init__(self, path: Path, limit: int | None = None, start_ns: int | None = None) -> None:
        self.path = path
        self.limit = limit
        self._shift_ns = 0
        self._last_price = 0
        if start_ns is not None:
            # The file's clock starts at another time.
            self._shift_ns = start_ns - self._first().time_ns
        self.epochs = 0
        self.rows = 0
        self._orders: dict[int, Order] = {}
        self._by_key: dict[bytes, Order] = {}

    def scene(self) -> Scene:
        """Return what the scripted Inbox sets up."""
        listing = Listing(SIZE_DECIMALS, LOT, TICK, maker_fee=0, taker_fee=TAKER_FEE)
        return Scene([listing], [AMPLE_CASH] * ACCOUNTS)

    def start_ns(self) -> int:
        """Return the time of the first row. Raises MarketFileError where there is none."""
        return self._first().time_ns

    def _rows(self) -> Iterator[Row]:
        for row in read(self.path):
            yield row._replace(time_ns=row.time_ns + self._shift_ns)

    def _first(self) -> Row:
        for row in self._rows():
            return row
        raise MarketFileError(f"{self.path}: no rows; expected at least one")

    def reached(self) -> dict[str, int]:
        """Return nothing: a recorded flow is not made to reach anything."""
        return {}

    def described(self) -> dict[str, object]:
        """Return nothing: the JSON object has no more of this flow than of every one."""
        return {}

    def broken(self) -> list[str]:
        """Return nothing: what holds of every flow is all that is claimed."""
        return []

    def play(self, player: Player, wallets: Wallets, oracle: OracleNodes) -> Iterator[int]:
        """Play the file; yields the time (ns) after each epoch, for a line of progress."""
        self.player, self.wallets, self.oracle = player, wallets, oracle
        tally = player.tally
        tally.hook(ACCEPTED, self._on_accepted)
        tally.hook(TRADE, self._on_trade)
        tally.hook(CANCELLED, self._on_cancelled)
        tally.hook(AMENDED, self._on_amended)
        first = self._first()
        tally.last_price = self._last_price = first.price
        epoch_ns = first.time_ns
        for row in self._rows():
            if self.limit is not None and self.rows >= self.limit:
                break
            while epoch_ns <= row.time_ns:
                self._epoch(epoch_ns)
                yield epoch_ns
                epoch_ns += PERIOD_NS
            self._apply(row)
            self.rows += 1
        player.settle()

    def _epoch(self, time_ns: int) -> None:
        """Send a vector whose index is the last trade of our replay before it."""
        # The nodes see trades as everybody does: once they are durable and released.
        self.player.settle()
        if self.epochs % TICK_EPOCHS == 0:
            self.player.send(time_ns, commands.tick())
        self.player.send(time_ns, self.oracle.epoch(time_ns, self._last_price))
        self.epochs += 1

    def _apply(self, row: Row) -> None:
        if row.action == "created":
            self._create(row)
            return
        order = self._orders.get(row.identifier)
        if order is None:
            self.player.tally.reject("unknown_order")
        elif row.action == "deleted":
            self._cancel(row, order)
        elif row.volume < LOT:
            self.player.tally.reject("below_lot")
        else:
            # Whether the order still stands depends on answers that may be under way.
            if self.player.unsettled:
                self.player.settle()
            if row.price == order.price:
                self._amend(row, order)
            else:
                was_open = order.is_open
                self._cancel(row, order)
                if was_open:
                    self._create(row)

    def _create(self, row: Row) -> None:
        size = row.volume // LOT * LOT
        if size == 0:
            self.player.tally.reject("below_lot")
            return
        account = tape_account(row.identifier, row.side)
        nonce = self.wallets.nonce(account, row.time_ns)
        counter = nonce & commands.COUNTER_MASK
        expiry_ns = row.time_ns + LIFE_NS
        order = Order(account, row.side, row.price, size, expiry_ns, counter)
        self._orders[row.identifier] = order
        self._by_key[order.key] = order
        command = commands.place(
            account, 1, row.side, commands.GOOD_TILL, row.price, size, TAKER_FEE, expiry_ns, nonce
        )
        self.player.send(row.time_ns, command, self.wallets.secret(account))

    def _cancel(self, row: Row, order: Order) -> None:
        nonce = self.wallets.nonce(order.account, row.time_ns)
        hour = order.expiry_ns // commands.HOUR_NS
        command = commands.cancel(order.account, hour, order.counter, nonce)
        self.player.send(row.time_ns, command, self.wallets.secret(order.account))

    def _amend(self, row: Row, order: Order) -> None:
        volume = row.volume // LOT * LOT
        remaining = order.size - order.filled if order.is_open else 0
        if remaining <= volume:
            self.player.tally.reject("already_filled")
            return
        order.version += 1
        command = commands.order_command(
            commands.AMEND,
            order.account,
            1,
            order.side,
            commands.GOOD_TILL,
            order.price,
            order.filled + volume,
            TAKER_FEE,
            order.expiry_ns,
            order.counter,
            order.version,
            self.wallets.nonce(order.account, row.time_ns),
        )
        self.player.send(row.time_ns, command, self.wallets.secret(order.account))

    # What the answers say about our orders. The first 12 bytes of most events are the key; other
    # groups of the venue may have orders that are not ours.

    def _on_accepted(self, log_number: int, body: bytes) -> None:
        if order := self._by_key.get(body[:12]):
            order.is_open = True

    def _on_cancelled(self, log_number: int, body: bytes) -> None:
        if order := self._by_key.get(body[:12]):
            order.is_open = False

    def _on_amended(self, log_number: int, body: bytes) -> None:
        if order := self._by_key.get(body[:12]):
            order.size = int.from_bytes(body[24:32], "big")

    def _on_trade(self, log_number: int, body: bytes) -> None:
        size = int.from_bytes(body[37:45], "big")
        for key in (body[4:16], body[16:28]):
            if order := self._by_key.get(key):
                order.filled += size
                if order.filled == order.size:
                    order.is_open = False
                self._last_price = int.from_bytes(body[29:37], "big")
