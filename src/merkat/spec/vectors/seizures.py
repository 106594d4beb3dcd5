"""Cases of the steps of a liquidation, as the settlement machine checks them (rules Q)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from merkat.spec.messages import Heartbeat, SetInstrument, encode_item
from merkat.spec.settle.limits import tear_price
from merkat.spec.settle.margin import figures
from merkat.spec.settle.ops import (
    Bankrupt,
    Fill,
    Inbox,
    Liquidate,
    MicroOp,
    OrderClose,
    OrderOpen,
    Stage,
    TearUp,
    WriteOff,
)
from merkat.spec.settle.state import State
from merkat.spec.values import BUY, SELL
from merkat.spec.vectors.corpus import Corpus, World
from merkat.spec.vectors.moments import Moment, moment_before
from merkat.spec.vectors.script import CONFIG, USD, Script, group_item
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
    Worlds,
)

SECOND = 10**9
SIZE = BTC // 100
LOT = QUANTUM = 10_000


def seizure_cases(corpus: Corpus, worlds: Worlds) -> None:
    """Q-01 to Q-18 on states within a waterfall."""
    corpus.family("seizures")
    _stage(corpus, worlds)
    _stage_groups(corpus, worlds.open)
    _liquidate_fields(corpus, worlds.leveraged)
    _liquidate_orders(corpus, worlds.leveraged)
    _liquidate_makers(corpus, worlds.leveraged)
    _liquidate_shares(corpus, worlds)
    _liquidate_remainders(corpus, worlds.open)
    _liquidate_equity(corpus, worlds.leveraged)
    _bankrupt(corpus, worlds)
    _tear_up(corpus, worlds)
    _write_off(corpus, worlds.open)


class Probe:
    """Writes cases of one moment: the step with a field changed, or after other steps."""

    def __init__(self, corpus: Corpus, moment: Moment, prefix: str) -> None:
        self.corpus, self.moment, self.prefix = corpus, moment, prefix

    def __call__(
        self,
        name: str,
        refuses: str = "",
        before: tuple[MicroOp, ...] = (),
        later_ns: int = 0,
        **changes: Any,
    ) -> None:
        """Write a case whose last input is the moment's step with these fields."""
        step: Any = replace(self.moment.op, **changes)
        title = f"{type(step).__name__} within a waterfall"
        case_id = f"{self.prefix}-{name}"
        with self.corpus.settlement(case_id, title, self.moment.world, refuses) as inputs:
            for number, earlier in enumerate(before):
                inputs.op(earlier, self.moment.time_delta_ns if number == 0 else 0)
            start = 0 if before else self.moment.time_delta_ns
            inputs.op(step, start + later_ns)


def _falls_to(dollars: int) -> Callable[[Script], None]:
    def run(s: Script) -> None:
        s.epoch(0, dollars * USD)

    return run


def _stage(corpus: Corpus, worlds: Worlds) -> None:
    entering = moment_before(corpus, "entering", worlds.leveraged, _falls_to(97_900), Stage)
    probe = Probe(corpus, entering, "enter")
    probe("good")
    for stage in (2, 3, 255):
        probe(f"value-{stage}", "Q-01 stage", stage=stage)
    probe("other-group", "Q-03 group", group=1)
    probe("no-group", "Q-03 group", group=9)
    probe("safe-account", "Q-03 stage", account=BOB.account)
    probe("no-position", "Q-03 stage", account=CAROL.account)
    probe("leaves", "Q-04 stage", stage=0)
    probe("twice", "Q-03 stage", before=(entering.op,))
    probe("stale", "Q-02 group", later_ns=6 * SECOND)
    probe("five-seconds", later_ns=5 * SECOND - 10**6)
    leaving = moment_before(corpus, "leaving", worlds.troubled, _falls_to(98_800), Stage)
    probe = Probe(corpus, leaving, "leave")
    probe("good")
    probe("other-group", group=7)
    probe("twice", "Q-04 stage", before=(leaving.op,))
    probe("enters", "Q-03 stage", stage=1)
    probe("stale", "Q-02 group", later_ns=6 * SECOND)
    with corpus.settlement("leave-early", "below stop", worlds.troubled, "Q-04 stage") as inputs:
        inputs.op(Stage(DAVE.account, 0, 0))


def _stage_groups(corpus: Corpus, world: World) -> None:
    """Maintenance in two groups: the larger one, and the lower of two that tie."""

    def tie(s: Script) -> None:
        s.place(BOB, SELL, BTC_INDEX, 45 * SIZE)
        s.place(DAVE, BUY, BTC_INDEX, 45 * SIZE)
        s.place(CAROL, SELL, ETH_INDEX, 15 * ETH, listing=3)
        s.place(DAVE, BUY, ETH_INDEX, 15 * ETH, listing=3)
        s.withdraw(DAVE, 500 * USD)
        s.epoch(0, 95_000 * USD)
        s.epoch(1, 2_850 * USD)

    moment = moment_before(corpus, "tied", world, tie, Stage)
    probe = Probe(corpus, moment, "tie")
    probe("lower")
    probe("higher", "Q-03 group", group=1)


def _slice(
    size: int = BTC // 2, price: int = 97_850, **parameters: int
) -> Callable[[Script], None]:
    """Have erin bid, then the index fall so that dave is sold to her."""

    def run(s: Script) -> None:
        if parameters:
            s.item(group_item(0, **parameters))
        s.place(ERIN, BUY, price * USD, size)
        s.epoch(0, 97_900 * USD)

    return run


def _liquidate_fields(corpus: Corpus, world: World) -> None:
    moment = moment_before(corpus, "slicing", world, _slice(), Liquidate)
    op = moment.op
    assert isinstance(op, Liquidate)
    probe = Probe(corpus, moment, "slice-step")
    probe("good")
    probe("lot", size=LOT)
    probe("empty-slot", "Q-06 slot", slot=1)
    probe("slot-over", "Q-06 slot", slot=1_024)
    probe("slot-largest", "Q-06 slot", slot=65_535)
    probe("account-safe", "Q-05 stage", account=BOB.account)
    probe("account-none", "Q-06 slot", account=CAROL.account)
    probe("stale", "Q-02 group", later_ns=5 * SECOND + 10**6)
    probe("size-zero", "Q-08 size", size=0)
    probe("size-negative", "Q-08 size", size=-LOT)
    probe("size-no-lot", "Q-08 size", size=LOT + 1)
    probe("size-over-order", "Q-08 size", size=BTC // 2 + LOT)
    probe("share", "Q-09 size", size=op.size + LOT)
    probe("price-zero", "Q-10 price", price=0)
    probe("price-negative", "Q-10 price", price=-QUANTUM)
    probe("price-no-quantum", "Q-10 price", price=op.price - 1)
    probe("price-over-limit", "Q-10 price", price=op.price + QUANTUM)
    probe("price-better", price=op.price - QUANTUM)
    worst = 97_655_250_000  # 25 bp below the mark
    probe("price-worst", price=worst)
    probe("price-below", "Q-10 price", price=worst - QUANTUM)
    probe("maker-slot", "Q-12 slot", maker_slot=1_024)
    probe("maker-slot-high", maker_slot=1_023)
    probe("maker-improves", "Q-12 margin_rule", margin_rules=1)
    probe("taker-bit", margin_rules=2)
    probe("maker-nobody", "Q-12 account", maker_key=9 << 44 | 1)
    probe("maker-absent", "Q-07 counter", maker_key=op.maker_key + 1)


def _liquidate_orders(corpus: Corpus, world: World) -> None:
    """What the maker's order must be; a good one is left in the state beside each."""
    moment = moment_before(corpus, "slicing-orders", world, _slice(), Liquidate)
    op, s = moment.op, moment.script
    assert isinstance(op, Liquidate)
    probe = Probe(corpus, moment, "slice-order")

    def other(name: str, refuses: str, **terms: Any) -> None:
        by = terms.pop("by", CAROL)
        side, price = terms.pop("side", BUY), terms.pop("price", 97_850 * USD)
        body = s.order(by, side, price, terms.pop("size", BTC // 2), **terms)
        opened = OrderOpen(body, s.signed(body, by.wallet))
        probe(name, refuses, before=(opened,), maker_key=body.key)

    other("good", "")
    other("side", "Q-07 counter", side=SELL)
    other("listing", "Q-07 counter", listing=2, size=10_000, price=97_850 * USD)
    other("self", "Q-07 counter", by=DAVE)
    other("fee-cap", "Q-07 counter", fee_cap=99_999)
    other("fee-cap-equal", "", fee_cap=100_000)
    other("small", "Q-08 size", size=LOT)
    other("limit", "Q-10 price", price=97_840 * USD)
    closed = OrderClose(op.maker_key)
    probe("closed", "Q-07 counter", before=(closed,))
    floor = s.floor_body(ERIN, (op.maker_key & 2**40 - 1))
    probe("floor", "Q-07 counter", before=(floor,))
    short = s.order(CAROL, BUY, 97_850 * USD, BTC // 2, life_ns=SECOND)
    opened = OrderOpen(short, s.signed(short, CAROL.wallet))
    opened_ns = State.decode(CONFIG, moment.world.settlement).globals_.time + moment.time_delta_ns
    for early, refuses in ((0, "Q-07 counter"), (1, "")):
        later_ns = short.expiry - opened_ns - early
        name = f"expiry-{early}"
        probe(name, refuses, before=(opened,), later_ns=later_ns, maker_key=short.key)


def _liquidate_makers(corpus: Corpus, world: World) -> None:
    """The maker is checked as in a fill: code of Q-12, field of the check."""
    moment = moment_before(corpus, "slicing-makers", world, _slice(), Liquidate)
    op, s = moment.op, moment.script
    assert isinstance(op, Liquidate)
    probe = Probe(corpus, moment, "slice-maker-step")
    reductions = Inbox(encode_item(SetInstrument(1, 1, 2, 100_000, 500_000)))
    probe("restricted", "Q-12 group", before=(reductions,))
    # Carol's 20,000 USD bear 3.07 BTC; she holds 3 by then.
    body = s.order(CAROL, BUY, 97_860 * USD, 4 * BTC)
    sold = s.order(BOB, SELL, 97_860 * USD, 4 * BTC)
    from_bob = [
        OrderOpen(body, s.signed(body, CAROL.wallet)),
        OrderOpen(sold, s.signed(sold, BOB.wallet)),
    ]
    buys = _fill_of(body.key, sold.key, 306 * SIZE)
    probe("margin", "Q-12 margin_rule", before=(*from_bob, buys), maker_key=body.key)


def _fill_of(maker_key: int, taker_key: int, size: int) -> MicroOp:
    return Fill(maker_key, taker_key, 0, 0, 97_860 * USD, size, 0)


def _liquidate_shares(corpus: Corpus, worlds: Worlds) -> None:
    second = moment_before(
        corpus,
        "slicing-again",
        worlds.leveraged,
        _slice(stop_ratio=2 * 10**9, slice_share=10**8),
        Liquidate,
    )
    probe = Probe(corpus, second, "share")
    assert isinstance(second.op, Liquidate)
    half = second.op.size // 2
    probe("half", size=half)
    probe("halves", before=(replace(second.op, size=half),), size=half)
    probe("halves-over", "Q-09 size", before=(replace(second.op, size=half),), size=half + LOT)

    def later(s: Script) -> None:
        s.place(ERIN, BUY, 97_850 * USD, BTC // 10)
        s.wait(4 * SECOND)
        s.heartbeat(0)
        s.wait(SECOND)
        s.heartbeat(0)
        s.wait(SECOND)
        s.place(ALICE, BUY, 97_850 * USD, BTC)
        s.epoch(0, 97_900 * USD)

    waited = moment_before(corpus, "slicing-late", worlds.troubled, later, Liquidate)
    probe = Probe(corpus, waited, "share-late")
    probe("good")

    def both(s: Script) -> None:
        """Have dave's two listings of one group sold in one epoch."""
        s.item(group_item(0, stop_ratio=2 * 10**9))
        s.place(ERIN, BUY, 97_850 * USD, BTC // 10)
        s.epoch(0, 97_900 * USD)

    def two_listings(s: Script) -> None:
        s.place(BOB, SELL, BTC_INDEX, 40_000, listing=2)
        s.place(DAVE, BUY, BTC_INDEX, 40_000, listing=2)
        s.place(BOB, SELL, BTC_INDEX, 60 * SIZE)
        s.place(DAVE, BUY, BTC_INDEX, 60 * SIZE)
        both(s)

    pair = moment_before(corpus, "slicing-pair", worlds.open, two_listings, Liquidate)
    op, s = pair.op, pair.script
    assert isinstance(op, Liquidate)
    body = s.order(CAROL, BUY, 97_850 * USD, 10_000, listing=2)
    opened = OrderOpen(body, s.signed(body, CAROL.wallet))
    probe = Probe(corpus, pair, "share-pair")
    first = replace(op, size=LOT)
    probe("other", before=(opened,), slot=0, maker_key=body.key, size=10)
    probe("both", "Q-09 size", before=(opened, first), slot=0, maker_key=body.key, size=10)


def _liquidate_remainders(corpus: Corpus, world: World) -> None:
    """A slice of nine tenths: a remainder of ten lots stays, one of nine goes too."""
    for lots, over in ((100, "Q-09 size"), (99, "")):

        def small(s: Script, lots: int = lots) -> None:
            s.item(group_item(0, slice_share=900_000_000, stop_ratio=2 * 10**9))
            frank = s.deposit(wallet("frank"), 100 * USD)
            s.place(BOB, SELL, BTC_INDEX, lots * LOT)
            s.place(frank, BUY, BTC_INDEX, lots * LOT)
            s.epoch(0, 95_500 * USD)
            s.place(ALICE, BUY, 94_590 * USD, BTC)
            s.epoch(0, 94_600 * USD)

        moment = moment_before(corpus, f"slicing-{lots}", world, small, Liquidate)
        probe = Probe(corpus, moment, f"remainder-{lots}")
        probe("nine-tenths", size=90 * LOT)
        probe("all", over, size=lots * LOT)


def _liquidate_equity(corpus: Corpus, world: World) -> None:
    def deep(s: Script) -> None:
        s.place(ALICE, BUY, 93_300 * USD, BTC)
        s.epoch(0, 93_400 * USD)

    moment = moment_before(corpus, "slicing-deep", world, deep, Stage)
    assert isinstance(moment.op, Stage)
    s = moment.script
    body = s.order(CAROL, BUY, 93_300 * USD, BTC // 2)
    opened = OrderOpen(body, s.signed(body, CAROL.wallet))
    for name, price, size, refuses in (
        ("good", 93_300 * USD, LOT, ""),
        ("more", 93_300 * USD, BTC // 10, ""),
        ("worse", 93_000 * USD, BTC // 2, "Q-11 margin_rule"),
    ):
        step = Liquidate(DAVE.account, 0, body.key, 0, price, size, 0)
        with corpus.settlement(f"equity-{name}", "what is left", moment.world, refuses) as inputs:
            inputs.op(moment.op, moment.time_delta_ns)
            inputs.op(opened)
            inputs.op(step)


def _bankrupt(corpus: Corpus, worlds: Worlds) -> None:
    moment = moment_before(corpus, "ruined", worlds.leveraged, _falls_to(92_000), Bankrupt)
    probe = Probe(corpus, moment, "ruin")
    probe("good")
    probe("other-group", "Q-14 group", group=1)
    probe("no-group", "Q-14 group", group=2)
    probe("account-safe", "Q-13 stage", account=BOB.account)
    probe("account-empty", "Q-13 stage", account=CAROL.account)
    probe("twice", "Q-13 stage", before=(moment.op,))
    probe("stale", "Q-02 group", later_ns=6 * SECOND)
    dave = DAVE.account
    with corpus.settlement(
        "ruin-stages", "no stage after it", moment.world, "Q-03 stage"
    ) as inputs:
        inputs.op(moment.op, moment.time_delta_ns)
        inputs.op(Stage(dave, 0, 1))

    def time_out(s: Script) -> None:
        s.wait(119 * SECOND)
        s.heartbeat(0)
        s.wait(2 * SECOND)
        s.heartbeat(0)

    late = moment_before(corpus, "timed-out", worlds.troubled, time_out, Bankrupt)
    probe = Probe(corpus, late, "time-out")
    probe("good")
    beating = moment_before(corpus, "beating", worlds.troubled, time_out, Heartbeat, skip=1)
    state = State.decode(CONFIG, beating.world.settlement)
    edge = state.accounts[dave].stage_time + 120 * SECOND - state.globals_.time
    for name, over, refuses in (("early", -1, "Q-13 stage"), ("edge", 0, "")):
        with corpus.settlement(f"time-out-{name}", "two minutes", beating.world, refuses) as inputs:
            inputs.op(late.op, edge + over)


def _tear_up(corpus: Corpus, worlds: Worlds) -> None:
    moment = moment_before(corpus, "tearing", worlds.leveraged, _falls_to(91_000), TearUp)
    op = moment.op
    assert isinstance(op, TearUp)
    probe = Probe(corpus, moment, "tear")
    probe("good")
    probe("part", size=LOT)
    probe("price-over", "Q-17 price", price=op.price + QUANTUM)
    probe("price-under", "Q-17 price", price=op.price - QUANTUM)
    probe("price-mark", "Q-17 price", price=91_000 * USD)
    probe("size-zero", "Q-16 size", size=0)
    probe("size-negative", "Q-16 size", size=-LOT)
    probe("size-over", "Q-16 size", size=op.size + LOT)
    probe("size-no-lot", "Q-16 size", size=LOT + 1)
    probe("slot", "Q-16 size", slot=1)
    probe("other-slot", "Q-16 size", other_slot=1)
    probe("other-slot-over", "Q-16 size", other_slot=1_024)
    probe("itself", "Q-15 stage", other=op.account)
    probe("no-bankrupt", "Q-15 stage", account=op.other, other=op.account)
    probe("other-none", "Q-16 size", other=CAROL.account)
    probe("stale", "Q-02 group", later_ns=6 * SECOND)
    probe("twice", "Q-16 size", before=(op,))

    def same_side(s: Script) -> None:
        s.place(ALICE, BUY, 99_990 * USD, BTC // 10)
        s.place(BOB, SELL, 99_990 * USD, BTC // 10)
        s.epoch(0, 91_000 * USD)

    sides = moment_before(corpus, "tearing-sides", worlds.leveraged, same_side, TearUp)
    assert isinstance(sides.op, TearUp)
    probe = Probe(corpus, sides, "tear-side")
    probe("same", "Q-16 size", other=ALICE.account, size=LOT)
    half = sides.op.size // 2
    with corpus.settlement("tear-halves", "the price anew", sides.world) as inputs:
        inputs.op(replace(sides.op, size=half), sides.time_delta_ns)
        price = _tear_price(inputs.state)
        inputs.op(replace(sides.op, size=half, price=price))

    def with_stage_3(s: Script) -> None:
        s.item(group_item(0, fund_event_share=0))
        s.epoch(0, 91_000 * USD)

    unpaid = moment_before(corpus, "tearing-unpaid", worlds.leveraged, with_stage_3, TearUp)
    probe = Probe(corpus, unpaid, "tear-unpaid")
    probe("good")
    with corpus.settlement(
        "tear-write-off", "not with a position", unpaid.world, "Q-18 stage"
    ) as inputs:
        inputs.op(WriteOff(DAVE.account))


def _tear_price(state: State) -> int:
    return tear_price(state, DAVE.account, 0, figures(state, DAVE.account))


def _write_off(corpus: Corpus, world: World) -> None:
    def ruin(s: Script) -> None:
        for group, nodes in ((0, (7, 5)), (1, (3, 2))):
            s.item(group_item(group, *nodes, jump=10**9, fund_event_share=0))
        s.place(BOB, SELL, ETH_INDEX, 30 * ETH, listing=3)
        s.place(ERIN, BUY, ETH_INDEX, 30 * ETH, listing=3)
        s.place(ERIN, SELL, BTC_INDEX, BTC // 2)
        s.place(DAVE, BUY, BTC_INDEX, BTC // 2)
        s.withdraw(DAVE, 1_900 * USD)
        s.epoch(1, 1_500 * USD)

    moment = moment_before(corpus, "writing-off", world, ruin, WriteOff)
    probe = Probe(corpus, moment, "write-off")
    probe("good")
    probe("next-day", later_ns=86_400 * SECOND)
    probe("twice", "Q-18 stage", before=(moment.op,))
    probe("stage-0", "Q-18 stage", account=ALICE.account)
    probe("nothing-owed", "Q-18 stage", account=ERIN.account)
    empty = moment_before(corpus, "ruined-empty", world, ruin, Bankrupt, skip=1)
    probe = Probe(corpus, empty, "ruin-empty")
    probe("good")
    probe("other-group", group=0)
    probe("no-group", "Q-14 group", group=2)
