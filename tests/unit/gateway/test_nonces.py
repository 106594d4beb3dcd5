"""Nonces: ascending, near the clock, never given twice."""

from __future__ import annotations

import pytest

from merkat.gateway.nonces import (
    JUMPS_MS,
    LEAD_MS_KEPT,
    LEAD_MS_MAX,
    MS_NS,
    RESERVE_MS,
    NoncesExhaustedError,
    NonceSource,
)

NOW_MS = 1_760_000_000_000


class Clock:
    def __init__(self) -> None:
        self.ms = NOW_MS

    def now_ns(self) -> int:
        return self.ms * MS_NS + 999_999


def source(clock: Clock, ceiling: int = 0) -> tuple[NonceSource, list[int]]:
    reserved: list[int] = []
    return NonceSource(clock.now_ns, ceiling, reserved.append), reserved


def test_a_nonce_is_the_millisecond_and_one_more_where_it_is_taken() -> None:
    clock = Clock()
    nonces, _ = source(clock)
    assert [nonces.take() for _ in range(3)] == [NOW_MS, NOW_MS + 1, NOW_MS + 2]
    clock.ms += 10
    assert nonces.take() == NOW_MS + 10
    clock.ms -= 5_000
    assert nonces.take() == NOW_MS + 11, "a clock that goes back gives no nonce twice"


def test_nothing_is_given_above_what_was_reserved_before() -> None:
    clock = Clock()
    reserved: list[int] = []

    def reserve(ceiling: int) -> None:
        reserved.append(ceiling)

    nonces = NonceSource(clock.now_ns, 0, reserve)
    for _ in range(RESERVE_MS + 2):
        nonce = nonces.take()
        assert reserved, "a nonce was given before a ceiling was written"
        assert nonce <= reserved[-1]
    assert len(reserved) == 2, "a reservation serves many nonces"


def test_a_start_after_a_kill_begins_above_the_ceiling() -> None:
    clock = Clock()
    nonces, reserved = source(clock)
    used = [nonces.take() for _ in range(10)]
    again, _ = source(clock, ceiling=reserved[-1])
    assert again.take() > max(used)


def test_a_refused_nonce_moves_the_source_ahead_further_each_time() -> None:
    clock = Clock()
    nonces, _ = source(clock)
    first = nonces.take()
    nonces.refused(first)
    second = nonces.take()
    assert second == first + JUMPS_MS[0] + 1
    nonces.refused(second)
    assert nonces.take() == second + JUMPS_MS[1] + 1
    nonces.accepted()
    third = nonces.take()
    nonces.refused(third)
    assert nonces.take() == third + JUMPS_MS[0] + 1, "an accepted nonce begins a new story"


def test_the_lead_over_the_clock_is_bounded_below_the_rule() -> None:
    clock = Clock()
    nonces, _ = source(clock, ceiling=NOW_MS + LEAD_MS_KEPT)
    with pytest.raises(NoncesExhaustedError, match="ahead of the clock"):
        nonces.take()
    clock.ms += 1
    assert nonces.take() <= clock.ms + LEAD_MS_KEPT < clock.ms + LEAD_MS_MAX
