"""The tutorials are run as written, block by block, in one namespace."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent.parent
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[int, str]]:
    """Return (line, code) of a page's Python blocks."""
    text = page.read_text(encoding="utf-8")
    return [(text[: found.start(1)].count("\n"), found[1]) for found in BLOCK.finditer(text)]


def run(page: Path) -> dict[str, object]:
    """Run a page and return its names; a failure points at the page's line."""
    names: dict[str, object] = {"__name__": "tutorial"}
    for line, code in blocks(page):
        exec(compile("\n" * line + code, str(page), "exec"), names)
    return names


def test_portfolio_margin_runs_as_written(
    merkat_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(os.environ, "MERKAT_DATA", str(merkat_data.resolve()))
    run(ROOT / "docs" / "tutorial" / "portfolio-margin.md")
    picture = (tmp_path / "scenario_surface.png").read_bytes()
    assert picture.startswith(b"\x89PNG"), "the picture is a picture"
    assert len(picture) > 10_000, "the picture shows something"
    printed = capsys.readouterr().out
    assert "binding:" in printed
    assert "standard IM" in printed
    equity = float(printed.split("equity ")[1].split()[0].replace(",", ""))
    assert 300_000 < equity < 500_000, "the book costs less than its cash"


def test_a_page_that_breaks_is_caught(tmp_path: Path) -> None:
    page = tmp_path / "broken.md"
    page.write_text("# x\n\n```python\nassert 1 == 2, 'broken'\n```\n")
    with pytest.raises(AssertionError, match="broken"):
        run(page)
