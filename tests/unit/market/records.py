"""Batches in a file, and what two replicas must have in common."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from merkat.market import Replica
from merkat.market.replica import HISTORY_FILE
from merkat.market.view import LISTING_TRADES_MAX
from merkat.sequencer.pipeline import Released
from tests.unit.market.feeding import Recorded

TABLES = ("trades", "user_trades", "orders", "settlements", "funding", "candles")


def save_batches(path: Path, run: Recorded) -> None:
    """Write the batches of a run."""
    batches = [asdict(batch) for batch in run.released]
    path.write_bytes(msgspec.msgpack.encode((run.sequencer, batches)))


def load_batches(path: Path) -> tuple[bytes, list[Released]]:
    """Return the sequencer's address and the batches of a file."""
    sequencer, batches = msgspec.msgpack.decode(path.read_bytes())
    return sequencer, [Released(**batch) for batch in batches]


def said(replica: Replica) -> dict[str, Any]:
    """Return all that a view says, for a comparison."""
    view = replica.view
    return {
        "log": (view.log_number, view.time_ns, replica.journal_hash),
        "instruments": view.instruments,
        "by_name": view.by_name,
        "groups": view.groups,
        "orders": view.orders,
        "chains": view.chains,
        "closed": list(view.closed_orders),
        "accounts": view.accounts,
        "marks": view.marks,
        "funding": view.funding,
        "rows": view.rows,
        "open_interest": view.open_interest,
        "holders": view.holders,
        "spot": view.spot_listings,
        "bands": view.option_bands,
        "trades": view.trades,
        # The state keeps the newest of each listing, not all that the venue's ring still has.
        "all_trades": list(view.all_trades)[-LISTING_TRADES_MAX:],
        "trade_seq": view.trade_seq,
        "books": {
            listing: (book.change_id, book.time_ns, book.levels())
            for listing, book in view.books.items()
        },
        "candles": {
            listing: (list(minutes.candles), minutes.last_price, minutes.last_direction)
            for listing, minutes in view.minutes.items()
        },
        "tickers": {listing: replica.ticker(listing) for listing in view.instruments},
        "root": replica.engine.state_root(),
        "digest": replica.engine.venue_digest(),
    }


def kept(folder: Path) -> dict[str, list[Any]]:
    """Return every row of a folder's history."""
    connection = sqlite3.connect(folder / HISTORY_FILE)
    try:
        return {
            table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall())
            for table in TABLES
        }
    finally:
        connection.close()
