"""Heartbeats: silent for one interval is asked, for another one gone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from merkat.api.heartbeat import Beat, Heartbeat


def test_silent_is_asked_then_closed() -> None:
    heart = Heartbeat()
    assert [heart.tick() for _ in range(3)] == [Beat.HEARTBEAT, Beat.TEST_REQUEST, Beat.CLOSE]


def test_heard_in_each_interval_is_never_asked() -> None:
    heart = Heartbeat()
    for _ in range(5):
        heart.heard()
        assert heart.tick() is Beat.HEARTBEAT


@given(st.lists(st.booleans(), max_size=40))
def test_closed_only_after_two_silent_intervals(heard: list[bool]) -> None:
    heart = Heartbeat()
    silent = -1  # the connection was just made
    for spoke in heard:
        if spoke:
            heart.heard()
            silent = -1
        silent += 1
        beat = heart.tick()
        assert (beat is Beat.CLOSE) == (silent >= 2)
        assert (beat is Beat.TEST_REQUEST) == (silent == 1)
