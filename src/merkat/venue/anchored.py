"""The venue's batches as they stand on its chain. The chain's thread alone."""

from __future__ import annotations

from dataclasses import dataclass

from merkat.settlement.contracts import Contracts, abi
from merkat.settlement.decode import PostedHeader


@dataclass(frozen=True, slots=True)
class AnchoredBatch:
    """A posted batch and where it was posted. Times: batch ns, block s."""

    header: PostedHeader
    mode: int
    data_hashes: tuple[bytes, ...]
    block_number: int
    block_hash: bytes
    posted_s: int
    transaction_hash: bytes


class AnchoredBatches:
    """Reads the Anchor's events, each block once."""

    def __init__(self, contracts: Contracts) -> None:
        self._contracts = contracts
        self._batches: list[AnchoredBatch] = []
        self._next_block = 0

    def newest(self) -> AnchoredBatch | None:
        """Return the newest batch, None before the first."""
        self._catch_up()
        return self._batches[-1] if self._batches else None

    def at(self, index: int) -> AnchoredBatch | None:
        """Return a batch by its index, None where it is not posted."""
        self._catch_up()
        return self._batches[index - 1] if 1 <= index <= len(self._batches) else None

    def last_final(self) -> int:
        """Return the index of the last final batch, 0 before the first."""
        index: int = self._contracts.read("Anchor", "lastFinal")
        return index

    def _catch_up(self) -> None:
        chain = self._contracts.chain
        head = chain.block_number()
        if head < self._next_block:
            return
        for log in self._contracts.events("Anchor", "BatchPosted", self._next_block, head):
            event = abi("Anchor").event(log)
            block = chain.block(log.block_number)
            assert event is not None, "the logs were chosen by this event's topic"
            assert block is not None, "a log is in a block"
            self._batches.append(
                AnchoredBatch(
                    PostedHeader(*event.fields["header"]),
                    event.fields["mode"],
                    tuple(event.fields["dataHashes"]),
                    log.block_number,
                    log.block_hash,
                    block.time_s,
                    log.transaction_hash,
                )
            )
        self._next_block = head + 1
