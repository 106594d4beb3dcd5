"""The engine's workload: accounts with five positions and twenty resting orders each.

Signatures are measured apart, so nothing is signed here: where a signature belongs stands its
signer's address. The engine is handed the signers; the specification is told to read them there.
"""

from __future__ import annotations

import random
from typing import Final

from merkat import _core
from merkat.flow.oracle import THRESHOLD, OracleNodes
from merkat.flow.setup import AMPLE_CASH, Listing, Scene, scripted_items
from merkat.flow.wallets import MS_NS, Wallets
from merkat.sdk import commands
from merkat.sdk.keys import Domain, demo_domain
from merkat.sequencer.admission import Command, frame

START_NS: Final = 1_767_225_600_000_000_000
EXPIRY_NS: Final = START_NS + 6 * 86_400 * 1_000_000_000
POSITIONS: Final = 5
ORDERS: Final = 20
TICK: Final = 10_000
INDEX: Final = 100_000 * TICK
HALF_SPREAD_TICKS: Final = 20
WALLETS_V: Final = 27
COMMAND_STEP_NS: Final = 10_000  # a hundred thousand commands last a second of the venue's time


class Workload:
    """Builds commands and remembers what rests, so that amends and cancels name live orders."""

    def __init__(self, accounts: int, seed: int = 1) -> None:
        self.accounts = accounts
        self.domain: Domain = demo_domain(seed, "bench")
        self.wallets = Wallets(seed, accounts)
        self.oracle = OracleNodes(self.domain, seed)
        self.random = random.Random(f"merkat bench {seed}")
        self.time_ns = START_NS
        self.epoch_ns = START_NS
        # Of each account the resting orders: (listing, side, price, size, counter, version).
        self.resting: list[list[tuple[int, int, int, int, int, int]]]
        self.resting = [[] for _ in range(accounts + 1)]

    def _entry(self, account: int, command: bytes) -> tuple[bytes, bytes]:
        """Return a wallet's command with its signer's address in place of a signature."""
        address = self.wallets.addresses[account - 1]
        return command[: -commands.SIGNATURE_BYTES] + named(address), b"\x01" + address

    def _open_position(self, account: int, listing: int, side: int) -> tuple[bytes, bytes]:
        """Return an order of one size at one price, which the account beside it takes whole."""
        nonce = self.wallets.nonce(account, self.time_ns)
        command = commands.place(account, listing, side, 0, INDEX, 5, 0, EXPIRY_NS, nonce)
        return self._entry(account, command)

    def _place(self, account: int, listing: int, side: int, price: int, flags: int = 0) -> bytes:
        size = self.random.randint(1, 9)
        nonce = self.wallets.nonce(account, self.time_ns)
        expiry_ns = EXPIRY_NS if flags == 0 else self.time_ns + 30_000 * MS_NS
        if flags == 0:
            counter = nonce & commands.COUNTER_MASK
            self.resting[account].append((listing, side, price, size, counter, 1))
        return commands.place(account, listing, side, flags, price, size, 0, expiry_ns, nonce)

    def _passive_price(self, side: int) -> int:
        ticks = HALF_SPREAD_TICKS + self.random.randrange(500)
        return INDEX - ticks * TICK if side == 0 else INDEX + ticks * TICK

    def setup(self) -> tuple[bytes, bytes]:
        """Return batch and signers that bring every account to its positions and orders."""
        listings = [Listing(size_decimals=0, lot=1, tick=TICK)] * POSITIONS
        scene = Scene(listings, [AMPLE_CASH] * self.accounts)
        items = scripted_items(scene, self.wallets, self.oracle)
        entries = [(commands.inbox(index, item), b"\x00") for index, item in enumerate(items)]
        entries.append(self._epoch())
        for listing in range(1, POSITIONS + 1):
            for buyer in range(1, self.accounts, 2):
                entries.append(self._open_position(buyer, listing, 0))
                entries.append(self._open_position(buyer + 1, listing, 1))
        for number in range(ORDERS):
            for account in range(1, self.accounts + 1):
                side = number % 2
                price = self._passive_price(side)
                command = self._place(account, 1 + number % POSITIONS, side, price)
                entries.append(self._entry(account, command))
        return self._framed(1, entries)

    def _epoch(self) -> tuple[bytes, bytes]:
        oracle = self.oracle
        oracle.number += 1
        vector = commands.vector(0, oracle.number, self.time_ns, oracle.vector_hash, INDEX)
        oracle.vector_hash = _core.keccak256(vector)[:31]
        signing = oracle.addresses[:THRESHOLD]
        part = commands.signatures([(node, named(owner)) for node, owner in enumerate(signing)])
        return commands.epoch(vector, part), bytes([THRESHOLD]) + b"".join(signing)

    def _framed(
        self, first_log_number: int, entries: list[tuple[bytes, bytes]]
    ) -> tuple[bytes, bytes]:
        batch = frame(first_log_number, [Command(self.time_ns, entry[0]) for entry in entries])
        return batch, b"".join(signers for _, signers in entries)

    def _one(self, account: int) -> bytes:
        """Return an amend (40 %), cancel and place (50 %) or immediate order (10 %)."""
        resting = self.resting[account]
        draw = self.random.random()
        if draw < 0.1:
            side = self.random.randrange(2)
            slack = HALF_SPREAD_TICKS * TICK * 2
            price = INDEX + slack if side == 0 else INDEX - slack
            listing = 1 + self.random.randrange(POSITIONS)
            return self._place(account, listing, side, price, flags=commands.IMMEDIATE)
        if len(resting) < ORDERS or (draw < 0.15 and len(resting) < ORDERS + 5):
            side = self.random.randrange(2)
            listing = 1 + self.random.randrange(POSITIONS)
            return self._place(account, listing, side, self._passive_price(side))
        place = self.random.randrange(len(resting))
        listing, side, price, size, counter, version = resting[place]
        nonce = self.wallets.nonce(account, self.time_ns)
        if draw < 0.55:
            price = self._passive_price(side)
            resting[place] = (listing, side, price, size, counter, version + 1)
            return commands.order_command(
                commands.AMEND,
                account,
                listing,
                side,
                0,
                price,
                size,
                0,
                EXPIRY_NS,
                counter,
                version + 1,
                nonce,
            )
        resting.pop(place)
        return commands.cancel(account, EXPIRY_NS // commands.HOUR_NS, counter, nonce)

    def batch(self, first_log_number: int, count: int) -> tuple[bytes, bytes]:
        """Return a batch of `count` commands and their signers, an epoch every two seconds."""
        framed = []
        signers = []
        for position in range(count):
            self.time_ns += COMMAND_STEP_NS
            if self.time_ns - self.epoch_ns >= 2_000 * MS_NS:
                self.epoch_ns = self.time_ns
                command, signer = self._epoch()
            else:
                account = 1 + self.random.randrange(self.accounts)
                command, signer = self._entry(account, self._one(account))
            framed.append(frame(first_log_number + position, [Command(self.time_ns, command)]))
            signers.append(signer)
        return b"".join(framed), b"".join(signers)


def named(address: bytes) -> bytes:
    """Return 65 bytes that name a signer without a signature; v says that it is a wallet's."""
    return address + bytes(commands.SIGNATURE_BYTES - len(address) - 1) + bytes([WALLETS_V])


def named_signer(digest: bytes, signature: bytes) -> bytes:
    """Return the signer that `named` wrote: what the specification is given as recovery."""
    return signature[:20]
