"""ECDSA over P-256: the signatures with v 29 and 30, for session keys (sessions.md section 1).

Source: FIPS 186-5, SP 800-186 section 3.2.1.3 (parameters). The arithmetic is that of
weierstrass.py; the address of a key is made as on secp256k1.
"""

from __future__ import annotations

from functools import lru_cache

from merkat.spec.weierstrass import Curve

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
A = P - 3
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
GENERATOR = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
V_BASE = 29
CURVE = Curve(P, N, A, B, GENERATOR, V_BASE)


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
