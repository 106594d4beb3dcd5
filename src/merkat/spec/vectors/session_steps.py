"""Cases of sessions as the settlement machine knows them (rules S, K, P and F)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from merkat.spec import signatures
from merkat.spec.settle.ops import Fill, MicroOp, OrderOpen
from merkat.spec.settle.sessions import SESSION_NS_MAX
from merkat.spec.settle.state import State
from merkat.spec.values import BUY, DAY_NS, HOUR_NS, SELL, ZERO_ADDRESS
from merkat.spec.vectors.corpus import CaseInputs, Corpus, World
from merkat.spec.vectors.desk import (
    CALL_FAR,
    FUTURE_FAR,
    PERPETUAL_LISTING,
    PUT_FAR,
    SPOT_LISTING,
    Desks,
    near_mark,
)
from merkat.spec.vectors.script import CONFIG, USD, Script, Trader
from merkat.spec.vectors.session_world import (
    BOT,
    BOT_KEY,
    DESK,
    DESK_KEY,
    OTHER_KEY,
    OTHER_P256_KEY,
    PHONE,
    PHONE_KEY,
    PHONE_LIFE_NS,
    PHONE_NOTIONAL,
    SIZE,
    SessionWorlds,
)
from merkat.spec.vectors.wallets import CurveSigner, Wallet
from merkat.spec.vectors.worlds import ALICE, BOB, BTC_INDEX
from merkat.spec.venue.machine import Venue

ASK = 100_500 * USD
LOT = 10_000


def session_step_cases(corpus: Corpus, worlds: SessionWorlds) -> None:
    """The steps session_open and session_revoke, and order_open and fill of sessions."""
    corpus.family("session_steps", "session-step-")
    _opening(corpus, worlds)
    _revoking(corpus, worlds.sessions)
    _order_opening(corpus, worlds.sessions)
    _versions(corpus, worlds.sessions)
    _fills(corpus, worlds.sessions)
    _snapshots(corpus, worlds.busy)


def session_kind_cases(corpus: Corpus, desks: Desks) -> None:
    """O-25 and K-10 by the kind of listing: each bit of a session's kinds."""
    corpus.family("session_kinds", "session-kind-")
    listings = (PERPETUAL_LISTING, FUTURE_FAR, CALL_FAR, PUT_FAR, SPOT_LISTING)
    for kind, listing in enumerate(listings):
        for name, kinds, refuses in (
            ("in", 1 << kind, ""),
            ("out", 31 - (1 << kind), "O-25 scope"),
        ):
            with corpus.venue(f"{kind + 1}-{name}", "its own bit", desks.open, refuses) as s:
                by = s.session(ALICE, 1, OTHER_P256_KEY, kinds=kinds)
                s.place(by, BUY, near_mark(s, listing, -3), LOT, listing=listing)
    with corpus.venue("option-notional", "an option by the index", desks.open, "O-26 size") as s:
        by = s.session(ALICE, 1, OTHER_P256_KEY, notional=9_999_999)
        s.place(by, BUY, near_mark(s, CALL_FAR, -3), LOT, listing=CALL_FAR)


class Steps:
    """Signs bodies for a world without sending them."""

    def __init__(self, corpus: Corpus, world: World) -> None:
        self.corpus, self.world = corpus, world
        venue = Venue.from_snapshot(CONFIG, world.snapshot, signatures.recover)
        self.script = Script(venue, CurveSigner(), world.log_number, world.time_ns)
        self.script.nonces = dict(world.nonces)

    def opened(self, by: Trader, side: int, price: int, size: int, **terms: Any) -> OrderOpen:
        """Return the step that makes a signed order known."""
        signed_by: Wallet = terms.pop("signed_by", by.wallet)
        order = self.script.order(by, side, price, size, **terms)
        return OrderOpen(order, self.script.signed(order, signed_by))

    @contextmanager
    def case(
        self, name: str, title: str, refuses: str = "", accepts: str = ""
    ) -> Iterator[CaseInputs]:
        """Write a case of this world."""
        with self.corpus.settlement(name, title, self.world, refuses, accepts) as inputs:
            yield inputs

    def steps(
        self, name: str, title: str, refuses: str, *steps: MicroOp, accepts: str = ""
    ) -> None:
        """Write a case of these steps, a nanosecond apart."""
        with self.case(name, title, refuses, accepts) as inputs:
            for step in steps:
                inputs.op(step, 1)


def _opening(corpus: Corpus, worlds: SessionWorlds) -> None:
    steps, now = Steps(corpus, worlds.open), worlds.open.time_ns + 1

    def given(name: str, refuses: str, key: Wallet = OTHER_KEY, **spoilt: Any) -> None:
        accepts = "" if refuses else "S-02 S-03 S-04 K-01 K-02 K-03 K-04 K-05 K-06"
        spoilt = {"expiry": now + DAY_NS, "slot": 3, "nonce": 9} | spoilt
        body = steps.script.session_body(ALICE, 3, key, **spoilt)
        steps.steps(f"open-{name}", "session_open", refuses, body, accepts=accepts)

    given("secp256k1", "")
    given("p256", "", OTHER_P256_KEY)
    given("account-0", "S-02 account", account=0)
    given("account-9", "S-02 account", account=9)
    given("foreign", "S-03 signature", signed_by=BOB.wallet)
    given("p256-signer", "S-03 signature", signed_by=OTHER_P256_KEY)
    for slot in (0, 16):
        given(f"slot-{slot}", "K-01 session_slot", slot=slot)
    for scheme in (0, 3):
        given(f"scheme-{scheme}", "K-02 scheme", scheme=scheme)
    for kinds in (0, 32):
        given(f"kinds-{kinds}", "K-04 scope", kinds=kinds)
    given("groups", "K-04 scope", groups=0)
    given("notional", "K-04 scope", notional=0)
    given("expired", "K-05 expiry", expiry=now)
    given("expiry-next", "", expiry=now + 1)
    given("expiry-180-days", "", expiry=now + SESSION_NS_MAX)
    given("expiry-far", "K-05 expiry", expiry=now + SESSION_NS_MAX + 1)
    for name, key in (("zero", ZERO_ADDRESS), ("owner", ALICE.wallet.address)):
        body = steps.script.session_body(ALICE, 3, OTHER_KEY, key=key, nonce=9)
        steps.steps(f"open-key-{name}", "session_open", "K-03 key", body)
    first = steps.script.session_body(ALICE, 3, OTHER_KEY, nonce=9)
    steps.steps("open-nonce-same", "a nonce that does not grow", "S-04 nonce", first, first)
    taken = steps.script.session_body(ALICE, 3, OTHER_P256_KEY, nonce=10)
    steps.steps("open-taken", "a live session stands there", "K-06 session_slot", first, taken)
    twice = steps.script.session_body(ALICE, 4, OTHER_KEY, nonce=10)
    steps.steps("open-key-twice", "of another live session", "K-03 key", first, twice)
    withdrawn = steps.script.withdrawal(ALICE, USD, nonce=10)
    steps.steps("open-nonces", "withdrawals have the same nonces", "", first, withdrawn)


def _revoking(corpus: Corpus, world: World) -> None:
    steps = Steps(corpus, world)

    def body(slot: int, floor: int | None = None, **spoilt: Any) -> MicroOp:
        return steps.script.revocation(ALICE, slot, floor, **spoilt)

    steps.steps("revoke", "state 2", "", body(1), accepts="S-02 S-03 S-04 K-01 K-07 K-08")
    steps.steps("revoke-floor", "and a floor", "", body(2, 2**40 - 1), accepts="K-08")
    steps.steps("revoke-account", "no such account", "S-02 account", body(1, account=99))
    steps.steps("revoke-signer", "a session", "S-03 signature", body(1, signed_by=DESK_KEY))
    steps.steps("revoke-nonce", "not larger", "S-04 nonce", body(1, nonce=1))
    for slot in (0, 16):
        steps.steps(f"revoke-slot-{slot}", "no slot", "K-01 session_slot", body(slot))
    steps.steps("revoke-absent", "never opened", "K-07 session_slot", body(3))
    steps.steps("revoke-twice", "only once", "K-07 session_slot", body(1), body(1))
    steps.steps("revoke-floor-falls", "lower", "K-08 floor", body(1, 7), body(2, 6))
    steps.steps("revoke-floor-same", "equal", "", body(1, 7), body(2, 7), accepts="K-08")
    revoked, anew = body(1), steps.script.session_body(ALICE, 1, OTHER_P256_KEY)
    steps.steps("revoke-reopen", "another key in the slot", "", revoked, anew, accepts="K-06")
    with steps.case("revoke-expired", "an expired one", "", "K-07") as inputs:
        inputs.op(body(2), PHONE_LIFE_NS)


def _order_opening(corpus: Corpus, world: World) -> None:
    """K-09 to K-12 and S-03 of order_open."""
    steps = Steps(corpus, world)

    def given(name: str, title: str, refuses: str, by: Trader = PHONE, **terms: Any) -> None:
        accepts = "" if refuses else "K-09 S-03 P-01 P-07"
        accepts += " K-10 K-11 K-12" if by.slot and not refuses else ""
        size, price = terms.pop("size", SIZE), terms.pop("price", ASK)
        opened = steps.opened(by, SELL, price, size, **terms)
        steps.steps(f"order-{name}", title, refuses, opened, accepts=accepts)

    given("phone", "of a P-256 session", "")
    given("desk", "of a secp256k1 session", "", DESK)
    given("wallet", "of the wallet", "", ALICE)
    for slot in (3, 16, 255):
        given(f"slot-{slot}", "no session", "K-09 session_slot", slot=slot)
    for name, slot, signer in (
        ("owner", 2, ALICE.wallet),
        ("desk", 2, DESK_KEY),
        ("phone", 1, PHONE_KEY),
        ("bot", 1, BOT_KEY),
        ("wallet", 0, DESK_KEY),
    ):
        given(f"by-{name}-for-{slot}", "another key", "S-03 signature", slot=slot, signed_by=signer)
    given("group", "out of scope", "K-10 scope", listing=3, price=3_000 * USD, size=1_000_000)
    given("notional", "a tick too dear", "K-11 size", price=ASK + LOT)
    given("notional-size", "a lot too much", "K-11 size", size=SIZE + LOT)
    expiry = steps.script.state.sessions[ALICE.account << 4 | 2].expiry
    given("expiry", "as long as the session", "", expiry=expiry)
    given("outlives", "a nanosecond longer", "K-12 expiry", expiry=expiry + 1)
    given("floor", "K-12 comes before P-07", "K-12 expiry", expiry=expiry + 1, counter=0)
    ether: dict[str, Any] = {"listing": 3, "price": 3_000 * USD}
    given("far", "P-06 comes before K-10", "P-06 expiry", **ether, life_ns=8 * DAY_NS)
    opened = steps.opened(PHONE, SELL, ASK, SIZE)
    revoked = steps.script.revocation(ALICE, 2)
    steps.steps("order-revoked", "not any more", "K-09 session_slot", revoked, opened)
    for name, early_ns, refuses in (("last", 1, ""), ("expired", 0, "K-09 session_slot")):
        with steps.case(f"order-{name}", "at the session's expiry", refuses) as inputs:
            order = steps.opened(PHONE, SELL, ASK, SIZE, expiry=expiry)
            inputs.op(order, expiry - early_ns - world.time_ns)
    raised = steps.script.epoch_body(0, 100_600 * USD, time=world.time_ns + 1)
    with steps.case("order-index", "the index has risen", "K-11 size") as inputs:
        inputs.op(raised, 1)
        inputs.op(opened)
    for name, key in (("p256", OTHER_P256_KEY), ("secp256k1", OTHER_KEY)):
        wrong = replace(key, scheme=3 - key.scheme)
        body = steps.script.session_body(ALICE, 3, wrong)
        order = steps.opened(Trader(ALICE.account, key, 3), SELL, ASK, SIZE)
        steps.steps(f"order-scheme-{name}", "the wrong scheme", "S-03 signature", body, order)


def _versions(corpus: Corpus, world: World) -> None:
    """A newer version and a renewal of an order stay in their slot."""
    steps = Steps(corpus, world)
    opened = steps.opened(PHONE, SELL, ASK, SIZE)
    order = opened.order
    newer = steps.script.amended(order, size=SIZE // 2)
    signed = OrderOpen(newer, steps.script.signed(newer, PHONE_KEY))
    steps.steps("version", "a newer body", "", opened, signed, accepts="P-08")
    for name, slot, by in (("phone", 2, PHONE), ("desk", 1, DESK), ("wallet", 0, ALICE)):
        renewal = steps.script.renewal(order, SIZE, life_ns=HOUR_NS + HOUR_NS // 2, slot=slot)
        step = OrderOpen(renewal, steps.script.signed(renewal, by.wallet))
        title = "the old key is of its own slot"  # of another slot nobody knows it, so it closes
        steps.steps(f"renewal-{name}", title, "", opened, step, accepts="P-09")
    revoked = steps.script.revocation(ALICE, 2)
    anew = steps.script.session_body(ALICE, 2, OTHER_KEY, expiry=world.time_ns + 4 * HOUR_NS)
    by_new = OrderOpen(newer, steps.script.signed(newer, OTHER_KEY))
    steps.steps("version-reopened", "by the new key of the slot", "", opened, revoked, anew, by_new)
    steps.steps(
        "version-old-key", "by the old key", "S-03 signature", opened, revoked, anew, signed
    )


def _fills(corpus: Corpus, world: World) -> None:
    """A fill asks no session: what was opened trades until floor or expiry."""
    steps = Steps(corpus, world)
    sold = steps.opened(PHONE, SELL, ASK, SIZE)
    desk = steps.opened(DESK, SELL, ASK, SIZE)
    bought = steps.opened(BOT, BUY, ASK, 2 * SIZE)
    fill = Fill(sold.order.key, bought.order.key, 0, 0, ASK, SIZE, 0)
    steps.steps("fill", "sessions of two accounts", "", sold, bought, fill)
    revoked = steps.script.revocation(ALICE, 2)
    steps.steps("fill-revoked", "an opened order trades on", "", sold, bought, revoked, fill)
    counter = sold.order.counter
    for name, floor, refuses in (("below", counter - 1, ""), ("at", counter, "F-02 counter")):
        revoked = steps.script.revocation(ALICE, 2, floor)
        steps.steps(f"fill-floor-{name}", "but for the floor", refuses, sold, bought, revoked, fill)
    buys = steps.opened(DESK, BUY, ASK, SIZE)
    own = Fill(sold.order.key, buys.order.key, 0, 0, ASK, SIZE, 0)
    steps.steps("fill-own", "two sessions of one owner", "F-04 owner", sold, buys, own)
    other = replace(fill, maker_key=desk.order.key ^ 3 << 40)
    steps.steps("fill-slot", "a key of another slot", "F-01 counter", desk, bought, other)


def _snapshots(corpus: Corpus, world: World) -> None:
    """A settlement state with sessions in every state, read back and used."""
    state = State.decode(CONFIG, world.settlement)
    state.change_session(ALICE.account << 4 | 1).state = 2
    state.change_session(ALICE.account << 4 | 2).notional = PHONE_NOTIONAL // 2
    kept = corpus.keep_settlement("states", world, state)
    steps = Steps(corpus, replace(kept, snapshot=world.snapshot))
    for name, by, refuses in (
        ("revoked", DESK, "K-09 session_slot"),
        ("narrow", PHONE, "K-11 size"),
        ("bot", BOT, ""),
    ):
        step = steps.opened(by, BUY, BTC_INDEX, SIZE)
        with corpus.settlement(f"state-{name}", "as the leaves say", kept, refuses) as inputs:
            inputs.op(step, 1)
