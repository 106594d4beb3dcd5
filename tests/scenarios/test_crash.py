"""A real `merkat flow --data DIR` killed at twenty points, chosen by log number and system call.

After each kill the folder must replay to the digests of its last durable record, as the journal of
an undisturbed run gives them, and every command whose receipt was released must be in it. Another
choice of points: MERKAT_CRASH_SEED=17.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from merkat import _core
from merkat.sdk import commands
from merkat.sdk.keys import derive_secret
from merkat.sequencer import venue_file
from merkat.sequencer.admission import Command
from merkat.sequencer.pipeline import Digests, Sequencer
from merkat.sequencer.reading import Record, open_reading, replay
from merkat.sequencer.receipts import HASHES_BYTES, Receipt, genesis_hash

SHIM_SOURCE = Path(__file__).resolve().parent.parent / "support" / "crash_shim.c"
SEED = int(os.environ.get("MERKAT_CRASH_SEED", "1"))
POINTS = 20
SEGMENT_BYTES = 24 * 1024
SNAPSHOT_EVERY = 90
ROWS = 420
FLOW = ("flow", "--limit", str(ROWS), "--no-spec", "--json")
MODES = {
    "write": ("before", "after", "torn"),
    "sync": ("before", "after"),
    "rename": ("before", "after"),
    "truncate": ("before", "after"),
}


def merkat(
    *arguments: str,
    environment: dict[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the `merkat` command in a process of its own."""
    command = [sys.executable, "-c", "from merkat.cli import main; main()", *arguments]
    return subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=before,
    )


def play(
    directory: Path,
    environment: dict[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Play the small flow into `directory`/venue, its receipts beside it."""
    directory.mkdir()
    options = ("--segment-bytes", str(SEGMENT_BYTES), "--snapshot-every", str(SNAPSHOT_EVERY))
    places = ("--data", str(directory / "venue"), "--receipts", str(directory / "receipts"))
    return merkat(*FLOW, *options, *places, environment=environment, before=before)


@dataclass(frozen=True)
class Undisturbed:
    """The run that nothing disturbed: its folder, its records."""

    venue: Path
    records: list[Record]

    def digests(self, log_number: int) -> Digests:
        """Return the digests after a record, from this run's journal."""
        with open_reading(self.venue, venue_file.read(self.venue)) as reading:
            return replay(reading, from_snapshot=False, up_to=log_number).digests


def records_of(venue: Path) -> list[Record]:
    """Return every record of a data folder."""
    with open_reading(venue, venue_file.read(venue)) as reading:
        return list(reading.records(1, reading.head))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("crash") / "undisturbed"
    result = play(folder)
    assert result.returncode == 0, f"the flow that is to be killed does not even run: {result}"
    return Undisturbed(folder / "venue", records_of(folder / "venue"))


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library = tmp_path_factory.mktemp("shim") / "crash_shim.so"
    compile_it = ["cc", "-shared", "-fPIC", "-O2", "-o", str(library), str(SHIM_SOURCE), "-ldl"]
    subprocess.run(compile_it, check=True)
    return library


@dataclass(frozen=True)
class Point:
    """Where to kill: at a call, after the group that holds a log number."""

    call: str
    log_number: int
    mode: str


def choose_points(seed: int, last_log_number: int) -> list[Point]:
    """Return twenty points, five a call, over the first nine tenths of the log."""
    source = random.Random(f"merkat crash {seed}")
    points = []
    for place in range(POINTS):
        call = sorted(MODES)[place % len(MODES)]
        log_number = source.randint(1, last_log_number * 8 // 10)
        points.append(Point(call, log_number, source.choice(MODES[call])))
    return points


def released_receipts(path: Path) -> list[Receipt]:
    """Return the receipts that left the sequencer; a last line that the kill has cut is none."""
    if not path.exists():
        return []
    text = path.read_text(encoding="ascii")
    return [Receipt.from_line(line) for line in text.splitlines(keepends=True) if line[-1] == "\n"]


def check_receipts(receipts: list[Receipt], records: list[Record], salt: bytes) -> None:
    """Assert that every released receipt is of a record that is there, with its hashes."""
    batch = b"".join(
        (len(record.command) << 128 | record.log_number << 64 | record.time_ns).to_bytes(20, "big")
        + record.command
        for record in records
    )
    hashes = _core.chain_hashes(genesis_hash(salt), batch)
    for receipt in receipts:
        assert receipt.log_number <= len(records), (
            f"command {receipt.log_number} was acknowledged and is lost: "
            f"the journal ends at {len(records)}"
        )
        at = (receipt.log_number - 1) * HASHES_BYTES
        found = hashes[at : at + HASHES_BYTES]
        assert found == receipt.command_hash + receipt.journal_hash, (
            f"command {receipt.log_number} was acknowledged with other hashes than it has now"
        )


def check_folder(folder: Path, undisturbed: Undisturbed) -> int:
    """Assert what must hold after a kill; returns the last durable log number."""
    result = merkat("replay", str(folder / "venue"), "--json")
    assert result.returncode == 0, f"the folder does not open again: {result.stderr}"
    replayed = json.loads(result.stdout.splitlines()[-1])
    last = int(replayed["log_number"])
    expected = undisturbed.digests(last)
    for source in ("", "snapshot_"):
        root, digest = replayed[f"{source}state_root"], replayed[f"{source}venue_digest"]
        assert root == "0x" + expected.state_root.hex(), f"state root after {last} differs"
        assert digest == "0x" + expected.venue_digest.hex(), f"venue digest after {last} differs"
    records = records_of(folder / "venue")
    assert records == undisturbed.records[:last], "the journal holds what was never sent"
    salt = venue_file.read(folder / "venue").salt
    check_receipts(released_receipts(folder / "receipts"), records, salt)
    return last


def check_resumed(folder: Path, last: int) -> None:
    """Assert that the venue goes on: one more command gets the next number and a receipt."""
    sequencer = Sequencer.resume(folder / "venue", derive_secret(1, "sequencer"), SEGMENT_BYTES)
    try:
        assert sequencer.log_number == last
        refusals = sequencer.submit([Command(sequencer.engine.time_ns, commands.tick())])
        assert not refusals
        (released,) = sequencer.release(wait=True)
        assert (released.first_log_number, released.count) == (last + 1, 1)
        assert _core.verify_receipts(
            *sequencer.domain.parts,
            last + 1,
            released.hashes,
            released.signatures,
            sequencer.address,
        ), "the receipt of a resumed venue bears no valid signature"
    finally:
        sequencer.close()


def test_twenty_kills_lose_nothing_that_was_acknowledged(
    undisturbed: Undisturbed, shim: Path, tmp_path: Path
) -> None:
    print(f"\nMERKAT_CRASH_SEED={SEED}, {len(undisturbed.records)} commands")
    ends = []
    for number, point in enumerate(choose_points(SEED, len(undisturbed.records))):
        folder = tmp_path / str(number)
        plan = f"{point.call}:{point.log_number}:{point.mode}"
        result = play(
            folder,
            {
                "LD_PRELOAD": str(shim),
                "MERKAT_CRASH": plan,
                "MERKAT_CRASH_DIR": str(folder / "venue"),
            },
        )
        assert result.returncode == -signal.SIGKILL, (
            f"{plan}: the flow was not killed but ended with {result.returncode}: {result.stderr}"
        )
        last = check_folder(folder, undisturbed)
        acknowledged = len(released_receipts(folder / "receipts"))
        print(f"{number + 1:>3}  {plan:<24} durable {last:>4}  acknowledged {acknowledged:>4}")
        check_resumed(folder, last)
        ends.append(last)
    assert len(set(ends)) > POINTS // 2, f"the kills came at too few different points: {ends}"


def test_canary_a_lost_and_a_changed_command_are_noticed(undisturbed: Undisturbed) -> None:
    salt = venue_file.read(undisturbed.venue).salt
    receipts = released_receipts(undisturbed.venue.parent / "receipts")
    assert len(receipts) == len(undisturbed.records), "every command of a whole run has a receipt"
    check_receipts(receipts, undisturbed.records, salt)
    with pytest.raises(AssertionError, match="is lost"):
        check_receipts(receipts, undisturbed.records[:-1], salt)
    changed = list(undisturbed.records)
    changed[50] = changed[50]._replace(time_ns=changed[50].time_ns + 1)
    with pytest.raises(AssertionError, match="command 51 was acknowledged with other hashes"):
        check_receipts(receipts, changed, salt)


def test_a_full_disk_is_said_clearly_and_loses_nothing(
    undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """A limit on the size of files stands in for the end of the disk: it ends the run midway."""
    sizes = sorted(path.stat().st_size for path in undisturbed.venue.glob("*.snap"))
    limit = sizes[-1] - 1
    assert limit > SEGMENT_BYTES, "the limit must let segments through"

    def cap() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    result = play(tmp_path / "full", before=cap)
    assert result.returncode == 4, f"expected the environment's exit code, got {result}"
    assert "too large" in result.stderr or "space" in result.stderr, result.stderr
    assert "Traceback" not in result.stderr, result.stderr
    last = check_folder(tmp_path / "full", undisturbed)
    assert last > 0
    check_resumed(tmp_path / "full", last)
