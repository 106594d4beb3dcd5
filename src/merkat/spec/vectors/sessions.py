"""Cases of sessions that open and end, and of what a session key may sign (rules C and K)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from merkat.spec import messages, p256, typed_data
from merkat.spec.messages import SetGroup
from merkat.spec.settle.sessions import SESSION_NS_MAX
from merkat.spec.values import BUY, HOUR_NS, SELL, ZERO_ADDRESS
from merkat.spec.vectors.corpus import CaseScript, Corpus, World
from merkat.spec.vectors.script import CONFIG, STEP_NS, USD, Trader
from merkat.spec.vectors.session_nonces import window_cases
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
    SIZE,
    SessionWorlds,
)
from merkat.spec.vectors.wallets import Wallet, p256_wallet
from merkat.spec.vectors.worlds import ALICE, ALICE_TOO, BOB, CAROL

PRICE = 99_000 * USD
ASK = 101_000 * USD


def session_cases(corpus: Corpus, worlds: SessionWorlds) -> None:
    """session_open, session_revoke, and who signs what."""
    corpus.family("sessions", "session-")
    _opening(corpus, worlds.open)
    _keys(corpus, worlds)
    _authority(corpus, worlds)
    _strict_nonces(corpus, worlds)
    _revoking(corpus, worlds)
    _signers(corpus, worlds.sessions)
    _owners_alone(corpus, worlds.sessions)
    _signature_forms(corpus, worlds.sessions)
    _cancels(corpus, worlds)
    window_cases(corpus, worlds.sessions)


def _opening(corpus: Corpus, world: World) -> None:
    """K-01, K-02, K-04, K-05 at their bounds."""

    def case(name: str, title: str, refuses: str = "", **spoilt: Any) -> None:
        key = spoilt.pop("by_key", OTHER_KEY)
        accepts = "" if refuses else "C-02 C-03 C-04 K-01 K-02 K-03 K-04 K-05 K-06"
        with corpus.venue(f"open-{name}", title, world, refuses, accepts) as s:
            slot = spoilt.pop("slot", 3)
            life = spoilt.pop("life_ns", None)
            if life is not None:
                spoilt["expiry"] = s.time_ns + STEP_NS + life
            s.session(ALICE, slot, key, **spoilt)

    case("secp256k1", "a key of scheme 1")
    case("p256", "a key of scheme 2", by_key=OTHER_P256_KEY)
    for slot in (0, 16, 255):
        case(f"slot-{slot}", "no slot of a session", "K-01 session_slot", slot=slot)
    for slot in (1, 15):
        case(f"slot-{slot}", "the first slot and the last", slot=slot)
    for scheme in (0, 3, 255):
        case(f"scheme-{scheme}", "no such scheme", "K-02 scheme", scheme=scheme)
    empty: dict[str, dict[str, Any]] = {
        "kinds-0": {"kinds": 0},
        "kinds-32": {"kinds": 32},
        "kinds-255": {"kinds": 255},
        "groups-0": {"groups": 0},
        "notional-0": {"notional": 0},
    }
    for name, scope in empty.items():
        case(name, "an empty or unknown scope", "K-04 scope", **scope)
    edges: dict[str, dict[str, Any]] = {
        "kinds-1": {"kinds": 1},
        "kinds-31": {"kinds": 31},
        "groups-last": {"groups": 2**63},
        "notional-1": {"notional": 1},
    }
    for name, scope in edges.items():
        case(name, "a scope at its bounds", **scope)
    case("expired", "expires at the time of the command", "K-05 expiry", life_ns=0)
    case("expiry-next", "expires a nanosecond later", life_ns=1)
    case("expiry-180-days", "180 days", life_ns=SESSION_NS_MAX)
    case("expiry-far", "180 days and a little", "K-05 expiry", life_ns=SESSION_NS_MAX + 1)
    case("expiry-largest", "the largest number", "K-05 expiry", expiry=2**64 - 1)


def _keys(corpus: Corpus, worlds: SessionWorlds) -> None:
    """K-03 and K-06: whose key it may be, and which slot is free."""
    for name, key in (("zero", ZERO_ADDRESS), ("owner", ALICE.wallet.address)):
        with corpus.venue(f"key-{name}", "no key of a session", worlds.open, "K-03 key") as s:
            s.session(ALICE, 3, OTHER_KEY, key=key)
    for name, wallet_of in (("desk", DESK_KEY), ("phone", PHONE_KEY)):
        with corpus.venue(
            f"key-{name}-twice", "of another live session", worlds.sessions, "K-03 key"
        ) as s:
            s.session(ALICE, 3, wallet_of)
    with corpus.venue(
        "key-other-scheme", "the same address of another scheme", worlds.sessions, "K-03 key"
    ) as s:
        s.session(ALICE, 3, replace(DESK_KEY, scheme=2))
    with corpus.venue(
        "key-of-another-account", "each account has its own", worlds.sessions, "", "K-03"
    ) as s:
        s.session(BOB, 3, DESK_KEY)
        s.session(ALICE_TOO, 1, DESK_KEY)
        s.session(ALICE, 4, BOB.wallet)
    with corpus.venue(
        "slot-taken", "a live session stands there", worlds.sessions, "K-06 session_slot"
    ) as s:
        s.session(ALICE, 1, OTHER_KEY)
    with corpus.venue(
        "slot-taken-itself", "the same key in the same slot", worlds.sessions, "K-03 key"
    ) as s:
        s.session(ALICE, 1, DESK_KEY)
    for name, early_ns, refuses in (("lasts", 1, "K-06 session_slot"), ("over", 0, "")):
        with corpus.venue(
            f"slot-{name}", "a session lasts to its expiry", worlds.open, refuses
        ) as s:
            s.session(ALICE, 1, DESK_KEY, expiry=s.time_ns + HOUR_NS)
            s.wait(HOUR_NS - 2 * STEP_NS - early_ns)
            s.session(ALICE, 1, OTHER_P256_KEY)
    with corpus.venue(
        "slot-revoked", "a revoked slot is free, its key too", worlds.sessions, "", "K-03 K-06"
    ) as s:
        s.revoke(ALICE, 1)
        s.session(ALICE, 5, DESK_KEY)
        s.session(ALICE, 1, OTHER_P256_KEY)
    with corpus.venue(
        "key-expired", "the key of an expired session", worlds.sessions, "", "K-03 K-06"
    ) as s:
        s.wait(PHONE_LIFE_NS)
        s.session(ALICE, 3, PHONE_KEY)
        s.session(ALICE, 2, OTHER_KEY)


def _authority(corpus: Corpus, worlds: SessionWorlds) -> None:
    """Only the owner opens and ends sessions, by the nonces that only grow."""
    for account in (0, 7, 2**28):
        by = replace(ALICE, account=account)
        with corpus.venue(
            f"open-account-{account}", "no such account", worlds.open, "C-02 account"
        ) as s:
            s.session(by, 1, OTHER_KEY)
        with corpus.venue(
            f"revoke-account-{account}", "no such account", worlds.open, "C-02 account"
        ) as s:
            s.revoke(by, 1)
    for name, signer in (("foreign", BOB.wallet), ("session", DESK_KEY), ("p256", PHONE_KEY)):
        with corpus.venue(
            f"open-by-{name}", "the owner alone", worlds.sessions, "C-03 signature"
        ) as s:
            s.session(ALICE, 3, OTHER_KEY, signed_by=signer)
        with corpus.venue(
            f"revoke-by-{name}", "the owner alone", worlds.sessions, "C-03 signature"
        ) as s:
            s.revoke(ALICE, 1, signed_by=signer)
    body: dict[str, Any] = {
        "slot": 4,
        "scheme": 2,
        "key": BOB.wallet.address,
        "groups": 1,
        "kinds": 1,
        "notional": 1,
        "expiry": worlds.open.time_ns + HOUR_NS,
        "nonce": 77,
    }
    for field, value in body.items():
        with corpus.venue(
            f"open-changed-{field}", "changed after signing", worlds.open, "C-03 signature"
        ) as s:
            s.say(replace(s.session_body(ALICE, 3, OTHER_KEY), **{field: value}))
    changes: dict[str, Any] = {"slot": 2, "floor": 1, "nonce": 77}
    for field, value in changes.items():
        with corpus.venue(
            f"revoke-changed-{field}", "changed after signing", worlds.sessions, "C-03 signature"
        ) as s:
            s.say(replace(s.revocation(ALICE, 1), **{field: value}))


def _strict_nonces(corpus: Corpus, worlds: SessionWorlds) -> None:
    """C-04 of both commands: the nonce that withdrawals use too."""
    with corpus.venue("open-replayed", "once only", worlds.open, "C-04 nonce") as s:
        s.session(ALICE, 3, OTHER_KEY)
        s.send(s.sent[0].command)
    with corpus.venue(
        "revoke-replayed", "not after it was opened anew", worlds.sessions, "C-04 nonce"
    ) as s:
        s.revoke(ALICE, 1)
        s.session(ALICE, 1, DESK_KEY)
        s.send(s.sent[0].command)
    with corpus.venue(
        "nonce-shared", "with withdrawals and transfers", worlds.open, "C-04 nonce"
    ) as s:
        nonce = s.nonce(ALICE.account)
        s.withdraw(ALICE, USD, nonce=nonce)
        s.session(ALICE, 3, OTHER_KEY, nonce=nonce)
    with corpus.venue(
        "nonce-used-by-a-refusal", "a refused one uses it up", worlds.open, "C-04 nonce", also=1
    ) as s:
        nonce = s.nonce(ALICE.account)
        s.session(ALICE, 16, OTHER_KEY, nonce=nonce)
        s.transfer(ALICE, BOB.account, USD, nonce=nonce)
    with corpus.venue("nonce-order", "orders have others", worlds.open, "", "C-04 K-06") as s:
        order = s.place(ALICE, BUY, PRICE, SIZE)
        s.session(ALICE, 3, OTHER_KEY, nonce=order.nonce)


def _revoking(corpus: Corpus, worlds: SessionWorlds) -> None:
    """K-01, K-07, K-08, and which orders leave."""
    for slot in (0, 16, 255):
        with corpus.venue(
            f"revoke-slot-{slot}", "no slot of a session", worlds.sessions, "K-01 session_slot"
        ) as s:
            s.revoke(ALICE, slot)
    with corpus.venue("revoke-absent", "never opened", worlds.sessions, "K-07 session_slot") as s:
        s.revoke(ALICE, 3)
    with corpus.venue("revoke-twice", "only once", worlds.sessions, "K-07 session_slot") as s:
        s.revoke(ALICE, 1)
        s.revoke(ALICE, 1)
    with corpus.venue(
        "revoke-expired", "an expired one may be revoked", worlds.sessions, "", "K-01 K-07 K-08"
    ) as s:
        s.wait(PHONE_LIFE_NS)
        s.revoke(ALICE, 2)
    with corpus.venue(
        "revoke-floor-lower", "the floor does not fall", worlds.sessions, "K-08 floor"
    ) as s:
        s.floor(ALICE, 10)
        s.revoke(ALICE, 1, 9)
    with corpus.venue("revoke-floor-same", "it may stay", worlds.sessions, "", "K-08") as s:
        s.floor(ALICE, 10)
        s.revoke(ALICE, 1, 10)
    for slot in (1, 2):
        with corpus.venue(
            f"revoke-orders-{slot}", "its orders leave, no others", worlds.busy, "", "K-07 K-08"
        ) as s:
            s.revoke(ALICE, slot)
            s.place(BOB, BUY, 100_200 * USD, SIZE // 2)
    with corpus.venue(
        "revoke-with-a-floor", "older orders of every key leave too", worlds.busy, "", "K-08"
    ) as s:
        orders = s.venue.accounts[ALICE.account].open_orders.ascending()
        counters = sorted(resting.order.counter for resting in orders)
        s.revoke(ALICE, 2, counters[2])
    with corpus.venue(
        "revoke-all", "the highest floor: every order leaves", worlds.busy, "", "K-08"
    ) as s:
        s.revoke(ALICE, 1, 2**40 - 1)
    with corpus.venue(
        "revoke-floor-voids", "no order below the new floor", worlds.sessions, "O-11 counter"
    ) as s:
        order = s.order(DESK, BUY, PRICE, SIZE)
        s.revoke(ALICE, 2, order.counter)
        s.send_place(order, DESK_KEY)


def _signers(corpus: Corpus, world: World) -> None:
    """C-03, C-07 and C-08 of orders: the slot says whose key signs."""
    for name, by in (("desk", DESK), ("phone", PHONE), ("bot", BOT)):
        with corpus.venue(
            f"order-{name}", "the session signs", world, "", "C-02 C-03 C-04 C-07 C-08"
        ) as s:
            order = s.place(by, BUY, PRICE, SIZE)
            amended = s.amend(by, order, size=SIZE // 2)
            s.renew(by, amended, SIZE // 2, life_ns=PHONE_LIFE_NS - 60 * 10**9)
    strangers: dict[str, tuple[int, Wallet]] = {
        "owner-for-desk": (1, ALICE.wallet),
        "owner-for-phone": (2, ALICE.wallet),
        "desk-for-wallet": (0, DESK_KEY),
        "phone-for-wallet": (0, PHONE_KEY),
        "phone-for-desk": (1, PHONE_KEY),
        "desk-for-phone": (2, DESK_KEY),
        "bot-for-desk": (1, BOT_KEY),
        "stranger-for-desk": (1, OTHER_KEY),
        "stranger-for-phone": (2, OTHER_P256_KEY),
    }
    for name, (slot, signer) in strangers.items():
        with corpus.venue(
            f"order-{name}", "another key than the slot's", world, "C-03 signature"
        ) as s:
            s.place(replace(ALICE, slot=slot), BUY, PRICE, SIZE, signed_by=signer)
    for slot in (16, 17, 255):
        _every_order(corpus, world, f"slot-{slot}", "no such slot", "C-07 session_slot", slot)
    _every_order(corpus, world, "slot-empty", "no session there", "C-08 session_slot", 3)
    with corpus.venue("order-revoked", "not any more", world, "C-08 session_slot") as s:
        s.revoke(ALICE, 1)
        s.place(DESK, BUY, PRICE, SIZE)
    for name, early_ns, refuses in (("last", 1, ""), ("expired", 0, "C-08 session_slot")):
        with corpus.venue(f"order-{name}", "a session ends at its expiry", world, refuses) as s:
            expiry = s.state.sessions[ALICE.account << 4 | 2].expiry
            s.wait(expiry - s.time_ns - 2 * STEP_NS - early_ns)
            s.epoch(0, 100_000 * USD)
            s.place(PHONE, BUY, PRICE, SIZE, expiry=expiry)
    for name, key in (("p256", OTHER_P256_KEY), ("secp256k1", OTHER_KEY)):
        with corpus.venue(
            f"order-scheme-{name}", "the right key of the wrong scheme", world, "C-03 signature"
        ) as s:
            other = replace(key, scheme=3 - key.scheme)
            s.session(ALICE, 3, other)
            s.place(Trader(ALICE.account, key, 3), BUY, PRICE, SIZE)


def _owners_alone(corpus: Corpus, world: World) -> None:
    """What no session signs; and owners and nodes, who sign by scheme 1."""
    for name, key in (("desk", DESK_KEY), ("phone", PHONE_KEY)):
        with corpus.venue(f"floor-by-{name}", "the owner's alone", world, "C-03 signature") as s:
            s.floor(ALICE, 5, signed_by=key)
        with corpus.venue(f"withdraw-by-{name}", "never", world, "C-03 signature") as s:
            s.withdraw(ALICE, USD, signed_by=key)
        with corpus.venue(f"transfer-by-{name}", "never", world, "C-03 signature") as s:
            s.transfer(ALICE, ALICE_TOO.account, USD, signed_by=key)
        with corpus.venue(f"mode-by-{name}", "the owner's alone", world, "C-03 signature") as s:
            s.margin_mode(ALICE, 1, signed_by=key)
    with corpus.venue(
        "p256-owner", "an owner signs by scheme 1 only", world, "C-03 signature"
    ) as s:
        owner = s.deposit(p256_wallet("an owner on the other curve"), 10 * USD)
        s.withdraw(owner, USD)
    with corpus.venue("p256-node", "so does an oracle node", world, "E-06 signatures") as s:
        node = p256_wallet("a node on the other curve")
        nodes = (node.address, *(ZERO_ADDRESS for _ in range(7)))
        s.item(SetGroup(1, 1, 1, nodes, _parameters(s)))
        vector = s.vector(1, 3_000 * USD)
        signature = s.signer.sign(typed_data.epoch_digest(CONFIG, vector), node)
        signed = messages.Signatures((messages.NodeSignature(0, signature),))
        s.say(messages.Epoch(vector, signed))


def _parameters(s: CaseScript) -> tuple[int, ...]:
    from merkat.spec.settle.leaves import PARAMETER_NAMES

    return tuple(getattr(s.state.groups[1], name) for name in PARAMETER_NAMES)


def _every_order(
    corpus: Corpus, world: World, name: str, title: str, refuses: str, slot: int
) -> None:
    """Place, amend and renew of a slot; a cancel too where the slot is no slot at all."""
    with corpus.venue(f"place-{name}", title, world, refuses) as s:
        order = s.order(replace(ALICE, slot=slot), BUY, PRICE, SIZE)
        s.send_place(order, ALICE.wallet)
    with corpus.venue(f"amend-{name}", title, world, refuses) as s:
        s.send_amend(order, ALICE.wallet)
    with corpus.venue(f"renew-{name}", title, world, refuses) as s:
        s.send_renew(order, ALICE.wallet)
    if slot > 15:
        with corpus.venue(f"cancel-{name}", title, world, refuses) as s:
            s.cancel(ALICE, s.order(ALICE, BUY, PRICE, SIZE), slot=slot)


def _signature_forms(corpus: Corpus, world: World) -> None:
    """The one form of a P-256 signature, and those that are none."""
    with corpus.venue("p256-low-s", "the one form of a signature", world) as s:
        order = s.order(PHONE, BUY, PRICE, SIZE)
        s.send_place(order, PHONE_KEY)
    signature = s.signed(order, PHONE_KEY)
    r, s_bytes, v = signature[:32], signature[32:64], signature[64]
    number = int.from_bytes(s_bytes, "big")
    n = p256.N.to_bytes(32, "big")
    forms = {
        "high-s": r + (p256.N - number).to_bytes(32, "big") + bytes([59 - v]),
        "zero-r": bytes(32) + signature[32:],
        "zero-s": r + bytes(32) + bytes([v]),
        "r-is-n": n + signature[32:],
        "s-is-n": r + n + bytes([v]),
        "r-without-a-point": _no_point().to_bytes(32, "big") + signature[32:],
        "v-27": r + s_bytes + bytes([v - 2]),
        "v-31": r + s_bytes + b"\x1f",
        "v-0": r + s_bytes + bytes([v - 29]),
        "v-other": r + s_bytes + bytes([59 - v]),
        "all-zero": bytes(65),
        "one-bit": signature[:10] + bytes([signature[10] ^ 1]) + signature[11:],
    }
    for name, form in forms.items():
        with corpus.venue(
            f"p256-{name}", "no signature of the session", world, "C-03 signature"
        ) as s:
            s.say(messages.Place(order, form))
    for number in range(4):
        with corpus.venue(
            f"p256-key-{number}", "other keys, other digests", world, "", "C-03 C-08"
        ) as s:
            by = s.session(CAROL, 3 + number, p256_wallet(f"a key of many {number}"))
            s.place(by, SELL, ASK, SIZE // 10)
            s.place(by, SELL, ASK, SIZE // 10)


def _no_point() -> int:
    """The smallest x without a point on P-256."""
    x = 1
    while True:
        square = (x**3 + p256.A * x + p256.B) % p256.P
        if pow(square, (p256.P - 1) // 2, p256.P) != 1:
            return x
        x += 1


def _cancels(corpus: Corpus, worlds: SessionWorlds) -> None:
    """Who may cancel: the owner and every live session; the slot is that of the order's key."""
    world = worlds.sessions
    everyone = {"wallet": ALICE, "desk": DESK, "phone": PHONE}
    for whose, by in everyone.items():
        for name, canceller in everyone.items():
            with corpus.venue(
                f"cancel-{whose}-by-{name}", "any key of the account", world, "", "C-03 C-04 X-01"
            ) as s:
                order = s.place(by, BUY, PRICE, SIZE)
                s.cancel(canceller, order)
    for name, signer in {
        "foreign": BOB.wallet,
        "bot": BOT_KEY,
        "stranger": OTHER_P256_KEY,
    }.items():
        with corpus.venue(
            f"cancel-by-{name}", "no key of the account", world, "C-03 signature"
        ) as s:
            order = s.place(DESK, BUY, PRICE, SIZE)
            s.cancel(ALICE, order, signed_by=signer)
    with corpus.venue("cancel-revoked", "a key no more", world, "C-03 signature") as s:
        order = s.place(DESK, BUY, PRICE, SIZE)
        s.revoke(ALICE, 2)
        s.cancel(PHONE, order)
    with corpus.venue("cancel-expired", "a key no more", world, "C-03 signature") as s:
        order = s.place(DESK, BUY, PRICE, SIZE, life_ns=2 * PHONE_LIFE_NS)
        s.wait(PHONE_LIFE_NS)
        s.cancel(PHONE, order)
    with corpus.venue("cancel-scheme", "the wrong scheme", world, "C-03 signature") as s:
        s.session(ALICE, 3, replace(OTHER_P256_KEY, scheme=1))
        order = s.place(DESK, BUY, PRICE, SIZE)
        s.cancel(ALICE, order, signed_by=OTHER_P256_KEY)
    for slot in (0, 2, 15):
        with corpus.venue(
            f"cancel-slot-{slot}", "the key of another slot", world, "X-01 counter"
        ) as s:
            order = s.place(DESK, BUY, PRICE, SIZE)
            s.cancel(DESK, order, slot=slot)
    with corpus.venue("cancel-changed-slot", "changed after signing", world, "C-03 signature") as s:
        order = s.place(DESK, BUY, PRICE, SIZE)
        body = messages.Cancel(1, 2, order.expiry_hour, order.counter, s.nonce(1), bytes(65))
        digest = typed_data.cancel_digest(CONFIG, body)
        signature = s.signer.sign(digest, DESK_KEY)
        s.say(replace(body, slot=1, signature=signature))
