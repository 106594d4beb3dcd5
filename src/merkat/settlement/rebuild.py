"""The whole state from a chain alone: find the venue, read its batches, re-execute every step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from merkat.settlement.batch import BatchError
from merkat.settlement.chain.interface import Chain
from merkat.settlement.contracts import Contracts, find
from merkat.settlement.decode import Divergence, Rebuilder
from merkat.settlement.posts import posted_batches
from merkat.spec import secp256k1
from merkat.spec.secp256k1 import Recover
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
    recover: Recover = secp256k1.recover,
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
