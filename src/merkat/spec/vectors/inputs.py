"""Cases of the settlement machine's frame and of orders as it knows them (rules S and P)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from merkat.spec.messages import FundDeposit, encode_item
from merkat.spec.secp256k1 import N
from merkat.spec.settle.ops import (
    Bankrupt,
    DropHour,
    Epoch,
    Inbox,
    Liquidate,
    OrderClose,
    OrderOpen,
    Stage,
    TearUp,
    WriteOff,
    encode_op,
)
from merkat.spec.settle.state import State
from merkat.spec.values import BUY, DAY_NS, HOUR_NS, SELL, WEEK_NS
from merkat.spec.vectors.corpus import Corpus, World
from merkat.spec.vectors.moments import moment_before
from merkat.spec.vectors.script import CONFIG, USD, Script
from merkat.spec.vectors.worlds import ALICE, BOB, BTC, BTC_INDEX, CAROL, MALLORY, Worlds

SECOND = 10**9
SIZE = BTC // 100
BID = 99_950 * USD


def input_cases(corpus: Corpus, worlds: Worlds) -> None:
    """Inputs that the venue would never send, and those that it does."""
    corpus.family("inputs")
    _frames(corpus, worlds.open)
    _times(corpus, worlds.open)
    _accounts(corpus, worlds.open)
    _opening(corpus, worlds.open)
    _reopening(corpus, worlds)
    _renewing(corpus, worlds.open)
    _closing(corpus, worlds)
    _oracle(corpus, worlds.open)
    with corpus.settlement(
        "no-group", "an account before any group", _no_group(corpus), "Q-13 stage"
    ) as inputs:
        inputs.op(Bankrupt(1, 0))


def _no_group(corpus: Corpus) -> World:
    return corpus.world("no-group", "a deposit comes first", corpus.genesis, _one_deposit)


def _one_deposit(s: Script) -> None:
    s.deposit(ALICE.wallet, 100 * USD)


def _frames(corpus: Corpus, world: World) -> None:
    def refused(name: str, title: str, op: bytes) -> None:
        with corpus.settlement(f"input-{name}", title, world, "S-01 command") as inputs:
            inputs.raw(op)

    good = encode_op(Inbox(encode_item(FundDeposit(1, 0, USD))), 0, 1)
    with corpus.settlement("input-inbox", "an item", world, "", "S-01 S-05 I-08") as inputs:
        inputs.raw(good)
    refused("empty", "no byte at all", b"")
    refused("header", "a kind and no deltas", good[:12])
    for kind in (0, 16, 255):
        refused(f"kind-{kind}", "an unknown kind", bytes([kind]) + good[1:])
    close = encode_op(OrderClose(7), 0, 1)
    refused("truncated", "the last byte is missing", close[:-1])
    refused("oversized", "one byte too many", close + b"\0")
    refused("item-0", "no item", good[:13])
    refused("item-1", "an item of one byte", good[:14])
    refused("item-1025", "an item of 1,025 bytes", good[:13] + bytes(1_025))
    with corpus.settlement("input-item-1024", "an item of no kind", world, "I-01 item") as inputs:
        inputs.raw(good[:13] + bytes(1_024))
    with corpus.settlement("input-item-2", "an item of no kind", world, "I-01 item") as inputs:
        inputs.raw(good[:13] + bytes(2))
    with corpus.settlement(
        "input-cursor", "refused inputs move the cursor only", world, "", "S-01", also=3
    ) as inputs:
        inputs.raw(b"")
        inputs.raw(bytes(5_000))
        inputs.op(OrderClose(7), 5 * SECOND, 9)
        inputs.raw(good)


def _times(corpus: Corpus, world: World) -> None:
    item = Inbox(encode_item(FundDeposit(1, 0, USD)))
    left = 2**63 - world.time_ns
    for name, delta, refuses in (
        ("last", left - 1, ""),
        ("over", left, "S-05 time"),
        ("largest", 2**64 - 1, "S-05 time"),
    ):
        with corpus.settlement(f"input-time-{name}", "2^63 ns", world, refuses) as inputs:
            inputs.op(item, delta)
    with corpus.settlement("input-log-jump", "2^32 - 1 at once", world, "", "S-05") as inputs:
        inputs.op(item, 0, 2**32 - 1)
    late = State.decode(CONFIG, world.settlement)
    late.globals_.log_number = 2**63 - 2
    kept = corpus.keep_settlement("log-late", world, late)
    for delta, refuses in ((0, ""), (1, ""), (2, "S-05 time")):
        with corpus.settlement(f"input-log-{delta}", "2^63 numbers", kept, refuses) as inputs:
            inputs.op(item, 0, delta)


def _accounts(corpus: Corpus, world: World) -> None:
    for account in (0, 7, 2**28, 2**32 - 1):
        for name, op, field in (
            ("stage", Stage(account, 0, 1), "account"),
            ("stage-value", Stage(account, 0, 7), "account"),
            ("bankrupt", Bankrupt(account, 9), "account"),
            ("tear-up", TearUp(account, 0, 1, 0, 1, 1), "account"),
            ("tear-up-other", TearUp(1, 0, account, 0, 1, 1), "to_account"),
            ("write-off", WriteOff(account), "account"),
            ("liquidate", Liquidate(account, 0, 0, 0, 1, 1, 0), "account"),
        ):
            with corpus.settlement(
                f"input-{name}-{account}", "no such account", world, f"S-02 {field}"
            ) as inputs:
                inputs.op(op)


def _opening(corpus: Corpus, world: World) -> None:
    def trade(s: Script) -> None:
        s.place(ALICE, BUY, BID, SIZE)
        s.place(BOB, SELL, BID, SIZE)

    moment = moment_before(corpus, "opening", world, trade, OrderOpen)
    s, op = moment.script, moment.op
    assert isinstance(op, OrderOpen)
    now = world.time_ns + moment.time_delta_ns

    def given(name: str, refuses: str, by: Any = ALICE.wallet, **changes: int) -> None:
        order = replace(op.order, **changes)
        accepts = "" if refuses else "P-01 P-02 P-03 P-04 P-05 P-06 P-07 P-08 P-09 S-02 S-03"
        with corpus.settlement(
            f"open-{name}", "order_open", moment.world, refuses, accepts
        ) as inputs:
            inputs.op(OrderOpen(order, s.signed(order, by)), moment.time_delta_ns, moment.log_delta)

    given("good", "")
    given("account-0", "S-02 account", account=0)
    given("account-7", "S-02 account", account=7)
    given("signer", "S-03 signature", by=MALLORY)
    given("listing-0", "P-01 listing", listing=0)
    given("listing-4", "P-01 listing", listing=4)
    given("side", "P-02 side", side=2)
    for flags in (3, 4, 6):
        given(f"flags-{flags}", "P-02 flags", flags=flags)
    given("flags-post-only", "", flags=2)
    given("off-tick", "P-03 limit_price", limit_price=BID + 1)
    given("price-zero", "P-03 limit_price", limit_price=0)
    given("price-negative", "P-03 limit_price", limit_price=-BID)
    given("price-over", "P-03 limit_price", limit_price=2**52 + 10_000 - 2**52 % 10_000)
    given("no-lot", "P-04 size", size=SIZE + 1)
    given("size-zero", "P-04 size", size=0)
    given("size-negative", "P-04 size", size=-SIZE)
    given("size-over", "P-04 size", size=2**56 - 2**56 % 10_000 + 10_000, limit_price=10_000)
    given("size-largest", "", size=2**56 - 2**56 % 10_000, limit_price=10_000)
    given("value-over", "P-04 size", size=2**52 - 2**52 % 10_000)
    given("expired", "P-05 expiry", expiry=now)
    given("expires-next", "", expiry=now + 1)
    given("week", "", expiry=now + WEEK_NS)
    given("far", "P-06 expiry", expiry=now + WEEK_NS + 1)
    given("minute", "", flags=1, expiry=now + 60 * SECOND)
    given("over-minute", "P-06 expiry", flags=5, expiry=now + 60 * SECOND + 1)
    given("hour-over", "P-06 expiry", expiry=2**64 - 1)
    given("floor", "P-07 counter", counter=0)
    given("version-0", "P-08 version", version=0)
    given("version-later", "", version=2**32 - 1)
    given("fee-cap", "", fee_cap=-(2**63))
    for name, signature in (
        ("high-s", op.signature[:32] + (N - 1).to_bytes(32, "big") + op.signature[64:]),
        ("zero-r", bytes(32) + op.signature[32:]),
        ("zero-s", op.signature[:32] + bytes(32) + op.signature[64:]),
        ("v", op.signature[:64] + b"\0"),
    ):
        with corpus.settlement(
            f"open-{name}", "no signature", moment.world, "S-03 signature"
        ) as inputs:
            inputs.op(OrderOpen(op.order, signature))


def _reopening(corpus: Corpus, worlds: Worlds) -> None:
    def half_filled(s: Script) -> None:
        order = s.place(ALICE, BUY, BID, 4 * SIZE)
        s.place(BOB, SELL, BID, 2 * SIZE)
        s.amend(ALICE, order, size=5 * SIZE)
        s.place(BOB, SELL, BID, SIZE)

    moment = moment_before(corpus, "reopening", worlds.open, half_filled, OrderOpen, skip=2)
    s, op = moment.script, moment.op
    assert isinstance(op, OrderOpen)
    assert op.order.version == 2, "the amended order comes third"
    for name, refuses, changes in (
        ("good", "", {}),
        ("smaller", "", {"size": 3 * SIZE}),
        ("price", "", {"limit_price": BID - 10_000}),
        ("version-same", "P-08 version", {"version": 1}),
        ("side", "P-08 version", {"side": SELL}),
        ("flags", "P-08 version", {"flags": 2}),
        ("listing", "P-08 version", {"listing": 2, "limit_price": 50_000}),
        ("size-filled", "P-08 version", {"size": 2 * SIZE}),
        ("size-below", "P-08 version", {"size": SIZE}),
    ):
        order = replace(op.order, **changes)
        with corpus.settlement(
            f"reopen-{name}", "a larger version", moment.world, refuses
        ) as inputs:
            inputs.op(OrderOpen(order, s.signed(order, ALICE.wallet)))
    with corpus.settlement(
        "reopen-closed", "after order_close", moment.world, "P-08 version"
    ) as inputs:
        inputs.op(OrderClose(op.order.key))
        inputs.op(op)


def _renewing(corpus: Corpus, world: World) -> None:
    def renewed(s: Script) -> None:
        order = s.place(ALICE, BUY, BID, 4 * SIZE)
        s.place(BOB, SELL, BID, SIZE)
        s.renew(ALICE, order, 3 * SIZE, life_ns=DAY_NS)

    moment = moment_before(corpus, "renewing", world, renewed, OrderOpen, skip=2)
    s, op = moment.script, moment.op
    assert isinstance(op, OrderOpen)
    assert op.order.renews, "the renewal comes third"
    for name, refuses, changes in (
        ("good", "", {}),
        ("smaller", "", {"size": SIZE}),
        ("absent", "", {"renews_counter": 12}),
        ("price", "", {"limit_price": BID - 10_000}),
        ("larger", "P-09 renews", {"size": 4 * SIZE}),
        ("side", "P-09 renews", {"side": SELL}),
        ("flags", "P-09 renews", {"flags": 2}),
        ("listing", "P-09 renews", {"listing": 2, "limit_price": 50_000}),
        ("hour-over", "P-09 renews", {"renews_hour": 2**20}),
        (
            "itself",
            "P-09 renews",
            {"renews_hour": op.order.expiry_hour, "renews_counter": op.order.counter},
        ),
    ):
        order = replace(op.order, **changes)
        with corpus.settlement(f"renewing-{name}", "a renewal", moment.world, refuses) as inputs:
            inputs.op(OrderOpen(order, s.signed(order, ALICE.wallet)))
    with corpus.settlement(
        "renewing-closed", "of a closed order", moment.world, "P-09 renews"
    ) as inputs:
        inputs.op(OrderClose(op.order.renews_key))
        inputs.op(op)
    with corpus.settlement(
        "renewing-twice", "again, by a larger version", moment.world, "P-09 renews"
    ) as inputs:
        inputs.op(op)
        order = replace(op.order, version=2, renews_counter=12)
        inputs.op(OrderOpen(order, s.signed(order, ALICE.wallet)))
    with corpus.settlement(
        "renewing-dead", "the old one opens no more", moment.world, "P-08 version"
    ) as inputs:
        inputs.op(op)
        old = replace(op.order, expiry=world.time_ns + HOUR_NS, counter=op.order.renews_counter)
        old = replace(old, version=2, renews_hour=0, renews_counter=0, size=4 * SIZE)
        assert old.key == op.order.renews_key, "the same hour"
        inputs.op(OrderOpen(old, s.signed(old, ALICE.wallet)))


def _closing(corpus: Corpus, worlds: Worlds) -> None:
    def trade(s: Script) -> None:
        order = s.place(ALICE, BUY, BID, 4 * SIZE)
        s.place(BOB, SELL, BID, SIZE)
        s.cancel(ALICE, order)

    moment = moment_before(corpus, "closing", worlds.open, trade, OrderClose)
    key = moment.op.key if isinstance(moment.op, OrderClose) else 0
    hour = key >> 72
    with corpus.settlement("close", "an open order", moment.world, "", "P-10") as inputs:
        inputs.op(moment.op)
    with corpus.settlement("close-twice", "a closed one", moment.world, "P-10 counter") as inputs:
        inputs.op(moment.op)
        inputs.op(moment.op)
    for name, other in (
        ("absent", key + 1),
        ("session", key | 1 << 40),
        ("zero", 0),
        ("top", key | 1 << 92),
    ):
        with corpus.settlement(
            f"close-{name}", "no such order", moment.world, "P-10 counter"
        ) as inputs:
            inputs.op(OrderClose(other))
    gone = (hour + 1) * HOUR_NS + WEEK_NS - worlds.open.time_ns
    for name, delta, number, refuses in (
        ("due", gone, hour, ""),
        ("early", gone - SECOND, hour, "P-12 hour"),
        ("other", gone, hour - 1, ""),
        ("next", gone, hour + 1, "P-12 hour"),
        ("over", 2**62 - worlds.open.time_ns, 2**20, "P-12 hour"),
        ("largest", gone, 2**32 - 1, "P-12 hour"),
    ):
        with corpus.settlement(
            f"drop-{name}", "the leaves of an hour", moment.world, refuses
        ) as inputs:
            inputs.op(DropHour(number), delta)
    s = moment.script
    for name, floor, refuses in (
        ("raised", 5, ""),
        ("highest", 2**40 - 1, ""),
        ("zero", 0, "P-11 floor"),
    ):
        with corpus.settlement(f"input-floor-{name}", "a floor", moment.world, refuses) as inputs:
            inputs.op(s.floor_body(ALICE, floor))
    with corpus.settlement(
        "input-floor-same", "the second time", moment.world, "P-11 floor"
    ) as inputs:
        inputs.op(s.floor_body(ALICE, 5))
        inputs.op(s.floor_body(ALICE, 5))
    with corpus.settlement(
        "input-floor-signer", "not its owner", moment.world, "S-03 signature"
    ) as inputs:
        inputs.op(s.floor_body(ALICE, 5, signed_by=CAROL.wallet))
    with corpus.settlement(
        "input-floor-account", "nobody's", moment.world, "S-02 account"
    ) as inputs:
        inputs.op(s.floor_body(replace(ALICE, account=9), 5))


def _speak(s: Script) -> None:
    s.epoch(0, BTC_INDEX)


def _oracle(corpus: Corpus, world: World) -> None:
    moment = moment_before(corpus, "speaking", world, _speak, Epoch)
    op, s = moment.op, moment.script
    assert isinstance(op, Epoch)
    encoded = encode_op(op, moment.time_delta_ns, 1)
    with corpus.settlement("speak", "a vector", moment.world, "", "E-01 E-06") as inputs:
        inputs.raw(encoded)
    with corpus.settlement("speak-early", "before its time", moment.world, "E-04 time") as inputs:
        inputs.op(op, moment.time_delta_ns - 1)
    with corpus.settlement("speak-version", "version 2", moment.world, "S-01 command") as inputs:
        inputs.raw(encoded[:13] + b"\x02" + encoded[14:])
    with corpus.settlement(
        "speak-count", "one signature too few", moment.world, "S-01 command"
    ) as inputs:
        inputs.raw(encoded[:-66])
    with corpus.settlement("speak-twice", "the same again", moment.world, "E-02 number") as inputs:
        inputs.raw(encoded)
        inputs.raw(encoded)
    beat = s.heartbeat_body(0)
    with corpus.settlement(
        "speak-beat", "a heartbeat of the next", moment.world, "", "E-03"
    ) as inputs:
        inputs.raw(encoded)
        inputs.op(beat, 2 * SECOND)
    with corpus.settlement(
        "speak-beat-early", "before its vector", moment.world, "E-02 number"
    ) as inputs:
        inputs.op(beat, 2 * SECOND)
