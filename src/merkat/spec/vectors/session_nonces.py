"""Cases of the windows of nonces, one for each slot of an account (C-04)."""

from __future__ import annotations

from merkat.spec.values import BUY
from merkat.spec.vectors.corpus import CaseScript, Corpus, World
from merkat.spec.vectors.script import STEP_NS, USD, Trader
from merkat.spec.vectors.session_world import BOT, DESK, OTHER_P256_KEY, PHONE, SIZE
from merkat.spec.vectors.worlds import ALICE

PRICE = 99_000 * USD


def window_cases(corpus: Corpus, world: World) -> None:
    """C-04: a window for each slot, of the signer's, kept for ever."""
    with corpus.venue(
        "nonce-of-each-slot", "the same nonce and counter in three slots", world, "", "C-04 O-15"
    ) as s:
        order = s.place(ALICE, BUY, PRICE, SIZE)
        s.place(DESK, BUY, PRICE, SIZE, nonce=order.nonce)
        s.place(PHONE, BUY, PRICE, SIZE, nonce=order.nonce)
        s.place(BOT, BUY, PRICE, SIZE, nonce=order.nonce)
    for name, by in (("desk", DESK), ("phone", PHONE)):
        with corpus.venue(f"nonce-{name}-used", "once a slot", world, "C-04 nonce") as s:
            order = s.place(by, BUY, PRICE, SIZE)
            s.cancel(by, order, nonce=order.nonce)
    with corpus.venue(
        "nonce-cancel-of-the-signer", "the signer's window counts", world, "", "C-04"
    ) as s:
        order = s.place(DESK, BUY, PRICE, SIZE)
        s.cancel(PHONE, order, nonce=order.nonce)
    with corpus.venue(
        "nonce-cancel-used", "not that of the order's slot", world, "C-04 nonce"
    ) as s:
        order = s.place(DESK, BUY, PRICE, SIZE)
        other = s.place(PHONE, BUY, PRICE, SIZE)
        s.cancel(PHONE, order, nonce=other.nonce)
    with corpus.venue("nonce-session-too-far", "more than a day", world, "C-04 nonce") as s:
        ahead = (s.time_ns + STEP_NS) // 10**6 + 86_400_000
        s.place(DESK, BUY, PRICE, SIZE, nonce=ahead)
        s.place(DESK, BUY, PRICE, SIZE, nonce=ahead + 2)
    with corpus.venue(
        "nonce-kept", "a slot that is opened anew keeps its window", world, "C-04 nonce"
    ) as s:
        order = s.place(DESK, BUY, PRICE, SIZE)
        s.revoke(ALICE, 1)
        again = s.session(ALICE, 1, OTHER_P256_KEY)
        s.place(again, BUY, PRICE, SIZE, nonce=order.nonce)
    with corpus.venue(
        "nonce-refused", "a refused order uses the session's", world, "C-04 nonce", also=1
    ) as s:
        order = s.place(PHONE, BUY, PRICE + 1, SIZE)
        s.place(PHONE, BUY, PRICE, SIZE, nonce=order.nonce)

    def use_a_hundred(s: CaseScript, by: Trader) -> None:
        unknown = s.order(by, BUY, PRICE, SIZE)
        for _ in range(100):
            s.cancel(by, unknown)

    for name, by, refuses in (("same", PHONE, "C-04 nonce"), ("other", DESK, "")):
        with corpus.venue(
            f"nonce-hundred-{name}-slot", "a hundred of one slot", world, refuses, also=100
        ) as s:
            early = s.nonce(ALICE.account)
            use_a_hundred(s, PHONE)
            s.place(by, BUY, PRICE, SIZE, nonce=early)
