"""Cases of the oracle: quorum, order, bounds, held jumps, gaps and funding (rules E)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from merkat.spec.messages import Epoch, List, NodeSignature, SetInstrument, Signatures
from merkat.spec.values import BUY, HOUR_NS, SELL
from merkat.spec.vectors.corpus import CaseScript, Corpus, World
from merkat.spec.vectors.script import STEP_NS, USD, group_item
from merkat.spec.vectors.worlds import (
    ALICE,
    BOB,
    BTC,
    BTC_INDEX,
    CAROL,
    ERIN,
    ETH,
    ETH_INDEX,
    MALLORY,
    SMALL_BTC,
    Worlds,
)

SECOND = 10**9
JUMP = 112_000 * USD
SAMPLES_NS = 300 * SECOND


def oracle_cases(corpus: Corpus, worlds: Worlds) -> None:
    """Commands 16 and 17, and what follows from them apart from liquidation."""
    corpus.family("oracle")
    _vectors(corpus, worlds.open)
    _quorum(corpus, worlds.open)
    _heartbeats(corpus, worlds.open)
    _held(corpus, worlds.open)
    _marks(corpus, worlds.positions)
    _gap(corpus, worlds.open)
    _funding(corpus, worlds.open)
    _funding_rates(corpus, worlds.open)


def _vectors(corpus: Corpus, world: World) -> None:
    spoilt: dict[str, tuple[str, dict[str, Any]]] = {
        "number-same": ("E-02 number", {"number": 1}),
        "number-skips": ("E-02 number", {"number": 3}),
        "previous": ("E-03 previous", {"previous": bytes(31)}),
        "time-future": ("E-04 time", {"time": world.time_ns + 2 * STEP_NS}),
        "time-zero": ("E-04 time", {"time": 0}),
        "index-zero": ("E-05 index", {"index": 0}),
        "index-negative": ("E-05 index", {"index": -BTC_INDEX}),
        "index-over": ("E-05 index", {"index": 2**52 + 1}),
        "basis-over": ("E-05 basis", {"basis": 100_000_001}),
        "basis-under": ("E-05 basis", {"basis": -100_000_001}),
        "premium-over": ("E-05 premium", {"premium": 100_000_001}),
        "premium-under": ("E-05 premium", {"premium": -100_000_001}),
        "group": ("E-01 group", {"group": 2}),
    }
    for name, (refuses, changes) in spoilt.items():
        with corpus.venue(f"vector-{name}", "a vector that is refused", world, refuses) as s:
            s.epoch(0, BTC_INDEX, **changes)
    with corpus.venue("vector-time-same", "of the last one's time", world, "E-04 time") as s:
        s.epoch(0, BTC_INDEX, time=s.state.groups[0].epoch_time)
    with corpus.venue("vector-time-later", "a nanosecond later", world, "", "E-04") as s:
        s.epoch(0, BTC_INDEX, time=s.state.groups[0].epoch_time + 1)
    with corpus.venue("vector", "accepted", world, "", "E-01 E-02 E-03 E-04 E-05 E-06") as s:
        s.epoch(0, BTC_INDEX + USD, 100_000_000, -100_000_000)
        s.epoch(0, BTC_INDEX - USD, -100_000_000, 100_000_000)
    with corpus.venue("vector-replayed", "the same vector again", world, "E-02 number") as s:
        s.epoch(0, BTC_INDEX)
        s.send(s.sent[0].command)
    with corpus.venue(
        "vector-other-group", "a vector of another group", world, "E-06 signatures"
    ) as s:
        body = s.epoch_body(0, BTC_INDEX)
        leaf = s.state.groups[1]
        moved = replace(body.vector, group=1, previous=leaf.input_hash)
        s.say(replace(body, vector=moved))
    with corpus.venue(
        "vector-first-largest", "a first vector at the bounds", world, "", "E-05"
    ) as s:
        s.item(group_item(2, node_count=1, threshold=1))
        s.item(List(1, 1, 2, 0, 1, 1, 0, 0))
        s.epoch(2, 2**52, 100_000_000, 100_000_000)
    with corpus.venue("vector-first-smallest", "a mark of one quantum", world, "", "E-05") as s:
        s.item(group_item(2, node_count=1, threshold=1))
        s.item(List(1, 1, 2, 8, 10_000, 10_000, 0, 0))
        s.epoch(2, 1)
        s.place(ALICE, BUY, 10_000, BTC, listing=4)
        s.place(BOB, SELL, 10_000, BTC, listing=4)


def _quorum(corpus: Corpus, world: World) -> None:
    for name, signers in (
        ("four", [0, 1, 2, 3]),
        ("none", []),
        ("twice", [0, 1, 2, 3, 3]),
        ("descending", [4, 3, 2, 1, 0]),
        ("unused-node", [0, 1, 2, 3, 7]),
        ("node-8", [0, 1, 2, 3, 8]),
        ("node-255", [0, 1, 2, 3, 255]),
        ("six-and-unused", [0, 1, 2, 3, 4, 7]),
    ):
        with corpus.venue(f"quorum-{name}", "no quorum", world, "E-06 signatures") as s:
            s.epoch(0, BTC_INDEX, signers=signers)
        with corpus.venue(f"quorum-beat-{name}", "no quorum", world, "E-06 signatures") as s:
            s.heartbeat(0, signers=signers)
    for name, signers in (("last-five", [2, 3, 4, 5, 6]), ("seven", list(range(7)))):
        with corpus.venue(f"quorum-{name}", "a quorum", world, "", "E-06") as s:
            s.epoch(0, BTC_INDEX, signers=signers)
            s.heartbeat(0, signers=signers)

    def forged(s: CaseScript, honest: list[int], liars: list[int]) -> Epoch:
        """Return a vector that the honest sign, while the liars sign another index."""
        vector = s.vector(0, BTC_INDEX)
        other = replace(vector, index=2 * BTC_INDEX)
        true = s.vector_signatures(vector, honest).each
        false = s.vector_signatures(other, liars).each
        return Epoch(vector, Signatures(tuple(sorted(true + false, key=lambda each: each.node))))

    with corpus.venue("two-of-seven-lie", "two sign another value", world, "E-06 signatures") as s:
        s.say(forged(s, [0, 1, 2], [3, 4]))
    with corpus.venue(
        "two-lie-beside-five", "one false signature spoils all", world, "E-06 signatures"
    ) as s:
        s.say(forged(s, [0, 1, 2, 3, 4], [5, 6]))
    with corpus.venue(
        "two-lie-alone", "two sign a value of their own", world, "E-06 signatures"
    ) as s:
        s.epoch(0, 2 * BTC_INDEX, signers=[3, 4])
    with corpus.venue("five-outvote-two", "five agree, two are left out", world, "", "E-06") as s:
        s.say(forged(s, [0, 2, 3, 5, 6], []))
    with corpus.venue("node-numbers-swapped", "each other's number", world, "E-06 signatures") as s:
        body = s.epoch_body(0, BTC_INDEX)
        first, second, *others = body.signatures.each
        swapped = (replace(first, node=1), replace(second, node=0))
        each = (swapped[1], swapped[0], *others)
        s.say(replace(body, signatures=Signatures(each)))
    with corpus.venue("foreign-node", "a key of no node", world, "E-06 signatures") as s:
        body = s.epoch_body(0, BTC_INDEX)
        foreign = NodeSignature(4, s.signer.sign(b"\1" * 32, MALLORY))
        s.say(replace(body, signatures=Signatures((*body.signatures.each[:4], foreign))))


def _heartbeats(corpus: Corpus, world: World) -> None:
    with corpus.venue("beat", "accepted", world, "", "E-01 E-02 E-03 E-04 E-06") as s:
        s.wait(4 * SECOND)
        s.heartbeat(0)
        s.wait(4 * SECOND)
        s.place(ALICE, BUY, 99_000 * USD, BTC)
    spoilt: dict[str, tuple[str, dict[str, Any]]] = {
        "group": ("E-01 group", {"group": 2}),
        "number-next": ("E-02 number", {"number": 2}),
        "number-zero": ("E-02 number", {"number": 0}),
        "vector": ("E-03 previous", {"vector_hash": bytes(31)}),
        "future": ("E-04 time", {"time": world.time_ns + 2 * STEP_NS}),
        "past": ("E-04 time", {"time": 1}),
    }
    for name, (refuses, changes) in spoilt.items():
        with corpus.venue(f"beat-{name}", "a heartbeat that is refused", world, refuses) as s:
            s.heartbeat(0, **changes)
    with corpus.venue("beat-time-same", "of the last one's time", world, "E-04 time") as s:
        s.heartbeat(0, time=s.state.groups[0].epoch_time)
    with corpus.venue("beat-before-vector", "there is nothing to renew", world, "E-02 number") as s:
        s.item(group_item(2, node_count=1, threshold=1))
        s.heartbeat(2)
    with corpus.venue("beat-as-epoch", "signatures of a vector", world, "E-06 signatures") as s:
        vector_signatures = s.epoch_body(0, BTC_INDEX).signatures
        s.say(replace(s.heartbeat_body(0), signatures=vector_signatures))


def _held(corpus: Corpus, world: World) -> None:
    def run(name: str, title: str, *indices: int, group: int = 0) -> None:
        with corpus.venue(f"held-{name}", title, world) as s:
            for dollars in indices:
                s.epoch(group, dollars * USD)

    run("once", "a jump of 12 % waits", 112_000)
    run("thrice", "three that agree are accepted", 112_000, 113_000, 112_500)
    run("down", "downwards too", 88_000, 88_000, 88_500)
    run("edge", "10 % is no jump", 110_000, 99_000)
    run("edge-over", "a little more is", 110_001)
    run("agreement-edge", "2 % apart agree", 112_000, 114_240, 113_000)
    run("agreement-over", "a little more does not", 112_000, 114_241, 112_000, 112_000, 112_000)
    run("drifts", "the whole run must agree", 112_000, 113_500, 115_000, 115_000, 115_000)
    run("back", "a near value ends the run", 112_000, 112_000, 101_000, 112_000, 112_000, 112_000)
    run("other-way", "up, then down", 112_000, 88_000, 88_000, 88_000)
    with corpus.venue("held-beat", "a heartbeat renews the age, not the run", world) as s:
        s.epoch(0, JUMP, 0, 5_000_000)
        s.heartbeat(0)
        s.epoch(0, JUMP, 0, 6_000_000)
        s.heartbeat(0)
        s.epoch(0, JUMP, 0, 7_000_000)
        s.heartbeat(0)
    with corpus.venue("held-orders", "orders wait for the third", world, also=2) as s:
        for _ in range(3):
            s.epoch(0, JUMP)
            s.place(ALICE, BUY, 115_000 * USD, BTC // 10)


def _marks(corpus: Corpus, world: World) -> None:
    for name, index, basis in (
        ("basis-up", BTC_INDEX, 3_000_000),
        ("basis-clamped", BTC_INDEX, 50_000_000),
        ("basis-down", BTC_INDEX, -3_000_000),
        ("basis-clamped-down", BTC_INDEX, -50_000_000),
        ("odd", 100_003_456_789, 1_234_567),
    ):
        with corpus.venue(f"mark-{name}", "the mark in whole quanta", world) as s:
            s.epoch(0, index, basis)
            s.place(ALICE, SELL, 200_000 * USD, BTC // 10, listing=1)
            s.place(BOB, BUY, 2**51 - 2**51 % 50_000, SMALL_BTC // 10, listing=2, flags=5)
            s.place(CAROL, SELL, 50_000, SMALL_BTC // 10, listing=2, flags=5)
            s.place(ERIN, BUY, 2**51 - 2**51 % 10_000, BTC // 10, listing=1, flags=5)


def _gap(corpus: Corpus, world: World) -> None:
    def orders(s: CaseScript) -> None:
        """Have orders on both sides of two listings of group 0 and one of group 1."""
        for price in (102_000, 99_000, 102_500):
            s.place(ALICE, BUY, price * USD, BTC // 10)
        s.place(BOB, SELL, 97_500 * USD, SMALL_BTC // 10, listing=2)
        s.place(CAROL, SELL, 102_900 * USD, SMALL_BTC // 20, listing=2)
        s.place(BOB, SELL, 104_000 * USD, BTC // 10)
        s.place(ERIN, BUY, ETH_INDEX, ETH, listing=3)

    def after(name: str, title: str, silent_ns: int, dollars: int) -> None:
        with corpus.venue(f"gap-{name}", title, world) as s:
            orders(s)
            s.time_ns = s.state.groups[0].epoch_time + silent_ns - STEP_NS
            if dollars:
                s.epoch(0, dollars * USD)
            else:
                s.heartbeat(0)

    after("down", "what the market left behind is cancelled", 31 * SECOND, 97_000)
    after("up", "on the other side too", 31 * SECOND, 103_500)
    after("beat", "a heartbeat ends a gap", 31 * SECOND, 0)
    after("edge", "30 s are no gap", 30 * SECOND, 97_000)
    after("over", "a nanosecond more is", 30 * SECOND + 1, 97_000)
    after("held", "a held vector ends a gap at the old mark", 31 * SECOND, 80_000)
    for name, side, price, index in (
        ("bid", BUY, 101_970, 99_000),
        ("ask", SELL, 98_940, 102_000),
    ):
        with corpus.venue(f"gap-at-band-{name}", "at the edge an order stays", world) as s:
            s.place(ALICE, side, price * USD, BTC // 10)
            s.wait(31 * SECOND)
            s.epoch(0, index * USD)
    with corpus.venue("gap-tick", "a tick ends no gap", world) as s:
        orders(s)
        s.wait(31 * SECOND)
        s.tick()
    with corpus.venue("gap-filled", "a part-filled order is closed", world, "", "P-10") as s:
        s.place(ALICE, BUY, 102_000 * USD, BTC // 10)
        s.place(BOB, SELL, 102_000 * USD, BTC // 20)
        s.wait(31 * SECOND)
        s.epoch(0, 97_000 * USD)


def _hourly(s: CaseScript, **parameters: int) -> None:
    """Have group 2 with listing 4, sampled every 300 s, alice long and bob short 10 coins."""
    s.item(
        group_item(
            2,
            node_count=1,
            threshold=1,
            epoch_period_ns=SAMPLES_NS,
            stale_ns=HOUR_NS,
            halt_ns=2 * HOUR_NS,
            **parameters,
        )
    )
    s.item(List(1, 1, 2, 6, 1_000, 10_000, 0, 0))
    s.epoch(2, ETH_INDEX)
    s.place(BOB, SELL, ETH_INDEX, 10 * ETH, listing=4)
    s.place(ALICE, BUY, ETH_INDEX, 10 * ETH, listing=4)


def _sample(s: CaseScript, count: int, premium: int) -> None:
    """Bring vectors at the period of the group."""
    for _ in range(count):
        s.wait(SAMPLES_NS - STEP_NS)
        s.epoch(2, ETH_INDEX, 0, premium)


def _funding(corpus: Corpus, world: World) -> None:
    with corpus.venue("funding", "an hour pays, and the next", world) as s:
        _hourly(s)
        _sample(s, 6, 3_000_000)
        _sample(s, 14, 2_000_000)
        s.place(BOB, BUY, ETH_INDEX, 10 * ETH, listing=4)
        s.place(ALICE, SELL, ETH_INDEX, 10 * ETH, listing=4)
    with corpus.venue("funding-beat", "a heartbeat closes the hour", world) as s:
        _hourly(s)
        _sample(s, 6, 3_000_000)
        s.wait(SAMPLES_NS)
        s.heartbeat(2)
        s.withdraw(ALICE, 90_000 * USD)
    with corpus.venue("funding-few-samples", "less than half an hour: no premium", world) as s:
        _hourly(s)
        _sample(s, 4, 3_000_000)
        s.wait(HOUR_NS)
        s.heartbeat(2)
    with corpus.venue("funding-half", "half an hour is enough", world) as s:
        _hourly(s)
        _sample(s, 5, 3_000_000)
        s.wait(HOUR_NS)
        s.heartbeat(2)
    with corpus.venue("funding-hours-without", "hours without a sample pay nothing", world) as s:
        _hourly(s)
        _sample(s, 6, 3_000_000)
        s.wait(5 * HOUR_NS)
        s.heartbeat(2)
        s.wait(5 * HOUR_NS)
        s.heartbeat(2)
    with corpus.venue("funding-held", "a held vector gives no sample", world) as s:
        _hourly(s)
        _sample(s, 6, 3_000_000)
        s.wait(2 * HOUR_NS)
        s.epoch(2, 2 * ETH_INDEX, 0, 3_000_000)
        s.wait(2 * HOUR_NS)
        s.epoch(2, 2 * ETH_INDEX, 0, 3_000_000)
        s.wait(2 * HOUR_NS)
        s.epoch(2, 2 * ETH_INDEX, 0, 3_000_000)
    with corpus.venue("funding-by-signed-time", "the nodes' hour counts, not ours", world) as s:
        _hourly(s)
        _sample(s, 6, 3_000_000)
        s.wait(SAMPLES_NS)
        last = s.state.groups[2].epoch_time
        s.epoch(2, ETH_INDEX, time=last + SECOND)
        s.epoch(2, ETH_INDEX)


def _funding_rates(corpus: Corpus, world: World) -> None:
    for name, premium, parameters in (
        ("interest", 0, {}),
        ("near-interest", 300_000, {}),
        ("above", 1_000_000, {}),
        ("below", -1_000_000, {}),
        ("cap", 90_000_000, {}),
        ("cap-below", -90_000_000, {}),
        ("no-clamp", 4_000_000, {"funding_clamp": 0}),
        ("interest-negative", 0, {"interest": -10_000_000, "funding_clamp": 10_000_000}),
        ("odd", -1_234_567, {"interest": 7}),
    ):
        with corpus.venue(f"funding-rate-{name}", "the rate of an hour", world) as s:
            _hourly(s, **parameters)
            _sample(s, 5, premium)
            s.wait(SAMPLES_NS)
            s.epoch(2, ETH_INDEX + 7, 0, premium + 1)
            s.wait(SAMPLES_NS)
            s.epoch(2, ETH_INDEX, 0, premium)
            s.place(BOB, BUY, ETH_INDEX, ETH, listing=4)
            s.item(SetInstrument(1, 4, 1, 0, 500_000))
            s.place(ALICE, SELL, ETH_INDEX, ETH, listing=4)
