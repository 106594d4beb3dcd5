"""The venue's clocks: time never goes back."""

from __future__ import annotations

import pytest

from merkat.venue.clock import BEHIND_NS_MAX, ClockError, VirtualClock, WallClock


def test_a_wall_clock_stands_still_where_the_machines_goes_back() -> None:
    times = iter([100, 100, 150, 120, 151])
    clock = WallClock(90, lambda: next(times))
    assert [clock.now_ns() for _ in range(4)] == [100, 150, 150, 151]


def test_a_clock_a_little_behind_the_journal_waits_there() -> None:
    clock = WallClock(BEHIND_NS_MAX, lambda: 0)
    assert clock.now_ns() == BEHIND_NS_MAX


def test_a_clock_far_behind_the_journal_is_refused() -> None:
    with pytest.raises(ClockError, match=r"11 s behind the journal's last record.*set the machine"):
        WallClock(11_000_000_000, lambda: 0)


def test_a_virtual_clock_is_moved_forward_only() -> None:
    clock = VirtualClock(5)
    clock.move(5)
    clock.move(9)
    assert clock.now_ns() == 9
    with pytest.raises(AssertionError, match="never goes back"):
        clock.move(8)
