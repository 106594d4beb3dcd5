"""Counting outputs: events by kind, rejections by the rule's name, trades in the venue's units."""

from __future__ import annotations

from merkat.flow.tally import ACCEPTED, Tally
from merkat.flow.wallets import Wallets, tape_account

TICK = 10_000
KEY = bytes(12)


def output(log_number: int, *events: bytes) -> bytes:
    framed = b"".join(len(event).to_bytes(2, "big") + event for event in events)
    return log_number.to_bytes(8, "big") + len(framed).to_bytes(4, "big") + framed + bytes(4)


def trade(price: int, size: int) -> bytes:
    body = bytes(4) + KEY + KEY + b"\x00" + price.to_bytes(8, "big") + size.to_bytes(8, "big")
    return b"\x04" + body + bytes(32)


def test_outputs_are_counted() -> None:
    tally = Tally(TICK)
    refused = b"\x01" + (919).to_bytes(2, "big") + b"\x05"
    accepted = b"\x02" + KEY + bytes(4 + 1 + 1 + 8 + 8)
    cancelled = b"\x05" + KEY + b"\x03" + bytes(8)
    seen = []
    tally.hook(ACCEPTED, lambda log_number, body: seen.append((log_number, body[:12])))
    tally.read(
        output(1, refused)
        + output(2, accepted, trade(5 * TICK, 30), trade(4 * TICK, 10), cancelled)
        + output(3)
    )
    assert (tally.commands, tally.orders, tally.trades) == (3, 1, 2)
    assert (tally.quantity, tally.notional) == (40, 5 * 30 + 4 * 10)
    assert tally.last_price == 4 * TICK
    assert dict(tally.rejected) == {"band": 1}, "code 919 is rule O-19, band"
    assert tally.cancel_counts() == {"immediate": 1}
    assert tally.event_counts() == {"refused": 1, "accepted": 1, "trade": 2, "cancelled": 1}
    assert seen == [(2, KEY)]


def test_buyers_and_sellers_never_share_an_account() -> None:
    buyers = {tape_account(identifier, 0) for identifier in range(1, 2_000)}
    sellers = {tape_account(identifier, 1) for identifier in range(1, 2_000)}
    assert not buyers & sellers
    assert buyers | sellers == set(range(1, 1_025))


def test_nonces_follow_the_clock_and_never_repeat() -> None:
    wallets = Wallets(1, 2)
    assert [wallets.nonce(1, 5_000_000) for _ in range(3)] == [5, 6, 7]
    assert wallets.nonce(2, 5_000_000) == 5, "each account counts for itself"
    assert wallets.nonce(1, 9_000_000) == 9
