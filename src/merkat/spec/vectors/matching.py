"""Cases of the match loop: price and time, and the makers and takers that it cancels (rules M)."""

from __future__ import annotations

from merkat.spec.messages import List, SetInstrument, SetVenue
from merkat.spec.values import BUY, SELL
from merkat.spec.vectors.corpus import CaseScript, Corpus, World
from merkat.spec.vectors.script import STEP_NS, USD, group_item
from merkat.spec.vectors.worlds import (
    ALICE,
    ALICE_TOO,
    BOB,
    BTC,
    CAROL,
    DAVE,
    ERIN,
    ETH,
    ETH_INDEX,
    SMALL_BTC,
    Worlds,
)

SECOND = 10**9
GTC, IOC, POST_ONLY, MARKET = 0, 1, 2, 5
SIZE = BTC // 100
LEVERAGE_INDEX = 100 * USD


def matching_cases(corpus: Corpus, worlds: Worlds) -> None:
    """The match loop of rules.md section 3.1."""
    corpus.family("matching")
    _priority(corpus, worlds.book)
    _remainders(corpus, worlds.book)
    _fees(corpus, worlds)
    _makers_that_go(corpus, worlds)
    _makers_at_the_edge(corpus, worlds)
    _stale(corpus, worlds)
    _maker_margin(corpus, worlds)
    _taker_margin(corpus, worlds)
    _closes(corpus, worlds)
    _positions(corpus, worlds)


def _priority(corpus: Corpus, world: World) -> None:
    for name, side, price in (("buy", BUY, 101_000), ("sell", SELL, 99_000)):
        for part, size in (("part", BTC // 20), ("first", BTC // 10), ("queue", BTC * 3 // 20)):
            with corpus.venue(
                f"match-{name}-{part}",
                "first come, first filled",
                world,
                "",
                "M-01 M-02 M-03 M-04 M-06 M-07 M-08 F-01 F-02 F-03 F-04 F-05 F-06 F-07 F-08 "
                "F-09 F-10 F-11 F-12 F-13 F-14 F-15 P-01 P-02 P-03 P-04 P-05 P-06 P-07 P-08 P-09",
            ) as s:
                s.place(ERIN, side, price * USD, size)
        with corpus.venue(f"match-{name}-levels", "through two prices", world) as s:
            s.place(ERIN, side, price * USD, BTC // 2)
    with corpus.venue("match-new-best", "a better price goes first", world) as s:
        s.place(CAROL, SELL, 100_050 * USD, SIZE)
        s.place(ERIN, BUY, 100_100 * USD, 2 * SIZE)
    with corpus.venue("match-last-in-queue", "a new order waits behind", world) as s:
        s.place(ERIN, SELL, 100_100 * USD, SIZE)
        s.place(DAVE, BUY, 100_100 * USD, BTC // 50)


def _remainders(corpus: Corpus, world: World) -> None:
    with corpus.venue("left-rests", "what is left of a limit order rests", world) as s:
        s.place(ERIN, BUY, 100_100 * USD, BTC // 4)
        s.place(DAVE, SELL, 100_100 * USD, SIZE)
    with corpus.venue("left-cancelled", "what is left of an immediate one does not", world) as s:
        s.place(ERIN, BUY, 100_100 * USD, BTC // 4, flags=IOC)
    with corpus.venue("left-market", "nor of a market order", world) as s:
        s.place(ERIN, SELL, 99_900 * USD, BTC // 4, flags=MARKET)
    with corpus.venue("none-left", "an immediate order that is filled whole", world) as s:
        s.place(ERIN, BUY, 100_100 * USD, SIZE, flags=IOC)
    with corpus.venue("immediate-alone", "an immediate order that meets nothing", world) as s:
        s.place(ERIN, BUY, 100_000 * USD, SIZE, flags=IOC)
    with corpus.venue("maker-later", "a part-filled maker goes on", world) as s:
        s.place(ERIN, BUY, 100_100 * USD, SIZE)
        s.place(DAVE, BUY, 100_100 * USD, SIZE)
        s.place(ERIN, BUY, 100_100 * USD, BTC // 10)


def _fees(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue("fee-rebate", "a negative maker fee is a rebate", worlds.open) as s:
        s.place(ALICE, BUY, 99_950 * USD, SMALL_BTC // 10, listing=2)
        s.place(BOB, SELL, 99_950 * USD, SMALL_BTC // 20, listing=2)
    with corpus.venue("fee-rounds-up", "fees round against the payer", worlds.open) as s:
        s.place(ALICE, BUY, 99_999_990_000, 10_000)
        s.place(BOB, SELL, 99_999_990_000, 10_000)
        s.place(ALICE, BUY, 99_999_950_000, 10, listing=2)
        s.place(BOB, SELL, 99_999_950_000, 10, listing=2)
    with corpus.venue("fee-none", "a listing without fees", worlds.open) as s:
        s.place(ALICE, BUY, 2_999_990_000, 1_000, listing=3)
        s.place(BOB, SELL, 2_999_990_000, 1_000, listing=3)
    with corpus.venue(
        "fee-changed", "an order pays the fees of the day it trades", worlds.book
    ) as s:
        s.item(SetInstrument(1, 1, 1, 200_000, 900_000))
        s.place(ERIN, BUY, 100_100 * USD, SIZE)
    with corpus.venue(
        "maker-fee-cap", "a maker whose cap is below the new fee goes", worlds.open, "M-08"
    ) as s:
        s.place(ALICE, SELL, 100_100 * USD, SIZE, fee_cap=500_000)
        s.place(BOB, SELL, 100_100 * USD, SIZE)
        s.item(SetInstrument(1, 1, 1, 500_001, 600_000))
        s.place(ERIN, BUY, 100_100 * USD, SIZE)


def _makers_that_go(corpus: Corpus, worlds: Worlds) -> None:
    def both_expired(s: CaseScript) -> None:
        s.place(ALICE, BUY, 99_950 * USD, SIZE, life_ns=2 * SECOND)
        s.place(CAROL, BUY, 99_940 * USD, SIZE)
        s.wait(3 * SECOND)

    with corpus.venue("maker-expired", "an expired maker goes", worlds.open, "M-01") as s:
        both_expired(s)
        s.place(ERIN, SELL, 99_900 * USD, SIZE)
    with corpus.venue("maker-expired-alone", "and the taker rests", worlds.open, "M-01") as s:
        both_expired(s)
        s.place(ERIN, SELL, 99_945 * USD, SIZE)
    for early, refuses in ((0, "M-01"), (1, "")):
        with corpus.venue(
            f"maker-expiry-{early}", "at its expiry it goes", worlds.open, refuses
        ) as s:
            order = s.place(ALICE, BUY, 99_950 * USD, SIZE, life_ns=2 * SECOND)
            s.time_ns = order.expiry - STEP_NS - early
            s.place(ERIN, SELL, 99_900 * USD, SIZE)
    with corpus.venue("self-trade", "the same owner's other account", worlds.open, "M-02") as s:
        s.place(ALICE, BUY, 99_950 * USD, SIZE)
        s.place(CAROL, BUY, 99_950 * USD, SIZE)
        s.place(ALICE_TOO, SELL, 99_950 * USD, SIZE)
    with corpus.venue("self-trade-account", "the same account", worlds.open, "M-02") as s:
        s.place(ALICE, BUY, 99_950 * USD, SIZE)
        s.place(ALICE, SELL, 99_950 * USD, 2 * SIZE)
    with corpus.venue(
        "maker-above-band", "a bid that the mark left behind", worlds.open, "M-03"
    ) as s:
        s.place(ALICE, BUY, 102_000 * USD, SIZE)
        s.place(CAROL, BUY, 99_000 * USD, SIZE)
        s.epoch(0, 98_500 * USD)
        s.place(ERIN, SELL, 98_000 * USD, SIZE)
    with corpus.venue(
        "maker-below-band", "an ask that the mark left behind", worlds.open, "M-03"
    ) as s:
        s.place(ALICE, SELL, 98_000 * USD, SIZE)
        s.epoch(0, 101_500 * USD)
        s.place(ERIN, BUY, 102_000 * USD, SIZE)
    with corpus.venue(
        "maker-at-band", "at the edge of the band it trades", worlds.open, "", "M-03"
    ) as s:
        s.place(ALICE, BUY, 101_970 * USD, SIZE)
        s.epoch(0, 99_000 * USD)
        s.place(ERIN, SELL, 98_000 * USD, SIZE)


def _makers_at_the_edge(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue("maker-at-band-below", "an ask at the edge", worlds.open, "", "M-03") as s:
        s.place(ALICE, SELL, 98_940 * USD, SIZE)
        s.epoch(0, 102_000 * USD)
        s.place(ERIN, BUY, 102_000 * USD, SIZE)
    with corpus.venue(
        "maker-fee-equal", "a cap that the fee reaches", worlds.open, "", "M-08"
    ) as s:
        s.place(ALICE, SELL, 100_100 * USD, SIZE, fee_cap=500_000)
        s.item(SetInstrument(1, 1, 1, 500_000, 600_000))
        s.place(ERIN, BUY, 100_100 * USD, SIZE)
    for name, price, sizes, refuses in (
        ("size-below", 1, (2**55, 2**55 - 1), ""),
        ("size-equal", 1, (2**55, 2**55), "M-06"),
        ("value-below", 2**40, (2**47, 2**47 - 1), ""),
        ("value-equal", 2**40, (2**47, 2**47), "M-06"),
    ):
        with corpus.venue(f"maker-{name}", "2^56 and 2^88", worlds.open, refuses) as s:
            s.item(group_item(2, node_count=1, threshold=1))
            s.item(List(1, 1, 2, 0, 1, 1, 0, 0))
            for trader in (ALICE, BOB):
                s.deposit(trader.wallet, 2**95, account=trader.account)
            s.epoch(2, price)
            for size in sizes:
                s.place(ALICE, BUY, price, size, listing=4)
                s.place(BOB, SELL, price, size, listing=4)
    with corpus.venue("eight-groups", "positions in eight groups", worlds.open, "", "M-06") as s:
        for group in range(2, 8):
            s.item(group_item(group, node_count=1, threshold=1))
            s.item(List(1, 1, group, 6, 1_000, 10_000, 0, 0))
            s.epoch(group, ETH_INDEX)
        for listing in (1, *range(3, 10)):
            terms = (100_000 * USD, SIZE) if listing == 1 else (ETH_INDEX, ETH)
            s.place(BOB, SELL, *terms, listing=listing)
            s.place(ALICE, BUY, *terms, listing=listing)


def _stale(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue(
        "maker-stale", "without fresh prices a maker may not add", worlds.positions, "M-04"
    ) as s:
        s.place(CAROL, BUY, 99_900 * USD, SIZE)
        s.place(BOB, BUY, 99_900 * USD, SIZE)
        s.wait(6 * SECOND)
        s.place(ALICE, SELL, 99_900 * USD, SIZE)
    with corpus.venue("maker-stale-reverses", "nor reverse", worlds.positions, "M-04") as s:
        s.place(BOB, BUY, 99_900 * USD, BTC // 2)
        s.place(CAROL, SELL, 99_950 * USD, BTC // 20)
        s.place(BOB, BUY, 99_950 * USD, BTC // 20)
        s.wait(6 * SECOND)
        s.place(ALICE, SELL, 99_900 * USD, BTC // 2)
    with corpus.venue("both-stale", "two reductions meet", worlds.positions, "", "M-04 F-14") as s:
        s.place(BOB, BUY, 99_900 * USD, SIZE)
        s.wait(6 * SECOND)
        s.place(ALICE, SELL, 99_900 * USD, SIZE)
    with corpus.venue(
        "both-closed", "two reductions to nothing", worlds.positions, "", "F-14"
    ) as s:
        s.place(BOB, BUY, 99_900 * USD, BTC // 2)
        s.wait(6 * SECOND)
        s.place(ALICE, SELL, 99_900 * USD, BTC // 2)


def _maker_margin(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue(
        "maker-margin", "a maker whose margin the market took", worlds.leveraged, "M-06"
    ) as s:
        s.place(DAVE, BUY, 99_000 * USD, SIZE)
        s.place(CAROL, BUY, 99_000 * USD, SIZE)
        s.epoch(0, 99_200 * USD)
        s.place(ERIN, SELL, 99_000 * USD, SIZE)
    with corpus.venue(
        "maker-improves", "below IM a maker may reduce", worlds.leveraged, "", "M-06"
    ) as s:
        s.epoch(0, 99_200 * USD)
        s.place(DAVE, SELL, 99_300 * USD, BTC // 10)
        s.place(ERIN, BUY, 99_300 * USD, BTC // 20)
    with corpus.venue("maker-slot", "a maker without a free slot", worlds.open, "M-06") as s:
        s.place(ALICE, BUY, 99_900 * USD, SIZE)
        s.place(ALICE, BUY, 2_990 * USD, ETH, listing=3)
        s.item(SetVenue(1, 1, 10, 10, USD))
        s.place(ERIN, SELL, 99_900 * USD, SIZE)
        s.place(BOB, SELL, 2_990 * USD, ETH, listing=3)


def _taker_margin(corpus: Corpus, worlds: Worlds) -> None:
    def thin_listing(s: CaseScript, index: int) -> None:
        """Have a listing 4 whose band is wider than its maintenance margin."""
        s.item(group_item(2, node_count=1, threshold=1, band=400_000_000))
        s.item(List(1, 1, 2, 6, 1_000, 10_000, 0, 10_000_000))
        s.epoch(2, index)

    with corpus.venue(
        "taker-margin", "a reduction so dear that it improves nothing", worlds.open, "M-07"
    ) as s:
        thin_listing(s, ETH_INDEX)
        s.place(BOB, SELL, ETH_INDEX, 30 * ETH, listing=4)
        s.place(DAVE, BUY, ETH_INDEX, 30 * ETH, listing=4, flags=IOC)
        s.place(ERIN, BUY, 2_700 * USD, 2 * ETH, listing=4)
        s.epoch(2, 2_980 * USD)
        s.place(DAVE, SELL, 2_600 * USD, 20 * ETH, listing=4)
    with corpus.venue(
        "taker-improves", "a reduction near the mark", worlds.leveraged, "", "M-07"
    ) as s:
        s.place(CAROL, BUY, 99_100 * USD, BTC // 20)
        s.epoch(0, 99_200 * USD)
        s.place(DAVE, SELL, 99_000 * USD, BTC // 10)
    with corpus.venue(
        "taker-market-margin", "a market order at its effective limit", worlds.book
    ) as s:
        s.place(ERIN, BUY, 2**50 // 10_000 * 10_000, BTC // 4, flags=MARKET)


def _closes(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue(
        "close-after-fill",
        "a part-filled order that is cancelled is closed",
        worlds.book,
        "",
        "P-10",
    ) as s:
        order = s.place(ERIN, BUY, 100_100 * USD, BTC // 4)
        s.cancel(ERIN, order)
    with corpus.venue(
        "close-self-trade", "a part-filled maker meets its owner", worlds.open, "M-02"
    ) as s:
        s.place(ALICE, SELL, 100_100 * USD, 2 * SIZE)
        s.place(ERIN, BUY, 100_100 * USD, SIZE)
        s.place(ALICE_TOO, BUY, 100_100 * USD, SIZE)
    with corpus.venue(
        "close-taker", "a part-filled taker loses its margin", worlds.open, "M-07"
    ) as s:
        s.item(group_item(2, node_count=1, threshold=1, band=400_000_000))
        s.item(List(1, 1, 2, 6, 1_000, 10_000, 0, 10_000_000))
        s.epoch(2, ETH_INDEX)
        s.place(BOB, SELL, ETH_INDEX, 30 * ETH, listing=4)
        s.place(DAVE, BUY, ETH_INDEX, 30 * ETH, listing=4, flags=IOC)
        s.place(CAROL, BUY, 2_990 * USD, 2 * ETH, listing=4)
        s.place(ERIN, BUY, 2_500 * USD, 2 * ETH, listing=4)
        s.epoch(2, 2_980 * USD)
        s.place(DAVE, SELL, 2_400 * USD, 20 * ETH, listing=4)


def _positions(corpus: Corpus, worlds: Worlds) -> None:
    world = worlds.positions
    with corpus.venue("position-grows", "the slot that holds the listing", world, "", "F-11") as s:
        s.place(BOB, SELL, 100_000 * USD, SIZE)
        s.place(ALICE, BUY, 100_000 * USD, SIZE)
    with corpus.venue("position-closes", "a closed position empties its slot", world) as s:
        s.place(BOB, BUY, 100_000 * USD, BTC // 2)
        s.place(ALICE, SELL, 100_000 * USD, BTC // 2)
    with corpus.venue("position-turns", "from long to short in one trade", world) as s:
        s.place(BOB, BUY, 100_000 * USD, BTC)
        s.place(ALICE, SELL, 100_000 * USD, BTC)
    with corpus.venue("position-slot-again", "the lowest empty slot is used again", world) as s:
        s.place(BOB, BUY, 100_000 * USD, BTC // 2)
        s.place(ALICE, SELL, 100_000 * USD, BTC // 2)
        s.item(group_item(2, node_count=1, threshold=1))
        s.item(List(1, 1, 2, 6, 1_000, 10_000, 0, 0))
        s.epoch(2, ETH_INDEX)
        s.place(BOB, SELL, ETH_INDEX, ETH, listing=4)
        s.place(ALICE, BUY, ETH_INDEX, ETH, listing=4)
