"""The keys of the corpus: derived from names, public, worth nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Protocol

from merkat.spec import secp256k1
from merkat.spec.values import keccak256


@dataclass(frozen=True, slots=True)
class Wallet:
    """A name, its 32-byte secret and its 20-byte address."""

    name: str
    secret: bytes
    address: bytes


@cache
def wallet(name: str) -> Wallet:
    """Return the wallet of that name."""
    secret = keccak256(b"merkat vectors: " + name.encode())
    return Wallet(name, secret, secp256k1.address(secret))


class Signer(Protocol):
    """Signs digests; the long random runs sign with something faster than the curve."""

    def sign(self, digest: bytes, by: Wallet) -> bytes:
        """Return 65 bytes."""


class CurveSigner:
    """Signs with the specification's own curve code."""

    def sign(self, digest: bytes, by: Wallet) -> bytes:
        """Return r ‖ s ‖ v."""
        return _signature(digest, by.secret)


@cache
def _signature(digest: bytes, secret: bytes) -> bytes:
    return secp256k1.sign(digest, secret)
