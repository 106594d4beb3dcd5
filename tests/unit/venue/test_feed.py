"""The feed: frames in order within a bound; frames cut at commands come together again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merkat.link.frames import ReleasedFrame
from merkat.sequencer.pipeline import Released
from merkat.venue import feed
from merkat.venue.feed import Feed, cut_before, frames_of


def released(first: int, sizes: list[tuple[int, int]]) -> Released:
    """Return a batch whose commands and events have these lengths."""
    batch = outputs = hashes = signatures = b""
    for number, (command, events) in enumerate(sizes, start=first):
        batch += command.to_bytes(4, "big") + number.to_bytes(8, "big") + bytes(8)
        batch += bytes([number % 256]) * command
        outputs += number.to_bytes(8, "big") + events.to_bytes(4, "big") + b"e" * events
        outputs += (3).to_bytes(4, "big") + b"ops"
        hashes += number.to_bytes(64, "big")
        signatures += number.to_bytes(65, "big")
    return Released(first, len(sizes), batch, outputs, hashes, signatures)


def together(frames: list[ReleasedFrame]) -> tuple[int, int, bytes, bytes, bytes, bytes]:
    return (
        frames[0].first_log_number,
        sum(frame.count for frame in frames),
        b"".join(frame.batch for frame in frames),
        b"".join(frame.outputs for frame in frames),
        b"".join(frame.hashes for frame in frames),
        b"".join(frame.signatures for frame in frames),
    )


def whole(batch: Released) -> tuple[int, int, bytes, bytes, bytes, bytes]:
    return (
        batch.first_log_number,
        batch.count,
        batch.batch,
        batch.outputs,
        batch.hashes,
        batch.signatures,
    )


SIZES = st.lists(st.tuples(st.integers(2, 60), st.integers(0, 200)), min_size=1, max_size=30)


@settings(max_examples=50)
@given(SIZES, st.integers(1, 500))
def test_a_batch_is_cut_at_commands_and_loses_nothing(
    sizes: list[tuple[int, int]], frame_bytes: int
) -> None:
    batch = released(7, sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "FRAME_BYTES", frame_bytes)
        frames = list(frames_of(batch))
    assert together(frames) == whole(batch)
    for frame in frames:
        lone = frame.count == 1
        assert lone or len(frame.batch) + len(frame.outputs) <= frame_bytes


@given(SIZES, st.data())
def test_the_part_from_a_number_on(sizes: list[tuple[int, int]], data: st.DataObject) -> None:
    batch = released(7, sizes)
    (frame,) = frames_of(batch)
    number = data.draw(st.integers(1, 6 + len(sizes)))
    cut = cut_before(frame, number)
    assert cut.first_log_number == max(7, number)
    assert cut.count == 7 + len(sizes) - cut.first_log_number
    rest = released(cut.first_log_number, sizes[cut.first_log_number - 7 :])
    assert together([cut]) == whole(rest)


def test_the_oldest_frames_go_first() -> None:
    kept = Feed(5, bytes_max=100)
    assert (kept.first_number, kept.next_number) == (5, 5)
    for first in range(5, 15, 2):
        kept.append(first, 2, bytes(40))
    assert (kept.first_number, kept.next_number) == (11, 15), "two frames of 40 bytes fit 100"
    assert kept.end_bytes == 200, "bytes are counted from the start"
    assert kept.at(9) is None
    entry = kept.at(13)
    assert entry is not None
    assert entry.end_bytes == 200
    assert kept.holding(12) is kept.at(11)
    assert kept.holding(15) is None
    assert kept.holding(10) is None


def test_a_lone_large_frame_is_held() -> None:
    kept = Feed(1, bytes_max=10)
    kept.append(1, 1, bytes(500))
    assert kept.at(1) is not None


def test_a_hole_is_refused() -> None:
    kept = Feed(1)
    with pytest.raises(AssertionError, match="without a hole"):
        kept.append(2, 1, b"x")
