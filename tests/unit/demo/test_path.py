"""The seeded market: falls as told, is admitted by the machine, and delivers by its samples."""

from __future__ import annotations

from collections import Counter
from functools import partial
from itertools import islice, pairwise
from pathlib import Path

import pytest

from merkat.demo import path as market
from merkat.demo.listings import SECOND_NS, story_listings, story_start_ns
from merkat.flow.oracle import THRESHOLD, OracleNodes
from merkat.products.terms import BTC
from merkat.sdk import commands
from merkat.sdk.keys import demo_domain, derive_secret
from merkat.sdk.layouts import decode_output, show_event, split_outputs
from merkat.sdk.risk_sets import RiskSet
from merkat.sequencer.admission import Command
from merkat.sequencer.pipeline import Sequencer

PERIOD_NS = 5 * SECOND_NS
FALL_AT = 180
STEPS = 370


def path_of(seed: int) -> market.MarketPath:
    fall = market.draw_fall(seed, FALL_AT, 3)
    opening = story_listings(seed).opening
    return market.MarketPath(seed, opening, story_start_ns(), PERIOD_NS, fall=fall)


@pytest.mark.parametrize("seed", range(12))
def test_the_index_falls_by_twelve_percent_in_steps_of_at_most_four(seed: int) -> None:
    reports = list(islice(path_of(seed).reports(), STEPS))
    before = reports[FALL_AT - 1].index
    after = reports[FALL_AT + 3 * market.FALL_STEPS - 1].index
    assert abs(after / before - 0.88) < 1e-4, "12 % of the price before the fall"
    for one, other in pairwise(reports):
        assert abs(other.index / one.index - 1) < 0.04, "a larger step would be held or skipped"


@pytest.mark.parametrize("seed", range(6))
def test_every_index_that_moves_much_is_a_vector(seed: int) -> None:
    for one, other in pairwise(islice(path_of(seed).reports(), STEPS)):
        if abs(other.index / one.index - 1) > 0.01:
            assert not other.is_heartbeat


def test_one_seed_gives_one_path_and_another_seed_another() -> None:
    first, again, other = (list(islice(path_of(seed).reports(), 50)) for seed in (7, 7, 8))
    assert first == again != other


def test_a_calm_market_stays_among_its_strikes() -> None:
    opening = story_listings(7).opening
    path = market.MarketPath(7, opening, story_start_ns(), PERIOD_NS)
    reports = islice(path.reports(), 20_000)
    assert all(abs(report.index - opening) < 6 * 10**9 for report in reports)


@pytest.mark.parametrize("seed", [1, 7, 11])
def test_the_machine_takes_every_report_and_delivers_by_samples(tmp_path: Path, seed: int) -> None:
    listed = story_listings(seed)
    domain = demo_domain(seed, "path")
    nodes = OracleNodes(domain, seed)
    sequencer = Sequencer.create(tmp_path / "venue", domain, derive_secret(seed, "sequencer"))
    items = [
        commands.group(0, THRESHOLD, nodes.addresses),
        commands.risk(0, RiskSet().encode()),
        commands.venue(128, 4_096, 4_096, 1_000_000),
        *(BTC.item(contract, 0) for contract in listed.contracts),
    ]
    events: Counter[str] = Counter()
    samples = []

    def send(time_ns: int, *sent: bytes) -> None:
        assert not sequencer.submit([Command(time_ns, command) for command in sent])
        for released in sequencer.release(wait=True):
            for _, body in split_outputs(released.outputs):
                for event in decode_output(body).events:
                    shown = show_event(event)
                    events[shown.kind] += 1
                    if shown.kind == "delivery_fixed":
                        samples.append(shown.fields["samples"])
                    if shown.kind == "epoch":
                        events["held"] += shown.fields["held"] != 0

    taken = [commands.inbox(index, item) for index, item in enumerate(items)]
    send(story_start_ns(), *taken)
    vectors = 0
    for report in islice(path_of(seed).reports(), STEPS):
        if report.is_heartbeat:
            send(report.time_ns, nodes.heartbeat(report.time_ns))
            continue
        vectors += 1
        make = partial(market.surface, report, listed.expiries_ns)
        send(report.time_ns, nodes.surface(make))
        send(report.time_ns, *sequencer.activations(wait=True))
    sequencer.close()
    assert events["refused"] == 0, "every vector is admitted"
    assert events["epoch"] == vectors
    assert events["held"] == 0, "no step is so large that it is held"
    assert samples == [1_800], "one sample a second of the half hour before 08:00"
    assert events["funding"] == 1, "an hour boundary lies in the story"
    assert events["delivered"] == 12, "the nearer expiry's options"
