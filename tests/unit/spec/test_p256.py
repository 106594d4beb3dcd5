"""P-256 against public vectors, and which scheme a signature is of."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from merkat.spec import p256, secp256k1, signatures
from merkat.spec.p256 import N, P, address, recover, sign
from merkat.spec.values import keccak256

VECTORS = Path(__file__).with_name("wycheproof_p256.json")
RFC_6979_SECRET = bytes.fromhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
RFC_6979_KEY = (
    "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
)


def test_the_parameters_are_a_curve_of_that_order() -> None:
    x, y = p256.GENERATOR
    assert y * y % P == (x**3 + p256.A * x + p256.B) % P, "the generator lies on the curve"
    assert P % 4 == 3, "square roots are powers of (p + 1) / 4"
    last = p256.CURVE._two_multiples(N - 1, 0, p256.GENERATOR)
    assert p256.CURVE._affine(last) == (x, P - y), "(n - 1) G = -G"
    assert p256.CURVE._two_multiples(N, 0, p256.GENERATOR)[2] == 0, "n G is no point"


def test_rfc_6979_signatures_of_known_messages() -> None:
    """Source: RFC 6979 A.2.5, SHA-256; s as the smaller of s and n - s."""
    known = {
        b"sample": (
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
            "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
        ),
        b"test": (
            "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367",
            "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083",
        ),
    }
    for message, (r, s) in known.items():
        number = int(s, 16)
        low = min(number, N - number)
        digest = hashlib.sha256(message).digest()
        signature = sign(digest, RFC_6979_SECRET)
        assert signature[:32].hex() == r
        assert int.from_bytes(signature[32:64], "big") == low
        assert recover(digest, signature) == address(RFC_6979_SECRET)
    assert address(RFC_6979_SECRET) == keccak256(bytes.fromhex(RFC_6979_KEY))[12:]


@settings(max_examples=20)
@given(st.binary(min_size=32, max_size=32), st.integers(1, N - 1))
def test_what_is_signed_is_recovered(digest: bytes, secret: int) -> None:
    key = secret.to_bytes(32, "big")
    signature = sign(digest, key)
    assert signature[64] in (29, 30)
    assert recover(digest, signature) == address(key)
    assert recover(keccak256(digest), signature) != address(key), "of another digest: another's"
    assert signatures.recover(digest, signature) == address(key)
    assert signatures.scheme_of(signature) == signatures.P256
    assert secp256k1.recover(digest, signature) is None, "v says which curve it is"


def test_signatures_out_of_bounds_are_none() -> None:
    digest, key = keccak256(b"merkat"), (7).to_bytes(32, "big")
    good = sign(digest, key)
    r, s = int.from_bytes(good[:32], "big"), int.from_bytes(good[32:64], "big")

    def signature(r: int, s: int, v: int) -> bytes:
        return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])

    assert recover(digest, signature(r, s, good[64])) == address(key)
    for what, bad in {
        "high s": signature(r, N - s, 59 - good[64]),
        "r = 0": signature(0, s, 29),
        "s = 0": signature(r, 0, 29),
        "r = n": signature(N, s, 29),
        "s = n": signature(r, N, 29),
        "v = 0": signature(r, s, 0),
        "v = 28": signature(r, s, 28),
        "v = 31": signature(r, s, 31),
        "r on no point": signature(2, s, 29),
    }.items():
        assert recover(digest, bad) is None, what
    assert pow(2**3 + p256.A * 2 + p256.B, (P - 1) // 2, P) != 1, "x = 2 lies on no point"


def test_a_key_at_infinity_is_no_signer() -> None:
    """s R = z G: of a point R = k G that is s k = z."""
    k = 5
    x, y = p256.CURVE._affine(p256.CURVE._two_multiples(k, 0, p256.GENERATOR))
    s = 3
    digest = (s * k % N).to_bytes(32, "big")
    signature = x.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([29 + (y & 1)])
    assert recover(digest, signature) is None
    other = x.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([30 - (y & 1)])
    assert recover(digest, other) is not None, "of the other point it is somebody's"


def test_schemes_by_v() -> None:
    digest, key = keccak256(b"merkat"), (7).to_bytes(32, "big")
    for curve, scheme in ((secp256k1, 1), (p256, 2)):
        signature = curve.sign(digest, key)
        owner = curve.address(key)
        for named in (1, 2):
            found = signatures.signed_by(digest, signature, named, owner, signatures.recover)
            assert found == (named == scheme), f"scheme {scheme} taken for {named}"
    schemes = {v: signatures.scheme_of(bytes(64) + bytes([v])) for v in range(256)}
    assert {v: scheme for v, scheme in schemes.items() if scheme} == {27: 1, 28: 1, 29: 2, 30: 2}
    assert signatures.recover(digest, bytes(64) + b"\x1f") is None, "v 31 names nobody"


def test_wycheproof_vectors() -> None:
    """IEEE P1363 signatures; one with a high s is tested as the low one that it stands for."""
    document = json.loads(VECTORS.read_text("utf-8"))
    tested = beyond_count = 0
    for group in document["groups"]:
        owner = keccak256(bytes.fromhex(group["key"])[1:])[12:]
        for number, comment, message, encoded, result in group["tests"]:
            signers: set[bytes | None] = set()
            if len(encoded) == 128:
                r, s = bytes.fromhex(encoded[:64]), int(encoded[64:], 16)
                low = min(s, N - s) if s < N else s
                digest = hashlib.sha256(bytes.fromhex(message)).digest()
                body = r + low.to_bytes(32, "big")
                signers = {recover(digest, body + bytes([v])) for v in (29, 30)}
            # A point with x >= n has no v of its own.
            beyond = "large x-coordinate" in comment or "with a reduction" in comment
            valid = result == "valid" and not beyond
            assert (owner in signers) == valid, f"vector {number}: {comment}"
            tested += 1
            beyond_count += beyond and result == "valid"
    assert tested == document["numberOfTests"], "every vector was looked at"
    assert beyond_count <= 4, f"{beyond_count} valid vectors were taken for points with x >= n"
