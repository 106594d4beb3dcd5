"""Every relative link of the README and the documentation leads to a file."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def broken(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere."""
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    relative = [target for target in targets if "://" not in target]
    return [target for target in relative if not (page.parent / target).exists()]


def test_no_link_leads_nowhere() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    assert len(pages) > 20
    found = {str(page.relative_to(ROOT)): links for page in pages if (links := broken(page))}
    assert found == {}


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("[a](page.md) [b](absent.md#x) [c](https://example.org/absent)")
    assert broken(page) == ["absent.md"]
