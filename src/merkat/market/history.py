"""The history of a venue in SQLite: trades, orders, funding, candles, moves of money.

Rows are written together with the cursor, the log number up to which they are complete, in one
transaction: whatever a kill takes away is read from the log again, from the cursor on. What waits
to be written is flushed before every read, so that readers always see everything.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from merkat.market import history_tables as tables
from merkat.market.statistics import MINUTE_NS
from merkat.market.step import Records
from merkat.market.types import Candle, Funding, Order, Settlement, Trade, UserTrade
from merkat.sdk.commands import HOUR_NS

ROWS_MAX: Final = 10_000
FLUSH_RECORDS: Final = 2_048
BUSY_TIMEOUT_S: Final = 5.0
_LATEST_NS: Final = (1 << 63) - 1
_DAMAGED: Final = ("SQLITE_NOTADB", "SQLITE_CORRUPT")

_USER_TRADE: Final = msgspec.json.Decoder(UserTrade)
_ORDER: Final = msgspec.json.Decoder(Order)
_SETTLEMENT: Final = msgspec.json.Decoder(Settlement)
_encode = msgspec.json.Encoder().encode

Parameter = int | str | bytes


class HistoryError(Exception):
    """The history is that of another venue, or in use; the text says what to do."""


class HistoryDamagedError(HistoryError):
    """The file cannot be read as a history of this version."""


class History:
    """One file, or memory only without a path. Times are ns, both ends included.

    Rows come oldest first unless `newest_first`; at most `count` (to ROWS_MAX) of them.
    """

    def __init__(
        self,
        records: Records,
        salt: bytes,
        path: Path | None = None,
        timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        self.records = records
        self.path = path
        self.head = 0  # the log number up to which `records` are complete
        name = str(path) if path is not None else ":memory:"
        self._connection = sqlite3.connect(name, timeout=timeout_s, isolation_level=None)
        try:
            self.cursor = self._open(salt)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            if error.sqlite_errorname in _DAMAGED:
                raise HistoryDamagedError(f"{path}: {error}") from None
            raise HistoryError(f"{path}: {error}; is another process using it?") from None
        except HistoryError:
            self._connection.close()
            raise

    def _open(self, salt: bytes) -> int:
        """Make the tables that lack, check whose they are; returns the cursor."""
        connection = self._connection
        connection.executescript(tables.OPENING)
        found = dict(connection.execute("SELECT name, value FROM meta"))
        version = found.get("version", tables.VERSION)
        if version != tables.VERSION:
            raise HistoryDamagedError(
                f"{self.path}: it is of version {version}, expected {tables.VERSION}"
            )
        if found.get("salt", salt.hex()) != salt.hex():
            raise HistoryError(
                f"{self.path}: it is the history of the venue with salt {found['salt']}, expected "
                f"{salt.hex()}; name another folder"
            )
        cursor = found.get("cursor", "0")
        rows = (("version", version), ("salt", salt.hex()), ("cursor", cursor))
        connection.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
        return int(cursor)

    # --- writing ---

    def flush(self) -> None:
        """Write what waits, with the cursor; returns when it is committed."""
        if self.head <= self.cursor:
            return
        connection, records, cursor = self._connection, self.records, self.cursor
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(tables.TRADES, _trades(records.trades, cursor))
            connection.executemany(tables.USER_TRADES, _user_trades(records.user_trades, cursor))
            connection.executemany(tables.ORDERS, _orders(records.orders, cursor))
            connection.executemany(tables.SETTLEMENTS, _settlements(records.settlements, cursor))
            connection.executemany(tables.FUNDING, _funding(records.funding, cursor))
            connection.executemany(tables.CANDLES, _candles(records.candles))
            connection.execute("UPDATE meta SET value = ? WHERE name = 'cursor'", [str(self.head)])
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        self.cursor = self.head
        records.clear()

    def reached(self, log_number: int) -> None:
        """Say that `records` are complete up to a command. Flushes where many wait."""
        if log_number <= self.cursor:
            self.records.clear()  # the file has them: the log is being read again
            return
        self.head = log_number
        if len(self.records) >= FLUSH_RECORDS:
            self.flush()

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        self._connection.close()

    # --- reading ---

    def trades(
        self,
        listings: Collection[int] | None = None,
        *,
        start_ns: int = 0,
        end_ns: int = _LATEST_NS,
        start_seq: int = 0,
        end_seq: int = _LATEST_NS,
        count: int = ROWS_MAX,
        newest_first: bool = True,
    ) -> list[Trade]:
        """Return public trades, of some listings or of all."""
        where = "time_ns BETWEEN ? AND ? AND seq BETWEEN ? AND ?"
        parameters: list[Parameter] = [start_ns, end_ns, start_seq, end_seq]
        where += _of_listings(listings, parameters)
        rows = self._select("trades", "*", where, parameters, "number", count, newest_first)
        return [tables.trade(row) for row in rows]

    def trades_by_number(
        self,
        listings: Collection[int] | None,
        *,
        start: int = 0,
        end: int = _LATEST_NS,
        count: int = ROWS_MAX,
        newest_first: bool = True,
    ) -> list[Trade]:
        """Return public trades whose `Trade.number` lies in a range, both ends included."""
        parameters: list[Parameter] = [start, end]
        where = "number BETWEEN ? AND ?" + _of_listings(listings, parameters)
        rows = self._select("trades", "*", where, parameters, "number", count, newest_first)
        return [tables.trade(row) for row in rows]

    def user_trades(
        self,
        account: int,
        listings: Collection[int] | None = None,
        *,
        order: bytes | None = None,
        start_ns: int = 0,
        end_ns: int = _LATEST_NS,
        count: int = ROWS_MAX,
        newest_first: bool = True,
    ) -> list[UserTrade]:
        """Return trades of an account, of one order where its origin is given."""
        where = "account = ? AND time_ns BETWEEN ? AND ?"
        parameters: list[Parameter] = [account, start_ns, end_ns]
        where += _of_listings(listings, parameters)
        if order is not None:
            where += " AND origin = ?"
            parameters.append(order)
        rows = self._select("user_trades", "body", where, parameters, "number", count, newest_first)
        return [_USER_TRADE.decode(row[0]) for row in rows]

    def orders(
        self,
        account: int,
        listings: Collection[int] | None = None,
        *,
        start_ns: int = 0,
        end_ns: int = _LATEST_NS,
        filled_only: bool = False,
        count: int = ROWS_MAX,
        offset: int = 0,
        newest_first: bool = True,
    ) -> list[Order]:
        """Return closed orders of an account in the order of their closing; a chain is one."""
        where = "account = ? AND time_ns BETWEEN ? AND ?"
        parameters: list[Parameter] = [account, start_ns, end_ns]
        where += _of_listings(listings, parameters)
        if filled_only:
            where += " AND filled = 1"
        rows = self._select(
            "orders", "body", where, parameters, "updated_log", count, newest_first, offset
        )
        return [_ORDER.decode(row[0]) for row in rows]

    def order(self, origin: bytes) -> Order | None:
        """Return a closed order by its origin, or by the newest key of its chain."""
        self.flush()
        row = self._connection.execute(
            "SELECT body FROM orders WHERE origin = ? OR newest_key = ? LIMIT 1", (origin, origin)
        ).fetchone()
        return _ORDER.decode(row[0]) if row else None

    def funding(
        self,
        group: int,
        *,
        start_ns: int = 0,
        end_ns: int = _LATEST_NS,
        count: int = ROWS_MAX,
        newest_first: bool = False,
    ) -> list[Funding]:
        """Return the hours of a group whose end lies in a span."""
        first, last = -(-start_ns // HOUR_NS) - 1, end_ns // HOUR_NS - 1
        where, parameters = "grp = ? AND hour BETWEEN ? AND ?", [group, first, last]
        rows = self._select("funding", "*", where, parameters, "hour", count, newest_first)
        return [Funding(*row) for row in rows]

    def settlements(
        self,
        account: int,
        *,
        kinds: Collection[str] = (),
        listings: Collection[int] | None = None,
        start_ns: int = 0,
        end_ns: int = _LATEST_NS,
        count: int = ROWS_MAX,
        newest_first: bool = True,
    ) -> list[Settlement]:
        """Return what an account gained or lost otherwise than by trades."""
        where = "account = ? AND time_ns BETWEEN ? AND ?"
        parameters: list[Parameter] = [account, start_ns, end_ns]
        where += _of_listings(listings, parameters)
        if kinds:
            where += f" AND kind IN ({', '.join('?' * len(kinds))})"
            parameters += kinds
        rows = self._select(
            "settlements", "body", where, parameters, "log_number, place", count, newest_first
        )
        return [_SETTLEMENT.decode(row[0]) for row in rows]

    def candles(self, listing: int, minutes: int, start_ns: int, end_ns: int) -> list[Candle]:
        """Return candles of so many minutes, by the minute at which each begins.

        Those whose beginning lies in the span; without a trade there is none. The last may grow.
        """
        first = -(-start_ns // (MINUTE_NS * minutes)) * minutes
        last = end_ns // (MINUTE_NS * minutes) * minutes + minutes - 1
        where, parameters = "listing = ? AND minute BETWEEN ? AND ?", [listing, first, last]
        rows = self._select("candles", "*", where, parameters, "minute", None, False)
        found: list[Candle] = []
        for row in rows:
            candle = tables.candle(row)
            candle.minute -= candle.minute % minutes
            if found and found[-1].minute == candle.minute:
                _join(found[-1], candle)
            else:
                found.append(candle)
        return found

    def last_close(self, listing: int, before_ns: int) -> int | None:
        """Return the price of the last trade in the minutes before one, 1e-6 USD."""
        where, parameters = "listing = ? AND minute < ?", [listing, before_ns // MINUTE_NS]
        rows = self._select("candles", "close", where, parameters, "minute", 1, True)
        return rows[0][0] if rows else None

    def _select(
        self,
        table: str,
        columns: str,
        where: str,
        parameters: Iterable[Parameter],
        order: str,
        count: int | None,
        newest_first: bool,
        offset: int = 0,
    ) -> list[tuple[Any, ...]]:
        self.flush()
        direction = " DESC" if newest_first else ""
        ordered = ", ".join(column + direction for column in order.split(", "))
        # Table, columns and conditions are this module's own words; values are parameters.
        query = f"SELECT {columns} FROM {table} WHERE {where} ORDER BY {ordered}"
        values = list(parameters)
        if count is not None:
            query += " LIMIT ? OFFSET ?"
            values += [min(count, ROWS_MAX), offset]
        return self._connection.execute(query, values).fetchall()


def _of_listings(listings: Collection[int] | None, parameters: list[Parameter]) -> str:
    if listings is None:
        return ""
    if len(listings) == 1:
        parameters += listings
        return " AND listing = ?"
    # One parameter, however many listings there are.
    parameters.append(_encode(list(listings)).decode())
    return " AND listing IN (SELECT value FROM json_each(?))"


def _join(candle: Candle, later: Candle) -> None:
    candle.high = max(candle.high, later.high)
    candle.low = min(candle.low, later.low)
    candle.close = later.close
    candle.volume += later.volume
    candle.cost += later.cost


Row = tuple[int | str | bytes, ...]


def _trades(trades: Iterable[Trade], cursor: int) -> list[Row]:
    return [tables.trade_row(trade) for trade in trades if trade.log_number > cursor]


def _user_trades(user_trades: Iterable[UserTrade], cursor: int) -> list[Row]:
    return [
        (
            one.account,
            one.trade.number,
            one.trade.listing,
            one.trade.time_ns,
            one.order,
            _encode(one),
        )
        for one in user_trades
        if one.trade.log_number > cursor
    ]


def _orders(orders: Iterable[Order], cursor: int) -> list[Row]:
    return [
        (
            one.account,
            one.origin,
            one.key,
            one.listing,
            one.updated_log,
            one.updated_ns,
            int(one.total_filled > 0),
            _encode(one),
        )
        for one in orders
        if one.updated_log > cursor
    ]


def _settlements(settlements: Iterable[Settlement], cursor: int) -> list[Row]:
    return [
        (
            one.account,
            one.log_number,
            one.place,
            one.kind,
            one.listing,
            one.time_ns,
            _encode(one),
        )
        for one in settlements
        if one.log_number > cursor
    ]


def _funding(funding: Iterable[tuple[int, Funding]], cursor: int) -> list[Row]:
    return [
        (one.group, one.hour, one.rate, one.index, one.previous_index, one.time_ns)
        for log_number, one in funding
        if log_number > cursor
    ]


def _candles(candles: dict[tuple[int, int], Candle]) -> list[Row]:
    return [tables.candle_row(listing, candle) for (listing, _), candle in candles.items()]
