"""An account's leaf with its path to a state root: what a claim shows and anyone can check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from merkat.spec.settle.leaves import WORD_BYTES
from merkat.spec.settle.state import ACCOUNTS_DEPTH
from merkat.spec.trees import leaf_hash, node_hash
from merkat.spec.values import ACCOUNTS_END, TOKENS, keccak256

WORDS: Final = 9
PART_NAMES: Final = ("accounts", "orders", "sessions", "instruments", "groups", "globals")
PARTS: Final = len(PART_NAMES)
HASH_BYTES: Final = 32
PROOF_BYTES: Final = WORD_BYTES * (WORDS + ACCOUNTS_DEPTH + PARTS)
_CASH_WORD: Final = 3
_CASH_BYTES: Final = 16
_CLAIMABLE_WORD: Final = 4
_OWNER_AT: Final = 8


class ProofError(ValueError):
    """Bytes that are no proof, or a proof that leads to another root."""


@dataclass(frozen=True, slots=True)
class AccountProof:
    """A leaf's words, the siblings from the leaf up, and the six hashes under the state root."""

    account: int
    words: tuple[bytes, ...]
    siblings: tuple[bytes, ...]
    parts: tuple[bytes, ...]

    @classmethod
    def decode(cls, account: int, data: bytes) -> AccountProof:
        """Return the proof that `_core.Settlement.account_proof(account)` gave as bytes."""
        if not 0 <= account < ACCOUNTS_END:
            raise ProofError(f"account is {account}, expected 0 to {ACCOUNTS_END - 1}")
        if len(data) != PROOF_BYTES:
            raise ProofError(f"the proof has {len(data)} bytes, expected {PROOF_BYTES}")
        hashes = tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))
        above = WORDS + ACCOUNTS_DEPTH
        return cls(account, hashes[:WORDS], hashes[WORDS:above], hashes[above:])

    def encode(self) -> bytes:
        """Return words, siblings and parts, one after the other."""
        return b"".join(self.words + self.siblings + self.parts)

    @property
    def owner(self) -> bytes:
        """Return the 20-byte address that owns the account; zeros where it is absent."""
        return self.words[0][_OWNER_AT : _OWNER_AT + 20]

    @property
    def cash(self) -> int:
        """Return the account's cash, 1e-6 USD: a signed number of 16 bytes at the word's end."""
        return int.from_bytes(self.words[_CASH_WORD][-_CASH_BYTES:], "big", signed=True)

    def claimable(self, token: int) -> int:
        """Return what the account may have claimed of a token in total."""
        if not 0 <= token < TOKENS:
            raise ProofError(f"token is {token}, expected 0 to {TOKENS - 1}")
        return int.from_bytes(self.words[_CLAIMABLE_WORD + token], "big")

    def path(self) -> list[bytes]:
        """Return the hashes from the leaf to the accounts root, both included."""
        hashes = [leaf_hash(b"".join(self.words))]
        for height, sibling in enumerate(self.siblings):
            pair = (sibling, hashes[-1]) if self.account >> height & 1 else (hashes[-1], sibling)
            hashes.append(node_hash(*pair))
        return hashes

    def root(self) -> bytes:
        """Return the state root that the proof leads to. Raises ProofError if it leads to none."""
        accounts = self.path()[-1]
        if accounts != self.parts[0]:
            raise ProofError(
                f"the leaf of account {self.account} leads to the accounts root "
                f"0x{accounts.hex()}, the proof names 0x{self.parts[0].hex()}"
            )
        return keccak256(b"".join(self.parts))

    def arguments(self) -> tuple[int, list[bytes], list[bytes], list[bytes]]:
        """Return the proof as the Vault's `claim` takes it: the accounts root is computed there."""
        return self.account, list(self.words), list(self.siblings), list(self.parts[1:])
