"""Real batches for a replica: a venue's sequencer, the generated flow, and a wire between them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from merkat.flow.generated import GeneratedFlow
from merkat.flow.oracle import OracleNodes
from merkat.flow.player import Player
from merkat.flow.setup import scripted_items
from merkat.flow.tally import Tally
from merkat.flow.wallets import Wallets
from merkat.market import Replica
from merkat.market.types import Topic
from merkat.sdk import commands
from merkat.sdk.keys import demo_domain, derive_secret
from merkat.sequencer.pipeline import Released, Sequencer

SEED = 7
Take = Callable[[Released], None]


class Wire:
    """Stands where the player compares with a second reader: hands every batch on."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self.open_for = 0

    def offer(self, released: Released, digests: object) -> None:
        """Hand a batch on."""
        if released.count:
            self._take(released)


@dataclass
class Recorded:
    """All batches of a run, and the sequencer's address and domain."""

    sequencer: bytes
    released: list[Released]

    @property
    def commands(self) -> int:
        """Return how many commands there are."""
        return sum(batch.count for batch in self.released)


DOMAIN = demo_domain(SEED, "market tests")
SECRET = derive_secret(SEED, "sequencer")


def generated(periods: int, take: Take, seed: int = SEED) -> bytes:
    """Play the generated flow through a new venue; returns the sequencer's address."""
    with tempfile.TemporaryDirectory(prefix="merkat-market-") as folder:
        sequencer = Sequencer.create(Path(folder) / "venue", DOMAIN, SECRET)
        flow = GeneratedFlow(seed, periods=periods)
        player = Player(sequencer, Tally(flow.tick), Wire(take))
        wallets = Wallets(seed, len(flow.scene().cash))
        oracle = OracleNodes(DOMAIN, seed)
        items = scripted_items(flow.scene(), wallets, oracle)
        player.take_items(
            flow.start_ns(), [commands.inbox(index, item) for index, item in enumerate(items)]
        )
        player.settle()
        for _ in flow.play(player, wallets, oracle):
            pass
        sequencer.close()
        return sequencer.address


def recorded(periods: int, seed: int = SEED) -> Recorded:
    """Return all batches of the generated flow."""
    released: list[Released] = []
    return Recorded(generated(periods, released.append, seed), released)


def give(replica: Replica, released: Released) -> set[Topic]:
    """Let a replica take a batch."""
    return replica.take(
        released.first_log_number,
        released.batch,
        released.outputs,
        released.hashes,
        released.signatures,
    )
