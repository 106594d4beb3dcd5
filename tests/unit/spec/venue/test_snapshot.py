"""A snapshot gives the same venue back: same digests, same behaviour afterwards."""

from __future__ import annotations

import pytest

from merkat.spec.codec import MalformedError
from merkat.spec.values import BUY, HOUR_NS, SELL, keccak256
from merkat.spec.venue.invariants import check_invariants
from merkat.spec.venue.machine import Venue
from merkat.spec.venue.snapshot import encode_venue_part
from tests.support.keys import CurveKeys
from tests.support.venue_builder import CONFIG, Market, coins, usd


def busy_market() -> Market:
    """Orders in every state, an account in liquidation, a pending group, used nonces."""
    market = Market(waterfall_limit=3)
    alice, bob = market.account("alice"), market.account("bob")
    thin = [market.account(f"thin {number}", usd(70)) for number in range(3)]
    market.rest(alice, SELL, usd(101), coins(1))
    second = market.rest(bob, SELL, usd(101), coins(2))
    market.rest(alice, BUY, usd(97.5), coins(3))
    for one in thin:
        market.trade(one, bob, usd(100), coins(10))
    market.place(alice, BUY, usd(101), coins(2))
    market.amend(bob, second, size=coins(5))
    market.withdraw(alice, usd(5))
    market.epoch(usd(97))
    assert market.venue.pending == {0}
    return market


def reloaded(market: Market) -> Venue:
    return Venue.from_snapshot(
        CONFIG, market.venue.snapshot(), market.keys.recover, market.venue.waterfall_limit
    )


def test_round_trip_gives_the_same_digests_and_bytes() -> None:
    market = busy_market()
    again = reloaded(market)
    assert again.state_root() == market.venue.state_root()
    assert again.venue_digest() == market.venue.venue_digest()
    assert again.snapshot() == market.venue.snapshot()
    check_invariants(again)


def test_round_trip_gives_the_same_behaviour() -> None:
    market = busy_market()
    again = reloaded(market)
    already = len(market.commands)
    carol = market.account("carol")
    market.tick()
    market.place(carol, BUY, usd(98), coins(4))
    market.place(carol, SELL, usd(97.5), coins(4))
    market.epoch(usd(97.2), wait_ns=2_000_000_000)
    market.tick(wait_ns=HOUR_NS)
    replayed = Market(waterfall_limit=3, start=False)
    for log_number, time_ns, command in market.commands[:already]:
        replayed.venue.apply(log_number, time_ns, command)
    for log_number, time_ns, command in market.commands[already:]:
        expected = replayed.venue.apply(log_number, time_ns, command).encode()
        assert again.apply(log_number, time_ns, command).encode() == expected, log_number
        assert again.state_root() == replayed.venue.state_root()
        assert again.venue_digest() == replayed.venue.venue_digest()
    assert again.venue_digest() == market.venue.venue_digest()


def test_the_digest_is_the_hash_of_the_venue_part() -> None:
    market = busy_market()
    part = encode_venue_part(market.venue)
    assert market.venue.venue_digest() == keccak256(part)
    assert market.venue.snapshot() == market.venue.settlement.encode() + part


def test_cached_encodings_follow_every_change() -> None:
    """The digest after each command is that of a venue that has never encoded before."""
    market = busy_market()
    for number in range(1, len(market.commands) + 1):
        fresh = Market(waterfall_limit=3, start=False)
        watched = Market(waterfall_limit=3, start=False)
        for command in market.commands[:number]:
            fresh.venue.apply(*command)
            watched.venue.apply(*command)
            watched.venue.venue_digest()
        assert fresh.venue.venue_digest() == watched.venue.venue_digest(), command


def test_genesis_round_trip() -> None:
    venue = Venue(CONFIG)
    assert Venue.from_snapshot(CONFIG, venue.snapshot()).snapshot() == venue.snapshot()


def test_a_refused_command_moves_log_and_nonce_but_no_leaf() -> None:
    market = Market()
    alice = market.account("alice")
    root, digest = market.venue.state_root(), market.venue.venue_digest()
    assert market.place(alice, BUY, usd(100), coins(1), listing=7).refused_by == "O-01"
    assert market.venue.state_root() == root
    assert market.venue.venue_digest() != digest


@pytest.mark.parametrize("spoil", [lambda data: data[:-1], lambda data: data + b"\0"])
def test_a_snapshot_of_another_length_is_refused(spoil) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(MalformedError):
        Venue.from_snapshot(CONFIG, spoil(busy_market().venue.snapshot()))


def test_a_queue_out_of_order_is_refused() -> None:
    market = Market()
    alice = market.account("alice")
    for price in (100, 99):
        market.rest(alice, BUY, usd(price), coins(1))
    bids = market.venue.books[1].sides[BUY]
    bids.reverse()
    market.venue.books[1].touch(bids[0])
    with pytest.raises(MalformedError, match="order of priority"):
        reloaded(market)


def test_real_signatures_and_a_wrong_one() -> None:
    market = Market(CurveKeys())
    alice, bob = market.account("alice"), market.account("bob")
    order = market.rest(alice, SELL, usd(100), coins(1))
    assert len(market.place(bob, BUY, usd(100), coins(1)).micro_ops) == 3
    assert market.cancel(bob, order, account=alice.number).refused_by == "C-03"
    check_invariants(market.venue)


def test_time_and_log_number_only_go_forward() -> None:
    market = Market()
    number, time_ns = market.venue.log_number, market.venue.time_ns
    with pytest.raises(AssertionError, match="log number"):
        market.venue.apply(number, time_ns, b"")
    with pytest.raises(AssertionError, match="time"):
        market.venue.apply(number + 1, time_ns - 1, b"")
