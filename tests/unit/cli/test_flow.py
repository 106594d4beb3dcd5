"""`merkat flow`: arguments, bad input and exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from merkat.cli import flow


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (bytes(23), "not a multiple of 24"),
        (b"\x09" + bytes(23), "record 0: kind is 9"),
        (bytes(24), "record 0: identifier is 0"),
    ],
)
def test_what_is_no_tape_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    path = tmp_path / "some.tape"
    path.write_bytes(content)
    assert flow.command(path, spec=False) == 3
    assert message in capsys.readouterr().err


def test_what_is_no_market_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "orders.csv.xz"
    path.write_bytes(b"id,price\n1,2\n")
    assert flow.command(path, spec=False) == 3
    assert "not an xz-compressed CSV file" in capsys.readouterr().err


def test_absent_files_and_folders_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert flow.command(tmp_path / "absent") == 3
    assert "no such file" in capsys.readouterr().err
    assert flow.command(tmp_path) == 3
    assert "is a folder" in capsys.readouterr().err


def test_a_folder_that_holds_something_is_not_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kept").write_text("kept")
    assert flow.command(data=tmp_path, limit=1, spec=False) == 3
    assert "not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prefill": -1}, "--prefill is -1"),
        ({"limit": -1}, "--limit is -1"),
        ({"prefill": 5}, "belongs to a tape"),
    ],
)
def test_arguments_that_do_not_fit_are_a_usage_error(
    capsys: pytest.CaptureFixture[str], arguments: dict[str, int], message: str
) -> None:
    assert flow.command(**arguments) == 2  # type: ignore[arg-type]
    assert message in capsys.readouterr().err


def test_a_prefill_longer_than_the_tape_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "short.tape"
    path.write_bytes(bytes([0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]) + bytes(7))
    assert flow.command(path, prefill=2) == 3
    assert "fewer than the prefill" in capsys.readouterr().err


def test_options_and_chains_have_a_place_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chain, tape = tmp_path / "chain.csv.gz", tmp_path / "some.tape"
    assert flow.command(tape, options=chain) == 2
    assert "--options stands beside a market file" in capsys.readouterr().err
    assert flow.command(options=chain) == 2
    assert flow.command(tmp_path / "a.csv.xz", options=chain, anchor=True) == 2
    assert flow.command(tape, chains=tmp_path) == 2
    assert "--chains is a flow of its own" in capsys.readouterr().err
    assert flow.command(chains=tmp_path, anchor=True) == 2


def test_absent_chains_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert flow.command(chains=tmp_path / "absent") == 3
    assert "--chains" in capsys.readouterr().err
    assert flow.command(chains=tmp_path) == 3
    assert "expected recorded option chains" in capsys.readouterr().err
    plain = tmp_path / "plain"
    plain.write_text("x")
    assert flow.command(chains=plain) == 3
    assert "is a file" in capsys.readouterr().err
    market = tmp_path / "a.csv.xz"
    market.write_text("x")
    assert flow.command(market, options=tmp_path / "absent") == 3
    assert "--options" in capsys.readouterr().err
    assert flow.command(market, options=plain) == 3
    assert "not a gzip-compressed CSV" in capsys.readouterr().err


def test_a_file_that_begins_like_a_futures_recording_is_taken_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "some.tape"
    path.write_bytes(b"DBN" + bytes(21))
    assert flow.command(path) == 3
    assert "not a DBN file" in capsys.readouterr().err


def test_without_numpy_chains_say_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("merkat.oracle.extra.find_spec", lambda name: None)
    assert flow.command(chains=tmp_path) == 4
    assert "pip install 'merkat[calibration]'" in capsys.readouterr().err
