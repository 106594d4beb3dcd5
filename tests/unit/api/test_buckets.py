"""Credits with a clock that the test sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.api.buckets import Buckets, address_key
from merkat.api.errors import ApiError
from merkat.api.limits import Limits, Rate
from merkat.api.registry import CANCEL, FREE, ORDER, READ, Cost
from tests.unit.api.attempts import attempt


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def made(clock: Clock, buckets: int = 10) -> Buckets:
    limits = Limits(
        reads=Rate(10, 5), orders=Rate(2, 2), cancels=Rate(4, 4), free=Rate(1, 1), buckets=buckets
    )
    return Buckets(limits, clock)


def test_a_burst_then_the_rate_and_the_wait_is_right() -> None:
    clock = Clock()
    buckets = made(clock)
    for _ in range(2):
        buckets.charge("a", ORDER)
    with pytest.raises(ApiError) as caught:
        buckets.charge("a", ORDER)
    assert caught.value.code == 10028
    assert caught.value.extra["wait"] == 500
    clock.now += 0.499
    assert isinstance(attempt(buckets.charge, "a", ORDER), ApiError)
    clock.now += 0.001
    assert attempt(buckets.charge, "a", ORDER) is None, "after the wait that was said"


def test_each_of_many_is_told_when_its_own_turn_is() -> None:
    clock = Clock()
    buckets = made(clock)
    buckets.charge("a", ORDER, 2)
    waits = []
    for _ in range(3):
        refused = attempt(buckets.charge, "a", ORDER)
        assert isinstance(refused, ApiError)
        waits.append(refused.extra["wait"])
    assert waits == [500, 1_000, 1_000], "one after the other, at most until all credits are there"
    for _ in range(2):
        clock.now += 0.5
        assert attempt(buckets.charge, "a", ORDER) is None, "who waits as told is served"
    clock.now += 5
    buckets.charge("a", ORDER, 2)
    refused = attempt(buckets.charge, "a", ORDER)
    assert isinstance(refused, ApiError)
    assert refused.extra["wait"] == 500, "what was told long ago does not count"


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (READ, "more reads (10 a second, 5 at once) than allowed"),
        (ORDER, "more orders (2 a second, 2 at once) than allowed"),
        (CANCEL, "more cancels (4 a second, 4 at once) than allowed"),
        (FREE, "more free calls such as public/test (1 a second, 1 at once) than allowed"),
    ],
)
def test_the_reason_names_the_bucket(cost: Cost, words: str) -> None:
    refused = attempt(made(Clock()).charge, "a", cost, 9)
    assert isinstance(refused, ApiError)
    assert refused.reason == words
    assert str(refused.extra["wait"]) in refused.hint


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 4)), max_size=30))
def test_after_the_wait_that_was_told_there_is_a_place(steps: list[tuple[float, int]]) -> None:
    clock = Clock()
    buckets = made(clock)
    for seconds, units in steps:
        clock.now += seconds
        refused = attempt(buckets.charge, "a", CANCEL, units)
        if isinstance(refused, ApiError):
            assert 0 < refused.extra["wait"] <= 1_000, "a full bucket is there in a second"
            clock.now += refused.extra["wait"] / 1_000 + 1e-9
            assert attempt(buckets.charge, "a", CANCEL, units) is None


def test_kinds_and_keys_do_not_touch_each_other() -> None:
    clock = Clock()
    buckets = made(clock)
    while attempt(buckets.charge, "a", ORDER) is None:
        pass
    for cost in (CANCEL, READ, FREE):
        assert attempt(buckets.charge, "a", cost) is None, f"{cost} waits for orders"
    assert attempt(buckets.charge, "b", ORDER) is None


def test_units_are_credits() -> None:
    buckets = made(Clock())
    assert attempt(buckets.charge, "a", READ, 5) is None
    assert isinstance(attempt(buckets.charge, "a", READ, 1), ApiError)
    refused = attempt(made(Clock()).charge, "a", READ, 6)
    assert isinstance(refused, ApiError), "more than the burst is never there"


def test_keys_are_bounded_and_the_one_that_asked_longest_ago_goes() -> None:
    clock = Clock()
    buckets = made(clock, buckets=2)
    for key in ("a", "b", "a", "c"):
        buckets.charge(key, ORDER)
    assert len(buckets._purses) == 2
    assert isinstance(attempt(buckets.charge, "a", ORDER), ApiError), "a asked after b"


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 3)), max_size=60))
def test_never_more_than_the_burst_and_the_rate_allow(steps: list[tuple[float, int]]) -> None:
    clock = Clock()
    buckets = made(clock)
    taken = 0
    for seconds, units in steps:
        clock.now += seconds
        if attempt(buckets.charge, "a", CANCEL, units) is None:
            taken += units
        assert taken <= 4 + 4 * (clock.now - 100.0) + 1e-6


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("nonsense:", "nonsense:", True),
    ],
)
def test_an_ipv6_address_stands_for_its_network(first: str, second: str, same: bool) -> None:
    assert (address_key(first) == address_key(second)) is same
