"""One flow from the first command to the replay of its journal."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from merkat.flow import evidence, kill
from merkat.flow.anchored import Anchored, AnchorOptions, close_out, look_back, withdraw_some
from merkat.flow.compare import SpecificationProcess, Verdict
from merkat.flow.evidence import LiquidationLog
from merkat.flow.oracle import OracleNodes
from merkat.flow.player import Player
from merkat.flow.setup import Scene, scripted_items
from merkat.flow.story import Tell, tell_custody
from merkat.flow.tally import Tally
from merkat.flow.wallets import Wallets
from merkat.sdk import commands
from merkat.sdk.keys import demo_domain, derive_secret
from merkat.sequencer.pipeline import SEGMENT_BYTES, Digests, Sequencer
from merkat.sequencer.reading import open_reading, replay
from merkat.settlement.custody import Custody
from merkat.spec.settle.state import State


class Flow(Protocol):
    """A source of commands: a market file, a tape, or the generator."""

    tick: int
    # Commands and pipeline seconds that came before what is timed (a tape's prefill).
    untimed: tuple[int, float]
    # Whether an anchored run tells of custody, with a forced withdrawal and a kill.
    story: bool

    @property
    def rows(self) -> int:
        """Return how many rows, records or orders were played so far."""

    @property
    def epochs(self) -> int:
        """Return how many vectors were signed so far."""

    def scene(self) -> Scene:
        """Return what the scripted Inbox sets up."""

    def start_ns(self) -> int:
        """Return the time of the first command."""

    def play(self, player: Player, wallets: Wallets, oracle: OracleNodes) -> Iterator[int]:
        """Play everything; yields the time (ns) after each epoch."""

    def reached(self) -> dict[str, int]:
        """Return how often the flow came to each place that it must reach; nothing if none."""

    def described(self) -> dict[str, object]:
        """Return what the JSON object has of this flow alone."""

    def broken(self) -> list[str]:
        """Return every claim of this flow alone that does not hold."""


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
    anchor: AnchorOptions | None = None


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
    described: dict[str, object]
    broken: list[str]
    anchored: Anchored | None = None
    killed: kill.Drill | None = None

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


def run(flow: Flow, options: Options, progress: Progress, tell: Tell = print) -> Outcome:
    """Play a flow through a new venue, then replay its journal from disk with a second engine.

    An anchored one has its chain beside it; `tell` is given the story of the generated flow's.
    """
    with contextlib.ExitStack() as stack:
        start_s = time.perf_counter()
        place = _place(options, stack)
        custody = None
        domain = demo_domain(options.seed, options.name)
        if options.anchor is not None:
            custody = Custody.create(place.chain, flow.start_ns(), options.anchor.mode)
            stack.callback(custody.close)
            domain = custody.domain
        secret = derive_secret(options.seed, "sequencer")
        sequencer = Sequencer.create(
            place.venue, domain, secret, options.segment_bytes, options.snapshot_every
        )
        receipts = None
        if place.receipts is not None:
            receipts = stack.enter_context(place.receipts.open("w", encoding="ascii"))
        comparison = SpecificationProcess(domain) if options.specification else None
        player = Player(sequencer, Tally(flow.tick), comparison, receipts, custody)
        liquidations = LiquidationLog(player.tally)
        try:
            digests = play(flow, player, options.seed, progress, custody)
            if custody is not None:
                _close_out(flow, custody, player, options.seed, tell)
                digests = player.conclude()
            sequencer.close()
            with open_reading(place.venue, domain) as reading:
                genesis = replay(reading, from_snapshot=False)
                snapshot = replay(reading, from_snapshot=True)
            verdict = comparison.finish() if comparison is not None else None
        except BaseException:
            if comparison is not None:
                comparison.abandon()
            raise
        anchored, killed = None, None
        if custody is not None:
            anchored, state = look_back(custody, player)
            if options.anchor is not None and options.anchor.evidence is not None:
                if receipts is not None:
                    receipts.flush()
                _write_evidence(options, place, custody, state, digests, sequencer, liquidations)
            if flow.story:
                killed = _kill(place.folder, options.seed, stack, tell)
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
            flow.described(),
            flow.broken(),
            anchored,
            killed,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a flow's files go. Anchored, `folder` has the venue and its chain side by side."""

    folder: Path
    venue: Path
    chain: Path
    receipts: Path | None


def _place(options: Options, stack: contextlib.ExitStack) -> Place:
    if options.data is None:
        made = stack.enter_context(tempfile.TemporaryDirectory(prefix="merkat-flow-"))
        folder = Path(made) / "flow"
    else:
        folder = options.data
    if options.anchor is None:
        return Place(folder, folder, folder, options.receipts)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(17, "is not empty; name a new folder", str(folder))
    receipts = options.receipts
    if receipts is None and options.anchor.evidence is not None:
        receipts = folder / "receipts"
    return Place(folder, folder / kill.VENUE, folder / kill.CHAIN, receipts)


def _close_out(flow: Flow, custody: Custody, player: Player, seed: int, tell: Tell) -> None:
    wallets = Wallets(seed, len(flow.scene().cash))
    if flow.story:
        tell_custody(custody, player, wallets, tell)
    else:
        withdraw_some(player, wallets)
        close_out(custody, player)


def _write_evidence(
    options: Options,
    place: Place,
    custody: Custody,
    state: State,
    digests: Digests,
    sequencer: Sequencer,
    liquidations: LiquidationLog,
) -> None:
    assert options.anchor is not None, "evidence is of an anchored flow"
    assert options.anchor.evidence is not None, "the caller has looked"
    assert place.receipts is not None, "evidence needs every receipt"
    evidence.write(
        options.anchor.evidence,
        place.venue,
        place.receipts,
        custody,
        state,
        digests,
        sequencer.address,
        options.seed,
        liquidations.log_numbers,
    )


def _kill(folder: Path, seed: int, stack: contextlib.ExitStack, tell: Tell) -> kill.Drill:
    """Kill a copy of the venue in the middle of its work; tell what is left."""
    copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="merkat-kill-")))
    found = kill.drill(folder, copy, seed)
    reached = found.reached
    same = "the same" if found.reached == found.recovered else "NOT THE SAME"
    tell(
        f"kill -9     process {found.child} went on with the venue up to command "
        f"{reached.log_number:,} and batch {reached.batch}, and was killed at work"
    )
    tell(f"            {same} state root, venue digest and block {reached.block} on disk")
    going = "goes on" if found.anchored_equal else "DOES NOT GO ON"
    tell(
        f"            the venue {going} from command {found.log_number_after:,}: "
        f"batch {found.batch_after} is anchored"
    )
    return found


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
