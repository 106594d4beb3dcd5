"""The curve against public vectors."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merkat.spec.secp256k1 import N, P, address, recover, sign
from merkat.spec.values import keccak256

VECTORS = "vectors/wycheproof/ecdsa_secp256k1_sha256_bitcoin_test.json"


@pytest.mark.parametrize(
    ("secret", "expected"),
    [
        (1, "7e5f4552091a69125d5dfcb7b8c2659029395bdf"),
        (2, "2b5ad5c4795c026514f8317c7a215e218dccd6cf"),
        (
            0xAC0974BEC39A17E36BA4A6B4D238FF944BACB478CBED5EFCAE784D7BF4F2FF80,
            "f39fd6e51aad88f6f4ce6ab8827279cfffb92266",
        ),
    ],
)
def test_address_of_known_keys(secret: int, expected: str) -> None:
    assert address(secret.to_bytes(32, "big")).hex() == expected


def test_rfc_6979_signature_of_a_known_message() -> None:
    """Source: the vector that Bitcoin libraries share: key 1, SHA-256 of "Satoshi Nakamoto"."""
    digest = hashlib.sha256(b"Satoshi Nakamoto").digest()
    expected = (
        "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
        "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5"
    )
    assert sign(digest, (1).to_bytes(32, "big"))[:64].hex() == expected


@settings(max_examples=20)
@given(st.binary(min_size=32, max_size=32), st.integers(1, N - 1))
def test_what_is_signed_is_recovered(digest: bytes, secret: int) -> None:
    key = secret.to_bytes(32, "big")
    signature = sign(digest, key)
    assert recover(digest, signature) == address(key)
    assert recover(keccak256(digest), signature) != address(key), (
        "of another digest it is another's"
    )


def test_signatures_out_of_bounds_are_none() -> None:
    digest, key = keccak256(b"merkat"), (7).to_bytes(32, "big")
    good = sign(digest, key)
    r, s = int.from_bytes(good[:32], "big"), int.from_bytes(good[32:64], "big")

    def signature(r: int, s: int, v: int) -> bytes:
        return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([v])

    assert recover(digest, signature(r, s, good[64])) == address(key)
    high = signature(r, N - s, 55 - good[64])
    for what, bad in {
        "high s": high,
        "r = 0": signature(0, s, 27),
        "s = 0": signature(r, 0, 27),
        "r = n": signature(N, s, 27),
        "s = n": signature(r, N, 27),
        "v = 0": signature(r, s, 0),
        "v = 26": signature(r, s, 26),
        "v = 29": signature(r, s, 29),
        "r on no point": signature(5, s, 27),
    }.items():
        assert recover(digest, bad) is None, what
    assert pow(5**3 + 7, (P - 1) // 2, P) != 1, "x = 5 lies on no point of the curve"


def read_der(data: bytes) -> tuple[int, int] | None:
    """Return (r, s) of a strict DER signature, None of anything else."""
    numbers = []
    if len(data) < 2 or data[0] != 0x30 or data[1] != len(data) - 2 or data[1] > 127:
        return None
    rest = data[2:]
    for _ in range(2):
        if len(rest) < 3 or rest[0] != 2 or not 0 < rest[1] <= len(rest) - 2:
            return None
        number, rest = rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
        padded = len(number) > 1 and number[0] == 0 and number[1] < 128
        if padded or number[0] > 127 or len(number) > 33:
            return None
        numbers.append(int.from_bytes(number, "big"))
    if rest or max(numbers) >= 2**256:
        return None
    return numbers[0], numbers[1]


def test_wycheproof_vectors(merkat_data: Path) -> None:
    document = json.loads((merkat_data / VECTORS).read_text("utf-8"))
    tested = 0
    for group in document["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["uncompressed"])[1:]
        owner = keccak256(key)[12:]
        for vector in group["tests"]:
            numbers = read_der(bytes.fromhex(vector["sig"]))
            digest = hashlib.sha256(bytes.fromhex(vector["msg"])).digest()
            signers: set[bytes | None] = set()
            if numbers is not None:
                body = b"".join(number.to_bytes(32, "big") for number in numbers)
                signers = {recover(digest, body + bytes([v])) for v in (27, 28)}
            # A point with x >= n has no v of 27 or 28: Ethereum's signers never make one.
            beyond = "k*G has a large x-coordinate" in vector["comment"]
            valid = vector["result"] == "valid" and not beyond
            assert (owner in signers) == valid, f"vector {vector['tcId']}: {vector['comment']}"
            tested += 1
    assert tested == document["numberOfTests"], "every vector was looked at"
