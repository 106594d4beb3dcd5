"""Makers: where they quote, what they change, when they stop."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from merkat.bots.dialect import BUY, SELL, Cancel, Edit, Instrument, Order, Place, Quote
from merkat.bots.makers import LinearMaker, OptionMaker

PERPETUAL = Instrument(
    "BTC_USDC-PERPETUAL", "future", ((Decimal(0), Decimal("0.5")),), Decimal("0.001")
)
OPTION_TICKS = ((Decimal(0), Decimal(1)), (Decimal(100), Decimal(5)))
NOW_MS = 1_000_000


def option(name: str, expiry_ms: int = NOW_MS + 10**9) -> Instrument:
    return Instrument(name, "option", OPTION_TICKS, Decimal("0.01"), expiry_ms)


def quote_of(mark: str, name: str = PERPETUAL.name) -> Quote:
    return Quote(name, Decimal(mark))


def resting(place: Place, number: int) -> Order:
    """The order that a placement became."""
    assert place.price is not None
    label = f"{place.label}.{number}" if place.label else ""
    return Order(str(number), place.name, place.side, place.price, place.amount, Decimal(0), label)


def placed(wants: object) -> list[Place]:
    assert isinstance(wants, list)
    return [want for want in wants if isinstance(want, Place)]


MAKER = LinearMaker(PERPETUAL, Decimal("0.5"))


def test_a_linear_maker_quotes_around_the_mark_on_tick() -> None:
    wants = placed(MAKER.wants(quote_of("100000"), [], Decimal(0)))
    buys = [want.price for want in wants if want.side == BUY]
    sells = [want.price for want in wants if want.side == SELL]
    assert buys == [Decimal("99980.0"), Decimal("99940.0"), Decimal("99900.0")]
    assert sells == [Decimal("100020.0"), Decimal("100060.0"), Decimal("100100.0")]
    assert all(want.post_only for want in wants)
    assert [want.amount for want in wants[:3]] == [Decimal("0.5"), Decimal("1.0"), Decimal("1.5")]


def test_a_linear_maker_leaves_what_is_near_enough() -> None:
    wants = placed(MAKER.wants(quote_of("100000"), [], Decimal(0)))
    orders = [resting(want, number) for number, want in enumerate(wants)]
    assert MAKER.wants(quote_of("100003"), orders, Decimal(0)) == []


def test_a_linear_maker_moves_sells_first_when_the_mark_rises_and_buys_first_when_it_falls() -> (
    None
):
    wants = placed(MAKER.wants(quote_of("100000"), [], Decimal(0)))
    orders = [resting(want, number) for number, want in enumerate(wants)]
    for mark, first in (("101000", SELL), ("99000", BUY)):
        edits = MAKER.wants(quote_of(mark), orders, Decimal(0))
        assert all(isinstance(edit, Edit) for edit in edits)
        assert len(edits) == 6
        assert isinstance(edits[0], Edit)
        assert edits[0].order.side == first


def test_a_linear_maker_tops_up_what_was_mostly_filled() -> None:
    wants = placed(MAKER.wants(quote_of("100000"), [], Decimal(0)))
    orders = [resting(want, number) for number, want in enumerate(wants)]
    filled = replace(orders[0], filled=Decimal("0.4"))
    edits = MAKER.wants(quote_of("100000"), [filled, *orders[1:]], Decimal(0))
    assert edits == [Edit(filled, Decimal("0.9"), filled.price)]


def test_an_order_that_was_filled_often_is_taken_back_so_that_its_amount_does_not_grow() -> None:
    wants = placed(MAKER.wants(quote_of("100000"), [], Decimal(0)))
    orders = [resting(want, number) for number, want in enumerate(wants)]
    often = replace(orders[0], filled=Decimal("2.0"), amount=Decimal("2.1"))
    assert MAKER.wants(quote_of("100000"), [often, *orders[1:]], Decimal(0)) == [Cancel(often)]


def test_a_linear_maker_leans_against_what_it_holds() -> None:
    flat = placed(MAKER.wants(quote_of("100000"), [], Decimal(0)))
    long = placed(MAKER.wants(quote_of("100000"), [], Decimal(8)))
    assert all(
        one.price is not None and other.price is not None and other.price < one.price
        for one, other in zip(flat, long, strict=True)
    ), "who is long wants to sell: every quote is lower"


def surface(*names: str) -> OptionMaker:
    return OptionMaker({name: option(name) for name in names})


def test_an_option_maker_quotes_both_sides_of_every_option() -> None:
    maker = surface("A", "B")
    wants = placed(maker.wants([quote_of("1000", "A"), quote_of("50", "B")], [], {}, NOW_MS))
    assert {(want.name, want.side, want.price) for want in wants} == {
        ("A", BUY, Decimal(980)),
        ("A", SELL, Decimal(1020)),
        ("B", BUY, Decimal(49)),
        ("B", SELL, Decimal(51)),
    }


def test_an_option_maker_makes_few_changes_at_a_time_the_worst_first() -> None:
    names = [f"N{number}" for number in range(8)]
    maker = surface(*names)
    quotes = [quote_of("1000", name) for name in names]
    wants = placed(maker.wants(quotes, [], {}, NOW_MS))
    assert len(wants) == maker.changes_most
    orders = [resting(want, number) for number, want in enumerate(wants)]
    moved = [quote_of("1400" if name == names[1] else "1000", name) for name in names]
    changed = maker.wants(moved, orders, {}, NOW_MS)
    assert isinstance(changed[0], Edit)
    assert changed[0].order.name == names[1], "the quotes of the option that has moved come first"


def test_an_option_maker_never_buys_below_the_first_tick() -> None:
    maker = surface("A")
    wants = placed(maker.wants([quote_of("0.9", "A")], [], {}, NOW_MS))
    assert [want.side for want in wants] == [SELL]


@pytest.mark.parametrize(("held", "side"), [("3", BUY), ("-3", SELL)])
def test_an_option_maker_stops_at_its_limit(held: str, side: str) -> None:
    maker = surface("A")
    wants = placed(maker.wants([quote_of("1000", "A")], [], {}, NOW_MS))
    orders = [resting(want, number) for number, want in enumerate(wants)]
    changed = maker.wants([quote_of("1000", "A")], orders, {"A": Decimal(held)}, NOW_MS)
    assert [type(want) for want in changed] == [Cancel]
    assert isinstance(changed[0], Cancel)
    assert changed[0].order.side == side, "the side that would add to it is withdrawn"


def test_an_option_maker_leaves_what_expires_at_once_and_what_it_does_not_know() -> None:
    maker = OptionMaker({"A": option("A", NOW_MS + 30_000)})
    assert maker.wants([quote_of("1000", "A"), quote_of("9", "X")], [], {}, NOW_MS) == []
