"""KZG commitments of blobs: is this commitment that of these bytes (EIP-4844)?

One evaluation of the blob's polynomial and one equation of two pairings on BLS12-381, plain and
slow (tenths of a second a blob). The trusted set-up is Ethereum's; of its points only [tau]G2 is
needed. Sources: consensus-specs, deneb/polynomial-commitments.md; draft-irtf-cfrg-pairing-friendly
-curves (the curve, its generators and encodings).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import TypeAlias

P = int(
    "1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f624"
    "1eabfffeb153ffffb9feffffffffaaab",
    16,
)
R = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
LOOP = 0xD201000000010000  # the curve's parameter is its negative
BLOB_ELEMENTS = 4_096
BLOB_BYTES = 32 * BLOB_ELEMENTS
POINT_BYTES = 48
CHALLENGE_TAG = b"FSBLOBVERIFY_V1_"

Fp2: TypeAlias = tuple[int, int]  # a + b u, u^2 = -1
Fp12: TypeAlias = tuple[Fp2, ...]  # six coefficients of w, w^6 = 1 + u
Point: TypeAlias = tuple[int, int] | None  # affine; None is the point at infinity
TwistPoint: TypeAlias = tuple[Fp2, Fp2]

ZERO: Fp2 = (0, 0)
ONE: Fp12 = ((1, 0), ZERO, ZERO, ZERO, ZERO, ZERO)
G1 = bytes.fromhex(
    "97f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb"
)
G2 = bytes.fromhex(
    "93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
    "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
)
TAU_G2 = bytes.fromhex(
    "b5bfd7dd8cdeb128843bc287230af38926187075cbfbefa81009a2ce615ac53d2914e5870cb452d2afaaab24f3499f72"
    "185cbfee53492714734429b7b38608e23926c911cceceac9a36851477ba4c60b087041de621000edc98edada20c1def2"
)


def versioned_hash(commitment: bytes) -> bytes:
    """Return the 32 bytes by which the chain names a blob."""
    return b"\1" + sha256(commitment).digest()[1:]


def is_commitment_of(blob: bytes, commitment: bytes, proof: bytes) -> bool:
    """Whether `commitment` is that of `blob`, as `proof` shows.

    Args:
        blob: 131,072 bytes, each 32 of them a number below R.
        commitment, proof: compressed points of 48 bytes; others give False.
    """
    if len(blob) != BLOB_BYTES:
        return False
    values = [int.from_bytes(blob[at : at + 32], "big") for at in range(0, BLOB_BYTES, 32)]
    try:
        committed, quotient = decode_point(commitment), decode_point(proof)
    except ValueError:
        return False
    if max(values) >= R:
        return False
    at = challenge(blob, commitment)
    value = evaluate(values, at)
    # committed - value G1 = (tau - at) quotient, so: e(committed - value G1 + at quotient, G2)
    # is e(quotient, tau G2).
    left = _add(committed, _multiply(decode_point(G1), -value % R))
    left = _add(left, _multiply(quotient, at))
    return _pairings_are_equal(left, decode_twist_point(G2), quotient, decode_twist_point(TAU_G2))


def challenge(blob: bytes, commitment: bytes) -> int:
    """Return the point at which a blob is opened to show that a commitment is its own."""
    count = BLOB_ELEMENTS.to_bytes(16, "big")
    digest = sha256(CHALLENGE_TAG + count + blob + commitment).digest()
    return int.from_bytes(digest, "big") % R


def evaluate(values: Sequence[int], at: int) -> int:
    """Return the value at `at` of the polynomial that takes `values` at the roots of unity.

    The roots stand in bit-reversed order, as blobs have them.
    """
    count = len(values)
    bits = count.bit_length() - 1
    root = pow(7, (R - 1) // count, R)
    powers = [1]
    for _ in range(count - 1):
        powers.append(powers[-1] * root % R)
    roots = [powers[int(f"{position:0{bits}b}"[::-1], 2)] for position in range(count)]
    if at in roots:
        return values[roots.index(at)]
    running, partial = 1, []
    for one in roots:
        partial.append(running)
        running = running * (at - one) % R
    inverse, total = pow(running, -1, R), 0
    for position in range(count - 1, -1, -1):
        one = roots[position]
        total += values[position] * one % R * (inverse * partial[position] % R)
        inverse = inverse * (at - one) % R
    return total * (pow(at, count, R) - 1) * pow(count, -1, R) % R


# Points


def decode_point(data: bytes) -> Point:
    """Return the point of 48 compressed bytes; ValueError unless it is one of the subgroup."""
    if len(data) != POINT_BYTES or not data[0] & 0x80:
        raise ValueError("no compressed point of 48 bytes")
    x = int.from_bytes(data, "big") & (1 << 381) - 1
    if data[0] & 0x40:
        if x or data[0] & 0x20:
            raise ValueError("the point at infinity has one encoding")
        return None
    square = (x**3 + 4) % P
    y = pow(square, (P + 1) // 4, P)
    if x >= P or y * y % P != square:
        raise ValueError("no point of the curve")
    if (y > P // 2) != bool(data[0] & 0x20):
        y = P - y
    if _multiply((x, y), R) is not None:
        raise ValueError("no point of the subgroup")
    return x, y


def decode_twist_point(data: bytes) -> TwistPoint:
    """Return a point of the twist from 96 compressed bytes that are known to be one."""
    x = (
        int.from_bytes(data[48:], "big"),
        int.from_bytes(data[:48], "big") & (1 << 381) - 1,
    )
    square = _add2(_mul2(_mul2(x, x), x), (4, 4))
    y = _root2(square)
    larger = y[1] > P // 2 if y[1] else y[0] > P // 2
    if larger != bool(data[0] & 0x20):
        y = (-y[0] % P, -y[1] % P)
    return x, y


def _add(first: Point, second: Point) -> Point:
    if first is None or second is None:
        return second if first is None else first
    (x1, y1), (x2, y2) = first, second
    if x1 == x2:
        if (y1 + y2) % P == 0:
            return None
        slope = 3 * x1 * x1 * pow(2 * y1, -1, P) % P
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, P) % P
    x3 = (slope * slope - x1 - x2) % P
    return x3, (slope * (x1 - x3) - y1) % P


def _multiply(point: Point, factor: int) -> Point:
    total: Point = None
    for bit in range(factor.bit_length() - 1, -1, -1):
        total = _add(total, total)
        if factor >> bit & 1:
            total = _add(total, point)
    return total


# Fields


def _add2(a: Fp2, b: Fp2) -> Fp2:
    return (a[0] + b[0]) % P, (a[1] + b[1]) % P


def _sub2(a: Fp2, b: Fp2) -> Fp2:
    return (a[0] - b[0]) % P, (a[1] - b[1]) % P


def _mul2(a: Fp2, b: Fp2) -> Fp2:
    return (a[0] * b[0] - a[1] * b[1]) % P, (a[0] * b[1] + a[1] * b[0]) % P


def _inverse2(a: Fp2) -> Fp2:
    norm = pow(a[0] * a[0] + a[1] * a[1], -1, P)
    return a[0] * norm % P, -a[1] * norm % P


def _root2(a: Fp2) -> Fp2:
    """Return a square root in Fp2 of a number that has one (complex method)."""
    length = pow(a[0] * a[0] + a[1] * a[1], (P + 1) // 4, P)
    half = pow(2, -1, P)
    for sign in (1, -1):
        square = (a[0] + sign * length) * half % P
        real = pow(square, (P + 1) // 4, P)
        if real and real * real % P == square:
            root = (real, a[1] * pow(2 * real, -1, P) % P)
            if _mul2(root, root) == a:
                return root
    raise ValueError("no square")


def _mul12(a: Fp12, b: Fp12) -> Fp12:
    real, imaginary = [0] * 11, [0] * 11
    for i, (a0, a1) in enumerate(a):
        if not (a0 or a1):
            continue
        for j, (b0, b1) in enumerate(b):
            real[i + j] += a0 * b0 - a1 * b1
            imaginary[i + j] += a0 * b1 + a1 * b0
    for k in range(10, 5, -1):  # w^6 = 1 + u
        real[k - 6] += real[k] - imaginary[k]
        imaginary[k - 6] += real[k] + imaginary[k]
    return tuple((real[k] % P, imaginary[k] % P) for k in range(6))


def _conjugate(a: Fp12) -> Fp12:
    """a to the power p^6: w becomes -w."""
    return tuple((-c[0] % P, -c[1] % P) if k % 2 else c for k, c in enumerate(a))


def _inverse12(a: Fp12) -> Fp12:
    norm = _mul12(a, _conjugate(a))  # in Fp6: odd coefficients vanish
    n0, n1, n2 = norm[0], norm[2], norm[4]
    xi = (1, 1)
    c0 = _sub2(_mul2(n0, n0), _mul2(xi, _mul2(n1, n2)))
    c1 = _sub2(_mul2(xi, _mul2(n2, n2)), _mul2(n0, n1))
    c2 = _sub2(_mul2(n1, n1), _mul2(n0, n2))
    total = _add2(_mul2(n0, c0), _mul2(xi, _add2(_mul2(n2, c1), _mul2(n1, c2))))
    scale = _inverse2(total)
    c0, c1, c2 = _mul2(c0, scale), _mul2(c1, scale), _mul2(c2, scale)
    return _mul12(_conjugate(a), (c0, ZERO, c1, ZERO, c2, ZERO))


def _power12(a: Fp12, exponent: int) -> Fp12:
    total = ONE
    for bit in range(exponent.bit_length() - 1, -1, -1):
        total = _mul12(total, total)
        if exponent >> bit & 1:
            total = _mul12(total, a)
    return total


# Pairing


def _miller(point: tuple[int, int], twisted: TwistPoint) -> Fp12:
    """The Miller loop of the ate pairing, up to factors that the final exponentiation removes."""
    total, (x, y) = ONE, twisted
    for bit in range(LOOP.bit_length() - 2, -1, -1):
        slope = _mul2(_mul2((3, 0), _mul2(x, x)), _inverse2(_add2(y, y)))
        total = _mul12(_mul12(total, total), _line(point, (x, y), slope))
        x, y = _third((x, y), x, slope)
        if LOOP >> bit & 1:
            slope = _mul2(_sub2(twisted[1], y), _inverse2(_sub2(twisted[0], x)))
            total = _mul12(total, _line(point, (x, y), slope))
            x, y = _third((x, y), twisted[0], slope)
    return total


def _line(point: tuple[int, int], at: TwistPoint, slope: Fp2) -> Fp12:
    """The line through `at` with that slope, at `point`, times w^3."""
    constant = _sub2(_mul2(slope, at[0]), at[1])
    return constant, ZERO, _mul2(slope, (-point[0] % P, 0)), (point[1], 0), ZERO, ZERO


def _third(first: TwistPoint, other_x: Fp2, slope: Fp2) -> TwistPoint:
    x = _sub2(_sub2(_mul2(slope, slope), first[0]), other_x)
    return x, _sub2(_mul2(slope, _sub2(first[0], x)), first[1])


def _pairings_are_equal(
    left: Point, left_twisted: TwistPoint, right: Point, right_twisted: TwistPoint
) -> bool:
    """Whether e(left, left_twisted) = e(right, right_twisted)."""
    product = ONE
    if left is not None:
        product = _miller(left, left_twisted)
    if right is not None:
        negative = (right[0], -right[1] % P)
        product = _mul12(product, _miller(negative, right_twisted))
    # (p^12 - 1) / r = (p^6 - 1) (p^2 + 1) ((p^4 - p^2 + 1) / r)
    easy = _mul12(_conjugate(product), _inverse12(product))
    easy = _mul12(_power12(easy, P * P), easy)
    return _power12(easy, (P**4 - P**2 + 1) // R) == ONE
