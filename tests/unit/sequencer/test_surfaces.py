"""Surfaces through the whole pipeline: two commands, one worker, restarts and replay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from merkat import _core
from merkat.flow.oracle import OracleNodes
from merkat.products.names import parse_name
from merkat.products.terms import BTC
from merkat.sdk import commands, layouts
from merkat.sdk.keys import demo_domain, derive_secret
from merkat.sdk.risk_sets import risk_set
from merkat.sdk.rows import risk_records
from merkat.sdk.surfaces import ExpiryQuote, Surface
from merkat.sequencer.admission import Command
from merkat.sequencer.pipeline import Sequencer
from merkat.sequencer.reading import open_reading, replay

DOMAIN = demo_domain(1, "surfaces")
SECRET = derive_secret(1, "sequencer")
OWNER = derive_secret(1, "owner")
SECOND_NS = 10**9
START_NS = 1_795_262_400 * SECOND_NS  # 2026-11-21 12:00 UTC
USD = 1_000_000
CALL = parse_name("BTC_USDC-25DEC26-60000-C")
OTHER = parse_name("BTC_USDC-25DEC26-70000-P")


class Venue:
    """A venue with a perpetual and a call in a group with a risk set, and its oracle."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.oracle = OracleNodes(DOMAIN, 1)
        self.sequencer = Sequencer.create(directory, DOMAIN, SECRET, 1 << 20)
        self.time_ns = START_NS
        self.items = 0
        self.events: list[layouts.Shown] = []
        for item in (
            commands.group(0, 5, self.oracle.addresses),
            commands.risk(0, risk_set().encode()),
            BTC.item(parse_name("BTC_USDC-PERPETUAL"), 0),
            BTC.item(CALL, 0),
            commands.deposit(_core.address_of(OWNER), 1_000_000 * USD),
        ):
            self.item(item)

    def send(self, *sent: bytes) -> list[str]:
        """Submit commands a second later; returns the kinds of their events."""
        self.time_ns += SECOND_NS
        refusals = self.sequencer.submit([Command(self.time_ns, command) for command in sent])
        assert not refusals, f"admission refused {refusals}"
        events = []
        for released in self.sequencer.release(wait=True):
            for _, encoded in layouts.split_outputs(released.outputs):
                output = layouts.decode_output(encoded)
                events += [layouts.show_event(event) for event in output.events]
        self.events = events
        return [event.kind for event in events]

    def item(self, item: bytes) -> list[str]:
        self.items += 1
        return self.send(commands.inbox(self.items - 1, item))

    def epoch(self, index: int = 60_000 * USD) -> bytes:
        """Return the next vector, signed."""
        self.oracle.number += 1
        surface = Surface(
            group=0,
            number=self.oracle.number,
            time_ns=self.time_ns + SECOND_NS,
            previous=self.oracle.vector_hash,
            index=index,
            vol=550_000_000,
            vol_mean=550_000_000,
            expiries=(
                ExpiryQuote(
                    CALL.expiry_ns,
                    index + 200 * USD,
                    23_000_000_000,
                    50_000_000_000,
                    -200_000_000_000,
                    0,
                    100_000_000_000,
                ),
            ),
        ).encode()
        self.oracle.vector_hash = _core.keccak256(surface)[:31]
        return commands.epoch(surface, self.oracle._sign(surface))

    def activate(self) -> list[str]:
        return self.send(*self.sequencer.activations(wait=True))

    def resume(self) -> None:
        """Close the folder and go on where it ends."""
        self.sequencer.close()
        self.sequencer = Sequencer.resume(self.directory, SECRET, 1 << 20)


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[Venue]:
    made = Venue(tmp_path / "venue")
    yield made
    made.sequencer.close()


def test_a_surface_is_taken_up_in_two_commands(venue: Venue) -> None:
    assert venue.send(venue.epoch()) == ["epoch_received"]
    assert venue.sequencer.building == (0,)
    kinds = venue.activate()
    assert kinds[0] == "epoch", f"{venue.events}"
    rows = [event.fields for event in venue.events if event.kind == "row"]
    assert [row["listing"] for row in rows] == [1, 2], "a row for the perpetual and the call"
    (record,) = risk_records(venue.sequencer.engine.snapshot())
    assert [row.mark for row in record.rows] == [row["mark"] for row in rows]
    assert record.vector is not None
    assert record.vector.number == 1


def test_commands_go_on_while_rows_are_built(venue: Venue) -> None:
    venue.send(venue.epoch())
    mode = commands.margin_mode(1, commands.PORTFOLIO, 1)
    framed = len(mode).to_bytes(4, "big") + mode
    signed = _core.sign_commands(*DOMAIN.parts, framed, OWNER)[4:]
    assert venue.send(commands.tick(), signed) == ["margin_mode_set"]
    assert "epoch" in venue.activate()


def test_a_newer_surface_replaces_a_pending_one(venue: Venue) -> None:
    first = venue.epoch()
    venue.send(first)
    venue.oracle.number, venue.oracle.vector_hash = 0, commands.NO_VECTOR
    venue.send(venue.epoch(60_100 * USD))
    activations = venue.sequencer.activations(wait=True)
    assert len(activations) == 1
    assert "epoch" in venue.send(*activations)
    epoch = next(event for event in venue.events if event.kind == "epoch")
    assert epoch.fields["index"] == 60_100 * USD


def test_rows_that_no_longer_fit_are_built_again(venue: Venue) -> None:
    venue.send(venue.epoch())
    stale = venue.sequencer.activations(wait=True)
    assert venue.item(BTC.item(OTHER, 0)) == ["listed"]
    assert venue.send(*stale) == ["refused"]
    assert venue.events[0].fields["code"] == 1_202, "A-02 wrong_rows"
    assert venue.activate()[0] == "epoch"
    rows = [event.fields["listing"] for event in venue.events if event.kind == "row"]
    assert rows == [1, 2, 3], "the new listing has a row too"


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_restart_builds_a_pending_surface(venue: Venue, snapshot: bool) -> None:
    venue.send(venue.epoch())
    if snapshot:
        venue.sequencer.write_snapshot()
    venue.resume()
    assert venue.sequencer.building == (0,)
    assert venue.activate()[0] == "epoch"


def test_a_held_surface_is_activated_without_rows(venue: Venue) -> None:
    venue.send(venue.epoch())
    venue.activate()
    venue.send(venue.epoch(70_000 * USD))
    (activate,) = venue.sequencer.activations(wait=True)
    assert activate[-31:] == commands.NO_ROWS
    assert venue.send(activate) == ["epoch"]
    assert venue.events[0].fields["held"] == 1


def test_replay_without_a_worker_reaches_the_same_root(venue: Venue) -> None:
    for step in range(3):
        venue.send(venue.epoch((60_000 + 50 * step) * USD))
        venue.activate()
    digests = venue.sequencer.digests()
    venue.sequencer.write_snapshot()
    venue.sequencer.close()
    with open_reading(venue.directory, DOMAIN) as reading:
        assert replay(reading, from_snapshot=False).digests == digests
        assert replay(reading, from_snapshot=True).digests == digests
    venue.sequencer = Sequencer.resume(venue.directory, SECRET, 1 << 20)
    assert venue.sequencer.digests() == digests
