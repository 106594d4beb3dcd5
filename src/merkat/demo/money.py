"""Custody seen from outside: the chain's own JSON-RPC, a balance proof, and a proof that lies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

from merkat.demo.stage import StageError
from merkat.settlement.chain import ChainError, RpcChain
from merkat.settlement.contracts import Contracts, find
from merkat.settlement.proofs import AccountProof, ProofError

TOKEN: Final = 0
# The hashes under the state root, in their order.
ROOTS: Final = ("accounts", "orders", "sessions", "instruments", "groups", "globals")
_CASH_WORD: Final = 3


class ChainReader:
    """The venue's contracts through `/chain`. Calls block: use a thread."""

    def __init__(self, url: str) -> None:
        self._chain = RpcChain(url)
        self.contracts: Contracts = find(self._chain)

    def last_batch(self) -> int:
        """Return the index of the newest batch."""
        return int(self.contracts.read("Anchor", "lastBatch"))

    def last_final(self) -> int:
        """Return the index of the newest batch that is final."""
        return int(self.contracts.read("Anchor", "lastFinal"))

    def root(self, batch: int) -> bytes:
        """Return the state root that the Anchor keeps of a batch."""
        root: bytes = self.contracts.read("Anchor", "batch", batch)[0]
        return root

    def tokens(self, owner: bytes) -> int:
        """Return what an address holds of the settlement token, 1e-6 USD."""
        return int(self.contracts.read("TestToken", "balanceOf", owner))

    def paid(self, account: int) -> int:
        """Return what the Vault has paid to an account since ever, 1e-6 USD."""
        return int(self.contracts.read("Vault", "paid", account, TOKEN))

    @property
    def window_s(self) -> int:
        """Return for how long a batch waits until it is final, s."""
        return int(self.contracts.read("Anchor", "windowNs")) // 1_000_000_000

    def close(self) -> None:
        """Close the connection."""
        self._chain.close()


@asynccontextmanager
async def chain_reader(url: str) -> AsyncIterator[ChainReader]:
    """Yield a reader of a venue's chain. Raises StageError where the chain cannot be read."""
    try:
        reader = await asyncio.to_thread(ChainReader, url)
        try:
            yield reader
        finally:
            reader.close()
    except ChainError as error:
        raise StageError(f"the venue's chain cannot be read: {error}") from error


def proof_of(answer: Mapping[str, Any]) -> tuple[int, AccountProof]:
    """Return batch and proof in an answer of `venue/get_account_proof`. Raises ProofError.

    What the answer says of the state root is not read: that comes from the chain.
    """
    try:
        roots = answer["roots"]
        return int(answer["batch"]["index"]), AccountProof(
            int(answer["account"]),
            tuple(_bytes(word) for word in answer["words"]),
            tuple(_bytes(sibling) for sibling in answer["siblings"]),
            tuple(_bytes(roots[name]) for name in ROOTS),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProofError(f"the answer is no proof: {error!r}") from error


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def leads_to(proof: AccountProof, root: bytes) -> bool:
    """Return whether a proof leads to a root."""
    try:
        return proof.root() == root
    except ProofError:
        return False


@dataclass(frozen=True, slots=True)
class Tampered:
    """A proof with one bit flipped, and where."""

    proof: AccountProof
    word: int
    bit: int


def flip(proof: AccountProof, bit: int = 0) -> Tampered:
    """Return a proof whose leaf claims another cash: one bit of the word is flipped."""
    words = list(proof.words)
    changed = bytearray(words[_CASH_WORD])
    changed[-1 - bit // 8] ^= 1 << bit % 8
    words[_CASH_WORD] = bytes(changed)
    return Tampered(replace(proof, words=tuple(words)), _CASH_WORD, bit)


def path_lines(proof: AccountProof) -> list[tuple[str, bytes]]:
    """Return what is worth showing of a proof: leaf, some hashes on the way, both roots."""
    path = proof.path()
    height = next((at for at, one in enumerate(proof.siblings) if any(one)), 0)
    return [
        ("leaf", path[0]),
        (f"sibling {height + 1}", proof.siblings[height]),
        (f"node {len(path) - 1}", path[-1]),
        ("state root", proof.root()),
    ]
