"""Traders: makers who quote both sides, owners with high leverage, and others who trade a little.

A trader looks at a View and says what it wants; it never looks at a book. Nobody here asks for a
liquidation: those follow from leverage and the index.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from merkat.bots.view import SIZE_SCALE, OpenOrder, View

BILLION: Final = 1_000_000_000
SECOND_NS: Final = 1_000_000_000
TICK: Final = 500_000  # 0.5 USD
LOT: Final = 100_000  # 0.001 BTC
GOOD_TILL: Final = 0
IMMEDIATE: Final = 1
POST_ONLY: Final = 2
MARKET: Final = 5
INITIAL_RATE: Final = 65_000_000


class Place(NamedTuple):
    """A new order."""

    account: int
    side: int
    flags: int
    price: int
    size: int
    life_ns: int


class Amend(NamedTuple):
    """Another price or size for an open order."""

    order: OpenOrder
    price: int
    size: int


class Cancel(NamedTuple):
    """An open order is no longer wanted."""

    order: OpenOrder


class Renew(NamedTuple):
    """A later expiry for an open order, which keeps its place."""

    order: OpenOrder
    life_ns: int


class Floor(NamedTuple):
    """All orders of the account so far are void."""

    account: int


class Withdraw(NamedTuple):
    """Cash is taken out, 1e-6 USD."""

    account: int
    amount: int


class Transfer(NamedTuple):
    """Cash goes to another account, 1e-6 USD."""

    account: int
    to_account: int
    amount: int


class Deposit(NamedTuple):
    """Cash comes in through the Inbox, 1e-6 USD."""

    account: int
    amount: int


Intent = Place | Amend | Cancel | Renew | Floor | Withdraw | Transfer | Deposit


class Trader(Protocol):
    """One account with a habit."""

    account: int

    def act(self, view: View, time_ns: int) -> list[Intent]:
        """Return what the trader wants now."""


def to_tick(price: int, side: int) -> int:
    """Round a price to the tick away from the middle: down for a buy, up for a sell."""
    return price // TICK * TICK if side == 0 else -(-price // TICK) * TICK


def to_lots(size: int) -> int:
    """Round a size down to lots."""
    return size // LOT * LOT


@dataclass(slots=True)
class Maker:
    """Quotes `levels` prices on each side and follows the index by amending its orders."""

    account: int
    random: random.Random
    levels: int = 3
    spread: int = 400_000  # of the first level, 1e-9
    step: int = 1_500_000
    life_ns: int = 900 * SECOND_NS
    gap_seen: bool = False

    def _price(self, view: View, side: int, level: int) -> int:
        offset = view.index * (self.spread + level * self.step) // BILLION
        return to_tick(view.index - offset if side == 0 else view.index + offset, side)

    def act(self, view: View, time_ns: int) -> list[Intent]:
        """Bring the quotes to where the index is now."""
        wanted: list[Intent] = []
        mine = view.open_orders(self.account)
        if self.random.random() < 0.002:
            return [Floor(self.account)]
        for side in (0, 1):
            orders = [order for order in mine if order.side == side]
            for level in range(self.levels):
                price = self._price(view, side, level)
                if level < len(orders):
                    wanted += self._follow(orders[level], price, time_ns)
                else:
                    size = to_lots(self.random.randint(2, 12) * 20 * LOT * (1 + level))
                    flags = POST_ONLY if self.random.random() < 0.7 else GOOD_TILL
                    wanted.append(Place(self.account, side, flags, price, size, self.life_ns))
            wanted += [Cancel(order) for order in orders[self.levels :]]
        return wanted

    def _follow(self, order: OpenOrder, price: int, time_ns: int) -> list[Intent]:
        """Amend, renew or leave one quote."""
        if order.remaining <= 0:
            return []
        if order.expiry_ns - time_ns < 60 * SECOND_NS:
            return [Renew(order, self.life_ns)]
        if abs(order.price - price) * 5_000 > price:
            return [Amend(order, price, order.size)]
        if order.filled * 2 > order.size:
            # Mostly filled: top up, which goes to the end of the queue.
            return [Amend(order, order.price, order.size + to_lots(order.filled))]
        return []


@dataclass(slots=True)
class Gambler:
    """Holds a position near the largest that initial margin allows, and starts again when broke."""

    account: int
    random: random.Random
    stake: int
    side: int = 0
    deposits_left: int = 2

    def act(self, view: View, time_ns: int) -> list[Intent]:
        """Open, close, or put down another stake."""
        holding = view.holdings[self.account]
        if holding.stage or view.open_orders(self.account):
            return []
        if holding.position:
            return self._close(view) if self.random.random() < 0.004 else []
        equity = holding.equity(view.index)
        if equity * 10 < self.stake:
            if self.deposits_left and self.random.random() < 0.05:
                self.deposits_left -= 1
                return [Deposit(self.account, self.stake)]
            return []
        return self._open(view, equity)

    def _open(self, view: View, equity: int) -> list[Intent]:
        self.side = 0 if self.random.random() < 0.6 else 1
        appetite = self.random.randint(820, 985)
        notional = equity * appetite // 1000 * BILLION // (INITIAL_RATE + 1_500_000)
        size = to_lots(notional * SIZE_SCALE // view.index)
        if size < LOT:
            return []
        slack = view.index * 8 // 1000
        price = to_tick(view.index + (slack if self.side == 0 else -slack), self.side)
        flags = MARKET if self.random.random() < 0.5 else IMMEDIATE
        return [Place(self.account, self.side, flags, price, size, 30 * SECOND_NS)]

    def _close(self, view: View) -> list[Intent]:
        position = view.holdings[self.account].position
        side = 1 if position > 0 else 0
        slack = view.index // 50
        price = to_tick(view.index + (slack if side == 0 else -slack), side)
        return [Place(self.account, side, IMMEDIATE, price, abs(position), 30 * SECOND_NS)]


@dataclass(slots=True)
class Visitor:
    """Trades a little with little leverage: takes, rests an order, cancels, moves cash."""

    account: int
    random: random.Random
    accounts: int

    def act(self, view: View, time_ns: int) -> list[Intent]:
        """Do one small thing."""
        draw = self.random.random()
        mine = view.open_orders(self.account)
        side = self.random.randrange(2)
        size = to_lots(self.random.randint(1, 60) * LOT)
        if draw < 0.45:
            slack = view.index // 100
            price = to_tick(view.index + (slack if side == 0 else -slack), side)
            flags = MARKET if self.random.random() < 0.3 else IMMEDIATE
            return [Place(self.account, side, flags, price, size, 20 * SECOND_NS)]
        if draw < 0.75 or not mine:
            distance = view.index * self.random.randint(1, 60) // 10_000
            price = to_tick(view.index - distance if side == 0 else view.index + distance, side)
            life_ns = self.random.randint(60, 1_200) * SECOND_NS
            return [Place(self.account, side, GOOD_TILL, price, size, life_ns)]
        if draw < 0.96:
            return [Cancel(self.random.choice(mine))]
        amount = self.random.randint(1, 400) * 1_000_000
        if draw < 0.98:
            return [Withdraw(self.account, amount)]
        to_account = self.random.randint(1, self.accounts)
        return [Transfer(self.account, to_account, amount)]


def draw_traders(
    seed: int, makers: int, gamblers: int, visitors: int
) -> tuple[list[Trader], list[int]]:
    """Return the traders, accounts 1 on, and the cash (1e-6 USD) that each starts with."""
    source = random.Random(f"merkat traders {seed}")
    traders: list[Trader] = []
    cash = []
    total = makers + gamblers + visitors
    for account in range(1, total + 1):
        own = random.Random(f"merkat trader {seed} {account}")
        if account <= makers:
            traders.append(Maker(account, own))
            cash.append(5_000_000 * 1_000_000)
        elif account <= makers + gamblers:
            stake = source.randint(2_000, 15_000) * 1_000_000
            traders.append(Gambler(account, own, stake))
            cash.append(stake)
        else:
            traders.append(Visitor(account, own, total))
            cash.append(100_000 * 1_000_000)
    return traders, cash
