"""The watcher: items in order, once, deep enough; reorganisations, repeated and missing logs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from merkat.sdk import commands
from merkat.settlement.chain import ChainUnavailableError, EmbeddedChain, Log
from merkat.settlement.contracts import Contracts
from merkat.settlement.inbox import InboxReorganisedError, InboxWatcher
from tests.support.anchored import OWNERS, SmallVenue

ITEMS = 7  # four rules and three deposits


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[SmallVenue]:
    made = SmallVenue(tmp_path / "chain")
    yield made
    made.custody.close()


def deposit(venue: SmallVenue, amount: int = 2_000_000) -> bytes:
    """Send a deposit for owner 1 and return the item that it becomes."""
    item = commands.deposit(OWNERS[0], amount, 1)
    venue.custody.deposit(item)
    return item


def test_items_come_in_order_with_their_index(venue: SmallVenue) -> None:
    watcher = InboxWatcher(venue.custody.contracts, confirmations=0)
    taken = watcher.poll()
    assert len(taken) == watcher.cursor == ITEMS
    indices = [int.from_bytes(command[2:10], "big") for command in taken]
    assert indices == list(range(ITEMS))
    head = venue.custody.contracts.read("Inbox", "headHash")
    assert watcher.inbox_hash == head, "the rolling hash is the Inbox's"


@pytest.mark.parametrize("confirmations", [0, 1, 3])
def test_an_item_counts_when_it_is_deep_enough(venue: SmallVenue, confirmations: int) -> None:
    watcher = InboxWatcher(venue.custody.contracts, confirmations)
    for _ in range(confirmations):
        venue.custody.chain.mine()
    watcher.poll()
    item = deposit(venue)
    for depth in range(confirmations):
        assert not watcher.poll(), f"taken at depth {depth}, expected {confirmations}"
        venue.custody.chain.mine()
    assert watcher.poll() == [commands.inbox(ITEMS, item)]
    assert not watcher.poll(), "an item is taken once"


def test_a_reorganisation_up_to_the_depth_changes_nothing(venue: SmallVenue) -> None:
    chain = venue.custody.chain
    watcher = InboxWatcher(venue.custody.contracts, confirmations=2)
    chain.mine()
    chain.mine()
    assert len(watcher.poll()) == ITEMS
    before = chain.block_number()
    deposit(venue, 2_000_000)
    chain.mine()
    assert not watcher.poll(), "one block stands on the deposit, two are needed"
    chain.revert_to(before)
    item = deposit(venue, 3_000_000)
    chain.mine()
    assert not watcher.poll()
    chain.mine()
    assert watcher.poll() == [commands.inbox(ITEMS, item)], "only what stayed is taken"


def test_a_deeper_reorganisation_stops_the_watcher(venue: SmallVenue) -> None:
    chain = venue.custody.chain
    watcher = InboxWatcher(venue.custody.contracts, confirmations=1)
    before = chain.block_number()
    deposit(venue)
    chain.mine()
    assert watcher.poll()
    chain.revert_to(before - 1)
    chain.mine()
    with pytest.raises(InboxReorganisedError, match="deeper than the configured confirmations"):
        watcher.poll()
    for amount in (4_000_000, 5_000_000, 6_000_000):
        deposit(venue, amount)
    with pytest.raises(InboxReorganisedError):
        watcher.poll()


class Endpoint:
    """An endpoint that repeats, leaves out or mixes up logs, or does not answer."""

    def __init__(self, chain: EmbeddedChain) -> None:
        self._chain = chain
        self.fault = ""

    def __getattr__(self, name: str) -> object:
        return getattr(self._chain, name)

    def logs(self, address: bytes | None, from_block: int, to_block: int) -> list[Log]:
        found = self._chain.logs(address, from_block, to_block)
        match self.fault:
            case "repeated":
                return [log for log in found for _ in range(2)]
            case "first missing":
                return found[1:]
            case "last missing":
                return found[:-1]
            case "none":
                return []
            case "reversed":
                return found[::-1]
            case "unavailable":
                raise ChainUnavailableError("the endpoint does not answer")
        return found


@pytest.mark.parametrize(
    "fault", ["repeated", "first missing", "last missing", "none", "reversed", "unavailable"]
)
def test_a_bad_endpoint_changes_neither_order_nor_number(venue: SmallVenue, fault: str) -> None:
    endpoint = Endpoint(venue.custody.chain)
    contracts = Contracts(endpoint, venue.custody.contracts.addresses)  # type: ignore[arg-type]
    watcher = InboxWatcher(contracts, confirmations=0)
    endpoint.fault = fault
    taken = []
    try:
        taken += watcher.poll()
    except ChainUnavailableError:
        assert fault == "unavailable"
    endpoint.fault = ""
    venue.custody.chain.mine()
    taken += watcher.poll()
    clean = InboxWatcher(venue.custody.contracts, confirmations=0)
    assert taken == clean.poll(), f"after {fault!r} everything is there, once, in order"
    assert watcher.inbox_hash == clean.inbox_hash


def test_a_forged_item_is_not_taken(venue: SmallVenue) -> None:
    class Forging(Endpoint):
        def logs(self, address: bytes | None, from_block: int, to_block: int) -> list[Log]:
            found = self._chain.logs(address, from_block, to_block)
            return [
                Log(
                    log.address,
                    log.topics,
                    log.data[:-40] + bytes([log.data[-40] ^ 1]) + log.data[-39:],
                    log.block_number,
                    log.block_hash,
                    log.transaction_hash,
                    log.index,
                )
                for log in found
            ]

    contracts = Contracts(Forging(venue.custody.chain), venue.custody.contracts.addresses)  # type: ignore[arg-type]
    watcher = InboxWatcher(contracts, confirmations=0)
    assert not watcher.poll(), "an item that does not give the Inbox's hash is no item"
    assert watcher.cursor == 0


def test_a_watcher_goes_on_behind_what_was_taken(venue: SmallVenue) -> None:
    figures = venue.custody.committer.figures
    assert figures.inbox_cursor == ITEMS
    watcher = InboxWatcher(venue.custody.contracts, 0, cursor=ITEMS, inbox_hash=figures.inbox_hash)
    assert not watcher.poll()
    item = deposit(venue)
    assert watcher.poll() == [commands.inbox(ITEMS, item)]


def test_confirmations_are_not_negative(venue: SmallVenue) -> None:
    with pytest.raises(ValueError, match="confirmations is -1"):
        InboxWatcher(venue.custody.contracts, -1)
