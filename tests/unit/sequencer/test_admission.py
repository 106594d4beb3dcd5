"""Admission: what gets a log number and what leaves no trace."""

from __future__ import annotations

import pytest

from merkat import _core
from merkat.sdk import commands
from merkat.sdk.keys import CURVE_ORDER, Domain, demo_domain, derive_secret
from merkat.sequencer.admission import Command, Refusal, admit, malformed

DOMAIN = demo_domain(1, "admission")
SECRET = derive_secret(1, "owner")
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
    assert admitted.batch[:20] == (88).to_bytes(4, "big") + (7).to_bytes(8, "big") + (5).to_bytes(
        8, "big"
    )


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (b"", "malformed_command"),
        (b"\x01", "malformed_command"),
        (b"\x02\x18", "malformed_command"),
        (b"\x01\xff", "malformed_command"),
        (commands.tick() + b"\x00", "malformed_command"),
        (signed()[:-1], "malformed_command"),
        (signed() + b"\x00", "malformed_command"),
        (commands.inbox(0, b"\x01"), "item_size"),
        (commands.inbox(0, bytes(1_025)), "item_size"),
        (commands.epoch(bytes(74), b"\x02" + bytes(66)), "malformed_command"),
        (commands.epoch(bytes(74), b"\x09" + bytes(66 * 9)), "malformed_command"),
        (commands.heartbeat(bytes(49), b""), "malformed_command"),
    ],
)
def test_what_can_be_no_command_is_refused(command: bytes, reason: str) -> None:
    assert malformed(command) == reason
    admitted = admit(DOMAIN, 1, [Command(5, command)])
    assert (admitted.commands, admitted.batch) == ([], b"")
    assert admitted.refusals == [Refusal(0, reason)]


@pytest.mark.parametrize("name", ["r zero", "s zero", "high s", "v unknown", "r of no point"])
def test_a_signature_that_no_key_made_is_refused(name: str) -> None:
    r, s, v = parts(signed())
    broken = {
        "r zero": with_signature(0, s, v),
        "s zero": with_signature(r, 0, v),
        "high s": with_signature(r, CURVE_ORDER - s, 55 - v),
        "v unknown": with_signature(r, s, 29),
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
