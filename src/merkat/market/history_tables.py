"""The tables of the history. Numbers that may not fit 64 bits are text or stand in a JSON body."""

from __future__ import annotations

from typing import Any, Final

from merkat.market.types import TRADE_PLACE_BITS, Candle, Trade

VERSION: Final = "1"

# A kill of the process loses nothing that was committed; a loss of power may lose the newest
# commits, which the log gives again.
OPENING: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA temp_store = MEMORY;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trades (
    number INTEGER PRIMARY KEY, listing INTEGER NOT NULL, seq INTEGER NOT NULL,
    side INTEGER NOT NULL, price INTEGER NOT NULL, size INTEGER NOT NULL,
    time_ns INTEGER NOT NULL, mark INTEGER NOT NULL, idx INTEGER NOT NULL,
    tick INTEGER NOT NULL, forced INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS trades_of_listing ON trades (listing, number);
CREATE TABLE IF NOT EXISTS user_trades (
    account INTEGER NOT NULL, number INTEGER NOT NULL, listing INTEGER NOT NULL,
    time_ns INTEGER NOT NULL, origin BLOB NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (account, number)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS user_trades_of_order ON user_trades (origin);
CREATE TABLE IF NOT EXISTS orders (
    account INTEGER NOT NULL, origin BLOB NOT NULL, newest_key BLOB NOT NULL,
    listing INTEGER NOT NULL, updated_log INTEGER NOT NULL, time_ns INTEGER NOT NULL,
    filled INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (origin)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS orders_of_account ON orders (account, updated_log);
CREATE INDEX IF NOT EXISTS orders_by_key ON orders (newest_key);
CREATE TABLE IF NOT EXISTS settlements (
    account INTEGER NOT NULL, log_number INTEGER NOT NULL, place INTEGER NOT NULL,
    kind TEXT NOT NULL, listing INTEGER NOT NULL, time_ns INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (account, log_number, place)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS funding (
    grp INTEGER NOT NULL, hour INTEGER NOT NULL, rate INTEGER NOT NULL, idx INTEGER NOT NULL,
    previous INTEGER NOT NULL, time_ns INTEGER NOT NULL, PRIMARY KEY (grp, hour)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS candles (
    listing INTEGER NOT NULL, minute INTEGER NOT NULL, open INTEGER NOT NULL,
    high INTEGER NOT NULL, low INTEGER NOT NULL, close INTEGER NOT NULL, volume TEXT NOT NULL,
    cost TEXT NOT NULL, PRIMARY KEY (listing, minute)) WITHOUT ROWID;
"""

TRADES: Final = f"INSERT OR REPLACE INTO trades VALUES ({', '.join('?' * 11)})"
USER_TRADES: Final = f"INSERT OR REPLACE INTO user_trades VALUES ({', '.join('?' * 6)})"
ORDERS: Final = f"INSERT OR REPLACE INTO orders VALUES ({', '.join('?' * 8)})"
SETTLEMENTS: Final = f"INSERT OR REPLACE INTO settlements VALUES ({', '.join('?' * 7)})"
FUNDING: Final = f"INSERT OR REPLACE INTO funding VALUES ({', '.join('?' * 6)})"
CANDLES: Final = f"INSERT OR REPLACE INTO candles VALUES ({', '.join('?' * 8)})"

_PLACE_MASK: Final = (1 << TRADE_PLACE_BITS) - 1


def trade_row(trade: Trade) -> tuple[int, ...]:
    """Return a trade as a row of its table."""
    return (
        trade.number,
        trade.listing,
        trade.seq,
        trade.side,
        trade.price,
        trade.size,
        trade.time_ns,
        trade.mark,
        trade.index,
        trade.tick_direction,
        trade.forced,
    )


def trade(row: tuple[Any, ...]) -> Trade:
    """Return the trade of a row."""
    number, listing, seq, side, price, size, time_ns, mark, index, tick, forced = row
    log_number, place = number >> TRADE_PLACE_BITS, number & _PLACE_MASK
    return Trade(
        log_number, place, listing, seq, side, price, size, time_ns, mark, index, tick, forced
    )


def candle_row(listing: int, candle: Candle) -> tuple[int | str, ...]:
    """Return a candle as a row of its table."""
    return (
        listing,
        candle.minute,
        candle.open,
        candle.high,
        candle.low,
        candle.close,
        str(candle.volume),
        str(candle.cost),
    )


def candle(row: tuple[Any, ...]) -> Candle:
    """Return the candle of a row."""
    _, minute, opened, high, low, close, volume, cost = row
    return Candle(minute, opened, high, low, close, int(volume), int(cost))
