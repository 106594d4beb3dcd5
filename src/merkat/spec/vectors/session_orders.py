"""Cases of what a session's order may be: scope, notional, expiry; amends, renewals (O-25 on)."""

from __future__ import annotations

from typing import Any

from merkat.spec.messages import List
from merkat.spec.orders import Order
from merkat.spec.values import BUY, DAY_NS, HOUR_NS, SELL
from merkat.spec.vectors.corpus import CaseScript, Corpus, World
from merkat.spec.vectors.script import STEP_NS, USD, Trader, group_item
from merkat.spec.vectors.session_world import (
    BOT,
    DESK,
    OTHER_KEY,
    OTHER_P256_KEY,
    PHONE,
    PHONE_KEY,
    SIZE,
    SessionWorlds,
)
from merkat.spec.vectors.wallets import wallet
from merkat.spec.vectors.worlds import ALICE, BOB, BTC, BTC_INDEX, CAROL, ETH, ETH_INDEX

LOT = 10_000
TICK = 10_000
BID = 99_000 * USD
ASK = 100_500 * USD
ODD_INDEX = BTC_INDEX + 1  # no multiple of the quantum: one lot is worth a fraction


def session_order_cases(corpus: Corpus, worlds: SessionWorlds) -> None:
    """The scope of a session, at its edges."""
    corpus.family("session_orders", "session-order-")
    _scopes(corpus, worlds.sessions)
    _many_groups(corpus, worlds.sessions)
    _notionals(corpus, worlds.sessions)
    _expiries(corpus, worlds.sessions)
    _amends(corpus, worlds.sessions)
    _renewals(corpus, worlds.sessions)
    _reopened(corpus, worlds.sessions)
    _times(corpus, worlds)


def _opened(s: CaseScript, **scope: Any) -> Trader:
    """Give alice a third session with this scope; the rest is unbounded."""
    return s.session(ALICE, 3, OTHER_P256_KEY, **scope)


def _scopes(corpus: Corpus, world: World) -> None:
    """O-25: a bit for each kind, a bit for each group."""
    scopes: dict[str, tuple[dict[str, int], str]] = {
        "perpetuals": ({"kinds": 1}, ""),
        "futures": ({"kinds": 2}, "O-25 scope"),
        "all-others": ({"kinds": 30}, "O-25 scope"),
        "group-0": ({"groups": 1}, ""),
        "group-1": ({"groups": 2}, "O-25 scope"),
        "groups-others": ({"groups": 2**64 - 2}, "O-25 scope"),
        "every-group": ({"groups": 2**64 - 1}, ""),
    }
    for name, (scope, refuses) in scopes.items():
        accepts = "" if refuses else "O-25 O-26 O-27"
        with corpus.venue(f"scope-{name}", "an order of group 0", world, refuses, accepts) as s:
            s.place(_opened(s, **scope), BUY, BID, SIZE)
    for name, groups, refuses in (("in", 2, ""), ("out", 1, "O-25 scope")):
        with corpus.venue(f"scope-other-{name}", "an order of group 1", world, refuses) as s:
            s.place(_opened(s, groups=groups), BUY, 2_900 * USD, ETH, listing=3)
    with corpus.venue("scope-wallet", "the wallet has no scope", world) as s:
        _opened(s, groups=2)
        s.place(ALICE, BUY, BID, SIZE)
    with corpus.venue("scope-first", "before version and counter", world, "O-25 scope") as s:
        s.place(_opened(s, groups=2), BUY, BID, SIZE, version=2, counter=1)
    with corpus.venue("scope-last", "after the expiry", world, "O-07 expiry") as s:
        s.place(_opened(s, groups=2), BUY, BID, SIZE, life_ns=8 * DAY_NS)


def _many_groups(corpus: Corpus, world: World) -> None:
    """Groups 63 and 64: the last with a bit, and the first without."""
    with corpus.venue(
        "scope-group-64", "only a scope of every group has it", world, "", "O-25", also=1
    ) as s:
        for group in range(2, 65):
            s.item(group_item(group, node_count=1, threshold=1))
        for group in (63, 64):
            s.item(List(1, 1, group, 6, 1_000, 10_000, 0, 0))
            s.epoch(group, ETH_INDEX)
        last = _opened(s, groups=2**63)
        s.place(last, BUY, 2_900 * USD, ETH, listing=4)
        s.place(last, BUY, 2_900 * USD, ETH, listing=5)
        s.place(DESK, BUY, 2_900 * USD, ETH, listing=5)


def _notionals(corpus: Corpus, world: World) -> None:
    """O-26: the dearer of limit and index, rounded up."""
    edges = {
        "buy-at-index": (BUY, BID, 0),
        "buy-at-limit": (BUY, BTC_INDEX + 1_000 * USD, 100 * USD),
        "sell-at-index": (SELL, BTC_INDEX - 1_000 * USD, 0),
        "sell-at-limit": (SELL, BTC_INDEX + 1_000 * USD, 100 * USD),
    }
    for name, (side, price, more) in edges.items():
        worth = 10_000 * USD + more
        for over, refuses in ((0, ""), (1, "O-26 size")):
            with corpus.venue(f"notional-{name}-{over}", "to the millionth", world, refuses) as s:
                s.place(_opened(s, notional=worth - over), side, price, SIZE)
    for worth, refuses in ((10_000_001, "O-26 size"), (10_000_002, "")):
        with corpus.venue(
            f"notional-rounded-{worth}", "a fraction counts whole", world, refuses
        ) as s:
            s.epoch(0, ODD_INDEX + 10_000)
            s.place(_opened(s, notional=worth), BUY, BID, LOT)
    with corpus.venue("notional-largest", "no bound that any order meets", world, "", "O-26") as s:
        s.place(_opened(s, notional=2**64 - 1), BUY, BID, SIZE)
    with corpus.venue("notional-each", "each order alone counts", world, "", "O-26 O-22") as s:
        by = _opened(s, notional=10_000 * USD)
        for _ in range(3):
            s.place(by, BUY, BID, SIZE)
    with corpus.venue(
        "notional-market", "the signed limit counts, not the tightened", world, "O-26 size"
    ) as s:
        s.place(_opened(s, notional=12_000 * USD), BUY, 2**40 // TICK * TICK, SIZE, flags=5)
    with corpus.venue(
        "notional-held", "the standing index while one is held", world, "O-20 group"
    ) as s:
        s.epoch(0, 150_000 * USD)
        s.place(_opened(s, notional=10_000 * USD), BUY, BID, SIZE)


def _expiries(corpus: Corpus, world: World) -> None:
    """O-27: no order outlives its session."""
    for name, more_ns, refuses in (("equal", 0, ""), ("over", 1, "O-27 expiry")):
        with corpus.venue(f"expiry-{name}", "at the session's expiry", world, refuses) as s:
            expiry = s.time_ns + HOUR_NS
            s.place(_opened(s, expiry=expiry), BUY, BID, SIZE, expiry=expiry + more_ns)
    with corpus.venue("expiry-immediate", "immediate ones too", world, "O-27 expiry") as s:
        expiry = s.time_ns + 10 * 10**9
        s.place(_opened(s, expiry=expiry), BUY, BID, SIZE, flags=1, expiry=expiry + 1)


def _amends(corpus: Corpus, world: World) -> None:
    """O-25 to O-27 of an amended body."""
    spoilt: dict[str, tuple[str, dict[str, int]]] = {
        "same": ("", {}),
        "smaller": ("", {"size": SIZE // 2}),
        "size": ("O-26 size", {"size": SIZE + LOT}),
        "price": ("O-26 size", {"limit_price": 100_510 * USD}),
        "price-edge": ("", {"limit_price": 100_500 * USD}),
    }
    for name, (refuses, changes) in spoilt.items():
        with corpus.venue(f"amend-{name}", "the new body counts", world, refuses) as s:
            order = s.place(PHONE, SELL, 100_400 * USD, SIZE)
            s.amend(PHONE, order, **changes)
    for name, more_ns, refuses in (("equal", 0, ""), ("over", 1, "O-27 expiry")):
        with corpus.venue(f"amend-expiry-{name}", "of the same hour", world, refuses) as s:
            expiry = s.time_ns + HOUR_NS
            by = _opened(s, expiry=expiry)
            order = s.place(by, SELL, ASK, SIZE, expiry=expiry - 10**9)
            s.amend(by, order, expiry=expiry + more_ns)
    with corpus.venue("amend-index", "the index has risen since", world, "O-26 size") as s:
        order = s.place(PHONE, BUY, BID, SIZE)
        s.epoch(0, 100_600 * USD)
        s.amend(PHONE, order, limit_price=BID - TICK)
    for name, key in (("wallet", ALICE.wallet), ("desk", DESK.wallet)):
        with corpus.venue(f"amend-by-{name}", "another key", world, "C-03 signature") as s:
            order = s.place(PHONE, BUY, BID, SIZE)
            s.send_amend(s.amended(order), key)
    with corpus.venue("amend-slot", "another slot is another key", world, "X-01 counter") as s:
        order = s.place(PHONE, BUY, BID, SIZE)
        s.amend(DESK, order, slot=DESK.slot)


def _renewals(corpus: Corpus, world: World) -> None:
    """A renewal stays in its slot; the old body is opened first where settlement knows another."""
    with corpus.venue(
        "renew-place", "it keeps its place before the others", world, "", "X-01 O-25 O-26 O-27"
    ) as s:
        order = s.place(PHONE, SELL, ASK, SIZE)
        s.place(CAROL, SELL, ASK, SIZE // 10)
        renewed = s.renew(PHONE, order, SIZE, life_ns=HOUR_NS + HOUR_NS // 2)
        s.place(BOB, BUY, ASK, SIZE // 2)
        s.renew(PHONE, renewed, SIZE // 2, life_ns=HOUR_NS + HOUR_NS // 4)
        s.place(BOB, BUY, ASK, SIZE)
    for name, by, slot in (("wallet", ALICE, 0), ("desk", DESK, 1)):
        with corpus.venue(
            f"renew-of-{name}", "the order of another slot", world, "X-01 counter"
        ) as s:
            order = s.place(by, SELL, ASK, SIZE)
            s.renew(PHONE, order, SIZE, slot=PHONE.slot)
        with corpus.venue(
            f"renew-into-{name}", "the order of another slot", world, "X-01 counter"
        ) as s:
            order = s.place(PHONE, SELL, ASK, SIZE)
            s.renew(by, order, SIZE, slot=slot)
    for name, more_ns, refuses in (("equal", 0, ""), ("over", 1, "O-27 expiry")):
        with corpus.venue(f"renew-expiry-{name}", "at the session's", world, refuses) as s:
            expiry = s.time_ns + 2 * HOUR_NS
            by = _opened(s, expiry=expiry)
            order = s.place(by, SELL, ASK, SIZE)
            s.renew(by, order, SIZE, expiry=expiry + more_ns)
    with corpus.venue("renew-index", "the index has risen since", world, "O-26 size") as s:
        order = s.place(PHONE, SELL, ASK, SIZE)
        s.epoch(0, 100_600 * USD)
        s.renew(PHONE, order, SIZE)
    for index, refuses in ((100_500, ""), (100_600, "O-26 size")):
        with corpus.venue(
            f"renew-old-body-{index}",
            "the whole old body must be opened first",
            world,
            refuses,
            "" if refuses else "O-26",
        ) as s:
            amended = _part_filled_and_amended(s)
            s.epoch(0, index * USD)
            s.renew(PHONE, amended, SIZE // 2)
    with corpus.venue(
        "renew-old-known", "settlement knows the old body already", world, "", "O-26"
    ) as s:
        order = s.place(PHONE, SELL, ASK, SIZE)
        s.place(BOB, BUY, ASK, SIZE // 2)
        s.epoch(0, 100_600 * USD)
        s.renew(PHONE, order, SIZE // 2)
    with corpus.venue(
        "renew-old-unknown", "settlement never saw the old order", world, "", "O-26"
    ) as s:
        order = s.place(PHONE, SELL, ASK, SIZE)
        amended = s.amend(PHONE, order, size=SIZE - LOT)
        s.epoch(0, 100_500 * USD)
        s.renew(PHONE, amended, SIZE - LOT)


def _part_filled_and_amended(s: CaseScript) -> Order:
    """PHONE sells; half of it trades; then it signs a second body, which settlement has not."""
    order = s.place(PHONE, SELL, ASK, SIZE)
    s.place(BOB, BUY, ASK, SIZE // 2)
    return s.amend(PHONE, order, fee_cap=order.fee_cap - 1)


def _reopened(corpus: Corpus, world: World) -> None:
    """A slot that is opened anew: another key, another scope, the orders of the old one gone."""
    with corpus.venue("reopened-old-key", "the old key is out", world, "C-03 signature") as s:
        s.revoke(ALICE, PHONE.slot)
        s.session(ALICE, PHONE.slot, OTHER_KEY)
        s.place(PHONE, BUY, BID, SIZE)
    with corpus.venue("reopened-new-key", "the new one trades", world, "", "C-08 O-25") as s:
        s.place(PHONE, SELL, ASK, SIZE)
        s.revoke(ALICE, PHONE.slot)
        by = s.session(ALICE, PHONE.slot, OTHER_KEY)
        s.place(by, SELL, ASK, SIZE)
        s.place(BOB, BUY, ASK, SIZE)

    def expired_one_rests(s: CaseScript, **scope: Any) -> tuple[Trader, Order]:
        """An order that has expired with its session still rests; the slot is opened anew."""
        expiry = s.time_ns + 60 * 10**9
        by = _opened(s, expiry=expiry)
        order = s.place(by, SELL, ASK, SIZE, expiry=expiry)
        s.wait(60 * 10**9)
        s.epoch(0, BTC_INDEX)
        return s.session(ALICE, 3, OTHER_KEY, **scope), order

    with corpus.venue(
        "reopened-amend", "an expired order may be signed anew by the new key", world, "", "O-27"
    ) as s:
        by, order = expired_one_rests(s)
        s.amend(by, order, expiry=order.expiry + 120 * 10**9)
        s.place(BOB, BUY, ASK, SIZE // 2)
    with corpus.venue("reopened-scope", "the new scope counts", world, "O-25 scope") as s:
        by, order = expired_one_rests(s, groups=2)
        s.amend(by, order, expiry=order.expiry + 120 * 10**9)
    with corpus.venue(
        "reopened-renew", "what has expired is not renewed", world, "X-07 renews"
    ) as s:
        by, order = expired_one_rests(s)
        s.renew(by, order, SIZE)
    with corpus.venue("reopened-cancel", "the new key cancels it", world, "", "X-01") as s:
        by, order = expired_one_rests(s)
        s.cancel(by, order)
    with corpus.venue("reopened-revoke", "it leaves with the new session", world) as s:
        expired_one_rests(s)
        s.revoke(ALICE, 3)
    with corpus.venue("reopened-tick", "it leaves at the tick", world) as s:
        expired_one_rests(s)
        s.tick()


def _times(corpus: Corpus, worlds: SessionWorlds) -> None:
    """What time does to orders of sessions, and other commands beside them."""
    with corpus.venue("tick-expired", "orders end with their session", worlds.busy) as s:
        s.wait(3 * HOUR_NS)
        s.tick()
    with corpus.venue("floor", "the wallet's floor voids every key's", worlds.busy) as s:
        s.floor(ALICE, 2**40 - 1)
    with corpus.venue(
        "liquidated", "all keys' orders leave an account in liquidation", worlds.sessions
    ) as s:
        poor = s.deposit(wallet("poor"), 7_000 * USD)
        by = s.session(poor, 1, OTHER_KEY)
        s.place(BOT, SELL, BTC_INDEX, BTC)
        s.place(by, BUY, BTC_INDEX, BTC)
        s.place(by, SELL, 102_000 * USD, SIZE)
        s.place(poor, SELL, 102_000 * USD, SIZE)
        s.epoch(0, 97_900 * USD)
    with corpus.venue("in-liquidation", "no session helps", worlds.sessions, "O-13 stage") as s:
        poor = s.deposit(wallet("poor"), 7_000 * USD)
        by = s.session(poor, 1, OTHER_KEY)
        s.place(BOT, SELL, BTC_INDEX, BTC)
        s.place(by, BUY, BTC_INDEX, BTC)
        s.epoch(0, 97_900 * USD)
        s.place(by, SELL, 98_000 * USD, SIZE)
    with corpus.venue("hours-dropped", "leaves of sessions' orders go too", worlds.busy) as s:
        s.place(BOB, BUY, 100_300 * USD, 3 * SIZE)
        s.wait(8 * DAY_NS)
        s.tick()
        s.session(ALICE, PHONE.slot, PHONE_KEY, expiry=s.time_ns + STEP_NS + DAY_NS)
