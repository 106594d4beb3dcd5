"""Cases of the waterfall: stages, slices, bankruptcy, tear-ups, write-offs (section 3.7)."""

from __future__ import annotations

from merkat.spec.messages import FeeSweep, FundDeposit, List, SetInstrument
from merkat.spec.values import BUY, DAY_NS, SELL
from merkat.spec.vectors.corpus import CaseScript, Corpus, World
from merkat.spec.vectors.script import USD, Trader, group_item
from merkat.spec.vectors.wallets import wallet
from merkat.spec.vectors.worlds import (
    ALICE,
    BOB,
    BTC,
    BTC_INDEX,
    CAROL,
    DAVE,
    ERIN,
    ETH,
    ETH_INDEX,
    SMALL_BTC,
    Worlds,
)

SECOND = 10**9
SIZE = BTC // 100


def liquidation_cases(corpus: Corpus, worlds: Worlds) -> None:
    """What an epoch does to accounts that can no longer hold."""
    corpus.family("liquidation")
    _stages(corpus, worlds)
    _slices(corpus, worlds)
    _slice_sizes(corpus, worlds)
    _slice_makers(corpus, worlds)
    _shorts(corpus, worlds.open)
    _bankruptcies(corpus, worlds)
    _timeouts(corpus, worlds)
    _tear_ups(corpus, worlds)
    _tear_ranks(corpus, worlds.open)
    _chains(corpus, worlds)
    _two_groups(corpus, worlds.open)
    _queue(corpus, worlds.open)


def _bid(s: CaseScript, by: Trader, dollars: int, size: int, **terms: int) -> None:
    s.place(by, BUY, dollars * USD, size, **terms)


def _stages(corpus: Corpus, worlds: Worlds) -> None:
    world = worlds.leveraged
    with corpus.venue("stage-edge", "E = MM is enough", world) as s:
        s.epoch(0, 97_947_368_421)
        s.epoch(0, 97_947_360_000)
    with corpus.venue(
        "stage-enters", "its orders go first, by key", world, "", "Q-01 Q-02 Q-03"
    ) as s:
        s.place(DAVE, SELL, 102_000 * USD, SIZE, life_ns=7_000 * SECOND)
        s.place(DAVE, SELL, 102_500 * USD, SIZE)
        s.place(DAVE, BUY, 97_000 * USD, SIZE)
        s.epoch(0, 97_900 * USD)
    with corpus.venue(
        "stage-leaves", "the index comes back", worlds.troubled, "", "Q-01 Q-04"
    ) as s:
        s.epoch(0, 98_700 * USD)
        s.epoch(0, 98_800 * USD)
        s.place(DAVE, SELL, 98_900 * USD, SIZE)
    with corpus.venue(
        "stage-money", "a deposit ends it at the next word", worlds.troubled, "", "Q-04"
    ) as s:
        s.deposit(DAVE.wallet, 5_000 * USD, account=DAVE.account)
        s.heartbeat(0)
    with corpus.venue("stage-tick", "a tick alone does nothing", worlds.leveraged) as s:
        s.epoch(0, 97_900 * USD)
        s.tick()
    with corpus.venue("stage-held", "nothing while a vector is held", world) as s:
        s.epoch(0, 80_000 * USD)
        s.heartbeat(0)
    with corpus.venue(
        "stage-cancel", "its owner may still cancel nothing", worlds.troubled, "X-01 counter"
    ) as s:
        s.cancel(DAVE, s.order(DAVE, BUY, BTC_INDEX, SIZE))


def _slices(corpus: Corpus, worlds: Worlds) -> None:
    world = worlds.leveraged
    accepts = "Q-05 Q-06 Q-07 Q-08 Q-09 Q-10 Q-11 Q-12"
    with corpus.venue("slice", "a fifth is sold, and the account is safe", world, "", accepts) as s:
        _bid(s, ERIN, 97_850, BTC // 2)
        s.epoch(0, 97_900 * USD)
    with corpus.venue("slice-part", "half of the slice finds a buyer", world, "", accepts) as s:
        _bid(s, ERIN, 97_850, BTC // 10)
        s.epoch(0, 97_900 * USD)
        s.heartbeat(0)
        s.epoch(0, 97_900 * USD)
    with corpus.venue("slice-makers", "through several buyers", world, "", accepts) as s:
        _bid(s, ERIN, 97_850, BTC // 20)
        _bid(s, CAROL, 97_860, BTC // 20)
        _bid(s, ALICE, 97_840, BTC // 20)
        s.epoch(0, 97_900 * USD)
    with corpus.venue("slice-stop", "it stops as soon as E >= stop", world, "", accepts) as s:
        for _ in range(10):
            _bid(s, ERIN, 97_880, BTC // 50)
        s.epoch(0, 97_900 * USD)
    with corpus.venue("slice-limit", "a buyer too far from the mark is not taken", world) as s:
        _bid(s, ERIN, 97_600, BTC // 2)
        s.epoch(0, 97_900 * USD)
    with corpus.venue("slice-limit-edge", "25 bp from the mark", world) as s:
        s.place(ERIN, BUY, 97_655_250_000 // 10_000 * 10_000, BTC // 2)
        s.epoch(0, 97_900 * USD)
    with corpus.venue(
        "slice-deeper", "and further when it is deeper in trouble", world, "", accepts
    ) as s:
        _bid(s, ERIN, 97_100, BTC // 2)
        _bid(s, CAROL, 97_080, BTC // 20)
        s.epoch(0, 97_300 * USD)
    with corpus.venue("slice-no-fee", "a liquidation without a fee turns no day", world) as s:
        s.item(group_item(0, liquidation_fee=0))
        s.wait(DAY_NS)
        s.epoch(0, BTC_INDEX)
        _bid(s, ERIN, 97_850, BTC // 2)
        s.epoch(0, 97_900 * USD)


def _slice_sizes(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue("slice-empty", "three empty slices, then all of it", worlds.troubled) as s:
        for _ in range(2):
            s.wait(2 * SECOND)
            s.epoch(0, 97_900 * USD)
        s.wait(SECOND)
        _bid(s, ERIN, 97_890, BTC // 2)
        _bid(s, ALICE, 97_890, BTC // 2)
        s.wait(SECOND)
        s.epoch(0, 97_700 * USD)
    with corpus.venue("slice-empty-early", "three empty ones within 6 s", worlds.troubled) as s:
        for _ in range(3):
            s.epoch(0, 97_900 * USD)
        _bid(s, ALICE, 97_890, BTC)
        s.epoch(0, 97_700 * USD)
    with corpus.venue("slice-third", "below two thirds of MM: all of it", worlds.leveraged) as s:
        _bid(s, ALICE, 96_200, BTC)
        s.epoch(0, 96_240 * USD)
    with corpus.venue("slice-third-edge", "above two thirds: a fifth", worlds.leveraged) as s:
        _bid(s, ALICE, 96_250, BTC)
        s.epoch(0, 96_260 * USD)
    with corpus.venue(
        "slice-third-recovers", "a full slice that recovers on the way", worlds.leveraged
    ) as s:
        _bid(s, ALICE, 96_230, BTC // 2)
        _bid(s, CAROL, 96_220, BTC // 20)
        _bid(s, ERIN, 96_210, BTC // 20)
        s.epoch(0, 96_240 * USD)
    with corpus.venue("slice-repeated", "slice after slice", worlds.leveraged) as s:
        s.item(group_item(0, stop_ratio=2 * 10**9, slice_share=100_000_000))
        for dollars in (97_900, 97_800, 97_700, 97_600):
            _bid(s, ALICE, dollars - 10, 30 * SIZE)
            s.epoch(0, dollars * USD)
    for lots in (99, 100):
        with corpus.venue(
            f"slice-remainder-{lots}", "below ten lots the remainder goes too", worlds.open
        ) as s:
            s.item(group_item(0, slice_share=900_000_000, stop_ratio=2 * 10**9))
            frank = s.deposit(wallet("frank"), 100 * USD)
            s.place(BOB, SELL, BTC_INDEX, lots * 10_000)
            s.place(frank, BUY, BTC_INDEX, lots * 10_000)
            s.epoch(0, 95_500 * USD)
            _bid(s, ALICE, 94_590, BTC)
            s.epoch(0, 94_600 * USD)


def _slice_makers(corpus: Corpus, worlds: Worlds) -> None:
    world = worlds.leveraged
    dave_too = Trader(7, DAVE.wallet)

    def after(name: str, title: str, refuses: str, case_id: str = "") -> None:
        with corpus.venue(f"slice-maker-{name}", title, world, refuses) as s:
            if name == "self":
                s.deposit(dave_too.wallet, 5_000 * USD)
                _bid(s, dave_too, 97_880, SIZE)
            if name == "expired":
                _bid(s, ERIN, 97_880, SIZE, life_ns=SECOND)
                s.wait(2 * SECOND)
            if name == "band":
                _bid(s, ERIN, 101_000, SIZE)
            if name == "fee-cap":
                _bid(s, ERIN, 97_880, SIZE, fee_cap=500_000)
                s.item(SetInstrument(1, 1, 1, 600_000, 600_000))
            if name == "margin":
                _bid(s, ERIN, 97_880, SIZE)
                s.place(BOB, SELL, ETH_INDEX, 45 * ETH, listing=3)
                s.place(ERIN, BUY, ETH_INDEX, 45 * ETH, listing=3)
                s.epoch(1, 2_960 * USD)
            if name == "stale":
                s.place(ALICE, SELL, ETH_INDEX, ETH, listing=3)
                s.place(ERIN, BUY, ETH_INDEX, ETH, listing=3)
                _bid(s, ERIN, 97_880, SIZE)
                s.wait(6 * SECOND)
            _bid(s, CAROL, 97_870, SIZE) if name != "stale" else None
            s.epoch(0, 97_900 * USD)

    after("self", "the liquidated owner's other account", "M-02")
    after("expired", "an expired buyer", "M-01")
    after("band", "a buyer whom the mark left behind", "M-03")
    after("fee-cap", "a buyer who bears no such fee", "M-08")
    after("margin", "a buyer without margin", "M-06")
    after("stale", "a buyer in a silent group", "M-04")


def _shorts(corpus: Corpus, world: World) -> None:
    def short(s: CaseScript) -> None:
        s.place(ALICE, BUY, BTC_INDEX, BTC)
        s.place(DAVE, SELL, BTC_INDEX, BTC)

    with corpus.venue("short-slice", "a short is bought back", world, "", "Q-10 Q-11") as s:
        short(s)
        s.place(ERIN, SELL, 102_000 * USD, BTC // 2)
        s.epoch(0, 101_950 * USD)
    with corpus.venue("short-limit", "but not at any price", world) as s:
        short(s)
        s.place(ERIN, SELL, 102_300 * USD, BTC // 2)
        s.epoch(0, 101_950 * USD)
    with corpus.venue("short-bankrupt", "the other way round", world, "", "Q-17") as s:
        short(s)
        s.epoch(0, 108_000 * USD)
    with corpus.venue(
        "short-bankruptcy-price", "the price at which nothing would be left", world
    ) as s:
        short(s)
        s.place(ERIN, SELL, 106_100 * USD, BTC // 10)
        s.place(CAROL, SELL, 106_400 * USD, BTC // 10)
        s.place(BOB, SELL, 106_700 * USD, BTC)
        s.epoch(0, 106_200 * USD)


def _bankruptcies(corpus: Corpus, worlds: Worlds) -> None:
    world = worlds.leveraged
    accepts = "Q-13 Q-14 Q-15 Q-16 Q-17"
    with corpus.venue("bankrupt", "the fund pays, the rest is torn up", world, "", accepts) as s:
        s.epoch(0, 92_000 * USD)
    with corpus.venue(
        "bankrupt-from-stage-1", "after a slice in vain", worlds.troubled, "", accepts
    ) as s:
        s.epoch(0, 93_100 * USD)
        s.epoch(0, 92_900 * USD)
    with corpus.venue("bankrupt-orders", "its orders go first", world) as s:
        s.place(DAVE, SELL, 102_000 * USD, SIZE)
        s.epoch(0, 92_000 * USD)
    with corpus.venue("bankrupt-fund-empty", "a fund that runs out", world, "", "Q-17") as s:
        s.item(group_item(0, fund_event_share=10**9, fund_day_share=10**9, jump=10**9))
        s.epoch(0, 80_000 * USD)
        s.item(FundDeposit(1, 0, 1))
    with corpus.venue("bankrupt-fund-event", "no more than its share of an event", world) as s:
        s.item(group_item(0, fund_event_share=1))
        s.epoch(0, 91_000 * USD)
    with corpus.venue("bankrupt-fund-day", "no more than its share of a day", world) as s:
        s.item(group_item(0, fund_event_share=10**9, fund_day_share=100_000_000))
        s.epoch(0, 91_000 * USD)
    with corpus.venue("bankrupt-fund-none", "no payment at all", world) as s:
        s.item(group_item(0, fund_event_share=0))
        s.epoch(0, 91_000 * USD)
    with corpus.venue("bankrupt-next-day", "a new day of the fund", world) as s:
        s.item(FundDeposit(1, 0, USD))
        s.wait(DAY_NS)
        s.epoch(0, 92_000 * USD)
    with corpus.venue("bankrupt-order", "stage 3 trades no more", world, "O-13 stage") as s:
        s.epoch(0, 92_000 * USD)
        s.place(DAVE, BUY, 92_000 * USD, SIZE)
    with corpus.venue("bankrupt-deposit", "a deposit for it opens another account", world) as s:
        s.epoch(0, 92_000 * USD)
        s.deposit(DAVE.wallet, 100 * USD, account=DAVE.account)
    with corpus.venue("bankrupt-transfer", "and nobody pays it", world, "W-03 to_account") as s:
        s.epoch(0, 92_000 * USD)
        s.transfer(ALICE, DAVE.account, USD)
    with corpus.venue("bankrupt-sweep", "nor is it swept to", world, "I-20 account") as s:
        s.epoch(0, 92_000 * USD)
        s.item(FeeSweep(1, DAVE.account))


def _timeouts(corpus: Corpus, worlds: Worlds) -> None:
    world = worlds.troubled
    with corpus.venue("timeout", "two minutes below MM", world, "", "Q-13 W-04") as s:
        s.wait(120 * SECOND)
        s.epoch(0, 97_900 * USD)
        cash = s.state.accounts[DAVE.account].cash
        assert cash > 0, "its owner keeps what is left"
        s.withdraw(DAVE, cash - 1)
    with corpus.venue("timeout-over", "no more than what is left", world, "W-06 amount") as s:
        s.wait(120 * SECOND)
        s.epoch(0, 97_900 * USD)
        s.withdraw(DAVE, s.state.accounts[DAVE.account].cash + 1)
    with corpus.venue("timeout-early", "a millisecond less", world) as s:
        s.time_ns = s.state.accounts[DAVE.account].stage_time + 120 * SECOND - 2_000_000
        s.epoch(0, 97_900 * USD)
        s.epoch(0, 97_900 * USD)
    with corpus.venue("timeout-above", "above MM it goes on", world) as s:
        s.wait(120 * SECOND)
        s.epoch(0, 98_100 * USD)


def _tear_ups(corpus: Corpus, worlds: Worlds) -> None:
    def shorts(s: CaseScript, sizes: tuple[tuple[Trader, int], ...]) -> None:
        """Have dave long against these shorts."""
        for trader, size in sizes:
            s.place(trader, SELL, BTC_INDEX, size)
        s.place(DAVE, BUY, BTC_INDEX, BTC)

    three = ((BOB, BTC // 2), (CAROL, BTC // 5), (ALICE, BTC * 3 // 10))
    with corpus.venue(
        "tear-all", "every opposite holder gives all", worlds.open, "", "Q-16 Q-17"
    ) as s:
        shorts(s, three)
        s.epoch(0, 92_000 * USD)
    with corpus.venue("tear-shares", "shares in lots, largest remainders first", worlds.open) as s:
        for trader, size in ((ALICE, 20_010_000), (BOB, 50_020_000), (CAROL, 30_040_000)):
            s.place(trader, SELL, BTC_INDEX, size)
        s.place(DAVE, BUY, BTC_INDEX, BTC)
        s.place(ERIN, BUY, BTC_INDEX, 70_000)
        s.epoch(0, 92_000 * USD)
    with corpus.venue("tear-shares-odd", "remainders that tie go by account", worlds.open) as s:
        for trader in (ALICE, BOB, CAROL):
            s.place(trader, SELL, BTC_INDEX, 36_700_000)
        s.place(DAVE, BUY, BTC_INDEX, BTC)
        s.place(ERIN, BUY, BTC_INDEX, 10_100_000)
        s.epoch(0, 92_000 * USD)
    with corpus.venue("tear-two-listings", "listing by listing, the price anew", worlds.open) as s:
        s.place(BOB, SELL, BTC_INDEX, BTC // 2)
        s.place(DAVE, BUY, BTC_INDEX, BTC // 2)
        s.place(CAROL, SELL, BTC_INDEX, SMALL_BTC // 2, listing=2)
        s.place(DAVE, BUY, BTC_INDEX, SMALL_BTC // 2, listing=2)
        s.epoch(0, 92_000 * USD)
    with corpus.venue("tear-surplus", "what rounding leaves goes to the fund", worlds.open) as s:
        s.place(BOB, SELL, 99_990 * USD, BTC // 2)
        s.place(CAROL, SELL, 99_991 * USD, 49_990_000)
        s.place(DAVE, BUY, BTC_INDEX, BTC)
        s.item(group_item(0, fund_event_share=0))
        s.epoch(0, 92_345_678_901)


def _tear_ranks(corpus: Corpus, world: World) -> None:
    with corpus.venue("tear-nothing-left", "a holder whose equity is zero", world) as s:
        s.item(List(1, 1, 1, 6, 1_000, 10_000, 0, 0))
        s.withdraw(DAVE, 2_345 * USD)
        for buyer, ethers in ((DAVE, 20), (ERIN, 45)):
            s.place(BOB, SELL, ETH_INDEX, ethers * ETH, listing=3)
            s.place(buyer, BUY, ETH_INDEX, ethers * ETH, listing=3)
        s.place(DAVE, SELL, ETH_INDEX, ETH, listing=4)
        s.place(ERIN, BUY, ETH_INDEX, ETH, listing=4)
        s.epoch(1, 2_755 * USD)  # dave: 4,655 - 19 x 245 = 0
    with corpus.venue("tear-few-lots", "fewer lots than holders", world) as s:
        s.item(group_item(1, 3, 2, jump=10**9))
        frank = s.deposit(wallet("frank"), USD)
        for seller, buyer, lots in ((BOB, ERIN, 10), (CAROL, frank, 1), (ALICE, frank, 1)):
            s.place(seller, SELL, ETH_INDEX, lots * 1_000, listing=3)
            s.place(buyer, BUY, ETH_INDEX, lots * 1_000, listing=3)
        s.epoch(1, 1_900 * USD)


def _chains(corpus: Corpus, worlds: Worlds) -> None:
    """A tear-up takes from the other holder, who may go bankrupt by it."""

    def setup(s: CaseScript, dave_buys: int, erin_sells: int, **parameters: int) -> None:
        """Have erin, long 30 ETH and short BTC, fail at 1,500 USD; dave is long BTC."""
        for group, nodes in ((0, (7, 5)), (1, (3, 2))):
            s.item(group_item(group, *nodes, jump=10**9, **parameters))
        s.place(BOB, SELL, ETH_INDEX, 30 * ETH, listing=3)
        s.place(ERIN, BUY, ETH_INDEX, 30 * ETH, listing=3)
        s.place(ERIN, SELL, BTC_INDEX, erin_sells)
        if dave_buys > erin_sells:
            s.place(BOB, SELL, BTC_INDEX, dave_buys - erin_sells)
        s.place(DAVE, BUY, BTC_INDEX, dave_buys)
        s.withdraw(DAVE, 1_900 * USD)
        s.epoch(1, 1_500 * USD)

    with corpus.venue("chain", "the other holder fails with what it still holds", worlds.open) as s:
        setup(s, BTC // 2, BTC // 4 + SIZE, fund_event_share=0)
    with corpus.venue("chain-write-off", "or without a position", worlds.open, "", "Q-18") as s:
        setup(s, BTC // 2, BTC // 2, fund_event_share=0)
    with corpus.venue(
        "chain-fund", "after the fund has paid its share", worlds.open, "", "Q-18"
    ) as s:
        setup(s, BTC // 2, BTC // 2)
        s.withdraw(BOB, USD)
    with corpus.venue(
        "chain-bad-debt", "what nobody pays is bad debt", worlds.open, "", "Q-18"
    ) as s:
        setup(s, BTC // 2, BTC // 2, fund_event_share=0, fund_day_share=0)
        s.item(FeeSweep(1, ALICE.account))
        s.place(BOB, SELL, BTC_INDEX, BTC // 2)
        s.place(ALICE, BUY, BTC_INDEX, BTC // 2)
        s.item(FeeSweep(1, ALICE.account))


def _two_groups(corpus: Corpus, world: World) -> None:
    def both(s: CaseScript, ethers: int, lots: int) -> None:
        """Have dave long in groups 0 and 1."""
        s.place(BOB, SELL, BTC_INDEX, lots)
        s.place(DAVE, BUY, BTC_INDEX, lots)
        s.place(CAROL, SELL, ETH_INDEX, ethers * ETH, listing=3)
        s.place(DAVE, BUY, ETH_INDEX, ethers * ETH, listing=3)

    with corpus.venue("groups-largest", "the stage names the larger group", world, "", "Q-03") as s:
        both(s, 20, 30 * SIZE)
        _bid(s, ALICE, 94_000, BTC)
        s.epoch(0, 93_000 * USD)
        s.epoch(1, 2_900 * USD)
        s.heartbeat(0)
    with corpus.venue("groups-silent", "left out while one group is silent", world) as s:
        both(s, 20, 30 * SIZE)
        s.wait(6 * SECOND)
        s.epoch(0, 92_000 * USD)
        s.heartbeat(1)
        s.heartbeat(0)
    with corpus.venue("groups-bankrupt", "bankrupt in two groups", world, "", "Q-14") as s:
        both(s, 15, BTC // 2)
        s.epoch(1, 2_750 * USD)
        s.epoch(0, 92_000 * USD)
    with corpus.venue("groups-slice", "each group sells its own", world) as s:
        both(s, 15, BTC // 2)
        s.place(ALICE, BUY, 2_840 * USD, 100 * ETH, listing=3)
        _bid(s, ALICE, 97_000, BTC)
        s.epoch(1, 2_850 * USD)
        s.epoch(0, 97_500 * USD)
        s.epoch(1, 2_840 * USD)
        s.epoch(0, 97_100 * USD)


def _queue(corpus: Corpus, world: World) -> None:
    def crowd(s: CaseScript) -> None:
        """Have three longs of different leverage, and one that has nothing left."""
        s.place(BOB, SELL, BTC_INDEX, 3 * BTC)
        s.place(ERIN, BUY, BTC_INDEX, 145 * SIZE)
        s.place(DAVE, BUY, BTC_INDEX, BTC)
        s.deposit(wallet("frank"), 1_000 * USD)
        s.place(Trader(7, wallet("frank")), BUY, BTC_INDEX, 15 * SIZE)

    with corpus.venue("queue", "the worst ratio goes first", world) as s:
        crowd(s)
        _bid(s, ALICE, 97_200, BTC // 5)
        s.epoch(0, 97_300 * USD)
    with corpus.venue("queue-bankrupt", "the bankrupt before those in trouble", world) as s:
        crowd(s)
        _bid(s, ALICE, 93_200, BTC // 2)
        s.epoch(0, 93_250 * USD)
        s.epoch(0, 92_800 * USD)
