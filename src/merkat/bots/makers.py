"""Makers: one of a perpetual or future, one of a whole surface of options.

Pure: what is seen goes in, what is wanted comes out. A maker quotes around the venue's mark, leans
against what it already holds, and changes only what is off by more than a tolerance.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from merkat.bots.dialect import (
    BUY,
    SELL,
    ZERO,
    Cancel,
    Edit,
    Instrument,
    Order,
    Place,
    Quote,
    Want,
)

SIDES: Final = (BUY, SELL)
FILLED_TIMES_MOST: Final = 4
_SIGNS: Final = {BUY: -1, SELL: 1}


def quote_label(side: str, level: int) -> str:
    """Return the label of a maker's quote: which side, which level."""
    return f"{side}-{level}"


@dataclass(frozen=True, slots=True)
class LinearMaker:
    """Quotes `levels` prices a side of a perpetual or future. Shares of the mark, amounts in coins.

    Attributes:
        half_spread, step: of the first level, and from level to level.
        tolerance: a quote closer than this to where it should be stays.
        lean: by how much the middle moves when the position reaches `position_most`.
    """

    instrument: Instrument
    amount: Decimal
    levels: int = 3
    half_spread: Decimal = Decimal("0.0002")
    step: Decimal = Decimal("0.0004")
    tolerance: Decimal = Decimal("0.0001")
    position_most: Decimal = Decimal(8)
    lean: Decimal = Decimal("0.0008")

    def wants(self, quote: Quote, orders: Iterable[Order], position: Decimal) -> list[Want]:
        """Bring the quotes to where the mark is now."""
        mine = {order.purpose: order for order in orders}
        held = max(-self.position_most, min(self.position_most, position)) / self.position_most
        middle = quote.mark * (1 - held * self.lean)
        changed: list[Want] = []
        for side in SIDES:
            for level in range(self.levels):
                offset = self.half_spread + level * self.step
                target = self.instrument.on_tick(middle * (1 + _SIGNS[side] * offset), side)
                changed += self._quote(side, level, target, mine.get(quote_label(side, level)))
        return _away_first(changed)

    def _quote(self, side: str, level: int, price: Decimal, order: Order | None) -> list[Want]:
        amount = self.instrument.lots(self.amount * (1 + level))
        if order is None:
            label = quote_label(side, level)
            return [Place(self.instrument.name, side, amount, price, post_only=True, label=label)]
        far = abs(order.price - price) > self.tolerance * price
        thin = order.left * 2 < amount
        return [changed(order, amount, price)] if far or thin else []


def changed(order: Order, amount: Decimal, price: Decimal) -> Edit | Cancel:
    """Return what brings an order to a price with an amount left.

    An order's amount counts what was filled, so it grows with every refill, up to what a session's
    order may be worth: one that was filled often is taken back, and a new one comes next time.
    """
    if order.filled >= FILLED_TIMES_MOST * amount:
        return Cancel(order)
    return Edit(order, order.filled + amount, price)


def _away_first(wants: list[Want]) -> list[Want]:
    """Return edits in an order in which no post-only quote meets one's own stale quote.

    When prices rise the sells move first, the outermost before the others, when they fall the buys
    do; new orders last.
    """
    edits = [want for want in wants if isinstance(want, Edit)]
    rest: list[Want] = [want for want in wants if not isinstance(want, Edit)]
    risen = sum((edit.price > edit.order.price) - (edit.price < edit.order.price) for edit in edits)
    first = SELL if risen > 0 else BUY
    edits.sort(key=lambda edit: (edit.order.side != first, -_SIGNS[edit.order.side] * edit.price))
    return [*edits, *rest]


@dataclass(frozen=True, slots=True)
class OptionMaker:
    """Quotes both sides of every option of a surface, a few changes at a time.

    Attributes:
        amount: of each quote, coins.
        half_spread: share of the mark; at least `ticks_least` ticks.
        tolerance: share of the mark; a tick at least.
        position_most: no side is quoted that would bring a position beyond it.
        changes_most: how many quotes are sent, moved or withdrawn at once.
        closing_ms: nothing new within this time of the expiry.
    """

    instruments: Mapping[str, Instrument]
    amount: Decimal = Decimal("0.2")
    half_spread: Decimal = Decimal("0.02")
    ticks_least: int = 1
    tolerance: Decimal = Decimal("0.01")
    position_most: Decimal = Decimal(3)
    changes_most: int = 6
    closing_ms: int = 60_000

    def wants(
        self,
        quotes: Sequence[Quote],
        orders: Iterable[Order],
        positions: Mapping[str, Decimal],
        now_ms: int,
    ) -> list[Want]:
        """Return the changes that matter most: the quotes that are off by the largest share."""
        mine = {(order.name, order.side): order for order in orders}
        ranked: list[tuple[Decimal, int, list[Want]]] = []
        for quote in quotes:
            instrument = self.instruments.get(quote.name)
            if instrument is None or instrument.expiry_ms - now_ms <= self.closing_ms:
                continue
            held = positions.get(quote.name, ZERO)
            found = [
                self._change(instrument, quote, side, mine.get((quote.name, side)), held)
                for side in SIDES
            ]
            changes = [change for change in found if change is not None]
            if changes:
                badness = max(off for off, _ in changes)
                ranked.append((-badness, len(ranked), _away_first([one for _, one in changes])))
        ranked.sort(key=lambda one: one[:2])
        # Both sides of an option go together: a stale one would stand in the other's way.
        wants = [want for _, _, changes in ranked for want in changes]
        return wants[: self.changes_most]

    def _change(
        self, instrument: Instrument, quote: Quote, side: str, order: Order | None, held: Decimal
    ) -> tuple[Decimal, Want] | None:
        """Return what one side wants and how badly: the share by which it is off."""
        tick = instrument.tick(quote.mark)
        half = max(quote.mark * self.half_spread, tick * self.ticks_least)
        price = instrument.on_tick(quote.mark + _SIGNS[side] * half, side)
        # A buy below the first tick is none, and at the limit of a position one side is enough.
        full = -_SIGNS[side] * held >= self.position_most
        if full or (side == BUY and quote.mark - half < tick):
            return (Decimal(10), Cancel(order)) if order is not None else None
        amount = instrument.lots(self.amount)
        if order is None:
            return Decimal(1), Place(quote.name, side, amount, price, post_only=True)
        off = abs(order.price - price)
        if off > max(tick, quote.mark * self.tolerance):
            return 1 + off / max(quote.mark, tick), changed(order, amount, price)
        if order.left * 2 < amount:
            return Decimal("0.5"), changed(order, amount, order.price)
        return None
