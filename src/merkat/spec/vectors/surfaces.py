"""Cases of surfaces: what is admitted, how rows are taken up (rules E-07 to E-15, A)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from merkat.spec.messages import Activate
from merkat.spec.risk.vector import ExpiryQuote
from merkat.spec.settle import ops
from merkat.spec.values import BUY, DAY_NS, ONE, SELL
from merkat.spec.vectors.corpus import ANYTHING, CaseScript, Corpus, World
from merkat.spec.vectors.desk import (
    CALL_FAR,
    COIN,
    FAR,
    LOT,
    NEAR,
    SCENARIOS,
    SECOND,
    VOL,
    YEAR_NS,
    Desks,
    dated_item,
    future_item,
    near_mark,
    publish,
    quote,
    risk_item,
    smile,
    surface,
    trade,
)
from merkat.spec.vectors.moments import moment_before
from merkat.spec.vectors.script import STEP_NS, USD, Script, group_item
from merkat.spec.vectors.seizures import Probe
from merkat.spec.vectors.worlds import ALICE, BOB, BTC_INDEX, ETH_INDEX
from merkat.spec.venue.money import free_cash

Quotes = tuple[ExpiryQuote, ...]


def surface_cases(corpus: Corpus, desks: Desks) -> None:
    """Commands 16 and 18 of a group with a risk set, and the step of an epoch."""
    corpus.family("surfaces", "surfaces-")
    _versions(corpus, desks)
    _as_version_1(corpus, desks.open)
    _values(corpus, desks.open)
    _shapes(corpus, desks.open)
    _jumps(corpus, desks.open)
    _domain(corpus, desks.open)
    _activate(corpus, desks.open)
    _activate_later(corpus, desks.open)
    _held(corpus, desks.open)
    _hours(corpus, desks.held)
    _rows(corpus, desks)
    _steps(corpus, desks)


def _versions(corpus: Corpus, desks: Desks) -> None:
    with corpus.venue("surface", "a surface and its rows", desks.open, "", "E-06 E-13 A-02") as s:
        publish(s)
        publish(s, 101_000)
    with corpus.venue("surface-as-1", "a vector of version 1", desks.open, "E-14 version") as s:
        s.epoch(0, BTC_INDEX)
    with corpus.venue("surface-plain-group", "no risk set", desks.open, "E-14 version") as s:
        s.say(s.surface_body(1, ETH_INDEX, ()))
    with corpus.venue("surface-no-group", "another group", desks.open, "E-01 group") as s:
        s.say(s.surface_body(2, ETH_INDEX, ()))
    with corpus.venue("surface-group-changes", "from one version to the other", desks.open) as s:
        s.epoch(1, ETH_INDEX)
        s.item(risk_item(1))
        s.heartbeat(1)
        s.say(s.surface_body(1, ETH_INDEX, ()))
        s.activate(1)
    with corpus.venue("surface-group-late", "the old version", desks.open, "E-14 version") as s:
        s.item(risk_item(1))
        s.epoch(1, ETH_INDEX)
    with corpus.venue("surface-empty", "a group without listings", desks.open) as s:
        s.item(group_item(2, node_count=1, threshold=1))
        s.item(risk_item(2))
        s.say(s.surface_body(2, ETH_INDEX, ()))
        s.activate(2)


def _as_version_1(corpus: Corpus, world: World) -> None:
    """What every vector must be, of this version too."""
    spoilt: dict[str, tuple[str, dict[str, Any]]] = {
        "number": ("E-02 number", {"number": 1}),
        "previous": ("E-03 previous", {"previous": bytes(31)}),
        "future": ("E-04 time", {"time": world.time_ns + 2 * STEP_NS}),
        "past": ("E-04 time", {"time": world.time_ns - 5 * SECOND}),
        "index": ("E-05 index", {"index": 0}),
        "index-over": ("E-05 index", {"index": 2**52 + 1}),
        "basis": ("E-05 basis", {"basis": 100_000_001}),
        "premium": ("E-05 premium", {"premium": -100_000_001}),
        "one-node": ("E-06 signatures", {"signers": [1]}),
        "descending": ("E-06 signatures", {"signers": [2, 1]}),
        "no-node": ("E-06 signatures", {"signers": [0, 3]}),
    }
    for name, (refuses, changes) in spoilt.items():
        with corpus.venue(f"surface-{name}", "refused as version 1 is", world, refuses) as s:
            surface(s, 100_000, **changes)
    with corpus.venue("surface-other", "another's signatures", world, "E-06 signatures") as s:
        body = s.surface_body(0, BTC_INDEX, smile(s, BTC_INDEX))
        s.say(replace(body, vector=replace(body.vector, index=BTC_INDEX + 1)))
    with corpus.venue("surface-three", "all nodes", world, "", "E-06") as s:
        surface(s, 100_000, signers=[0, 1, 2])
        s.activate(0)


def _values(corpus: Corpus, world: World) -> None:
    for field, least, most in (
        ("confidence", 0, ONE),
        ("peg", 1, 2 * ONE),
        ("vol", 100_000, 24 * ONE),
        ("vol_mean", 100_000, 24 * ONE),
    ):
        for name, value in (("least", least), ("most", most)):
            with corpus.venue(f"value-{field}-{name}", "at the bound", world, "", "E-07") as s:
                publish(s, **{field: value})
        for name, value in (("under", least - 1), ("over", most + 1)):
            refuses = f"E-07 {field}"
            with corpus.venue(f"value-{field}-{name}", "beyond it", world, refuses) as s:
                surface(s, 100_000, **{field: value})

    def change(name: str, refuses: str, of: Callable[[CaseScript, Quotes], Quotes]) -> None:
        with corpus.venue(f"expiries-{name}", "which expiries", world, refuses) as s:
            surface(s, 100_000, expiries=of(s, smile(s, BTC_INDEX)))
            if not refuses:
                s.activate(0)

    def at(s: CaseScript, expiry: int, **spoilt: int) -> ExpiryQuote:
        return quote(expiry, s.time_ns + STEP_NS, BTC_INDEX, **spoilt)

    years_ns = 16 * 365 * DAY_NS
    now = world.time_ns + STEP_NS
    change("descend", "E-07 expiry", lambda s, two: two[::-1])
    change("twice", "E-07 expiry", lambda s, two: (two[0], two[0], two[1]))
    change("fraction", "E-07 expiry", lambda s, two: (two[0], at(s, NEAR + 1), two[1]))
    change("past", "E-07 expiry", lambda s, two: (at(s, now // SECOND * SECOND), *two))
    soon = (now // SECOND + 2) * SECOND
    change("soon", "", lambda s, two: (at(s, soon), *two))
    change("late", "E-07 expiry", lambda s, two: (*two, at(s, FAR + years_ns)))
    change("others", "", lambda s, two: (*two, at(s, FAR + DAY_NS), at(s, FAR + 7 * DAY_NS)))
    change("missing-near", "E-11 expiry", lambda s, two: two[1:])
    change("missing-far", "E-11 expiry", lambda s, two: two[:1])
    change("missing", "E-11 expiry", lambda s, two: ())
    for name, forward, refuses in (
        ("half", BTC_INDEX // 2, ""),
        ("less", BTC_INDEX // 2 - 1, "E-07 forward"),
        ("double", 2 * BTC_INDEX, ""),
        ("more", 2 * BTC_INDEX + 1, "E-07 forward"),
        ("zero", 0, "E-07 forward"),
        ("negative", -BTC_INDEX, "E-07 forward"),
    ):

        def forwards(s: CaseScript, two: Quotes, forward: int = forward) -> Quotes:
            return (two[0], replace(two[1], forward=forward))

        change(f"forward-{name}", refuses, forwards)


def _shapes(corpus: Corpus, world: World) -> None:
    one = 10**12

    def shape(name: str, refuses: str, *of_variance: tuple[str, int, int], **spoilt: int) -> None:
        """Spoil the far smile; `of_variance` has (parameter, part, of) of its variance."""
        with corpus.venue(f"shape-{name}", "the far smile", world, refuses) as s:
            near, far = smile(s, BTC_INDEX)
            variance = far.a * 10 // 8
            parts = {field: variance * part // of for field, part, of in of_variance}
            surface(s, 100_000, expiries=(near, replace(far, **(parts | spoilt))))
            if not refuses:
                s.activate(0)

    shape("b-negative", "E-08 surface", b=-1)
    shape("rho-one", "E-08 surface", rho=one)
    shape("rho-minus-one", "E-08 surface", rho=-one)
    shape("sigma-zero", "E-08 surface", sigma=0)
    shape("sigma-negative", "E-08 surface", sigma=-(10**11))
    shape("a-huge", "E-08 surface", a=10**15 + 1)
    shape("m-huge", "E-08 surface", m=-(10**15) - 1)
    shape("variance-negative", "E-08 surface", a=-(10**11))
    shape("variance-zero", "E-08 surface", a=0, b=0)
    shape("slope", "E-08 surface", b=one * 19 // 10, rho=one // 10)
    shape("flat", "", ("a", 1, 1), b=0)
    shape("least-zero", "", ("b", 10, 1), a=0)
    sharp = (("a", 9, 10), ("b", 100, 1))
    shape("butterfly", "E-09 surface", *sharp, rho=0, sigma=one // 1_000)
    shape("butterfly-wing", "E-09 surface", b=one * 3 // 2, rho=one // 4, sigma=one // 100)
    shape("skewed", "", rho=one * 3 // 10)
    shape("shifted", "", m=one // 50)
    with corpus.venue("calendar", "less variance later", world, "E-10 surface") as s:
        near, far = smile(s, BTC_INDEX)
        surface(s, 100_000, expiries=(near, replace(far, a=near.a // 2, b=near.b)))
    with corpus.venue("calendar-wing", "less in the wing alone", world, "E-10 surface") as s:
        near, far = smile(s, BTC_INDEX)
        surface(s, 100_000, expiries=(near, replace(far, a=near.a * 12 // 10, b=0)))
    with corpus.venue("calendar-same", "the same variance", world, "", "E-10") as s:
        s.wait(40 * SECOND)
        near, far = smile(s, BTC_INDEX)
        same = replace(near, expiry=FAR)
        surface(s, 100_000, expiries=(near, same))
        s.activate(0)


def _jumps(corpus: Corpus, world: World) -> None:
    point = ONE // 100

    def jump(name: str, vol: int, refuses: str, wait_ns: int = 0) -> None:
        with corpus.venue(f"vol-{name}", "volatility jumps", world, refuses) as s:
            s.wait(wait_ns)
            surface(s, 100_000, vol)
            if not refuses:
                s.activate(0)

    jump("up", VOL + 6 * point, "E-12 surface")
    jump("down", VOL - 6 * point, "E-12 surface")
    jump("near", VOL + 4 * point, "")
    jump("nearly", VOL + 5 * point - 10**5, "")
    jump("a-little-over", VOL + 5 * point + 10**5, "E-12 surface")
    jump("after-halt", VOL + 60 * point, "", 31 * SECOND)
    jump("before-halt", VOL + 6 * point, "E-12 surface", 29 * SECOND)
    with corpus.venue("vol-one-expiry", "of one expiry", world, "E-12 surface") as s:
        surface(s, 100_000, expiries=smile(s, BTC_INDEX, VOL, far=VOL + 6 * point))
    with corpus.venue("vol-new-expiry", "of an expiry that is new", world, "", "E-12") as s:
        new = quote(FAR + DAY_NS, s.time_ns + STEP_NS, BTC_INDEX, 2 * VOL)
        publish(s, expiries=(*smile(s, BTC_INDEX), new))
    with corpus.venue("vol-while-held", "a disputed index", world, "", "E-12") as s:
        publish(s, 112_000)
        publish(s, 112_000, 2 * VOL)
    with corpus.venue("vol-bound", "by the rows' own risk set", world, "E-12 surface") as s:
        s.item(risk_item(vol_jump=10 * ONE))
        surface(s, 100_000, 2 * VOL)
    with corpus.venue("vol-bound-later", "and by the new one", world, "", "E-12") as s:
        s.item(risk_item(vol_jump=10 * ONE))
        publish(s)
        publish(s, 100_000, 2 * VOL)


def _domain(corpus: Corpus, world: World) -> None:
    """What cannot be priced any more; of a group without standing rows."""

    def fresh(s: CaseScript, strike: int = BTC_INDEX) -> None:
        s.item(group_item(2, node_count=1, threshold=1))
        s.item(risk_item(2))
        s.item(dated_item(strike=strike, expiry=NEAR, group=2))

    def flat(s: CaseScript, vol: int, forward: int = BTC_INDEX) -> Quotes:
        time_ns = s.time_ns + STEP_NS
        whole_ns = (NEAR - time_ns) // SECOND * SECOND
        variance = vol * vol * whole_ns // (10**6 * YEAR_NS)
        return (ExpiryQuote(NEAR, forward, variance, 0, 0, 0, 10**11),)

    for name, vol, refuses in (
        ("most", 24 * ONE - 10**6, ""),
        ("over", 24 * ONE + 10**7, "E-13 surface"),
        ("under", 90_000, "E-13 surface"),
        ("least", 120_000, ""),
    ):
        with corpus.venue(f"domain-vol-{name}", "what can be priced", world, refuses) as s:
            fresh(s)
            s.say(s.surface_body(2, BTC_INDEX, flat(s, vol)))
            if not refuses:
                s.activate(2)
    for name, index, strike in (("smallest", 1, LOT), ("largest", 2**52, 2**52 // LOT * LOT)):
        with corpus.venue(f"domain-{name}", "the farthest prices", world) as s:
            fresh(s, strike)
            s.say(s.surface_body(2, index, flat(s, VOL, index)))
            s.activate(2)
    with corpus.venue("domain-theta", "a sensitivity beyond i64", world, "E-13 surface") as s:
        fresh(s, 2**52 // LOT * LOT)
        s.wait(NEAR - 2 * SECOND - s.time_ns)
        s.say(s.surface_body(2, 2**52, flat(s, 24 * ONE - 10**6, 2**52)))
        s.activate(2)
    with corpus.venue("domain-dropped", "and it is dropped", world, "A-01 number", also=1) as s:
        fresh(s, 2**52 // LOT * LOT)
        s.wait(NEAR - 2 * SECOND - s.time_ns)
        s.say(s.surface_body(2, 2**52, flat(s, 24 * ONE - 10**6, 2**52)))
        s.activate(2)
        s.activate(2)


def _activate(corpus: Corpus, world: World) -> None:
    with corpus.venue("activate-nothing", "no vector waits", world, "A-01 number") as s:
        s.activate(0)
    with corpus.venue("activate-no-group", "no group", world, "A-01 number") as s:
        s.activate(7)
    with corpus.venue("activate-twice", "it waits no more", world, "A-01 number") as s:
        publish(s)
        s.activate(0)
    for step in (-1, 1):
        with corpus.venue(f"activate-number-{step}", "another", world, "A-01 number") as s:
            surface(s, 100_000)
            s.activate(0, number=s.group_leaf(0).epoch_number + 1 + step)
    for name, root in (("zero", bytes(31)), ("other", b"\1" * 31)):
        with corpus.venue(f"activate-root-{name}", "other rows", world, "A-02 rows") as s:
            surface(s, 100_000)
            s.say(replace(_activation(s), row_root=root))
    with corpus.venue("activate-after-wrong", "it waits on", world, "", "A-02", also=1) as s:
        surface(s, 100_000)
        s.say(replace(_activation(s), row_root=bytes(31)))
        s.activate(0)
    with corpus.venue("activate-newest", "the later of two", world, "", "A-01") as s:
        surface(s, 100_000)
        s.wait(SECOND)
        surface(s, 100_500)
        s.wait(SECOND)
        s.activate(0)
    with corpus.venue("activate-replaced", "the earlier one's rows", world, "A-02 rows") as s:
        surface(s, 100_000)
        activation = _activation(s)
        surface(s, 100_500)
        s.say(activation)
    with corpus.venue("activate-refused-new", "refused ones stay out", world, "", "", also=1) as s:
        surface(s, 100_000)
        surface(s, 100_000, peg=0)
        s.activate(0)


def _activate_later(corpus: Corpus, world: World) -> None:
    """What happens between a vector and its activation."""
    with corpus.venue("activate-overtaken", "a heartbeat came", world, "E-04 time") as s:
        surface(s, 100_000)
        s.heartbeat(0)
        s.activate(0)
    with corpus.venue("activate-dropped", "gone after", world, "A-01 number", also=1) as s:
        surface(s, 100_000)
        s.heartbeat(0)
        s.activate(0)
        s.activate(0)
    with corpus.venue("activate-other-nodes", "nodes changed", world, "E-06 signatures") as s:
        surface(s, 100_000)
        s.item(group_item(0, node_count=3, threshold=3))
        s.activate(0)
    with corpus.venue("activate-new-listing", "listed in between", world, "E-11 expiry") as s:
        surface(s, 100_000)
        s.item(future_item(FAR + DAY_NS))
        s.activate(0, row_root=bytes(31))
    with corpus.venue("activate-new-strike", "its row is made too", world, "", "A-02") as s:
        surface(s, 100_000)
        s.item(dated_item(strike=90_000 * USD, expiry=FAR))
        s.activate(0)
    with corpus.venue("activate-new-set", "with the newest set", world, "", "A-02") as s:
        surface(s, 100_000)
        s.item(risk_item(0, SCENARIOS[:3], vol_up=0))
        s.activate(0)
    with corpus.venue("activate-later", "waiting ages nothing", world, "", "A-02") as s:
        surface(s, 100_000)
        s.wait(3_600 * SECOND)
        s.tick()
        s.activate(0)
    kept = corpus.world("desk-pending", "a vector waits", world, _pending)
    with corpus.venue("activate-kept", "it waits in a snapshot too", kept, "", "A-01") as s:
        s.activate(0)


def _pending(s: CaseScript) -> None:
    surface(s, 100_700)


def _activation(s: CaseScript) -> Activate:
    """Return the activation of what waits in group 0."""
    return Activate(0, s.group_leaf(0).epoch_number + 1, s.pending_root(0))


def _held(corpus: Corpus, world: World) -> None:
    with corpus.venue("held-surface", "a jump makes no rows", world, "", "A-02") as s:
        publish(s, 112_000)
    with corpus.venue("held-surface-rows", "rows of what is held", world, "A-02 rows") as s:
        surface(s, 112_000)
        s.say(replace(_activation(s), row_root=b"\1" * 31))
    with corpus.venue("held-surface-thrice", "three that agree", world, "", "A-02") as s:
        for dollars in (112_000, 113_000, 112_500):
            publish(s, dollars)
    with corpus.venue("held-surface-back", "the old index again", world) as s:
        publish(s, 88_000)
        s.heartbeat(0)
        publish(s, 100_100)
    with corpus.venue("held-surface-orders", "orders wait", world, "O-20 group") as s:
        publish(s, 112_000)
        s.place(ALICE, BUY, near_mark(s, CALL_FAR), COIN // 10, listing=CALL_FAR)


def _hours(corpus: Corpus, world: World) -> None:
    with corpus.venue("surface-hour", "an hour closes", world) as s:
        publish(s, 100_200, premium=1_000_000, basis=2_000_000)
        s.wait(3_600 * SECOND)
        publish(s, 100_100, premium=2_000_000)
    with corpus.venue("surface-gap", "orders that were passed by", world) as s:
        for side, ticks in ((BUY, -3), (SELL, 3)):
            price = near_mark(s, CALL_FAR, ticks)
            s.place(ALICE if side else BOB, side, price, COIN // 10, listing=CALL_FAR)
        s.wait(31 * SECOND)
        publish(s, 93_000, VOL * 8 // 10)
    with corpus.venue("surface-falls", "everybody's sums", world) as s:
        publish(s, 99_000)
        publish(s, 100_000, basis=-7_000_000)


def _rows(corpus: Corpus, desks: Desks) -> None:
    world = desks.held
    for name, changes in (
        ("unsure", {"confidence": ONE // 2}),
        ("depegged", {"peg": 970_000_000}),
        ("high-vol", {"vol": 800_000_000, "vol_mean": 600_000_000}),
    ):
        with corpus.venue(f"rows-{name}", "what a vector says beside", world, ANYTHING) as s:
            publish(s, **changes)
            trade(s, ALICE, BOB, CALL_FAR, COIN // 10)
            for by in (ALICE, BOB):
                s.withdraw(by, max(1, free_cash(s.venue, by.account)))
                s.withdraw(by, 1)
    with corpus.venue("rows-window", "low and high follow slowly", world) as s:
        s.item(risk_item(wide_window_ns=10 * SECOND))
        publish(s)
        for dollars in (103_000, 99_000, 99_500):
            s.wait(2 * SECOND)
            publish(s, dollars)
        s.wait(20 * SECOND)
        publish(s, 99_500)
        s.item(risk_item(wide_window_ns=0))
        publish(s, 100_000)
    for name, scalars in (
        ("offset", {"collateral_offset": 1}),
        ("steep", {"skew_base": -(10**9), "skew_width": 0, "vol_floor": 2 * ONE}),
        ("flat", {"vol_up": 0, "vol_down": 0, "vol_down_high": 0, "basis_shock": 0}),
        ("roll", {"roll_rate": 10**8, "delta_threshold": USD, "vega_threshold": USD}),
        ("pin", {"pin_seconds": 31_536_000, "pin_deviation": ONE, "pin_range": 9 * ONE // 10}),
        ("damped", {"damp_low": 0, "damp_high": 10 * ONE}),
        ("undamped", {"damp_low": 0, "damp_high": 0}),
        ("naked", {"naked_maintenance": 10**8, "naked_initial": 2 * 10**8}),
        ("basis", {"basis_base": 4 * ONE, "basis_per_year": 10 * ONE}),
    ):
        with corpus.venue(f"rows-set-{name}", "another risk set", world) as s:
            s.item(risk_item(0, SCENARIOS, **scalars))
            publish(s)
            trade(s, ALICE, BOB, CALL_FAR, COIN // 10)
            s.withdraw(ALICE, 100 * USD)
    with corpus.venue("rows-many", "a second chunk and block", desks.listed) as s:
        for step in range(27):
            s.item(dated_item(strike=(80_000 + 1_000 * step) * USD + LOT, expiry=NEAR))
        publish(s)
    with corpus.venue("rows-new", "between two vectors", world, "O-23 listing") as s:
        s.item(dated_item(strike=90_000 * USD, expiry=FAR))
        s.place(ALICE, BUY, 12_000 * USD, LOT, listing=11)


def _steps(corpus: Corpus, desks: Desks) -> None:
    moment = moment_before(corpus, "surface-step", desks.open, _publish, ops.Epoch)
    probe = Probe(corpus, moment, "rows-step")
    step: Any = moment.op
    probe("good")
    probe("none", "E-15 rows", chunk_hashes=())
    probe("wrong", "E-15 rows", chunk_hashes=(bytes(31),))
    probe("more", "E-15 rows", chunk_hashes=(*step.chunk_hashes, bytes(31)))
    probe("unsigned", "E-06 signatures", signatures=replace(step.signatures, each=()))
    probe("number", "E-02 number", vector=replace(step.vector, number=9))
    probe("twice", "E-02 number", before=(step,))
    probe("later", later_ns=3_600 * SECOND)
    held = moment_before(corpus, "surface-held", desks.open, _jumps_away, ops.Epoch)
    probe = Probe(corpus, held, "held-step")
    probe("good")
    probe("rows", "E-15 rows", chunk_hashes=step.chunk_hashes)
    with corpus.venue("rows-step-for-inputs", "signed for the inputs", desks.open) as s:
        body = s.surface_body(0, BTC_INDEX, smile(s, BTC_INDEX, 2 * VOL))
        s.heartbeat(0)
    with corpus.settlement("rows-step-jump", "E-12 here too", desks.open, "E-12 surface") as inputs:
        inputs.op(ops.Epoch(body.vector, body.signatures), 10 * STEP_NS)


def _publish(s: Script) -> None:
    publish(s)


def _jumps_away(s: Script) -> None:
    publish(s, 113_000)
