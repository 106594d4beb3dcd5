"""Accounts in portfolio margin that hold options and keep placing and cancelling orders in them.

As in the engine's other workload nothing is signed: signers stand where signatures belong.
"""

from __future__ import annotations

import random
from typing import Final

from merkat import _core
from merkat.bench.risk_market import (
    BASIS_CLAMP,
    INITIAL_RATE,
    LOT,
    MAINTENANCE_RATE,
    NOW_NS,
    QUANTUM,
    SIZE_DECIMALS,
    Market,
    default_set,
    table,
)
from merkat.bench.workload import named
from merkat.flow.oracle import THRESHOLD, OracleNodes
from merkat.flow.setup import AMPLE_CASH, Group, Scene, scripted_items
from merkat.flow.wallets import MS_NS, Wallets
from merkat.sdk import commands
from merkat.sdk.commands import GroupParameters
from merkat.sdk.keys import Domain, demo_domain
from merkat.sequencer.admission import Command, frame

LEGS: Final = 20
RESTING: Final = 4
EXPIRY_NS: Final = NOW_NS + 6 * 86_400 * 10**9
COMMAND_STEP_NS: Final = 10_000
LEAST_MARK: Final = 200 * QUANTUM  # below, a twentieth of the mark is too few ticks

Entry = tuple[bytes, bytes]
Batch = tuple[bytes, bytes]


class OptionOrders:
    """Builds the commands and remembers what rests."""

    def __init__(self, market: Market, accounts: int, seed: int = 1) -> None:
        self.market = market
        self.accounts = accounts
        self.domain: Domain = demo_domain(seed, "bench risk")
        self.wallets = Wallets(seed, accounts)
        self.oracle = OracleNodes(self.domain, seed)
        self.random = random.Random(f"merkat bench risk orders {seed}")
        self.time_ns = NOW_NS + MS_NS
        self.marks: dict[int, int] = {}
        self.legs: list[list[int]] = [[] for _ in range(accounts + 1)]
        self.resting: list[list[int]] = [[] for _ in range(accounts + 1)]

    # --- the way to accounts with positions, in batches ---

    def opening(self) -> Batch:
        """Return what makes the group, its listings and accounts, and sends the vector."""
        parameters = GroupParameters(
            initial_rate=INITIAL_RATE, maintenance_rate=MAINTENANCE_RATE, basis_clamp=BASIS_CLAMP
        )
        listings = [self._listed(one) for one in self.market.listings]
        group = Group(parameters, default_set().encode(), listings, fund=10**13)
        scene = Scene([], [AMPLE_CASH] * self.accounts, groups=[group])
        items = scripted_items(scene, self.wallets, self.oracle)
        entries = [(commands.inbox(index, item), b"\x00") for index, item in enumerate(items)]
        signing = self.oracle.addresses[:THRESHOLD]
        part = commands.signatures([(node, named(owner)) for node, owner in enumerate(signing)])
        vector = commands.epoch(self.market.surface.encode(), part)
        entries.append((vector, bytes([THRESHOLD]) + b"".join(signing)))
        return self._framed(1, entries)

    @staticmethod
    def _listed(terms: tuple[int, int, int, int, int]) -> bytes:
        _, kind, strike, expiry_ns, quantum = terms
        if kind == commands.KIND_PERPETUAL:
            return commands.list_perpetual(0, SIZE_DECIMALS, LOT, quantum, 0, 0)
        return commands.list_dated(
            kind,
            0,
            SIZE_DECIMALS,
            LOT,
            quantum,
            maker_fee=0,
            taker_fee=0,
            strike=strike,
            expiry_ns=expiry_ns,
        )

    def activation(self, first: int, rows: _core.Rows) -> Batch:
        """Return the command that takes the vector up."""
        command = commands.activate(0, self.market.surface.number, rows.root)
        return self._framed(first, [(command, b"\x00")])

    def know(self, rows: bytes) -> None:
        """Read the marks: prices of orders are near them."""
        read = table(rows)
        self.marks = dict(zip(read["listing"].tolist(), read["mark"].tolist(), strict=True))

    def positions(self, first: int) -> Batch:
        """Return margin modes, trades that give every account its legs, and resting orders."""
        entries = [
            self._entry(account, commands.margin_mode(account, 1, self._nonce(account)))
            for account in range(1, self.accounts + 1)
        ]
        traded = [one for one in self.market.options if self.marks[one] >= LEAST_MARK]
        for buyer in range(1, self.accounts, 2):
            legs = self.random.sample(traded, LEGS)
            self.legs[buyer] = self.legs[buyer + 1] = legs
            for listing in legs:
                # Half of the legs are short on either side.
                sides = (0, 1) if self.random.random() < 0.5 else (1, 0)
                for account, side in zip((buyer, buyer + 1), sides, strict=True):
                    nonce, mark = self._nonce(account), self.marks[listing]
                    entries.append(self._order(account, listing, side, mark, 10 * LOT, nonce))
        for account in range(1, self.accounts + 1):
            entries += [self._passive(account) for _ in range(RESTING)]
        return self._framed(first, entries)

    # --- the measured commands ---

    def batch(self, first_log_number: int, count: int) -> Batch:
        """Return `count` commands: every account places and cancels in turn."""
        entries = []
        times = []
        for _ in range(count):
            account = 1 + self.random.randrange(self.accounts)
            self.time_ns += COMMAND_STEP_NS
            resting = self.resting[account]
            if len(resting) <= RESTING:
                entries.append(self._passive(account))
            else:
                counter = resting.pop(self.random.randrange(len(resting)))
                hour = EXPIRY_NS // commands.HOUR_NS
                command = commands.cancel(account, hour, counter, self._nonce(account))
                entries.append(self._entry(account, command))
            times.append(self.time_ns)
        framed = [
            frame(first_log_number + place, [Command(time_ns, entry[0])])
            for place, (time_ns, entry) in enumerate(zip(times, entries, strict=True))
        ]
        return b"".join(framed), b"".join(signers for _, signers in entries)

    def _passive(self, account: int) -> Entry:
        """Return an order beside the mark, in a listing that the account holds."""
        listing = self.random.choice(self.legs[account])
        side = self.random.randrange(2)
        mark = self.marks[listing]
        away = mark * self.random.randint(50, 150) // 1_000
        price = (mark - away if side == 0 else mark + away) // QUANTUM * QUANTUM
        nonce = self._nonce(account)
        self.resting[account].append(nonce & commands.COUNTER_MASK)
        size = LOT * self.random.randint(1, 9)
        return self._order(account, listing, side, price, size, nonce, commands.POST_ONLY)

    def _order(
        self,
        account: int,
        listing: int,
        side: int,
        price: int,
        size: int,
        nonce: int,
        flags: int = commands.GOOD_TILL,
    ) -> Entry:
        command = commands.place(account, listing, side, flags, price, size, 0, EXPIRY_NS, nonce)
        return self._entry(account, command)

    def _nonce(self, account: int) -> int:
        return self.wallets.nonce(account, self.time_ns)

    def _entry(self, account: int, command: bytes) -> Entry:
        address = self.wallets.addresses[account - 1]
        return command[: -commands.SIGNATURE_BYTES] + named(address), b"\x01" + address

    def _framed(self, first: int, entries: list[Entry]) -> Batch:
        batch = frame(first, [Command(self.time_ns, entry[0]) for entry in entries])
        return batch, b"".join(signers for _, signers in entries)
