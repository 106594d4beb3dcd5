"""`merkat tape`: the file, the last line of JSON, and the exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from merkat.cli import tape
from merkat.tapes import records


def test_a_tape_is_written_and_described(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "quotes.tape"
    assert tape.command("itch", path, seed=3, operations=50, prefill=20, json=True) == 0
    described = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert described == {
        "kind": "ITCH",
        "seed": 3,
        "records": 70,
        "prefill": 20,
        "bytes": 70 * records.RECORD_BYTES,
    }
    assert len(list(records.read(path))) == 70


def test_an_unknown_kind_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tape.command("none", tmp_path / "x") == 2
    assert "EC, ITCH, DEEP" in capsys.readouterr().err, "the error must name the kinds"


def test_a_folder_that_is_absent_is_the_environment_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tape.command("EC", tmp_path / "absent" / "x", operations=1, prefill=1) == 4
    assert "absent" in capsys.readouterr().err, "the error must name the file"
