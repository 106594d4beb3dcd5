"""Runs a page of the documentation as written: its blocks in order, in a folder of their own.

The words behind a block's language say how:

    sh              bash, stops at the first failure; exports reach the blocks after it
    sh fails        the last command must fail
    sh once         done once in a clone (a build); not run
    sh background   a server in a terminal of its own: the test's own venue stands in for it
    sh printed      exports as the server prints them: their values are those of the test's venue
    python          all of a page together, as one program, after the blocks of bash before them
    python file=F   written to F
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
BLOCK: Final = re.compile(r"^```(sh|python)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXPORT: Final = re.compile(r"^export (\w+)=", re.MULTILINE)
BLOCK_S_MAX: Final = 180.0
_DUMP: Final = "\nenv -0 > .environment\n"


class PageError(AssertionError):
    """A block of a page does not do what the page says; the message has page, line and output."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block: language, how it is run, its line in the page, its text."""

    language: str
    how: str
    line: int
    text: str


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page that are for a machine."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[1], found[2].strip(), text[: found.start(3)].count("\n"), found[3])
        for found in BLOCK.finditer(text)
    ]


class Reader:
    """Somebody who follows a page with nothing but the venue's three variables."""

    def __init__(self, folder: Path, venue: dict[str, str]) -> None:
        self.folder = folder
        self.venue = venue
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("MERKAT_")
        }
        (folder / ".venv").symlink_to(ROOT / ".venv")

    def follow(self, page: Path) -> str:
        """Run every block of a page; returns what they printed. Raises PageError."""
        printed = []
        program: list[Block] = []
        for block in blocks(page):
            if block.language == "python" and not block.how:
                program.append(block)
                continue
            printed.append(self._run(page, block))
        if program:
            printed.append(self._python(page, program))
        return "".join(printed)

    def _run(self, page: Path, block: Block) -> str:
        how = block.how
        if block.language == "python" and how.startswith("file="):
            (self.folder / how.removeprefix("file=")).write_text(block.text, encoding="utf-8")
            return ""
        if how == "once":
            return ""
        if how == "background":
            words = block.text.split()
            if words[:3] != [".venv/bin/merkat", "demo", "--keep"]:
                raise PageError(f"{page}:{block.line}: the tests stand in for `demo --keep` only")
            return ""
        if how == "printed":
            names = EXPORT.findall(block.text)
            if set(names) != set(self.venue):
                raise PageError(f"{page}:{block.line}: prints {names}, expected {[*self.venue]}")
            self.environment |= self.venue
            return ""
        if how not in ("", "fails"):
            raise PageError(f"{page}:{block.line}: nobody knows how to run {how!r}")
        return self._bash(page, block)

    def _bash(self, page: Path, block: Block) -> str:
        # The environment is written where the block ends well, for the blocks after it.
        done = self._done(["bash", "-euo", "pipefail", "-c", block.text + _DUMP])
        failed = done.returncode != 0
        if failed != (block.how == "fails"):
            raise PageError(f"{page}:{block.line}: exit code {done.returncode}\n{done.stdout}")
        dump = self.folder / ".environment"
        if dump.exists():
            pairs = (entry.partition("=") for entry in dump.read_text().split("\0") if entry)
            self.environment = {name: value for name, _, value in pairs}
            dump.unlink()
        return done.stdout

    def _python(self, page: Path, program: list[Block]) -> str:
        lines: list[str] = []
        for block in program:
            lines += [""] * (block.line - len(lines))
            lines += block.text.splitlines()
        self.environment |= self.venue
        done = self._done([sys.executable, "-c", "\n".join(lines)])
        if done.returncode:
            raise PageError(f"{page}: exit code {done.returncode}\n{done.stdout}")
        return done.stdout

    def _done(self, command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=BLOCK_S_MAX,
            check=False,
        )
