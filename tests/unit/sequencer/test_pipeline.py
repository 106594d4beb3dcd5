"""The pipeline: nothing leaves before it is durable, and a folder resumes where it ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from merkat import _core
from merkat.flow.oracle import OracleNodes
from merkat.flow.setup import Listing, Scene, scripted_items
from merkat.flow.wallets import Wallets
from merkat.sdk import commands
from merkat.sdk.keys import demo_domain, derive_secret
from merkat.sequencer import venue_file
from merkat.sequencer.admission import Command
from merkat.sequencer.pipeline import PENDING_BATCHES_MAX, Released, Sequencer
from merkat.sequencer.reading import open_reading, replay
from merkat.sequencer.receipts import Receipt, ReceiptChecker, ReceiptError, receipts_of

DOMAIN = demo_domain(1, "pipeline")
SECRET = derive_secret(1, "sequencer")
START_NS = 1_767_225_600_000_000_000


def new(directory: Path, snapshot_every: int = 0) -> Sequencer:
    return Sequencer.create(directory, DOMAIN, SECRET, 1 << 20, snapshot_every)


def inbox_commands(count: int) -> list[Command]:
    wallets, oracle = Wallets(1, count), OracleNodes(DOMAIN, 1)
    scene = Scene([Listing(0, 1, 10_000)], [10**12] * count)
    items = scripted_items(scene, wallets, oracle)
    return [Command(START_NS, commands.inbox(index, item)) for index, item in enumerate(items)]


def all_released(sequencer: Sequencer) -> Released:
    (released,) = sequencer.release(wait=True)
    return released


def test_a_released_batch_is_durable_and_signed(tmp_path: Path) -> None:
    sequencer = new(tmp_path / "venue")
    assert sequencer.submit(inbox_commands(5)) == []
    released = all_released(sequencer)
    assert (released.first_log_number, released.count) == (1, 8)
    assert sequencer.journal.durable >= 8, "an answer left before its command was durable"
    checker = ReceiptChecker(DOMAIN, sequencer.address)
    checker.check(released.batch, 1, released.hashes, released.signatures)
    assert (checker.checked, checker.log_number) == (8, 8)
    sequencer.close()


@pytest.mark.parametrize("part", ["hash", "signature", "order", "command"])
def test_a_false_receipt_is_noticed(tmp_path: Path, part: str) -> None:
    sequencer = new(tmp_path / "venue")
    sequencer.submit(inbox_commands(5))
    released = all_released(sequencer)
    batch, first = released.batch, released.first_log_number
    hashes, signatures = released.hashes, released.signatures
    if part == "hash":
        hashes = hashes[:40] + bytes([hashes[40] ^ 1]) + hashes[41:]
    elif part == "signature":
        other = derive_secret(2, "sequencer")
        signatures = _core.sign_receipts(*DOMAIN.parts, first, hashes, other)
    elif part == "order":
        first = 2
    else:
        batch = batch[:-1] + bytes([batch[-1] ^ 1])
    with pytest.raises(ReceiptError, match="receipt"):
        ReceiptChecker(DOMAIN, sequencer.address).check(batch, first, hashes, signatures)
    sequencer.close()


def test_a_refused_command_leaves_no_trace(tmp_path: Path) -> None:
    sequencer = new(tmp_path / "venue")
    refusals = sequencer.submit(
        [Command(START_NS, b"\x01\xff"), Command(START_NS, commands.tick())]
    )
    assert [refusal.position for refusal in refusals] == [0]
    assert sequencer.log_number == 1
    assert all_released(sequencer).count == 1
    sequencer.close()


def test_time_and_batches_have_bounds(tmp_path: Path) -> None:
    sequencer = new(tmp_path / "venue")
    sequencer.submit([Command(START_NS, commands.tick())])
    with pytest.raises(ValueError, match="time goes back"):
        sequencer.submit([Command(START_NS - 1, commands.tick())])
    too_many = [Command(START_NS, commands.tick())] * (sequencer.batch_commands_max + 1)
    with pytest.raises(ValueError, match="a batch holds at most"):
        sequencer.submit(too_many)
    assert sequencer.log_number == 1
    sequencer.close()


@pytest.mark.parametrize("snapshot_every", [0, 3])
def test_a_folder_resumes_where_it_ended(tmp_path: Path, snapshot_every: int) -> None:
    sequencer = new(tmp_path / "venue", snapshot_every)
    entries = inbox_commands(5)
    for entry in entries:
        sequencer.submit([entry])
        sequencer.release(wait=True)
    digests = sequencer.digests()
    assert sequencer.snapshots == (2 if snapshot_every else 0)
    sequencer.close()
    resumed = Sequencer.resume(tmp_path / "venue", SECRET, 1 << 20)
    assert resumed.digests() == digests
    resumed.submit([Command(START_NS, commands.tick())])
    assert all_released(resumed).first_log_number == len(entries) + 1
    resumed.close()


def test_a_snapshot_and_genesis_replay_to_the_same_digests(tmp_path: Path) -> None:
    sequencer = new(tmp_path / "venue", snapshot_every=6)
    for entry in inbox_commands(9):
        sequencer.submit([entry])
        sequencer.release(wait=True)
    digests = sequencer.digests()
    sequencer.close()
    with open_reading(tmp_path / "venue", DOMAIN) as reading:
        genesis = replay(reading, from_snapshot=False)
        snapshot = replay(reading, from_snapshot=True)
        part = replay(reading, from_snapshot=True, up_to=7)
        assert [record.log_number for record in reading.records(4, 6)] == [4, 5, 6]
        venue, record = reading.venue_before(8)
    assert genesis.digests == snapshot.digests == digests
    assert (genesis.started_at, snapshot.started_at) == (0, 12)
    assert part.digests.log_number == 7
    assert venue.log_number == 7
    assert record.log_number == 8
    assert venue.state_root() == part.digests.state_root, "both readers share the snapshot"


def test_a_folder_that_is_in_use_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(FileExistsError, match="not empty"):
        new(tmp_path)


def test_a_receipt_survives_its_line() -> None:
    receipt = next(receipts_of(7, bytes(range(64)), bytes(65)))
    assert Receipt.from_line(receipt.line()) == receipt
    for cut in (receipt.line()[:-2], receipt.line().rpartition(" ")[0], ""):
        with pytest.raises(ValueError, match="receipt"):
            Receipt.from_line(cut)


def test_a_venue_file_says_what_is_wrong(tmp_path: Path) -> None:
    venue_file.write(tmp_path, DOMAIN)
    assert venue_file.read(tmp_path) == DOMAIN
    (tmp_path / venue_file.NAME).write_text('{"chain_id": 1, "salt": "0x00"}')
    with pytest.raises(venue_file.VenueFileError, match="verifying_contract"):
        venue_file.read(tmp_path)
    (tmp_path / venue_file.NAME).unlink()
    with pytest.raises(venue_file.VenueFileError, match="absent"):
        venue_file.read(tmp_path)
    with pytest.raises(venue_file.VenueFileError, match="no such folder"):
        venue_file.read(tmp_path / "absent")


class SlowDisk:
    """A journal whose disk has only come as far as `durable`."""

    def __init__(self, journal: _core.Journal) -> None:
        self._journal = journal
        self.durable = 0
        self.append = journal.append
        self.waited_for: list[int] = []

    def wait_durable(self, log_number: int) -> None:
        self.waited_for.append(log_number)
        self.durable = max(self.durable, log_number)

    def close(self) -> None:
        self._journal.close()


def test_nothing_leaves_before_it_is_durable(tmp_path: Path) -> None:
    sequencer = new(tmp_path / "venue")
    disk = SlowDisk(sequencer.journal)
    sequencer.journal = disk  # type: ignore[assignment]
    entries = inbox_commands(5)
    sequencer.submit(entries[:3])
    sequencer.submit(entries[3:5])
    assert sequencer.engine.log_number == 5, "the engine runs ahead of the disk"
    disk.durable = 2
    assert sequencer.release(wait=False) == [], "a batch left that is durable only in part"
    disk.durable = 3
    assert [released.count for released in sequencer.release(wait=False)] == [3]
    assert [released.count for released in sequencer.release(wait=True)] == [2]
    assert disk.waited_for == [5]
    sequencer.close()


def test_unreleased_batches_are_bounded(tmp_path: Path) -> None:
    sequencer = new(tmp_path / "venue")
    disk = SlowDisk(sequencer.journal)
    sequencer.journal = disk  # type: ignore[assignment]
    for _ in range(PENDING_BATCHES_MAX):
        assert not sequencer.must_release()
        sequencer.submit([Command(START_NS, commands.tick())])
    assert sequencer.must_release()
    with pytest.raises(AssertionError, match="unreleased"):
        sequencer.submit([Command(START_NS, commands.tick())])
    assert sequencer.release(wait=False), "a full queue waits for its oldest batch"
    assert disk.waited_for == [1]
    sequencer.close()
