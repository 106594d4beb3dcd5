"""The demonstration's bots: who they are, how often each acts, and what became of their money."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from merkat.api.client import RpcClient
from merkat.bots.crew import (
    Bot,
    BullBot,
    HedgerBot,
    LinearMakerBot,
    OptionMakerBot,
    OptionTakerBot,
    TakerBot,
)
from merkat.bots.desk import Desk
from merkat.bots.dialect import BUY, OPTION, Place
from merkat.bots.makers import LinearMaker, OptionMaker
from merkat.bots.takers import Bull, Hedger, OptionTaker, Taker
from merkat.demo import cast
from merkat.demo.listings import Listings

PERPETUAL_AMOUNT: Final = Decimal("0.8")
FUTURE_AMOUNT: Final = Decimal("0.3")
# Prices a side of the perpetual: enough for a story, and deep enough for whoever comes to trade.
STORY_LEVELS: Final = 2
KEPT_LEVELS: Final = 8
# Quotes of options that change at one turn.
STORY_CHANGES: Final = 6
KEPT_CHANGES: Final = 48
YOUR_FIRST_ORDER: Final = Decimal("0.25")


@dataclass(frozen=True, slots=True)
class Turn:
    """When somebody acts: at steps that leave `offset` when divided by `every`, from `first` on."""

    bot: Bot
    every: int
    offset: int = 0
    first: int = 0

    def is_due(self, step: int) -> bool:
        """Return whether somebody acts at a step."""
        return step >= self.first and step % self.every == self.offset


class Crowd:
    """Everybody who trades, one after the other. Use `gather`."""

    def __init__(self, desks: Mapping[str, Desk], turns: list[Turn], perpetual: str) -> None:
        self.desks = desks
        self.turns = turns
        self.perpetual = perpetual

    @classmethod
    async def gather(
        cls, apis: Mapping[str, RpcClient], listed: Listings, seed: int, is_story: bool = True
    ) -> Crowd:
        """Return the bots of a seed; each has a source of chance of its own.

        Outside the story nobody is leveraged, and all options are quoted at once.
        """
        desks = {name: Desk(api) for name, api in apis.items()}
        known = await desks[cast.TAKER].instruments()
        options = {name: one for name, one in known.items() if one.kind == OPTION}
        perpetual, future = known[listed.perpetual], known[listed.future]

        def chance(name: str) -> random.Random:
            return random.Random(f"merkat demonstration bot {seed} {name}")

        levels = STORY_LEVELS if is_story else KEPT_LEVELS
        maker = LinearMaker(perpetual, PERPETUAL_AMOUNT, levels=levels)
        future_maker = LinearMaker(
            future,
            FUTURE_AMOUNT,
            levels=2,
            half_spread=Decimal("0.0005"),
            tolerance=Decimal("0.0004"),
        )
        taker = Taker(perpetual, chance(cast.TAKER), orders=4)
        future_taker = Taker(future, chance(cast.TAKER + " future"), lots_most=40)
        option_taker = OptionTaker(options, chance(cast.OPTION_TAKER))
        hedger = Hedger(perpetual, OptionTaker(options, chance(cast.HEDGER), lots_most=30))
        changes_most = STORY_CHANGES if is_story else KEPT_CHANGES
        option_maker = OptionMaker(options, changes_most=changes_most)
        turns = [
            Turn(LinearMakerBot(desks[cast.PERPETUAL_MAKER], maker), every=1),
            Turn(OptionMakerBot(desks[cast.OPTION_MAKER], option_maker), every=3),
            Turn(LinearMakerBot(desks[cast.FUTURE_MAKER], future_maker), every=6),
            Turn(TakerBot(desks[cast.TAKER], taker), every=3, offset=1),
            Turn(TakerBot(desks[cast.TAKER], future_taker), every=8, offset=3, first=6),
            Turn(
                OptionTakerBot(desks[cast.OPTION_TAKER], option_taker), every=3, offset=2, first=4
            ),
            Turn(HedgerBot(desks[cast.HEDGER], hedger), every=6, offset=4, first=6),
        ]
        if is_story:
            stake = Decimal(next(r.deposit_usd for r in cast.ROLES if r.name == cast.BULL))
            bold = BullBot(desks[cast.BULL], Bull(perpetual, stake))
            turns.append(Turn(bold, every=10, offset=5, first=20))
        return cls(desks, turns, listed.perpetual)

    async def act(self, step: int, now_ms: int) -> None:
        """Let everybody whose turn it is act."""
        for turn in self.due(step):
            await turn.bot.act(now_ms)

    def due(self, step: int) -> list[Turn]:
        """Return whose turn it is at a step."""
        return [turn for turn in self.turns if turn.is_due(step)]

    async def your_first_order(self) -> None:
        """Buy a little for the account that is yours."""
        order = Place(self.perpetual, BUY, YOUR_FIRST_ORDER, label="first")
        await self.desks[cast.YOU].send([order])

    @property
    def sent(self) -> int:
        """Return how many requests were sent that change something."""
        return sum(desk.sent for desk in self.desks.values())

    def refused(self) -> Counter[int]:
        """Return how many were refused, by code."""
        total: Counter[int] = Counter()
        for desk in self.desks.values():
            total.update(desk.refused)
        return total
