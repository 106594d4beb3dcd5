"""The corpus of cases that every reader of the rule book must agree with (tests/vectors).

The specification writes it; regenerating it must give the same bytes. It is data, not code: each
reader has a reader of its own.
"""

from __future__ import annotations

from pathlib import Path

from merkat.spec.rules import all_rules
from merkat.spec.vectors.build import build
from merkat.spec.vectors.files import read_cases, render


def write(directory: Path) -> int:
    """Write the corpus, remove files of families that are no more, return how many were written."""
    files = render(build())
    directory.mkdir(parents=True, exist_ok=True)
    for path in directory.glob("*.json"):
        if path.name not in files:
            path.unlink()
    for name, content in files.items():
        (directory / name).write_bytes(content)
    return len(files)


def check(directory: Path) -> list[str]:
    """Make the corpus in memory and return where the files differ from it; empty when nowhere."""
    files = render(build())
    differences = [
        f"{path.name}: no family of this name is made any more; delete it"
        for path in sorted(directory.glob("*.json"))
        if path.name not in files
    ]
    for name, content in sorted(files.items()):
        path = directory / name
        if not path.is_file():
            differences.append(f"{name}: missing; write it with merkat.spec.vectors.write")
        elif path.read_bytes() != content:
            differences.append(f"{name}: {_first_difference(path.read_bytes(), content)}")
    return differences


def _first_difference(found: bytes, made: bytes) -> str:
    """Say in which line (a case each) the file and the corpus as made now part."""
    old, new = found.splitlines(), made.splitlines()
    for number, (before, after) in enumerate(zip(old, new, strict=False), start=1):
        if before != after:
            return f"line {number} differs from what the specification gives now"
    return f"{len(old)} lines, the specification gives {len(new)} now"


def corpus_cases(directory: Path) -> dict[str, tuple[int, int]]:
    """Return {rule id: (accepting cases, refusing cases)} of the corpus in a directory.

    Every rule of the registry has an entry, (0, 0) where no case meets it.
    """
    cases = read_cases(directory)
    return {
        rule.id: (
            sum(rule.id in case["rules"]["accepted"] for case in cases),
            sum(rule.id in case["rules"]["refused"] for case in cases),
        )
        for rule in all_rules()
    }
