"""Fixtures and settings shared by all Python tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# The same examples on every run, and no deadline: a shared machine is no stopwatch. To search for
# new failures: HYPOTHESIS_PROFILE=explore.
settings.register_profile("default", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def find_merkat_data(environment: dict[str, str]) -> Path | None:
    """Return the folder of the large public test data, None where it is absent."""
    folder = Path(environment.get("MERKAT_DATA") or ROOT.parent / "shared" / "data")
    return folder if folder.is_dir() else None


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Undo what a service that ran in this process has made of the logs.

    It writes to the standard error of its moment, which pytest closes after the test.
    """
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def merkat_data() -> Path:
    """Return the folder of the large public test data (environment variable MERKAT_DATA).

    Without it a test is skipped, or fails where MERKAT_DATA_REQUIRED=1 says that it must be there.
    """
    folder = find_merkat_data(dict(os.environ))
    if folder is not None:
        return folder
    reason = "the test data is absent: set MERKAT_DATA to its folder"
    if os.environ.get("MERKAT_DATA_REQUIRED") == "1":
        pytest.fail(f"{reason} (MERKAT_DATA_REQUIRED=1 forbids skipping)")
    pytest.skip(reason)
