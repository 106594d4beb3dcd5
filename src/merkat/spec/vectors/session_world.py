"""The pre-states of the cases of sessions, and the keys that trade in them."""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.values import BUY, DAY_NS, HOUR_NS, SELL
from merkat.spec.vectors.corpus import CaseScript, Corpus, World
from merkat.spec.vectors.script import USD, Trader
from merkat.spec.vectors.wallets import p256_wallet, wallet
from merkat.spec.vectors.worlds import ALICE, BOB, BTC, Worlds

DESK_KEY = wallet("alice's desk")
PHONE_KEY = p256_wallet("alice's phone")
BOT_KEY = p256_wallet("bob's bot")
OTHER_KEY = wallet("a session key of no account")
OTHER_P256_KEY = p256_wallet("a session key of no account")

DESK = Trader(ALICE.account, DESK_KEY, 1)  # everything, for 30 days
PHONE = Trader(ALICE.account, PHONE_KEY, 2)  # perpetuals of group 0, small orders, two hours
BOT = Trader(BOB.account, BOT_KEY, 1)  # everything, for 180 days

PHONE_NOTIONAL = 10_050 * USD
PHONE_LIFE_NS = 2 * HOUR_NS
SIZE = BTC // 10


@dataclass(frozen=True)
class SessionWorlds:
    """The pre-states of sessions.

    open: the shared `open`, and nobody has a session.
    sessions: open, alice has the sessions DESK and PHONE, bob has BOT; nobody has traded.
    busy: sessions, and every key has orders, partly filled ones too, and nonces of its own.
    """

    open: World
    sessions: World
    busy: World


def make_session_worlds(corpus: Corpus, worlds: Worlds) -> SessionWorlds:
    """Make the pre-states; each is a case too."""
    corpus.family("session_worlds")
    sessions = corpus.world("sessions", "three sessions of two schemes", worlds.open, _sessions)
    busy = corpus.world("sessions-busy", "orders of every key", sessions, _busy)
    return SessionWorlds(worlds.open, sessions, busy)


def _sessions(s: CaseScript) -> None:
    s.session(ALICE, 1, DESK_KEY, expiry=s.time_ns + 30 * DAY_NS)
    s.session(
        ALICE,
        2,
        PHONE_KEY,
        groups=1,
        kinds=1,
        notional=PHONE_NOTIONAL,
        expiry=s.time_ns + PHONE_LIFE_NS,
    )
    s.session(BOB, 1, BOT_KEY, expiry=s.time_ns + 180 * DAY_NS)


def _busy(s: CaseScript) -> None:
    """Orders of the wallet, of both sessions of alice and of bob's, some partly filled."""
    s.place(ALICE, SELL, 100_200 * USD, SIZE)
    s.place(DESK, SELL, 100_300 * USD, SIZE)
    s.place(PHONE, SELL, 100_100 * USD, SIZE)
    s.place(PHONE, SELL, 100_500 * USD, SIZE)
    s.place(DESK, BUY, 99_500 * USD, SIZE)
    s.place(BOT, BUY, 100_100 * USD, SIZE // 4)
    s.place(BOT, BUY, 99_000 * USD, SIZE)
    s.place(BOB, BUY, 99_100 * USD, SIZE)
