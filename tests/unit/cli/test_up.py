"""`merkat up`: what it refuses before anything runs. What it does runs in tests/scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest

from merkat.cli import command_names, up


def test_it_is_a_command() -> None:
    assert "up" in command_names()


@pytest.mark.parametrize(
    ("port", "block_seconds", "says"),
    [
        (-1, 12, "port is -1; expected 0 to 65535"),
        (65_536, 12, "port is 65536"),
        (0, 0, "block-seconds is 0; expected 1 to 3600"),
        (0, 3_601, "block-seconds is 3601"),
    ],
)
def test_arguments_that_do_not_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], port: int, block_seconds: int, says: str
) -> None:
    code = up.command(data=tmp_path / "data", port=port, block_seconds=block_seconds)
    assert code == 2
    assert says in capsys.readouterr().err
    assert not (tmp_path / "data").exists(), "nothing is made"


def test_a_new_folder_needs_a_scene(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert up.command(data=tmp_path / "data") == 3
    assert "is new; name a --scene" in capsys.readouterr().err


def test_a_wrong_scene_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = tmp_path / "scene.json"
    scene.write_text('{"groups": [{"underlying": "DOGE"}]}')
    assert up.command(data=tmp_path / "data", scene=scene) == 3
    said = capsys.readouterr().err
    assert "groups[0].underlying: was DOGE, expected one of BTC, ETH" in said
