"""A venue with a perpetual, a future and options, and a random crowd that trades on it.

Everything happens to it: orders of every kind, amendments, renewals, floors, a fall of the index
that liquidates, a silence that cancels, an expiry that is delivered.
"""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from merkat import _core
from merkat.flow.oracle import OracleNodes
from merkat.flow.wallets import Wallets
from merkat.market import Replica
from merkat.market.types import Order
from merkat.products.names import parse_name
from merkat.products.terms import BTC
from merkat.sdk import commands
from merkat.sdk.keys import demo_domain, derive_secret
from merkat.sdk.risk_sets import risk_set
from merkat.sdk.surfaces import ExpiryQuote, Surface
from merkat.sequencer.admission import Command
from merkat.sequencer.pipeline import Sequencer
from tests.unit.market.feeding import Take

DOMAIN = demo_domain(1, "options")
SECRET = derive_secret(1, "sequencer")
SECOND_NS = 1_000_000_000
USD = 1_000_000
START_NS = 1_795_158_000 * SECOND_NS  # 2026-11-20 07:00 UTC, an hour before the first expiry
INDEX = 60_000 * USD
NEAR, FAR = "20NOV26", "25DEC26"
NAMES = (
    "BTC_USDC-PERPETUAL",
    f"BTC_USDC-{FAR}",
    f"BTC_USDC-{NEAR}-60000-C",
    f"BTC_USDC-{NEAR}-58000-P",
    f"BTC_USDC-{FAR}-50000-P",
    f"BTC_USDC-{FAR}-60000-C",
    f"BTC_USDC-{FAR}-70000-C",
)
CONTRACTS = tuple(parse_name(name) for name in NAMES)
EXPIRIES = (parse_name(f"BTC_USDC-{NEAR}").expiry_ns, parse_name(f"BTC_USDC-{FAR}").expiry_ns)
CASH = (*[5_000_000 * USD] * 6, 7_500 * USD)  # the last one is reckless
RECKLESS = len(CASH)
FEE_CAP = 10_000_000


class OptionVenue:
    """Accounts 1 to 7; listings 1 to 7 are NAMES. `take` gets every released batch."""

    def __init__(self, take: Take, seed: int = 1) -> None:
        self._take = take
        self._folder = tempfile.TemporaryDirectory(prefix="merkat-options-")
        self.sequencer = Sequencer.create(Path(self._folder.name) / "venue", DOMAIN, SECRET)
        self.oracle = OracleNodes(DOMAIN, 1)
        self.wallets = Wallets(1, len(CASH))
        self.random = random.Random(seed)
        self.observer = Replica(DOMAIN, self.sequencer.address)
        self.time_ns = START_NS
        self.index = INDEX
        self._items = 0
        for item in (
            commands.group(0, 5, self.oracle.addresses),
            commands.risk(0, risk_set().encode()),
            *(BTC.item(contract, 0) for contract in CONTRACTS),
            commands.fund_deposit(0, 100_000 * USD),
            *(
                commands.deposit(address, cash)
                for address, cash in zip(self.wallets.addresses, CASH, strict=True)
            ),
        ):
            self.item(item)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.sequencer.close()
        self._folder.cleanup()

    # --- sending ---

    def send(self, *sent: bytes, after_ns: int = 100_000_000) -> None:
        """Submit commands a moment later and hand the answers on."""
        self.time_ns += after_ns
        refusals = self.sequencer.submit([Command(self.time_ns, command) for command in sent])
        assert not refusals, f"admission refused {refusals}"
        for released in self.sequencer.release(wait=True):
            self.observer.take(
                released.first_log_number,
                released.batch,
                released.outputs,
                released.hashes,
                released.signatures,
            )
            self._take(released)

    def item(self, item: bytes) -> None:
        """Submit the next item of the Inbox."""
        self._items += 1
        self.send(commands.inbox(self._items - 1, item))

    def signed(self, account: int, command: bytes) -> bytes:
        """Return a command with its wallet's signature."""
        framed = len(command).to_bytes(4, "big") + command
        return _core.sign_commands(*DOMAIN.parts, framed, self.wallets.secret(account))[4:]

    def surface(self, index: int, after_ns: int = 100_000_000) -> None:
        """Send and take up a vector with smiles of the expiries that are still to come."""
        self.index = index
        time_ns = self.time_ns + after_ns

        def make(group: int, number: int, previous: bytes) -> Surface:
            return Surface(
                group=group,
                number=number,
                time_ns=time_ns,
                previous=previous,
                index=index,
                vol=550_000_000,
                vol_mean=550_000_000,
                expiries=tuple(
                    ExpiryQuote(
                        expiry,
                        index + 20 * USD,
                        total,
                        50_000_000_000,
                        -200_000_000_000,
                        0,
                        100_000_000_000,
                    )
                    for expiry, total in zip(EXPIRIES, (40_000_000, 23_000_000_000), strict=True)
                    if expiry > time_ns
                ),
            )

        self.send(self.oracle.surface(make), after_ns=after_ns)
        self.send(*self.sequencer.activations(wait=True))

    def place(
        self,
        account: int,
        listing: int,
        side: int,
        price: int,
        size: int,
        flags: int = commands.GOOD_TILL,
        life_ns: int = 3_600 * SECOND_NS,
    ) -> None:
        """Submit an order."""
        now = self.time_ns + 100_000_000
        life = min(life_ns, 50 * SECOND_NS) if flags & 1 else life_ns
        nonce = self.wallets.nonce(account, now)
        command = commands.place(
            account, listing, side, flags, price, size, FEE_CAP, now + life, nonce
        )
        self.send(self.signed(account, command))

    def change(self, kind: int, order: Order, price: int, size: int) -> None:
        """Amend (to a price and size) or renew an order."""
        now = self.time_ns + 100_000_000
        nonce = self.wallets.nonce(order.account, now)
        counter = int.from_bytes(order.key[7:], "big")
        hour = order.expiry_ns // commands.HOUR_NS
        renews = (hour, counter) if kind == commands.RENEW else (0, 0)
        renewing = kind == commands.RENEW
        command = commands.order_command(
            kind,
            order.account,
            order.listing,
            order.side,
            order.flags,
            price,
            size,
            FEE_CAP,
            now + 7_200 * SECOND_NS if renewing else order.expiry_ns,
            nonce & commands.COUNTER_MASK if renewing else counter,
            1 if renewing else order.version + 1,
            nonce,
            *renews,
        )
        self.send(self.signed(order.account, command))

    def cancel(self, order: Order) -> None:
        """Cancel an order."""
        nonce = self.wallets.nonce(order.account, self.time_ns)
        counter = int.from_bytes(order.key[7:], "big")
        hour = order.expiry_ns // commands.HOUR_NS
        self.send(self.signed(order.account, commands.cancel(order.account, hour, counter, nonce)))

    # --- the crowd ---

    def crowd(self, moves: int) -> None:
        """Let the accounts do so many things, with vectors between them."""
        for move in range(moves):
            if move % 8 == 0:
                self.surface(self.index + self.random.randrange(-20, 21) * USD)
            self._move()

    def _move(self) -> None:
        dice = self.random.random()
        orders = [order for order in self.observer.view.orders.values() if order.resting]
        if dice < 0.55 or not orders:
            self._place_some()
            return
        order = self.random.choice(orders)
        if dice < 0.75:
            tick = self.observer.view.instruments[order.listing].tick(order.price)
            more = self.random.choice((0, 0, -tick, tick, 2 * tick))
            lot = self.observer.view.instruments[order.listing].lot
            size = max(order.filled + lot, order.size + self.random.randrange(-2, 3) * lot)
            self.change(commands.AMEND, order, order.price + more, size)
        elif dice < 0.85:
            self.change(commands.RENEW, order, order.price, order.remaining)
        elif dice < 0.97:
            self.cancel(order)
        elif dice < 0.985:
            self.send(commands.tick())
        else:
            now = self.wallets.nonce(order.account, self.time_ns)
            floor = commands.floor(order.account, int.from_bytes(order.key[7:], "big"), now)
            self.send(self.signed(order.account, floor))

    def _place_some(self) -> None:
        listing = self.random.choice((1, 1, 1, 2, 3, 4, 5, 6, 7))
        mark = self.sequencer.engine.mark(listing)
        if mark is None:
            return
        instrument = self.observer.view.instruments[listing]
        side = self.random.randrange(2)
        tick = instrument.tick(mark)
        away = self.random.randrange(-2, 4) * (1 if side else -1)
        price = max(tick, (mark // tick + away) * tick)
        size = self.random.randrange(1, 12) * instrument.lot
        flags = self.random.choice((0, 0, 0, 0, 1, 2, 5))
        account = self.random.randrange(1, RECKLESS)
        life_ns = self.random.choice((20, 600, 7_200)) * SECOND_NS
        self.place(account, listing, side, price, size, flags, life_ns)

    def reckless(self) -> None:
        """Let the reckless account buy perpetuals on all its cash."""
        mark = self.sequencer.engine.mark(1)
        assert mark is not None
        price = (mark // BTC.linear.tick + 40) * BTC.linear.tick
        self.place(1, 1, commands.SELL, price, 1_000 * BTC.linear.lot)
        self.place(RECKLESS, 1, commands.BUY, price, 900 * BTC.linear.lot, commands.IMMEDIATE)

    def fall(self) -> None:
        """Let the index fall by 12 % in steps, with bids below."""
        for step in range(4):
            index = self.index * 97 // 100
            tick = BTC.linear.tick
            price = index * 99 // 100 // tick * tick
            self.place(2, 1, commands.BUY, price, 300 * BTC.linear.lot)
            self.surface(index)
            self.crowd(4 + step)

    def expire(self) -> None:
        """Let the near expiry come and its delivery price be named."""
        self.send(commands.tick(), after_ns=max(1, EXPIRIES[0] + SECOND_NS - self.time_ns))
        self.item(commands.deliver(0, EXPIRIES[0], self.index))
        self.send(commands.tick())
        self.surface(self.index)

    def whole_life(self, moves: int = 150) -> None:
        """Let everything happen."""
        self.crowd(moves)
        self.reckless()
        self.crowd(moves // 5)
        self.fall()
        self.crowd(moves // 2)
        self.expire()
        self.crowd(moves // 2)
