"""A matching tape played on perpetuals of one group, one a symbol.

The tick is 0.01 USD, the lot 1 with 0 size decimals, the index constant at 100,000 ticks, fees 0.
Operation i happens at t0 + i ms. A move is an amend: the same key, a larger version, the whole
size. Where its price is the present one the amend would keep its priority, so it goes up by a lot
(to the end of the queue) and back down.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from merkat.flow.oracle import PERIOD_NS, OracleNodes
from merkat.flow.player import Player
from merkat.flow.setup import AMPLE_CASH, Listing, Scene
from merkat.flow.wallets import MS_NS, TAPE_PAIRS, Wallets, tape_account
from merkat.sdk import commands
from merkat.tapes import records
from merkat.tapes.generator import MIDDLE_TICKS
from merkat.tapes.records import Record, TapeError

TICK: Final = 10_000
START_NS: Final = 1_767_225_600_000_000_000  # 2026-01-01 00:00 UTC
LIFE_NS: Final = 6 * 86_400 * 1_000_000_000
IMMEDIATE_LIFE_NS: Final = 30 * 1_000_000_000
TICK_EPOCHS: Final = 30
ACCOUNTS: Final = 2 * TAPE_PAIRS
LISTINGS_MAX: Final = 1_024
OPERATIONS_MAX: Final = LIFE_NS // MS_NS

# Of a resting order: its counter, version, whole size, and price in ticks.
Resting = tuple[int, int, int, int]


class TapeFlow:
    """Plays the records of a tape. `prefill` records are not part of the timed operations."""

    tick = TICK
    story = False

    def __init__(self, path: Path, prefill: int = 0, limit: int | None = None) -> None:
        count = records.record_count(path)
        if count > OPERATIONS_MAX:
            raise TapeError(f"{path}: {count:,} records; at most {OPERATIONS_MAX:,} are played")
        if prefill > count:
            raise TapeError(f"{path}: {count:,} records are fewer than the prefill {prefill:,}")
        self.path = path
        self.prefill = prefill
        self.limit = count if limit is None else min(limit, count)
        self.rows = 0
        self.epochs = 0
        self.untimed = (0, 0.0)
        self.symbols = 1 + max(record.symbol for record in records.read(path))
        if self.symbols > LISTINGS_MAX:
            raise TapeError(f"{path}: {self.symbols} symbols; at most {LISTINGS_MAX} are listed")
        self._expiry_ns = START_NS + LIFE_NS
        self._resting: dict[int, Resting] = {}

    def scene(self) -> Scene:
        """Return what the scripted Inbox sets up."""
        listings = [Listing(size_decimals=0, lot=1, tick=TICK)] * self.symbols
        return Scene(listings, [AMPLE_CASH] * ACCOUNTS, position_limit=LISTINGS_MAX)

    def start_ns(self) -> int:
        """Return t0."""
        return START_NS

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
        """Play the tape; yields the time (ns) after each epoch, for a line of progress."""
        self.player, self.wallets = player, wallets
        epoch_ns = START_NS
        time_ns = START_NS
        for record in records.read(self.path):
            if self.rows >= self.limit:
                break
            if self.prefill and self.rows == self.prefill:
                player.settle()
                self.untimed = (player.tally.commands, player.sequencer.pipeline_s)
            if epoch_ns <= time_ns:
                if self.epochs % TICK_EPOCHS == 0:
                    player.send(time_ns, commands.tick())
                player.send(time_ns, oracle.epoch(time_ns, MIDDLE_TICKS * TICK))
                self.epochs += 1
                yield time_ns
                epoch_ns += PERIOD_NS
            self._apply(record, time_ns)
            self.rows += 1
            time_ns += MS_NS
        player.settle()

    def _apply(self, record: Record, time_ns: int) -> None:
        account = tape_account(record.identifier, record.side)
        if record.kind <= records.IMMEDIATE:
            self._place(record, account, time_ns)
            return
        resting = self._resting.get(record.identifier)
        if resting is None:
            raise TapeError(
                f"record {self.rows}: order {record.identifier} is dead or was never placed; "
                "a tape never cancels or moves such an order"
            )
        if record.kind == records.CANCEL:
            del self._resting[record.identifier]
            nonce = self.wallets.nonce(account, time_ns)
            hour = self._expiry_ns // commands.HOUR_NS
            command = commands.cancel(account, hour, resting[0], nonce)
            self.player.send(time_ns, command, self.wallets.secret(account))
        else:
            self._move(record, account, time_ns, resting)

    def _place(self, record: Record, account: int, time_ns: int) -> None:
        nonce = self.wallets.nonce(account, time_ns)
        flags, expiry_ns = commands.GOOD_TILL, self._expiry_ns
        if record.kind == records.IMMEDIATE:
            flags, expiry_ns = commands.IMMEDIATE, time_ns + IMMEDIATE_LIFE_NS
        else:
            counter = nonce & commands.COUNTER_MASK
            self._resting[record.identifier] = (counter, 1, record.quantity, record.price_ticks)
        command = commands.place(
            account,
            record.symbol + 1,
            record.side,
            flags,
            record.price_ticks * TICK,
            record.quantity,
            0,
            expiry_ns,
            nonce,
        )
        self.player.send(time_ns, command, self.wallets.secret(account))

    def _move(self, record: Record, account: int, time_ns: int, resting: Resting) -> None:
        counter, version, size, price_ticks = resting
        if record.price_ticks == price_ticks:
            version += 1
            self._amend(record, account, time_ns, counter, version, size + 1)
        version += 1
        self._amend(record, account, time_ns, counter, version, size)
        self._resting[record.identifier] = (counter, version, size, record.price_ticks)

    def _amend(
        self, record: Record, account: int, time_ns: int, counter: int, version: int, size: int
    ) -> None:
        command = commands.order_command(
            commands.AMEND,
            account,
            record.symbol + 1,
            record.side,
            commands.GOOD_TILL,
            record.price_ticks * TICK,
            size,
            0,
            self._expiry_ns,
            counter,
            version,
            self.wallets.nonce(account, time_ns),
        )
        self.player.send(time_ns, command, self.wallets.secret(account))
