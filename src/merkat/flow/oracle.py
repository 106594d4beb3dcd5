"""The demonstration's oracle: seven nodes with a key each, five of which sign a vector.

All seven keys live in this one process: it shows the path, not the trust.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from merkat import _core
from merkat.sdk import commands
from merkat.sdk.keys import Domain, derive_secret
from merkat.sdk.surfaces import Surface

NODES: Final = 7
THRESHOLD: Final = 5
PERIOD_NS: Final = 2_000_000_000


class OracleNodes:
    """The nodes of one group: the number and hash of the vector that stands, and who signs."""

    def __init__(self, domain: Domain, seed: int, group: int = 0) -> None:
        self.domain = domain
        self.seed = seed
        self.group = group
        self.secrets = [derive_secret(seed, "node", node) for node in range(NODES)]
        self.addresses = [_core.address_of(secret) for secret in self.secrets]
        self.number = 0
        self.vector_hash = commands.NO_VECTOR

    def of_group(self, group: int) -> OracleNodes:
        """Return the same nodes for another group."""
        return OracleNodes(self.domain, self.seed, group)

    def _sign(self, payload: bytes) -> bytes:
        """Return the signatures of five nodes, another five from epoch to epoch."""
        first = self.number % NODES
        nodes = sorted((first + offset) % NODES for offset in range(THRESHOLD))
        secrets = b"".join(self.secrets[node] for node in nodes)
        return _core.sign_oracle(*self.domain.parts, payload, bytes(nodes), secrets)

    def epoch(self, time_ns: int, index: int, basis: int = 0, premium: int = 0) -> bytes:
        """Return the command with the next vector; `index` in 1e-6 USD, rates in 1e-9."""
        self.number += 1
        vector = commands.vector(
            self.group, self.number, time_ns, self.vector_hash, index, basis, premium
        )
        self.vector_hash = _core.keccak256(vector)[:31]
        return commands.epoch(vector, self._sign(vector))

    def surface(self, make: Callable[[int, int, bytes], Surface]) -> bytes:
        """Return the command with the next vector of version 2.

        `make` gets group, number and the hash of the vector before and returns what is signed.
        """
        self.number += 1
        vector = make(self.group, self.number, self.vector_hash).encode()
        self.vector_hash = _core.keccak256(vector)[:31]
        return commands.epoch(vector, self._sign(vector))

    def heartbeat(self, time_ns: int) -> bytes:
        """Return the command that renews the age of the standing vector."""
        body = commands.heartbeat_body(self.group, self.number, time_ns, self.vector_hash)
        return commands.heartbeat(body, self._sign(body))
