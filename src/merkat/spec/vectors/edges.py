"""Cases that stand exactly on a bound of a liquidation: equality decides (rules Q)."""

from __future__ import annotations

from dataclasses import replace

from merkat.spec.messages import Heartbeat
from merkat.spec.settle.ops import (
    TAKER_IMPROVES,
    Bankrupt,
    Epoch,
    Fill,
    Liquidate,
    MicroOp,
    OrderOpen,
    Stage,
)
from merkat.spec.settle.state import State
from merkat.spec.values import BUY, HOUR_NS, HOURS_END, SELL
from merkat.spec.vectors.corpus import Corpus, World
from merkat.spec.vectors.moments import Moment, moment_before
from merkat.spec.vectors.script import CONFIG, STEP_NS, USD, Script, Trader, group_item
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

QUANTUM = 1_000  # of listing 3
FREE = {"liquidation_fee": 0}


def edge_cases(corpus: Corpus, worlds: Worlds) -> None:
    """E = 0, E - MM as before, E = stop, E = MM, the worst price of a short."""
    corpus.family("edges")
    _equity_zero(corpus, worlds.open)
    _excess_equal(corpus, worlds.open)
    _stop_equal(corpus, worlds.open)
    _maintenance_equal(corpus, worlds.open)
    _short_worst(corpus, worlds.open)
    _two_thirds(corpus, worlds.open)
    _three_periods(corpus, worlds)
    _holds(corpus, worlds.open)
    _improves(corpus, worlds.open)
    _halt(corpus, worlds.positions)
    _ruin(corpus, worlds.open)
    _last_hour(corpus, worlds.open)
    _slices(corpus, worlds.open)


def _long_ethers(s: Script, ethers: int, **parameters: int) -> None:
    """Have dave long, in a listing without fees."""
    s.item(group_item(1, node_count=3, threshold=2, band=200_000_000, **parameters))
    s.place(BOB, SELL, ETH_INDEX, ethers * ETH, listing=3)
    s.place(DAVE, BUY, ETH_INDEX, ethers * ETH, listing=3)


def _sold(corpus: Corpus, moment: Moment, name: str, price: int, size: int, refuses: str) -> None:
    """Let dave enter stage 1, then sell to carol."""
    s = moment.script
    body = s.order(CAROL, BUY, 2_990 * USD, 40 * ETH, listing=3)
    opened = OrderOpen(body, s.signed(body, CAROL.wallet))
    with corpus.settlement(f"edge-{name}", "what is left after", moment.world, refuses) as inputs:
        if isinstance(moment.op, Stage) and moment.op.stage == 1:
            inputs.op(moment.op, moment.time_delta_ns)
        inputs.op(opened)
        inputs.op(Liquidate(DAVE.account, 0, body.key, 0, price, size, 0))


def _equity_zero(corpus: Corpus, world: World) -> None:
    def fall(s: Script) -> None:
        _long_ethers(s, 35, **FREE)
        s.epoch(1, 2_803 * USD)  # E = 7,000 - 35 x 197 = 105 USD

    moment = moment_before(corpus, "nearly-nothing", world, fall, Stage)
    zero = 2_792_500_000  # 10 coins at 10.50 USD below the mark
    _sold(corpus, moment, "equity-zero", zero, 10 * ETH, "")
    _sold(corpus, moment, "equity-negative", zero - QUANTUM, 10 * ETH, "Q-11 margin_rule")


def _excess_equal(corpus: Corpus, world: World) -> None:
    def fall(s: Script) -> None:
        _long_ethers(s, 35, slippage_floor=50_000_000, **FREE)
        s.epoch(1, 2_830 * USD)

    moment = moment_before(corpus, "slipping", world, fall, Stage)
    worst = 2_688_500_000  # 5 % below the mark: what maintenance falls by
    _sold(corpus, moment, "excess-equal", worst, ETH, "")
    _sold(corpus, moment, "excess-below", worst - QUANTUM, ETH, "Q-10 price")


def _twenty(s: Script) -> None:
    """Have dave long 20 coins with 4,900 USD: E = MM = 2,900 USD at 2,900 USD."""
    s.withdraw(DAVE, 2_100 * USD)
    _long_ethers(s, 20, stop_ratio=10**9, **FREE)


def _stop_equal(corpus: Corpus, world: World) -> None:
    def back(s: Script) -> None:
        _twenty(s)
        s.epoch(1, 2_899 * USD)
        s.epoch(1, 2_900 * USD)

    moment = moment_before(corpus, "at-stop", world, back, Stage, skip=1)
    with corpus.venue("edge-stop", "E = stop is enough", world) as script:
        back(script)
    with corpus.settlement("edge-stop-leaves", "E = stop is enough", moment.world) as inputs:
        inputs.op(moment.op, moment.time_delta_ns)
    _sold(corpus, moment, "stop-sells", 2_900 * USD, ETH, "Q-05 stage")


def _maintenance_equal(corpus: Corpus, world: World) -> None:
    for name, index in (("equal", 2_900 * USD), ("below", 2_900 * USD - QUANTUM)):

        def fall(s: Script, index: int = index) -> None:
            _twenty(s)
            s.epoch(1, index)

        with corpus.venue(f"edge-maintenance-{name}", "E = MM holds", world) as script:
            fall(script)
        moment = moment_before(corpus, f"maintenance-{name}", world, fall, Epoch)
        refuses = "Q-03 stage" if name == "equal" else ""
        with corpus.settlement(
            f"edge-enter-{name}", "E = MM holds", moment.world, refuses
        ) as inputs:
            inputs.op(moment.op, moment.time_delta_ns)
            inputs.op(Stage(DAVE.account, 1, 1))


def _short_worst(corpus: Corpus, world: World) -> None:
    def rise(s: Script) -> None:
        s.place(ALICE, BUY, BTC_INDEX, BTC)
        s.place(DAVE, SELL, BTC_INDEX, BTC)
        s.place(ERIN, SELL, 102_000 * USD, BTC // 2)
        s.epoch(0, 101_950 * USD)

    moment = moment_before(corpus, "buying-back", world, rise, Liquidate)
    op = moment.op
    assert isinstance(op, Liquidate)
    worst = 102_204_870_000  # 25 bp above the mark, in whole quanta
    for name, price, refuses in (
        ("limit", op.price, ""),
        ("better", op.price - 10_000, "Q-10 price"),
        ("worst", worst, ""),
        ("beyond", worst + 10_000, "Q-10 price"),
    ):
        step = replace(op, price=price)
        with corpus.settlement(
            f"edge-short-{name}", "buying back", moment.world, refuses
        ) as inputs:
            inputs.op(step, moment.time_delta_ns)


def _two_thirds(corpus: Corpus, world: World) -> None:
    """3 E = 2 MM is not below: 4,320 USD and 20 coins give 1,920 and 2,880 USD at 2,880 USD."""
    for name, index in (("equal", 2_880 * USD), ("below", 2_880 * USD - QUANTUM)):

        def fall(s: Script, index: int = index) -> None:
            s.withdraw(DAVE, 2_680 * USD)
            _long_ethers(s, 20, stop_ratio=2 * 10**9, **FREE)
            s.place(CAROL, BUY, 2_879_900_000, 20 * ETH, listing=3)
            s.epoch(1, index)

        with corpus.venue(f"edge-thirds-{name}", "a fifth, or all of it", world) as script:
            fall(script)
        moment = moment_before(corpus, f"thirds-{name}", world, fall, Liquidate)
        step = moment.op
        assert isinstance(step, Liquidate)
        refuses = "Q-09 size" if name == "equal" else ""
        with corpus.settlement(f"edge-share-{name}", "the bound", moment.world, refuses) as inputs:
            inputs.op(replace(step, size=4 * ETH + 1_000), moment.time_delta_ns)


def _three_periods(corpus: Corpus, worlds: Worlds) -> None:
    """6 s after an account entered stage 1, at periods of 2 s, all of it may go."""
    stage_ns = State.decode(CONFIG, worlds.troubled.settlement).accounts[4].stage_time

    def beat(s: Script) -> None:
        s.wait(4 * 10**9)
        s.heartbeat(0)

    moment = moment_before(corpus, "two-periods", worlds.troubled, beat, Heartbeat)
    s = moment.script
    body = s.order(ALICE, BUY, 97_890 * USD, BTC)
    opened = OrderOpen(body, s.signed(body, ALICE.wallet))
    now = State.decode(CONFIG, moment.world.settlement).globals_.time + moment.time_delta_ns
    for early, refuses in ((1, "Q-09 size"), (0, "")):
        with corpus.settlement(f"edge-periods-{early}", "6 s", moment.world, refuses) as inputs:
            inputs.op(moment.op, moment.time_delta_ns)
            inputs.op(opened)
            last = stage_ns + 6 * 10**9 - now - early
            inputs.op(Liquidate(4, 0, body.key, 0, 97_890 * USD, BTC // 2, 0), last)
        with corpus.venue(f"edge-slices-{early}", "6 s and three slices", worlds.troubled) as case:
            case.wait(2 * 10**9)
            case.epoch(0, 97_900 * USD)
            case.wait(2 * 10**9)
            case.epoch(0, 97_900 * USD)
            case.place(ALICE, BUY, 97_690 * USD, BTC)
            case.time_ns = stage_ns + 6 * 10**9 - STEP_NS - early
            case.epoch(0, 97_700 * USD)


def _holds(corpus: Corpus, world: World) -> None:
    """E = IM holds: 9,750 USD bear 50 coins at 3,000 USD without fees."""
    for name, dollars in (("equal", 250 * USD), ("below", 250 * USD + 1)):
        refuses = "O-22 size" if name == "below" else ""
        with corpus.venue(f"edge-initial-{name}", "E = IM", world, refuses) as s:
            s.withdraw(ERIN, dollars)
            s.place(BOB, SELL, ETH_INDEX, 50 * ETH, listing=3)
            s.place(ERIN, BUY, ETH_INDEX, 50 * ETH, listing=3)
        refuses = "F-15 margin_rule" if name == "below" else ""
        with corpus.settlement(f"edge-holds-{name}", "E = IM", world, refuses) as inputs:
            inputs.op(s.withdrawal(ERIN, dollars))
            for step in _pair(s, ERIN, BOB, ETH_INDEX, 50 * ETH, 0):
                inputs.op(step)


def _pair(
    s: Script, buyer: Trader, seller: Trader, price: int, size: int, rules: int
) -> list[MicroOp]:
    """Return both orders and their fill in listing 3; the buyer makes, both use slot 0."""
    buys = s.order(buyer, BUY, price, size, listing=3)
    sells = s.order(seller, SELL, price, size, listing=3)
    return [
        OrderOpen(buys, s.signed(buys, buyer.wallet)),
        OrderOpen(sells, s.signed(sells, seller.wallet)),
        Fill(buys.key, sells.key, 0, 0, price, size, rules),
    ]


def _improves(corpus: Corpus, world: World) -> None:
    """Each clause of `improves` at equality; dave holds 20 coins with 4,900 USD."""
    for name, index, price, size in (
        ("excess", 3_000, 2_805, ETH),  # sold 6.5 % below the mark: E - IM stays
        ("ratio", 2_900, 2_755, ETH),  # sold 5 % below: E / IM stays
        ("nothing", 2_900, 2_755, 20 * ETH),  # all of it: E = 0
    ):

        def hold(s: Script, index: int = index) -> None:
            _twenty(s)
            s.epoch(1, index * USD)
            s.heartbeat(1)

        for less in (0, 10_000):
            moment = moment_before(corpus, f"improves-{name}-{less}", world, hold, Epoch)
            steps = _pair(moment.script, CAROL, DAVE, price * USD - less, size, TAKER_IMPROVES)
            refuses = "F-15 margin_rule" if less else ""
            with corpus.settlement(
                f"edge-improves-{name}-{less}", "improves", moment.world, refuses
            ) as inputs:
                inputs.op(moment.op, moment.time_delta_ns)
                for step in steps:
                    inputs.op(step)


def _halt(corpus: Corpus, world: World) -> None:
    """30 s of silence are no halt, a nanosecond more is."""
    for over, refuses in ((0, ""), (1, "O-14 group")):
        with corpus.venue(f"edge-halt-{over}", "30 s of silence", world, refuses) as s:
            s.time_ns = s.state.groups[0].epoch_time + 30 * 10**9 - STEP_NS + over
            s.place(ALICE, SELL, 101_000 * USD, BTC // 10)


def _ruin(corpus: Corpus, world: World) -> None:
    """E = 0 is no bankruptcy; nor is E = MM, however long it lasts."""
    for less, refuses in ((0, "Q-13 stage"), (QUANTUM, "")):

        def crash(s: Script, less: int = less) -> None:
            _twenty(s)
            s.epoch(1, 2_755 * USD - less)  # E = 4,900 - 20 x 245 = 0

        moment = moment_before(corpus, f"nothing-{less}", world, crash, Epoch)
        with corpus.settlement(f"edge-ruin-{less}", "E = 0", moment.world, refuses) as inputs:
            inputs.op(moment.op, moment.time_delta_ns)
            inputs.op(Bankrupt(DAVE.account, 1))

        def linger(s: Script, less: int = less) -> None:
            _twenty(s)
            s.item(group_item(1, 3, 2, band=200_000_000, stop_ratio=2 * 10**9))
            s.epoch(1, 2_899 * USD)
            s.wait(121 * 10**9)
            s.epoch(1, 2_900 * USD - less)

        moment = moment_before(corpus, f"lingering-{less}", world, linger, Epoch, skip=1)
        with corpus.settlement(f"edge-linger-{less}", "E = MM", moment.world, refuses) as inputs:
            inputs.op(moment.op, moment.time_delta_ns)
            inputs.op(Bankrupt(DAVE.account, 1))


def _last_hour(corpus: Corpus, world: World) -> None:
    """The hours of keys end in the year 2089."""
    end_ns = HOURS_END * HOUR_NS
    for early, venue_refuses, refuses in (
        (0, "O-07 expiry", "P-06 expiry"),
        (1, "O-14 group", ""),  # the oracle has been silent for decades
    ):
        with corpus.venue(f"edge-hour-{early}", "2^20 hours", world, venue_refuses) as s:
            s.time_ns = end_ns - HOUR_NS
            order = s.place(ALICE, BUY, 99_000 * USD, BTC, expiry=end_ns - early)
        opened = OrderOpen(order, s.signed(order, ALICE.wallet))
        with corpus.settlement(f"edge-key-{early}", "2^20 hours", world, refuses) as inputs:
            inputs.op(opened, end_ns - HOUR_NS - world.time_ns)


def _slices(corpus: Corpus, world: World) -> None:
    """Slices that end exactly at stop, at nothing, and at the excess they began with."""
    for name, share in (("share", 200_000_000), ("all", 10**9)):
        with corpus.venue(f"edge-slice-stop-{name}", "E = stop ends it", world) as s:
            s.withdraw(DAVE, 2_200 * USD)
            _long_ethers(s, 20, stop_ratio=10**9, slice_share=share, **FREE)
            s.place(CAROL, BUY, 2_875 * USD, 4 * ETH, listing=3)
            s.place(ALICE, BUY, 2_875 * USD, 4 * ETH, listing=3)
            s.epoch(1, 2_875 * USD)  # E = 2,300 = 5 % of 16 coins
    with corpus.venue("edge-slice-nothing", "sold for exactly what is owed", world) as s:
        _long_ethers(s, 35, **FREE)
        s.place(ALICE, BUY, 2_800 * USD, 35 * ETH, listing=3)
        s.epoch(1, 2_803 * USD)  # 105 USD over 35 coins: 3 USD each
    with corpus.venue("edge-slice-excess", "sold 5 % below the mark", world) as s:
        s.withdraw(DAVE, 2_584 * USD)
        _long_ethers(s, 20, slippage_floor=50_000_000, **FREE)
        s.place(CAROL, BUY, 2_736 * USD, 20 * ETH, listing=3)
        s.epoch(1, 2_880 * USD)  # E = 2,016 = 0.7 MM
