"""Demonstration keys, derived from a seed so that a run can be repeated. Never keys for money."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

CURVE_ORDER: Final = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141

# The stand-in for a Vault's address until one is deployed (formats.md section 3).
VERIFYING_CONTRACT: Final = b"merkat-vault-version"
DEMO_CHAIN_ID: Final = 31_337


def derive_secret(seed: int, role: str, index: int = 0) -> bytes:
    """Return a private key (32 bytes, in [1, n)) for the given role, the same for the same seed."""
    text = f"merkat demonstration key {seed} {role} {index}".encode()
    number = int.from_bytes(hashlib.sha512(text).digest(), "big") % (CURVE_ORDER - 1) + 1
    return number.to_bytes(32, "big")


@dataclass(frozen=True, slots=True)
class Domain:
    """What binds signatures to one venue: chain, contract (20 bytes) and salt (32 bytes)."""

    chain_id: int
    verifying_contract: bytes
    salt: bytes

    def __post_init__(self) -> None:
        """Refuse parameters of the wrong size."""
        if not 0 < self.chain_id < 1 << 64:
            raise ValueError(f"chain_id: expected 1 to 2^64 - 1, got {self.chain_id}")
        if len(self.verifying_contract) != 20:
            raise ValueError(
                f"verifying_contract: expected 20 bytes, got {len(self.verifying_contract)}"
            )
        if len(self.salt) != 32:
            raise ValueError(f"salt: expected 32 bytes, got {len(self.salt)}")

    @property
    def parts(self) -> tuple[int, bytes, bytes]:
        """Return the three parameters in the order in which every binding takes them."""
        return self.chain_id, self.verifying_contract, self.salt


def demo_domain(seed: int, name: str) -> Domain:
    """Return the domain of a demonstration venue; its salt follows from seed and name."""
    salt = hashlib.sha256(f"merkat demonstration venue {seed} {name}".encode()).digest()
    return Domain(DEMO_CHAIN_ID, VERIFYING_CONTRACT, salt)
