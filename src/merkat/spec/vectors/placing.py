"""Cases of the terms of a new order (rules O)."""

from __future__ import annotations

from merkat.spec.messages import List, SetInstrument, SetVenue
from merkat.spec.values import BUY, HOUR_NS, SELL, WEEK_NS
from merkat.spec.vectors.corpus import CaseScript, Corpus, World
from merkat.spec.vectors.script import FEE_CAP, START_NS, USD, group_item
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
    Worlds,
)

SIZE = BTC // 100
PRICE = 99_000 * USD
SECOND = 10**9
LOT = 10_000
TICK = 10_000
GTC, IOC, POST_ONLY, MARKET = 0, 1, 2, 5


def placing_cases(corpus: Corpus, worlds: Worlds) -> None:
    """Rules O-01 to O-22 as a new order meets them."""
    corpus.family("placing")
    _forms(corpus, worlds.open)
    _prices_and_sizes(corpus, worlds.open)
    _expiries(corpus, worlds.open)
    _keys(corpus, worlds)
    _limits(corpus, worlds.open)
    _oracle(corpus, worlds)
    _band(corpus, worlds)
    _post_only(corpus, worlds.book)
    _margin(corpus, worlds)


def _forms(corpus: Corpus, world: World) -> None:
    for listing in (0, 4, 2**32 - 1):
        with corpus.venue(f"listing-{listing}", "no such listing", world, "O-01 listing") as s:
            s.place(ALICE, BUY, PRICE, SIZE, listing=listing)
    for side in (2, 255):
        with corpus.venue(f"side-{side}", "neither buy nor sell", world, "O-02 side") as s:
            s.place(ALICE, side, PRICE, SIZE)
    for flags in (3, 4, 6, 255):
        with corpus.venue(f"flags-{flags}", "no such flags", world, "O-03 flags") as s:
            s.place(ALICE, BUY, PRICE, SIZE, flags=flags)
    for flags in (GTC, IOC, POST_ONLY, MARKET):
        for side, price in ((BUY, PRICE), (SELL, 101_000 * USD)):
            with corpus.venue(
                f"placed-flags-{flags}-side-{side}",
                "one of each kind, nothing to trade with",
                world,
                "",
                "O-01 O-02 O-03 O-04 O-05 O-06 O-07 O-08 O-09 O-10 O-11 O-12 O-13 O-14 O-15 O-16 "
                "O-17 O-18 O-19 O-20 O-21 O-22",
            ) as s:
                s.place(ALICE, side, price, SIZE, flags=flags)
    with corpus.venue("version-0", "a new order of version 0", world, "O-08 version") as s:
        s.place(ALICE, BUY, PRICE, SIZE, version=0)
    with corpus.venue("version-2", "a new order of version 2", world, "O-08 version") as s:
        s.place(ALICE, BUY, PRICE, SIZE, version=2)
    with corpus.venue("counter", "a counter that is not the nonce's", world, "O-09 counter") as s:
        s.place(ALICE, BUY, PRICE, SIZE, counter=1)
    with corpus.venue("renews-hour", "a new order that renews", world, "O-10 renews") as s:
        s.place(ALICE, BUY, PRICE, SIZE, renews_hour=1)
    with corpus.venue("renews-counter", "a new order that renews", world, "O-10 renews") as s:
        s.place(ALICE, BUY, PRICE, SIZE, renews_counter=1)


def _prices_and_sizes(corpus: Corpus, world: World) -> None:
    prices = {"off-tick": PRICE + 1, "zero": 0, "negative": -TICK, "over": 2**52 + TICK}
    prices["over"] -= prices["over"] % TICK
    for name, price in prices.items():
        with corpus.venue(f"price-{name}", "not a price", world, "O-04 limit_price") as s:
            s.place(ALICE, BUY, price, SIZE)
    sizes = {"zero": 0, "negative": -LOT, "no-lot": SIZE + 1, "over": 2**56 - 2**56 % LOT + LOT}
    for name, size in sizes.items():
        with corpus.venue(f"size-{name}", "not a size", world, "O-05 size") as s:
            s.place(ALICE, BUY, PRICE, size)
    with corpus.venue("size-value", "size x price of 2^88", world, "O-05 size") as s:
        s.place(ALICE, BUY, 2**52 - 2**52 % TICK, 2**40 - 2**40 % LOT)
    with corpus.venue("size-lot", "one lot", world, "", "O-05") as s:
        s.place(ALICE, BUY, PRICE, LOT)
    with corpus.venue(
        "price-highest", "the highest price that a market order may name", world, "", "O-04"
    ) as s:
        s.place(ALICE, BUY, 2**52 - 2**52 % TICK, SIZE, flags=MARKET)
    with corpus.venue("fee-cap-low", "below the taker fee", world, "O-12 fee_cap") as s:
        s.place(ALICE, BUY, PRICE, SIZE, fee_cap=499_999)
    with corpus.venue("fee-cap-equal", "the taker fee", world, "", "O-12") as s:
        s.place(ALICE, BUY, PRICE, SIZE, fee_cap=500_000)
    with corpus.venue("fee-cap-maker", "below the larger maker fee", world, "O-12 fee_cap") as s:
        s.item(SetInstrument(1, 1, 1, 900_000, 500_000))
        s.place(ALICE, BUY, PRICE, SIZE, fee_cap=899_999)
    with corpus.venue("fee-cap-negative", "below a fee of zero", world, "O-12 fee_cap") as s:
        s.place(ALICE, BUY, 2_900 * USD, ETH, listing=3, fee_cap=-1)
    with corpus.venue("fee-cap-zero", "a fee of zero", world, "", "O-12") as s:
        s.place(ALICE, BUY, 2_900 * USD, ETH, listing=3, fee_cap=0)


def _expiries(corpus: Corpus, world: World) -> None:
    with corpus.venue("expired", "expires at the time of the command", world, "O-06 expiry") as s:
        s.place(ALICE, BUY, PRICE, SIZE, life_ns=0)
    with corpus.venue("expiry-next", "expires a nanosecond later", world, "", "O-06") as s:
        s.place(ALICE, BUY, PRICE, SIZE, life_ns=1)
    with corpus.venue("expiry-week", "seven days", world, "", "O-07") as s:
        s.place(ALICE, BUY, PRICE, SIZE, life_ns=WEEK_NS)
    with corpus.venue("expiry-far", "seven days and a little", world, "O-07 expiry") as s:
        s.place(ALICE, BUY, PRICE, SIZE, life_ns=WEEK_NS + 1)
    for flags in (IOC, MARKET):
        with corpus.venue(f"expiry-minute-{flags}", "one minute", world, "", "O-07") as s:
            s.place(ALICE, BUY, PRICE, SIZE, flags=flags, life_ns=60 * SECOND)
        with corpus.venue(
            f"expiry-over-minute-{flags}", "a minute and a little", world, "O-07 expiry"
        ) as s:
            s.place(ALICE, BUY, PRICE, SIZE, flags=flags, life_ns=60 * SECOND + 1)
    with corpus.venue("expiry-hour-over", "an hour of 21 bits", world, "O-07 expiry") as s:
        s.place(ALICE, BUY, PRICE, SIZE, expiry=2**20 * HOUR_NS)
    with corpus.venue("expiry-largest", "the largest number", world, "O-07 expiry") as s:
        s.place(ALICE, BUY, PRICE, SIZE, expiry=2**64 - 1)


def _keys(corpus: Corpus, worlds: Worlds) -> None:
    late = START_NS // 10**6 + 5_000
    early = late - 2**40  # gives the same counter

    with corpus.venue("key-rests", "the key of a resting order", worlds.open, "O-15 counter") as s:
        s.place(ALICE, BUY, PRICE, SIZE, nonce=early)
        s.place(ALICE, BUY, PRICE, SIZE, nonce=late)
    with corpus.venue("key-filled", "the key of a filled order", worlds.book, "O-15 counter") as s:
        s.place(ERIN, BUY, 100_100 * USD, SIZE, nonce=early)
        s.place(ERIN, BUY, PRICE, SIZE, nonce=late)
    with corpus.venue(
        "key-cancelled", "a cancelled one left no leaf", worlds.open, "", "O-15"
    ) as s:
        order = s.place(ALICE, BUY, PRICE, SIZE, nonce=early)
        s.cancel(ALICE, order)
        s.place(ALICE, BUY, PRICE, SIZE, nonce=late)
    with corpus.venue("key-other-hour", "another hour, another key", worlds.open, "", "O-15") as s:
        s.place(ALICE, BUY, PRICE, SIZE, nonce=early)
        s.place(ALICE, BUY, PRICE, SIZE, nonce=late, life_ns=2 * HOUR_NS)
    with corpus.venue("floor-equal", "a counter at the floor", worlds.open, "O-11 counter") as s:
        s.floor(ALICE, late % 2**40)
        s.place(ALICE, BUY, PRICE, SIZE, nonce=late)
    with corpus.venue("floor-above", "a counter above the floor", worlds.open, "", "O-11") as s:
        s.floor(ALICE, late % 2**40 - 1)
        s.place(ALICE, BUY, PRICE, SIZE, nonce=late)


def _limits(corpus: Corpus, world: World) -> None:
    def orders_of(s: CaseScript, account: int, listing: int) -> None:
        s.item(SetVenue(1, 128, account, listing, USD))

    with corpus.venue("orders-account", "one order too many", world, "O-16 account") as s:
        orders_of(s, 2, 200)
        s.place(ALICE, BUY, PRICE, SIZE)
        s.place(ALICE, SELL, 101_000 * USD, SIZE, listing=2)
        s.place(ALICE, BUY, 2_900 * USD, ETH, listing=3)
    with corpus.venue("orders-listing", "one in the listing too many", world, "O-16 listing") as s:
        orders_of(s, 10, 1)
        s.place(ALICE, BUY, 2_900 * USD, ETH, listing=3)
        s.place(ALICE, BUY, PRICE, SIZE)
        s.place(ALICE, SELL, 101_000 * USD, SIZE)
    with corpus.venue(
        "orders-immediate", "an immediate order counts too", world, "O-16 account"
    ) as s:
        orders_of(s, 1, 1)
        s.place(ALICE, BUY, PRICE, SIZE)
        s.place(ALICE, BUY, PRICE, SIZE, flags=IOC)
    with corpus.venue("positions-limit", "a second listing", world, "O-17 listing") as s:
        s.item(SetVenue(1, 1, 10, 10, USD))
        s.place(ALICE, BUY, PRICE, SIZE)
        s.place(ALICE, BUY, 2_900 * USD, ETH, listing=3)
    with corpus.venue("positions-same", "the same listing again", world, "", "O-17") as s:
        s.item(SetVenue(1, 1, 10, 10, USD))
        s.place(ALICE, BUY, PRICE, SIZE)
        s.place(ALICE, BUY, PRICE, SIZE)

    def many_groups(s: CaseScript, count: int) -> None:
        """Have groups 2 to count - 1, one node each, with a listing and a vector."""
        for group in range(2, count):
            s.item(group_item(group, node_count=1, threshold=1, stale_ns=HOUR_NS, halt_ns=HOUR_NS))
            s.item(List(1, 1, group, 6, 1_000, 10_000, 0, 0))
            s.epoch(group, ETH_INDEX)

    with corpus.venue("groups-nine", "orders in nine groups", world, "O-18 group") as s:
        many_groups(s, 9)
        for listing in range(2, 11):
            size = ETH // 10 if listing > 2 else 1_000
            s.place(ALICE, BUY, (2_900 if listing > 2 else 99_000) * USD, size, listing=listing)
    with corpus.venue("groups-eight", "orders in eight groups", world, "", "O-18") as s:
        many_groups(s, 8)
        for listing in range(2, 10):
            size = ETH // 10 if listing > 2 else 1_000
            s.place(ALICE, BUY, (2_900 if listing > 2 else 99_000) * USD, size, listing=listing)


def _oracle(corpus: Corpus, worlds: Worlds) -> None:
    def new_group(s: CaseScript) -> None:
        s.item(group_item(2, node_count=1, threshold=1))
        s.item(List(1, 1, 2, 8, 10_000, 10_000, 0, 0))

    with corpus.venue(
        "no-vector", "a group that never had a vector", worlds.open, "O-14 group"
    ) as s:
        new_group(s)
        s.place(ALICE, BUY, PRICE, SIZE, listing=4)
    with corpus.venue("first-vector", "and after its first", worlds.open, "", "O-14") as s:
        new_group(s)
        s.epoch(2, BTC_INDEX)
        s.place(ALICE, BUY, PRICE, SIZE, listing=4)
    with corpus.venue("halted", "31 s without a word", worlds.positions, "O-14 group") as s:
        s.wait(31 * SECOND)
        s.place(ALICE, SELL, 101_000 * USD, SIZE)
    with corpus.venue(
        "stale-adds", "6 s without a word: no more risk", worlds.positions, "O-20 group"
    ) as s:
        s.wait(6 * SECOND)
        s.place(ALICE, BUY, PRICE, SIZE)
    with corpus.venue("stale-reduces", "but less", worlds.positions, "", "O-20") as s:
        s.wait(6 * SECOND)
        s.place(ALICE, SELL, 101_000 * USD, BTC // 2)
    with corpus.venue(
        "stale-reverses", "more than the position", worlds.positions, "O-20 group"
    ) as s:
        s.wait(6 * SECOND)
        s.place(ALICE, SELL, 101_000 * USD, BTC // 2 + LOT)
    with corpus.venue("stale-sum", "with what rests already", worlds.positions, "O-20 group") as s:
        s.place(ALICE, SELL, 101_000 * USD, BTC // 4)
        s.wait(6 * SECOND)
        s.place(ALICE, SELL, 101_000 * USD, BTC // 4 + LOT)
    with corpus.venue(
        "stale-other-group",
        "a position in a stale group restricts all",
        worlds.positions,
        "O-20 group",
    ) as s:
        s.wait(6 * SECOND)
        s.heartbeat(0)
        s.place(ALICE, BUY, PRICE, SIZE)
    with corpus.venue(
        "stale-none-held", "without a position there it does not", worlds.open, "", "O-20"
    ) as s:
        s.wait(6 * SECOND)
        s.heartbeat(0)
        s.place(ALICE, BUY, PRICE, SIZE)
    with corpus.venue(
        "held-adds", "a held vector: no more risk", worlds.positions, "O-20 group"
    ) as s:
        s.epoch(0, 112_000 * USD)
        s.place(ALICE, BUY, PRICE, SIZE)
    with corpus.venue(
        "listing-reductions", "a listing for reductions only", worlds.positions, "O-20 group"
    ) as s:
        s.item(SetInstrument(1, 1, 2, 100_000, 500_000))
        s.place(CAROL, BUY, PRICE, SIZE)
    with corpus.venue("listing-reduced", "a reduction there", worlds.positions, "", "O-20") as s:
        s.item(SetInstrument(1, 1, 2, 100_000, 500_000))
        s.place(BOB, BUY, PRICE, SIZE)
    with corpus.venue(
        "in-liquidation", "an account in stage 1", worlds.troubled, "O-13 stage"
    ) as s:
        s.place(DAVE, SELL, 97_900 * USD, SIZE)


def _band(corpus: Corpus, worlds: Worlds) -> None:
    edges = (("buy", BUY, 103_000), ("sell", SELL, 97_000))
    for name, side, price in edges:
        beyond = price * USD + (TICK if side == BUY else -TICK)
        with corpus.venue(f"band-{name}-edge", "at the edge", worlds.open, "", "O-19") as s:
            s.place(ALICE, side, price * USD, SIZE)
        with corpus.venue(
            f"band-{name}-beyond", "a tick beyond", worlds.open, "O-19 limit_price"
        ) as s:
            s.place(ALICE, side, beyond, SIZE)
        with corpus.venue(
            f"band-{name}-market", "a market order beyond", worlds.book, "", "O-19"
        ) as s:
            s.place(ERIN, side, beyond, SIZE, flags=MARKET)
        with corpus.venue(
            f"band-{name}-ioc", "an immediate one beyond", worlds.book, "O-19 limit_price"
        ) as s:
            s.place(ERIN, side, beyond, SIZE, flags=IOC)
    with corpus.venue("band-index-odd", "the effective limit is a whole tick", worlds.book) as s:
        s.epoch(0, 99_999_990_000)
        s.place(ERIN, BUY, 200_000 * USD, SIZE, flags=MARKET)
        s.place(ERIN, SELL, TICK, SIZE, flags=MARKET)
    with corpus.venue(
        "band-far-behind", "a bid far below the mark may wait", worlds.open, "", "O-19"
    ) as s:
        s.place(ALICE, BUY, TICK, SIZE)


def _post_only(corpus: Corpus, world: World) -> None:
    for name, side, price, refuses in (
        ("buy-touches", BUY, 100_100, "O-21 flags"),
        ("buy-crosses", BUY, 100_200, "O-21 flags"),
        ("buy-below", BUY, 100_000, ""),
        ("sell-touches", SELL, 99_900, "O-21 flags"),
        ("sell-above", SELL, 100_000, ""),
    ):
        with corpus.venue(f"post-only-{name}", "post-only at the touch", world, refuses) as s:
            s.place(ERIN, side, price * USD, SIZE, flags=POST_ONLY)


def _margin(corpus: Corpus, worlds: Worlds) -> None:
    # Erin has 10,000 USD. A buy of q BTC at the mark needs 6.5 % and the taker fee of 0.05 %.
    most = 152_670_000  # 10,000 / (0.0655 x 100,000) = 1.52671... BTC
    with corpus.venue(
        "margin-most", "the largest order that the margin bears", worlds.open, "", "O-22"
    ) as s:
        s.place(ERIN, BUY, BTC_INDEX, most)
    with corpus.venue("margin-over", "a lot more", worlds.open, "O-22 size") as s:
        s.place(ERIN, BUY, BTC_INDEX, most + LOT)
    with corpus.venue(
        "margin-loss", "a bid above the mark counts its loss", worlds.open, "O-22 size"
    ) as s:
        s.place(ERIN, BUY, 103_000 * USD, 105_000_000)
    with corpus.venue(
        "margin-sides", "the larger side counts, not both", worlds.open, "", "O-22"
    ) as s:
        s.place(ERIN, BUY, BTC_INDEX - USD, BTC)
        s.place(ERIN, SELL, BTC_INDEX + USD, BTC)
    with corpus.venue(
        "margin-two", "a second order of the same side", worlds.open, "O-22 size"
    ) as s:
        s.place(ERIN, BUY, BTC_INDEX, BTC)
        s.place(ERIN, BUY, BTC_INDEX, BTC)
    with corpus.venue(
        "margin-reduces", "below IM a reduction passes", worlds.leveraged, "", "O-22"
    ) as s:
        s.epoch(0, 99_000 * USD)
        s.place(DAVE, SELL, 100_000 * USD, BTC)
    with corpus.venue(
        "margin-adds", "below IM an addition does not", worlds.leveraged, "O-22 size"
    ) as s:
        s.epoch(0, 99_000 * USD)
        s.place(DAVE, BUY, 98_000 * USD, SIZE)
    with corpus.venue("margin-reverses", "nor a reversal", worlds.leveraged, "O-22 size") as s:
        s.epoch(0, 99_000 * USD)
        s.place(DAVE, SELL, 100_000 * USD, 3 * BTC)
    with corpus.venue("margin-fee-cap", "the cap is no fee", worlds.open, "", "O-22") as s:
        s.place(ERIN, BUY, BTC_INDEX, most, fee_cap=FEE_CAP)
