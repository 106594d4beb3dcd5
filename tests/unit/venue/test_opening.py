"""Opening a venue's folder: set up, gone on with, set up again; large scenes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from merkat.sdk import commands
from merkat.sequencer.admission import Command
from merkat.settlement.contracts import abi
from merkat.settlement.custody import Custody
from merkat.venue.clock import ClockError, VirtualClock
from merkat.venue.folder import FolderError, Settings, VenueFolder
from merkat.venue.opening import Opened, open_venue
from merkat.venue.scene import SceneError

START_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
SETTINGS = Settings(virtual_clock=True, demo=True, block_seconds=6)
OWNERS = [f"0x{number:040x}" for number in (5, 6, 7)]


def scene_file(directory: Path, **changes: Any) -> Path:
    scene = {
        "start_ns": START_NS,
        "groups": [
            {
                "underlying": "BTC",
                "nodes": ["0x" + "0b" * 20],
                "threshold": 1,
                "risk": True,
                "fund": "1000",
                "listings": ["BTC_USDC-PERPETUAL"],
            }
        ],
        "deposits": [{"owner": owner, "amount": "100"} for owner in OWNERS],
        **changes,
    }
    path = directory / "scene.json"
    path.write_text(json.dumps(scene))
    return path


def opened(folder: VenueFolder, scene: Path | None, settings: Settings = SETTINGS) -> Opened:
    return open_venue(folder, scene, settings, seed=1)


def close(venue: Opened) -> None:
    venue.custody.close()
    venue.sequencer.close()


def test_a_scene_becomes_a_venue_and_is_gone_on_with(tmp_path: Path) -> None:
    with VenueFolder(tmp_path / "data") as folder:
        venue = opened(folder, scene_file(tmp_path))
        assert not venue.resumed
        digests = venue.sequencer.digests()
        assert digests.log_number == 8, "limits, group, risk, listing, fund, three deposits"
        owners = [bytes.fromhex(owner[2:]) for owner in OWNERS]
        assert [venue.signers.expected(account, 0) for account in (1, 2, 3)] == owners
        assert venue.owners == set(owners)
        assert venue.custody.chain.balance(owners[0]) > 0, "a demo's owners have ether"
        first_slot = venue.custody.next_ns
        assert first_slot == START_NS + 6_000_000_000
        close(venue)
    with VenueFolder(tmp_path / "data") as folder:
        venue = opened(folder, None)
        assert venue.resumed
        assert venue.sequencer.digests() == digests
        assert isinstance(venue.clock, VirtualClock)
        assert venue.clock.now_ns() == START_NS
        assert venue.custody.next_ns == first_slot
        assert venue.signers.expected(3, 0) == owners[2]
        assert venue.custody.committer.figures.inbox_cursor == 8
        close(venue)


def times_until(custody: Custody, limit_s: int) -> list[tuple[int, int]]:
    """Advance to a second after the start; returns (second, items) of each step."""
    steps: list[tuple[int, int]] = []
    while not steps or steps[-1][0] < limit_s:
        items, reached_ns = custody.advance_to_due(START_NS + limit_s * SECOND_NS)
        steps.append(((reached_ns - START_NS) // SECOND_NS, len(items)))
    return steps


def test_a_jump_stops_where_something_is_due(tmp_path: Path) -> None:
    """Slots of 6 s; a batch is due after 10 s, its window ends after an hour."""
    with VenueFolder(tmp_path / "data") as folder:
        venue = opened(folder, scene_file(tmp_path))
        custody = venue.custody
        assert times_until(custody, 3_700) == [(12, 0), (3_600, 0), (3_696, 0), (3_700, 0)]
        assert custody.contracts.read("Anchor", "lastFinal") == 1
        blocks = custody.chain.block_number()
        assert times_until(custody, 3_701) == [(3_701, 0)], "no slot is between"
        assert custody.chain.block_number() == blocks
        owner = bytes.fromhex(OWNERS[0][2:])
        custody.deposit(commands.deposit(owner, 9_000_000, 1))
        taken = times_until(custody, 4_000)
        assert taken == [(3_702, 0), (3_708, 0), (3_714, 1), (3_996, 0), (4_000, 0)]
        assert custody.next_ns == START_NS + 4_002 * SECOND_NS, "the slots stay where they are"
        close(venue)


def test_a_half_set_up_is_done_again_from_the_kept_scene(tmp_path: Path) -> None:
    scene = scene_file(tmp_path)
    with VenueFolder(tmp_path / "whole") as folder:
        whole = opened(folder, scene)
        digests = whole.sequencer.digests()
        close(whole)
    with VenueFolder(tmp_path / "half") as folder:
        folder.begin(SETTINGS, scene.read_bytes(), seed=1)
        for directory in (folder.venue, folder.chain):
            directory.mkdir()
            (directory / "journal-half").write_bytes(b"cut")
        venue = opened(folder, None, Settings(False, False, 12))
        assert not venue.resumed
        assert venue.sequencer.digests() == digests
        assert venue.settings == SETTINGS, "those of the first start"
        close(venue)


def test_a_large_scene_goes_through_the_timelock_in_parts(tmp_path: Path) -> None:
    strikes = range(40_000, 140_000, 1_000)
    listings = [f"BTC_USDC-25DEC26-{strike}-{kind}" for strike in strikes for kind in "CP"]
    scene = scene_file(tmp_path, groups=[])
    content = json.loads(scene.read_text())
    content["groups"] = [
        {
            "underlying": "BTC",
            "nodes": ["0x" + "0b" * 20],
            "threshold": 1,
            "risk": True,
            "listings": ["BTC_USDC-PERPETUAL", *listings],
        }
    ]
    scene.write_text(json.dumps(content))
    with VenueFolder(tmp_path / "data") as folder:
        venue = opened(folder, scene)
        chain = venue.custody.chain
        timelock = venue.custody.contracts.addresses.timelock
        topic = abi("TimelockController").topic("CallExecuted")
        logs = chain.logs(timelock, 0, chain.block_number())
        executed = [log for log in logs if log.topics[0] == topic]
        assert len({log.transaction_hash for log in executed}) > 1
        assert venue.sequencer.log_number == 3 + 1 + len(listings) + len(OWNERS)
        close(venue)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    scene = scene_file(tmp_path)
    with VenueFolder(tmp_path / "data") as folder:
        with pytest.raises(FolderError, match="name a --scene"):
            opened(folder, None)
        bad = tmp_path / "bad.json"
        bad.write_text("{}")
        with pytest.raises(SceneError, match=r"bad.json: groups: was absent"):
            opened(folder, bad)
        assert folder.state() is None, "a wrong scene begins nothing"
        close(opened(folder, scene, Settings(False, False, 12)))
    with VenueFolder(tmp_path / "data") as folder:
        with pytest.raises(FolderError, match="leave --scene out"):
            opened(folder, scene)
        for flag, settings in (
            ("--virtual-clock", Settings(True, False, 12)),
            ("--demo", Settings(False, True, 12)),
        ):
            with pytest.raises(FolderError, match=f"was set up without {flag}"):
                opened(folder, None, settings)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"limits": {"open_orders_account": 5_000}}, "limits: refused by rule"),
        ({"band": 1}, r"groups\[0\].parameters: refused by rule"),
        ({"start_ns": 1_800_000_000_000_000_000}, r"groups\[0\].listings\[1\]: refused by rule"),
    ],
)
def test_what_the_rules_refuse_is_refused_before_anything_is_made(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    scene = scene_file(tmp_path)
    content = json.loads(scene.read_text())
    content["groups"][0]["listings"].append("BTC_USDC-25DEC26")
    if "band" in changes:
        content["groups"][0]["parameters"] = changes
    else:
        content.update(changes)
    scene.write_text(json.dumps(content))
    with VenueFolder(tmp_path / "data") as folder:
        with pytest.raises(SceneError, match=says):
            opened(folder, scene)
        assert folder.state() is None


def test_a_journal_of_the_future_is_refused(tmp_path: Path) -> None:
    scene = scene_file(tmp_path)
    settings = Settings(False, False, 12)
    with VenueFolder(tmp_path / "data") as folder:
        venue = opened(folder, scene, settings)
        future_ns = venue.clock.now_ns() + 60_000_000_000
        venue.sequencer.submit([Command(future_ns, commands.tick())])
        close(venue)
    with (
        VenueFolder(tmp_path / "data") as folder,
        pytest.raises(ClockError, match=r"60 s behind the journal|59 s behind the journal"),
    ):
        opened(folder, None, settings)
