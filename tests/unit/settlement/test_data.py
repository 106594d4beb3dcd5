"""A batch's data on the chain: both modes there and back, and everything that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.settlement import data
from merkat.settlement.batch import BatchError
from merkat.settlement.data import (
    BLOB_BYTES,
    BLOB_PAYLOAD_BYTES,
    check_blobs,
    check_calldata,
    chunk_root,
    pack_blobs,
    unpack_blobs,
)
from merkat.spec.values import keccak256


def flipped(encoded: bytes, bit: int) -> bytes:
    """Return the bytes with one bit turned over."""
    changed = bytearray(encoded)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def leaf(number: int, chunk: bytes) -> bytes:
    return keccak256(b"\0" + number.to_bytes(4, "big") + chunk)


def node(left: bytes, right: bytes) -> bytes:
    return keccak256(b"\x01" + left + right)


def test_the_chunk_tree_is_that_of_the_table() -> None:
    one = bytes(range(256)) * 4
    assert chunk_root(b"x") == keccak256(b"\x02" + (1).to_bytes(4, "big") + leaf(0, b"x"))
    assert chunk_root(one) == keccak256(b"\x02" + (1_024).to_bytes(4, "big") + leaf(0, one))
    three = node(node(leaf(0, one), leaf(1, one)), leaf(2, b"z"))
    assert chunk_root(one + one + b"z") == keccak256(
        b"\x02" + (2_049).to_bytes(4, "big") + three
    ), "an odd node at the end of a level moves up as it is"
    pairs = node(node(leaf(0, one), leaf(1, one)), node(leaf(2, one), leaf(3, one)))
    five = node(pairs, leaf(4, one))
    assert chunk_root(one * 5) == keccak256(b"\x02" + (5_120).to_bytes(4, "big") + five)


def test_chunks_in_another_order_or_number_have_another_hash() -> None:
    first, second = bytes([1]) * 1_024, bytes([2]) * 1_024
    roots = {chunk_root(first + second), chunk_root(second + first), chunk_root(first)}
    roots |= {chunk_root(first + second + b"\0"), chunk_root(first + second + b"\0\0")}
    assert len(roots) == 5, "order, number and zeros at the end all count"


def test_no_data_have_no_hash() -> None:
    with pytest.raises(BatchError, match="the batch is empty"):
        chunk_root(b"")


@given(st.binary(min_size=1, max_size=3_000))
def test_calldata_come_back_and_every_flip_is_found(batch: bytes) -> None:
    posted = [chunk_root(batch)]
    assert check_calldata(batch, posted) == batch
    for bit in range(0, 8 * len(batch), max(1, len(batch) // 5)):
        with pytest.raises(BatchError, match="not what was posted"):
            check_calldata(flipped(batch, bit), posted)
    with pytest.raises(BatchError, match="not what was posted"):
        check_calldata(batch + b"\0", posted)


def test_calldata_have_one_hash() -> None:
    with pytest.raises(BatchError, match="one data hash, 2 were posted"):
        check_calldata(b"x", [chunk_root(b"x")] * 2)


@pytest.mark.parametrize(
    ("length", "blobs"),
    [
        (1, 1),
        (27, 1),
        (28, 1),
        (100_000, 1),
        (BLOB_PAYLOAD_BYTES - 4, 1),
        (BLOB_PAYLOAD_BYTES - 3, 2),
        (data.BLOB_BATCH_BYTES_MAX, 6),
    ],
)
def test_blobs_come_back(length: int, blobs: int) -> None:
    batch = bytes(1 + at % 255 for at in range(length))
    packed = pack_blobs(batch)
    assert len(packed) == blobs, f"{length} bytes need {blobs} blobs"
    assert {len(blob) for blob in packed} == {BLOB_BYTES}
    assert not any(blob[::32].strip(b"\0") for blob in packed), "field elements start with zero"
    assert unpack_blobs(packed) == batch


def test_blobs_that_are_no_encoding_are_refused() -> None:
    packed = pack_blobs(b"merkat" * 20)
    blob = packed[0]
    for bad, said in (
        ([], "there is no blob"),
        ([blob[:-1]], "blob 0 has 131071 bytes"),
        ([b"\x01" + blob[1:]], "element 0: the first byte is 1"),
        ([blob[:-1] + b"\x01"], "bytes that are not zero follow"),
        ([blob, bytes(BLOB_BYTES)], "needs 1 blobs, there are 2"),
        ([b"\0\xff" + blob[2:]], "blobs, there are 1"),
    ):
        with pytest.raises(BatchError) as caught:
            unpack_blobs(bad)
        assert said in str(caught.value), f"the message must say what is wrong: {caught.value}"


def test_every_flip_in_a_blob_is_refused_or_gives_another_batch() -> None:
    batch = bytes(range(200))
    blob = pack_blobs(batch)[0]
    for bit in range(8 * 32 * 8):
        try:
            found = unpack_blobs([flipped(blob, bit)])
        except BatchError:
            continue
        assert found != batch, f"bit {bit} changes the blob and not the batch: two encodings"


def test_blobs_are_compared_with_the_posted_hashes() -> None:
    batch = b"merkat" * 20
    blobs = pack_blobs(batch)
    hashes = [keccak256(blob) for blob in blobs]
    assert check_blobs(blobs, hashes, keccak256) == batch
    assert check_blobs(blobs, hashes, None) == batch
    with pytest.raises(BatchError, match="blob 0 has the versioned hash"):
        check_blobs(pack_blobs(batch + b"!"), hashes, keccak256)
    with pytest.raises(BatchError, match="there are 1 blobs, 2 hashes"):
        check_blobs(blobs, hashes * 2, keccak256)


def test_a_batch_above_the_bound_is_not_packed() -> None:
    with pytest.raises(BatchError, match="expected at most 4194304"):
        pack_blobs(bytes(4 * 2**20 + 1))
