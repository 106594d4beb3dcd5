"""Books made from events: cash, positions, funds, funding, and the samples of a delivery."""

from __future__ import annotations

import random

import pytest

from merkat.flow.chain_books import Books, GroupState, Terms
from merkat.flow.tally import Tally
from merkat.sdk.layouts import EVENTS

KINDS = {name: kind for kind, (name, _) in EVENTS.items()}
COIN = 10**8
QUANTUM = 100
USD = 1_000_000
SECOND_NS = 10**9
PERPETUAL, FUTURE, CALL = 1, 2, 3


def u(value: int, size: int) -> bytes:
    return value.to_bytes(size, "big", signed=value < 0)


def key(account: int) -> bytes:
    return (480_000 << 72 | account << 44 | 7).to_bytes(12, "big")


def trade(
    listing: int, maker: int, taker: int, side: int, price: int, size: int, fees: tuple[int, int]
) -> bytes:
    head = u(listing, 4) + key(maker) + key(taker) + u(side, 1) + u(price, 8) + u(size, 8)
    return b"\x04" + head + u(fees[0], 16) + u(fees[1], 16)


class Fed:
    """Books with a tally that events are fed to."""

    def __init__(self) -> None:
        self.tally = Tally(1)
        self.books = Books(self.tally)
        self.books.terms[1] = Terms("P", 0, PERPETUAL, 0, 0, COIN, QUANTUM)
        self.books.terms[2] = Terms("C", 0, CALL, 50_000 * USD, 99, COIN, QUANTUM)

    def feed(self, *events: bytes) -> None:
        for event in events:
            for hook in self.tally._hooks[event[0]]:
                hook(1, event[1:])


def test_a_trade_moves_both_sides_and_fees_go_to_the_venue() -> None:
    fed = Fed()
    fed.feed(trade(1, maker=3, taker=4, side=0, price=100 * USD, size=COIN // 2, fees=(-5, 20)))
    maker, taker = fed.books.account(3), fed.books.account(4)
    assert (taker.positions, taker.cash) == ({1: COIN // 2}, -50 * USD - 20)
    assert (maker.positions, maker.cash) == ({1: -COIN // 2}, 50 * USD + 5)
    assert fed.books.fees == 15
    fed.feed(trade(1, maker=4, taker=3, side=0, price=110 * USD, size=COIN // 2, fees=(0, 0)))
    assert maker.positions == taker.positions == {}, "a closed position leaves the books"
    assert maker.cash + taker.cash + fed.books.fees == 0


def test_funding_enters_with_the_price_of_a_perpetual_only() -> None:
    fed = Fed()
    funding = b"\x0e" + u(0, 2) + u(5, 4) + u(0, 8) + u(3 * USD * USD + 12_345, 16)
    fed.feed(funding)
    assert fed.books.funding_of(1) == 3 * USD, "whole quanta, floored"
    assert fed.books.funding_of(2) == 0
    fed.feed(trade(1, 3, 4, 0, 100 * USD, COIN, (0, 0)))
    assert fed.books.account(4).cash == -97 * USD


def test_a_liquidation_pays_three_fees() -> None:
    fed = Fed()
    body = u(4, 4) + u(1, 4) + key(3) + u(1, 1) + u(90 * USD, 8) + u(COIN, 8)
    fed.feed(bytes([KINDS["liquidation"]]) + body + u(1, 16) + u(2, 16) + u(4, 16))
    assert fed.books.account(4).cash == 90 * USD - 2 - 4, "the liquidated sells"
    assert fed.books.account(3).cash == -90 * USD - 1
    assert (fed.books.fees, fed.books.group(0).fund) == (3, 4)
    assert fed.books.counts["liquidations"] == 1


def test_a_bankruptcy_is_paid_by_the_fund_and_torn_up() -> None:
    fed = Fed()
    books = fed.books
    books.group(0).fund = 1_000
    books.account(4).positions, books.account(5).positions = {1: 2 * COIN}, {1: -2 * COIN}
    books.account(4).cash = -700
    bankrupt = b"\x12" + u(4, 4) + u(0, 2) + u(-500, 16) + u(300, 16)
    tear = b"\x13" + u(4, 4) + u(5, 4) + u(1, 4) + u(10 * USD, 16) + u(2 * COIN, 8) + u(50, 16)
    fed.feed(bankrupt, tear)
    assert books.account(4).cash == -700 + 300 + 20 * USD - 50
    assert books.account(5).cash == -20 * USD
    assert books.group(0).fund == 1_000 - 300 + 50
    assert books.deficits == 500
    assert books.account(4).stage == 3
    books.account(4).cash = -70
    fed.feed(b"\x14" + u(4, 4) + u(0, 2) + u(30, 16) + u(40, 16))
    assert (books.account(4).cash, books.bad_debt, books.group(0).fund) == (0, 40, 720)


def test_expiries_sum_to_minus_their_fees() -> None:
    fed = Fed()
    books = fed.books
    books.account(4).positions, books.account(5).positions = {2: COIN}, {2: -COIN}
    for account, size in ((4, COIN), (5, -COIN)):
        fed.feed(b"\x25" + u(account, 4) + u(2, 4) + u(size, 8) + u(12 * USD, 8) + u(3, 16))
    assert (books.account(4).cash, books.account(5).cash) == (12 * USD - 3, -12 * USD - 3)
    assert (books.expiry_cash, books.expiry_fees) == (-6, 6)
    assert books.account(4).positions == {}


def test_canary_a_lost_fee_shows_in_the_sum_of_expiries() -> None:
    fed = Fed()
    fed.books.account(4).positions = {2: COIN}
    fed.feed(b"\x25" + u(4, 4) + u(2, 4) + u(COIN, 8) + u(12 * USD, 8) + u(3, 16))
    assert fed.books.expiry_cash != -fed.books.expiry_fees, "one side alone does not balance"


def test_hooks_see_the_books_before_and_after() -> None:
    fed = Fed()
    seen = []
    fed.books.before["trade"].append(lambda event: seen.append(dict(fed.books.accounts)))
    fed.books.after["trade"].append(lambda event: seen.append(dict(fed.books.accounts)))
    fed.feed(trade(1, 3, 4, 0, 100 * USD, COIN, (0, 0)))
    assert [len(one) for one in seen] == [0, 2]


DAY_NS = 86_400 * SECOND_NS
OPENS = 27_000
CLOSES = 28_800


def naive(before_ns: int, time_ns: int) -> list[int]:
    """Return the whole seconds that a step covers, by looking at each."""
    end = min(time_ns, before_ns + 5 * SECOND_NS + 1)
    midnight = before_ns // DAY_NS * 86_400
    seconds = range(before_ns // SECOND_NS, time_ns // SECOND_NS + 2)
    inside = [one for one in seconds if before_ns <= one * SECOND_NS < end]
    return [one for one in inside if OPENS <= one - midnight < CLOSES]


@pytest.mark.parametrize("seed", range(4))
def test_samples_are_those_of_a_count_second_by_second(seed: int) -> None:
    source = random.Random(seed)
    group = GroupState(index=7)
    time_ns = 20_500 * DAY_NS + (OPENS - 30) * SECOND_NS + source.randrange(SECOND_NS)
    count = 0
    while time_ns < 20_500 * DAY_NS + (CLOSES + 30) * SECOND_NS:
        group.sample(time_ns)
        if group.epoch_time:
            count += len(naive(group.epoch_time, time_ns))
        group.epoch_time = time_ns
        time_ns += source.choice((SECOND_NS // 3, SECOND_NS, 2 * SECOND_NS, 7 * SECOND_NS))
    assert group.sample_count == count > 600
    assert group.sample_sum == 7 * count


def test_a_heartbeat_each_second_gives_every_sample() -> None:
    group = GroupState(index=3)
    for second in range(OPENS - 2, CLOSES + 3):
        group.sample(20_500 * DAY_NS + second * SECOND_NS)
        group.epoch_time = 20_500 * DAY_NS + second * SECOND_NS
    assert (group.sample_count, group.sample_sum) == (1_800, 5_400)
    group.sample(20_501 * DAY_NS + (OPENS + 1) * SECOND_NS)
    assert group.sample_day == 20_500, "yesterday's signature covers nothing of today"
    group.epoch_time = 20_501 * DAY_NS + OPENS * SECOND_NS
    group.sample(20_501 * DAY_NS + (OPENS + 1) * SECOND_NS)
    assert (group.sample_day, group.sample_count) == (20_501, 1), "a new day begins anew"


def test_a_held_vector_gives_no_samples() -> None:
    group = GroupState(index=3, held=1, epoch_time=20_500 * DAY_NS + OPENS * SECOND_NS)
    group.sample(20_500 * DAY_NS + (OPENS + 2) * SECOND_NS)
    assert group.sample_count == 0
