"""The newest released batches in memory: what followers read, each at its own pace.

The feed is the only queue: a follower has a place in it, no buffer of its own, so that memory is
bounded however many follow. Who falls behind its bound is too slow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from merkat.link import frames
from merkat.link.frames import ReleasedFrame
from merkat.sequencer.pipeline import Released

FEED_BYTES_MAX: Final = 64 << 20
# Frames are cut at commands once they reach this, well under the bound of a frame.
FRAME_BYTES: Final = 4 << 20
_RECORD_HEAD: Final = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """An encoded frame; `end_bytes` counts all frames up to its end."""

    first: int
    count: int
    data: bytes
    end_bytes: int


class Feed:
    """Released frames, oldest first. Used by the event loop alone."""

    def __init__(self, next_number: int, bytes_max: int = FEED_BYTES_MAX) -> None:
        """Start empty: the next frame begins with `next_number`."""
        self.next_number = next_number
        self.bytes_max = bytes_max
        self.end_bytes = 0  # of all frames that were ever appended
        self._entries: deque[Entry] = deque()
        self._by_first: dict[int, Entry] = {}
        self._held_bytes = 0

    @property
    def first_number(self) -> int:
        """Return the oldest log number that is held, `next_number` where none is."""
        return self._entries[0].first if self._entries else self.next_number

    def append(self, first: int, count: int, data: bytes) -> None:
        """Add the next frame and let go of the oldest beyond the bound."""
        assert first == self.next_number, "frames come in order, without a hole"
        self.end_bytes += len(data)
        entry = Entry(first, count, data, self.end_bytes)
        self._entries.append(entry)
        self._by_first[first] = entry
        self._held_bytes += len(data)
        self.next_number = first + count
        while self._held_bytes > self.bytes_max and len(self._entries) > 1:
            oldest = self._entries.popleft()
            del self._by_first[oldest.first]
            self._held_bytes -= len(oldest.data)

    def at(self, number: int) -> Entry | None:
        """Return the frame that begins with a log number, None where none does."""
        return self._by_first.get(number)

    def holding(self, number: int) -> Entry | None:
        """Return the frame that holds a log number, None where it is too old or still to come."""
        if not self.first_number <= number < self.next_number:
            return None
        return next(one for one in self._entries if one.first <= number < one.first + one.count)


def frames_of(released: Released) -> Iterator[ReleasedFrame]:
    """Yield a released batch as frames of at most about FRAME_BYTES, cut at commands."""
    whole = ReleasedFrame(
        released.first_log_number,
        released.count,
        released.batch,
        released.outputs,
        released.hashes,
        released.signatures,
    )
    if len(whole.batch) + len(whole.outputs) <= FRAME_BYTES:
        yield whole
        return
    rest = whole
    while rest.count:
        taken, size = 0, 0
        for command, output in _places(rest):
            size += command + output
            if taken and size > FRAME_BYTES:
                break
            taken += 1
        yield _part(rest, 0, taken)
        rest = _part(rest, taken, rest.count)


def cut_before(frame: ReleasedFrame, number: int) -> ReleasedFrame:
    """Return the part of a frame from a log number on; the frame itself where it begins there."""
    if number <= frame.first_log_number:
        return frame
    return _part(frame, number - frame.first_log_number, frame.count)


def _places(frame: ReleasedFrame) -> Iterator[tuple[int, int]]:
    """Yield how many bytes each command has of the batch and of the outputs."""
    at = output_at = 0
    for _ in range(frame.count):
        command = _RECORD_HEAD + int.from_bytes(frame.batch[at : at + 4], "big")
        events = int.from_bytes(frame.outputs[output_at + 8 : output_at + 12], "big")
        ops_at = output_at + 12 + events
        output = 16 + events + int.from_bytes(frame.outputs[ops_at : ops_at + 4], "big")
        yield command, output
        at += command
        output_at += output


def _part(frame: ReleasedFrame, first: int, end: int) -> ReleasedFrame:
    """Return the commands `first` to `end` (not included) of a frame, counted from 0."""
    starts, output_starts = [0], [0]
    for command, output in _places(frame):
        starts.append(starts[-1] + command)
        output_starts.append(output_starts[-1] + output)
    hashes, signatures = frames.RECEIPT_HASHES_BYTES, frames.RECEIPT_SIGNATURE_BYTES
    return ReleasedFrame(
        frame.first_log_number + first,
        end - first,
        frame.batch[starts[first] : starts[end]],
        frame.outputs[output_starts[first] : output_starts[end]],
        frame.hashes[first * hashes : end * hashes],
        frame.signatures[first * signatures : end * signatures],
    )
