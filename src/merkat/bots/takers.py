"""Those who trade against the makers: at random, to hedge a delta, or with all the leverage.

Pure, as the makers are; the only chance is a `random.Random` of the bot's own.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

from merkat.bots.dialect import (
    BUY,
    SELL,
    ZERO,
    Instrument,
    Place,
    Position,
    Quote,
    Summary,
    Want,
)


@dataclass(slots=True)
class Taker:
    """Buys and sells a perpetual or future at the market, never holding much.

    Attributes:
        lots_most: of one order.
        position_most: beyond it, only the side that reduces; coins.
        orders: how many it sends at once.
    """

    instrument: Instrument
    random: random.Random
    lots_most: int = 80
    position_most: Decimal = Decimal("0.6")
    orders: int = 1

    def wants(self, position: Decimal) -> list[Want]:
        """Return market orders."""
        return [self._order(position) for _ in range(self.orders)]

    def _order(self, position: Decimal) -> Place:
        side = BUY if self.random.random() < 0.5 else SELL
        amount = self.random.randint(1, self.lots_most) * self.instrument.lot
        if abs(position) >= self.position_most:
            side = SELL if position > 0 else BUY
        return Place(self.instrument.name, side, amount)


@dataclass(slots=True)
class OptionTaker:
    """Lifts or hits an option's quote now and then.

    Attributes:
        premium_most: options dearer than this are left alone, USD a coin.
        position_most: of any one option, coins.
    """

    instruments: Mapping[str, Instrument]
    random: random.Random
    lots_most: int = 12
    premium_most: Decimal = Decimal(6_000)
    position_most: Decimal = Decimal("0.5")
    closing_ms: int = 20_000

    def wants(
        self, quotes: Sequence[Quote], positions: Mapping[str, Decimal], now_ms: int
    ) -> list[Want]:
        """Return one immediate order at the quote of an option, none where nothing is quoted."""
        side = BUY if self.random.random() < 0.6 else SELL
        open_quotes = [quote for quote in quotes if self._can_take(quote, now_ms)]
        draw, lots = self.random.random(), self.random.randint(1, self.lots_most)
        if not open_quotes:
            return []
        quote = open_quotes[int(draw * len(open_quotes))]
        held = positions.get(quote.name, ZERO)
        if abs(held) >= self.position_most:
            side = SELL if held > 0 else BUY
        price = quote.ask if side == BUY else quote.bid
        if price is None:
            return []
        amount = lots * self.instruments[quote.name].lot
        return [Place(quote.name, side, amount, price, immediate=True)]

    def _can_take(self, quote: Quote, now_ms: int) -> bool:
        instrument = self.instruments.get(quote.name)
        if instrument is None or (quote.bid is None and quote.ask is None):
            return False
        return quote.mark <= self.premium_most and instrument.expiry_ms - now_ms > self.closing_ms


@dataclass(slots=True)
class Hedger:
    """Buys options and trades the perpetual until the delta of everything is near nothing.

    Attributes:
        perpetual: what it hedges with.
        threshold: deltas smaller than this are left alone, coins.
        buyer: how it comes by options, none to hedge only.
        long_most: it buys no more when it holds so many options, coins.
    """

    perpetual: Instrument
    buyer: OptionTaker | None
    threshold: Decimal = Decimal("0.05")
    long_most: Decimal = Decimal(4)

    def hedge(self, positions: Iterable[Position]) -> list[Want]:
        """Return the order in the perpetual that brings the delta back, none if it is small."""
        delta = sum((position.delta for position in positions), ZERO)
        if abs(delta) < self.threshold:
            return []
        lots = (abs(delta) / self.perpetual.lot).to_integral_value(ROUND_HALF_EVEN)
        side = SELL if delta > 0 else BUY
        return [Place(self.perpetual.name, side, lots * self.perpetual.lot)]

    def buys(
        self, quotes: Sequence[Quote], positions: Mapping[str, Decimal], now_ms: int
    ) -> list[Want]:
        """Return one more option to hold, none when there are enough."""
        if self.buyer is None:
            return []
        options = {name: size for name, size in positions.items() if name != self.perpetual.name}
        if sum(map(abs, options.values()), ZERO) >= self.long_most:
            return []
        wants = self.buyer.wants(quotes, options, now_ms)
        return [want for want in wants if isinstance(want, Place) and want.side == BUY]


@dataclass(slots=True)
class Bull:
    """Believes in the price: holds as much of the perpetual as its leverage allows.

    It never looks at the maintenance margin, and it stops for good once most of its stake is gone.

    Attributes:
        leverage: notional over equity that it builds up to.
        stake: what it came with, USD.
    """

    instrument: Instrument
    stake: Decimal
    leverage: Decimal = Decimal(12)
    eagerness: Decimal = Decimal("0.9")  # it buys when it holds less than this of its target
    slack: Decimal = Decimal("0.002")  # above the ask, so that it need not stand for the band
    given_up: bool = field(default=False)

    def wants(self, quote: Quote, summary: Summary, position: Decimal) -> list[Want]:
        """Return an immediate buy up to the target, none when it is there or broke."""
        self.given_up = self.given_up or summary.equity * 2 < self.stake
        if self.given_up or quote.ask is None:
            return []
        target = summary.equity * self.leverage / quote.mark
        if position >= target * self.eagerness:
            return []
        amount = self.instrument.lots(target - position)
        price = self.instrument.on_tick(quote.ask * (1 + self.slack), BUY)
        order = Place(self.instrument.name, BUY, amount, price, immediate=True)
        return [order] if amount > 0 else []
