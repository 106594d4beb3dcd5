"""Liquidation of option books: what is traded first, the hedge, collateral, tear-ups."""

from __future__ import annotations

from typing import Any

from merkat.spec import messages
from merkat.spec.explain import explain
from merkat.spec.settle import limits, margin
from merkat.spec.settle.leaves import BANKRUPT, IN_LIQUIDATION, STANDARD
from merkat.spec.settle.ops import Hedge
from merkat.spec.values import BUY, ONE, SELL
from merkat.spec.venue.derivative_events import Hedged
from merkat.spec.venue.events import (
    Bankrupt,
    Event,
    Liquidation,
    Slice,
    StageChanged,
    TearUp,
    WriteOff,
)
from merkat.spec.venue.invariants import check_invariants
from merkat.spec.venue.slice_choice import choose_slice
from tests.support.option_builder import (
    CALL,
    FUTURE,
    PERP,
    PUT,
    SPOT,
    OptionMarket,
    expiry_in,
)
from tests.support.venue_builder import SECOND_NS, TICK, Reply, Trader, coins, usd

LATER_NS = 2 * SECOND_NS
STRIKES = (95, 100, 105, 110)


def figures(market: OptionMarket, trader: Trader) -> margin.Figures:
    return margin.figures(market.venue.settlement, trader.number)


def call_book(cash: int, **options: object) -> tuple[OptionMarket, Trader, Trader, list[int]]:
    """alice, a portfolio, is short 3 coins of calls at four strikes; the other side is rich."""
    market = OptionMarket(**options)  # type: ignore[arg-type]
    calls = [market.dated(CALL, usd(strike)) for strike in STRIKES]
    market.surface(usd(100))
    alice, rich = market.portfolio(market.account("alice", cash)), market.account("rich")
    for listing in calls:
        price = market.row(listing).mark // TICK * TICK + TICK
        market.trade(rich, alice, price, coins(3), listing=listing)
    return market, alice, rich, calls


def walk(market: OptionMarket, *prices: float) -> Reply:
    """Take up surfaces at these indices, one after the other; the reply of the last."""
    for price in prices:
        reply = market.surface(usd(price), wait_ns=LATER_NS)
        check_invariants(market.venue)
    return reply


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


# What is traded


def test_the_hedge_goes_first_where_it_lowers_the_margin_most() -> None:
    market, alice, rich, _ = call_book(usd(160))
    walk(market, 102, 103)
    before = figures(market, alice)
    assert before.equity >= before.maintenance
    order = market.rest(rich, SELL, usd(104), coins(2))
    reply = walk(market, 104)
    (entered,) = reply.of(StageChanged)
    assert (entered.account, entered.stage) == (alice.number, IN_LIQUIDATION)
    (hedged,) = reply.of(Hedged)
    (op,) = reply.ops(Hedge)
    assert (hedged.listing, hedged.side, hedged.price, hedged.size) == (
        *(PERP, BUY),
        *(usd(104), coins(2)),
    )
    assert hedged.liquidation_fee == usd(104 * 2 * 0.005)
    assert op.maker_key == order.key
    assert market.leaf(alice).positions[op.slot].base_size == 0, "a new position has no base"
    (part,) = reply.of(Slice)
    assert (part.listing, part.filled) == (PERP, coins(2))
    assert part.asked == abs(delta_before(market, alice) - 2 * ONE * coins(1)) // ONE
    assert market.leaf(alice).slice_listing == PERP
    check_invariants(market.venue)


def delta_before(market: OptionMarket, trader: Trader) -> int:
    """X as it is now."""
    return limits.delta_sum(market.venue.settlement, trader.number, 0)


def test_a_hedge_stops_where_the_delta_is_gone() -> None:
    market, alice, rich, _ = call_book(usd(160))
    market.rest(rich, SELL, usd(104), coins(100))
    reply = walk(market, 104)
    (hedged,) = reply.of(Hedged)
    left = delta_before(market, alice)
    assert -ONE < left <= 0, "less than a lot is left, and the sign has not changed"
    assert hedged.size < coins(12)
    assert reply.of(StageChanged)[-1].stage == STANDARD, "the book holds again"
    check_invariants(market.venue)


def test_without_an_offer_of_the_perpetual_the_largest_position_is_bought_back() -> None:
    market, alice, rich, calls = call_book(usd(160))
    state = market.venue.settlement
    reply = walk(market, 104)
    assert reply.of(StageChanged)[0].stage == IN_LIQUIDATION
    (part,) = reply.of(Slice)
    maintenance = {
        listing: limits.maintenance_without(state, alice.number, listing, coins(3))
        for listing in calls
    }
    assert part.listing == min(calls, key=lambda listing: (maintenance[listing], listing))
    assert (part.asked, part.filled) == (coins(0.6), 0)
    offer = market.row(part.listing).mark // TICK * TICK + TICK
    market.rest(rich, SELL, offer, coins(5), listing=part.listing)
    reply = walk(market, 104)
    (piece,) = reply.of(Liquidation)
    assert (piece.listing, piece.side, piece.size) == (part.listing, BUY, coins(0.6))
    assert piece.liquidation_fee == usd(104 * 0.6 * 0.002), "0.2 % of the index"
    assert reply.of(Hedged) == []
    check_invariants(market.venue)


def test_a_standard_account_is_never_hedged() -> None:
    market = OptionMarket()
    call = market.dated(CALL, usd(100))
    market.surface(usd(100))
    alice, rich = market.account("alice", usd(150)), market.account("rich")
    market.trade(rich, alice, usd(7), coins(10), listing=call)
    market.rest(rich, SELL, usd(109), coins(20))
    market.rest(rich, SELL, usd(13.1), coins(20), listing=call)
    reply = walk(market, 109)
    assert reply.of(StageChanged)[0].stage == IN_LIQUIDATION
    assert reply.of(Hedged) == []
    assert [piece.listing for piece in reply.of(Liquidation)] == [call]


def test_positions_that_cannot_trade_are_not_sliced() -> None:
    """A waiting listing has a row and risk, and is passed over."""
    market = OptionMarket()
    early = market.dated(CALL, usd(100), expiry=expiry_in(1))
    late = market.dated(CALL, usd(130))
    market.surface(usd(100))
    alice, rich = market.account("alice", usd(250)), market.account("rich")
    market.surface(usd(100), wait_ns=expiry_in(1) - market.time_ns - 60 * SECOND_NS)
    market.trade(rich, alice, usd(0.3), coins(10), listing=early)
    market.trade(rich, alice, usd(0.5), coins(1), listing=late)
    walk(market, 104)
    market.wait(60 * SECOND_NS)
    walk(market, 104)
    market.venue.accounts[alice.number].visited_time = 0
    choice = choose_slice(market.venue, 0, alice.number)
    assert choice is not None
    assert choice.listing == late


# Collateral


def borrower(market: OptionMarket) -> tuple[Trader, Trader, int]:
    """alice holds 10 coins of collateral and is long 20 of the perpetual; 100 USD of cash."""
    spot = market.dated(SPOT)
    market.surface(usd(100))
    alice, rich = market.account("alice", usd(100)), market.account("rich")
    market.give_token(alice, coins(10))
    market.trade(alice, rich, usd(100), coins(60))
    return alice, rich, spot


def test_collateral_is_sold_first_as_long_as_there_is_a_loan() -> None:
    market = OptionMarket()
    alice, rich, spot = borrower(market)
    market.rest(rich, BUY, usd(90), coins(20), listing=spot)
    reply = walk(market, 91, 88)
    of = figures(market, alice)
    assert reply.of(StageChanged)[0].stage == IN_LIQUIDATION
    (part,) = reply.of(Slice)
    (piece,) = reply.of(Liquidation)
    assert (piece.listing, piece.side) == (spot, SELL)
    assert part.asked <= coins(10)
    assert of.loan < usd(9), "what was asked pays the loan, but for the fees"
    check_invariants(market.venue)


def test_an_account_goes_bankrupt_only_when_its_collateral_is_sold() -> None:
    market = OptionMarket()
    alice, rich, spot = borrower(market)
    reply = walk(market, 91, 83.5)
    assert -usd(150) < figures(market, alice).equity < 0
    assert reply.of(Bankrupt) == []
    assert market.leaf(alice).stage == IN_LIQUIDATION
    for _ in range(70):
        reply = walk(market, 83.5)
    assert reply.of(Bankrupt) == [], "the time is up, the collateral is not sold"
    market.rest(rich, BUY, usd(83.5), coins(20), listing=spot)
    sold = False
    for _ in range(3):
        reply = walk(market, 83.5)
        assert sold or reply.of(Bankrupt) == []
        sold = sold or bool(reply.of(Liquidation))
    assert market.leaf(alice).size_of(spot) == 0
    assert market.leaf(alice).stage == BANKRUPT
    assert market.leaf(alice).cash == 0


def test_after_three_empty_slices_collateral_and_positions_take_turns() -> None:
    market = OptionMarket()
    _, rich, spot = borrower(market)
    walk(market, 91)
    parts = [walk(market, 88).of(Slice)[0] for _ in range(7)]
    assert [part.listing for part in parts[:3]] == [spot] * 3
    assert sorted(part.listing for part in parts[3:5]) == sorted(
        part.listing for part in parts[5:7]
    )
    assert {part.listing for part in parts[3:5]} == {spot, PERP}, "by the number of the epoch"
    market.rest(rich, BUY, usd(88), coins(5))
    filled = [walk(market, 88).of(Slice)[0] for _ in range(2)]
    assert next(part.filled for part in filled if part.listing == PERP) == coins(5)
    assert walk(market, 88).of(Slice)[0].listing == spot, "filled: collateral comes first again"


def test_collateral_alone_is_offered_until_it_is_sold() -> None:
    """The loan of a long that was closed at a loss; nothing else is held."""
    market = OptionMarket()
    alice, rich, spot = borrower(market)
    market.rest(rich, BUY, usd(92), coins(100))
    walk(market, 92)
    market.place(alice, SELL, usd(92), coins(60))
    assert list(margin.sizes_of(market.leaf(alice))) == [spot]
    assert figures(market, alice).loan > 0
    index = 92.0
    while market.leaf(alice).stage == STANDARD:
        index *= 0.95
        walk(market, index)
    for _ in range(5):
        (part,) = walk(market, index).of(Slice)
    assert (part.listing, part.filled) == (spot, 0)
    assert part.empty_slices > 3
    market.rest(rich, BUY, int(index) * usd(1), coins(20), listing=spot)
    (part,) = walk(market, index).of(Slice)
    assert part.filled == part.asked < coins(10)
    assert market.leaf(alice).stage == STANDARD, "the loan is paid but for the fees"


# To the end


def test_an_option_book_is_torn_up_at_its_bankruptcy_prices() -> None:
    market, alice, rich, calls = call_book(usd(160), parameters={"jump": ONE})
    reply = walk(market, 130)
    (bankrupt,) = reply.of(Bankrupt)
    assert bankrupt.account == alice.number
    torn = reply.of(TearUp)
    assert [one.listing for one in torn] == calls
    assert {one.other for one in torn} == {rich.number}
    assert all(one.price >= 0 for one in torn)
    assert market.leaf(alice).positions == {}
    assert (market.leaf(alice).stage, market.leaf(alice).cash) == (BANKRUPT, 0)
    assert reply.of(WriteOff) == []
    check_invariants(market.venue)


def test_a_long_book_is_torn_up_at_no_less_than_nothing() -> None:
    """The put is worth 0.2; the missing money is more than that."""
    market = OptionMarket()
    put, future = market.dated(PUT, usd(80)), market.dated(FUTURE)
    market.surface(usd(100))
    alice, rich = market.account("alice", usd(70)), market.account("rich")
    market.trade(alice, rich, usd(1), coins(1), listing=put)
    market.trade(rich, alice, usd(100), coins(9), listing=future)
    reply = walk(market, 109)
    assert [one.listing for one in reply.of(TearUp)] == [put, future]
    assert reply.of(TearUp)[0].price >= 0
    assert market.leaf(alice).cash >= 0
    check_invariants(market.venue)


def test_explain_tells_each_step_with_the_worst_scenario_in_words() -> None:
    market, alice, rich, calls = call_book(usd(160))
    market.rest(rich, SELL, usd(104), coins(2))
    market.receive(usd(104))
    told = explained(market)
    (step,) = told["steps"]
    assert (step["step"], step["account"], step["listing"]) == ("hedge", alice.number, PERP)
    assert step["MM"][1] < step["MM"][0]
    assert step["worst"][0] == "group 0: scenario 5: price 15 %, vol up"
    assert len(calls) == 4
    for index in (113, 123, 134):
        market.receive(usd(index), wait_ns=LATER_NS)
        told = explained(market)
    names = [step["step"] for step in told["steps"]]
    assert names[0] == "bankrupt"
    assert set(names[1:]) == {"tear_up"}
    assert told["steps"][0]["equity"][0] < 0
    assert told["steps"][-1]["worst"][1] == "none"


def explained(market: OptionMarket) -> dict[str, list[dict[str, Any]]]:
    """Explain the activation of the pending vector, then do it."""
    number = market.venue.pending_vectors[0].vector.number
    activation = messages.Activate(0, number, market.pending_root())
    command = messages.encode_command(activation)
    told = explain(market.venue, market.venue.log_number + 1, market.time_ns, command)
    assert ("liquidation, step by step:" in told.text()) == bool(told.steps)
    market.apply(activation)
    return told.to_dict()
