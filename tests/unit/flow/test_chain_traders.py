"""Traders on recorded chains: makers quote what was recorded, writers size by their own margin."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from merkat.flow.chain_traders import (
    DAY_NS,
    OPTION_MAKERS,
    SCALES,
    LeveredLong,
    LinearMaker,
    Maker,
    Taker,
    Want,
    Writer,
    by_kind,
    traders_of,
)
from merkat.oracle.snapshot import Chain, OptionQuote
from merkat.sdk.commands import BUY, IMMEDIATE, PORTFOLIO, POST_ONLY, SELL, STANDARD

NOW = 20_500 * DAY_NS
FORWARD = 50_000.0
PERPETUAL = 1


def quote(
    days: int, strike: int, is_call: bool, bid: float | None = 0.04, ask: float | None = 0.05
) -> OptionQuote:
    name = f"{days}-{strike}-{'C' if is_call else 'P'}"
    expiry = NOW + days * DAY_NS
    return OptionQuote(
        name, is_call, strike * 10**6, expiry, FORWARD, bid, ask, 0.045, 0.6, 0.5, 0.0
    )


def chain(*quotes: OptionQuote) -> Chain:
    return Chain("BTC", NOW, 50_000_000_000, quotes)


@dataclass
class Fake:
    """A scenery in which a position needs 10,000 USD a coin, with a surcharge on size."""

    chain: Chain
    time_ns: int = NOW
    session: int = 0
    perpetual: int = PERPETUAL
    held: dict[int, float] = field(default_factory=dict)
    money: float = 40_000.0
    listed: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, one in enumerate(self.chain.quotes, start=2):
            self.listed.setdefault(one.name, number)

    def listing_of(self, one: OptionQuote) -> int | None:
        return self.listed.get(one.name)

    def mark(self, listing: int) -> float:
        return FORWARD if listing == PERPETUAL else 2_000.0

    def index(self) -> float:
        return FORWARD

    def equity(self, account: int) -> float:
        return self.money

    def initial(self, account: int, extra: dict[int, float]) -> float:
        coins = sum(map(abs, extra.values()))
        return coins * 10_000 * (1 + coins / 20)

    def is_flat(self, account: int) -> bool:
        return not self.held

    def positions(self, account: int) -> dict[int, float]:
        return self.held


def test_a_maker_quotes_recorded_sides_in_its_own_listings() -> None:
    rows = [quote(10, 50_000, True), quote(10, 50_000, False, bid=None), quote(10, 60_000, True)]
    scenery = Fake(chain(*rows))
    maker = Maker(1, random.Random(1), SCALES[0], {2, 3})
    wants = list(maker.act(scenery))
    assert [(one.listing, one.side) for one in wants] == [(2, BUY), (2, SELL), (3, SELL)]
    assert [one.price for one in wants] == [2_000.0, 2_500.0, 2_500.0], "coins times forward"


def test_a_linear_maker_stands_on_both_sides_of_the_mark() -> None:
    maker = LinearMaker(1, random.Random(1), SCALES[0], {PERPETUAL})
    wants = list(maker.act(Fake(chain())))
    assert all(one.flags == POST_ONLY for one in wants)
    assert all((one.price < FORWARD) == (one.side == BUY) for one in wants)
    assert len(wants) == 6


def test_a_taker_crosses_quotes_and_closes_when_it_holds_many() -> None:
    rows = [quote(10, 40_000 + 500 * one, True) for one in range(80)]
    scenery = Fake(chain(*rows))
    taker = Taker(1, random.Random(1), SCALES[0], STANDARD)
    wants = [one for one in taker.act(scenery) if one.listing != PERPETUAL]
    assert len(wants) == 5
    assert all(one.flags == IMMEDIATE for one in wants)
    assert all(one.price > 2_500 or one.side == SELL for one in wants), "a buy reaches the ask"
    scenery.held = {listing: (0.5 if listing % 2 else -0.5) for listing in range(2, 66)}
    wants = [one for one in taker.act(scenery) if one.listing != PERPETUAL]
    assert all(one.side == (SELL if scenery.held[one.listing] > 0 else BUY) for one in wants)
    assert all(one.size == 0.5 for one in wants), "the whole position"


def test_a_levered_long_buys_what_its_appetite_allows() -> None:
    long = LeveredLong(1, random.Random(1), 40_000 * 10**6, 0.5, starts=2)
    scenery = Fake(chain())
    assert list(long.act(scenery)) == [], "it comes in the third session"
    scenery.session = 2
    (want,) = long.act(scenery)
    assert want.size == pytest.approx(40_000 * 0.5 / 0.0662 / FORWARD)
    scenery.held = {PERPETUAL: 1.0}
    assert list(long.act(scenery)) == [], "one position at a time"
    scenery.held, scenery.money = {}, 1_000.0
    assert list(long.act(scenery)) == [], "broke"


def writer(both: bool, strikes: int = 1, money: float = 1.0) -> Writer:
    return Writer(1, random.Random(1), 40_000 * 10**6, PORTFOLIO, money, both, 20.0, 0, strikes)


def sold(scenery: Fake, trader: Writer) -> list[Want]:
    wants = list(trader.act(scenery))
    assert all(one.side == SELL and one.flags == IMMEDIATE for one in wants)
    return wants


def test_a_writer_sells_a_straddle_of_the_expiry_and_strike_it_looks_for() -> None:
    rows = [
        quote(days, strike, is_call)
        for days in (3, 19, 60)
        for strike in (45_000, 50_000, 55_000)
        for is_call in (True, False)
    ]
    scenery = Fake(chain(*rows))
    wants = sold(scenery, writer(both=True))
    expected = {scenery.listed["19-50000-C"], scenery.listed["19-50000-P"]}
    assert {one.listing for one in wants} == expected
    need = scenery.initial(1, {one.listing: -one.size for one in wants})
    assert need == pytest.approx(0.8 * 40_000, rel=0.1), "sized to its own limit"


def test_a_writer_wants_whole_pairs_that_are_bid_for() -> None:
    rows = [
        quote(20, 50_000, True),
        quote(20, 50_000, False, bid=None),
        quote(20, 52_000, True),
        quote(20, 52_000, False),
    ]
    scenery = Fake(chain(*rows))
    wants = sold(scenery, writer(both=True))
    assert {one.listing for one in wants} == {
        scenery.listed["20-52000-C"],
        scenery.listed["20-52000-P"],
    }
    assert sold(Fake(chain(*rows[:2])), writer(both=True)) == []


def test_a_writer_of_puts_takes_several_strikes() -> None:
    rows = [quote(20, strike, False) for strike in range(40_000, 52_000, 1_000)]
    scenery = Fake(chain(*rows))
    wants = sold(scenery, writer(both=False, strikes=3, money=0.9))
    assert {one.listing for one in wants} == {
        scenery.listed[f"20-{strike}-P"] for strike in (44_000, 45_000, 46_000)
    }


@pytest.mark.parametrize("group", [0, 1])
def test_the_cast_of_a_group(group: int) -> None:
    cast = traders_of(1, group, 100)
    assert [one.account for one in cast] == list(range(100, 100 + len(cast)))
    makers, linear, others = by_kind(cast)
    assert (len(makers), len(linear)) == (OPTION_MAKERS, 1)
    modes = {one.mode for one in others if isinstance(one, Writer)}
    assert modes == {STANDARD, PORTFOLIO}, "options are written in both margin modes"
    assert any(isinstance(one, LeveredLong) for one in others)
    again = traders_of(1, group, 100)
    assert [one.cash for one in again] == [one.cash for one in cast], "the same seed, the same cast"
