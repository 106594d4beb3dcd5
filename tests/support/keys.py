"""Ways to sign in tests.

`FakeKeys` puts digest and signer's address into the 65 bytes, so that
"recovering" is a comparison: thousands of times faster than the curve, and still wrong for another
digest. It is no signature scheme. `CurveKeys` signs and recovers for real.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from merkat.spec import p256, secp256k1, signatures
from merkat.spec.signatures import P256, SECP256K1
from merkat.spec.values import keccak256

V_OF_SCHEME = {SECP256K1: 27, P256: 29}


@dataclass(frozen=True)
class Wallet:
    """A key pair made from a name; worth nothing."""

    name: str
    secret: bytes
    address: bytes
    scheme: int = SECP256K1


class Keys(Protocol):
    """A way to sign and to recover that fit together."""

    def wallet(self, name: str, scheme: int = SECP256K1) -> Wallet:
        """The wallet of that name; a session key may be of scheme 2."""

    def sign(self, digest: bytes, wallet: Wallet) -> bytes:
        """65 bytes."""

    def recover(self, digest: bytes, signature: bytes) -> bytes | None:
        """The signer's address, None for bytes that are no signature."""


class FakeKeys:
    """Signatures that carry their signer: digest ‖ address ‖ zeros ‖ v. For speed only."""

    def wallet(self, name: str, scheme: int = SECP256K1) -> Wallet:
        secret = keccak256(b"merkat tests: " + name.encode())
        return Wallet(name, secret, keccak256(secret)[:20], scheme)

    def sign(self, digest: bytes, wallet: Wallet) -> bytes:
        return digest + wallet.address + bytes(12) + bytes([V_OF_SCHEME[wallet.scheme]])

    def recover(self, digest: bytes, signature: bytes) -> bytes | None:
        return signature[32:52] if signature[:32] == digest else None


class CurveKeys:
    """The specification's own curves: slow."""

    def wallet(self, name: str, scheme: int = SECP256K1) -> Wallet:
        secret = keccak256(b"merkat tests: " + name.encode())
        curve = p256 if scheme == P256 else secp256k1
        return Wallet(name, secret, curve.address(secret), scheme)

    def sign(self, digest: bytes, wallet: Wallet) -> bytes:
        if wallet.scheme == P256:
            return p256.sign(digest, wallet.secret)
        return secp256k1.sign(digest, wallet.secret)

    def recover(self, digest: bytes, signature: bytes) -> bytes | None:
        return signatures.recover(digest, signature)
