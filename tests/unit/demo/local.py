"""A venue without processes: a sequencer behind the calls of a link, for the tests of who uses one.

What is submitted goes through admission, journal and engine as in a venue; only the socket is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from merkat.demo.listings import Listings
from merkat.flow.oracle import THRESHOLD, OracleNodes
from merkat.link import Answer, ReleasedFrame
from merkat.products.terms import BTC
from merkat.sdk import commands
from merkat.sdk.keys import demo_domain, derive_secret
from merkat.sdk.risk_sets import RiskSet
from merkat.sequencer.admission import Command
from merkat.sequencer.pipeline import Sequencer


class LocalLink:
    """Submits to a sequencer at the time `now_ns`; `followers` get every batch."""

    def __init__(self, directory: Path, seed: int, now_ns: int) -> None:
        self.domain = demo_domain(seed, "local")
        self.sequencer = Sequencer.create(directory, self.domain, derive_secret(seed, "sequencer"))
        self.now_ns = now_ns
        self.followers: list[Callable[[ReleasedFrame], None]] = []
        self._items = 0

    def list_all(self, seed: int, listed: Listings) -> None:
        """Take a group with a risk set and what it lists from a scripted Inbox."""
        nodes = OracleNodes(self.domain, seed)
        self.take(
            commands.venue(128, 4_096, 4_096, 1_000_000),
            commands.group(0, THRESHOLD, nodes.addresses),
            commands.risk(0, RiskSet().encode()),
            *(BTC.item(contract, 0) for contract in listed.contracts),
        )

    def take(self, *items: bytes) -> None:
        """Take items of the Inbox."""
        self._apply([commands.inbox(self._items + at, item) for at, item in enumerate(items)])
        self._items += len(items)

    async def submit(self, submitted: Sequence[bytes]) -> list[Answer]:
        """Do what LinkClient.submit does."""
        first = self.sequencer.log_number + 1
        self._apply(submitted)
        answers = [Answer(first + place, "") for place in range(len(submitted))]
        self._apply(self.sequencer.activations(wait=True))
        return answers

    def _apply(self, part: Sequence[bytes]) -> None:
        refused = self.sequencer.submit([Command(self.now_ns, command) for command in part])
        assert not refused, "the tests submit what admission lets in"
        for released in self.sequencer.release(wait=True):
            frame = ReleasedFrame(
                released.first_log_number,
                released.count,
                released.batch,
                released.outputs,
                released.hashes,
                released.signatures,
            )
            for follower in self.followers:
                follower(frame)
