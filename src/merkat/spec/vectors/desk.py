"""The pre-states of dated contracts: a group with a risk set, its listings, books and positions.

Group 0 has a risk set of few scenarios and eight listings in two expiries; group 1 is one of
perpetuals alone. The surface that the scripts publish has one shape at every expiry: its variance
grows with time, so that any two of its expiries fit together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from merkat.spec.messages import FundDeposit, List, ListDated, SetRisk
from merkat.spec.risk.parameters import (
    SKEW_ABSOLUTE,
    SKEW_LINEAR,
    VOL_DOWN,
    VOL_SAME,
    VOL_UP,
    RiskSet,
    Scalars,
    Scenario,
)
from merkat.spec.risk.terms import CALL, FUTURE, PUT, SPOT
from merkat.spec.risk.vector import ExpiryQuote
from merkat.spec.settle import margin
from merkat.spec.values import BUY, DAY_NS, HOUR_NS, ONE, SELL
from merkat.spec.vectors.corpus import CaseScript, Corpus, World
from merkat.spec.vectors.script import START_NS, STEP_NS, USD, Script, Trader, group_item
from merkat.spec.vectors.worlds import ALICE, BOB, CAROL, DAVE, ERIN, ETH_INDEX
from merkat.spec.venue.machine import Output

SECOND = 10**9
COIN = 100_000_000
LOT = QUANTUM = 10_000
YEAR_NS = 31_536_000 * SECOND
DAY_OF_DESK = (START_NS + DAY_NS) // DAY_NS * DAY_NS
NEAR = DAY_OF_DESK + DAY_NS + 8 * HOUR_NS
"""The first expiry: 08:00 on the day after the desk opens."""
FAR = DAY_OF_DESK + 29 * DAY_NS + 8 * HOUR_NS

PERPETUAL_LISTING, FUTURE_FAR, CALL_FAR, PUT_FAR, CALL_HIGH, CALL_NEAR, PUT_NEAR, SPOT_LISTING = (
    range(1, 9)
)
FUTURE_NEAR = 9
ETH_LISTING = 10
VOL = ONE // 2

SCENARIOS = (
    Scenario(-150_000, VOL_UP),
    Scenario(-150_000, VOL_DOWN),
    Scenario(0, VOL_UP),
    Scenario(0, VOL_SAME),
    Scenario(150_000, VOL_UP),
    Scenario(150_000, VOL_DOWN),
    Scenario(-660_000, VOL_UP, 210_000),
    Scenario(1_000_000, VOL_UP, 139_000),
    Scenario(0, SKEW_LINEAR),
    Scenario(0, SKEW_ABSOLUTE),
)
SMALL_SET = RiskSet(Scalars(samples_least=12), SCENARIOS)


@dataclass(frozen=True)
class Desks:
    """The shared pre-states of dated contracts.

    listed: listings, owners and money, no vector yet. open: the first surface stands. book: orders
    rest in most listings. held: positions of every kind, alice and bob in mode portfolio, erin with
    collateral.
    """

    listed: World
    open: World
    book: World
    held: World


def make_desks(corpus: Corpus) -> Desks:
    """Make the pre-states of dated contracts; each is a case too."""
    corpus.family("desks")
    listed = corpus.world("desk-listed", "a risk set, listings, money", corpus.genesis, _listed)
    opened = corpus.world("desk-open", "the first surface", listed, _open)
    book = corpus.world("desk-book", "orders in most listings", opened, _book)
    held = corpus.world("desk-held", "positions of every kind", opened, _held)
    return Desks(listed, opened, book, held)


# Items


def risk_item(group: int = 0, scenarios: tuple[Scenario, ...] = SCENARIOS, **scalars: int) -> Any:
    """Return the timelock's risk set of a group, the small one but for these scalars."""
    return SetRisk(1, group, RiskSet(replace(SMALL_SET.scalars, **scalars), scenarios))


def dated_item(kind: int = CALL, strike: int = 0, expiry: int = 0, **changes: int) -> ListDated:
    """Return the timelock's item of a listing of group 0; strike in 1e-6 USD."""
    item = ListDated(
        source=1,
        kind=kind,
        group=0,
        size_decimals=8,
        lot=LOT,
        tick=USD,
        coarse_tick=5 * USD,
        coarse_from=1_000 * USD,
        maker_fee=100_000,
        taker_fee=300_000,
        delivery_fee=150_000,
        strike=strike,
        expiry=expiry,
        token=0,
    )
    return replace(item, **changes)


def future_item(expiry: int, **changes: int) -> ListDated:
    """Return the item of a future."""
    flat = {"coarse_tick": USD, "coarse_from": 0, "taker_fee": 500_000}
    return replace(dated_item(FUTURE, 0, expiry), **(flat | changes))


def spot_item(token: int = 1, **changes: int) -> ListDated:
    """Return the item of a market in a token."""
    flat = {"coarse_tick": USD, "coarse_from": 0, "delivery_fee": 0, "token": token}
    return replace(dated_item(SPOT), **(flat | changes))


# Surfaces


def quote(expiry: int, time_ns: int, forward: int, vol: int = VOL, **spoilt: int) -> ExpiryQuote:
    """Return one expiry of the smile about an at-the-money volatility (1e-9)."""
    whole_ns = (expiry - time_ns) // SECOND * SECOND
    variance = vol * vol * whole_ns // (10**6 * YEAR_NS)  # total, in 1e-12
    shape = ExpiryQuote(
        expiry=expiry,
        forward=forward,
        a=variance * 8 // 10,
        b=variance * 2,
        rho=-(10**11),
        m=0,
        sigma=10**11,
    )
    return replace(shape, **spoilt)


def smile(s: Script, index: int, vol: int = VOL, **vols: int) -> tuple[ExpiryQuote, ...]:
    """Return the quotes of both expiries that have not come yet, for the next command."""
    time_ns = s.time_ns + STEP_NS
    return tuple(
        quote(expiry, time_ns, index + index * carry // 1_000, vols.get(name, vol))
        for name, expiry, carry in (("near", NEAR, 0), ("far", FAR, 5))
        if expiry >= time_ns + SECOND
    )


def surface(s: Script, dollars: int, vol: int = VOL, /, **spoilt: Any) -> Output:
    """Send a vector of group 0; its smile stands about `vol`."""
    index = dollars * USD
    quotes = spoilt.pop("expiries", None)
    quotes = smile(s, index, vol) if quotes is None else quotes
    return s.say(s.surface_body(0, index, quotes, **spoilt))


def publish(s: Script, dollars: int = 100_000, vol: int = VOL, /, **spoilt: Any) -> Output:
    """Send a vector of group 0 and take it up."""
    surface(s, dollars, vol, **spoilt)
    return s.activate(0)


# Orders


def near_mark(s: Script, listing: int, ticks: int = 0) -> int:
    """Return a price on tick at a listing's mark, so many of its ticks above it."""
    mark, instrument = margin.mark(s.state, listing), s.state.instruments[listing]
    tick = instrument.coarse_tick if mark >= instrument.coarse_from else instrument.tick
    return max(instrument.tick, (mark // tick + ticks) * tick)


def trade(
    s: Script, seller: Trader, buyer: Trader, listing: int, size: int, ticks: int = 0
) -> None:
    """Have two owners meet near the mark of a listing."""
    price = near_mark(s, listing, ticks)
    s.place(seller, SELL, price, size, listing=listing)
    s.place(buyer, BUY, price, size, listing=listing)


# The pre-states


def _listed(s: CaseScript) -> None:
    s.item(group_item(0, node_count=3, threshold=2))
    s.item(group_item(1, node_count=1, threshold=1))
    s.item(risk_item())
    s.item(List(1, 1, 0, 8, LOT, QUANTUM, 100_000, 500_000))
    for item in (
        future_item(FAR),
        dated_item(CALL, 100_000 * USD, FAR),
        dated_item(PUT, 100_000 * USD, FAR),
        dated_item(CALL, 130_000 * USD, FAR),
        dated_item(CALL, 100_000 * USD, NEAR),
        dated_item(PUT, 100_000 * USD, NEAR),
        spot_item(),
        future_item(NEAR),
    ):
        s.item(item)
    s.item(List(1, 1, 1, 6, 1_000, 10_000, 0, 0))
    for trader, dollars in ((ALICE, 300_000), (BOB, 300_000), (CAROL, 100_000), (DAVE, 7_000)):
        assert s.deposit(trader.wallet, dollars * USD) == trader, f"{trader} has another number"
    assert s.deposit(ERIN.wallet, 2 * COIN, token=1) == ERIN, "erin brings coins"
    s.item(FundDeposit(1, 0, 100_000 * USD))
    s.wait(DAY_NS)


def _open(s: CaseScript) -> None:
    publish(s)
    s.epoch(1, ETH_INDEX)


def _book(s: CaseScript) -> None:
    s.margin_mode(ALICE, 1)
    s.margin_mode(BOB, 1)
    for listing, lots in ((PERPETUAL_LISTING, 2_000), (CALL_FAR, 3_000), (PUT_NEAR, 500)):
        s.place(BOB, SELL, near_mark(s, listing, 2), lots * LOT, listing=listing)
        s.place(ALICE, BUY, near_mark(s, listing, -2), lots * LOT, listing=listing)
    s.place(CAROL, BUY, near_mark(s, FUTURE_FAR, -3), COIN // 10, listing=FUTURE_FAR)
    s.place(ERIN, SELL, near_mark(s, SPOT_LISTING, 5), COIN // 2, listing=SPOT_LISTING)


def _held(s: CaseScript) -> None:
    s.margin_mode(ALICE, 1)
    s.margin_mode(BOB, 1)
    trade(s, ALICE, BOB, CALL_FAR, COIN)
    trade(s, BOB, ALICE, PUT_FAR, COIN // 2)
    trade(s, ALICE, CAROL, CALL_NEAR, COIN // 2)
    trade(s, CAROL, BOB, PUT_NEAR, COIN // 5)
    trade(s, BOB, ALICE, FUTURE_FAR, COIN // 2)
    trade(s, BOB, CAROL, FUTURE_NEAR, COIN // 10)
    trade(s, BOB, ALICE, PERPETUAL_LISTING, COIN // 4)
    trade(s, ALICE, BOB, CALL_HIGH, COIN)
    s.place(CAROL, SELL, ETH_INDEX, 1_000_000, listing=ETH_LISTING)
    s.place(ALICE, BUY, ETH_INDEX, 1_000_000, listing=ETH_LISTING)
