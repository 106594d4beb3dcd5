"""One venue for the whole session, and unmodified ccxt pointed at it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.conformance.clients import Symbols, connect
from tests.support.demo import Demo, demo_of_line, running_demo


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Return the demo that all of these tests trade on.

    MERKAT_CONFORMANCE names a file with the line of a venue that runs already.
    """
    if "MERKAT_CONFORMANCE" in os.environ:
        yield demo_of_line(Path(os.environ["MERKAT_CONFORMANCE"]).read_bytes())
        return
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="session")
def exchange(demo: Demo) -> Iterator[Any]:
    """Return `ccxt.deribit` with the demo's account."""
    client = connect(ccxt.deribit, demo)
    try:
        yield client
    finally:
        client.session.close()


@pytest.fixture(scope="session")
def symbols(exchange: Any) -> Symbols:
    """Return the symbols that the tests use, one of each kind."""
    exchange.load_markets()
    return Symbols.of(exchange)
