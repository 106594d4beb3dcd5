"""Every change of any byte, name or number of files is found, and what broke is named."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest

from merkat.settlement.evidence import layout
from merkat.settlement.evidence.verify import verify_evidence
from tests.support.evidence_builder import Story, reseal

SEED = 20_260_104
FLIPS = 200


def files_of(folder: Path) -> list[str]:
    """The names of the folder's files that hold anything."""
    found = (file for file in folder.rglob("*") if file.is_file() and file.stat().st_size)
    return sorted(str(file.relative_to(folder)) for file in found)


def rules(folder: Path) -> set[tuple[str, str]]:
    """(rule, file) of everything that the verifier finds broken."""
    return {(error.rule, error.file) for error in verify_evidence(folder).broken}


def test_a_whole_folder_is_good_and_tells_its_figures(folder: Path, story: Story) -> None:
    verdict = verify_evidence(folder)
    assert verdict.good, [str(error) for error in verdict.broken]
    figures = verdict.figures
    assert len(story.journal) <= 300
    assert figures["log_number"] == len(story.journal)
    assert figures["batches"] == figures["final_batches"] == 3
    assert figures["liquidations"], "the story has a liquidation, or its records test nothing"
    assert figures["micro_ops_not_posted"], "the story has a tail that was not posted"
    assert figures["claims"] == 3
    claimed, withdrawn = figures["claimed"], figures["withdrawn"]
    assert claimed == withdrawn == ["1411000000", "0", "0", "0"], "all withdrawals were claimed"


def test_every_flipped_byte_is_found(folder: Path) -> None:
    """200 bytes, the same number from each file, each flipped to a random other value."""
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    names = files_of(folder)
    assert len(names) >= 10, names
    for flip in range(FLIPS):
        name = names[flip % len(names)]
        path = folder / name
        data = path.read_bytes()
        at, mask = chance.randrange(len(data)), chance.randrange(1, 256)
        path.write_bytes(data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :])
        broken = verify_evidence(folder).broken
        what = f"seed {SEED}, flip {flip}: byte {at} of {name} ^ {mask:#04x}"
        assert broken, f"{what} was not found"
        named = {error.file for error in broken}
        # Seal and manifest are two sides of one equation: which of them changed nobody can tell.
        expected = {layout.SEAL} if name == layout.MANIFEST else {name}
        assert named == expected, f"{what}: blamed {[str(error) for error in broken]}"
        path.write_bytes(data)
    assert verify_evidence(folder).good, "every byte was put back"


def test_a_flip_is_placed_where_the_file_can_tell(folder: Path) -> None:
    path = folder / layout.JOURNAL
    data = bytearray(path.read_bytes())
    data[30] ^= 1
    path.write_bytes(data)
    where = {error.rule: error.where for error in verify_evidence(folder).broken}
    assert where == {"V-05": "", "V-10": "record 1 at byte 0"}


@pytest.mark.parametrize("cut", [1, 50])
def test_truncated_files_are_found(folder: Path, cut: int) -> None:
    for name in files_of(folder):
        path = folder / name
        data = path.read_bytes()
        path.write_bytes(data[:-cut])
        assert verify_evidence(folder).broken, f"{name} without its last {cut} bytes was not found"
        path.write_bytes(data + b"\0" * cut)
        assert verify_evidence(folder).broken, f"{name} with {cut} zeros behind it was not found"
        path.write_bytes(data)


def test_missing_files_are_found(folder: Path) -> None:
    for path in [file for file in folder.rglob("*") if file.is_file()]:
        data = path.read_bytes()
        path.unlink()
        name = str(path.relative_to(folder))
        assert ("V-01", name) in rules(folder), f"{name} is missing and that was not found"
        path.write_bytes(data)


def test_unknown_files_and_folders_are_found(folder: Path) -> None:
    for name in ("notes.txt", ".hidden", "batches/readme", "batches/00000000000000000009.batch"):
        (folder / name).write_bytes(b"")
        assert rules(folder) == {("V-01", name)}
        (folder / name).unlink()
    (folder / "more").mkdir()
    assert rules(folder) == {("V-01", "more")}, "an empty folder is none of the evidence"
    (folder / "more").rmdir()
    (folder / "link").symlink_to(folder / layout.JOURNAL)
    assert rules(folder) == {("V-01", "link")}, "a link is no file of the evidence"


def test_an_unknown_file_is_refused_even_if_the_manifest_names_it(folder: Path) -> None:
    (folder / "notes.txt").write_bytes(b"all is well")
    reseal(folder)
    assert rules(folder) == {("V-01", "notes.txt")}


def test_swapped_files_are_found(folder: Path) -> None:
    first, second = (folder / layout.batch_file(index) for index in (1, 2))
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    assert {layout.batch_file(1), layout.batch_file(2)} <= {file for _, file in rules(folder)}
    reseal(folder)
    assert rules(folder) == {("V-30", layout.batch_file(1))}


@pytest.mark.parametrize("name", [layout.CHAIN, layout.PROOFS, layout.LIQUIDATIONS])
def test_reordered_lines_are_found(folder: Path, name: str) -> None:
    path = folder / name
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))
    reseal(folder)
    assert {file for _, file in rules(folder)} == {name}


@pytest.mark.parametrize("name", [layout.MANIFEST, layout.CHAIN, layout.PROOFS])
@pytest.mark.parametrize("how", ["spaces", "indent", "order", "number", "line feed", "capitals"])
def test_json_that_is_not_canonical_is_found(folder: Path, name: str, how: str) -> None:
    path = folder / name
    line, rest = path.read_bytes().split(b"\n", 1)
    value = json.loads(line)
    changed = {
        "spaces": json.dumps(value, sort_keys=True).encode() + b"\n",
        "indent": json.dumps(value, sort_keys=True, indent=1).encode() + b"\n",
        "order": json.dumps(dict(reversed(value.items())), separators=(",", ":")).encode() + b"\n",
        "number": re.sub(rb'"(\d+)"', rb"\1", line, count=1) + b"\n",
        "line feed": line + b"\r\n",
        "capitals": line.replace(b"0xa1a1", b"0xA1A1").replace(b"0x", b"0X", 1) + b"\n",
    }[how]
    assert changed != line + b"\n", "the change must change something"
    if name == layout.MANIFEST:
        path.write_bytes(changed + rest)
        (folder / layout.SEAL).write_bytes(layout.seal_of(path.read_bytes()))
    else:
        path.write_bytes(changed + rest)
        reseal(folder)
    found = rules(folder)
    assert found in ({("V-03", name)}, {("V-04", name)}), found


def test_duplicate_members_and_deep_nesting_are_refused() -> None:
    for text in (b'{"a":"1","a":"1"}\n', b"[" * 100_000 + b"]" * 100_000 + b"\n", b"\xff\n", b""):
        with pytest.raises(layout.EvidenceError, match="V-03"):
            layout.from_canonical(text, "x", "")
    assert layout.from_canonical(b'{"a":["1",true,null]}\n', "x", "") == {"a": ["1", True, None]}


def test_no_folder_is_no_verdict(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError):
        verify_evidence(tmp_path / "nothing")
