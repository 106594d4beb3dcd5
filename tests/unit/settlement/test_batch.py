"""The bytes of a batch: one golden batch, and everything that is none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.settlement import batch as batches
from merkat.settlement.batch import Batch, BatchError, BatchHeader, decode
from merkat.settlement.data import chunk_root
from merkat.spec.values import ZERO32, cut

GOLDEN = json.loads(Path(__file__).with_name("golden_batch.json").read_text("utf-8"))


def header(**changes: int | bytes) -> BatchHeader:
    """Return the header of `steps()`, with single fields replaced."""
    fields: dict[str, int | bytes] = {
        "version": 1,
        "kind": 0,
        "index": 7,
        "previous_root": bytes([0xAA]) * 32,
        "cursor_first": 1_000,
        "cursor_end": 1_009,
        "inbox_cursor": 3,
        "log_number": 44,
        "time_first": 10**18,
        "time_last": 10**18 + 5,
        "input_count": 2,
    }
    return BatchHeader(**(fields | changes))  # type: ignore[arg-type]


def steps(**changes: int | bytes) -> Batch:
    """Return a well-formed batch of two inputs of 3 and 2 bytes."""
    return Batch(header(**changes), [b"abc", b"de"], [bytes([1]) * 31, bytes([2]) * 31])


def test_the_golden_batch_keeps_its_bytes() -> None:
    encoded = bytes.fromhex(GOLDEN["batch"])
    decoded = decode(encoded)
    assert decoded.encode() == encoded, "encoding what was decoded must give the same bytes"
    assert list(decoded.inputs) == [bytes.fromhex(one) for one in GOLDEN["inputs"]]
    assert decoded.header.input_count == len(GOLDEN["inputs"])
    assert chunk_root(encoded).hex() == GOLDEN["data_hash"], "the data hash of the golden batch"
    decoded.check_root(bytes.fromhex(GOLDEN["state_root"]))


def test_the_header_has_its_bytes_in_the_order_of_the_table() -> None:
    encoded = steps().encode()
    assert len(header().encode()) == batches.HEADER_BYTES
    expected = (
        "0001" + "00" + (7).to_bytes(8, "big").hex() + "aa" * 32 + (1_000).to_bytes(8, "big").hex()
    )
    assert encoded.hex().startswith(expected), "version, kind, index, previous root, cursor"
    assert encoded[95:].hex() == "0003616263" + "00026465" + "01" * 31 + "02" * 31


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, "version is 2, expected 1"),
        ({"kind": 2}, "kind is 2"),
        ({"index": 0}, "index is 0"),
        ({"input_count": 0}, "input_count is 0"),
        ({"input_count": 1}, "input_count is 1, expected 2"),
        ({"input_count": 3}, "input_count is 3, expected 2"),
        ({"input_count": 65_537}, "input_count is 65537"),
        ({"cursor_end": 1_010}, "cursor_end is 1010, expected 1009"),
        ({"time_last": 10**18 - 1}, "before time_first"),
        ({"log_number": 2**63}, "log_number is 9223372036854775808"),
        ({"kind": 1}, "previous_root is 0xaa"),
        ({"kind": 1, "previous_root": ZERO32}, "cursor_first is 1000, expected 0"),
        ({"kind": 1, "previous_root": ZERO32, "cursor_first": 0}, "cursor_end is 1009, expected 0"),
    ],
)
def test_a_header_that_breaks_its_own_rules_is_not_encoded(
    changes: dict[str, int | bytes], said: str
) -> None:
    with pytest.raises(BatchError) as caught:
        steps(**changes).encode()
    assert said in str(caught.value), f"the message must name the field: {caught.value}"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, "version is 2"),
        ({"kind": 9}, "kind is 9"),
        ({"index": 0}, "index is 0"),
        ({"input_count": 0}, "input_count is 0, expected 1 to 65536"),
        ({"input_count": 1}, "66 bytes follow the inputs, expected 31"),
        ({"input_count": 65_537}, "input_count is 65537"),
        ({"cursor_end": 1_008}, "cursor_end is 1008, expected 1009"),
        ({"time_first": 10**18 + 6}, "before time_first"),
    ],
)
def test_bytes_with_a_broken_header_are_refused(changes: dict[str, int], said: str) -> None:
    encoded = header(**changes).encode() + steps().encode()[95:]
    with pytest.raises(BatchError) as caught:
        decode(encoded)
    assert said in str(caught.value), f"the message must say what is wrong: {caught.value}"


def test_every_truncation_and_every_longer_batch_is_refused() -> None:
    encoded = bytes.fromhex(GOLDEN["batch"])
    for length in range(len(encoded)):
        with pytest.raises(BatchError):
            decode(encoded[:length])
    with pytest.raises(BatchError, match="bytes follow the inputs"):
        decode(encoded + b"\0")
    with pytest.raises(BatchError, match="header is cut: 0 bytes"):
        decode(b"")


def test_a_batch_without_inputs_is_refused() -> None:
    with pytest.raises(BatchError, match="input_count is 0"):
        Batch(header(input_count=0, cursor_end=1_000), [], []).encode()


def test_an_oversize_batch_is_refused_both_ways() -> None:
    inputs = [bytes(65_535)] * 65
    size = sum(2 + len(one) for one in inputs)
    large = Batch(
        header(cursor_end=1_000 + size, input_count=len(inputs)), inputs, [bytes(31)] * len(inputs)
    )
    with pytest.raises(BatchError, match="expected at most 4194304"):
        large.encode()
    with pytest.raises(BatchError, match="expected at most 4194304"):
        decode(bytes(4 * 2**20 + 1))
    with pytest.raises(BatchError, match="input 0 has 65536 bytes"):
        Batch(header(input_count=1), [bytes(65_536)], [bytes(31)]).encode()


def test_counts_and_lengths_of_checkpoints_are_checked() -> None:
    short = replace(steps(), checkpoints=[bytes(31)])
    with pytest.raises(BatchError, match="number of checkpoints is 1, expected 2"):
        short.encode()
    with pytest.raises(BatchError, match="length of checkpoint 1 is 32, expected 31"):
        replace(steps(), checkpoints=[bytes(31), bytes(32)]).encode()


def test_the_last_checkpoint_is_the_cut_of_the_state_root() -> None:
    root = bytes([2]) * 31 + b"\x09"
    steps().check_root(root)
    assert cut(root) == steps().checkpoints[-1]
    with pytest.raises(BatchError, match="the cut of the batch's state root"):
        steps().check_root(bytes([3]) * 32)


@given(st.lists(st.binary(max_size=60), min_size=1, max_size=20))
def test_any_inputs_come_back(inputs: list[bytes]) -> None:
    size = sum(2 + len(one) for one in inputs)
    made = Batch(
        header(cursor_end=1_000 + size, input_count=len(inputs)),
        inputs,
        [bytes([number]) * 31 for number in range(len(inputs))],
    )
    assert decode(made.encode()) == made, "a batch must survive its own bytes"


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_or_come_back(data: bytes) -> None:
    try:
        found = decode(data)
    except BatchError:
        return
    assert found.encode() == data, "there is one encoding for each batch"
