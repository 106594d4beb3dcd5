"""Cases of delivery: samples, the fixed price, the sweep of orders, payment (rules D, I-32)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from merkat.spec.messages import Deliver as DeliverItem
from merkat.spec.messages import SetInstrument
from merkat.spec.settle import ops
from merkat.spec.values import BUY, DAY_NS, HOUR_NS, ONE, SELL
from merkat.spec.vectors.corpus import ANYTHING, CaseScript, Corpus, World
from merkat.spec.vectors.desk import (
    CALL_NEAR,
    COIN,
    FUTURE_FAR,
    FUTURE_NEAR,
    LOT,
    NEAR,
    PERPETUAL_LISTING,
    PUT_NEAR,
    SCENARIOS,
    SECOND,
    VOL,
    Desks,
    dated_item,
    future_item,
    near_mark,
    publish,
    quote,
    risk_item,
    smile,
    trade,
)
from merkat.spec.vectors.moments import moment_before
from merkat.spec.vectors.script import STEP_NS, USD, Script, group_item
from merkat.spec.vectors.seizures import Probe
from merkat.spec.vectors.wallets import wallet
from merkat.spec.vectors.worlds import ALICE, BOB, CAROL, DAVE

WINDOW = NEAR - 1_800 * SECOND
INDEX = 101_234 * USD


def delivery_cases(corpus: Corpus, desks: Desks) -> None:
    """Steps over 08:00 of the first expiry."""
    corpus.family("delivery", "delivery-")
    eve = corpus.world("desk-eve", "ten seconds before the window", desks.held, _eve)
    sampled = corpus.world("desk-sampled", "enough samples, 08:00 is near", eve, _sampled)
    late = corpus.world("desk-late", "too few samples, 08:00 is over", eve, _late)
    _samples(corpus, eve)
    _window_rows(corpus, eve)
    _fixed(corpus, sampled)
    _sweep(corpus, sampled)
    _timelock(corpus, late)
    _closed(corpus, sampled)
    _limit(corpus, sampled)
    _steps(corpus, sampled)


def at(s: Script, time_ns: int) -> None:
    """Have the next command stand at a time."""
    s.time_ns = time_ns - STEP_NS


def _eve(s: CaseScript) -> None:
    at(s, WINDOW - 10 * SECOND)
    publish(s, 101_234)
    s.epoch(1, 3_000 * USD)


def _sampled(s: CaseScript) -> None:
    for step in range(4):
        at(s, WINDOW + step * 8 * SECOND)
        publish(s, 101_200 + step * 10)
        at(s, WINDOW + (step * 8 + 4) * SECOND)
        s.heartbeat(0)
    at(s, NEAR - 6 * SECOND)
    publish(s, 101_300)
    s.epoch(1, 3_000 * USD)
    at(s, NEAR - 3 * SECOND)
    s.heartbeat(0)


def _late(s: CaseScript) -> None:
    at(s, WINDOW + 2 * SECOND)
    publish(s, 101_300)
    at(s, NEAR + SECOND)
    publish(s, 101_300)
    s.epoch(1, 3_000 * USD)


def _samples(corpus: Corpus, world: World) -> None:
    def times(name: str, *offsets_ns: int, beats: bool = False) -> None:
        with corpus.venue(f"samples-{name}", "whole seconds inside the window", world) as s:
            for offset in offsets_ns:
                signed = WINDOW + offset
                at(s, max(signed, s.time_ns + STEP_NS))
                if beats:
                    s.heartbeat(0, time=signed)
                else:
                    publish(s, 101_234, time=signed)

    half = SECOND // 2
    times("into", -2 * SECOND, -half, half, SECOND)
    times("exact", -SECOND, 0, SECOND, 2 * SECOND, beats=True)
    times("ns", -1, 0, 1, SECOND - 1, SECOND, SECOND + 1, beats=True)
    times("ns-vectors", -1, 1, SECOND + 1)
    times("five", 0, 5 * SECOND, 10 * SECOND + 1, 20 * SECOND, beats=True)
    times("beats", -half, 4 * SECOND, 9 * SECOND, 9 * SECOND + 1, beats=True)
    times("out", 1_794 * SECOND, 1_799 * SECOND, 1_801 * SECOND)
    times("many", *(3 * SECOND * step for step in range(1, 9)), beats=True)
    with corpus.venue("samples-held", "a disputed index gives none", world) as s:
        for offset, dollars in (
            (1, 101_234),
            (3, 120_000),
            (5, 120_000),
            (7, 120_000),
            (9, 120_500),
        ):
            at(s, WINDOW + offset * SECOND)
            publish(s, dollars)
    with corpus.venue("samples-plain", "a group without a risk set has none", world) as s:
        for offset in (1, 3):
            at(s, WINDOW + offset * SECOND)
            s.epoch(1, 3_000 * USD)
    with corpus.venue("samples-other-day", "another day's are dropped", world) as s:
        at(s, WINDOW + 2 * SECOND)
        publish(s)
        at(s, WINDOW + 4 * SECOND)
        publish(s)
        at(s, WINDOW + DAY_NS - SECOND)
        publish(s, 101_000)
        at(s, WINDOW + DAY_NS + 2 * SECOND)
        publish(s, 101_000)


def _window_rows(corpus: Corpus, world: World) -> None:
    """Rows whose forward is in part fixed; samples change them with every step."""
    with corpus.venue("window-rows", "a part is fixed", world) as s:
        for offset in (1, 4, 9, 600, 604, 1_500):
            at(s, WINDOW + offset * SECOND)
            publish(s, 101_000 + offset)
            s.epoch(1, 3_000 * USD)
            trade(s, ALICE, BOB, CALL_NEAR, LOT)
            trade(s, CAROL, BOB, FUTURE_NEAR, LOT)
    with corpus.venue("window-zero", "a forward far below what is fixed", world, ANYTHING) as s:
        s.item(group_item(0, node_count=3, threshold=2, jump=ONE))
        for offset, dollars in ((1, 101_234), (4, 101_234), (8, 51_000), (12, 49_000)):
            at(s, WINDOW + offset * SECOND)
            publish(s, dollars)
    with corpus.venue("window-set", "another risk set in the window", world) as s:
        s.item(risk_item(0, SCENARIOS[:5], samples_least=3))
        for offset in (1, 4):
            at(s, WINDOW + offset * SECOND)
            publish(s, 101_000 + offset)
    with corpus.venue("window-second", "the last second", world) as s:
        at(s, NEAR - 3 * SECOND)
        publish(s)
        at(s, NEAR - SECOND)
        publish(s)
        at(s, NEAR - 1)
        s.heartbeat(0)


def _fixed(corpus: Corpus, world: World) -> None:
    for name, offset in (("sharp", 0), ("second", SECOND), ("minute", 60 * SECOND)):
        with corpus.venue(f"fixed-{name}", "the first vector after 08:00", world) as s:
            at(s, NEAR + offset)
            publish(s, 101_500)
        with corpus.venue(f"fixed-beat-{name}", "the first heartbeat after 08:00", world) as s:
            at(s, NEAR + offset)
            s.heartbeat(0)
            publish(s, 101_500)
    with corpus.venue("fixed-before", "signed before it, and after", world) as s:
        at(s, NEAR + SECOND)
        s.heartbeat(0, time=NEAR - 1)
        s.heartbeat(0, time=NEAR)
        publish(s, 101_500)
    with corpus.venue("fixed-late", "within its last second", world, "E-11 expiry") as s:
        at(s, NEAR + SECOND)
        s.say(s.surface_body(0, INDEX, smile(s, INDEX), time=NEAR - 1))
    with corpus.venue("fixed-few", "by the newest risk set", world) as s:
        s.item(risk_item(samples_least=1_000))
        at(s, NEAR + SECOND)
        publish(s, 101_500)
        s.item(risk_item(samples_least=1))
        publish(s, 101_500)
        publish(s, 101_500)
    with corpus.venue("fixed-held", "while the index is disputed", world) as s:
        at(s, NEAR - 2 * SECOND)
        publish(s, 120_000)
        at(s, NEAR + SECOND)
        publish(s, 120_000)
        publish(s, 120_000)
    with corpus.venue("fixed-then", "trading goes on in what is left", world) as s:
        at(s, NEAR)
        publish(s, 101_500)
        s.epoch(1, 3_000 * USD)
        trade(s, BOB, ALICE, PERPETUAL_LISTING, COIN // 10)
        trade(s, ALICE, BOB, FUTURE_FAR, COIN // 10)
        s.withdraw(CAROL, 10_000 * USD)
        s.tick()
    with corpus.venue("fixed-gone", "its listing trades no more", world, "O-23 listing") as s:
        at(s, NEAR)
        publish(s, 101_500)
        s.place(ALICE, BUY, 5 * USD, LOT, listing=PUT_NEAR)
    with corpus.venue("fixed-pays", "calls and puts in and out of the money", world) as s:
        at(s, NEAR)
        publish(s, 98_000)
    for fee in (0, 10_000_000):
        with corpus.venue(f"fixed-fee-{fee}", "fees with a bound", world) as s:
            at(s, NEAR - 2 * SECOND)
            s.item(dated_item(strike=101_000 * USD, expiry=NEAR, delivery_fee=fee))
            publish(s, 101_400)
            trade(s, ALICE, CAROL, 11, COIN // 7 // LOT * LOT)
            at(s, NEAR)
            publish(s, 101_400)


def _sweep(corpus: Corpus, world: World) -> None:
    """Orders in what has expired go with the first step that looks."""

    def orders(s: CaseScript) -> None:
        for by, side, listing, ticks in (
            (ALICE, BUY, CALL_NEAR, -2),
            (BOB, BUY, CALL_NEAR, -3),
            (CAROL, SELL, CALL_NEAR, 40),
            (BOB, SELL, FUTURE_NEAR, 9),
            (ALICE, BUY, FUTURE_FAR, -3),
        ):
            s.place(by, side, near_mark(s, listing, ticks), 3 * LOT, listing=listing)
        s.place(BOB, SELL, near_mark(s, CALL_NEAR, -2), LOT, listing=CALL_NEAR, flags=1)

    for name, offset in (("at", 0), ("before", -1), ("after", SECOND)):
        for what in ("tick", "beat", "vector"):
            with corpus.venue(f"sweep-{what}-{name}", "its orders are gone", world) as s:
                orders(s)
                at(s, NEAR + offset - (STEP_NS if what == "vector" else 0))
                signed = NEAR - SECOND if offset <= 0 else s.time_ns + STEP_NS
                if what == "tick":
                    s.tick()
                elif what == "beat":
                    s.heartbeat(0)
                else:
                    near = (quote(NEAR, signed, INDEX),) if offset <= 0 else ()
                    quotes = (*near, *smile(s, INDEX))
                    publish(s, 101_234, time=signed, expiries=quotes)
    with corpus.venue("sweep-other-group", "not by another group", world) as s:
        orders(s)
        at(s, NEAR)
        s.epoch(1, 3_000 * USD)
        s.heartbeat(1)
        s.tick()
    with corpus.venue("sweep-refused", "nor by what is refused", world, "A-02 rows") as s:
        orders(s)
        at(s, NEAR)
        s.say(s.surface_body(0, INDEX, smile(s, INDEX)))
        s.activate(0, row_root=b"\2" * 31)


def _timelock(corpus: Corpus, world: World) -> None:
    item = DeliverItem(1, 0, NEAR, INDEX)
    for name, refuses, changes in (
        ("good", "", {}),
        ("price-zero", "I-33 price", {"price": 0}),
        ("price-negative", "I-33 price", {"price": -USD}),
        ("price-over", "I-33 price", {"price": 2**52 + 1}),
        ("price-most", "", {"price": 2**52}),
        ("price-least", "", {"price": 1}),
        ("expiry", "I-32 expiry", {"expiry": NEAR + DAY_NS}),
        ("expiry-zero", "I-32 expiry", {"expiry": 0}),
        ("far", "I-32 expiry", {"expiry": NEAR + 28 * DAY_NS}),
        ("by-user", "I-02 source", {"source": 0}),
    ):
        accepts = "" if refuses else "I-32 I-33"
        with corpus.venue(f"deliver-{name}", "the timelock's price", world, refuses, accepts) as s:
            s.item(replace(item, **changes))
    with corpus.venue("deliver-twice", "it has a price", world, "I-32 expiry") as s:
        s.item(item)
        s.item(item)
    with corpus.venue("deliver-then-rows", "and the next rows", world) as s:
        publish(s, 101_400)
        s.item(item)
        publish(s, 101_400)
    with corpus.venue("deliver-orders", "its orders go with the next step", world) as s:
        s.item(item)
        s.tick()
    with corpus.venue("deliver-stale", "no vector for an hour", world) as s:
        s.wait(HOUR_NS)
        s.item(item)
        s.heartbeat(0)
    with corpus.venue("deliver-waits", "rows that stand meanwhile", world) as s:
        for scenarios in (SCENARIOS[:3], SCENARIOS + SCENARIOS[:3], SCENARIOS):
            s.item(risk_item(0, scenarios))
            publish(s, 101_700)
        s.item(item)
        publish(s, 101_700)
    with corpus.venue("deliver-missed", "after the next day", world, "I-32 expiry") as s:
        s.item(future_item(NEAR + DAY_NS))
        extra = NEAR + DAY_NS
        for time_ns in (extra - 10 * SECOND, extra - 8 * SECOND):
            at(s, time_ns)
            publish(s, 101_500, expiries=_with(s, extra))
        s.item(risk_item(samples_least=1))
        at(s, extra)
        publish(s, 101_500)
        s.item(item)
        s.item(DeliverItem(1, 0, extra, INDEX))


def _with(s: Script, expiry: int) -> Any:
    """Return the quotes of the next command, and of one more expiry before them."""
    return (quote(expiry, s.time_ns + STEP_NS, 101_500 * USD, VOL), *smile(s, 101_500 * USD))


def _closed(corpus: Corpus, world: World) -> None:
    def deliver(s: CaseScript) -> None:
        at(s, NEAR)
        publish(s, 101_500)

    with corpus.venue("closed-instrument", "no changes after", world, "I-34 listing") as s:
        deliver(s)
        s.item(SetInstrument(1, CALL_NEAR, 1, 0, 0))
    with corpus.venue("closed-instrument-other", "of others", world, "", "I-34") as s:
        deliver(s)
        s.item(SetInstrument(1, FUTURE_FAR, 2, 0, 0))
    with corpus.venue("closed-again", "the expiry is past", world, "I-24 expiry") as s:
        deliver(s)
        s.item(dated_item(strike=100_000 * USD, expiry=NEAR))
    with corpus.venue("closed-rows", "its row is gone", world) as s:
        deliver(s)
        s.heartbeat(0)
        publish(s, 101_500)
    with corpus.venue("closed-accounts", "an account with nothing else", world) as s:
        frank = s.deposit(wallet("frank"), 5_000 * USD)
        trade(s, BOB, frank, CALL_NEAR, COIN // 10)
        deliver(s)
        s.withdraw(frank, 4_000 * USD)


def _limit(corpus: Corpus, world: World) -> None:
    with corpus.venue("expire-danger", "who is in danger by then", world, ANYTHING) as s:
        s.margin_mode(DAVE, 1)
        trade(s, DAVE, BOB, CALL_NEAR, COIN // 4)
        trade(s, DAVE, BOB, PUT_NEAR, COIN // 4)
        at(s, NEAR)
        publish(s, 93_000)
        publish(s, 93_000)


def _steps(corpus: Corpus, world: World) -> None:
    def deliver(s: Script) -> None:
        at(s, NEAR)
        publish(s, 101_500)

    moment = moment_before(corpus, "delivering", world, deliver, ops.Deliver)
    probe = Probe(corpus, moment, "deliver-step")
    step: Any = moment.op
    probe("good")
    probe("perpetual", "D-01 listing", listing=PERPETUAL_LISTING)
    probe("spot", "D-01 listing", listing=8)
    probe("none", "D-01 listing", listing=99)
    probe("zero", "D-01 listing", listing=0)
    probe("other-expiry", "D-02 expiry", listing=FUTURE_FAR)
    probe("other-listing", listing=FUTURE_NEAR)
    probe("twice", "D-01 listing", before=(step,))
    paying = moment_before(corpus, "expiring", world, deliver, ops.Expire)
    probe = Probe(corpus, paying, "expire-step")
    paid: Any = paying.op
    probe("good")
    probe("twice", "D-03 slot", before=(paid,))
    probe("empty", "D-03 slot", slot=99)
    probe("slot-over", "D-03 slot", slot=1_024)
    probe("nobody", "S-02 account", account=99)
    slots = [slot for slot in range(12) if slot != paid.slot]
    for slot in slots[:4]:
        with corpus.settlement(f"expire-slot-{slot}", "which slot", paying.world, ANYTHING) as i:
            i.op(replace(paid, slot=slot))
    with corpus.settlement("deliver-early", "before it is fixed", world, "D-02 expiry") as inputs:
        inputs.op(ops.Deliver(CALL_NEAR))
    with corpus.settlement("expire-early", "before it is delivered", world, "D-03 slot") as inputs:
        inputs.op(ops.Expire(ALICE.account, 0))
