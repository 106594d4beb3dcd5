"""A replica that is closed, killed or damaged comes back to what it would have been."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from merkat.market import HistoryError, Replica, ReplicaError
from merkat.market.replica import HISTORY_FILE, STATE_FILE
from merkat.sdk.keys import demo_domain
from merkat.sequencer.pipeline import Released
from tests.unit.market.feeding import DOMAIN, Recorded, give, recorded
from tests.unit.market.option_venue import DOMAIN as OPTION_DOMAIN
from tests.unit.market.option_venue import OptionVenue
from tests.unit.market.records import kept, said, save_batches

PERIODS = 160


@cache
def run() -> Recorded:
    return recorded(PERIODS)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Replica, Path]:
    """Return a replica that took everything in one go, and its folder, flushed."""
    folder = tmp_path_factory.mktemp("whole") / "replica"
    replica = Replica(DOMAIN, run().sequencer, folder)
    for batch in run().released:
        give(replica, batch)
    replica.history.flush()
    return replica, folder


def check_same(replica: Replica, folder: Path, whole: tuple[Replica, Path]) -> None:
    replica.history.flush()
    mine, expected = said(replica), said(whole[0])
    for name, value in expected.items():
        assert mine[name] == value, f"{name} is another than without a restart"
    rows, expected_rows = kept(folder), kept(whole[1])
    for table, found in expected_rows.items():
        assert rows[table] == found, f"table {table} is another than without a restart"
        assert found or table == "funding", f"table {table} is to hold something"


def go_on(replica: Replica, released: list[Released]) -> None:
    for batch in released:
        give(replica, batch)


@pytest.mark.parametrize("closes", [(1,), (100, 101), (50, 90, 155)])
def test_a_closed_replica_goes_on_where_it_was(
    tmp_path: Path, whole: tuple[Replica, Path], closes: tuple[int, ...]
) -> None:
    folder = tmp_path / "replica"
    start = 0
    for end in closes:
        replica = Replica(DOMAIN, run().sequencer, folder)
        assert replica.log_number == sum(batch.count for batch in run().released[:start])
        go_on(replica, run().released[start:end])
        replica.close()
        start = end
    replica = Replica(DOMAIN, run().sequencer, folder)
    assert replica.message is None
    go_on(replica, run().released[start:])
    check_same(replica, folder, whole)
    replica.close()


@pytest.mark.parametrize(("batches", "save_every"), [(3, 1_000), (100, 64), (133, 10), (150, 149)])
def test_a_killed_replica_loses_nothing(
    tmp_path: Path, whole: tuple[Replica, Path], batches: int, save_every: int
) -> None:
    folder, file = tmp_path / "replica", tmp_path / "batches"
    save_batches(file, run())
    target = sum(batch.count for batch in run().released[:batches])
    command = [sys.executable, "-m", "tests.unit.market.replica_child"]
    with subprocess.Popen(
        [*command, str(file), str(folder), str(save_every)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                if int(line) >= target:
                    break
        finally:
            child.send_signal(signal.SIGKILL)
    replica = Replica(DOMAIN, run().sequencer, folder)
    assert replica.message is None
    assert replica.log_number <= sum(batch.count for batch in run().released)
    assert replica.log_number > 0 or batches < save_every
    go_on(replica, [batch for batch in run().released if _behind(batch, replica)])
    check_same(replica, folder, whole)
    replica.close()


def _behind(batch: Released, replica: Replica) -> bool:
    return batch.first_log_number + batch.count - 1 > replica.log_number


def folder_of(tmp_path: Path, batches: int) -> Path:
    """Return a folder of a replica that took some batches and was closed."""
    folder = tmp_path / "replica"
    replica = Replica(DOMAIN, run().sequencer, folder)
    go_on(replica, run().released[:batches])
    replica.close()
    return folder


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("at", [0, 30, -1, 5_000])
def test_a_damaged_state_is_built_anew_from_the_log(
    tmp_path: Path, whole: tuple[Replica, Path], at: int
) -> None:
    folder = folder_of(tmp_path, 120)
    flip(folder / STATE_FILE, at)
    replica = Replica(DOMAIN, run().sequencer, folder)
    assert replica.log_number == 0
    assert replica.message is not None
    assert "built anew from the log" in replica.message
    go_on(replica, run().released)
    check_same(replica, folder, whole)
    replica.close()


def test_a_cut_state_is_built_anew_from_the_log(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 50)
    data = (folder / STATE_FILE).read_bytes()
    (folder / STATE_FILE).write_bytes(data[: len(data) // 2])
    replica = Replica(DOMAIN, run().sequencer, folder)
    assert (replica.log_number, replica.message is not None) == (0, True)
    replica.close()


@pytest.mark.parametrize("damage", ["garbage", "gone"])
def test_a_damaged_or_lost_history_is_built_anew_from_the_log(
    tmp_path: Path, whole: tuple[Replica, Path], damage: str
) -> None:
    folder = folder_of(tmp_path, 120)
    path = folder / HISTORY_FILE
    if damage == "garbage":
        path.write_bytes(b"no database at all" * 1_000)
    else:
        path.unlink()
    replica = Replica(DOMAIN, run().sequencer, folder)
    assert replica.log_number == 0
    assert replica.message is not None
    go_on(replica, run().released)
    check_same(replica, folder, whole)
    replica.close()


def test_a_folder_of_another_venue_is_refused_and_left_alone(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 20)
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    with pytest.raises(HistoryError, match="name another folder"):
        Replica(demo_domain(8, "another"), run().sequencer, folder)
    assert kept(folder) == kept(copy)
    replica = Replica(DOMAIN, run().sequencer, folder)
    assert replica.message is None
    assert replica.log_number > 0
    replica.close()


def test_a_replica_whose_venue_broke_its_word_saves_no_state(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 20)
    state = (folder / STATE_FILE).read_bytes()
    replica = Replica(DOMAIN, run().sequencer, folder)
    batch = run().released[20]
    outputs = batch.outputs[:-1] + bytes([batch.outputs[-1] ^ 1])
    with pytest.raises(ReplicaError):
        replica.take(batch.first_log_number, batch.batch, outputs, batch.hashes, batch.signatures)
    replica.close()
    assert (folder / STATE_FILE).read_bytes() == state


def test_a_venue_with_options_comes_back_too(tmp_path: Path) -> None:
    released: list[Released] = []
    with OptionVenue(released.append) as venue:
        venue.whole_life(100)
        sequencer = venue.sequencer.address
    whole = Replica(OPTION_DOMAIN, sequencer, tmp_path / "whole")
    go_on(whole, released)
    whole.history.flush()
    expected = said(whole)
    for end in (30, len(released) // 2, len(released) - 5):
        folder = tmp_path / f"replica {end}"
        replica = Replica(OPTION_DOMAIN, sequencer, folder)
        go_on(replica, released[:end])
        replica.close()
        replica = Replica(OPTION_DOMAIN, sequencer, folder)
        go_on(replica, released[end:])
        replica.history.flush()
        mine = said(replica)
        for name, value in expected.items():
            assert mine[name] == value, f"{name} after a restart at batch {end}"
        assert kept(folder) == kept(tmp_path / "whole")
        replica.close()
    whole.close()
