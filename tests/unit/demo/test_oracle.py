"""The oracle's nodes: what they report is taken, and a refusal leaves them where the venue is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import cast

import pytest

from merkat.demo.listings import SECOND_NS, story_listings, story_start_ns
from merkat.demo.oracle import Oracle, OracleError
from merkat.demo.path import MarketPath, Report
from merkat.link import LinkClient
from tests.unit.demo.local import LocalLink

SEED = 7
LISTED = story_listings(SEED)


@pytest.fixture
def link(tmp_path: Path) -> Iterator[LocalLink]:
    link = LocalLink(tmp_path / "venue", SEED, story_start_ns())
    link.list_all(SEED, LISTED)
    yield link
    link.sequencer.close()


def reports(count: int) -> list[Report]:
    path = MarketPath(SEED, LISTED.opening, story_start_ns(), 2 * SECOND_NS)
    return list(islice(path.reports(), count))


def tell(oracle: Oracle, link: LocalLink, report: Report) -> int:
    link.now_ns = max(link.now_ns, report.time_ns)
    return asyncio.run(oracle.tell(cast(LinkClient, link), report))


def oracle_on(link: LocalLink) -> Oracle:
    oracle = Oracle(link.domain, SEED, LISTED.expiries_ns)
    link.followers.append(oracle.standing.on_released)
    return oracle


def test_vectors_and_heartbeats_are_taken(link: LocalLink) -> None:
    oracle = oracle_on(link)
    for report in reports(6):
        tell(oracle, link, report)
    assert oracle.standing.number == oracle.nodes.number == 3, "every second one is a vector"


@pytest.mark.parametrize("is_heartbeat", [True, False])
def test_after_a_refusal_the_nodes_stand_where_the_venue_does(
    link: LocalLink, is_heartbeat: bool
) -> None:
    oracle = oracle_on(link)
    first, _, third, fourth, fifth = reports(5)
    tell(oracle, link, first)
    stale = replace(third, time_ns=first.time_ns, is_heartbeat=is_heartbeat)
    with pytest.raises(OracleError, match="does not take"):
        tell(oracle, link, stale)
    assert oracle.nodes.number == oracle.standing.number == 1
    tell(oracle, link, replace(fourth, is_heartbeat=True))
    tell(oracle, link, fifth)
    assert oracle.standing.number == 2, "the next vector follows the one that stands"
