"""Who signed a digest: the scheme and the address that 65 bytes name (sessions.md section 1).

v says which scheme a signature is of: 27 and 28 secp256k1, 29 and 30 P-256; any other v names
nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from merkat.spec import p256, secp256k1

SECP256K1 = 1  # schemes
P256 = 2
SCHEMES = (SECP256K1, P256)

Recover: TypeAlias = Callable[[bytes, bytes], bytes | None]
"""(32-byte digest, 65-byte signature) -> the 20-byte address of the signer, of either scheme."""

_SCHEME_OF_V = {27: SECP256K1, 28: SECP256K1, 29: P256, 30: P256}


def scheme_of(signature: bytes) -> int | None:
    """Return the scheme that a signature's v names, None when it names none."""
    return _SCHEME_OF_V.get(signature[64])


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """Return the address that signed, by the scheme of the signature's v; None for nobody."""
    match scheme_of(signature):
        case 1:
            return secp256k1.recover(digest, signature)
        case 2:
            return p256.recover(digest, signature)
        case _:
            return None


def signed_by(
    digest: bytes, signature: bytes, scheme: int, address: bytes, recover_signer: Recover
) -> bool:
    """Return whether the key of that scheme and address signed a digest."""
    return scheme_of(signature) == scheme and recover_signer(digest, signature) == address
