"""Bad input, one case a line: it is refused, and nothing changes but the nonce that it used up.

Every command goes the whole way: admission, journal, engine, receipt, and the specification beside
it. What admission refuses gets no log number and leaves no trace at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from merkat import _core
from merkat.flow.oracle import OracleNodes
from merkat.flow.setup import Listing, Scene, scripted_items
from merkat.flow.tally import rule_names
from merkat.flow.wallets import Wallets
from merkat.sdk import commands
from merkat.sdk.keys import CURVE_ORDER, Domain, demo_domain, derive_secret
from merkat.sdk.layouts import Output, decode_output, show_event
from merkat.sequencer.admission import Command
from merkat.sequencer.pipeline import Sequencer
from merkat.spec.typed_data import Config
from merkat.spec.venue.machine import Venue

DOMAIN = demo_domain(1, "bad input")
START_NS = 1_767_225_600_000_000_000
DAY_NS = 86_400 * 10**9
TICK = 10_000
INDEX = 100_000 * TICK
CASH = 10**9  # 1,000 USD
NAMES = rule_names()


class Desk:
    """A venue with two accounts, one perpetual and a fresh oracle; both readers side by side."""

    def __init__(self, directory: Path) -> None:
        self.sequencer = Sequencer.create(directory, DOMAIN, derive_secret(1, "sequencer"), 1 << 20)
        self.specification = Venue(Config(*DOMAIN.parts), recover=_core.recover_digest)
        self.wallets = Wallets(1, 2)
        self.oracle = OracleNodes(DOMAIN, 1)
        self.time_ns = START_NS
        self.nonce = START_NS // 1_000_000
        self.inbox = 0
        scene = Scene([Listing(0, 1, TICK)], [CASH] * 2, fund=CASH)
        for item in scripted_items(scene, self.wallets, self.oracle):
            self.take(commands.inbox(self.inbox, item))
            self.inbox += 1
        self.take(self.oracle.epoch(self.time_ns, INDEX))

    def take(self, command: bytes) -> Output | str:
        """Hand a command in; returns its output, or the reason of admission."""
        refusals = self.sequencer.submit([Command(self.time_ns, command)])
        if refusals:
            return refusals[0].reason
        (released,) = self.sequencer.release(wait=True)
        expected = self.specification.apply(released.first_log_number, self.time_ns, command)
        assert released.outputs == expected.encode(), "the two readers differ"
        return decode_output(released.outputs)

    def fresh_nonce(self) -> int:
        self.nonce += 1
        return self.nonce

    def signed(self, command: bytes, secret: bytes | None = None, domain: Domain = DOMAIN) -> bytes:
        framed = len(command).to_bytes(4, "big") + command
        key = self.wallets.secret(1) if secret is None else secret
        return _core.sign_commands(*domain.parts, framed, key)[4:]

    def order(self, nonce: int | None = None, **changed: int) -> bytes:
        """Return an unsigned order of account 1 that is good but for what is changed."""
        fields = {
            "account": 1,
            "listing": 1,
            "side": 0,
            "flags": 0,
            "limit_price": INDEX - 5 * TICK,
            "size": 1,
            "fee_cap": 0,
            "expiry_ns": self.time_ns + DAY_NS,
            "nonce": self.fresh_nonce() if nonce is None else nonce,
        }
        return commands.place(**{**fields, **changed})

    def epoch(
        self,
        index: int = INDEX,
        signers: int = 5,
        number: int = 0,
        liars: int = 0,
        previous: bytes | None = None,
    ) -> bytes:
        """Return the next epoch, signed by the first nodes; `liars` of them sign another index."""
        self.time_ns += 10**9
        number = number or self.oracle.number + 1
        before = self.oracle.vector_hash if previous is None else previous

        def vector(value: int) -> bytes:
            return commands.vector(0, number, self.time_ns, before, value)

        signed = []
        for node in range(signers):
            payload = vector(index * 2 if node < liars else index)
            part = _core.sign_oracle(
                *DOMAIN.parts, payload, bytes([node]), self.oracle.secrets[node]
            )
            signed.append((node, part[2:]))
        return commands.epoch(vector(index), commands.signatures(signed))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "venue")
    yield desk
    desk.sequencer.close()


def with_r_s(command: bytes, r: int | None = None, s: int | None = None) -> bytes:
    old_r, old_s = command[-65:-33], command[-33:-1]
    v = command[-1]
    new_r = old_r if r is None else r.to_bytes(32, "big")
    new_s = old_s if s is None else s.to_bytes(32, "big")
    return command[:-65] + new_r + new_s + bytes([v])


def high_s(command: bytes) -> bytes:
    """Return the signature's twin, which ecrecover would take too."""
    s = CURVE_ORDER - int.from_bytes(command[-33:-1], "big")
    flipped = with_r_s(command, s=s)
    return flipped[:-1] + bytes([55 - flipped[-1]])


OTHER_CHAIN = Domain(DOMAIN.chain_id + 1, DOMAIN.verifying_contract, DOMAIN.salt)
OTHER_CONTRACT = Domain(DOMAIN.chain_id, bytes(20), DOMAIN.salt)
OTHER_SALT = Domain(DOMAIN.chain_id, DOMAIN.verifying_contract, bytes(32))
FOREIGN = derive_secret(9, "stranger")

Make = Callable[[Desk], bytes]

# What admission refuses: no log number.
TRACELESS: dict[str, tuple[Make, str]] = {
    "unknown kind": (lambda d: b"\x01\x63", "malformed_command"),
    "unknown version": (lambda d: b"\x02" + d.signed(d.order())[1:], "malformed_command"),
    "truncated": (lambda d: d.signed(d.order())[:-1], "malformed_command"),
    "oversized": (lambda d: d.signed(d.order()) + b"\x00", "malformed_command"),
    "empty": (lambda d: b"", "malformed_command"),
    "oversized item": (lambda d: commands.inbox(d.inbox, bytes(1_025)), "item_size"),
    "high s": (lambda d: high_s(d.signed(d.order())), "wrong_signature"),
    "zero r": (lambda d: with_r_s(d.signed(d.order()), r=0), "wrong_signature"),
    "zero s": (lambda d: with_r_s(d.signed(d.order()), s=0), "wrong_signature"),
    "r beyond the order": (
        lambda d: with_r_s(d.signed(d.order()), r=CURVE_ORDER),
        "wrong_signature",
    ),
}

# What the venue refuses under a log number: the rule's name, and whether the nonce is used up.
NUMBERED: dict[str, tuple[Make, str, bool]] = {
    "wrong chain": (lambda d: d.signed(d.order(), domain=OTHER_CHAIN), "wrong_signature", False),
    "wrong contract": (
        lambda d: d.signed(d.order(), domain=OTHER_CONTRACT),
        "wrong_signature",
        False,
    ),
    "wrong venue salt": (
        lambda d: d.signed(d.order(), domain=OTHER_SALT),
        "wrong_signature",
        False,
    ),
    "foreign key": (lambda d: d.signed(d.order(), FOREIGN), "wrong_signature", False),
    "another owner's key": (
        lambda d: d.signed(d.order(), d.wallets.secret(2)),
        "wrong_signature",
        False,
    ),
    "unknown account": (lambda d: d.signed(d.order(account=3)), "no_account", False),
    "account zero": (lambda d: d.signed(d.order(account=0)), "no_account", False),
    "nonce too far ahead": (
        lambda d: d.signed(d.order(nonce=d.nonce + 10**9)),
        "used_nonce",
        False,
    ),
    "off-tick price": (
        lambda d: d.signed(d.order(limit_price=INDEX - 5 * TICK + 1)),
        "off_tick",
        True,
    ),
    "price zero": (lambda d: d.signed(d.order(limit_price=0)), "off_tick", True),
    "negative price": (lambda d: d.signed(d.order(limit_price=-TICK)), "off_tick", True),
    "size zero": (lambda d: d.signed(d.order(size=0)), "bad_size", True),
    "negative size": (lambda d: d.signed(d.order(size=-1)), "bad_size", True),
    "size over bounds": (lambda d: d.signed(d.order(size=1 << 56)), "bad_size", True),
    "notional over bounds": (
        lambda d: d.signed(d.order(size=(1 << 56) - 1, limit_price=(1 << 38) * TICK)),
        "bad_size",
        True,
    ),
    "unknown side": (lambda d: d.signed(d.order(side=2)), "bad_side", True),
    "unknown flags": (lambda d: d.signed(d.order(flags=3)), "bad_flags", True),
    "expired": (lambda d: d.signed(d.order(expiry_ns=d.time_ns)), "expired", True),
    "expiry too far": (
        lambda d: d.signed(d.order(expiry_ns=d.time_ns + 8 * DAY_NS)),
        "expiry_too_far",
        True,
    ),
    "unknown listing": (lambda d: d.signed(d.order(listing=2)), "no_listing", True),
    "counter not of the nonce": (lambda d: d.signed(d.order(counter=1)), "bad_counter", True),
    "beyond the band": (
        lambda d: d.signed(d.order(limit_price=INDEX * 104 // 100)),
        "band",
        True,
    ),
    "insufficient margin": (lambda d: d.signed(d.order(size=16)), "insufficient_margin", True),
    "withdrawal above the balance": (
        lambda d: d.signed(commands.withdraw(1, CASH + 1, d.fresh_nonce())),
        "withdraw_margin",
        False,
    ),
    "cancel of nothing": (
        lambda d: d.signed(commands.cancel(1, 490_000, 5, d.fresh_nonce())),
        "order_not_open",
        True,
    ),
    "duplicated inbox item": (
        lambda d: commands.inbox(0, commands.deposit(bytes(19) + b"\x01", CASH)),
        "inbox_index",
        False,
    ),
    "oracle value zero": (lambda d: d.epoch(index=0), "epoch_value", False),
    "oracle value negative": (lambda d: d.epoch(index=-INDEX), "epoch_value", False),
    "oracle below quorum": (lambda d: d.epoch(signers=4), "epoch_quorum", False),
    "oracle with a wrong number": (lambda d: d.epoch(number=7), "epoch_number", False),
    "oracle names another before": (
        lambda d: d.epoch(previous=bytes(31)),
        "epoch_previous",
        False,
    ),
    "two of the five signers lie": (lambda d: d.epoch(liars=2), "epoch_quorum", False),
}


def refusal(output: Output | str) -> str:
    """Return the name of the rule that refused a command, and assert that it did nothing else."""
    assert isinstance(output, Output), f"admission refused already: {output}"
    assert len(output.events) == 1, "a refusal is the only event of its command"
    shown = show_event(output.events[0])
    assert shown.kind == "refused", f"expected a refusal, got {shown}"
    assert output.micro_ops == [], "a refused command moves no settlement"
    return NAMES[int(shown.fields["code"])]


@pytest.mark.parametrize("name", TRACELESS)
def test_admission_refuses_and_leaves_no_trace(desk: Desk, name: str) -> None:
    make, reason = TRACELESS[name]
    before = desk.sequencer.digests()
    assert desk.take(make(desk)) == reason, name
    assert desk.sequencer.digests() == before, f"{name}: something changed"


@pytest.mark.parametrize("name", NUMBERED)
def test_the_venue_refuses_and_only_the_nonce_is_used_up(desk: Desk, name: str) -> None:
    make, rule, uses_nonce = NUMBERED[name]
    bytes_before = len(desk.sequencer.engine.snapshot())
    root_before = desk.sequencer.digests().state_root
    log_number = desk.sequencer.log_number
    assert refusal(desk.take(make(desk))) == rule, name
    assert desk.sequencer.log_number == log_number + 1, "it has a number and a receipt"
    assert desk.sequencer.digests().state_root == root_before, f"{name}: settlement moved"
    grown = len(desk.sequencer.engine.snapshot()) - bytes_before
    # It is the first of its signer: a window of nonces with its slot, its count and one nonce.
    assert grown == (1 + 1 + 8 if uses_nonce else 0), f"{name}: the snapshot grew by {grown} bytes"


def test_the_good_order_that_all_cases_start_from_is_taken(desk: Desk) -> None:
    output = desk.take(desk.signed(desk.order()))
    assert isinstance(output, Output)
    assert [show_event(event).kind for event in output.events] == ["accepted", "rested"]


def test_a_replayed_command_is_refused(desk: Desk) -> None:
    command = desk.signed(desk.order())
    assert isinstance(desk.take(command), Output)
    assert refusal(desk.take(command)) == "used_nonce"


def test_a_refused_order_s_nonce_is_used_up(desk: Desk) -> None:
    nonce = desk.fresh_nonce()
    assert refusal(desk.take(desk.signed(desk.order(nonce=nonce, size=0)))) == "bad_size"
    assert refusal(desk.take(desk.signed(desk.order(nonce=nonce)))) == "used_nonce"


def test_a_jump_of_12_percent_is_held_and_8_percent_is_not(desk: Desk) -> None:
    output = desk.take(desk.epoch(index=INDEX * 112 // 100))
    assert isinstance(output, Output)
    assert show_event(output.events[0]).fields["held"] == 1
    assert refusal(desk.take(desk.signed(desk.order()))) == "oracle_stale", "held: reductions only"


def test_a_move_of_8_percent_is_taken_at_once(desk: Desk) -> None:
    output = desk.take(desk.epoch(index=INDEX * 108 // 100))
    assert isinstance(output, Output)
    assert show_event(output.events[0]).fields["held"] == 0
    assert isinstance(desk.take(desk.signed(desk.order())), Output)


def test_five_honest_nodes_outvote_two_that_are_silent(desk: Desk) -> None:
    assert isinstance(desk.take(desk.epoch(signers=5)), Output)
    desk.oracle.number += 1


def test_a_withdrawal_of_everything_is_taken_without_a_position(desk: Desk) -> None:
    output = desk.take(desk.signed(commands.withdraw(1, CASH, desk.fresh_nonce())))
    assert isinstance(output, Output)
    assert show_event(output.events[0]).kind == "withdrawn"
