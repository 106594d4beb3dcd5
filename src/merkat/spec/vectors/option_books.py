"""Cases of option books in liquidation: slices, hedges, collateral, tear-ups (derivatives.md 7)."""

from __future__ import annotations

from collections.abc import Callable

from merkat.spec.messages import FundDeposit, SetInstrument, SetVenue
from merkat.spec.values import BUY, ONE, SELL
from merkat.spec.vectors.corpus import CaseScript, Corpus, World
from merkat.spec.vectors.desk import (
    CALL_FAR,
    CALL_HIGH,
    CALL_NEAR,
    COIN,
    ETH_LISTING,
    FUTURE_FAR,
    FUTURE_NEAR,
    LOT,
    PERPETUAL_LISTING,
    PUT_FAR,
    PUT_NEAR,
    SCENARIOS,
    SECOND,
    SPOT_LISTING,
    VOL,
    Desks,
    near_mark,
    publish,
    risk_item,
    trade,
)
from merkat.spec.vectors.script import USD, Script, Trader, group_item
from merkat.spec.vectors.worlds import ALICE, BOB, CAROL, DAVE, ERIN
from merkat.spec.venue import events
from merkat.spec.venue.derivative_events import Hedged
from merkat.spec.venue.money import free_cash

Build = Callable[[Script], None]


def option_book_cases(corpus: Corpus, desks: Desks) -> None:
    """Falls and rises after which owners no longer hold."""
    corpus.family("option_books", "books-")
    short = corpus.world("book-short", "dave is short calls, mode standard", desks.open, shorts)
    hedged = corpus.world("book-long", "dave is long in five listings", desks.open, longs)
    coins = corpus.world("book-coins", "erin is long futures on coins", desks.open, on_coins)
    _shorts(corpus, short)
    _hedges(corpus, hedged)
    _coins(corpus, coins)
    _tear_ups(corpus, desks.open)
    _groups(corpus, desks.open)


def drain(s: Script, by: Trader) -> None:
    """Withdraw all that is free."""
    s.withdraw(by, max(1, free_cash(s.venue, by.account)))


def tighten(s: Script) -> None:
    """Have initial margin be little more than maintenance."""
    tight = {"initial_factor": 820_000_000, "naked_initial": 0, "perpetual_initial": 0}
    standard = {"standard_initial_most": 100_000_000, "standard_initial_least": 95_000_000}
    s.item(risk_item(0, SCENARIOS, **tight, **standard))
    publish(s)


def shorts(s: Script, mode: int = 0) -> None:
    """Have dave sell calls in two expiries, with hardly more than maintenance asks."""
    tighten(s)
    if mode:
        s.margin_mode(DAVE, mode)
    s.margin_mode(ALICE, 1)
    trade(s, DAVE, ALICE, CALL_FAR, COIN // 5)
    trade(s, DAVE, ALICE, CALL_NEAR, COIN // 10)
    drain(s, DAVE)


def longs(s: Script) -> None:
    """Have dave long the underlying through five listings, mode portfolio."""
    tighten(s)
    s.margin_mode(DAVE, 1)
    s.margin_mode(ALICE, 1)
    for listing in (CALL_FAR, CALL_NEAR, CALL_HIGH):
        trade(s, ALICE, DAVE, listing, COIN // 10)
    for listing in (FUTURE_FAR, FUTURE_NEAR):
        trade(s, ALICE, DAVE, listing, COIN // 12 // LOT * LOT)
    drain(s, DAVE)


def on_coins(s: Script) -> None:
    """Have erin buy futures with nothing but her coins."""
    trade(s, CAROL, ERIN, FUTURE_FAR, COIN)
    s.margin_mode(BOB, 1)
    trade(s, BOB, ERIN, FUTURE_FAR, 3 * COIN // 2)


def bids(s: Script, listing: int, side: int, size: int, *ticks: int) -> None:
    """Have bob rest orders about a listing's mark, half each by carol."""
    for number, step in enumerate(ticks):
        by = (BOB, CAROL)[number % 2]
        s.place(by, side, near_mark(s, listing, step), size, listing=listing)


def reached(s: CaseScript, *kinds: type[events.Event]) -> None:
    """Fail unless events of these kinds were announced."""
    told = {type(events.decode_event(each)) for sent in s.sent for each in sent.output.events}
    missing = {kind.__name__ for kind in kinds} - {kind.__name__ for kind in told}
    assert not missing, f"{s.case.id}: {missing} never happened, only {told}"


def _shorts(corpus: Corpus, world: World) -> None:
    for name, dollars, ticks, changes in (
        ("slices", 101_500, (4, 9, 20), {}),
        ("too-dear", 101_500, (200, 300), {}),
        ("shares", 101_500, (4, 9, 20), {"slice_share": 100_000_000}),
        ("far", 104_500, (4, 9, 20), {}),
    ):
        with corpus.venue(f"shorts-{name}", "options are bought back", world) as s:
            if changes:
                s.item(group_item(0, node_count=3, threshold=2, **changes))
            publish(s, dollars)
            bids(s, CALL_FAR, SELL, COIN // 25, *ticks)
            bids(s, CALL_NEAR, SELL, COIN // 25, *(step * 2 for step in ticks))
            for _ in range(3):
                s.wait(2 * SECOND)
                s.heartbeat(0)
            reached(s, events.StageChanged, events.Slice)
    with corpus.venue("shorts-nobody", "nobody offers", world) as s:
        publish(s, 103_500)
        for _ in range(4):
            s.wait(2 * SECOND)
            s.heartbeat(0)
        s.wait(3 * SECOND)
        bids(s, CALL_FAR, SELL, COIN // 25, 20, 40)
        publish(s, 103_500)
        reached(s, events.Slice)
    with corpus.venue("shorts-spread", "by spread, vega and risk", world) as s:
        s.item(risk_item(option_spread=0))
        publish(s)
        bids(s, CALL_FAR, SELL, COIN // 25, 240, 250, 300, 340)
        publish(s, 103_500)
    for vol in (VOL * 109 // 100, VOL * 92 // 100):
        with corpus.venue(f"shorts-vol-{vol}", "volatility moves", world) as s:
            publish(s, 102_500, vol)
            publish(s, 102_500, vol)
    for name, mode in (("portfolio", 1),):
        with corpus.venue(f"shorts-{name}", "by the other margin", world) as s:
            s.deposit(DAVE.wallet, 30_000 * USD, DAVE.account)
            s.margin_mode(DAVE, mode)
            drain(s, DAVE)
            bids(s, CALL_FAR, SELL, COIN // 25, 240, 260)
            bids(s, PERPETUAL_LISTING, SELL, COIN // 10, 40, 60)
            for dollars in (103_000, 105_000, 106_500):
                publish(s, dollars)
                s.wait(SECOND)
    with corpus.venue("shorts-mode", "not in stage 1", world, "W-08 stage") as s:
        publish(s, 101_500)
        s.margin_mode(DAVE, 1)
    with corpus.venue("shorts-time-out", "and it is too late", world) as s:
        short_time = {"stage_timeout_ns": 10 * SECOND}
        s.item(group_item(0, node_count=3, threshold=2, **short_time))
        publish(s, 103_500)
        for _ in range(3):
            s.wait(4 * SECOND)
            s.heartbeat(0)
        reached(s, events.Bankrupt, events.TearUp)


def _hedges(corpus: Corpus, world: World) -> None:
    for name, dollars, size, ticks in (
        ("all", 97_500, COIN, (-260_000, -265_000)),
        ("part", 97_500, COIN // 50, (-260_000, -265_000)),
        ("too-low", 97_500, COIN, (-290_000, -295_000)),
        ("lots", 97_000, LOT, (-302_000, -303_000)),
    ):
        with corpus.venue(f"hedge-{name}", "a perpetual against the delta", world) as s:
            bids(s, PERPETUAL_LISTING, BUY, size, *ticks)
            publish(s, dollars)
            for _ in range(3):
                s.wait(2 * SECOND)
                s.heartbeat(0)
            reached(s, events.StageChanged)
            if name in ("all", "part"):
                reached(s, Hedged)
    with corpus.venue("hedge-no-slot", "no room for it", world) as s:
        bids(s, PERPETUAL_LISTING, BUY, COIN, -260_000)
        s.item(SetVenue(1, 5, 1_000, 200, 1_000_000))
        publish(s, 97_500)
    with corpus.venue("hedge-reductions", "the perpetual is closing", world) as s:
        bids(s, PERPETUAL_LISTING, BUY, COIN, -260_000)
        s.item(SetInstrument(1, PERPETUAL_LISTING, 2, 100_000, 500_000))
        bids(s, CALL_FAR, BUY, COIN, -260)
        publish(s, 97_500)
    with corpus.venue("hedge-standard", "not in mode standard", world) as s:
        s.deposit(DAVE.wallet, 20_000 * USD, DAVE.account)
        s.margin_mode(DAVE, 0)
        drain(s, DAVE)
        bids(s, PERPETUAL_LISTING, BUY, COIN, -260_000)
        publish(s, 97_000)
    with corpus.venue("hedge-short", "it buys where the delta is negative", world) as s:
        s.deposit(DAVE.wallet, 40_000 * USD, DAVE.account)
        for _ in range(2):
            trade(s, ALICE, DAVE, PUT_FAR, COIN // 5)
            trade(s, ALICE, DAVE, PUT_NEAR, COIN // 5)
            trade(s, DAVE, ALICE, CALL_NEAR, COIN // 5)
            trade(s, DAVE, ALICE, CALL_FAR, COIN // 5)
        drain(s, DAVE)
        bids(s, PERPETUAL_LISTING, SELL, COIN, 260_000, 265_000)
        publish(s, 102_500)
        publish(s, 102_500)
    with corpus.venue("hedge-again", "a hedge that is held already", world) as s:
        bids(s, PERPETUAL_LISTING, BUY, COIN // 50, -260_000, -265_000)
        publish(s, 97_500)
        s.wait(2 * SECOND)
        bids(s, PERPETUAL_LISTING, BUY, COIN, 0, -1_000)
        publish(s, 96_500)
        s.wait(2 * SECOND)
        publish(s, 97_000)


def _coins(corpus: Corpus, world: World) -> None:
    for name, dollars, size, steps in (
        ("sold", 60_000, COIN, (-60, -90)),
        ("part", 60_000, COIN // 4, (-60, -90)),
        ("too-low", 60_000, COIN, (-400,)),
    ):
        with corpus.venue(f"coins-{name}-in-danger", "a loan above its line", world) as s:
            s.item(group_item(0, node_count=3, threshold=2, jump=ONE))
            publish(s, dollars)
            bids(s, SPOT_LISTING, BUY, size, *steps)
            for _ in range(2):
                s.wait(2 * SECOND)
                s.heartbeat(0)
            reached(s, events.StageChanged, events.Slice)
    with corpus.venue("coins-nobody", "nobody bids: the futures go", world) as s:
        s.item(group_item(0, node_count=3, threshold=2, jump=ONE))
        publish(s, 62_000)
        for _ in range(4):
            s.wait(2 * SECOND)
            s.heartbeat(0)
        bids(s, FUTURE_FAR, BUY, COIN, -40)
        s.wait(2 * SECOND)
        publish(s, 62_000)
    with corpus.venue("coins-ruin", "coins keep an account from ruin", world) as s:
        s.item(group_item(0, node_count=3, threshold=2, jump=ONE))
        publish(s, 50_100)
        bids(s, SPOT_LISTING, BUY, 3 * COIN, -10)
        s.wait(2 * SECOND)
        publish(s, 50_100)
        s.wait(2 * SECOND)
        publish(s, 50_100)
    with corpus.venue("coins-rescued", "cash comes in time", world) as s:
        s.item(group_item(0, node_count=3, threshold=2, jump=ONE))
        publish(s, 62_000)
        s.deposit(ERIN.wallet, 90_000 * USD, ERIN.account)
        publish(s, 62_000)
    with corpus.venue("coins-cheap", "coins that count for nothing", world) as s:
        s.item(risk_item(haircut=ONE, haircut_large=ONE))
        publish(s)
        publish(s)


def _tear_ups(corpus: Corpus, world: World) -> None:
    """Bankrupt option books: a price is never below zero."""
    with corpus.venue("tear-options", "short calls after a jump", world) as s:
        shorts(s)
        s.item(group_item(0, node_count=3, threshold=2, jump=ONE, fund_event_share=0))
        publish(s, 125_000)
        reached(s, events.Bankrupt, events.TearUp)
    with corpus.venue("tear-fund", "a fund pays first", world) as s:
        shorts(s)
        s.item(group_item(0, node_count=3, threshold=2, jump=ONE))
        s.item(FundDeposit(1, 0, 50_000 * USD))
        publish(s, 125_000)
        reached(s, events.Bankrupt, events.TearUp)
    with corpus.venue("tear-floor", "worthless shorts cost nothing", world) as s:
        s.margin_mode(ALICE, 1)
        s.margin_mode(DAVE, 1)
        s.item(risk_item(maintenance_factor=10**8, initial_factor=10**8))
        publish(s)
        trade(s, DAVE, ALICE, CALL_HIGH, COIN // 5)
        trade(s, ALICE, DAVE, FUTURE_FAR, COIN // 3 // LOT * LOT)
        trade(s, ALICE, DAVE, CALL_NEAR, COIN // 10)
        s.item(group_item(0, node_count=3, threshold=2, jump=ONE, fund_event_share=0))
        publish(s, 70_000)
        reached(s, events.Bankrupt, events.TearUp)
    with corpus.venue("tear-portfolio", "of a book in mode portfolio", world) as s:
        longs(s)
        s.item(group_item(0, node_count=3, threshold=2, jump=ONE, fund_event_share=0))
        publish(s, 55_000)
        reached(s, events.Bankrupt, events.TearUp)
    with corpus.venue("tear-coins", "a bankrupt whose coin is worthless", world) as s:
        s.deposit(DAVE.wallet, LOT, DAVE.account, token=1)
        shorts(s)
        s.item(group_item(0, node_count=3, threshold=2, jump=ONE, fund_event_share=0))
        publish(s, 125_000)
        bids(s, SPOT_LISTING, BUY, COIN, -10)
        publish(s, 125_000)
        s.wait(2 * SECOND)
        publish(s, 125_000)


def _groups(corpus: Corpus, world: World) -> None:
    """A book of options beside a perpetual of another group."""
    with corpus.venue("groups-two", "the larger one", world) as s:
        s.margin_mode(DAVE, 1)
        s.place(CAROL, SELL, 3_000 * USD, 20_000_000, listing=ETH_LISTING)
        s.place(DAVE, BUY, 3_000 * USD, 20_000_000, listing=ETH_LISTING)
        trade(s, DAVE, CAROL, CALL_FAR, COIN // 50)
        drain(s, DAVE)
        s.epoch(1, 2_900 * USD)
        publish(s, 103_000)
        s.wait(2 * SECOND)
        publish(s, 103_000)
        s.epoch(1, 2_850 * USD)
        reached(s, events.StageChanged)
    with corpus.venue("groups-stale", "the other group is silent", world) as s:
        s.margin_mode(DAVE, 1)
        s.place(CAROL, SELL, 3_000 * USD, 10_000_000, listing=ETH_LISTING)
        s.place(DAVE, BUY, 3_000 * USD, 10_000_000, listing=ETH_LISTING)
        trade(s, DAVE, CAROL, CALL_FAR, COIN // 20)
        drain(s, DAVE)
        s.wait(6 * SECOND)
        publish(s, 106_000)
        s.epoch(1, 3_000 * USD)
