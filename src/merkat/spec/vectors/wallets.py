"""The keys of the corpus: derived from names, public, worth nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Protocol

from merkat.spec import p256, secp256k1
from merkat.spec.signatures import P256, SECP256K1
from merkat.spec.values import keccak256

V_OF_SCHEME = {SECP256K1: 27, P256: 29}
"""The v of signatures that are none: of those that only carry their signer's address."""


@dataclass(frozen=True, slots=True)
class Wallet:
    """A name, its 32-byte secret, its 20-byte address and the scheme it signs by."""

    name: str
    secret: bytes
    address: bytes
    scheme: int = SECP256K1


@cache
def wallet(name: str) -> Wallet:
    """Return the wallet of that name."""
    secret = keccak256(b"merkat vectors: " + name.encode())
    return Wallet(name, secret, secp256k1.address(secret))


@cache
def p256_wallet(name: str) -> Wallet:
    """Return the wallet of that name whose key is of P-256: a session key, no owner."""
    secret = keccak256(b"merkat vectors, P-256: " + name.encode())
    return Wallet(name, secret, p256.address(secret), P256)


class Signer(Protocol):
    """Signs digests; the long random runs sign with something faster than the curve."""

    def sign(self, digest: bytes, by: Wallet) -> bytes:
        """Return 65 bytes."""


class CurveSigner:
    """Signs with the specification's own curves."""

    def sign(self, digest: bytes, by: Wallet) -> bytes:
        """Return r ‖ s ‖ v."""
        return _signature(digest, by.secret, by.scheme)


@cache
def _signature(digest: bytes, secret: bytes, scheme: int) -> bytes:
    return p256.sign(digest, secret) if scheme == P256 else secp256k1.sign(digest, secret)
