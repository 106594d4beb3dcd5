"""Cases of orders that rest already: amend, renew, cancel, floor, expiry (rules X, section 3.6)."""

from __future__ import annotations

from dataclasses import replace

from merkat.spec.messages import SetInstrument
from merkat.spec.values import BUY, DAY_NS, HOUR_NS, SELL, WEEK_NS
from merkat.spec.vectors.corpus import Corpus, World
from merkat.spec.vectors.script import STEP_NS, USD
from merkat.spec.vectors.worlds import (
    ALICE,
    BOB,
    BTC,
    BTC_INDEX,
    CAROL,
    DAVE,
    ERIN,
    Worlds,
)

SECOND = 10**9
SIZE = BTC // 100
BID = 99_950 * USD
ASK = 100_050 * USD
TICK = 10_000
LOT = 10_000
POST_ONLY = 2


def amending_cases(corpus: Corpus, worlds: Worlds) -> None:
    """Commands 2 to 5 and what time does to orders."""
    corpus.family("amending")
    _amend_terms(corpus, worlds.open)
    _amend_place(corpus, worlds.book)
    _amend_filled(corpus, worlds.open)
    _amend_checks(corpus, worlds)
    _renew(corpus, worlds.open)
    _renew_terms(corpus, worlds)
    _cancel(corpus, worlds)
    _floor(corpus, worlds)
    _expiry(corpus, worlds.open)


def _amend_terms(corpus: Corpus, world: World) -> None:
    spoilt: dict[str, tuple[str, dict[str, int]]] = {
        "listing": ("X-02 listing", {"listing": 2}),
        "side": ("X-02 side", {"side": SELL}),
        "flags": ("X-02 flags", {"flags": POST_ONLY}),
        "counter": ("X-01 counter", {"counter": 1}),
        "hour": ("X-01 counter", {"expiry": world.time_ns + 3 * HOUR_NS}),
        "hour-over": ("X-01 counter", {"expiry": 2**64 - 1}),
        "off-tick": ("O-04 limit_price", {"limit_price": BID + 1}),
        "no-lot": ("O-05 size", {"size": SIZE + 1}),
        "size-zero": ("O-05 size", {"size": 0}),
        "version-same": ("X-03 version", {"version": 1}),
        "version-0": ("X-03 version", {"version": 0}),
        "renews": ("O-10 renews", {"renews_counter": 1}),
        "fee-cap": ("O-12 fee_cap", {"fee_cap": 0}),
        "band": ("O-19 limit_price", {"limit_price": 103_001 * USD}),
        "margin": ("O-22 size", {"size": 100 * BTC}),
    }
    for name, (refuses, changes) in spoilt.items():
        with corpus.venue(f"amend-{name}", "an amendment that is refused", world, refuses) as s:
            s.amend(ALICE, s.place(ALICE, BUY, BID, SIZE), **changes)
    with corpus.venue("amend-expired", "to an expiry that is past", world, "O-06 expiry") as s:
        order = s.place(ALICE, BUY, BID, SIZE, life_ns=SECOND)
        s.amend(ALICE, order, expiry=s.time_ns + STEP_NS)
    with corpus.venue("amend-week", "beyond seven days", world, "O-07 expiry") as s:
        order = s.place(ALICE, BUY, BID, SIZE, life_ns=WEEK_NS)
        s.amend(ALICE, order, expiry=order.expiry + SECOND)
    with corpus.venue("amend-cancelled", "an order that is gone", world, "X-01 counter") as s:
        order = s.place(ALICE, BUY, BID, SIZE)
        s.cancel(ALICE, order)
        s.amend(ALICE, order, size=2 * SIZE)
    with corpus.venue(
        "amend-version-far", "versions may jump", world, "", "X-01 X-02 X-03 X-04"
    ) as s:
        s.amend(ALICE, s.place(ALICE, BUY, BID, SIZE), version=2**32 - 1)


def _amend_place(corpus: Corpus, world: World) -> None:
    """Alice's bid at 99,900 stands before carol's; erin sells into them."""
    for name, changes in (
        ("smaller-keeps", {"size": BTC // 20}),
        ("same-keeps", {}),
        ("later-keeps", {"expiry_by": 1}),
        ("larger-loses", {"size": BTC // 5}),
        ("price-loses", {"limit_price": 99_890 * USD}),
        ("better-price", {"limit_price": 99_910 * USD}),
    ):
        with corpus.venue(f"amend-{name}", "who keeps the place in the queue", world) as s:
            order = s.place(ALICE, BUY, BID, BTC // 10)
            s.place(CAROL, BUY, BID, BTC // 10)
            terms = dict(changes)
            terms["expiry"] = order.expiry + terms.pop("expiry_by", 0)
            s.amend(ALICE, order, **terms)
            s.place(ERIN, SELL, 99_890 * USD, BTC // 8)
    with corpus.venue("amend-crosses", "an amended order is a taker", world) as s:
        s.amend(ERIN, s.place(ERIN, BUY, BID, BTC // 4), limit_price=100_100 * USD)
    with corpus.venue("amend-crosses-whole", "and may be filled whole", world) as s:
        s.amend(ERIN, s.place(ERIN, BUY, BID, SIZE), limit_price=100_100 * USD)
    with corpus.venue(
        "amend-post-only-crosses", "post-only at a new price", world, "O-21 flags"
    ) as s:
        order = s.place(ERIN, BUY, BID, SIZE, flags=POST_ONLY)
        s.amend(ERIN, order, limit_price=100_100 * USD)
    with corpus.venue("amend-post-only-size", "a size alone never crosses", world) as s:
        order = s.place(ERIN, BUY, BID, SIZE, flags=POST_ONLY)
        s.amend(ERIN, order, size=2 * SIZE)


def _amend_filled(corpus: Corpus, world: World) -> None:
    def half_filled(s_name: str, title: str, refuses: str = "", **changes: int) -> None:
        with corpus.venue(f"amend-filled-{s_name}", title, world, refuses) as s:
            order = s.place(ALICE, BUY, BID, 4 * SIZE)
            s.place(BOB, SELL, BID, 2 * SIZE)
            newest = s.amend(ALICE, order, **changes)
            if refuses:
                return
            s.place(BOB, SELL, 99_000 * USD, 5 * SIZE)
            s.cancel(ALICE, newest)

    half_filled("below", "to less than is filled", "X-04 size", size=SIZE)
    half_filled("equal", "to what is filled", "X-04 size", size=2 * SIZE)
    with corpus.venue(
        "amend-filled-down", "filled in part, made smaller, filled again", world, "", "P-08"
    ) as s:
        order = s.place(ALICE, BUY, BID, 4 * SIZE)
        s.place(BOB, SELL, BID, SIZE)
        s.amend(ALICE, order, size=3 * SIZE)
        s.place(BOB, SELL, BID, SIZE)
        s.place(BOB, SELL, BID, SIZE)
    with corpus.venue(
        "amend-filled-up", "filled in part, made larger, filled again", world, "", "P-08"
    ) as s:
        order = s.place(ALICE, BUY, BID, 4 * SIZE)
        s.place(BOB, SELL, BID, SIZE)
        newest = s.amend(ALICE, order, size=8 * SIZE, limit_price=BID + TICK)
        s.place(BOB, SELL, BID, 2 * SIZE)
        newest = s.amend(ALICE, newest, fee_cap=600_000)
        s.cancel(ALICE, newest)
    with corpus.venue(
        "amend-filled-close", "cancelled before settlement saw the version", world, "", "P-10"
    ) as s:
        order = s.place(ALICE, BUY, BID, 4 * SIZE)
        s.place(BOB, SELL, BID, SIZE)
        s.cancel(ALICE, s.amend(ALICE, order, size=2 * SIZE))
    with corpus.venue("amend-filled-taker", "a part-filled order takes", world) as s:
        s.place(BOB, SELL, ASK, 3 * SIZE)
        order = s.place(ALICE, BUY, BID, 4 * SIZE)
        s.place(CAROL, SELL, BID, SIZE)
        s.amend(ALICE, order, limit_price=ASK)


def _amend_checks(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue(
        "amend-floor", "below a floor nothing rests", worlds.open, "X-01 counter"
    ) as s:
        order = s.place(ALICE, BUY, BID, SIZE)
        s.floor(ALICE, order.counter)
        s.amend(ALICE, order, size=2 * SIZE)
    with corpus.venue(
        "amend-in-liquidation", "its orders are gone", worlds.leveraged, "X-01 counter"
    ) as s:
        order = s.place(DAVE, SELL, 102_000 * USD, SIZE)
        s.epoch(0, 97_900 * USD)
        s.amend(DAVE, order, size=2 * SIZE)
    with corpus.venue("amend-halted", "31 s of silence", worlds.open, "O-14 group") as s:
        order = s.place(ALICE, BUY, BID, SIZE)
        s.wait(31 * SECOND)
        s.amend(ALICE, order, size=SIZE // 2)
    with corpus.venue(
        "amend-stale", "even a smaller one adds risk", worlds.open, "O-20 group"
    ) as s:
        order = s.place(ALICE, BUY, BID, SIZE)
        s.wait(6 * SECOND)
        s.amend(ALICE, order, size=SIZE // 2)
    with corpus.venue(
        "amend-stale-reduces", "the old body is not counted", worlds.positions, "", "O-20"
    ) as s:
        order = s.place(ALICE, SELL, ASK, BTC // 2)
        s.wait(6 * SECOND)
        s.amend(ALICE, order, limit_price=ASK + TICK)
    with corpus.venue("amend-margin-replaced", "nor for the margin", worlds.open, "", "O-22") as s:
        order = s.place(ERIN, BUY, BTC_INDEX, BTC)
        s.amend(ERIN, order, size=152_670_000)
    with corpus.venue("amend-margin-over", "a lot more", worlds.open, "O-22 size") as s:
        order = s.place(ERIN, BUY, BTC_INDEX, BTC)
        s.amend(ERIN, order, size=152_670_000 + LOT)
    with corpus.venue(
        "amend-new-fee", "the cap must bear today's fee", worlds.open, "O-12 fee_cap"
    ) as s:
        order = s.place(ALICE, BUY, BID, SIZE, fee_cap=500_000)
        s.item(SetInstrument(1, 1, 1, 100_000, 600_000))
        s.amend(ALICE, order, size=SIZE // 2)
    with corpus.venue(
        "amend-others", "bob amends alice's order", worlds.open, "C-03 signature"
    ) as s:
        order = s.place(ALICE, BUY, BID, SIZE)
        s.send_amend(s.amended(order, size=2 * SIZE), BOB.wallet)


def _renew(corpus: Corpus, world: World) -> None:
    with corpus.venue("renew", "the place in the queue stays", world, "", "X-05 X-07 P-09") as s:
        order = s.place(ALICE, BUY, BID, 2 * SIZE)
        s.place(CAROL, BUY, BID, 2 * SIZE)
        s.renew(ALICE, order, 2 * SIZE, life_ns=DAY_NS)
        s.place(ERIN, SELL, BID, 3 * SIZE)
    with corpus.venue("renew-filled", "what is left of a filled one", world, "", "P-09") as s:
        order = s.place(ALICE, BUY, BID, 4 * SIZE)
        s.place(BOB, SELL, BID, SIZE)
        renewed = s.renew(ALICE, order, 3 * SIZE, life_ns=DAY_NS)
        s.place(BOB, SELL, BID, SIZE)
        s.cancel(ALICE, renewed)
    with corpus.venue(
        "renew-amended", "settlement sees the last version first", world, "", "P-09"
    ) as s:
        order = s.place(ALICE, BUY, BID, 4 * SIZE)
        s.place(BOB, SELL, BID, SIZE)
        newest = s.amend(ALICE, order, size=3 * SIZE)
        s.renew(ALICE, newest, 2 * SIZE, life_ns=DAY_NS)
        s.place(BOB, SELL, BID, 2 * SIZE)
    with corpus.venue("renew-twice", "again and again", world, "", "P-09") as s:
        order = s.place(ALICE, BUY, BID, 4 * SIZE)
        for hours in (2, 4, 6):
            order = s.renew(ALICE, order, 4 * SIZE, life_ns=hours * HOUR_NS)
        s.amend(ALICE, order, size=SIZE)
        s.place(BOB, SELL, BID, 4 * SIZE)


def _renew_terms(corpus: Corpus, worlds: Worlds) -> None:
    spoilt: dict[str, tuple[str, dict[str, int]]] = {
        "nothing": ("X-01 counter", {"renews_hour": 0, "renews_counter": 0}),
        "unknown": ("X-01 counter", {"renews_counter": 1}),
        "hour-over": ("X-01 counter", {"renews_hour": 2**20}),
        "listing": ("X-02 listing", {"listing": 2}),
        "side": ("X-02 side", {"side": SELL}),
        "flags": ("X-02 flags", {"flags": POST_ONLY}),
        "price": ("X-05 limit_price", {"limit_price": BID + TICK}),
        "size": ("X-05 size", {"size": SIZE}),
        "larger": ("X-05 size", {"size": 3 * SIZE}),
        "expired": ("O-06 expiry", {"expiry": worlds.open.time_ns}),
        "far": ("O-07 expiry", {"expiry": worlds.open.time_ns + 8 * DAY_NS}),
        "version": ("O-08 version", {"version": 2}),
        "counter": ("O-09 counter", {"counter": 5}),
        "fee-cap": ("O-12 fee_cap", {"fee_cap": 0}),
    }
    for name, (refuses, changes) in spoilt.items():
        with corpus.venue(f"renew-{name}", "a renewal that is refused", worlds.open, refuses) as s:
            s.renew(ALICE, s.place(ALICE, BUY, BID, 2 * SIZE), 2 * SIZE, **changes)
    with corpus.venue("renew-late", "the old order has expired", worlds.open, "X-07 renews") as s:
        order = s.place(ALICE, BUY, BID, SIZE, life_ns=SECOND)
        s.wait(SECOND)
        s.renew(ALICE, order, SIZE)
    for early, refuses in ((0, "X-07 renews"), (1, "")):
        with corpus.venue(f"renew-expiry-{early}", "at its expiry", worlds.open, refuses) as s:
            order = s.place(ALICE, BUY, BID, SIZE, life_ns=SECOND)
            s.time_ns = order.expiry - STEP_NS - early
            s.renew(ALICE, order, SIZE)
    for life_ns, refuses in ((0, "O-06 expiry"), (1, "")):
        with corpus.venue(f"renew-life-{life_ns}", "a short life", worlds.open, refuses) as s:
            s.renew(ALICE, s.place(ALICE, BUY, BID, SIZE), SIZE, life_ns=life_ns)
    with corpus.venue("renew-floor", "a counter below the floor", worlds.open, "O-11 counter") as s:
        first = s.nonce(ALICE.account)
        second = s.nonce(ALICE.account)
        order = s.place(ALICE, BUY, BID, SIZE)
        s.floor(ALICE, second % 2**40)
        renewal = s.renewal(order, SIZE, nonce=first, counter=first % 2**40)
        s.send_renew(renewal, ALICE.wallet)
    with corpus.venue("renew-floor-equal", "at the floor", worlds.open, "O-11 counter") as s:
        first = s.nonce(ALICE.account)
        order = s.place(ALICE, BUY, BID, SIZE)
        s.floor(ALICE, first % 2**40)
        renewal = s.renewal(order, SIZE, nonce=first, counter=first % 2**40)
        s.send_renew(renewal, ALICE.wallet)
    with corpus.venue(
        "renew-same-key", "the key of a resting order", worlds.open, "O-15 counter"
    ) as s:
        order = s.place(ALICE, BUY, BID, SIZE)
        other = s.place(ALICE, BUY, BID, SIZE, nonce=order.nonce - 2**40 + 1)
        s.renew(ALICE, other, SIZE, nonce=order.nonce + 1, counter=other.counter)
    with corpus.venue("renew-others", "another account's order", worlds.open, "X-01 counter") as s:
        order = s.place(ALICE, BUY, BID, SIZE)
        s.renew(BOB, replace(order, account=BOB.account), SIZE)


def _cancel(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue("cancel", "a resting order", worlds.open, "", "X-01") as s:
        s.cancel(ALICE, s.place(ALICE, BUY, BID, SIZE))
    with corpus.venue("cancel-twice", "a cancelled order", worlds.open, "X-01 counter") as s:
        order = s.place(ALICE, BUY, BID, SIZE)
        s.cancel(ALICE, order)
        s.cancel(ALICE, order)
    with corpus.venue("cancel-filled", "a filled order", worlds.open, "X-01 counter") as s:
        order = s.place(ALICE, BUY, BID, SIZE)
        s.place(BOB, SELL, BID, SIZE)
        s.cancel(ALICE, order)
    with corpus.venue("cancel-hour-over", "an hour of 21 bits", worlds.open, "X-01 counter") as s:
        s.cancel(ALICE, s.place(ALICE, BUY, BID, SIZE), expiry_hour=2**20)
    with corpus.venue("cancel-hour-largest", "the largest hour", worlds.open, "X-01 counter") as s:
        s.cancel(ALICE, s.place(ALICE, BUY, BID, SIZE), expiry_hour=2**32 - 1)
    with corpus.venue(
        "cancel-others", "bob names alice's order as his", worlds.open, "X-01 counter"
    ) as s:
        s.cancel(BOB, s.place(ALICE, BUY, BID, SIZE))
    with corpus.venue(
        "cancel-halted", "cancelling is always allowed", worlds.open, "", "X-01"
    ) as s:
        order = s.place(ALICE, BUY, BID, SIZE)
        s.wait(DAY_NS)
        s.cancel(ALICE, order)


def _floor(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue("floor", "orders up to the floor go, by key", worlds.open, "", "X-06") as s:
        first = s.place(ALICE, BUY, BID, SIZE, life_ns=2 * HOUR_NS)
        second = s.place(ALICE, SELL, ASK, SIZE)
        s.place(ALICE, BUY, BID, SIZE)
        assert second.counter == first.counter + 1, "nonces count upwards"
        s.floor(ALICE, second.counter)
    with corpus.venue(
        "floor-filled", "a part-filled one needs no close", worlds.open, "", "X-06"
    ) as s:
        order = s.place(ALICE, BUY, BID, 2 * SIZE)
        s.place(BOB, SELL, BID, SIZE)
        s.floor(ALICE, order.counter)
    with corpus.venue("floor-same", "the same floor again", worlds.open, "X-06 floor") as s:
        s.floor(ALICE, 7)
        s.floor(ALICE, 7)
    with corpus.venue("floor-lower", "a lower one", worlds.open, "X-06 floor") as s:
        s.floor(ALICE, 7)
        s.floor(ALICE, 6)
    with corpus.venue("floor-zero", "zero is no floor", worlds.open, "X-06 floor") as s:
        s.floor(ALICE, 0)
    with corpus.venue(
        "floor-highest", "no order will ever rest again", worlds.open, "O-11 counter"
    ) as s:
        s.floor(ALICE, 2**40 - 1)
        s.place(ALICE, BUY, BID, SIZE)


def _expiry(corpus: Corpus, world: World) -> None:
    with corpus.venue("tick-expires", "by expiry, then key", world) as s:
        s.place(BOB, BUY, BID, SIZE, life_ns=3 * SECOND)
        s.place(ALICE, BUY, BID, SIZE, life_ns=2 * SECOND)
        expiry = s.time_ns + SECOND
        s.place(CAROL, BUY, BID, SIZE, expiry=expiry)
        s.place(ALICE, BUY, BID, SIZE, expiry=expiry)
        s.place(ERIN, BUY, BID, SIZE)
        s.wait(4 * SECOND)
        s.tick()
    with corpus.venue("tick-at-expiry", "at its expiry an order is over", world) as s:
        order = s.place(ALICE, BUY, BID, SIZE, life_ns=SECOND)
        s.place(ALICE, BUY, BID, SIZE, expiry=order.expiry + 1)
        s.time_ns = order.expiry - STEP_NS
        s.tick()
    with corpus.venue("tick-closes", "a part-filled one is closed", world, "", "P-10") as s:
        s.place(ALICE, BUY, BID, 2 * SIZE, life_ns=2 * SECOND)
        s.place(BOB, SELL, BID, SIZE)
        s.wait(3 * SECOND)
        s.tick()
    with corpus.venue(
        "tick-drops-hours", "leaves go a week after their hour", world, "", "P-12"
    ) as s:
        s.place(ALICE, BUY, BID, 2 * SIZE, life_ns=2 * HOUR_NS)
        order = s.place(BOB, SELL, BID, SIZE)
        end = (order.expiry_hour + 1) * HOUR_NS + WEEK_NS
        s.time_ns = end - 2 * STEP_NS
        s.tick()
        s.tick()
        s.wait(HOUR_NS)
        s.tick()
        s.wait(HOUR_NS)
        s.tick()
