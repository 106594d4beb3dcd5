"""Signing many commands in one call of the core."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from merkat import _core
from merkat.sdk.commands import SIGNATURE_BYTES
from merkat.sdk.keys import Domain

FRAME_BYTES: Final = 4


class Signer(NamedTuple):
    """Who signs a command: account, slot and the key of that slot."""

    account: int
    slot: int
    scheme: int
    secret: bytes

    @property
    def address(self) -> bytes:
        """Return the address that recovery gives for what this key has signed."""
        return _address(self.secret, self.scheme)

    def __repr__(self) -> str:
        """Return account and slot; a secret never gets into a log."""
        return f"Signer(account={self.account}, slot={self.slot}, scheme={self.scheme})"


@lru_cache(maxsize=1_024)
def _address(secret: bytes, scheme: int) -> bytes:
    return _core.address_of(secret, scheme)


def unsigned_part(command: bytes) -> bytes:
    """Return a command without its signature: what tells it from every other one."""
    return command[:-SIGNATURE_BYTES]


def sign_all(domain: Domain, commands: Sequence[bytes], signers: Sequence[Signer]) -> list[bytes]:
    """Return the commands with their signatures, one signer each.

    The same command signed twice gives the same bytes (RFC 6979), so a command that is sent again
    after a lost connection is the same command.
    """
    framed = b"".join([part for c in commands for part in (len(c).to_bytes(FRAME_BYTES, "big"), c)])
    secrets = b"".join([signer.secret for signer in signers])
    schemes = bytes([signer.scheme for signer in signers])
    filled = _core.sign_commands(*domain.parts, framed, secrets, schemes)
    signed = []
    at = 0
    for command in commands:
        at += FRAME_BYTES
        signed.append(filled[at : at + len(command)])
        at += len(command)
    return signed
