"""Takers, the hedger and the bull."""

from __future__ import annotations

import random
from decimal import Decimal

from merkat.bots.dialect import BUY, SELL, Place, Position, Quote, Summary, Want
from merkat.bots.takers import Bull, Hedger, OptionTaker, Taker
from tests.unit.bots.test_makers import NOW_MS, PERPETUAL, option, quote_of


def only(wants: list[Want]) -> Place:
    assert len(wants) == 1
    assert isinstance(wants[0], Place)
    return wants[0]


def test_a_taker_trades_both_sides_in_whole_lots_at_the_market() -> None:
    taker = Taker(PERPETUAL, random.Random(1))
    wants = [only(taker.wants(Decimal(0))) for _ in range(50)]
    assert {want.side for want in wants} == {BUY, SELL}
    assert all(want.price is None for want in wants)
    assert all(want.amount % PERPETUAL.lot == 0 and want.amount > 0 for want in wants)


def test_a_taker_sends_as_many_orders_as_it_is_told() -> None:
    assert len(Taker(PERPETUAL, random.Random(1), orders=3).wants(Decimal(0))) == 3


def test_a_taker_that_holds_much_only_reduces() -> None:
    taker = Taker(PERPETUAL, random.Random(1))
    assert {only(taker.wants(Decimal(1))).side for _ in range(20)} == {SELL}
    assert {only(taker.wants(Decimal(-1))).side for _ in range(20)} == {BUY}


def taker_of_options() -> OptionTaker:
    return OptionTaker({"A": option("A"), "B": option("B", NOW_MS + 1_000)}, random.Random(1))


def quoted(name: str, mark: str = "500") -> Quote:
    middle = Decimal(mark)
    return Quote(name, middle, middle - 5, middle + 5)


def test_an_option_taker_takes_the_quote_it_sees() -> None:
    taker = taker_of_options()
    for _ in range(30):
        want = only(taker.wants([quoted("A")], {}, NOW_MS))
        assert want.immediate
        assert want.price == (Decimal(505) if want.side == BUY else Decimal(495))


def test_an_option_taker_leaves_the_expiring_the_dear_and_the_unquoted() -> None:
    taker = taker_of_options()
    for quote in (quoted("B"), quoted("A", "9000"), quote_of("500", "A")):
        assert taker.wants([quote], {}, NOW_MS) == []


def test_a_hedger_trades_its_delta_away_and_leaves_a_small_one() -> None:
    hedger = Hedger(PERPETUAL, None)
    option_delta = Position("A", Decimal(2), Decimal("0.8514"))
    perpetual = Position(PERPETUAL.name, Decimal("-0.5"), Decimal("-0.5"))
    want = only(hedger.hedge([option_delta, perpetual]))
    assert (want.side, want.amount) == (SELL, Decimal("0.351"))
    hedged = Position(PERPETUAL.name, Decimal("-0.851"), Decimal("-0.851"))
    assert hedger.hedge([option_delta, hedged]) == []


def test_a_hedger_buys_options_until_it_has_enough() -> None:
    hedger = Hedger(PERPETUAL, taker_of_options(), long_most=Decimal(1))
    bought = [hedger.buys([quoted("A")], {}, NOW_MS) for _ in range(30)]
    assert any(bought)
    assert all(only(wants).side == BUY for wants in bought if wants)
    assert hedger.buys([quoted("A")], {"A": Decimal("1.2")}, NOW_MS) == []


STAKE = Decimal(20_000)


def money(equity: int) -> Summary:
    return Summary(Decimal(equity), Decimal(0), Decimal(0))


def test_a_bull_buys_up_to_its_leverage_and_then_holds() -> None:
    bull = Bull(PERPETUAL, STAKE)
    want = only(bull.wants(quoted("A", "100000"), money(20_000), Decimal(0)))
    assert (want.side, want.amount) == (BUY, Decimal("2.400"))
    assert want.price == Decimal("100205.0"), "a little above the ask"
    assert bull.wants(quoted("A", "100000"), money(20_000), Decimal("2.4")) == []
    assert bull.wants(quote_of("100000"), money(20_000), Decimal(0)) == [], "nobody sells"


def test_a_bull_that_has_lost_most_of_its_stake_gives_up_for_good() -> None:
    bull = Bull(PERPETUAL, STAKE)
    assert bull.wants(quoted("A", "90000"), money(9_000), Decimal(0)) == []
    assert bull.wants(quoted("A", "90000"), money(50_000), Decimal(0)) == []
