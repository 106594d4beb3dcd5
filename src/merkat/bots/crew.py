"""Bots at work: each looks through its desk, asks its strategy, and sends what that wants."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from merkat.bots.desk import Desk
from merkat.bots.makers import LinearMaker, OptionMaker
from merkat.bots.takers import Bull, Hedger, OptionTaker, Taker


class Bot(Protocol):
    """Somebody with a desk and a habit."""

    desk: Desk

    async def act(self, now_ms: int) -> None:
        """Look once, and send what is wanted. `now_ms` is the venue's time."""


class LinearMakerBot:
    """Makes the market of a perpetual or future: reacts whenever the mark moves."""

    def __init__(self, desk: Desk, strategy: LinearMaker) -> None:
        self.desk = desk
        self.strategy = strategy
        self._mark: Decimal | None = None

    async def act(self, now_ms: int) -> None:
        """Bring the quotes to where the mark is now, if it has moved."""
        name = self.strategy.instrument.name
        quote = await self.desk.quote(name)
        if quote.mark == self._mark:
            return
        self._mark = quote.mark
        orders = await self.desk.orders(name)
        position = await self.desk.position(name)
        await self.desk.send(self.strategy.wants(quote, orders, position))


class OptionMakerBot:
    """Makes the markets of all options."""

    def __init__(self, desk: Desk, strategy: OptionMaker) -> None:
        self.desk = desk
        self.strategy = strategy

    async def act(self, now_ms: int) -> None:
        """Change the quotes that are off most."""
        quotes = await self.desk.option_quotes()
        orders = await self.desk.option_orders()
        sizes = await self.desk.sizes()
        await self.desk.send(self.strategy.wants(quotes, orders, sizes, now_ms))


class TakerBot:
    """Trades one instrument at the market."""

    def __init__(self, desk: Desk, strategy: Taker) -> None:
        self.desk = desk
        self.strategy = strategy

    async def act(self, now_ms: int) -> None:
        """Buy or sell once."""
        position = await self.desk.position(self.strategy.instrument.name)
        await self.desk.send(self.strategy.wants(position))


class OptionTakerBot:
    """Trades options at their quotes."""

    def __init__(self, desk: Desk, strategy: OptionTaker) -> None:
        self.desk = desk
        self.strategy = strategy

    async def act(self, now_ms: int) -> None:
        """Take one quote."""
        quotes = await self.desk.option_quotes()
        sizes = await self.desk.sizes()
        await self.desk.send(self.strategy.wants(quotes, sizes, now_ms))


class HedgerBot:
    """Holds options and no delta."""

    def __init__(self, desk: Desk, strategy: Hedger) -> None:
        self.desk = desk
        self.strategy = strategy

    async def act(self, now_ms: int) -> None:
        """Perhaps buy an option, then hedge what the positions' deltas sum to."""
        quotes = await self.desk.option_quotes()
        sizes = await self.desk.sizes()
        await self.desk.send(self.strategy.buys(quotes, sizes, now_ms))
        await self.desk.send(self.strategy.hedge(await self.desk.positions()))


class BullBot:
    """Believes in the price."""

    def __init__(self, desk: Desk, strategy: Bull) -> None:
        self.desk = desk
        self.strategy = strategy

    async def act(self, now_ms: int) -> None:
        """Buy up to the leverage it likes."""
        name = self.strategy.instrument.name
        quote = await self.desk.quote(name)
        summary = await self.desk.summary()
        position = await self.desk.position(name)
        await self.desk.send(self.strategy.wants(quote, summary, position))
