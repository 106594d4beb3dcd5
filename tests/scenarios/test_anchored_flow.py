"""`merkat flow --anchor` end to end: in, trades, out by proof and by force, a kill, a rebuild."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from merkat.flow import kill
from merkat.sequencer import venue_file
from merkat.sequencer.reading import open_reading, replay
from merkat.settlement.custody import Custody

ROWS = "150"


def merkat(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the `merkat` command in a process of its own."""
    command = [sys.executable, "-c", "from merkat.cli import main; main()"]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False
    )


@dataclass(frozen=True)
class Played:
    """A finished flow: its folders and its JSON object."""

    data: Path
    evidence: Path
    described: dict[str, Any]
    told: str


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    folder = tmp_path_factory.mktemp("anchored")
    data, evidence = folder / "data", folder / "evidence"
    result = merkat(
        *("flow", "--anchor", "--limit", ROWS, "--data", data, "--evidence", evidence, "--json")
    )
    assert result.returncode == 0, f"the anchored flow failed: {result.stderr}"
    return Played(data, evidence, json.loads(result.stdout.splitlines()[-1]), result.stderr)


def test_roots_and_sums_are_equal(played: Played) -> None:
    told = played.described
    assert told["anchored_root"] == told["rebuilt_root"] == told["state_root"]
    assert told["claimed"] == told["withdrawn"] > 0, "someone withdrew, and was paid all of it"
    assert told["batches"] > 1
    assert told["micro_ops"] > told["fills"] > 0
    assert told["bytes_per_fill"] == round(told["batch_bytes"] / told["fills"], 1)
    assert told["spec_agrees"] is True
    assert told["events"]["forced_withdrawn"] == 1


def test_the_story_is_told_and_the_kill_changed_nothing(played: Played) -> None:
    for step in ("deposit", "trades", "batches", "final", "claims", "forced", "kill -9"):
        assert f"\n{step}" in "\n" + played.told, f"the story lacks {step}: {played.told}"
    killed = played.described["killed"]
    assert killed["good"] is True
    assert killed["reached"] == killed["recovered"]
    assert killed["reached"]["log_number"] > played.described["commands"], "the child worked"


def test_the_chain_alone_gives_the_root(played: Played, tmp_path: Path) -> None:
    chain = tmp_path / "chain"
    shutil.copytree(played.data / "chain", chain)
    result = merkat("rebuild", "--chain", chain, "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["rebuilt_root"] == told["anchored_root"] == played.described["state_root"]
    assert told["micro_ops"] == played.described["micro_ops"]


def test_rebuild_refuses_what_is_no_chain(played: Played, tmp_path: Path) -> None:
    for place in (tmp_path / "absent", tmp_path, played.data / "venue"):
        result = merkat("rebuild", "--chain", place)
        assert result.returncode == 3, f"{place} is no chain: {result.stderr}"
        assert "merkat: --chain" in result.stderr


def test_the_evidence_is_good(played: Played) -> None:
    result = merkat("verify", "--evidence", played.evidence, "--json")
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout.splitlines()[-1])
    assert told["good"] is True
    assert told["anchored_root"] == played.described["anchored_root"]
    assert told["claimed"][0] == str(played.described["claimed"])


def test_the_folder_replays_as_any_other(played: Played) -> None:
    venue = played.data / "venue"
    with open_reading(venue, venue_file.read(venue)) as reading:
        digests = replay(reading, from_snapshot=True).digests
    assert "0x" + digests.state_root.hex() == played.described["state_root"]


def test_a_lie_about_what_was_reached_is_found(played: Played, tmp_path: Path) -> None:
    for name in (kill.VENUE, kill.CHAIN):
        shutil.copytree(played.data / name, tmp_path / name)
    custody = Custody.resume(tmp_path / kill.CHAIN)
    sequencer, _ = kill.go_on(tmp_path / kill.VENUE, custody, seed=1)
    digests = sequencer.digests()
    sequencer.close()
    block = custody.chain.block(custody.chain.block_number())
    assert block is not None
    custody.close()
    true = kill.Reached(
        digests.log_number,
        digests.state_root.hex(),
        digests.venue_digest.hex(),
        block.number,
        block.hash.hex(),
        1,
    )
    assert kill.recover(tmp_path, 1, 0, true).good
    lie = kill.Reached(**{**vars_of(true), "state_root": "00" * 32})
    assert not kill.recover(tmp_path, 1, 0, lie).good, "a lost state would be noticed"


def vars_of(reached: kill.Reached) -> dict[str, Any]:
    return {name: getattr(reached, name) for name in kill.Reached.__slots__}


@pytest.mark.parametrize("option", [["--blobs"], ["--evidence", "somewhere"]])
def test_options_of_the_chain_need_anchor(option: list[str]) -> None:
    result = merkat("flow", *option)
    assert result.returncode == 2
    assert "--blobs and --evidence belong to --anchor" in result.stderr


def test_a_folder_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "something").write_text("there", "utf-8")
    result = merkat("flow", "--anchor", "--limit", "5", "--data", tmp_path)
    assert result.returncode == 3
    assert "is not empty" in result.stderr
