"""ECDSA over secp256k1 as Ethereum uses it: the signatures with v 27 and 28 (formats.md 3).

Source: SEC 2 (parameters). The arithmetic is that of weierstrass.py.
"""

from __future__ import annotations

from functools import lru_cache

from merkat.spec.weierstrass import Curve

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
GENERATOR = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
V_BASE = 27
CURVE = Curve(P, N, 0, 7, GENERATOR, V_BASE)


def address(secret: bytes) -> bytes:
    """Return the 20-byte address of a 32-byte secret key."""
    return CURVE.address(secret)


def sign(digest: bytes, secret: bytes) -> bytes:
    """Return the deterministic signature r ‖ s ‖ v of a 32-byte digest, with low s."""
    return CURVE.sign(digest, secret)


@lru_cache(maxsize=1 << 16)
def recover(digest: bytes, signature: bytes) -> bytes | None:
    """Return the address that signed, None when the signature is no valid one of this curve."""
    return CURVE.recover(digest, signature)
