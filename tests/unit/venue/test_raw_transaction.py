"""Signed transactions: what merkat's own signer makes is read, everything else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat import _core
from merkat.sdk.keys import CURVE_ORDER, derive_secret
from merkat.settlement.chain import Transaction
from merkat.settlement.chain.signing import Envelope, rlp_encode, sign_transaction
from merkat.venue.raw_transaction import DEPTH_MAX, RawTransactionError, decode_signed, rlp_decode

SECRET = derive_secret(1, "owner")
SENDER = _core.address_of(SECRET)
CHAIN_ID = 31_337


def signed(transaction: Transaction, nonce: int = 3, chain_id: int = CHAIN_ID) -> bytes:
    envelope = Envelope(chain_id, nonce, 10**9, 3 * 10**9, 0)
    return sign_transaction(transaction, envelope, SECRET)[1]


TRANSACTIONS = st.builds(
    Transaction,
    st.just(SENDER),
    st.none() | st.binary(min_size=20, max_size=20),
    st.binary(max_size=200),
    st.integers(0, 2**255),
    st.integers(0, 2**24),
)


@given(TRANSACTIONS, st.integers(0, 2**63))
def test_what_a_wallet_signs_is_read(transaction: Transaction, nonce: int) -> None:
    raw = signed(transaction, nonce)
    found = decode_signed(raw, CHAIN_ID)
    assert (found.transaction, found.nonce) == (transaction, nonce)
    assert found.hash == _core.keccak256(raw)


ITEMS = st.recursive(
    st.binary(max_size=80), lambda inner: st.lists(inner, max_size=4), max_leaves=8
)


@given(ITEMS)
def test_rlp_comes_back(item: bytes) -> None:
    encoded = rlp_encode(item)
    if depth(item) > DEPTH_MAX:
        with pytest.raises(RawTransactionError, match="nested"):
            rlp_decode(encoded)
    else:
        assert rlp_decode(encoded) == item


def depth(item: object) -> int:
    return 1 + max(map(depth, item), default=-1) if isinstance(item, list) else 0


@given(st.binary(max_size=60))
def test_rlp_has_one_form(data: bytes) -> None:
    try:
        item = rlp_decode(data)
    except RawTransactionError:
        return
    assert rlp_encode(item) == data, "what is read is written the same way"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "cut"),
        (b"\x81\x05", "not the shortest"),
        (b"\xb8\x01\x80", "not the shortest"),
        (b"\xb9\x00\x40" + bytes(64), "not the shortest"),
        (b"\x83ab", "3 bytes named, 2 there"),
        (b"\xc2\x83ab", "bytes named"),
        (b"\xf8", "cut or not the shortest"),
        (b"\x01\x02", "1 bytes follow"),
        (b"\xc1" * 9 + b"\xc0", "bytes"),
        (b"\xc5\xc4\xc3\xc2\xc1\xc0", "deeper than 4"),
    ],
)
def test_rlp_that_is_not_canonical_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(RawTransactionError, match=says):
        rlp_decode(data)


def fields() -> list[object]:
    raw = signed(Transaction(SENDER, bytes(20), b"data", 5, 21_000))
    item = rlp_decode(raw[1:])
    assert isinstance(item, list)
    return list(item)


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        (0, b"\x01", "chain id 1, expected 31337"),
        (0, b"\x00\x7a\x69", "no zero byte in front"),
        (5, bytes(19), "receiver of 19 bytes"),
        (8, [bytes(20)], "access list"),
        (7, [b"x"], "a field is a list"),
        (9, b"\x02", "nobody's"),
        (10, b"", "nobody's"),
        (11, (CURVE_ORDER - 1).to_bytes(32, "big"), "s is high"),
        (6, b"\x01" * 33, "at most 32 bytes"),
    ],
)
def test_a_transaction_of_the_wrong_shape_is_refused(place: int, value: object, says: str) -> None:
    changed = fields()
    changed[place] = value
    with pytest.raises(RawTransactionError, match=says):
        decode_signed(b"\x02" + rlp_encode(changed), CHAIN_ID)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "0 bytes"),
        (b"\x01\xc0", "type 1, expected 2"),
        (b"\xf8\x00", "type 248"),
        (b"\x02\x80", "expected a list of 12"),
        (b"\x02\xc0", "expected a list of 12"),
        (b"\x02" * (256 * 1024 + 1), "expected 1 to 262144"),
    ],
)
def test_what_is_no_transaction_is_refused(raw: bytes, says: str) -> None:
    with pytest.raises(RawTransactionError, match=says):
        decode_signed(raw, CHAIN_ID)


def test_a_flipped_bit_is_somebody_elses_transaction_or_none() -> None:
    raw = signed(Transaction(SENDER, bytes(20), b"data", 5, 21_000))
    for place in range(1, len(raw)):
        flipped = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        try:
            found = decode_signed(flipped, CHAIN_ID)
        except RawTransactionError:
            continue
        assert found.transaction.sender != SENDER, f"byte {place} is not signed"
