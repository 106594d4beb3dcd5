"""The fixture `merkat_data`: found, skipped with a reason, or failed where the data is required."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parent.parent / "conftest.py"


def run_probe(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run pytest over one test that needs the data, in a project of its own below `folder`."""
    tests = folder / "project" / "tests"
    tests.mkdir(parents=True)
    (tests / "conftest.py").write_text(CONFTEST.read_text("utf-8"), encoding="utf-8")
    probe = "def test_probe(merkat_data):\n    assert merkat_data.is_dir()\n"
    (tests / "test_probe.py").write_text(probe, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MERKAT_DATA")}
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "no:cacheprovider", "--rootdir=."]
    return subprocess.run(
        command, cwd=tests, env={**kept, **variables}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("required", ["0", "1"])
def test_present_data_is_used(tmp_path: Path, required: str) -> None:
    result = run_probe(tmp_path, MERKAT_DATA=str(tmp_path), MERKAT_DATA_REQUIRED=required)
    assert "1 passed" in result.stdout, result.stdout


def test_the_default_place_is_beside_the_project(tmp_path: Path) -> None:
    (tmp_path / "shared" / "data").mkdir(parents=True)
    result = run_probe(tmp_path)
    assert "1 passed" in result.stdout, result.stdout


def test_absent_data_skips_with_a_reason(tmp_path: Path) -> None:
    result = run_probe(tmp_path, MERKAT_DATA=str(tmp_path / "absent"))
    assert result.returncode == 0, result.stdout
    assert "1 skipped" in result.stdout, result.stdout
    assert "set MERKAT_DATA" in result.stdout, "the reason must say what to do"


def test_absent_data_fails_where_it_is_required(tmp_path: Path) -> None:
    result = run_probe(tmp_path, MERKAT_DATA_REQUIRED="1")
    assert result.returncode == 1, f"required data was absent, yet: {result.stdout}"
    assert "forbids skipping" in result.stdout, result.stdout
