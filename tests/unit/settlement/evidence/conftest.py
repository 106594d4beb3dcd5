"""One venue's life and its folder, made once; each test tampers with a copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from merkat.settlement.evidence.writer import write_evidence
from tests.support.evidence_builder import Story


@pytest.fixture(scope="session")
def story() -> Story:
    """About 80 commands: trades, a liquidation, withdrawals, three batches, three claims."""
    return Story(rounds=9)


@pytest.fixture(scope="session")
def written(story: Story, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story's folder. Copy it before you change it."""
    directory = tmp_path_factory.mktemp("evidence") / "whole"
    write_evidence(directory, story.sources())
    return directory


@pytest.fixture
def copied(written: Path, tmp_path: Path) -> Callable[[], Path]:
    """Makes fresh copies of the folder."""
    made = 0

    def copy() -> Path:
        nonlocal made
        made += 1
        return Path(shutil.copytree(written, tmp_path / str(made)))

    return copy


@pytest.fixture
def folder(copied: Callable[[], Path]) -> Path:
    """A copy of the folder."""
    return copied()
