"""What every reader of receipts needs: their lengths, and the journal hash before the first."""

from __future__ import annotations

from typing import Final

from merkat import _core

HASHES_BYTES: Final = 64
SIGNATURE_BYTES: Final = 65


def genesis_hash(salt: bytes) -> bytes:
    """Return the journal hash before the first record (formats.md section 9)."""
    return _core.keccak256(b"merkat journal v1" + salt)
