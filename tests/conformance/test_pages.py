"""The pages that need a venue are followed as written, against the demo of these tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.demo import Demo
from tests.support.pages import ROOT, PageError, Reader

DOCS = ROOT / "docs"


def variables(demo: Demo) -> dict[str, str]:
    """Return what `merkat demo --keep` prints for people to paste."""
    return {
        "MERKAT_URL": demo.url,
        "MERKAT_CLIENT_ID": demo.client_id,
        "MERKAT_CLIENT_SECRET": demo.client_secret,
    }


def test_the_quick_start_ends_with_an_own_order(demo: Demo, tmp_path: Path) -> None:
    printed = Reader(tmp_path, variables(demo)).follow(DOCS / "tutorial" / "quick-start.md")
    assert "everything is as it should be" in printed, "the doctor is content"
    assert "price_wrong_tick (10043)" in printed, "the refusal names the error"
    assert "1 cancelled" in printed


def test_the_first_bot_quotes(demo: Demo, tmp_path: Path) -> None:
    reader = Reader(tmp_path, variables(demo))
    reader.environment |= variables(demo)
    printed = reader.follow(DOCS / "tutorial" / "first-bot.md")
    assert printed.count("label first-bot") == 10, "its quotes are in the history of orders"
    text = (tmp_path / "bot.py").read_text(encoding="utf-8")
    code = [line for line in text.splitlines() if line.strip()]
    assert len(code) <= 20, f"a bot in 20 lines has {len(code)}"


def test_ccxt_connects_as_the_guide_says(demo: Demo, tmp_path: Path) -> None:
    printed = Reader(tmp_path, variables(demo)).follow(DOCS / "guides" / "connect-ccxt.md")
    assert "canceled" in printed
    assert "10004" in printed, "the refusal that the guide shows"


def test_a_block_that_fails_is_caught(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for text, what in (
        ("```sh\nfalse\n```\n", "exit code 1"),
        ("```sh fails\ntrue\n```\n", "exit code 0"),
        ("```python\nassert 1 == 2, 'broken'\n```\n", "broken"),
        ("```sh background\n.venv/bin/merkat up\n```\n", "stand in for"),
        ("```sh printed\nexport OTHER=1\n```\n", "expected"),
    ):
        page.write_text(text, encoding="utf-8")
        folder = tmp_path / what.replace(" ", "-")
        folder.mkdir()
        with pytest.raises(PageError, match=what):
            Reader(folder, {"MERKAT_URL": "x"}).follow(page)


def test_exports_reach_later_blocks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\nexport SAID=so\n```\n\n```sh\necho $SAID\n```\n", encoding="utf-8")
    assert Reader(tmp_path, {}).follow(page) == "so\n"
