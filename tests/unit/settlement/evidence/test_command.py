"""`merkat verify`: exit codes, what it names, and a balance proved hash by hash."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from merkat.settlement.evidence import layout
from tests.support.evidence_builder import Story


def merkat(*arguments: str | int | Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a fresh interpreter."""
    program = "from merkat.cli import main; main()"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_good_folder(folder: Path, story: Story) -> None:
    result = merkat("verify", "--evidence", folder, "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["good"] is True
    assert told["broken"] == []
    assert told["state_root"] == "0x" + story.market.venue.state_root().hex()
    assert told["log_number"] == len(story.journal)


def test_a_broken_folder_names_what_broke(folder: Path) -> None:
    path = folder / layout.batch_file(2)
    data = bytearray(path.read_bytes())
    data[200] ^= 4
    path.write_bytes(data)
    result = merkat("verify", "--evidence", folder, "--json")
    assert result.returncode == 1, result.stderr
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["good"] is False
    assert told["broken"][0]["file"] == layout.batch_file(2)
    assert told["broken"][0]["rule"] == "V-05"
    assert "broken: V-05 file_hash: batches/" in result.stderr, "people are told too"
    assert merkat("verify", 1, "--evidence", folder).returncode == 1, "no proof from such a folder"


def test_an_account_is_proved_hash_by_hash(folder: Path, story: Story) -> None:
    result = merkat("verify", 2, "--evidence", folder, "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["batch"] == 3, "the newest batch"
    assert len(told["steps"]) == 1 + 28 + 1
    root = "0x" + story.sealed[2].root.hex()
    assert told["steps"][-1]["hash"] == told["anchored_root"] == root
    older = merkat("verify", 2, "--evidence", folder, "--batch", 1)
    assert older.returncode == 0, older.stderr
    assert f"0x{story.sealed[0].root.hex()}" in older.stdout.splitlines()[-2]


def test_wrong_arguments_and_missing_input(folder: Path, tmp_path: Path) -> None:
    usage: list[tuple[str | Path, ...]] = [
        ("verify",),
        ("verify", "--evidence", folder, "--chain", folder),
        ("verify", "--chain", folder),
        ("verify", "--evidence", folder, "--batch", "1"),
        ("verify", "0", "--evidence", folder),
        ("verify", "--no-such-option"),
    ]
    for arguments in usage:
        assert merkat(*arguments).returncode == 2, arguments
    refused: list[tuple[str | Path, ...]] = [
        ("verify", "--evidence", tmp_path / "nothing"),
        ("verify", "9999", "--evidence", folder),
        ("verify", "1", "--evidence", folder, "--batch", "9"),
        ("verify", "1", "--chain", tmp_path / "nothing"),
    ]
    for arguments in refused:
        result = merkat(*arguments)
        assert result.returncode == 3, (arguments, result.stderr)
        assert result.stderr.startswith("merkat: "), result.stderr
