"""Cases of single steps in dated contracts: fills, slices, hedges, tear-ups (F-16 to F-18, Q)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from merkat.spec.messages import SetInstrument, encode_item
from merkat.spec.settle import ops
from merkat.spec.settle.ops import OrderOpen
from merkat.spec.values import BUY, ONE, SELL
from merkat.spec.vectors.corpus import ANYTHING, Corpus, World
from merkat.spec.vectors.desk import (
    CALL_FAR,
    CALL_NEAR,
    COIN,
    FUTURE_FAR,
    LOT,
    NEAR,
    PERPETUAL_LISTING,
    SECOND,
    SPOT_LISTING,
    Desks,
    dated_item,
    near_mark,
    publish,
    trade,
)
from merkat.spec.vectors.moments import Moment, moment_before
from merkat.spec.vectors.option_books import bids, longs, on_coins, shorts
from merkat.spec.vectors.script import USD, Script, Trader, group_item
from merkat.spec.vectors.seizures import Probe
from merkat.spec.vectors.worlds import ALICE, BOB, CAROL, DAVE, ERIN

JUMPS = {"node_count": 3, "threshold": 2, "jump": ONE, "fund_event_share": 0}


def derivative_step_cases(corpus: Corpus, desks: Desks) -> None:
    """Inputs of the settlement machine, each a venue's step with something changed."""
    corpus.family("derivative_steps", "step-")
    _orders(corpus, desks.open)
    _fills(corpus, desks.open)
    _spot_fills(corpus, desks.open)
    _names(corpus, desks.open)
    _slices(corpus, desks.open)
    _hedges(corpus, desks.open)
    _coins(corpus, desks.open)
    _tear_ups(corpus, desks.open)


def _opened(s: Script, by: Trader, side: int, listing: int, price: int, size: int) -> OrderOpen:
    """Return the step that opens an order signed at this moment."""
    order = s.order(by, side, price, size, listing=listing)
    return OrderOpen(order, s.signed(order, by.wallet))


def _orders(corpus: Corpus, world: World) -> None:
    """P-03 with a coarse tick."""
    with corpus.venue("coarse-for-inputs", "signed for the inputs", world) as s:
        steps = {
            price: _opened(s, ALICE, BUY, CALL_FAR, price * USD, LOT)
            for price in (999, 1_000, 1_001, 1_004, 1_005)
        }
        s.tick()
    for price, step in steps.items():
        refuses = "P-03 limit_price" if price in (1_001, 1_004) else ""
        with corpus.settlement(f"coarse-{price}", "on tick", world, refuses) as inputs:
            inputs.op(step)


def _fills(corpus: Corpus, world: World) -> None:
    def option(s: Script) -> None:
        s.margin_mode(BOB, 1)
        trade(s, BOB, ALICE, CALL_FAR, COIN // 10)

    moment = moment_before(corpus, "filling-option", world, option, ops.Fill)
    probe = Probe(corpus, moment, "option-fill")
    probe("good")
    probe("names-mode-0", "F-18 margin_rule", margin_rules=4, maker_names=b"\xff" * 8)
    probe("names-taker", "F-18 margin_rule", margin_rules=8, taker_names=b"\xff" * 8)
    probe("both-names", "F-18 margin_rule", margin_rules=12, **_both(b"\xff" * 8))
    probe("maker-improves", "F-15 margin_rule", margin_rules=1)
    probe("price-off-quantum", "F-05 price", price=_price(moment) + 1)
    probe("stale", "F-14 group", later_ns=6 * SECOND)

    def last(s: Script) -> None:
        s.wait(NEAR - s.time_ns - 3 * SECOND)
        publish(s)
        trade(s, ERIN, ALICE, CALL_NEAR, COIN // 10)

    expiring = moment_before(corpus, "filling-last", world, last, ops.Fill)
    probe = Probe(corpus, expiring, "last-fill")
    now = expiring.script.sent[-1].time_ns
    probe("before", later_ns=NEAR - 1 - now)
    probe("at", "F-16 listing", later_ns=NEAR - now)

    def unlisted(s: Script) -> None:
        s.item(dated_item(strike=90_000 * USD, expiry=NEAR))
        option(s)

    early = moment_before(corpus, "filling-early", world, unlisted, ops.Fill)
    sell = _opened(early.script, CAROL, SELL, 11, 12_000 * USD, LOT)
    buy = _opened(early.script, ALICE, BUY, 11, 12_000 * USD, LOT)
    probe = Probe(corpus, early, "early-fill")
    keys = {"maker_key": sell.order.key, "taker_key": buy.order.key, "size": LOT}
    probe("no-row", "F-16 listing", before=(sell, buy), price=12_000 * USD, **keys)


def _both(names: bytes) -> dict[str, Any]:
    return {"maker_names": names, "taker_names": names}


def _price(moment: Moment) -> int:
    step: Any = moment.op
    price: int = step.price
    return price


def _spot_fills(corpus: Corpus, world: World) -> None:
    def sold(s: Script) -> None:
        trade(s, ERIN, CAROL, SPOT_LISTING, COIN // 2)

    moment = moment_before(corpus, "filling-spot", world, sold, ops.Fill)
    s, op = moment.script, moment.op
    assert isinstance(op, ops.Fill)
    probe = Probe(corpus, moment, "spot-fill")
    probe("good")
    short = _opened(s, BOB, SELL, SPOT_LISTING, op.price, COIN)
    more = _opened(s, ERIN, SELL, SPOT_LISTING, op.price, 3 * COIN)
    large = _opened(s, CAROL, BUY, SPOT_LISTING, op.price, 3 * COIN)
    new = {"maker_slot": 0, "maker_key": short.order.key}
    probe("short", "F-17 size", before=(short,), **new)
    probe("short-improves", "F-17 size", before=(short,), margin_rules=1, **new)
    keys = {"maker_key": more.order.key, "taker_key": large.order.key}
    probe("more", "F-17 size", before=(more, large), size=2 * COIN + LOT, **keys)
    probe("loan", "F-15 margin_rule", before=(more, large), size=2 * COIN, **keys)


def _names(corpus: Corpus, world: World) -> None:
    """A portfolio account that only improves: the names of its largest losses."""

    def reduced(s: Script) -> None:
        longs(s)
        publish(s, 99_800)
        for _ in range(2):
            s.place(BOB, BUY, near_mark(s, FUTURE_FAR), LOT, listing=FUTURE_FAR)
            s.place(DAVE, SELL, near_mark(s, FUTURE_FAR), LOT, listing=FUTURE_FAR)

    for skip in range(5, 12):
        moment = moment_before(corpus, f"improving-{skip}", world, reduced, ops.Fill, skip)
        step = moment.op
        assert isinstance(step, ops.Fill)
        if step.taker_names:
            break
        del corpus.settlement_states[moment.world.name]
    else:
        raise AssertionError("no fill of the script has names")
    probe = Probe(corpus, moment, "improving")
    names = step.taker_names
    probe("good")
    probe("none", "F-18 margin_rule", margin_rules=2, taker_names=b"")
    probe("wrong", "F-18 margin_rule", taker_names=bytes([names[0] ^ 1]) + names[1:])
    probe("rest", "F-18 margin_rule", taker_names=names[:1] + bytes(7))
    probe("holds", "F-15 margin_rule", margin_rules=0, taker_names=b"")
    probe("holds-names", "F-15 margin_rule", margin_rules=8)
    probe("maker-too", "F-18 margin_rule", margin_rules=14, maker_names=b"\xff" * 8)
    probe("bit-7", margin_rules=step.margin_rules | 128)
    data = ops.encode_op(step, moment.time_delta_ns, moment.log_delta)
    for name, spoilt in (("cut", data[:-1]), ("long", data + b"\xff"), ("no-names", data[:-8])):
        with corpus.settlement(
            f"improving-{name}", "names that do not fit", moment.world, "S-01 command"
        ) as inputs:
            inputs.raw(spoilt)


def _slices(corpus: Corpus, world: World) -> None:
    def sliced(s: Script) -> None:
        shorts(s)
        publish(s, 101_500)
        bids(s, CALL_FAR, SELL, COIN // 25, 4, 9)
        s.wait(SECOND)
        publish(s, 101_500)

    moment = moment_before(corpus, "buying-back", world, sliced, ops.Liquidate)
    op, s = moment.op, moment.script
    assert isinstance(op, ops.Liquidate)
    probe = Probe(corpus, moment, "buy-back")
    probe("good")
    probe("price-quantum", "Q-10 price", price=op.price - 1)
    probe("price-below-order", "Q-10 price", price=op.price - 5 * USD)
    far = _opened(s, CAROL, SELL, CALL_FAR, op.price, COIN)
    key: dict[str, Any] = {"maker_key": far.order.key}
    for dollars in (100, 200, 300, 400, 600, 900, 1_500):
        with corpus.settlement(
            f"buy-back-{dollars}", "by the limit's edge", moment.world, ANYTHING
        ) as inputs:
            inputs.op(far, moment.time_delta_ns)
            inputs.op(replace(op, price=op.price + dollars * USD, maker_slot=5, **key))
    probe("names", "Q-12 margin_rule", margin_rules=4, maker_names=b"\xff" * 8)
    probe("improves", "Q-12 margin_rule", margin_rules=1)
    probe("over-order", "Q-08 size", size=op.size + LOT)


def _hedges(corpus: Corpus, world: World) -> None:
    def hedged(s: Script) -> None:
        longs(s)
        bids(s, PERPETUAL_LISTING, BUY, COIN // 10, -260_000, -265_000)
        bids(s, CALL_FAR, BUY, COIN // 10, -300)
        publish(s, 97_500)

    moment = moment_before(corpus, "hedging", world, hedged, ops.Hedge)
    op, s = moment.op, moment.script
    assert isinstance(op, ops.Hedge)
    probe = Probe(corpus, moment, "hedge-step")
    probe("good")
    probe("lot", size=LOT)
    probe("size-zero", "Q-20 size", size=0)
    probe("size-negative", "Q-20 size", size=-LOT)
    probe("size-no-lot", "Q-20 size", size=LOT + 1)
    probe("size-over-order", "Q-20 size", size=COIN // 10 + LOT)
    big = _opened(s, CAROL, BUY, PERPETUAL_LISTING, op.price, COIN)
    key: dict[str, Any] = {"maker_key": big.order.key}
    for lots in (2_363, 2_364, 2_365, 2_366, 2_400):
        with corpus.settlement(
            f"hedge-step-{lots}", "where the sign would change", moment.world, ANYTHING
        ) as inputs:
            inputs.op(big, moment.time_delta_ns)
            inputs.op(replace(op, size=lots * LOT, **key))
    probe("slot-held", "Q-19 slot", slot=0)
    probe("slot-over", "Q-19 slot", slot=1_024)
    probe("slot-high", slot=1_023)
    probe("account-safe", "Q-05 stage", account=ALICE.account)
    probe("nobody", "S-02 account", account=99)
    probe("maker-nobody", "Q-12 account", maker_key=99 << 44 | 1)
    probe("maker-absent", "Q-19 listing", maker_key=op.maker_key + 1)
    for side, price, refuses in (
        (SELL, op.price, "Q-07 counter"),
        (BUY, 50_000 * USD, "Q-10 price"),
    ):
        other = _opened(s, CAROL, side, PERPETUAL_LISTING, price, COIN)
        probe(f"order-{side}", refuses, before=(other,), maker_key=other.order.key)
    option = _opened(s, CAROL, BUY, CALL_FAR, op.price, LOT)
    probe("option", "Q-19 listing", before=(option,), maker_key=option.order.key, size=LOT)
    future = _opened(s, CAROL, BUY, FUTURE_FAR, op.price // USD * USD, LOT)
    probe("future", "Q-19 listing", before=(future,), maker_key=future.order.key, size=LOT)
    plain = _opened(s, CAROL, BUY, 10, 3_000 * USD, 1_000)
    probe("other-group", "Q-19 listing", before=(plain,), maker_key=plain.order.key, size=1_000)
    own = _opened(s, DAVE, BUY, PERPETUAL_LISTING, op.price, LOT)
    probe("self", "Q-07 counter", before=(own,), maker_key=own.order.key, size=LOT)
    probe("price-limit", "Q-10 price", price=op.price + LOT)
    probe("price-zero", "Q-10 price", price=0)
    probe("maker-improves", "Q-12 margin_rule", margin_rules=1)
    probe("stale", "Q-02 group", later_ns=6 * SECOND)
    probe("twice", "Q-05 stage", before=(op,), size=LOT)
    closing = ops.Inbox(encode_item(SetInstrument(1, PERPETUAL_LISTING, 2, 100_000, 500_000)))
    probe("reductions", "Q-12 group", before=(closing,))

    step = ops.Hedge(DAVE.account, 9, 1, 0, USD, LOT, 0)
    with corpus.settlement("hedge-step-stage", "in stage 0", world, "Q-05 stage") as inputs:
        inputs.op(step)


def _coins(corpus: Corpus, world: World) -> None:
    def sold(s: Script) -> None:
        on_coins(s)
        s.item(group_item(0, **JUMPS))
        publish(s, 60_000)
        bids(s, SPOT_LISTING, BUY, COIN, -60, -90)
        s.wait(2 * SECOND)
        publish(s, 60_000)

    moment = moment_before(corpus, "selling-coins", world, sold, ops.Liquidate)
    op = moment.op
    assert isinstance(op, ops.Liquidate)
    probe = Probe(corpus, moment, "coin-slice")
    probe("good")
    probe("over", "Q-08 size", size=op.size + LOT)
    probe("price", "Q-10 price", price=op.price + LOT)
    with corpus.settlement("coin-slice-no-loan", "nothing owed", world, "Q-06 slot") as inputs:
        inputs.op(ops.Liquidate(ERIN.account, 0, 1, 0, USD, LOT, 0))


def _tear_ups(corpus: Corpus, world: World) -> None:
    def torn(s: Script) -> None:
        s.deposit(DAVE.wallet, LOT // 10_000 * LOT, DAVE.account, token=1)
        shorts(s)
        s.item(group_item(0, **JUMPS))
        publish(s, 125_000)
        bids(s, SPOT_LISTING, BUY, COIN, -10)
        s.wait(2 * SECOND)
        publish(s, 125_000)
        s.wait(2 * SECOND)
        publish(s, 125_000)

    def ruined(s: Script) -> None:
        shorts(s)
        s.item(group_item(0, **JUMPS))
        publish(s, 125_000)

    moment = moment_before(corpus, "tearing-options", world, ruined, ops.TearUp)
    op = moment.op
    assert isinstance(op, ops.TearUp)
    probe = Probe(corpus, moment, "option-tear")
    probe("good")
    probe("price", "Q-17 price", price=op.price + LOT)
    probe("part", size=LOT)
    probe("size", "Q-16 size", size=op.size + LOT)
    coin = moment_before(corpus, "coin-first", world, torn, ops.Stage)
    with corpus.settlement("coin-first-bankrupt", "a coin is left", coin.world, "Q-13 stage") as i:
        i.op(ops.Bankrupt(DAVE.account, 0), coin.time_delta_ns)
