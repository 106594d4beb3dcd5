"""Admission: what gets a log number and what leaves no trace."""

from __future__ import annotations

import pytest

from merkat import _core
from merkat.sdk import commands
from merkat.sdk.keys import CURVE_ORDER, Domain, demo_domain, derive_secret
from merkat.sdk.surfaces import ExpiryQuote, Surface
from merkat.sequencer.admission import Command, Refusal, admit, malformed

DOMAIN = demo_domain(1, "admission")
SECRET = derive_secret(1, "owner")
MALFORMED = "malformed_command"
NO_SIGNATURES = commands.signatures([])
VECTOR = commands.vector(0, 1, 2, bytes(31), 5)
QUOTE = ExpiryQuote(10**18, 5, 1, 1, 0, 0, 1)
SURFACE = Surface(
    group=0, number=1, time_ns=2, index=5, vol=10**9, vol_mean=10**9, expiries=(QUOTE, QUOTE)
).encode()
ADDRESS = _core.address_of(SECRET)


def signed(domain: Domain = DOMAIN, nonce: int = 1) -> bytes:
    """Return a cancel with its signature."""
    command = commands.cancel(1, 2, 3, nonce)
    framed = len(command).to_bytes(4, "big") + command
    return _core.sign_commands(*domain.parts, framed, SECRET)[4:]


def with_signature(r: int, s: int, v: int) -> bytes:
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])
    return signed()[: -commands.SIGNATURE_BYTES] + signature


def parts(command: bytes) -> tuple[int, int, int]:
    return (
        int.from_bytes(command[-65:-33], "big"),
        int.from_bytes(command[-33:-1], "big"),
        command[-1],
    )


def test_a_good_command_is_numbered_and_its_signer_recovered() -> None:
    admitted = admit(DOMAIN, 7, [Command(5, signed()), Command(6, commands.tick())])
    assert admitted.refusals == []
    assert admitted.signers == b"\x01" + ADDRESS + b"\x00"
    assert admitted.batch[:20] == (89).to_bytes(4, "big") + (7).to_bytes(8, "big") + (5).to_bytes(
        8, "big"
    )


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (b"", MALFORMED),
        (b"\x01", MALFORMED),
        (b"\x02\x18", MALFORMED),
        (b"\x01\xff", MALFORMED),
        (commands.tick() + b"\x00", MALFORMED),
        (signed()[:-1], MALFORMED),
        (signed() + b"\x00", MALFORMED),
        (commands.inbox(0, b"\x01"), "item_size"),
        (commands.inbox(0, bytes(1_025)), "item_size"),
        (commands.epoch(VECTOR, b"\x02" + bytes(66)), MALFORMED),
        (commands.epoch(VECTOR, b"\x09" + bytes(66 * 9)), MALFORMED),
        (commands.epoch(bytes(74), NO_SIGNATURES), MALFORMED),
        (commands.epoch(b"\x03" + bytes(73), NO_SIGNATURES), MALFORMED),
        (commands.epoch(SURFACE, b""), MALFORMED),
        (commands.epoch(SURFACE[:-1], NO_SIGNATURES), MALFORMED),
        (commands.epoch(SURFACE, b"\x01" + bytes(65)), MALFORMED),
        (commands.epoch(b"\x02" + bytes(105) + b"\x11" + bytes(56 * 17), NO_SIGNATURES), MALFORMED),
        (b"\x01\x10", MALFORMED),
        (commands.margin_mode(1, 1, 1)[:-1], MALFORMED),
        (commands.session_open(1, 1, 1, bytes(20), 1, 1, 1, 1, 1)[:-1], MALFORMED),
        (commands.session_revoke(1, 1, 1, 1) + b"\0", MALFORMED),
        (commands.activate(0, 1, bytes(31)) + b"\0", MALFORMED),
        (commands.heartbeat(bytes(49), b""), MALFORMED),
    ],
)
def test_what_can_be_no_command_is_refused(command: bytes, reason: str) -> None:
    assert malformed(command) == reason
    admitted = admit(DOMAIN, 1, [Command(5, command)])
    assert (admitted.commands, admitted.batch) == ([], b"")
    assert admitted.refusals == [Refusal(0, reason)]


@pytest.mark.parametrize(
    "command",
    [
        commands.epoch(VECTOR, NO_SIGNATURES),
        commands.epoch(SURFACE, NO_SIGNATURES),
        commands.epoch(SURFACE, commands.signatures([(0, bytes(65))] * 8)),
        commands.heartbeat(bytes(49), NO_SIGNATURES),
        commands.activate(0, 1, bytes(31)),
        commands.margin_mode(1, 1, 1),
        commands.session_open(1, 1, 1, bytes(20), 1, 1, 1, 1, 1),
        commands.session_revoke(1, 1, 1, 1),
    ],
)
def test_what_can_be_a_command_is_not_refused(command: bytes) -> None:
    assert malformed(command) is None


@pytest.mark.parametrize("name", ["r zero", "s zero", "high s", "v unknown", "r of no point"])
def test_a_signature_that_no_key_made_is_refused(name: str) -> None:
    r, s, v = parts(signed())
    broken = {
        "r zero": with_signature(0, s, v),
        "s zero": with_signature(r, 0, v),
        "high s": with_signature(r, CURVE_ORDER - s, 55 - v),
        "v unknown": with_signature(r, s, 31),
        "r of no point": with_signature(5, s, v),
    }[name]
    good = signed(nonce=2)
    admitted = admit(DOMAIN, 1, [Command(5, broken), Command(5, good)])
    assert admitted.refusals == [Refusal(0, "wrong_signature")], name
    assert admitted.commands == [Command(5, good)]
    assert admitted.signers == b"\x01" + ADDRESS, "the signers must stay beside their commands"
    assert admitted.batch[4:12] == (1).to_bytes(8, "big"), "a refused command takes no number"


def test_another_venue_s_signature_names_somebody_else() -> None:
    admitted = admit(DOMAIN, 1, [Command(5, signed(demo_domain(2, "admission")))])
    assert admitted.signers[1:] != ADDRESS, "salt and chain are part of what is signed"
