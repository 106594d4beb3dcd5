"""Plants a fault in a copy of merkat and lets the corpus judge it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READER = Path(__file__).with_name("read_corpus.py")
MUTANTS_FOLDER = ROOT / "target" / "mutants"
WORKSPACE_FILES = ("Cargo.toml", "Cargo.lock")
WORKSPACE_FOLDERS = ("crates", ".cargo", "tests/vectors")
KILLED = 1
CASE_LINE = re.compile(r"^(\S+) \(.*\): ", re.MULTILINE)


@dataclass(frozen=True)
class Mutant:
    """A piece of source that is replaced by another.

    Attributes:
        name: what is wrong, in a few words.
        rule: the rule or section of docs/spec that the fault breaks.
        path: the file, below the root of merkat.
        old: a piece of its source that stands there exactly once.
        new: what takes its place.
    """

    name: str
    rule: str
    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Verdict:
    """Whether the corpus noticed, and by which case; `broken` when it could not be asked."""

    killed: bool
    by: str = ""
    broken: str = ""


def mutated(source: str, mutant: Mutant) -> str:
    """Return the source with the fault; ValueError unless its place stands there exactly once."""
    count = source.count(mutant.old)
    if count != 1:
        raise ValueError(
            f"mutant '{mutant.name}': {mutant.old!r} stands {count} times in {mutant.path}, "
            "expected once; the source has moved on, so the mutant must too"
        )
    return source.replace(mutant.old, mutant.new)


# The specification: a copy of the package, read by a process of its own


def judge_specification(mutant: Mutant | None) -> Verdict:
    """Return what the corpus says of a copy of the specification with this fault, or without."""
    with tempfile.TemporaryDirectory(prefix="merkat-mutant-") as name:
        folder = Path(name)
        package = folder / "merkat"
        package.mkdir()
        shutil.copytree(
            ROOT / "src" / "merkat" / "spec",
            package / "spec",
            ignore=shutil.ignore_patterns("__pycache__", "vectors"),
        )
        shutil.copy(ROOT / "src" / "merkat" / "__init__.py", package)
        (core,) = (ROOT / "src" / "merkat").glob("_core*.so")
        (package / core.name).symlink_to(core)
        if mutant is not None:
            path = folder / Path(mutant.path).relative_to("src")
            path.write_text(mutated(path.read_text("utf-8"), mutant), "utf-8")
        return _read_with(folder)


def _read_with(folder: Path) -> Verdict:
    command = [sys.executable, str(READER), str(folder), str(ROOT / "tests" / "vectors")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode == 0:
        return Verdict(killed=False)
    if done.returncode == KILLED:
        return Verdict(killed=True, by=done.stdout.strip())
    return Verdict(killed=False, broken=(done.stdout + done.stderr)[-2_000:])


# The engine: a copy of the workspace with a target folder of its own, kept between runs


def judge_engine(mutant: Mutant | None) -> Verdict:
    """Return what the corpus says of a copy of the workspace with this fault, or without.

    The copy lies under target/mutants, so that its dependencies are compiled once.
    """
    source = MUTANTS_FOLDER / "source"
    _synchronise(source)
    if mutant is None:
        return _test_engine(source)
    path = source / mutant.path
    good = path.read_text("utf-8")
    path.write_text(mutated(good, mutant), "utf-8")
    try:
        return _test_engine(source)
    finally:
        path.write_text(good, "utf-8")


def _synchronise(source: Path) -> None:
    """Make the copy equal to the workspace; what is equal keeps its time, so it stays compiled."""
    wanted = {ROOT / name for name in WORKSPACE_FILES}
    for folder in WORKSPACE_FOLDERS:
        wanted |= {path for path in (ROOT / folder).rglob("*") if path.is_file()}
    kept = set()
    for path in wanted:
        copy = source / path.relative_to(ROOT)
        kept.add(copy)
        content = path.read_bytes()
        if not copy.is_file() or copy.read_bytes() != content:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
    for path in source.rglob("*"):
        if path.is_file() and path not in kept:
            path.unlink()


def _test_engine(source: Path) -> Verdict:
    environment = os.environ | {
        "CARGO_TARGET_DIR": str(MUTANTS_FOLDER / "build"),
        # Compiled in a hurry: it is run once.
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "CARGO_PROFILE_RELEASE_OPT_LEVEL": "1",
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
        "CARGO_PROFILE_RELEASE_DEBUG": "0",
        "CARGO_PROFILE_RELEASE_INCREMENTAL": "true",
    }
    command = ["cargo", "test", "--release", "-p", "merkat-engine", "--test", "vectors"]
    done = subprocess.run(
        command, cwd=source, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return Verdict(killed=False)
    if "test result: FAILED" not in done.stdout:
        return Verdict(killed=False, broken=(done.stdout + done.stderr)[-2_000:])
    cases = CASE_LINE.findall(done.stdout)
    return Verdict(killed=True, by=", ".join(cases[:3]) or "the test program broke")
