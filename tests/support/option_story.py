"""The life of a venue with options, for evidence and rebuilding: about fifty commands.

Collateral comes and goes, a short of calls in portfolio mode is liquidated and hedged, the expiry
is delivered by the timelock.
"""

from __future__ import annotations

from tests.support.keys import Keys
from tests.support.option_builder import CALL, FUTURE, PUT, SPOT, OptionMarket, expiry_in
from tests.support.venue_builder import SECOND_NS, TICK, Trader, coins, usd

EXPIRY_NS = expiry_in(30)
CALLS_EACH = 70


def play_options(keys: Keys) -> tuple[OptionMarket, list[Trader]]:
    """Return the market after everything has happened, and its three traders."""
    market = OptionMarket(keys=keys)
    market.fund(usd(50_000))
    market.dated(SPOT)
    market.dated(PUT, usd(90))
    future = market.dated(FUTURE)
    calls = [market.dated(CALL, usd(strike)) for strike in (100, 102, 104, 106)]
    market.surface(usd(100))
    maker = market.account("maker", usd(500_000))
    holder, seller = market.account("holder", usd(20_000)), market.account("seller", usd(6_000))
    market.give_token(holder, coins(25))
    market.portfolio(maker)
    market.portfolio(seller)

    def mark(listing: int) -> int:
        return market.row(listing).mark // TICK * TICK

    for call in calls:
        market.trade(maker, seller, mark(call), coins(CALLS_EACH), listing=call)
    market.trade(holder, maker, mark(future), coins(20), listing=future)
    market.withdraw(holder, coins(5), token=1)
    market.rest(maker, 1, usd(126), coins(400))
    market.rest(maker, 1, mark(calls[0]) + usd(16), coins(400), listing=calls[0])
    for index in (107, 114, 120, 126, 126, 126):
        market.surface(usd(index))
    market.withdraw(maker, usd(123))
    market.wait(EXPIRY_NS - market.time_ns + SECOND_NS)
    market.tick()
    market.deliver(EXPIRY_NS, usd(112))
    market.tick()
    market.surface(usd(110))
    market.surface(usd(111))
    return market, [maker, holder, seller]
