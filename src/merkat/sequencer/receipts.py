"""Receipts: what the sequencer signs once a command is durable, and how a client checks them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from merkat import _core
from merkat.sdk.keys import Domain
from merkat.sdk.receipts import HASHES_BYTES, SIGNATURE_BYTES, genesis_hash

__all__ = [
    "HASHES_BYTES",
    "SIGNATURE_BYTES",
    "Receipt",
    "ReceiptChecker",
    "ReceiptError",
    "genesis_hash",
    "receipts_of",
]


class Receipt(NamedTuple):
    """One receipt: log number, hashes of the command and of the journal at it, signature."""

    log_number: int
    command_hash: bytes
    journal_hash: bytes
    signature: bytes

    def line(self) -> str:
        """Return the receipt as one line of a receipts file: number and three hex strings."""
        hashes = f"{self.command_hash.hex()} {self.journal_hash.hex()}"
        return f"{self.log_number} {hashes} {self.signature.hex()}"

    @classmethod
    def from_line(cls, line: str) -> Receipt:
        """Return the receipt of a line. Raises ValueError where it is none (for example cut)."""
        words = line.split()
        if len(words) != 4:
            raise ValueError(f"receipt: expected a number and three hex strings, got {line!r}")
        command_hash, journal_hash, signature = map(bytes.fromhex, words[1:])
        lengths = (len(command_hash), len(journal_hash), len(signature))
        if lengths != (32, 32, SIGNATURE_BYTES):
            raise ValueError(f"receipt: expected 32, 32 and 65 bytes, got {lengths}")
        return cls(int(words[0]), command_hash, journal_hash, signature)


class ReceiptError(Exception):
    """A receipt that a client must not accept: the sequencer has broken its word."""


def receipts_of(first_log_number: int, hashes: bytes, signatures: bytes) -> Iterator[Receipt]:
    """Yield the receipts of a batch: 64 bytes of hashes and 65 of signature a command."""
    for position in range(len(hashes) // HASHES_BYTES):
        at = position * HASHES_BYTES
        signature_at = position * SIGNATURE_BYTES
        yield Receipt(
            first_log_number + position,
            hashes[at : at + 32],
            hashes[at + 32 : at + 64],
            signatures[signature_at : signature_at + SIGNATURE_BYTES],
        )


class ReceiptChecker:
    """A client's check of every receipt: its own command, the unbroken chain, the signature."""

    def __init__(self, domain: Domain, sequencer: bytes) -> None:
        self.domain = domain
        self.sequencer = sequencer
        self.log_number = 0
        self.journal_hash = genesis_hash(domain.salt)
        self.checked = 0

    def check(self, batch: bytes, first_log_number: int, hashes: bytes, signatures: bytes) -> None:
        """Check the receipts of a batch (framing with numbers and times) that follows the last one.

        The journal hash of a receipt binds number, time and command of its own record and all
        before it, so the whole history is recomputed here. Raises ReceiptError.
        """
        if first_log_number != self.log_number + 1:
            raise ReceiptError(
                f"receipt {first_log_number} came after receipt {self.log_number}: one is missing"
            )
        expected = _core.chain_hashes(self.journal_hash, batch)
        if hashes != expected:
            at = next(
                i for i in range(0, len(expected), 32) if hashes[i : i + 32] != expected[i : i + 32]
            )
            number = first_log_number + at // HASHES_BYTES
            kind = "journal" if at % HASHES_BYTES else "command"
            raise ReceiptError(
                f"receipt {number}: its {kind} hash is not that of what was sent and released"
            )
        if not _core.verify_receipts(
            *self.domain.parts, first_log_number, hashes, signatures, self.sequencer
        ):
            raise ReceiptError(
                f"receipts from {first_log_number}: a signature is not the sequencer's"
            )
        count = len(hashes) // HASHES_BYTES
        self.log_number += count
        self.checked += count
        self.journal_hash = hashes[-32:]
