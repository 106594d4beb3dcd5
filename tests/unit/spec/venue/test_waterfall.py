"""Scenarios of liquidation: slices, bankruptcy, tear-ups, write-offs, a command's limit."""

from __future__ import annotations

from merkat.spec.settle import margin
from merkat.spec.settle.leaves import BANKRUPT, IN_LIQUIDATION, STANDARD
from merkat.spec.settle.ops import Liquidate, OrderClose, Stage, TearUp
from merkat.spec.values import BUY, DAY_NS, SELL
from merkat.spec.venue import events
from merkat.spec.venue.events import (
    Bankrupt,
    Cancelled,
    Liquidation,
    Slice,
    StageChanged,
    WaterfallPending,
    WriteOff,
)
from merkat.spec.venue.events import (
    TearUp as TearUpEvent,
)
from merkat.spec.venue.invariants import check_invariants
from tests.support.venue_builder import SECOND_NS, Market, Reply, Trader, coins, usd

LATER_NS = 2 * SECOND_NS


def stage(market: Market, trader: Trader) -> int:
    return market.leaf(trader).stage


def leveraged(market: Market, name: str, cash: int, size: int, side: int = BUY) -> Trader:
    """An account with a position from 100 USD against a rich one."""
    trader, rich = market.account(name, cash), market.account(f"rich {name}")
    if side == BUY:
        market.trade(trader, rich, usd(100), size)
    else:
        market.trade(rich, trader, usd(100), size)
    return trader


def test_stage_1_cancels_orders_and_sells_a_slice() -> None:
    market = Market()
    alice = leveraged(market, "alice", usd(700), coins(100))
    order = market.rest(alice, SELL, usd(102), coins(1))
    market.rest(market.account("bidder"), BUY, usd(97), coins(50))
    reply = market.epoch(usd(97))  # equity 395, maintenance 485
    assert reply.of(Cancelled) == [Cancelled(order.key, events.REASON_LIQUIDATION, coins(1))]
    (entered,) = reply.of(StageChanged)
    assert (entered.account, entered.stage) == (alice.number, IN_LIQUIDATION)
    assert entered.equity < entered.maintenance < entered.initial
    (piece,) = reply.of(Liquidation)
    assert (piece.side, piece.price, piece.size) == (SELL, usd(97), coins(20))
    assert piece.liquidation_fee == usd(97 * 20 * 0.005)
    assert reply.of(Slice) == [Slice(alice.number, 1, coins(20), coins(20), 0)]
    assert market.group_leaf().fund == piece.liquidation_fee
    check_invariants(market.venue)


def test_one_slice_an_epoch_until_the_account_holds_again() -> None:
    market = Market()
    alice = leveraged(market, "alice", usd(700), coins(100))
    market.rest(market.account("bidder"), BUY, usd(97), coins(100))
    sold = len(market.epoch(usd(97)).of(Liquidation))
    assert market.tick().events == [], "a tick visits only pending groups"
    slices = 1
    while stage(market, alice) == IN_LIQUIDATION:
        reply = market.epoch(usd(97), wait_ns=LATER_NS)
        sold += len(reply.of(Liquidation))
        slices += len(reply.of(Slice))
        check_invariants(market.venue)
        assert slices < 10, "liquidation should end"
    assert sold == slices >= 2
    figures = margin.figures(market.venue.settlement, alice.number)
    assert figures.equity >= min(figures.maintenance * 115 // 100, figures.initial)
    assert market.leaf(alice).size_of(1) > 0, "no more is sold than needed"
    assert market.place(alice, SELL, usd(98), coins(1)).refused_by is None


def test_a_short_is_bought_back() -> None:
    market = Market()
    alice = leveraged(market, "alice", usd(700), coins(100), SELL)
    market.rest(market.account("offerer"), SELL, usd(103), coins(100))
    reply = market.epoch(usd(103))
    (piece,) = reply.of(Liquidation)
    assert (piece.account, piece.side, piece.size) == (alice.number, BUY, coins(20))
    assert market.leaf(alice).size_of(1) == -coins(80)
    check_invariants(market.venue)


def test_below_two_thirds_of_maintenance_everything_is_offered() -> None:
    market = Market()
    alice = leveraged(market, "alice", usd(700), coins(100))
    market.rest(market.account("bidder"), BUY, usd(95.5), coins(100))
    reply = market.epoch(usd(95.7))  # equity 265, maintenance 478.5
    (part,) = reply.of(Slice)
    assert part.asked == coins(100), "the whole position, not a fifth"
    assert part.filled == coins(100)
    assert market.leaf(alice).positions == {}
    assert stage(market, alice) == STANDARD
    check_invariants(market.venue)


def test_a_whole_slice_ends_where_two_thirds_are_reached_again() -> None:
    """The share of an epoch shrinks to a fifth when the account recovers in between."""
    market = Market()
    alice = leveraged(market, "alice", usd(700), coins(100))
    bidder = market.account("bidder")
    for _ in range(10):
        market.rest(bidder, BUY, usd(96.2), coins(10))
    reply = market.epoch(usd(96.2))  # equity 315, maintenance 481, two thirds 320.7
    (part,) = reply.of(Slice)
    assert part.asked == coins(100)
    assert coins(20) <= part.filled < coins(100), part
    assert stage(market, alice) == IN_LIQUIDATION
    check_invariants(market.venue)


def test_three_empty_slices_let_the_next_offer_everything() -> None:
    market = Market()
    alice = leveraged(market, "alice", usd(700), coins(100))
    counted = [market.epoch(usd(97), wait_ns=LATER_NS).of(Slice)[0] for _ in range(3)]
    assert [part.empty_slices for part in counted] == [1, 2, 3]
    assert [part.asked for part in counted] == [coins(20)] * 3
    market.rest(market.account("bidder"), BUY, usd(97), coins(30))
    (last,) = market.epoch(usd(97), wait_ns=LATER_NS).of(Slice)
    assert (last.asked, last.filled, last.empty_slices) == (coins(100), coins(30), 0)
    assert stage(market, alice) == IN_LIQUIDATION
    check_invariants(market.venue)


def test_a_slice_does_not_sell_below_its_limit() -> None:
    market = Market()
    leveraged(market, "alice", usd(700), coins(100))
    market.rest(market.account("bidder"), BUY, usd(96.7), coins(50))  # 31 bp below the mark
    (part,) = market.epoch(usd(97)).of(Slice)
    assert part.filled == 0, "the slippage allowed is 25 bp at first"


def test_the_owner_may_deposit_and_leaves_liquidation() -> None:
    market = Market()
    alice = leveraged(market, "alice", usd(700), coins(100))
    market.epoch(usd(97))
    assert market.withdraw(alice, usd(1)).refused_by == "W-04"
    market.deposit(alice, usd(1_000))
    reply = market.epoch(usd(97))
    assert [event.stage for event in reply.of(StageChanged)] == [STANDARD]
    assert reply.ops(Stage) == [Stage(alice.number, 0, STANDARD)]
    assert all(one.base_size == 0 for one in market.leaf(alice).positions.values())
    check_invariants(market.venue)


def test_liquidation_passes_over_a_maker_without_margin() -> None:
    market = Market()
    leveraged(market, "alice", usd(700), coins(100))
    poor, rich = market.account("poor", usd(66)), market.account("rich")
    first = market.rest(poor, BUY, usd(97.1), coins(10))
    market.withdraw(poor, usd(2))
    second = market.rest(rich, BUY, usd(97), coins(50))
    market.instrument(taker_fee=10_000_000, maker_fee=10_000_000)
    reply = market.epoch(usd(97))
    assert [(event.key, event.reason) for event in reply.of(Cancelled)] == [
        (first.key, events.REASON_MARGIN)
    ]
    assert [piece.maker for piece in reply.of(Liquidation)] == [second.key]
    check_invariants(market.venue)


def test_a_timeout_takes_the_position_at_mark_and_leaves_the_owner_its_equity() -> None:
    market = Market()
    alice = leveraged(market, "alice", usd(700), coins(100))
    market.epoch(usd(97))
    equity = margin.figures(market.venue.settlement, alice.number).equity
    for _ in range(59):
        reply = market.epoch(usd(97), wait_ns=LATER_NS)
        assert reply.of(Bankrupt) == []
    reply = market.epoch(usd(97), wait_ns=LATER_NS)
    (bankrupt,) = reply.of(Bankrupt)
    assert (bankrupt.equity, bankrupt.fund_payment) == (equity, 0)
    (torn,) = reply.of(TearUpEvent)
    assert (torn.price, torn.size, torn.surplus) == (usd(97), coins(100), 0)
    assert stage(market, alice) == BANKRUPT
    assert market.leaf(alice).cash == equity
    assert market.withdraw(alice, equity).refused_by is None, "what is left is the owner's"
    check_invariants(market.venue)


def bankruptcy(market: Market) -> tuple[Trader, list[Trader], Reply]:
    """An account long 100 coins with 700 USD against three shorts; the index falls to 92."""
    alice = market.account("alice", usd(700))
    shorts = [market.account(f"short {number}", usd(10_000)) for number in range(3)]
    for short, size in zip(shorts, (50, 30, 20), strict=True):
        market.trade(alice, short, usd(100), coins(size))
    return alice, shorts, market.epoch(usd(92))


def test_bankruptcy_without_a_fund_tears_up_at_the_bankruptcy_price() -> None:
    market = Market()
    alice, shorts, reply = bankruptcy(market)
    (bankrupt,) = reply.of(Bankrupt)
    assert bankrupt.fund_payment == 0
    missing = -bankrupt.equity
    assert missing == usd(105), "700 - 5 of fees - 800"
    assert len(reply.of(TearUpEvent)) == len(reply.ops(TearUp)) == 3
    assert [torn.size for torn in reply.of(TearUpEvent)] != []
    assert {torn.other for torn in reply.of(TearUpEvent)} == {one.number for one in shorts}
    assert market.leaf(alice).positions == {}
    assert market.leaf(alice).cash == 0, "rounding leaves the fund the rest, never a debt"
    surplus = sum(torn.surplus for torn in reply.of(TearUpEvent))
    assert market.group_leaf().fund == surplus < usd(1)
    assert reply.of(WriteOff) == []
    check_invariants(market.venue)


def test_the_fund_pays_a_quarter_of_itself_first() -> None:
    market = Market()
    a_day_old_fund(market, usd(200))
    _, _, reply = bankruptcy(market)
    (bankrupt,) = reply.of(Bankrupt)
    assert bankrupt.fund_payment == usd(50), "25 % of 200, less than 50 % a day"
    assert market.group_leaf().fund_day_used == usd(50)
    check_invariants(market.venue)


def test_tear_ups_rank_the_most_leveraged_winner_first() -> None:
    market = Market()
    alice = market.account("alice", usd(700))
    calm, bold = market.account("calm", usd(100_000)), market.account("bold", usd(400))
    market.trade(alice, calm, usd(100), coins(50))
    market.trade(alice, bold, usd(100), coins(50))
    reply = market.epoch(usd(92))
    others = [torn.other for torn in reply.of(TearUpEvent)]
    assert others == [bold.number, calm.number]


def test_tear_ups_share_by_largest_remainder() -> None:
    """5 lots over shorts of 3, 3 and 1: 2.14, 2.14 and 0.71 give 2, 2 and 1."""
    market = Market()
    market.limits(new_account_minimum=1)
    listing = market.listing(size_decimals=0, lot=1, tick=1_000_000)
    alice, bob = market.account("alice", usd(37)), market.account("bob")
    shorts = [market.account(f"short {number}", usd(10_000)) for number in range(3)]
    for short, size in zip(shorts, (3, 3, 1), strict=True):
        market.trade(bob, short, usd(100), size, listing=listing)
    market.trade(alice, bob, usd(100), 5, listing=listing)
    reply = market.epoch(usd(92))
    torn = {event.other: event.size for event in reply.of(TearUpEvent)}
    assert [torn[short.number] for short in shorts] == [2, 2, 1]
    check_invariants(market.venue)


def a_day_old_fund(market: Market, amount: int) -> None:
    """A fund that stood at midnight: only then is there something to pay a part of."""
    market.fund(amount)
    market.epoch(usd(100), wait_ns=DAY_NS)


def indebted(market: Market) -> Trader:
    """An account that owes 130.5 USD and holds nothing.

    Prices round in favour of the bankrupt, so tear-ups leave no debt; it is made by hand here.
    """
    alice, bob = market.account("alice", usd(70)), market.account("bob")
    market.trade(alice, bob, usd(100), coins(10))
    state = market.venue.settlement
    state.move_position(alice.number, 0, 1, -coins(10))
    state.move_position(bob.number, 0, 1, coins(10))
    state.change_account(alice.number).cash += usd(800)
    state.change_account(bob.number).cash -= usd(800)
    assert market.leaf(alice).cash == -usd(130.5)
    return alice


def test_what_no_position_can_absorb_is_paid_by_the_fund_then_bad_debt() -> None:
    market = Market()
    a_day_old_fund(market, usd(10))
    alice = indebted(market)
    market.fund(usd(1))  # turns the day: it opened with 10
    reply = market.epoch(usd(100))
    (bankrupt,) = reply.of(Bankrupt)
    (written,) = reply.of(WriteOff)
    assert bankrupt.fund_payment == usd(2.75), "a quarter of 11"
    assert written.fund_payment == usd(2.25), "half of the day's opening is the day's most"
    assert written.bad_debt == usd(130.5) - usd(5)
    assert market.leaf(alice).cash == 0
    assert market.venue.settlement.globals_.bad_debt == written.bad_debt
    check_invariants(market.venue)


def test_a_fund_of_today_pays_nothing_today() -> None:
    market = Market()
    market.fund(usd(200))
    _, _, reply = bankruptcy(market)
    assert reply.of(Bankrupt)[0].fund_payment == 0, "the day opened with nothing"


def test_a_tear_up_that_bankrupts_a_healthy_account_makes_a_new_queue() -> None:
    """The hedged account holds until it is torn up at 6.5 USD a coin above the mark."""
    market = Market(parameters={"initial_rate": 20_000_000, "maintenance_rate": 10_000_000})
    second = market.listing()
    alice, hedged = market.account("alice", usd(25)), market.account("hedged", usd(50))
    rich = market.account("rich")
    market.trade(alice, hedged, usd(100), coins(10))
    market.trade(hedged, rich, usd(100), coins(10), listing=second)
    reply = market.epoch(usd(91))
    assert [event.account for event in reply.of(Bankrupt)] == [alice.number, hedged.number]
    assert [(one.account, one.other) for one in reply.of(TearUpEvent)] == [
        (alice.number, hedged.number),
        (hedged.number, rich.number),
    ]
    assert reply.of(StageChanged) == [], "nobody was in stage 1"
    check_invariants(market.venue)


def test_nobody_is_liquidated_at_a_stale_price() -> None:
    market = Market()
    alice = leveraged(market, "alice", usd(700), coins(100))
    market.epoch(usd(115))  # held
    market.epoch(usd(89))  # a new run
    assert stage(market, alice) == STANDARD


def test_the_limit_makes_the_group_pending_and_the_next_tick_goes_on() -> None:
    market = Market(waterfall_limit=4)
    names = [f"long {number}" for number in range(4)]
    longs = [leveraged(market, name, usd(70), coins(10)) for name in names]
    whole = Market()
    for name in names:
        leveraged(whole, name, usd(70), coins(10))
    replies = [market.epoch(usd(92))]
    assert replies[0].of(WaterfallPending) == [WaterfallPending(0)]
    assert len(replies[0].micro_ops) <= 5
    assert market.venue.pending == {0}
    while market.venue.pending:
        replies.append(market.tick())
        check_invariants(market.venue)
        assert len(replies) < 20, "every tick should do something"
    whole.epoch(usd(92))
    assert [stage(market, one) for one in longs] == [BANKRUPT] * 4
    final = [market.venue.settlement.accounts[one.number].cash for one in longs]
    assert final == [whole.venue.settlement.accounts[one.number].cash for one in longs]


def test_a_write_off_that_the_limit_put_off_comes_later() -> None:
    market = Market(waterfall_limit=2)
    alice = indebted(market)
    reply = market.epoch(usd(100))
    assert len(reply.of(Bankrupt)) == len(reply.of(WaterfallPending)) == 1
    assert (stage(market, alice), market.leaf(alice).cash < 0) == (BANKRUPT, True)
    assert len(market.tick().of(WriteOff)) == 1
    assert market.leaf(alice).cash == 0
    check_invariants(market.venue)


def test_a_pending_group_that_is_not_fresh_stays_pending() -> None:
    market = Market(waterfall_limit=1)
    leveraged(market, "alice", usd(70), coins(10))
    market.epoch(usd(92))
    assert market.venue.pending == {0}
    market.wait(6 * SECOND_NS)
    assert market.tick().events == []
    assert market.venue.pending == {0}


def test_pieces_open_the_maker_in_settlement_first() -> None:
    market = Market()
    leveraged(market, "alice", usd(700), coins(100))
    market.rest(market.account("bidder"), BUY, usd(97), coins(50))
    kinds = [type(op).__name__ for op in market.epoch(usd(97)).micro_ops]
    assert kinds == ["Epoch", "Stage", "OrderOpen", "Liquidate"]
    assert OrderClose.__name__ not in kinds
    assert Liquidate.__name__ in kinds
