"""The whole state from a chain alone: find the venue, read its batches, re-execute every step.

`rebuild_from_chain` does it with the specification. `check_compiled` does the same with the
compiled settlement machine, several times faster, and only says whether every checkpoint holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from merkat import _core
from merkat.settlement import committer
from merkat.settlement.batch import CHECKPOINT_BYTES, BatchError
from merkat.settlement.batch import decode as decode_batch
from merkat.settlement.chain.interface import Chain
from merkat.settlement.contracts import Contracts, find
from merkat.settlement.decode import Divergence, Rebuilder
from merkat.settlement.posts import posted_batches
from merkat.spec import signatures
from merkat.spec.codec import framed
from merkat.spec.signatures import Recover
from merkat.spec.typed_data import Config


@dataclass(frozen=True, slots=True)
class ChainRebuild:
    """What a chain gave: the root that the Anchor keeps, and the one that its data lead to."""

    contracts: Contracts
    rebuilder: Rebuilder
    anchored_root: bytes
    last_batch: int

    @property
    def rebuilt_root(self) -> bytes:
        """Return the root that re-execution reached."""
        return self.rebuilder.root

    @property
    def equal(self) -> bool:
        """Return whether both roots are the same."""
        return self.anchored_root == self.rebuilt_root


def rebuild_from_chain(
    chain: Chain,
    recover: Recover = signatures.recover,
    progress: Callable[[Rebuilder], None] | None = None,
) -> ChainRebuild:
    """Re-execute what a chain holds with the specification's settlement machine.

    Raises Divergence, naming batch, input and rule; ChainError where the chain cannot be read.
    """
    contracts = find(chain)
    rebuilder = Rebuilder(Config(*contracts.domain.parts), recover)
    try:
        for posted, data in posted_batches(contracts):
            rebuilder.take(posted, data)
            if progress is not None:
                progress(rebuilder)
    except BatchError as error:
        raise Divergence(rebuilder.batches + 1, None, "posted_data", str(error)) from error
    last_batch = contracts.read("Anchor", "lastBatch")
    if last_batch != rebuilder.batches:
        raise Divergence(
            last_batch,
            None,
            "missing_batch",
            f"the Anchor has {last_batch} batches, its events give {rebuilder.batches}",
        )
    anchored_root = contracts.read("Anchor", "batch", last_batch)[0]
    return ChainRebuild(contracts, rebuilder, anchored_root, last_batch)


@dataclass(frozen=True, slots=True)
class CompiledRebuild:
    """What the compiled machine made of a chain's batches."""

    contracts: Contracts
    batches: int
    micro_ops: int
    anchored_root: bytes
    rebuilt_root: bytes

    @property
    def equal(self) -> bool:
        """Return whether both roots are the same."""
        return self.anchored_root == self.rebuilt_root


def check_compiled(chain: Chain) -> CompiledRebuild:
    """Re-execute what a chain holds with the compiled machine. Raises Divergence, ChainError."""
    contracts = find(chain)
    machine = _core.Settlement(*contracts.domain.parts, committer.genesis(contracts.domain)[0])
    batches = micro_ops = 0
    anchored_root = machine.root()
    for posted, data in posted_batches(contracts):
        batches += 1
        try:
            batch = decode_batch(data)
        except BatchError as error:
            raise Divergence(batches, None, "malformed_batch", str(error)) from error
        try:
            found = machine.apply_inputs(b"".join(framed(op) for op in batch.inputs))
        except ValueError as error:
            # Data may hold refused inputs; the specification says what they are.
            raise Divergence(batches, None, "refused", f"{error}: rebuild uncompiled") from error
        for number, checkpoint in enumerate(batch.checkpoints):
            at = number * CHECKPOINT_BYTES
            if found[at : at + CHECKPOINT_BYTES] != checkpoint:
                raise Divergence(batches, number, "checkpoint", "another one: rebuild uncompiled")
        micro_ops += len(batch.inputs)
        anchored_root = posted.state_root
    return CompiledRebuild(contracts, batches, micro_ops, anchored_root, machine.root())
