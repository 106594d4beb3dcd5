"""`merkat replay`: digests, explanations, a torn tail, damage in the middle, another venue."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from merkat.cli import flow, replay
from merkat.sequencer import venue_file
from merkat.sequencer.reading import open_reading

ROWS = 900
SECTOR_BYTES = 512


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one segment and some snapshots."""
    folder = tmp_path_factory.mktemp("replay") / "venue"
    options = {"segment_bytes": 1 << 20, "snapshot_every": 300, "spec": False}
    assert flow.command(data=folder, limit=ROWS, json=True, **options) == 0  # type: ignore[arg-type]
    return folder


@pytest.fixture
def folder(played: Path, tmp_path: Path) -> Path:
    """A copy of the data folder that a test may damage."""
    return Path(shutil.copytree(played, tmp_path / "venue"))


def replayed(
    folder: Path, capsys: pytest.CaptureFixture[str], upto: int | None = None
) -> dict[str, object]:
    capsys.readouterr()
    assert replay.command(folder, upto=upto, json=True) == 0
    result: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return result


def written_bytes(segment: Path) -> int:
    """Return where the zeros of a segment begin."""
    return len(segment.read_bytes().rstrip(b"\0"))


def test_genesis_and_snapshot_come_to_the_same_digests(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = replayed(folder, capsys)
    assert result["equal"] is True
    assert int(str(result["snapshot_log_number"])) > 0, "the replay must have used a snapshot"
    assert result["snapshot_state_root"] == result["state_root"]
    earlier = replayed(folder, capsys, upto=700)
    assert earlier["log_number"] == 700
    assert earlier["state_root"] != result["state_root"]


def explained(
    folder: Path, capsys: pytest.CaptureFixture[str], log_number: int
) -> dict[str, object]:
    capsys.readouterr()
    assert replay.command(folder, explain=log_number, json=True) == 0
    result: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return result


def test_a_command_is_explained_with_rules_events_and_numbers(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    domain = venue_file.read(folder)
    with open_reading(folder, domain) as reading:
        place = next(
            record for record in reading.records(200, reading.head) if record.command[1] == 1
        )
    result = explained(folder, capsys, place.log_number)
    assert result["log_number"] == place.log_number
    rules = result["rules"]
    assert isinstance(rules, list)
    assert {"C-01", "C-03", "C-04", "O-01"} <= {rule["id"] for rule in rules}
    assert result["events"], "a command gives at least one event"
    assert result["changes"], "a signed command changes at least its account's nonces"
    assert replay.command(folder, explain=place.log_number) == 0
    assert "C-03" in capsys.readouterr().out


def test_a_number_beyond_the_journal_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay.command(folder, explain=10**6) == 3
    assert "this journal holds the commands 1 to" in capsys.readouterr().err


def test_a_torn_tail_is_cut_with_a_message(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = replayed(folder, capsys)
    assert whole["recovery"] == "", "nothing was torn yet"
    segment = folder / "journal-00000000000000000001.seg"
    with segment.open("r+b") as file:
        end = -(-written_bytes(segment) // SECTOR_BYTES) * SECTOR_BYTES
        file.seek(end - SECTOR_BYTES)
        file.write(bytes(SECTOR_BYTES))
    result = replayed(folder, capsys)
    assert result["recovery"], "a cut must be told"
    assert int(str(result["log_number"])) < int(str(whole["log_number"]))
    expected = replayed(folder, capsys, upto=int(str(result["log_number"])))
    assert expected["state_root"] == result["state_root"]


def test_a_flipped_byte_in_the_middle_refuses_and_names_segment_and_offset(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    segment = folder / "journal-00000000000000000001.seg"
    at = written_bytes(segment) // 2
    with segment.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x20]))
    capsys.readouterr()
    assert replay.command(folder, json=True) == 3
    message = capsys.readouterr().err
    assert segment.name in message, message
    assert "damaged at byte" in message, message


def test_the_journal_of_another_venue_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / venue_file.NAME
    content = json.loads(path.read_text(encoding="utf-8"))
    content["salt"] = "0x" + "11" * 32
    path.write_text(json.dumps(content), encoding="utf-8")
    assert replay.command(folder, json=True) == 3
    assert "another salt" in capsys.readouterr().err


def test_a_folder_without_a_venue_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay.command(tmp_path) == 3
    assert "venue.json" in capsys.readouterr().err
    assert replay.command(tmp_path / "absent") == 3
    assert "no such folder" in capsys.readouterr().err
