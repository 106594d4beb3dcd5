"""ECDSA over secp256k1 as Ethereum uses it: slow, plain, and the specification of b65.

Source: SEC 1 (4.1.6 recovery), SEC 2 (parameters), RFC 6979 (nonces), EIP-2 (low s).
Nothing here resists side channels; sign with it in tests and vectors only.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import lru_cache
from typing import TypeAlias

from merkat.spec.values import keccak256

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
GENERATOR = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)
SIGNATURE_BYTES = 65
V_BASE = 27

Recover: TypeAlias = Callable[[bytes, bytes], bytes | None]
"""(32-byte digest, 65-byte signature) -> the signer's 20-byte address, or None."""

Point: TypeAlias = tuple[int, int]  # affine
Jacobian: TypeAlias = tuple[int, int, int]  # x / z^2, y / z^3; z = 0 is the point at infinity
INFINITY: Jacobian = (0, 1, 0)


def _double(point: Jacobian) -> Jacobian:
    x, y, z = point
    if z == 0:
        return INFINITY
    yy = y * y % P
    s = 4 * x * yy % P
    m = 3 * x * x % P
    doubled_x = (m * m - 2 * s) % P
    return doubled_x, (m * (s - doubled_x) - 8 * yy * yy) % P, 2 * y * z % P


def _add(first: Jacobian, second: Jacobian) -> Jacobian:
    x1, y1, z1 = first
    x2, y2, z2 = second
    if z1 == 0:
        return second
    if z2 == 0:
        return first
    z1z1, z2z2 = z1 * z1 % P, z2 * z2 % P
    u1, u2 = x1 * z2z2 % P, x2 * z1z1 % P
    s1, s2 = y1 * z2 * z2z2 % P, y2 * z1 * z1z1 % P
    h, r = (u2 - u1) % P, (s2 - s1) % P
    if h == 0:
        return _double(first) if r == 0 else INFINITY
    hh = h * h % P
    hhh = h * hh % P
    v = u1 * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - s1 * hhh) % P, z1 * z2 * h % P


def _two_multiples(first: int, second: int, point: Point) -> Jacobian:
    """Return first x GENERATOR + second x point, both bit by bit at once."""
    generator: Jacobian = (*GENERATOR, 1)
    other: Jacobian = (*point, 1)
    both = _add(generator, other)
    total = INFINITY
    for bit in range(max(first.bit_length(), second.bit_length()) - 1, -1, -1):
        total = _double(total)
        match first >> bit & 1, second >> bit & 1:
            case 1, 1:
                total = _add(total, both)
            case 1, 0:
                total = _add(total, generator)
            case 0, 1:
                total = _add(total, other)
    return total


def _affine(point: Jacobian) -> Point:
    x, y, z = point
    inverse = pow(z, -1, P)
    return x * inverse * inverse % P, y * inverse**3 % P


def _address_of(point: Point) -> bytes:
    x, y = point
    return keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[12:]


def address(secret: bytes) -> bytes:
    """Return the 20-byte address of a 32-byte secret key."""
    number = int.from_bytes(secret, "big")
    assert 0 < number < N, "a secret key lies in [1, n)"
    return _address_of(_affine(_two_multiples(number, 0, GENERATOR)))


def _nonces(digest: bytes, secret: bytes) -> Callable[[], int]:
    """Return the generator of RFC 6979 section 3.2 with HMAC-SHA-256."""
    reduced = int.from_bytes(digest, "big") % N
    key, value = bytes(32), b"\x01" * 32
    for separator in (b"\x00", b"\x01"):
        seed = value + separator + secret + reduced.to_bytes(32, "big")
        key = hmac.digest(key, seed, "sha256")
        value = hmac.digest(key, value, "sha256")

    def following() -> int:
        nonlocal key, value
        value = hmac.digest(key, value, "sha256")
        nonce = int.from_bytes(value, "big")
        key = hmac.digest(key, value + b"\x00", "sha256")
        value = hmac.digest(key, value, "sha256")
        return nonce

    return following


def sign(digest: bytes, secret: bytes) -> bytes:
    """Return the deterministic signature r ‖ s ‖ v of a 32-byte digest, with low s."""
    assert len(digest) == 32, f"a digest is 32 bytes, got {len(digest)}"
    number, message = int.from_bytes(secret, "big"), int.from_bytes(digest, "big")
    assert 0 < number < N, "a secret key lies in [1, n)"
    following = _nonces(digest, secret)
    while True:
        nonce = following()
        if not 0 < nonce < N:
            continue
        x, y = _affine(_two_multiples(nonce, 0, GENERATOR))
        r = x % N
        s = pow(nonce, -1, N) * (message + r * number) % N
        if r == 0 or s == 0 or x >= N:  # v 27 and 28 leave no room for x = r + n
            continue
        odd = y & 1
        if s > N // 2:
            s, odd = N - s, 1 - odd
        return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([V_BASE + odd])


@lru_cache(maxsize=1 << 16)
def recover(digest: bytes, signature: bytes) -> bytes | None:
    """Return the address that signed, None when the signature is no valid one.

    v is 27 or 28, r and s lie in [1, n), s is at most n / 2; and the point and key must exist.
    """
    assert len(digest) == 32, f"a digest is 32 bytes, got {len(digest)}"
    assert len(signature) == SIGNATURE_BYTES, f"a signature is 65 bytes, got {len(signature)}"
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    odd = signature[64] - V_BASE
    if odd not in (0, 1) or not 0 < r < N or not 0 < s <= N // 2:
        return None
    square = (r**3 + 7) % P
    y = pow(square, (P + 1) // 4, P)
    if y * y % P != square:
        return None
    if y & 1 != odd:
        y = P - y
    inverse, message = pow(r, -1, N), int.from_bytes(digest, "big")
    key = _two_multiples(-message * inverse % N, s * inverse % N, (r, y))
    return None if key[2] == 0 else _address_of(_affine(key))
