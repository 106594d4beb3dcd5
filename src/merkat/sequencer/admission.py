"""Admission: everything about a command that needs no book, before it gets a log number.

A command that is refused here leaves no trace. What needs state (owner, nonce, margin) is refused
by the engine, under a log number and with a receipt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from merkat import _core
from merkat.sdk import commands
from merkat.sdk.keys import Domain
from merkat.sdk.surfaces import vector_bytes_at

ITEM_BYTES_MAX: Final = 1_024
ITEM_BYTES_MIN: Final = 2
_SIGNATURE_AND_NODE: Final = 66
_ORDER_BYTES: Final = 136

EXACT_BYTES: Final = {
    commands.PLACE: _ORDER_BYTES,
    commands.AMEND: _ORDER_BYTES,
    commands.RENEW: _ORDER_BYTES,
    commands.CANCEL: 89,
    commands.FLOOR: 84,
    commands.WITHDRAW: 96,
    commands.TRANSFER: 99,
    commands.MARGIN_MODE: 80,
    commands.SESSION_OPEN: 126,
    commands.SESSION_REVOKE: 85,
    commands.ACTIVATE: 43,
    commands.TICK: 2,
}
HEAD_BYTES: Final = 2
_HEARTBEAT_BYTES: Final = 49
INBOX_HEAD_BYTES: Final = 10
SIGNED_KINDS: Final = frozenset(range(commands.PLACE, commands.SESSION_REVOKE + 1))

# How `recover_signers` shows a lone signature that no key made: one signer, the zero address.
_ONE_INVALID: Final = b"\x01" + bytes(20)


class Command(NamedTuple):
    """A command and the time (ns) at which it reached the sequencer."""

    time_ns: int
    command: bytes


class Refusal(NamedTuple):
    """A command that got no log number: its place in what was submitted and the reason."""

    position: int
    reason: str


def malformed(command: bytes) -> str | None:
    """Return why a command cannot be one (formats.md section 4), None where it can."""
    if len(command) < 2 or command[0] != commands.VERSION:
        return "malformed_command"
    kind, length = command[1], len(command)
    exact = EXACT_BYTES.get(kind)
    if exact is not None:
        return None if length == exact else "malformed_command"
    if kind in (commands.EPOCH, commands.HEARTBEAT):
        return None if _has_signatures(command) else "malformed_command"
    if kind == commands.INBOX:
        item_bytes = length - INBOX_HEAD_BYTES
        return None if ITEM_BYTES_MIN <= item_bytes <= ITEM_BYTES_MAX else "item_size"
    return "malformed_command"


def _has_signatures(command: bytes) -> bool:
    """Return whether a vector of either version, or a heartbeat, ends in its signatures part."""
    signatures_at = HEAD_BYTES + _HEARTBEAT_BYTES
    if command[1] == commands.EPOCH:
        try:
            signatures_at = HEAD_BYTES + vector_bytes_at(command, HEAD_BYTES)
        except ValueError:
            return False
    count = command[signatures_at] if len(command) > signatures_at else -1
    fits = len(command) == signatures_at + 1 + _SIGNATURE_AND_NODE * count
    return 0 <= count <= commands.NODES_MAX and fits


def frame(first_log_number: int, accepted: Sequence[Command]) -> bytes:
    """Return a batch: {u32 length, u64 log number, u64 time, command} one after the other."""
    parts = []
    log_number = first_log_number
    for time_ns, command in accepted:
        head = len(command) << 128 | log_number << 64 | time_ns
        parts.append(head.to_bytes(20, "big"))
        parts.append(command)
        log_number += 1
    return b"".join(parts)


def _invalid_positions(accepted: Sequence[Command], signers: bytes) -> list[int]:
    """Return the positions of signed commands whose one signature no key made."""
    found = []
    at = 0
    for position, (_, command) in enumerate(accepted):
        if command[1] in SIGNED_KINDS and signers[at : at + 21] == _ONE_INVALID:
            found.append(position)
        at += 1 + 20 * signers[at]
    return found


def _signers_without(signers: bytes, dropped: set[int]) -> bytes:
    kept = []
    at = 0
    position = 0
    while at < len(signers):
        end = at + 1 + 20 * signers[at]
        if position not in dropped:
            kept.append(signers[at:end])
        at = end
        position += 1
    return b"".join(kept)


class Admitted(NamedTuple):
    """What passed admission, ready for the journal, and what did not."""

    commands: list[Command]
    batch: bytes
    signers: bytes
    refusals: list[Refusal]


def admit(domain: Domain, first_log_number: int, submitted: Sequence[Command]) -> Admitted:
    """Check a batch, recover its signers over all cores, and number what passed."""
    refusals = []
    accepted = []
    origin = []
    for position, entry in enumerate(submitted):
        reason = malformed(entry.command)
        if reason is None:
            accepted.append(entry)
            origin.append(position)
        else:
            refusals.append(Refusal(position, reason))
    batch = frame(first_log_number, accepted)
    signers = _core.recover_signers(*domain.parts, batch) if accepted else b""
    if _ONE_INVALID in signers:
        invalid = set(_invalid_positions(accepted, signers))
        refusals.extend(
            Refusal(origin[position], "wrong_signature") for position in sorted(invalid)
        )
        signers = _signers_without(signers, invalid)
        accepted = [entry for position, entry in enumerate(accepted) if position not in invalid]
        batch = frame(first_log_number, accepted)
    return Admitted(accepted, batch, signers, refusals)
