"""Cases of what every command must satisfy: bytes, account, signature, nonce (rules C)."""

from __future__ import annotations

from dataclasses import replace

from merkat.spec import messages, typed_data
from merkat.spec.messages import NodeSignature, Signatures, encode_command
from merkat.spec.orders import Order
from merkat.spec.secp256k1 import N
from merkat.spec.values import BUY, DAY_NS
from merkat.spec.vectors.corpus import CaseScript, Corpus
from merkat.spec.vectors.script import CONFIG, MILLISECOND_NS, STEP_NS, USD
from merkat.spec.vectors.wallets import Wallet
from merkat.spec.vectors.worlds import ALICE, BOB, BTC, BTC_INDEX, CAROL, MALLORY, Worlds

SIZE = BTC // 100
PRICE = 99_000 * USD


def command_cases(corpus: Corpus, worlds: Worlds) -> None:
    """Rules C-01 to C-04 and the bad input that stands before every other rule."""
    corpus.family("commands")
    _malformed(corpus, worlds)
    _signers(corpus, worlds)
    _signature_forms(corpus, worlds)
    _domains(corpus, worlds)
    _nonces(corpus, worlds)
    _nonce_window(corpus, worlds)


def _malformed(corpus: Corpus, worlds: Worlds) -> None:
    def refused(name: str, title: str, command: bytes) -> None:
        with corpus.venue(f"command-{name}", title, worlds.open, "C-01 command") as s:
            s.send(command)

    with corpus.venue("command-place", "a well-formed order rests", worlds.open, "", "C-01") as s:
        s.place(ALICE, BUY, PRICE, SIZE)
    good = s.sent[0].command
    refused("empty", "no byte at all", b"")
    refused("version-only", "a version and no kind", b"\x01")
    refused("version-0", "version 0", b"\x00" + good[1:])
    refused("version-2", "version 2", b"\x02" + good[1:])
    for kind in (0, 8, 15, 18, 25, 33, 255):
        refused(f"kind-{kind}", "an unknown kind", bytes([1, kind]) + good[2:])
    refused("truncated", "the last byte is missing", good[:-1])
    refused("oversized", "one byte too many", good + b"\0")
    refused("doubled", "two commands in one", good + good)
    refused("tick-body", "a tick with a body", b"\x01\x18\0")
    refused("inbox-short", "an inbox command that ends within its index", b"\x01\x20" + bytes(7))
    with corpus.venue("command-tick", "a tick with nothing to do", worlds.open, "", "C-01") as s:
        s.tick()
        epoch = encode_command(s.epoch_body(0, BTC_INDEX))
        nine = s.epoch_body(0, BTC_INDEX, signers=[0, 1, 2, 3, 4, 5, 6, 0])
    refused("vector-version-0", "a vector of version 0", epoch[:2] + b"\0" + epoch[3:])
    refused("vector-version-2", "a vector of version 2", epoch[:2] + b"\2" + epoch[3:])
    refused("epoch-truncated", "a signature less than the count says", epoch[:-66])
    refused("epoch-oversized", "a signature more than the count says", epoch + bytes(66))
    count_at = 2 + 74
    encoded = encode_command(nine)
    refused(
        "nine-signatures",
        "more signatures than there can be nodes",
        encoded[:count_at] + b"\x09" + encoded[count_at + 1 :] + encoded[-66:],
    )


def _every_signed(s: CaseScript, signed_by: Wallet, account: int) -> list[tuple[str, bytes]]:
    """Return one command of each kind that says `account`, signed by a wallet."""
    by = replace(ALICE, account=account)
    order = s.order(by, BUY, PRICE, SIZE)
    signature = s.signed(order, signed_by)
    cancel = messages.Cancel(account, 0, order.expiry_hour, order.counter, s.nonce(1), bytes(65))
    digest = typed_data.cancel_digest(CONFIG, cancel)
    cancel = replace(cancel, signature=s.signer.sign(digest, signed_by))
    commands: list[tuple[str, messages.Command]] = [
        ("place", messages.Place(order, signature)),
        ("amend", messages.Amend(order, signature)),
        ("renew", messages.Renew(order, signature)),
        ("cancel", cancel),
        ("floor", s.floor_body(by, 2**40 - 1, signed_by=signed_by)),
        ("withdraw", s.withdrawal(by, USD, signed_by=signed_by)),
        ("transfer", s.transfer_body(by, BOB.account, USD, signed_by=signed_by)),
    ]
    return [(name, encode_command(command)) for name, command in commands]


def _signers(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue("signer-owner", "the owner signs", worlds.open, "", "C-02 C-03 C-04") as s:
        s.place(ALICE, BUY, PRICE, SIZE)
    for name, command in _every_signed(s, BOB.wallet, ALICE.account):
        with corpus.venue(
            f"signer-foreign-{name}",
            f"{name} of alice's account with bob's key",
            worlds.open,
            "C-03 signature",
        ) as case:
            case.send(command)
    for account in (0, 7, 2**28, 2**32 - 1):
        for name, command in _every_signed(s, ALICE.wallet, account):
            if account == 7 or name in ("place", "withdraw"):
                with corpus.venue(
                    f"account-{account}-{name}",
                    "no such account",
                    worlds.open,
                    "C-02 account",
                ) as case:
                    case.send(command)


def _signature_forms(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue("signature-low-s", "the one form of a signature", worlds.open) as s:
        order = s.order(ALICE, BUY, PRICE, SIZE)
        s.send_place(order, ALICE.wallet)
    signature = s.signed(order, ALICE.wallet)
    r, low_s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    kept = signature[32:64]
    forms = {
        "high-s": r + (N - low_s).to_bytes(32, "big") + bytes([55 - v]),
        "zero-r": bytes(32) + signature[32:],
        "zero-s": r + bytes(32) + bytes([v]),
        "r-is-n": N.to_bytes(32, "big") + signature[32:],
        "s-is-n": r + N.to_bytes(32, "big") + bytes([v]),
        "r-without-a-point": (5).to_bytes(32, "big") + signature[32:],
        "v-0": r + kept + bytes([v - 27]),
        "v-26": r + kept + b"\x1a",
        "v-29": r + kept + b"\x1d",
        "v-other": r + kept + bytes([55 - v]),
        "all-zero": bytes(65),
        "one-bit": signature[:10] + bytes([signature[10] ^ 1]) + signature[11:],
    }
    for name, form in forms.items():
        with corpus.venue(
            f"signature-{name}", "no signature of the owner", worlds.open, "C-03 signature"
        ) as s:
            s.say(messages.Place(order, form))


def _domains(corpus: Corpus, worlds: Worlds) -> None:
    spoilt = {
        "chain": replace(CONFIG, chain_id=1),
        "contract": replace(CONFIG, verifying_contract=bytes(20)),
        "venue-salt": replace(CONFIG, salt=bytes(32)),
    }
    for name, config in spoilt.items():
        with corpus.venue(
            f"domain-{name}", f"signed for another {name}", worlds.open, "C-03 signature"
        ) as s:
            order = s.order(ALICE, BUY, PRICE, SIZE)
            digest = typed_data.order_digest(config, order)
            s.say(messages.Place(order, s.signer.sign(digest, ALICE.wallet)))
    with corpus.venue(
        "domain-struct", "the signature of a withdrawal as a floor", worlds.open, "C-03 signature"
    ) as s:
        withdrawal = s.withdrawal(ALICE, USD)
        s.say(messages.Floor(1, USD, withdrawal.nonce, withdrawal.signature))
    with corpus.venue(
        "domain-node", "a user signs an oracle vector", worlds.open, "E-06 signatures"
    ) as s:
        vector = s.vector(0, BTC_INDEX)
        signature = s.signer.sign(typed_data.epoch_digest(CONFIG, vector), MALLORY)
        each = tuple(NodeSignature(number, signature) for number in range(5))
        s.say(messages.Epoch(vector, Signatures(each)))
    fields: dict[str, int] = {
        "listing": 2,
        "side": 1,
        "flags": 2,
        "limit_price": PRICE + 10_000,
        "size": 2 * SIZE,
        "fee_cap": 1,
        "expiry": worlds.open.time_ns + DAY_NS,
        "counter": 77,
        "version": 2,
        "nonce": 77,
        "renews_hour": 1,
        "renews_counter": 1,
    }
    for field, value in fields.items():
        with corpus.venue(
            f"changed-{field}", "changed after signing", worlds.open, "C-03 signature"
        ) as s:
            changed: Order = replace(s.order(ALICE, BUY, PRICE, SIZE), **{field: value})
            s.say(messages.Place(changed, s.signed(order, ALICE.wallet)))


def _nonces(corpus: Corpus, worlds: Worlds) -> None:
    with corpus.venue(
        "nonce-replayed", "the same order a second time", worlds.open, "C-04 nonce"
    ) as s:
        s.place(ALICE, BUY, PRICE, SIZE)
        s.send(s.sent[0].command)
    with corpus.venue(
        "nonce-used-by-a-refusal",
        "a refused order uses its nonce",
        worlds.open,
        "C-04 nonce",
        also=1,
    ) as s:
        order = s.place(ALICE, BUY, PRICE + 1, SIZE)
        s.send_place(replace(order, limit_price=PRICE), ALICE.wallet)
    with corpus.venue(
        "nonce-not-used-by-a-foreign-key",
        "who cannot sign uses no nonce up",
        worlds.open,
        "",
        "C-04",
        also=1,
    ) as s:
        order = s.order(ALICE, BUY, PRICE, SIZE)
        s.send_place(order, BOB.wallet)
        s.send_place(order, ALICE.wallet)
    with corpus.venue(
        "nonce-shared", "cancel and place draw on the same nonces", worlds.open, "C-04 nonce"
    ) as s:
        order = s.place(ALICE, BUY, PRICE, SIZE)
        s.cancel(ALICE, order, nonce=order.nonce)
    with corpus.venue(
        "nonce-smaller", "a smaller nonce that was not used", worlds.open, "", "C-04"
    ) as s:
        first = s.nonce(ALICE.account)
        s.place(ALICE, BUY, PRICE, SIZE)
        s.place(ALICE, BUY, PRICE, SIZE, nonce=first)
    with corpus.venue("nonce-of-two", "each account has its own", worlds.open, "", "C-04") as s:
        order = s.place(ALICE, BUY, PRICE, SIZE)
        s.place(BOB, BUY, PRICE, SIZE, nonce=order.nonce)
    with corpus.venue("nonce-transfer-same", "equal is not larger", worlds.open, "C-04 nonce") as s:
        s.transfer(ALICE, BOB.account, USD, nonce=10)
        s.withdraw(ALICE, USD, nonce=10)
    with corpus.venue("nonce-withdraw-smaller", "it only grows", worlds.open, "C-04 nonce") as s:
        s.withdraw(ALICE, USD, nonce=10)
        s.withdraw(ALICE, USD, nonce=9)
    with corpus.venue(
        "nonce-withdraw-refused",
        "a refused withdrawal uses its nonce",
        worlds.open,
        "C-04 nonce",
        also=1,
    ) as s:
        s.withdraw(CAROL, 20_001 * USD, nonce=2**64 - 1)
        s.withdraw(CAROL, USD, nonce=2**64 - 1)


def _nonce_window(corpus: Corpus, worlds: Worlds) -> None:
    def ahead(s: CaseScript) -> int:
        return (s.time_ns + STEP_NS + DAY_NS) // MILLISECOND_NS

    with corpus.venue("nonce-day-ahead", "a day ahead is allowed", worlds.open, "", "C-04") as s:
        s.place(ALICE, BUY, PRICE, SIZE, nonce=ahead(s))
    with corpus.venue("nonce-too-far", "more than a day is not", worlds.open, "C-04 nonce") as s:
        s.place(ALICE, BUY, PRICE, SIZE, nonce=ahead(s) + 1)

    def use_a_hundred(s: CaseScript) -> list[int]:
        """Cancel orders that do not exist: each cancel is refused, each nonce is used."""
        unknown = s.order(ALICE, BUY, PRICE, SIZE)
        used = []
        for _ in range(100):
            used.append(s.nonce(ALICE.account))
            s.cancel(ALICE, unknown, nonce=used[-1])
        return used

    with corpus.venue(
        "nonce-below-a-hundred",
        "older than the hundred that are kept",
        worlds.open,
        "C-04 nonce",
        also=100,
    ) as s:
        early = s.nonce(ALICE.account)
        use_a_hundred(s)
        s.place(ALICE, BUY, PRICE, SIZE, nonce=early)
    with corpus.venue(
        "nonce-of-a-hundred",
        "the hundred-and-first drops the smallest",
        worlds.open,
        "C-04 nonce",
        also=100,
    ) as s:
        used = use_a_hundred(s)
        s.place(ALICE, BUY, PRICE, SIZE)
        s.cancel(ALICE, s.order(ALICE, BUY, PRICE, SIZE), nonce=used[0])
