"""Cases of the order of the checks: bodies that break many rules lose one fault after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from merkat.spec.messages import Deposit, Item, SetInstrument, SetVenue
from merkat.spec.orders import Order
from merkat.spec.rules import FIELDS, all_rules
from merkat.spec.settle.ops import OrderOpen
from merkat.spec.values import BUY, HOUR_NS, SELL, ZERO_ADDRESS
from merkat.spec.vectors.corpus import CaseInputs, CaseScript, Corpus, CorpusError
from merkat.spec.vectors.script import USD, group_item
from merkat.spec.vectors.worlds import (
    ALICE,
    BOB,
    BTC,
    BTC_INDEX,
    BTC_LISTING,
    CAROL,
    DAVE,
    ERIN,
    MALLORY,
    Worlds,
)

Flaw = tuple[str, dict[str, Any]]
SIZE = BTC // 100
BID = 99_950 * USD
POST_ONLY = 2


def ladder_cases(corpus: Corpus, worlds: Worlds) -> None:
    """One case a body: every check comes before those after it."""
    corpus.family("ladders")
    _place(corpus, worlds)
    _amend(corpus, worlds)
    _renew(corpus, worlds)
    _money(corpus, worlds)
    _oracle(corpus, worlds)
    _items(corpus, worlds)
    _order_open(corpus, worlds)


def _climb(flaws: list[Flaw], send: Callable[[dict[str, Any]], object]) -> None:
    """Send the body with all flaws, then without the first, and so on, at last without any."""
    for start in range(len(flaws) + 1):
        changes: dict[str, Any] = {}
        for _, flaw in reversed(flaws[start:]):
            changes |= flaw
        send(changes)


def _check(case: CaseScript | CaseInputs, flaws: list[Flaw]) -> None:
    """Fail unless each flaw was found in its turn."""
    codes = {rule.id: rule.code for rule in all_rules()}
    expected = [(codes[text.split()[0]], FIELDS[text.split()[1]]) for text, _ in flaws]
    found = [refusals[0] if refusals else (0, 0) for refusals in case.refusals[-len(flaws) - 1 :]]
    if found != [*expected, (0, 0)]:
        raise CorpusError(f"{case.case.id}: expected {expected}, got {found}")


TERMS: list[Flaw] = [
    ("O-01 listing", {"listing": 9}),
    ("O-02 side", {"side": 2}),
    ("O-03 flags", {"flags": 4}),
    ("O-04 limit_price", {"limit_price": 103_500 * USD + 1}),
    ("O-05 size", {"size": 400 * BTC + 1}),
    ("O-06 expiry", {"expiry": 1}),
    ("O-07 expiry", {"expiry": 2**60 * 4}),
    ("O-08 version", {"version": 0}),
    ("O-09 counter", {"counter": 0}),
    ("O-10 renews", {"renews_counter": 3}),
    ("O-12 fee_cap", {"fee_cap": 0}),
    ("O-19 limit_price", {"limit_price": 103_500 * USD}),
    ("O-22 size", {"size": 400 * BTC}),
]


def _place(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue("ladder-place", "every check in its turn", worlds.open, also=13) as s:

        def send_order(flaws: dict[str, Any]) -> None:
            s.send_place(replace(s.order(ALICE, BUY, BID, SIZE), **flaws), ALICE.wallet)

        _climb(TERMS, send_order)
        _check(s, TERMS)
    late: list[Flaw] = [
        ("C-03 signature", {"signed_by": MALLORY}),
        ("C-04 nonce", {"nonce": 2**63}),
        ("O-04 limit_price", {"price": 110_000 * USD + 1}),
        ("O-12 fee_cap", {"fee_cap": 0}),
        ("O-13 stage", {"by": DAVE}),
        ("O-19 limit_price", {"price": 110_000 * USD}),
        ("O-22 size", {"size": 100 * BTC}),
    ]
    with corpus.venue("ladder-place-late", "stage, band, margin", worlds.troubled, also=7) as s:

        def send_late(flaws: dict[str, Any]) -> None:
            terms: dict[str, Any] = {
                "by": ERIN,
                "side": BUY,
                "price": 97_000 * USD,
                "size": SIZE,
            } | flaws
            s.place(**terms)

        _climb(late, send_late)
        _check(s, late)
    with corpus.venue(
        "ladder-stale", "silence before margin, halt before both", worlds.positions, also=3
    ) as s:
        s.wait(31 * 10**9)
        s.place(CAROL, BUY, 104_000 * USD, 100 * BTC, flags=POST_ONLY)
        s.heartbeat(0)
        s.heartbeat(1)
        s.wait(6 * 10**9)
        s.place(CAROL, BUY, 104_000 * USD, 100 * BTC, flags=POST_ONLY)
        s.place(CAROL, BUY, 102_000 * USD, 100 * BTC, flags=POST_ONLY)
        s.heartbeat(0)
        s.place(CAROL, BUY, 102_000 * USD, SIZE, flags=POST_ONLY)
    with corpus.venue(
        "ladder-post-only", "post-only before margin", worlds.book, "O-21 flags"
    ) as s:
        s.place(CAROL, BUY, 102_000 * USD, 100 * BTC, flags=POST_ONLY)


def _amend(corpus: Corpus, worlds: Worlds) -> None:
    flaws: list[Flaw] = [
        ("X-01 counter", {"counter": 1}),
        ("X-02 listing", {"listing": 9}),
        ("X-02 side", {"side": SELL}),
        ("X-02 flags", {"flags": 1}),
        ("O-04 limit_price", {"limit_price": 103_500 * USD + 1}),
        ("O-05 size", {"size": SIZE + 1}),
        ("X-03 version", {"version": 1}),
        ("O-10 renews", {"renews_hour": 3}),
        ("O-12 fee_cap", {"fee_cap": 0}),
        ("X-04 size", {"size": SIZE}),
        ("O-19 limit_price", {"limit_price": 103_500 * USD}),
        ("O-22 size", {"size": 100 * BTC}),
    ]
    with corpus.venue("ladder-amend", "every check in its turn", worlds.open, also=12) as s:
        order = s.place(ALICE, BUY, BID, 4 * SIZE)
        s.place(BOB, SELL, BID, 2 * SIZE)
        _climb(flaws, lambda changes: s.amend(ALICE, order, **changes))
        _check(s, flaws)


def _renew(corpus: Corpus, worlds: Worlds) -> None:
    flaws: list[Flaw] = [
        ("X-01 counter", {"renews_counter": 1}),
        ("X-02 listing", {"listing": 9}),
        ("X-02 side", {"side": SELL}),
        ("X-02 flags", {"flags": 1}),
        ("X-05 limit_price", {"limit_price": BID + 1}),
        ("X-05 size", {"size": SIZE}),
        ("O-06 expiry", {"expiry": 1}),
        ("O-07 expiry", {"expiry": 2**62}),
        ("O-08 version", {"version": 2}),
        ("O-09 counter", {"counter": 0}),
        ("O-12 fee_cap", {"fee_cap": 0}),
    ]
    with corpus.venue("ladder-renew", "every check in its turn", worlds.open, also=11) as s:
        order = s.place(ALICE, BUY, BID, 4 * SIZE)
        _climb(
            flaws, lambda changes: s.renew(ALICE, order, 4 * SIZE, life_ns=5 * HOUR_NS, **changes)
        )
        _check(s, flaws)


def _money(corpus: Corpus, worlds: Worlds) -> None:
    withdraw: list[Flaw] = [
        ("C-02 account", {"account": 9}),
        ("C-03 signature", {"signed_by": MALLORY}),
        ("C-04 nonce", {"nonce": 1}),
        ("W-01 token", {"token": 2}),
        ("W-02 amount", {"amount": 2**96}),
        ("W-06 amount", {"amount": 2**60}),
    ]
    with corpus.venue("ladder-withdraw", "every check in its turn", worlds.positions, also=6) as s:
        s.withdraw(ALICE, 1, nonce=1)
        _climb(withdraw, lambda changes: s.withdraw(ALICE, USD, **changes))
        _check(s, withdraw)
    transfer: list[Flaw] = [
        ("C-03 signature", {"signed_by": MALLORY}),
        ("W-02 amount", {"amount": 0}),
        ("S-02 to_account", {"to_account": 9}),
        ("W-03 to_account", {"to_account": DAVE.account}),
        ("W-04 stage", {}),
    ]
    with corpus.venue(
        "ladder-transfer", "target before stage", worlds.troubled, "W-04 stage", also=4
    ) as s:
        for start in range(len(transfer)):
            changes: dict[str, Any] = {}
            for _, flaw in reversed(transfer[start:]):
                changes |= flaw
            s.transfer(DAVE, ALICE.account, 2**60, **changes)


def _oracle(corpus: Corpus, worlds: Worlds) -> None:
    flaws: list[Flaw] = [
        ("E-01 group", {"group": 9}),
        ("E-02 number", {"number": 9}),
        ("E-03 previous", {"previous": bytes(31)}),
        ("E-04 time", {"time": 1}),
        ("E-05 index", {"index": 0}),
        ("E-05 basis", {"basis": 2**40}),
        ("E-05 premium", {"premium": 2**40}),
        ("E-06 signatures", {"signers": [3]}),
    ]
    with corpus.venue("ladder-epoch", "every check in its turn", worlds.open, also=8) as s:
        _climb(flaws, lambda changes: s.epoch(0, BTC_INDEX, **changes))
        _check(s, flaws)
    beats = [(rule, flaw) for rule, flaw in flaws if rule[:4] in ("E-01", "E-02", "E-04", "E-06")]
    beats.insert(2, ("E-03 previous", {"vector_hash": bytes(31)}))
    with corpus.venue("ladder-beat", "every check in its turn", worlds.open, also=5) as s:
        _climb(beats, lambda changes: s.heartbeat(0, **changes))
        _check(s, beats)


def _items(corpus: Corpus, worlds: Worlds) -> None:
    ladders: dict[str, tuple[Item, list[Flaw]]] = {
        "deposit": (
            Deposit(0, 0, ALICE.wallet.address, 0, USD),
            [
                ("I-03 token", {"token": 1}),
                ("I-04 amount", {"amount": 0}),
                ("I-05 owner", {"owner": ZERO_ADDRESS}),
                ("I-06 amount", {"amount": 1}),
            ],
        ),
        "list": (
            BTC_LISTING,
            [
                ("I-02 source", {"source": 0}),
                ("I-08 group", {"group": 9}),
                ("I-11 kind", {"kind": 0}),
                ("I-12 size_decimals", {"size_decimals": 19}),
                ("I-13 lot", {"lot": 3}),
                ("I-14 tick", {"tick": 1}),
                ("I-15 taker_fee", {"taker_fee": -1}),
                ("I-15 maker_fee", {"maker_fee": 2**40}),
            ],
        ),
        "instrument": (
            SetInstrument(1, 1, 1, 0, 0),
            [
                ("I-02 source", {"source": 0}),
                ("I-15 taker_fee", {"taker_fee": -1}),
                ("I-15 maker_fee", {"maker_fee": 2**40}),
                ("I-17 listing", {"listing": 9}),
                ("I-18 state", {"state": 9}),
            ],
        ),
        "venue": (
            SetVenue(1, 1, 1, 1, 1),
            [
                ("I-02 source", {"source": 0}),
                ("I-19 position_limit", {"position_limit": 0}),
                ("I-19 open_orders_account", {"open_orders_account": 0}),
                ("I-19 open_orders_listing", {"open_orders_listing": 0}),
                ("I-19 new_account_minimum", {"new_account_minimum": 0}),
            ],
        ),
        "group": (
            group_item(0),
            [
                ("I-02 source", {"source": 0}),
                ("I-08 group", {"group": 9}),
                ("I-09 parameter_1", {"parameters": (0,) * 20 + (1,)}),
                ("I-10 nodes", {"nodes": (BOB.wallet.address,) * 8}),
                ("I-10 threshold", {"threshold": 0}),
            ],
        ),
    }
    for name, (item, flaws) in ladders.items():
        title, many = "every check in its turn", len(flaws)
        with corpus.venue(f"ladder-item-{name}", title, worlds.open, also=many) as s:
            good: Any = item
            _climb(flaws, lambda changes, good=good, s=s: s.item(replace(good, **changes)))  # type: ignore[misc]
            _check(s, flaws)


def _order_open(corpus: Corpus, worlds: Worlds) -> None:
    flaws: list[Flaw] = [
        ("P-01 listing", {"listing": 9}),
        ("P-02 side", {"side": 2}),
        ("P-02 flags", {"flags": 4}),
        ("P-03 limit_price", {"limit_price": BID + 1}),
        ("P-04 size", {"size": SIZE + 1}),
        ("P-05 expiry", {"expiry": 1}),
        ("P-06 expiry", {"expiry": 2**62}),
        ("P-07 counter", {"counter": 0}),
        ("P-08 version", {"version": 0}),
        ("P-09 renews", {"renews_hour": 2**20}),
    ]
    with corpus.venue("ladder-order", "the body of the inputs", worlds.open) as s:
        body: Order = s.place(ALICE, BUY, BID, SIZE)
        script = s
    with corpus.settlement(
        "ladder-open", "every check in its turn", worlds.open, also=10
    ) as inputs:

        def give(changes: dict[str, Any]) -> None:
            order = replace(body, **changes)
            inputs.op(OrderOpen(order, script.signed(order, ALICE.wallet)))

        _climb(flaws, give)
        _check(inputs, flaws)
