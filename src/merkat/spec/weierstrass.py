"""ECDSA with recovery over a short Weierstrass curve: slow, plain, pure integers.

Source: SEC 1 (4.1.6 recovery), FIPS 186-5, RFC 6979 (nonces), EIP-2 (low s). The two curves of
merkat are in secp256k1.py and p256.py. Nothing here resists side channels; sign with it in tests
and vectors only.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from merkat.spec.values import keccak256

SIGNATURE_BYTES = 65

Point: TypeAlias = tuple[int, int]  # affine
Jacobian: TypeAlias = tuple[int, int, int]  # x / z^2, y / z^3; z = 0 is the point at infinity
INFINITY: Jacobian = (0, 1, 0)


def address_of(point: Point) -> bytes:
    """Return the 20-byte address of a public key: the end of keccak(x ‖ y)."""
    x, y = point
    return keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[12:]


@dataclass(frozen=True)
class Curve:
    """y^2 = x^3 + a x + b over the field of `prime` (3 mod 4), of prime order.

    Attributes:
        v_base: the v of a signature whose point R has an even y; an odd y has the next number.
    """

    prime: int
    order: int
    a: int
    b: int
    generator: Point
    v_base: int

    def address(self, secret: bytes) -> bytes:
        """Return the 20-byte address of a 32-byte secret key."""
        number = int.from_bytes(secret, "big")
        assert 0 < number < self.order, "a secret key lies in [1, n)"
        return address_of(self._affine(self._two_multiples(number, 0, self.generator)))

    def sign(self, digest: bytes, secret: bytes) -> bytes:
        """Return the deterministic signature r ‖ s ‖ v of a 32-byte digest, with low s."""
        assert len(digest) == 32, f"a digest is 32 bytes, got {len(digest)}"
        order = self.order
        number, message = int.from_bytes(secret, "big"), int.from_bytes(digest, "big")
        assert 0 < number < order, "a secret key lies in [1, n)"
        following = _nonces(message % order, secret)
        while True:
            nonce = following()
            if not 0 < nonce < order:
                continue
            x, y = self._affine(self._two_multiples(nonce, 0, self.generator))
            r = x % order
            s = pow(nonce, -1, order) * (message + r * number) % order
            if r == 0 or s == 0 or x >= order:  # v leaves no room for x = r + n
                continue
            odd = y & 1
            if s > order // 2:
                s, odd = order - s, 1 - odd
            return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([self.v_base + odd])

    def recover(self, digest: bytes, signature: bytes) -> bytes | None:
        """Return the address that signed, None when the signature is no valid one.

        v is v_base or the next number, r and s lie in [1, n), s is at most n / 2; and the point and
        the key must exist.
        """
        assert len(digest) == 32, f"a digest is 32 bytes, got {len(digest)}"
        assert len(signature) == SIGNATURE_BYTES, f"a signature is 65 bytes, got {len(signature)}"
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        odd = signature[64] - self.v_base
        if odd not in (0, 1) or not 0 < r < self.order or not 0 < s <= self.order // 2:
            return None
        square = (r**3 + self.a * r + self.b) % self.prime
        y = pow(square, (self.prime + 1) // 4, self.prime)
        if y * y % self.prime != square:
            return None
        if y & 1 != odd:
            y = self.prime - y
        inverse, message = pow(r, -1, self.order), int.from_bytes(digest, "big")
        first, second = -message * inverse % self.order, s * inverse % self.order
        key = self._two_multiples(first, second, (r, y))
        return None if key[2] == 0 else address_of(self._affine(key))

    def _double(self, point: Jacobian) -> Jacobian:
        x, y, z = point
        if z == 0:
            return INFINITY
        prime = self.prime
        yy = y * y % prime
        s = 4 * x * yy % prime
        m = 3 * x * x % prime
        if self.a:
            m = (m + self.a * pow(z, 4, prime)) % prime
        doubled_x = (m * m - 2 * s) % prime
        return doubled_x, (m * (s - doubled_x) - 8 * yy * yy) % prime, 2 * y * z % prime

    def _add(self, first: Jacobian, second: Jacobian) -> Jacobian:
        x1, y1, z1 = first
        x2, y2, z2 = second
        if z1 == 0:
            return second
        if z2 == 0:
            return first
        prime = self.prime
        z1z1, z2z2 = z1 * z1 % prime, z2 * z2 % prime
        u1, u2 = x1 * z2z2 % prime, x2 * z1z1 % prime
        s1, s2 = y1 * z2 * z2z2 % prime, y2 * z1 * z1z1 % prime
        h, r = (u2 - u1) % prime, (s2 - s1) % prime
        if h == 0:
            return self._double(first) if r == 0 else INFINITY
        hh = h * h % prime
        hhh = h * hh % prime
        v = u1 * hh % prime
        x3 = (r * r - hhh - 2 * v) % prime
        return x3, (r * (v - x3) - s1 * hhh) % prime, z1 * z2 * h % prime

    def _two_multiples(self, first: int, second: int, point: Point) -> Jacobian:
        """Return first x generator + second x point, both bit by bit at once."""
        generator: Jacobian = (*self.generator, 1)
        other: Jacobian = (*point, 1)
        both = self._add(generator, other)
        total = INFINITY
        for bit in range(max(first.bit_length(), second.bit_length()) - 1, -1, -1):
            total = self._double(total)
            match first >> bit & 1, second >> bit & 1:
                case 1, 1:
                    total = self._add(total, both)
                case 1, 0:
                    total = self._add(total, generator)
                case 0, 1:
                    total = self._add(total, other)
        return total

    def _affine(self, point: Jacobian) -> Point:
        x, y, z = point
        inverse = pow(z, -1, self.prime)
        return x * inverse * inverse % self.prime, y * inverse**3 % self.prime


def _nonces(reduced: int, secret: bytes) -> Callable[[], int]:
    """Return the generator of RFC 6979 section 3.2 with HMAC-SHA-256."""
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
