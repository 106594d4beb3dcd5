"""One flow from the first command to the replay of its journal."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from merkat.flow.compare import SpecificationProcess, Verdict
from merkat.flow.custody import Custody
from merkat.flow.oracle import OracleNodes
from merkat.flow.player import Player
from merkat.flow.setup import Scene, scripted_items
from merkat.flow.tally import Tally
from merkat.flow.wallets import Wallets
from merkat.sdk import commands
from merkat.sdk.keys import demo_domain, derive_secret
from merkat.sequencer.pipeline import SEGMENT_BYTES, Digests, Sequencer
from merkat.sequencer.reading import open_reading, replay


class Flow(Protocol):
    """A source of commands: a market file, a tape, or the generator."""

    tick: int
    rows: int
    epochs: int
    # Commands and pipeline seconds that came before what is timed (a tape's prefill).
    untimed: tuple[int, float]

    def scene(self) -> Scene:
        """Return what the scripted Inbox sets up."""

    def start_ns(self) -> int:
        """Return the time of the first command."""

    def play(self, player: Player, wallets: Wallets, oracle: OracleNodes) -> Iterator[int]:
        """Play everything; yields the time (ns) after each epoch."""

    def reached(self) -> dict[str, int]:
        """Return how often the flow came to each place that it must reach; nothing if none."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a flow is run. Without `data` the journal lives in a temporary folder."""

    name: str
    seed: int = 1
    data: Path | None = None
    receipts: Path | None = None
    specification: bool = True
    segment_bytes: int = SEGMENT_BYTES
    snapshot_every: int = 0


@dataclass(slots=True)
class Outcome:
    """Everything that a flow found out."""

    tally: Tally
    digests: Digests
    genesis_replay: Digests
    snapshot_replay: Digests
    verdict: Verdict | None
    receipts_checked: int
    rows: int
    epochs: int
    pipeline_s: float
    seconds: float
    replay_s: float
    reached: dict[str, int]
    untimed: tuple[int, float]

    @property
    def replayed(self) -> bool:
        """Return whether both replays came to the digests of the run."""
        return self.genesis_replay == self.digests == self.snapshot_replay

    @property
    def commands_per_second(self) -> float:
        """Return the rate of the pipeline alone: clients' work and a tape's prefill apart."""
        commands, seconds = self.untimed
        timed_s = self.pipeline_s - seconds
        return round((self.tally.commands - commands) / timed_s, 1) if timed_s > 0 else 0.0


Progress = Callable[[int, Tally], None]


def run(flow: Flow, options: Options, progress: Progress) -> Outcome:
    """Play a flow through a new venue, then replay its journal from disk with a second engine."""
    with contextlib.ExitStack() as stack:
        if options.data is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="merkat-flow-"))
            directory = Path(folder) / "venue"
        else:
            directory = options.data
        domain = demo_domain(options.seed, options.name)
        secret = derive_secret(options.seed, "sequencer")
        start_s = time.perf_counter()
        sequencer = Sequencer.create(
            directory, domain, secret, options.segment_bytes, options.snapshot_every
        )
        receipts = None
        if options.receipts is not None:
            receipts = stack.enter_context(options.receipts.open("w", encoding="ascii"))
        comparison = SpecificationProcess(domain) if options.specification else None
        player = Player(sequencer, Tally(flow.tick), comparison, receipts)
        try:
            digests = play(flow, player, options.seed, progress)
            sequencer.close()
            with open_reading(directory, domain) as reading:
                genesis = replay(reading, from_snapshot=False)
                snapshot = replay(reading, from_snapshot=True)
            verdict = comparison.finish() if comparison is not None else None
        except BaseException:
            if comparison is not None:
                comparison.abandon()
            raise
        return Outcome(
            player.tally,
            digests,
            genesis.digests,
            snapshot.digests,
            verdict,
            player.checker.checked,
            flow.rows,
            flow.epochs,
            sequencer.pipeline_s,
            time.perf_counter() - start_s,
            genesis.seconds,
            flow.reached(),
            flow.untimed,
        )


def play(
    flow: Flow, player: Player, seed: int, progress: Progress, custody: Custody | None = None
) -> Digests:
    """Set the scene and play a flow to its end; returns the last digests, every answer read."""
    scene = flow.scene()
    wallets = Wallets(seed, len(scene.cash))
    oracle = OracleNodes(player.domain, seed)
    time_ns = flow.start_ns()
    items = scripted_items(scene, wallets, oracle)
    if custody is None:
        taken = [commands.inbox(index, item) for index, item in enumerate(items)]
    else:
        taken = custody.set_up(items)
    player.take_items(time_ns, taken)
    player.settle()
    for time_ns in flow.play(player, wallets, oracle):
        progress(time_ns, player.tally)
    return player.conclude()
