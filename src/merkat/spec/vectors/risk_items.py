"""Cases of the timelock's items for risk sets and dated listings (rules I-22 to I-34)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from merkat.spec.messages import Deliver, Deposit, Item, List, SetRisk, SetVenue, encode_item
from merkat.spec.risk.parameters import BOUNDS, RiskSet, Scalars, Scenario
from merkat.spec.risk.terms import CALL, PERPETUAL, PUT
from merkat.spec.settle.ops import Inbox
from merkat.spec.values import DAY_NS, HOUR_NS
from merkat.spec.vectors.corpus import CaseInputs, Corpus, World
from merkat.spec.vectors.desk import (
    COIN,
    FAR,
    LOT,
    NEAR,
    SCENARIOS,
    SMALL_SET,
    Desks,
    dated_item,
    future_item,
    publish,
    risk_item,
    spot_item,
)
from merkat.spec.vectors.script import USD, group_item
from merkat.spec.vectors.wallets import wallet
from merkat.spec.vectors.worlds import ALICE, ERIN

STRIKE = 120_000 * USD
STRIKE_MOST = 2**52 // LOT * LOT
FULL = Scenario(100_000, 0)


def risk_item_cases(corpus: Corpus, desks: Desks) -> None:
    """Items 9, 10 and 11, and deposits of coins."""
    corpus.family("risk_items", "risk-")
    _who(corpus, desks.listed)
    _terms(corpus, desks.listed)
    _expiries(corpus, desks.listed)
    _spot(corpus, desks.listed)
    _decimals(corpus, desks.listed)
    _scalars(corpus, desks.listed)
    _scenarios(corpus, desks.listed)
    _deposits(corpus, desks.listed)


def _item(corpus: Corpus, world: World, name: str, item: Item, refuses: str = "") -> None:
    title = "an item that does nothing" if refuses else "an item that does its work"
    with corpus.venue(f"dated-{name}", title, world, refuses) as s:
        s.item(item)


def _who(corpus: Corpus, world: World) -> None:
    call = dated_item(CALL, STRIKE, FAR)
    items: dict[str, Any] = {
        "risk": risk_item(),
        "list": call,
        "deliver": Deliver(1, 0, NEAR, USD),
    }
    for name, item in items.items():
        _item(corpus, world, f"{name}-by-user", replace(item, source=0), "I-02 source")
        _item(corpus, world, f"{name}-no-group", replace(item, group=2), "I-08 group")
        data = encode_item(item)
        for cut, spoilt in (("short", data[:-1]), ("long", data + b"\0")):
            with corpus.venue(f"dated-{name}-{cut}", "no item", world, "I-01 item") as s:
                s.item_bytes(spoilt)
    with corpus.venue("dated-list", "an option", world, "", "I-22 I-23 I-24 I-25 I-26 I-27") as s:
        s.item(call)
        publish(s)
    with corpus.venue("dated-risk", "another risk set", world, "", "I-29 I-30 I-31") as s:
        s.item(risk_item(vol_up=0))
    _item(corpus, world, "list-without-set", replace(call, group=1), "I-22 group")
    _item(corpus, world, "deliver-without-set", Deliver(1, 1, NEAR, USD), "I-22 group")
    for kind in (0, PERPETUAL, 6, 255):
        _item(corpus, world, f"kind-{kind}", replace(call, kind=kind), "I-11 kind")
    with corpus.venue("risk-first", "a group of perpetuals gets a risk set", world) as s:
        s.item(risk_item(1))
        s.item(replace(dated_item(CALL, 3_000 * USD, FAR), group=1, size_decimals=6, lot=1_000))


def _terms(corpus: Corpus, world: World) -> None:
    call = dated_item(CALL, STRIKE, FAR)
    for name, refuses, changes in (
        ("strike-0", "I-23 strike", {"strike": 0}),
        ("strike-quantum", "I-23 strike", {"strike": STRIKE + 1}),
        ("strike-negative", "I-23 strike", {"strike": -LOT}),
        ("strike-over", "I-23 strike", {"strike": STRIKE_MOST + LOT}),
        ("strike-most", "", {"strike": STRIKE_MOST}),
        ("strike-least", "", {"strike": LOT}),
        ("coarse-below", "I-25 coarse_tick", {"tick": 5 * USD, "coarse_tick": USD}),
        ("coarse-no-multiple", "I-25 coarse_tick", {"tick": 2 * USD}),
        ("coarse-zero", "I-25 coarse_tick", {"coarse_tick": 0}),
        ("coarse-over", "I-25 coarse_tick", {"coarse_tick": 2**40 // USD * USD + USD}),
        ("coarse-most", "", {"coarse_tick": 2**40 // USD * USD, "coarse_from": 0}),
        ("coarse-same", "", {"coarse_tick": USD}),
        ("from-negative", "I-25 coarse_from", {"coarse_from": -5 * USD}),
        ("from-no-multiple", "I-25 coarse_from", {"coarse_from": 1_001 * USD}),
        ("from-over", "I-25 coarse_from", {"coarse_from": 2**52 // (5 * USD) * 5 * USD + 5 * USD}),
        ("from-most", "", {"coarse_from": 2**52 // (5 * USD) * 5 * USD}),
        ("delivery-fee-negative", "I-26 delivery_fee", {"delivery_fee": -1}),
        ("delivery-fee-over", "I-26 delivery_fee", {"delivery_fee": 10_000_001}),
        ("delivery-fee-most", "", {"delivery_fee": 10_000_000}),
        ("call-token", "I-27 token", {"token": 1}),
        ("decimals-over", "I-12 size_decimals", {"size_decimals": 19}),
        ("lot", "I-13 lot", {"lot": 3}),
        ("tick", "I-14 tick", {"tick": LOT + 1}),
        ("taker-fee", "I-15 taker_fee", {"taker_fee": -1}),
        ("maker-fee", "I-15 maker_fee", {"maker_fee": -300_001}),
    ):
        _item(corpus, world, name, replace(call, **changes), refuses)
    _item(corpus, world, "future-strike", future_item(FAR + DAY_NS, strike=LOT), "I-23 strike")
    _item(corpus, world, "twice", dated_item(CALL, 100_000 * USD, FAR), "I-28 strike")
    _item(corpus, world, "future-twice", future_item(FAR), "I-28 strike")
    _item(corpus, world, "put-beside-call", dated_item(PUT, 130_000 * USD, FAR))
    _item(corpus, world, "other-strike", dated_item(CALL, 100_000 * USD + LOT, FAR))


def _expiries(corpus: Corpus, world: World) -> None:
    today = world.time_ns // DAY_NS * DAY_NS + 8 * HOUR_NS
    years_ns = 16 * 365 * DAY_NS
    for name, expiry, refuses in (
        ("past", today - DAY_NS, "I-24 expiry"),
        ("hour", NEAR + HOUR_NS, "I-24 expiry"),
        ("nanosecond", NEAR + 1, "I-24 expiry"),
        ("zero", 0, "I-24 expiry"),
        ("far", today + years_ns + DAY_NS, "I-24 expiry"),
        ("farthest", today - DAY_NS + years_ns, ""),
        ("today", today, ""),
    ):
        _item(corpus, world, f"expiry-{name}", dated_item(CALL, STRIKE, expiry), refuses)
        _item(corpus, world, f"future-expiry-{name}", future_item(expiry), refuses)
    for early, refuses in ((1, ""), (0, "I-24 expiry")):
        with corpus.venue(f"dated-expiry-now-{early}", "at 08:00 sharp", world, refuses) as s:
            s.wait(today - s.time_ns - 1_000_000 - early)
            s.item(dated_item(CALL, STRIKE, today))


def _spot(corpus: Corpus, world: World) -> None:
    second = spot_item(2)
    _item(corpus, world, "spot-same-group", second, "I-28 strike")
    other = {"group": 1, "size_decimals": 6, "lot": 1_000}
    for name, refuses, changes in (
        ("token-0", "I-27 token", {"token": 0}),
        ("token-1", "I-27 token", {"token": 1}),
        ("token-4", "I-27 token", {"token": 4}),
        ("token-255", "I-27 token", {"token": 255}),
        ("token-2", "", {"token": 2}),
        ("token-3", "", {"token": 3}),
        ("strike", "I-23 strike", {"strike": LOT}),
        ("expiry", "I-24 expiry", {"expiry": FAR}),
        ("delivery-fee", "I-26 delivery_fee", {"delivery_fee": 1}),
    ):
        with corpus.venue(f"dated-spot-{name}", "a token's market", world, refuses) as s:
            s.item(risk_item(1))
            s.item(replace(second, **(other | changes)))


def _decimals(corpus: Corpus, world: World) -> None:
    call = dated_item(CALL, STRIKE, FAR)
    _item(corpus, world, "decimals", replace(call, size_decimals=9), "I-29 size_decimals")
    perpetual = List(1, 1, 0, 9, LOT, 100_000, 0, 0)
    _item(corpus, world, "list-decimals", perpetual, "I-29 size_decimals")
    _item(corpus, world, "list-perpetual", replace(perpetual, size_decimals=8))
    with corpus.venue("dated-risk-decimals", "mixed", world, "I-29 size_decimals") as s:
        s.item(List(1, 1, 1, 5, 1_000, 10_000, 0, 0))
        s.item(risk_item(1))
    with corpus.venue("dated-risk-empty-group", "no listing yet", world) as s:
        s.item(group_item(2, node_count=1, threshold=1))
        s.item(risk_item(2))
        s.item(replace(call, group=2, size_decimals=9))


def _least() -> Scalars:
    """Return the least of every scalar, bounds by name taken at their own least."""
    values: dict[str, int] = {}
    waiting = dict.fromkeys(name for name, _, _ in BOUNDS)
    while waiting:
        for name, least, _ in BOUNDS:
            known = values.get(least) if isinstance(least, str) else least
            if name in waiting and known is not None:
                values[name] = known
                del waiting[name]
    return Scalars(**values)


def _most() -> Scalars:
    values: dict[str, int] = {}
    waiting = dict.fromkeys(name for name, _, _ in BOUNDS)
    while waiting:
        for name, _, most in BOUNDS:
            known = values.get(most) if isinstance(most, str) else most
            if name in waiting and known is not None:
                values[name] = known
                del waiting[name]
    return Scalars(**values)


def _scalars(corpus: Corpus, world: World) -> None:
    """Every scalar at its bounds, and one beyond them."""
    for name, scalars, step, last in (
        ("least", _least(), -1, "I-30 scalar_52"),
        ("most", _most(), 1, "I-30 scalar_52"),
    ):
        item = SetRisk(1, 0, RiskSet(scalars, (FULL,)))
        with corpus.venue(f"risk-scalars-{name}", "at the bounds", world, "", "I-30") as s:
            s.item(item)
        title = f"beyond the {name}, one by one"
        beyond = corpus.settlement(f"risk-scalars-{name}-over", title, world, last, also=52)
        with beyond as inputs:
            for number, (field, _, _) in enumerate(BOUNDS):
                spoilt = replace(scalars, **{field: getattr(scalars, field) + step})
                _beyond(inputs, spoilt, number)


def _beyond(inputs: CaseInputs, scalars: Scalars, number: int) -> None:
    """Give a set whose scalar `number` is out of bounds; another's bound may fail before it."""
    inputs.op(Inbox(encode_item(SetRisk(1, 0, RiskSet(scalars, (FULL,))))))
    fields = [field for _, field in inputs.refusals[-1]]
    assert fields, f"scalar {number} is beyond its bound"
    assert fields[0] <= 96 + number, f"scalar {number} refused as field {fields}"


def _scenarios(corpus: Corpus, world: World) -> None:
    full = (FULL,)
    for name, scenarios, refuses in (
        ("none", (), "I-31 scenarios"),
        ("64", full * 64, ""),
        ("65", full * 65, "I-31 scenarios"),
        ("price-least", (*full, Scenario(-990_000, 1, 0)), ""),
        ("price-low", (*full, Scenario(-990_001, 1)), "I-31 scenarios"),
        ("price-most", (Scenario(20_000_000, 2),), ""),
        ("price-high", (*full, Scenario(20_000_001, 2)), "I-31 scenarios"),
        ("vol-5", (*full, Scenario(0, 5)), "I-31 scenarios"),
        ("damp", (*full, Scenario(0, 0, 1_000_001)), "I-31 scenarios"),
        ("skew-price", (*full, Scenario(1, 3)), "I-31 scenarios"),
        ("skew-damped", (*full, Scenario(0, 4, 999_999)), "I-31 scenarios"),
        ("only-damped", (Scenario(0, 0, 999_999),), "I-31 scenarios"),
        ("only-skew", (Scenario(0, 3),), "I-31 scenarios"),
    ):
        item = SetRisk(1, 0, RiskSet(SMALL_SET.scalars, scenarios))
        _item(corpus, world, f"scenarios-{name}", item, refuses)
    with corpus.venue("risk-then-rows", "rows of another width", world) as s:
        publish(s)
        s.item(risk_item(0, SCENARIOS[:4]))
        publish(s)
        s.item(risk_item(0, (*SCENARIOS, FULL)))
        s.heartbeat(0)
        publish(s)


def _deposits(corpus: Corpus, world: World) -> None:
    frank = wallet("frank").address
    for name, item, refuses in (
        ("opens", Deposit(0, 1, frank, 0, COIN + 17), ""),
        ("opens-lot", Deposit(0, 1, frank, 0, LOT), ""),
        ("opens-small", Deposit(0, 1, frank, 0, LOT - 1), "I-06 amount"),
        ("adds", Deposit(0, 1, ERIN.wallet.address, ERIN.account, COIN), ""),
        ("adds-crumbs", Deposit(0, 1, ERIN.wallet.address, ERIN.account, LOT - 1), ""),
        ("adds-first", Deposit(0, 1, ALICE.wallet.address, ALICE.account, 3 * LOT + 1), ""),
        ("token-2", Deposit(0, 2, ERIN.wallet.address, ERIN.account, COIN), "I-03 token"),
        ("token-4", Deposit(0, 4, ERIN.wallet.address, ERIN.account, COIN), "I-03 token"),
        ("zero", Deposit(0, 1, ERIN.wallet.address, ERIN.account, 0), "I-04 amount"),
        ("huge", Deposit(0, 1, ERIN.wallet.address, ERIN.account, 2**96 - 1), ""),
        ("position-most", Deposit(0, 1, frank, 0, 2**56 // LOT * LOT), ""),
        ("position-over", Deposit(0, 1, frank, 0, 2**56 + LOT), ""),
    ):
        _item(corpus, world, f"deposit-{name}", item, refuses)
    with corpus.venue("dated-deposit-no-slot", "claimable at once", world) as s:
        s.item(SetVenue(1, 1, 9, 9, 1))
        trader = s.deposit(wallet("frank"), COIN, token=1)
        s.item(risk_item(1))
        s.item(replace(spot_item(2), group=1, size_decimals=6, lot=1_000))
        s.deposit(trader.wallet, COIN, trader.account, token=2)
