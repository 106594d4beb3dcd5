"""The poster: brings sealed batches onto the chain, and makes them final after their window."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from merkat.settlement.chain.interface import ChainError, Receipt
from merkat.settlement.committer import Sealed
from merkat.settlement.contracts import Contracts
from merkat.settlement.data import BLOB, CALLDATA, MODES, pack_blobs


@dataclass(frozen=True, slots=True)
class Post:
    """A batch on the chain: when (s) it was posted and when it can become final."""

    index: int
    state_root: bytes
    input_count: int
    posted_s: int
    final_s: int
    data_bytes: int
    gas: int


class Poster:
    """Posts in order, finalises in order; can start again where the chain stands."""

    def __init__(self, contracts: Contracts, sender: bytes, mode: int = CALLDATA) -> None:
        if mode not in MODES:
            raise ValueError(f"mode is {mode}, expected 1 (blob) or 2 (calldata)")
        self.contracts = contracts
        self.sender = sender
        self.mode = mode
        self.window_s = contracts.read("Anchor", "windowNs") // 1_000_000_000
        self.posts: list[Post] = []
        self._waiting: deque[tuple[int, int]] = deque()  # index, final_s
        self._recover()

    def _recover(self) -> None:
        """Take up the batches that are posted and not final."""
        self._waiting.clear()
        last_final = self.contracts.read("Anchor", "lastFinal")
        for index in range(last_final + 1, self.last_batch() + 1):
            posted_s = self.contracts.read("Anchor", "batch", index)[4] // 1_000_000_000
            self._waiting.append((index, posted_s + self.window_s))

    def last_batch(self) -> int:
        """Return the index of the newest batch on the chain, 0 before the first."""
        index: int = self.contracts.read("Anchor", "lastBatch")
        return index

    def post(self, sealed: Sealed) -> Post | None:
        """Post the next batch. One that the chain has already is not posted again: None.

        Raises ContractRefusedError with the Anchor's reason; ChainError while the transaction is in
        no block: call again. If it was mined by then, the batch is taken up; if it still waits,
        it is sent a second time and the Anchor takes one of the two.
        """
        header = sealed.header
        if header.index <= self.last_batch():
            self._check_posted(sealed)
            self._recover()
            return None
        argument = (
            header.index,
            header.previous_root,
            sealed.state_root,
            header.inbox_cursor,
            sealed.inbox_hash,
            header.time_first,
            header.time_last,
            header.input_count,
        )
        receipt = self._send(argument, sealed.data)
        block = self.contracts.chain.block(receipt.block_number)
        if block is None:
            raise ChainError(
                f"block {receipt.block_number} with batch {header.index} is gone: post it again"
            )
        post = Post(
            header.index,
            sealed.state_root,
            header.input_count,
            block.time_s,
            block.time_s + self.window_s,
            len(sealed.data),
            receipt.gas_used,
        )
        self.posts.append(post)
        self._waiting.append((post.index, post.final_s))
        return post

    def _send(self, argument: tuple[object, ...], data: bytes) -> Receipt:
        if self.mode == BLOB:
            blobs = pack_blobs(data)
            return self.contracts.send(self.sender, "Anchor", "postBlobs", argument, blobs=blobs)
        return self.contracts.send(self.sender, "Anchor", "postCalldata", argument, data)

    def _check_posted(self, sealed: Sealed) -> None:
        root = self.contracts.read("Anchor", "batch", sealed.header.index)[0]
        if root != sealed.state_root:
            raise ChainError(
                f"batch {sealed.header.index} on the chain ends in 0x{root.hex()}, "
                f"here in 0x{sealed.state_root.hex()}: another poster has posted another state"
            )

    @property
    def next_final_s(self) -> int | None:
        """Return when the next batch can become final; None where none waits."""
        return self._waiting[0][1] if self._waiting else None

    def finalise(self, now_s: int) -> int | None:
        """Make final what can be at a block of this time; returns the last index, None for none."""
        index = None
        while self._waiting and self._waiting[0][1] <= now_s:
            index, _ = self._waiting.popleft()
        if index is not None:
            self.contracts.send(self.sender, "Anchor", "finalise", index)
        return index
