"""Cases of sessions' orders in the book: makers that the index made too large (M-09), one owner."""

from __future__ import annotations

from merkat.spec.values import BUY, SELL
from merkat.spec.vectors.corpus import CaseScript, Corpus, World
from merkat.spec.vectors.script import USD
from merkat.spec.vectors.session_world import BOT, DESK, OTHER_P256_KEY, PHONE, SIZE, SessionWorlds
from merkat.spec.vectors.worlds import ALICE, ALICE_TOO, BOB, BTC, BTC_INDEX, CAROL, DAVE

ASK = 100_400 * USD
LOT = 10_000
INDEX_EDGE = 100_500 * USD  # at which SIZE is worth what PHONE may sign
INDEX_OVER = 100_510 * USD


def session_matching_cases(corpus: Corpus, worlds: SessionWorlds) -> None:
    """M-09 in the match loop and in slices; M-02 between the keys of an owner."""
    corpus.family("session_matching", "session-match-")
    _makers(corpus, worlds.sessions)
    _known_makers(corpus, worlds.sessions)
    _takers(corpus, worlds.sessions)
    _owners(corpus, worlds.sessions)
    _slices(corpus, worlds.sessions)


def _makers(corpus: Corpus, world: World) -> None:
    """A maker that settlement has not seen."""
    for name, index, refuses in (
        ("edge", INDEX_EDGE, ""),
        ("over", INDEX_OVER, "M-09"),
        ("below", 99_000 * USD, ""),
    ):
        with corpus.venue(
            f"maker-{name}", "the index moved", world, refuses, "" if refuses else "M-09"
        ) as s:
            s.place(PHONE, SELL, ASK, SIZE)
            s.epoch(0, index)
            s.place(BOB, BUY, ASK, SIZE // 2)
    with corpus.venue("maker-next", "the next maker trades", world, "M-09") as s:
        s.place(PHONE, SELL, ASK, SIZE)
        s.place(CAROL, SELL, ASK, SIZE // 10)
        s.place(DESK, SELL, ASK, SIZE)
        s.epoch(0, INDEX_OVER)
        s.place(BOB, BUY, ASK, SIZE)
    with corpus.venue("maker-smaller", "a smaller one stays", world, "M-09", "M-09") as s:
        s.place(PHONE, SELL, ASK, SIZE)
        s.place(PHONE, SELL, ASK, SIZE // 2)
        s.epoch(0, INDEX_OVER)
        s.place(BOB, BUY, ASK, SIZE)
    with corpus.venue("maker-back", "the index came back in time", world, "", "M-09") as s:
        s.place(PHONE, SELL, ASK, SIZE)
        s.epoch(0, INDEX_OVER)
        s.epoch(0, INDEX_EDGE)
        s.place(BOB, BUY, ASK, SIZE)
    with corpus.venue("maker-buys", "a buyer too, by the index alone", world, "M-09") as s:
        s.place(PHONE, BUY, 99_000 * USD, SIZE)
        s.epoch(0, INDEX_OVER)
        s.place(BOB, SELL, 99_000 * USD, SIZE)
    with corpus.venue("maker-expired", "its expiry is tested before", world, "M-01") as s:
        s.place(PHONE, SELL, ASK, SIZE, life_ns=10**9)
        s.wait(10**9)
        s.epoch(0, INDEX_OVER)
        s.place(BOB, BUY, ASK, SIZE)
    with corpus.venue("maker-taker-immediate", "nothing is left to trade with", world, "M-09") as s:
        s.place(PHONE, SELL, ASK, SIZE)
        s.epoch(0, INDEX_OVER)
        s.place(BOT, BUY, ASK, SIZE, flags=1)


def _known_makers(corpus: Corpus, world: World) -> None:
    """A maker that settlement knows is tested only when it has a newer body."""
    with corpus.venue("known", "it was opened while it was in scope", world) as s:
        s.place(PHONE, SELL, ASK, SIZE)
        s.place(BOB, BUY, ASK, SIZE // 4)
        s.epoch(0, INDEX_OVER)
        s.place(BOB, BUY, ASK, SIZE // 4)
    for name, index, refuses in (("edge", INDEX_EDGE, ""), ("over", INDEX_OVER, "M-09")):
        with corpus.venue(
            f"known-amended-{name}", "a newer body is tested whole", world, refuses
        ) as s:
            order = s.place(PHONE, SELL, ASK, SIZE)
            s.place(BOB, BUY, ASK, SIZE // 4)
            s.amend(PHONE, order, fee_cap=order.fee_cap - 1)
            s.epoch(0, index)
            s.place(BOB, BUY, ASK, SIZE // 4)
    with corpus.venue("known-renewed", "a renewal is known at once", world) as s:
        order = s.place(PHONE, SELL, ASK, SIZE)
        s.renew(PHONE, order, SIZE)
        s.epoch(0, INDEX_OVER)
        s.place(BOB, BUY, ASK, SIZE // 4)


def _takers(corpus: Corpus, world: World) -> None:
    with corpus.venue("taker", "sessions of two schemes trade", world) as s:
        s.place(BOT, SELL, ASK, SIZE)
        s.place(PHONE, BUY, ASK, SIZE // 2)
        s.place(DESK, BUY, ASK, SIZE, flags=1)
    with corpus.venue("taker-market", "a market order of a session", world) as s:
        s.place(BOT, SELL, ASK, SIZE // 2)
        s.place(PHONE, BUY, 100_500 * USD, SIZE, flags=5)
    with corpus.venue("taker-amended", "an amended order of a session takes", world) as s:
        s.place(BOT, SELL, ASK, SIZE // 2)
        order = s.place(PHONE, BUY, 99_000 * USD, SIZE)
        s.amend(PHONE, order, limit_price=ASK)
    with corpus.venue("fill-after-revoke", "a cancelled maker closes its leaf", world) as s:
        s.place(PHONE, SELL, ASK, SIZE)
        s.place(BOB, BUY, ASK, SIZE // 2)
        s.revoke(ALICE, PHONE.slot)
        s.place(BOB, BUY, ASK, SIZE // 2)


def _owners(corpus: Corpus, world: World) -> None:
    """M-02: whoever signs, an owner does not trade with itself."""
    for name, maker, taker in (
        ("wallet-desk", ALICE, DESK),
        ("desk-wallet", DESK, ALICE),
        ("desk-phone", DESK, PHONE),
        ("phone-same", PHONE, PHONE),
        ("phone-other-account", PHONE, ALICE_TOO),
    ):
        with corpus.venue(f"self-{name}", "one owner", world, "M-02") as s:
            s.place(maker, SELL, ASK, SIZE)
            s.place(taker, BUY, ASK, SIZE // 10)


def _slices(corpus: Corpus, world: World) -> None:
    """A slice meets a maker of a session."""

    def short_of_dave(s: CaseScript) -> None:
        s.place(BOT, BUY, BTC_INDEX, BTC)
        s.place(DAVE, SELL, BTC_INDEX, BTC)

    for name, notional, refuses in (
        ("in", 40_000 * USD, ""),
        ("over", 20_200 * USD, "M-09"),
    ):
        with corpus.venue(f"slice-{name}", "the index rose past its scope", world, refuses) as s:
            short_of_dave(s)
            by = s.session(ALICE, 3, OTHER_P256_KEY, notional=notional)
            s.place(by, SELL, 100_900 * USD, BTC // 5)
            s.place(BOB, SELL, 102_200 * USD, BTC // 10)
            s.place(CAROL, SELL, 102_200 * USD, BTC // 10)
            s.epoch(0, 102_100 * USD)
    with corpus.venue("slice-known", "what settlement knows is not tested", world) as s:
        short_of_dave(s)
        by = s.session(ALICE, 3, OTHER_P256_KEY, notional=20_200 * USD)
        s.place(by, SELL, 100_900 * USD, BTC // 5)
        s.place(CAROL, BUY, 100_900 * USD, LOT)
        s.epoch(0, 102_100 * USD)
    with corpus.venue("slice-only", "nobody else sells: an empty slice", world, "M-09") as s:
        short_of_dave(s)
        by = s.session(ALICE, 3, OTHER_P256_KEY, notional=20_200 * USD)
        s.place(by, SELL, 100_900 * USD, BTC // 5)
        s.epoch(0, 102_100 * USD)
