"""A venue and its chain killed with SIGKILL while they work, and what is there afterwards.

The drill works on copies of both folders. A child process goes on with the venue: deposits through
the Vault, ticks, batches on the chain; after each round, when everything is durable, it prints what
it has reached. It is killed in the middle of a round; then both folders must give, at what was
printed last, the same state root, the same venue digest and the same block.

The child: python -m merkat.flow.kill FOLDER SEED
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from merkat import _core
from merkat.flow.player import Player
from merkat.flow.tally import Tally
from merkat.sdk import commands
from merkat.sdk.keys import Domain, derive_secret
from merkat.sdk.layouts import micro_ops_of
from merkat.sequencer import venue_file
from merkat.sequencer.pipeline import READ_BYTES, SEGMENT_BYTES, Sequencer
from merkat.sequencer.reading import open_reading, replay
from merkat.settlement.custody import SECOND_NS, SLOT_S, Custody

VENUE: Final = "venue"
CHAIN: Final = "chain"
ROUNDS_BEFORE: Final = 3
PAUSE_S: Final = 0.02
_AMOUNT: Final = 250_000_000
_TICK: Final = 1


@dataclass(frozen=True, slots=True)
class Reached:
    """What the child said after a round: hashes as hex."""

    log_number: int
    state_root: str
    venue_digest: str
    block: int
    block_hash: str
    batch: int


@dataclass(frozen=True, slots=True)
class Drill:
    """What became of a killed venue."""

    child: int
    reached: Reached
    recovered: Reached
    log_number_after: int
    batch_after: int
    anchored_equal: bool

    @property
    def good(self) -> bool:
        """Return whether nothing that was announced is lost or changed, and the venue goes on."""
        return self.reached == self.recovered and self.anchored_equal


def drill(folder: Path, copy: Path, seed: int) -> Drill:
    """Copy a finished venue and its chain, have a child go on with them, and kill it."""
    for name in (VENUE, CHAIN):
        shutil.copytree(folder / name, copy / name)
    with subprocess.Popen(
        [sys.executable, "-m", "merkat.flow.kill", str(copy), str(seed)],
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None, "standard output is a pipe"
        lines = [child.stdout.readline() for _ in range(ROUNDS_BEFORE)]
        time.sleep(PAUSE_S)
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.readlines()
        status = child.wait()
    if status != -signal.SIGKILL:
        raise RuntimeError(f"the child ended with status {status} before it could be killed")
    # The last line may be cut: what was not said whole was not said.
    said = [line for line in lines if line.endswith("\n")]
    reached = Reached(**json.loads(said[-1]))
    return recover(copy, seed, child.pid, reached)


def recover(copy: Path, seed: int, child: int, reached: Reached) -> Drill:
    """Open what is left, compare it with what the child said, and go on for one batch."""
    domain = venue_file.read(copy / VENUE)
    with open_reading(copy / VENUE, domain) as reading:
        digests = replay(reading, from_snapshot=False, up_to=reached.log_number).digests
    custody = Custody.resume(copy / CHAIN)
    try:
        block = custody.chain.block(reached.block)
        recovered = Reached(
            digests.log_number,
            digests.state_root.hex(),
            digests.venue_digest.hex(),
            reached.block,
            block.hash.hex() if block is not None else "",
            min(reached.batch, custody.poster.last_batch()),
        )
        sequencer, _ = go_on(copy / VENUE, custody, seed)
        custody.seal()
        batch = custody.poster.last_batch()
        anchored = custody.contracts.read("Anchor", "batch", batch)[0]
        equal = anchored == sequencer.digests().state_root
        log_number = sequencer.log_number
        sequencer.close()
    finally:
        custody.close()
    return Drill(child, reached, recovered, log_number, batch, equal)


def go_on(directory: Path, custody: Custody, seed: int) -> tuple[Sequencer, Player]:
    """Resume a venue beside a resumed custody, which is handed every answer of the journal."""
    _hand_over(directory, venue_file.read(directory), custody)
    sequencer = Sequencer.resume(directory, derive_secret(seed, "sequencer"))
    player = Player(sequencer, Tally(_TICK), chain=custody)
    player.checker.log_number, player.checker.journal_hash = sequencer.journal.head()
    return sequencer, player


def _hand_over(directory: Path, domain: Domain, custody: Custody) -> None:
    """Run the journal through a fresh engine; the committer catches up with its micro-ops."""
    journal = _core.Journal(str(directory), domain.salt, SEGMENT_BYTES)
    engine = _core.Engine(*domain.parts)
    head, _ = journal.head()
    while engine.log_number < head:
        batch = journal.read(engine.log_number + 1, READ_BYTES)
        custody.take_micro_ops(micro_ops_of(engine.apply(batch, None)))
    journal.close()
    custody.catch_up_with_inbox()


def work(folder: Path, seed: int) -> None:
    """Go on with a venue until somebody kills it."""
    custody = Custody.resume(folder / CHAIN)
    sequencer, player = go_on(folder / VENUE, custody, seed)
    owner = _core.address_of(derive_secret(seed, "owner"))
    while True:
        custody.deposit(commands.deposit(owner, _AMOUNT, 1))
        items = custody.confirm()
        time_ns = custody.clock.now_s * SECOND_NS
        player.take_items(time_ns, items)
        player.settle()
        player.send(time_ns, commands.tick())
        player.settle()
        custody.seal()
        digests = sequencer.digests()
        block = custody.chain.block(custody.chain.block_number())
        assert block is not None, "the newest block is there"
        reached = Reached(
            digests.log_number,
            digests.state_root.hex(),
            digests.venue_digest.hex(),
            block.number,
            block.hash.hex(),
            custody.poster.last_batch(),
        )
        sys.stdout.write(json.dumps(asdict(reached)) + "\n")
        sys.stdout.flush()
        custody.advance((custody.clock.now_s + SLOT_S) * SECOND_NS)


if __name__ == "__main__":
    work(Path(sys.argv[1]), int(sys.argv[2]))
