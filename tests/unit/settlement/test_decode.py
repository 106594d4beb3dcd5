"""The decoder: batches re-executed by the specification; every changed bit is refused or found."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from merkat import _core
from merkat.sdk.keys import Domain
from merkat.settlement.batch import HEADER_BYTES, Batch, BatchError, decode
from merkat.settlement.committer import Sealed
from merkat.settlement.data import chunk_root
from merkat.settlement.decode import Divergence, PostedHeader, Rebuilder, rebuild
from merkat.settlement.snapshot import snapshot_of, state_of
from merkat.spec.settle.state import State
from merkat.spec.typed_data import Config
from merkat.spec.values import cut, keccak256
from tests.support.settlement import DOMAIN, sealed_batches

CONFIG = Config(*DOMAIN.parts)
GOLDEN = json.loads(Path(__file__).with_name("golden_batch.json").read_text("utf-8"))
GOLDEN_CONFIG = Config(31_337, b"merkat-vault-version", keccak256(b"merkat golden batch"))


def posted(sealed: Sealed) -> PostedHeader:
    header = sealed.header
    return PostedHeader(
        header.index,
        header.previous_root,
        sealed.state_root,
        header.inbox_cursor,
        sealed.inbox_hash,
        header.time_first,
        header.time_last,
        header.input_count,
    )


def rebuilder() -> Rebuilder:
    return Rebuilder(CONFIG, _core.recover_digest)


def diverges(reader: Rebuilder, data: bytes) -> bool:
    """Return whether the next batch's bytes are refused or found wrong."""
    try:
        reader.take(None, data)
    except Divergence:
        return True
    return False


def after(batches: int) -> Rebuilder:
    """Return a rebuilder that has taken the first batches."""
    found = rebuilder()
    for sealed in sealed_batches()[:batches]:
        found.take(posted(sealed), sealed.data)
    return found


def test_the_decoder_reaches_every_anchored_root() -> None:
    batches = [(posted(sealed), sealed.data) for sealed in sealed_batches()]
    found = rebuild(CONFIG, batches, _core.recover_digest).rebuilt()
    assert found.state_root == found.anchored_root == sealed_batches()[-1].state_root
    assert found.batches == len(batches)
    assert found.micro_ops == sum(header.input_count for header, _ in batches)


def test_the_specification_alone_rebuilds_the_golden_batch() -> None:
    found = Rebuilder(GOLDEN_CONFIG)
    found.take(None, bytes.fromhex(GOLDEN["batch"]))
    assert found.root.hex() == GOLDEN["state_root"]
    assert found.kinds == {"Inbox": 6}


def test_flips_of_the_golden_batch_are_refused_or_found() -> None:
    """Flip every bit of the header, and in every byte after it one."""
    batch = bytes.fromhex(GOLDEN["batch"])
    bits = [*range(8 * HEADER_BYTES), *(8 * at + at % 8 for at in range(HEADER_BYTES, len(batch)))]
    for bit in bits:
        changed = bytearray(batch)
        changed[bit // 8] ^= 1 << bit % 8
        reader = Rebuilder(GOLDEN_CONFIG)
        assert diverges(reader, bytes(changed)), f"bit {bit} (byte {bit // 8}) went unnoticed"


def test_bit_flips_of_signed_batches_are_refused_or_found() -> None:
    # A fill whose margin rule is named `improves` where `holds` would do is a step of its own with
    # the same result: there, and only there, it is the posted data hash that finds the flip.
    source = random.Random("merkat flips")
    number, sealed = next(
        (number, one)
        for number, one in enumerate(sealed_batches())
        if any(op[0] == 5 for op in one.batch.inputs)
    )
    margin_rules = set()
    at = HEADER_BYTES
    for op in sealed.batch.inputs:
        at += 2 + len(op)
        margin_rules |= {at - 1} if op[0] in (5, 11) else set()
    for _ in range(40):
        bit = source.randrange(8 * len(sealed.data))
        changed = bytearray(sealed.data)
        changed[bit // 8] ^= 1 << bit % 8
        assert chunk_root(bytes(changed)) != chunk_root(sealed.data)
        if bit // 8 not in margin_rules:
            assert diverges(after(number), bytes(changed)), f"bit {bit} went unnoticed"


def test_a_wrong_checkpoint_names_batch_input_and_rule() -> None:
    sealed = sealed_batches()[2]
    checkpoints = list(sealed.batch.checkpoints)
    checkpoints[4] = bytes(31)
    wrong = replace(sealed.batch, checkpoints=checkpoints).encode()
    with pytest.raises(Divergence) as caught:
        after(2).take(posted(sealed), wrong)
    found = caught.value
    assert (found.batch, found.input_number, found.rule) == (3, 4, "checkpoint")
    assert "batch 3, input 4: checkpoint: " in str(found)


def test_a_step_that_a_rule_refuses_is_named_by_that_rule() -> None:
    number, sealed, place = next(
        (number, one, place)
        for number, one in enumerate(sealed_batches())
        for place, op in enumerate(one.batch.inputs)
        if op[0] == 4
    )
    inputs = list(sealed.batch.inputs)
    inputs[place] = inputs[place][:-2] + bytes([inputs[place][-2] ^ 1]) + inputs[place][-1:]
    with pytest.raises(Divergence) as caught:
        after(number).take(None, replace(sealed.batch, inputs=inputs).encode())
    assert caught.value.rule == "S-03", f"a changed signature breaks S-03: {caught.value}"
    assert caught.value.input_number == place
    assert "OrderOpen" in str(caught.value)
    assert "bad_signature" in str(caught.value)


def test_a_refused_inbox_item_is_named_by_its_rule() -> None:
    batch = decode(bytes.fromhex(GOLDEN["batch"]))
    inputs = list(batch.inputs)
    inputs[3] = inputs[3][:15] + b"\x01" + inputs[3][16:]  # a deposit of token 1
    with pytest.raises(Divergence) as caught:
        Rebuilder(GOLDEN_CONFIG).take(None, replace(batch, inputs=inputs).encode())
    assert (caught.value.input_number, caught.value.rule) == (3, "I-03")


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("index", 9, "header.index"),
        ("previous_root", bytes(32), "header.previous_root"),
        ("inbox_cursor", 10_000, "header.inbox_cursor"),
        ("log_number", 10_000_000, "header.log_number"),
        ("time_first", 1, "header.time_first"),
        ("time_last", 2**62, "header.time_last"),
    ],
)
def test_a_header_that_the_state_contradicts_is_named(
    field: str, value: int | bytes, rule: str
) -> None:
    sealed = sealed_batches()[1]
    changed = replace(sealed.batch, header=replace(sealed.header, **{field: value}))  # type: ignore[arg-type]
    with pytest.raises(Divergence) as caught:
        after(1).take(None, changed.encode())
    assert (caught.value.batch, caught.value.rule) == (2, rule)


@pytest.mark.parametrize("field", list(PostedHeader.__slots__))
def test_what_was_posted_beside_the_data_is_compared(field: str) -> None:
    sealed = sealed_batches()[0]
    good = posted(sealed)
    value = getattr(good, field)
    other = bytes(31) + b"\x01" if isinstance(value, bytes) else value + 1
    with pytest.raises(Divergence) as caught:
        rebuilder().take(replace(good, **{field: other}), sealed.data)  # type: ignore[arg-type]
    assert caught.value.rule == f"posted.{field}", f"the message names the field: {caught.value}"


def test_batches_out_of_order_are_found() -> None:
    first, second = sealed_batches()[:2]
    with pytest.raises(Divergence, match=r"header\.index"):
        rebuilder().take(posted(second), second.data)
    reader = after(1)
    with pytest.raises(Divergence, match=r"header\.index"):
        reader.take(posted(first), first.data)


def test_truncated_data_are_a_divergence_of_the_batch() -> None:
    sealed = sealed_batches()[0]
    with pytest.raises(Divergence) as caught:
        rebuilder().take(posted(sealed), sealed.data[:-1])
    assert (caught.value.batch, caught.value.rule) == (1, "malformed_batch")


# --- snapshot batches ---


def test_a_snapshot_gives_the_state_of_its_batch_back() -> None:
    reader = after(4)
    batch = snapshot_of(reader.state, 4)
    state = state_of(CONFIG, batch.encode(), 4, reader.root)
    assert state.encode() == reader.state.encode(), "leaf by leaf the same state"
    assert state.root() == reader.root
    assert cut(reader.root) == batch.checkpoints[-1]


def test_a_rebuild_goes_on_from_a_snapshot() -> None:
    reader = after(4)
    again = rebuilder()
    again.state = state_of(CONFIG, snapshot_of(reader.state, 4).encode(), 4, reader.root)
    again.root, again.batches = reader.root, 4
    sealed = sealed_batches()[4]
    again.take(posted(sealed), sealed.data)
    assert again.root == sealed.state_root


def test_a_snapshot_of_another_state_or_index_is_found() -> None:
    reader = after(2)
    encoded = snapshot_of(reader.state, 2).encode()
    with pytest.raises(Divergence, match="anchored_root"):
        state_of(CONFIG, encoded, 2, bytes(32))
    with pytest.raises(Divergence, match=r"header\.index: is 2, expected 3"):
        state_of(CONFIG, encoded, 3, reader.root)
    with pytest.raises(Divergence, match=r"header\.kind: is 0, expected 1"):
        state_of(CONFIG, sealed_batches()[0].data, 1, reader.root)
    with pytest.raises(Divergence, match=r"header\.kind: is 1, expected 0"):
        rebuilder().take(None, snapshot_of(reader.state, 1).encode())


def test_flips_of_a_snapshot_are_refused_or_found() -> None:
    source = random.Random("merkat snapshot flips")
    reader = after(1)
    encoded = snapshot_of(reader.state, 1).encode()
    for _ in range(60):
        bit = source.randrange(8 * len(encoded))
        changed = bytearray(encoded)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            state_of(CONFIG, bytes(changed), 1, reader.root)
        except Divergence:
            continue
        pytest.fail(f"the flip of bit {bit} went unnoticed")


def test_a_snapshot_without_its_last_leaf_is_found() -> None:
    reader = after(1)
    batch = snapshot_of(reader.state, 1)
    cut_short = Batch(
        replace(batch.header, input_count=batch.header.input_count - 1),
        batch.inputs[:-1],
        batch.checkpoints[:-1],
    )
    with pytest.raises(Divergence, match="the inputs end before the globals"):
        state_of(CONFIG, cut_short.encode(), 1, reader.root)


def test_a_state_larger_than_a_batch_is_refused_with_its_size() -> None:
    state = State(CONFIG)
    snapshot = snapshot_of(state, 1)
    assert snapshot.header.input_count == 1, "the genesis state has the globals only"
    large = replace(
        snapshot,
        header=replace(snapshot.header, input_count=70_000),
        inputs=snapshot.inputs * 70_000,
        checkpoints=snapshot.checkpoints * 70_000,
    )
    with pytest.raises(BatchError, match="input_count is 70000, expected 1 to 65536"):
        large.encode()


def test_signatures_of_another_venue_are_refused() -> None:
    other = Domain(DOMAIN.chain_id, DOMAIN.verifying_contract, bytes(32))
    reader = Rebuilder(Config(*other.parts), _core.recover_digest)
    signed = [sealed.data for sealed in sealed_batches()[:3]]
    assert any(diverges(reader, data) for data in signed), "the salt is part of what is signed"
