"""Frames of the link: every frame comes back as it went, everything else is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merkat.link import frames
from merkat.link.frames import (
    Advance,
    Advanced,
    Answer,
    Busy,
    Clock,
    Follow,
    FrameError,
    Hello,
    ReleasedFrame,
    Submit,
    Submitted,
    decode_client,
    decode_venue,
)
from merkat.sdk.keys import Domain

U64 = st.integers(0, 2**64 - 1)
COMMANDS = st.lists(st.binary(max_size=300), min_size=1, max_size=frames.SUBMIT_COMMANDS_MAX)
REASON = st.text(st.characters(codec="utf-8"), max_size=40)
ANSWERS = st.lists(st.builds(Answer, U64, REASON), min_size=1, max_size=256)


@st.composite
def released(draw: st.DrawFn) -> ReleasedFrame:
    count = draw(st.integers(1, 8))

    def exactly(width: int) -> bytes:
        return draw(st.binary(min_size=width * count, max_size=width * count))

    return ReleasedFrame(
        draw(U64),
        count,
        draw(st.binary(max_size=200)),
        draw(st.binary(max_size=200)),
        exactly(64),
        exactly(65),
    )


HELLO = st.builds(
    Hello,
    st.builds(
        Domain,
        st.integers(1, 2**64 - 1),
        st.binary(min_size=20, max_size=20),
        st.binary(min_size=32, max_size=32),
    ),
    st.binary(min_size=20, max_size=20),
    U64,
    U64,
    st.booleans(),
    st.booleans(),
)


@given(U64)
def test_follow_comes_back(number: int) -> None:
    assert decode_client(frames.encode_follow(number)) == Follow(number)


@given(U64, U64)
def test_advance_comes_back(request: int, time_ns: int) -> None:
    assert decode_client(frames.encode_advance(request, time_ns)) == Advance(request, time_ns)


@settings(max_examples=50)
@given(U64, COMMANDS)
def test_submit_comes_back(request: int, commands: list[bytes]) -> None:
    assert decode_client(frames.encode_submit(request, commands)) == Submit(request, commands)


@given(HELLO)
def test_hello_comes_back(hello: Hello) -> None:
    assert decode_venue(frames.encode_hello(hello)) == hello


@given(released())
def test_released_comes_back(frame: ReleasedFrame) -> None:
    assert decode_venue(frames.encode_released(frame)) == frame


@settings(max_examples=50)
@given(U64, ANSWERS)
def test_submitted_comes_back(request: int, answers: list[Answer]) -> None:
    encoded = frames.encode_submitted(request, answers)
    assert decode_venue(encoded) == Submitted(request, answers)


@given(U64, U64)
def test_the_short_frames_come_back(first: int, second: int) -> None:
    assert decode_venue(frames.encode_clock(first)) == Clock(first)
    assert decode_venue(frames.encode_busy(first)) == Busy(first)
    assert decode_venue(frames.encode_advanced(first, second)) == Advanced(first, second)


def test_a_reason_that_is_too_long_is_cut_at_a_character() -> None:
    answer = Answer(0, "é" * 40_000)
    (found,) = decode_venue(frames.encode_submitted(1, [answer])).answers  # type: ignore[union-attr]
    assert found.reason == "é" * 32_767, "65,534 bytes: half a character is not sent"


@given(st.binary(max_size=120))
def test_any_bytes_are_a_frame_or_refused(data: bytes) -> None:
    for decode in (decode_client, decode_venue):
        refusal = ""
        try:
            decode(data)
        except FrameError as error:
            refusal = str(error)
        assert len(refusal) < 124, "a refusal fits a close reason"


def every_client_frame() -> list[bytes]:
    return [
        frames.encode_follow(7),
        frames.encode_submit(1, [b"one", b"", b"three"]),
        frames.encode_advance(2, 3),
    ]


def every_venue_frame() -> list[bytes]:
    hello = Hello(Domain(1, bytes(20), bytes(32)), bytes(20), 5, 6, virtual=True, demo=False)
    return [
        frames.encode_hello(hello),
        frames.encode_released(ReleasedFrame(1, 1, b"batch", b"out", bytes(64), bytes(65))),
        frames.encode_submitted(1, [Answer(1, ""), Answer(0, "why")]),
        frames.encode_clock(1),
        frames.encode_busy(1),
        frames.encode_advanced(1, 2),
    ]


@pytest.mark.parametrize("data", every_client_frame(), ids=["follow", "submit", "advance"])
def test_a_client_frame_that_is_cut_or_lengthened_is_refused(data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(FrameError):
            decode_client(data[:length])
    with pytest.raises(FrameError):
        decode_client(data + b"\x00")


@pytest.mark.parametrize(
    "data",
    every_venue_frame(),
    ids=["hello", "released", "submitted", "clock", "busy", "advanced"],
)
def test_a_venue_frame_that_is_cut_or_lengthened_is_refused(data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(FrameError):
            decode_venue(data[:length])
    with pytest.raises(FrameError):
        decode_venue(data + b"\x00")


def submit_bytes(count: int, body: bytes) -> bytes:
    return b"\x02" + bytes(8) + count.to_bytes(2, "big") + body


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no bytes"),
        (b"\x00", "kind: 0"),
        (b"\x10" + bytes(100), "kind: 16, expected 1"),
        (submit_bytes(0, b""), "count 0, expected 1 to 256"),
        (submit_bytes(257, bytes(4 * 257)), "count 257, expected 1 to 256"),
        (submit_bytes(2, bytes(4)), "length of command 1 has 0 bytes, expected 4"),
        (submit_bytes(1, b"\x00\x00\x00\x09abc"), "command 0 has 3 bytes, expected 9"),
        (submit_bytes(1, b"\xff\xff\xff\xff"), "command 0 has 0 bytes, expected 4294967295"),
        (bytes([1]) * (frames.FRAME_BYTES_MAX + 1), "8388609 bytes, expected at most 8388608"),
    ],
)
def test_what_a_client_must_not_send(data: bytes, says: str) -> None:
    with pytest.raises(FrameError, match=says):
        decode_client(data)


def test_what_a_venue_must_not_send() -> None:
    hello = every_venue_frame()[0]
    for data, says in (
        (hello[:1] + b"\x00\x02" + hello[3:], "protocol 2, expected 1"),
        (hello[:3] + bytes(8) + hello[11:], "chain_id"),
        (hello[:-2] + b"\x02\x00", "clock 2"),
        (hello[:-2] + b"\x00\x02", "demo 2"),
        (b"\x11" + bytes(12 + 8), "count 0"),
        (frames.encode_follow(1), "kind: 1, expected 16 to 21"),
        (b"\x12" + bytes(8) + b"\x00\x01" + bytes(8) + b"\x00\x01\xff", "not UTF-8"),
    ):
        with pytest.raises(FrameError, match=says):
            decode_venue(data)


@pytest.mark.parametrize("count", [0, 257])
def test_a_submit_has_1_to_256_commands(count: int) -> None:
    with pytest.raises(ValueError, match="expected 1 to 256"):
        frames.encode_submit(1, [b"x"] * count)


def test_a_submit_fits_a_frame() -> None:
    with pytest.raises(ValueError, match="expected at most 8388608"):
        frames.encode_submit(1, [bytes(1 << 16)] * 256)
