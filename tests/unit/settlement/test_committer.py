"""The committer against the specification: the same inputs, the same checkpoints, good batches."""

from __future__ import annotations

from itertools import pairwise

import pytest

from merkat import _core
from merkat.settlement.batch import decode
from merkat.settlement.committer import SECOND_NS, CommitError, Committer, Limits
from merkat.settlement.data import BLOB, CALLDATA
from merkat.settlement.decode import Rebuilder
from merkat.spec.codec import framed
from merkat.spec.typed_data import Config
from tests.support.settlement import DOMAIN, machine, micro_ops, sealed_batches


def committed(limits: Limits, posted: list[tuple[int, bytes]] | None = None) -> Committer:
    return Committer(machine(), limits, posted or [])


def all_inputs() -> bytes:
    return b"".join(micro_ops())


def test_batches_hold_every_input_in_order() -> None:
    inputs = b"".join(
        len(one).to_bytes(2, "big") + one
        for sealed in sealed_batches()
        for one in sealed.batch.inputs
    )
    assert inputs == all_inputs(), "the batches must hold what the engine emitted, nothing else"


def test_batches_follow_each_other() -> None:
    sealed = sealed_batches()
    assert len(sealed) > 5, "the flow is long enough for many batches"
    assert [one.header.index for one in sealed] == list(range(1, len(sealed) + 1))
    for before, after in pairwise(sealed):
        assert after.header.previous_root == before.state_root
        assert after.header.cursor_first == before.header.cursor_end
        assert after.header.time_first == before.header.time_last
    assert decode(sealed[-1].data) == sealed[-1].batch


def test_a_batch_is_sealed_by_virtual_time() -> None:
    for sealed in sealed_batches()[1:]:
        age_ns = sealed.header.time_last - sealed.header.time_first
        assert age_ns < 2 * Limits().interval_ns + 60 * SECOND_NS, "a batch spans its interval"
    writer = committed(Limits())
    writer.add(micro_ops()[0])
    assert not writer.advance(writer.figures.time_ns), "nothing is due at once"
    assert writer.advance(writer.figures.time_ns + 10 * SECOND_NS), "due after its interval"
    assert not writer.advance(writer.figures.time_ns + 99 * SECOND_NS), "nothing is left to seal"


@pytest.mark.parametrize("inputs_max", [1, 7])
def test_a_batch_is_sealed_by_count(inputs_max: int) -> None:
    writer = committed(Limits(inputs_max=inputs_max, interval_ns=10**18, interval_ns_max=10**18))
    sealed = [one for part in micro_ops()[:6] for one in writer.add(part)]
    counts = {one.header.input_count for one in sealed}
    assert counts == {inputs_max}, f"every sealed batch is full, got {counts}"
    assert writer.seal(), "the rest is sealed on demand"
    assert not writer.seal(), "an empty batch is never sealed"


def test_a_batch_is_sealed_by_size() -> None:
    limits = Limits(batch_bytes_max=66_000, interval_ns=10**18, interval_ns_max=10**18)
    writer = committed(limits)
    sealed = writer.add(all_inputs())
    assert sealed, "the flow has more than 66,000 bytes"
    for one in sealed:
        assert len(one.data) <= 66_000, f"batch {one.header.index} has {len(one.data)} bytes"
        assert len(one.data) > 64_000, "a batch is sealed only when the next input does not fit"


def test_where_batches_end_changes_no_checkpoint() -> None:
    many = [c for one in sealed_batches() for c in one.batch.checkpoints]
    writer = committed(Limits.of_mode(BLOB))
    few = [c for one in [*writer.add(all_inputs()), *writer.seal()] for c in one.batch.checkpoints]
    assert many == few, "checkpoints depend on the inputs only"


def test_committer_and_specification_agree_on_every_checkpoint() -> None:
    rebuilder = Rebuilder(Config(*DOMAIN.parts), _core.recover_digest)
    for sealed in sealed_batches():
        rebuilder.take(None, sealed.data)
        assert rebuilder.root == sealed.state_root
    assert rebuilder.refused == 0, "the engine emits nothing that settlement refuses"


class CountingMachine:
    """Accepts everything; its proofs name the account."""

    def apply_inputs(self, framed: bytes) -> bytes:
        steps, at = 0, 0
        while at < len(framed):
            at += 2 + int.from_bytes(framed[at : at + 2], "big")
            steps += 1
        return bytes(31 * steps)

    def account_proof(self, account: int) -> bytes:
        return f"proof of {account}".encode()

    def root(self) -> bytes:
        return bytes(32)


def test_proofs_are_taken_of_the_accounts_that_may_claim_more() -> None:
    def step(kind: int, body: bytes) -> bytes:
        return framed(bytes([kind]) + bytes(8) + (1).to_bytes(4, "big") + body)

    withdraw = step(2, (5).to_bytes(4, "big") + bytes(90))
    transfer = step(3, (6).to_bytes(4, "big") + bytes(90))
    forced = step(1, b"\x08\x00" + (7).to_bytes(4, "big") + bytes(37))
    deposit = step(1, b"\x01\x00" + (8).to_bytes(4, "big") + bytes(37))
    writer = Committer(CountingMachine(), Limits())
    writer.add(withdraw + transfer + forced + deposit)
    (sealed,) = writer.seal()
    assert sealed.proofs == {5: b"proof of 5", 7: b"proof of 7"}, (
        "a withdrawal and a forced one raise what an account may claim, nothing else does"
    )
    writer.add(transfer)
    assert writer.seal()[0].proofs == {}, "each batch names its own claimers"


def test_a_new_committer_catches_up_with_the_chain() -> None:
    sealed = sealed_batches()
    posted = [(one.header.input_count, one.state_root) for one in sealed[:4]]
    writer = committed(Limits(), posted)
    again = [*writer.add(all_inputs()), *writer.seal()]
    assert [one.data for one in again] == [one.data for one in sealed[4:]], (
        "after the posted batches the committer goes on as the first one did"
    )


def test_a_chain_of_another_venue_is_found() -> None:
    first = sealed_batches()[0]
    writer = committed(Limits(), [(first.header.input_count, bytes(32))])
    with pytest.raises(CommitError, match="batch 1 ends in 0x"):
        writer.add(all_inputs())
    unreached = committed(Limits(), [(10**6, bytes(32))])
    unreached.add(all_inputs())
    with pytest.raises(CommitError, match="have not been reached"):
        unreached.seal()


def test_the_interval_doubles_up_to_ten_minutes() -> None:
    limits = Limits()
    assert limits.interval_of(1) == limits.interval_of(64) == 10 * SECOND_NS
    assert limits.interval_of(65) == 20 * SECOND_NS
    assert limits.interval_of(10**9) == 600 * SECOND_NS, "a later batch would be late on the chain"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"batch_bytes_max": 1_000}, "batch_bytes_max is 1000"),
        ({"batch_bytes_max": 5 << 20}, "batch_bytes_max is 5242880"),
        ({"inputs_max": 0}, "inputs_max is 0"),
        ({"inputs_max": 65_537}, "inputs_max is 65537"),
        ({"interval_ns": 0}, "interval_ns is 0"),
    ],
)
def test_limits_that_no_batch_keeps_are_refused(changes: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Limits(**changes)
    assert Limits.of_mode(CALLDATA).batch_bytes_max < 128 * 1024
