"""What is said before and after, how fast, and which exit code a report gives."""

from __future__ import annotations

import asyncio
import json
import shlex
import time
from dataclasses import replace
from pathlib import Path

import pytest

from merkat.cli import build_app
from merkat.cli import demo as command
from merkat.demo import words
from merkat.demo.pace import Pace
from merkat.demo.report import Report
from merkat.demo.run import Options, data_folder
from tests.unit.demo.test_report import GOOD

READY = {
    "url": "http://127.0.0.1:8000",
    "ws_url": "ws://127.0.0.1:8000/ws/api/v2",
    "client_id": "demo-you",
    "client_secret": "abc",
}


def test_six_lines_to_copy_next() -> None:
    lines = words.next_lines(7)
    assert len(lines) == words.NEXT_LINES
    app = build_app()
    for line in lines:
        program, *tokens = shlex.split(line)
        assert program == "merkat"
        command, bound, _ = app.parse_args(tokens, print_error=False, exit_on_error=False)
        assert command.__module__ == f"merkat.cli.{tokens[0]}", f"{line} is another command"
        assert bound.arguments
    assert words.next_lines(7, ".venv/bin/merkat")[0] == ".venv/bin/merkat demo --keep"


def test_a_kept_venue_says_the_lines_that_the_quick_start_pastes() -> None:
    lines = list(words.kept_lines(READY))
    assert "export MERKAT_URL=http://127.0.0.1:8000" in lines
    assert "export MERKAT_CLIENT_ID=demo-you" in lines
    assert "export MERKAT_CLIENT_SECRET=abc" in lines


def test_hosted_keys_are_said_loudly() -> None:
    assert "burner keys" in words.HOSTED
    assert words.HOSTED in list(words.kept_lines(READY))


def test_the_report_in_words_has_every_profit_and_both_roots() -> None:
    text = "\n".join(words.report_lines(GOOD))
    assert "-12.35 USD" in text
    assert text.count(GOOD.state_root.hex()) == 2


@pytest.mark.parametrize("as_json", [True, False])
def test_exit_codes(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    options = Options(seed=7)
    assert command._conclude(GOOD, options, as_json) == 0
    output = capsys.readouterr()
    assert output.err == ""
    if as_json:
        assert json.loads(output.out.splitlines()[-1])["seed"] == 7
    else:
        assert "Copy a line" in output.out


def test_canary_a_report_with_one_false_claim_is_exit_code_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    unpaid: Report = replace(GOOD, withdrawal_paid=False)
    assert command._conclude(unpaid, Options(seed=7), as_json=True) == 1
    output = capsys.readouterr()
    assert json.loads(output.out.splitlines()[-1])["withdrawal_paid"] is False
    assert "does not hold: the withdrawal was not paid" in output.err


@pytest.mark.parametrize(
    "arguments",
    [
        {"keep": True, "fast": True},
        {"keep": True, "evidence": Path("somewhere")},
        {"port": 65_536},
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    arguments: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.command(**arguments) == 2  # type: ignore[arg-type]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["data", "evidence"])
def test_a_folder_that_holds_something_is_refused(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "something").write_text("kept")
    assert command.command(**{name: tmp_path}) == 3  # type: ignore[arg-type]
    assert "is not empty" in capsys.readouterr().err
    assert (tmp_path / "something").read_text() == "kept"


def test_data_folders(tmp_path: Path) -> None:
    with data_folder(None) as made:
        assert made.is_dir()
    assert not made.exists(), "a temporary folder is taken away"
    with data_folder(tmp_path / "kept") as kept:
        (kept / "file").write_text("")
    assert (tmp_path / "kept" / "file").exists()
    with pytest.raises(FileExistsError, match="not empty"), data_folder(tmp_path / "kept"):
        pass


def test_the_pace_waits_only_where_people_watch() -> None:
    async def walk(pace: Pace) -> float:
        started_s = time.monotonic()
        for _ in range(5):
            await pace.step()
        await pace.read(0.01)
        return time.monotonic() - started_s

    assert asyncio.run(walk(Pace(0.02))) >= 0.04
    fast = Pace()
    fast.read = None  # type: ignore[assignment, method-assign]
    assert fast.step_s == 0.0
