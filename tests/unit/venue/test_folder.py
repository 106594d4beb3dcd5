"""A venue's data folder: its state, its lock, its key; strangers are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from merkat.sdk.keys import derive_secret
from merkat.venue.folder import READY, SETTING_UP, FolderError, Settings, VenueFolder

SETTINGS = Settings(virtual_clock=True, demo=False, block_seconds=3)


def test_a_folder_goes_from_new_to_ready(tmp_path: Path) -> None:
    with VenueFolder(tmp_path / "data") as folder:
        assert folder.state() is None
        folder.begin(SETTINGS, b"{}", seed=None)
        assert folder.state() == SETTING_UP
        assert folder.settings() == SETTINGS
        folder.finish(SETTINGS, 77)
        secret = folder.secret()
    with VenueFolder(tmp_path / "data") as folder:
        assert folder.state() == READY
        assert (folder.settings(), folder.start_ns()) == (SETTINGS, 77)
        assert folder.secret() == secret, "the key is kept"
        assert folder.scene.read_bytes() == b"{}"
    assert (tmp_path / "data" / "sequencer.key").stat().st_mode & 0o777 == 0o600


def test_a_seed_gives_the_key_and_chance_another_each_time(tmp_path: Path) -> None:
    secrets = []
    for name, seed in (("a", 7), ("b", 7), ("c", None), ("d", None)):
        with VenueFolder(tmp_path / name) as folder:
            folder.begin(SETTINGS, b"{}", seed)
            secrets.append(folder.secret())
    assert secrets[0] == secrets[1] == derive_secret(7, "sequencer")
    assert len(set(secrets)) == 3


def test_two_venues_cannot_have_one_folder(tmp_path: Path) -> None:
    with VenueFolder(tmp_path), pytest.raises(FolderError, match="another venue has it open"):
        VenueFolder(tmp_path)
    VenueFolder(tmp_path).close()


def test_a_set_up_begins_again_without_what_the_last_one_left(tmp_path: Path) -> None:
    with VenueFolder(tmp_path) as folder:
        folder.begin(SETTINGS, b"{}", seed=1)
        secret = folder.secret()
        for directory in (folder.venue, folder.chain):
            directory.mkdir()
            (directory / "file").write_bytes(b"half")
        folder.begin_again()
        assert not folder.venue.exists()
        assert not folder.chain.exists()
        assert folder.secret() == secret, "the key stays"


def test_somebody_elses_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with VenueFolder(tmp_path) as folder, pytest.raises(FolderError, match=r"thesis.tex: there"):
        folder.state()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "no JSON"),
        ("[]", "not of this version"),
        ('{"format": 2, "state": "ready"}', "not of this version"),
        ('{"format": 1, "state": "half"}', "not of this version"),
    ],
)
def test_a_damaged_state_is_refused(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "up.json").write_text(content)
    with VenueFolder(tmp_path) as folder, pytest.raises(FolderError, match=says):
        folder.state()


def test_settings_and_key_that_are_gone_are_named(tmp_path: Path) -> None:
    with VenueFolder(tmp_path) as folder:
        folder.begin(SETTINGS, b"{}", seed=1)
        folder.finish(SETTINGS, 5)
        up = tmp_path / "up.json"
        content = json.loads(up.read_text())
        del content["demo"]
        content["start_ns"] = "x"
        up.write_text(json.dumps(content))
        with pytest.raises(FolderError, match="demo"):
            folder.settings()
        with pytest.raises(FolderError, match="start_ns is 'x'"):
            folder.start_ns()
        for wrong in ("zz", "00" * 32, "ff" * 32, "01"):
            (tmp_path / "sequencer.key").write_text(wrong)
            with pytest.raises(FolderError, match="no key"):
                folder.secret()
