"""A crash among so many owners that one command cannot settle it: the waterfall becomes pending.

A few dozen longs fail at once in two listings against more than 64 shorts each, so that the
tear-ups go beyond the 4,096 steps of a command; ticks, epochs and heartbeats take up the rest.
"""

from __future__ import annotations

from merkat.spec.messages import List
from merkat.spec.values import BUY, SELL
from merkat.spec.vectors.draws import Draws
from merkat.spec.vectors.script import USD, Trader, group_item
from tests.differential.readers import PairScript
from tests.differential.walk import SECOND, fake_owner

SHORTS = 70
LONGS = 40
INDEX = 1_000 * USD
COIN = 1_000
SHORT_SIZE = 2 * COIN


def crowd(script: PairScript, seed: int) -> None:
    """Let a crowd crash, and settle it command by command."""
    draws = Draws(seed)
    script.item(group_item(0, 7, 5, jump=10**9, fund_event_share=0))
    for _ in range(2):
        script.item(List(1, 1, 0, 3, 1, 1_000, 0, 0))
    shorts = [script.deposit(fake_owner(each), 4_000 * USD) for each in range(SHORTS)]
    longs = [script.deposit(fake_owner(100 + each), 600 * USD) for each in range(LONGS)]
    script.epoch(0, INDEX)
    for listing in (1, 2):
        _trade(script, draws, shorts, longs, listing)
    script.epoch(0, INDEX * draws.between(55, 70) // 100)
    for step in range(12):
        if step == 4:
            script.wait(6 * SECOND)  # not fresh: what is pending stays so
            script.tick()
        if step == 6:
            script.exchange()
        move = draws.below(3)
        if move == 0:
            script.heartbeat(0)
        elif move == 1:
            script.epoch(0, script.group_leaf(0).index)
        else:
            script.tick()


def _trade(
    script: PairScript, draws: Draws, shorts: list[Trader], longs: list[Trader], listing: int
) -> None:
    """Have every short sell, and the longs buy it all."""
    for trader in draws.shuffled(shorts):
        script.place(trader, SELL, INDEX, SHORT_SIZE + draws.below(50), listing=listing)
    most = SHORTS * SHORT_SIZE // LONGS
    for trader in draws.shuffled(longs):
        script.place(trader, BUY, INDEX, most + draws.below(40), listing=listing)
