"""The frames of the link (docs/spec/link.md): one binary WebSocket message each, big-endian.

Decoding is strict: a frame has exactly the bytes that its fields name, every count is within its
bound, every text is UTF-8. What is not so raises FrameError, whose text is fit for a close reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct, error
from typing import Any, Final, NamedTuple, TypeAlias

from merkat.sdk.keys import Domain

PROTOCOL: Final = 1
FRAME_BYTES_MAX: Final = 8 << 20
# One command alone may have outputs beyond the bound of a frame: an expiry of a large book has.
LONE_FRAME_BYTES_MAX: Final = 64 << 20
SUBMIT_COMMANDS_MAX: Final = 256
REQUESTS_IN_FLIGHT_MAX: Final = 64
REASON_BYTES_MAX: Final = 0xFFFF
RECEIPT_HASHES_BYTES: Final = 64
RECEIPT_SIGNATURE_BYTES: Final = 65

FOLLOW: Final = 1
SUBMIT: Final = 2
ADVANCE: Final = 3
HELLO: Final = 16
RELEASED: Final = 17
SUBMITTED: Final = 18
CLOCK: Final = 19
BUSY: Final = 20
ADVANCED: Final = 21

# Codes with which a venue closes a link.
CLOSE_GOING_AWAY: Final = 1001
CLOSE_MALFORMED: Final = 1008
CLOSE_SLOW: Final = 4001
CLOSE_FAILED: Final = 1011

_FOLLOW: Final = Struct(">BQ")
_SUBMIT: Final = Struct(">BQH")
_TIMED: Final = Struct(">BQQ")
_LENGTH: Final = Struct(">I")
_HELLO: Final = Struct(">BHQ20s32s20sQQBB")
_RELEASED: Final = Struct(">BQI")
_ANSWER: Final = Struct(">QH")
_CLOCK: Final = Struct(">BQ")


class FrameError(ValueError):
    """Bytes that are no frame: the text says which field, what was found, what was expected."""


class Answer(NamedTuple):
    """What became of a submitted command: its log number, or 0 and admission's reason."""

    log_number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Follow:
    """Asks for every released batch from a log number on."""

    from_log_number: int


@dataclass(frozen=True, slots=True)
class Submit:
    """Hands in commands; `request` names them in the answer."""

    request: int
    commands: list[bytes]


@dataclass(frozen=True, slots=True)
class Advance:
    """Moves a virtual clock to a time (ns)."""

    request: int
    time_ns: int


@dataclass(frozen=True, slots=True)
class Hello:
    """What a venue says first: who it is, how far its log goes, and its clock (ns)."""

    domain: Domain
    sequencer: bytes
    head: int
    time_ns: int
    virtual: bool
    demo: bool


@dataclass(frozen=True, slots=True)
class ReleasedFrame:
    """Durable commands with their answers. `hashes` 64 and `signatures` 65 bytes a command.

    `batch` is {u32 length, u64 log number, u64 time in ns, command} one after the other, `outputs`
    what formats.md section 5 says, in the same order.
    """

    first_log_number: int
    count: int
    batch: bytes
    outputs: bytes
    hashes: bytes
    signatures: bytes


@dataclass(frozen=True, slots=True)
class Submitted:
    """The answers of a request, one a command."""

    request: int
    answers: list[Answer]


@dataclass(frozen=True, slots=True)
class Clock:
    """The venue's time, ns."""

    time_ns: int


@dataclass(frozen=True, slots=True)
class Busy:
    """Nothing of a request was taken."""

    request: int


@dataclass(frozen=True, slots=True)
class Advanced:
    """Everything that was due until a time is done."""

    request: int
    time_ns: int


ClientFrame: TypeAlias = Follow | Submit | Advance
VenueFrame: TypeAlias = Hello | ReleasedFrame | Submitted | Clock | Busy | Advanced


# --- client to venue ---


def encode_follow(from_log_number: int) -> bytes:
    """Return a follow frame. Log numbers 0 and 1 both mean all."""
    return _FOLLOW.pack(FOLLOW, from_log_number)


def encode_submit(request: int, commands: Sequence[bytes]) -> bytes:
    """Return a submit frame. Raises ValueError unless it holds 1 to 256 commands and fits."""
    if not 1 <= len(commands) <= SUBMIT_COMMANDS_MAX:
        raise ValueError(f"commands: {len(commands)}, expected 1 to {SUBMIT_COMMANDS_MAX}")
    parts = [_SUBMIT.pack(SUBMIT, request, len(commands))]
    for command in commands:
        parts += (_LENGTH.pack(len(command)), command)
    encoded = b"".join(parts)
    if len(encoded) > FRAME_BYTES_MAX:
        raise ValueError(f"commands: {len(encoded)} bytes, expected at most {FRAME_BYTES_MAX}")
    return encoded


def encode_advance(request: int, time_ns: int) -> bytes:
    """Return an advance frame."""
    return _TIMED.pack(ADVANCE, request, time_ns)


def decode_client(data: bytes) -> ClientFrame:
    """Return the frame of a client. Raises FrameError."""
    kind = _kind(data, FRAME_BYTES_MAX)
    if kind == SUBMIT:
        return _decode_submit(data)
    if kind == FOLLOW:
        return Follow(*_exactly(_FOLLOW, data, "follow"))
    if kind == ADVANCE:
        return Advance(*_exactly(_TIMED, data, "advance"))
    raise FrameError(f"kind: {kind}, expected 1 (follow), 2 (submit) or 3 (advance)")


def _decode_submit(data: bytes) -> Submit:
    if len(data) < _SUBMIT.size:
        raise FrameError(f"submit: {len(data)} bytes, expected at least {_SUBMIT.size}")
    _, request, count = _SUBMIT.unpack_from(data)
    if not 1 <= count <= SUBMIT_COMMANDS_MAX:
        raise FrameError(f"submit: count {count}, expected 1 to {SUBMIT_COMMANDS_MAX}")
    reader = _Reader(data, _SUBMIT.size, "submit")
    commands = [reader.sized(f"command {place}") for place in range(count)]
    reader.end()
    return Submit(request, commands)


# --- venue to client ---


def encode_hello(hello: Hello) -> bytes:
    """Return a hello frame."""
    domain = hello.domain
    return _HELLO.pack(
        HELLO,
        PROTOCOL,
        domain.chain_id,
        domain.verifying_contract,
        domain.salt,
        hello.sequencer,
        hello.head,
        hello.time_ns,
        hello.virtual,
        hello.demo,
    )


def encode_released(released: ReleasedFrame) -> bytes:
    """Return a released frame."""
    return b"".join(
        (
            _RELEASED.pack(RELEASED, released.first_log_number, released.count),
            _LENGTH.pack(len(released.batch)),
            released.batch,
            _LENGTH.pack(len(released.outputs)),
            released.outputs,
            released.hashes,
            released.signatures,
        )
    )


def encode_submitted(request: int, answers: Sequence[Answer]) -> bytes:
    """Return a submitted frame; a reason that is too long is cut."""
    parts = [_SUBMIT.pack(SUBMITTED, request, len(answers))]
    for log_number, reason in answers:
        text = reason.encode()
        if len(text) > REASON_BYTES_MAX:
            text = text[:REASON_BYTES_MAX].decode(errors="ignore").encode()
        parts += (_ANSWER.pack(log_number, len(text)), text)
    return b"".join(parts)


def encode_clock(time_ns: int) -> bytes:
    """Return a clock frame."""
    return _CLOCK.pack(CLOCK, time_ns)


def encode_busy(request: int) -> bytes:
    """Return a busy frame."""
    return _CLOCK.pack(BUSY, request)


def encode_advanced(request: int, time_ns: int) -> bytes:
    """Return an advanced frame."""
    return _TIMED.pack(ADVANCED, request, time_ns)


def decode_venue(data: bytes) -> VenueFrame:
    """Return the frame of a venue. Raises FrameError."""
    kind = _kind(data, LONE_FRAME_BYTES_MAX)
    if kind == SUBMITTED:
        return _decode_submitted(data)
    if kind == RELEASED:
        return _decode_released(data)
    if kind == CLOCK:
        return Clock(*_exactly(_CLOCK, data, "clock"))
    if kind == BUSY:
        return Busy(*_exactly(_CLOCK, data, "busy"))
    if kind == ADVANCED:
        return Advanced(*_exactly(_TIMED, data, "advanced"))
    if kind == HELLO:
        return _decode_hello(data)
    raise FrameError(f"kind: {kind}, expected 16 to 21")


def _decode_hello(data: bytes) -> Hello:
    protocol, chain_id, contract, salt, sequencer, head, time_ns, clock, demo = _exactly(
        _HELLO, data, "hello"
    )
    if protocol != PROTOCOL:
        raise FrameError(f"hello: protocol {protocol}, expected {PROTOCOL}: update one of the two")
    if clock > 1 or demo > 1:
        raise FrameError(f"hello: clock {clock} and demo {demo}, expected 0 or 1 each")
    try:
        domain = Domain(chain_id, contract, salt)
    except ValueError as problem:
        raise FrameError(f"hello: {problem}") from None
    return Hello(domain, sequencer, head, time_ns, bool(clock), bool(demo))


def _decode_released(data: bytes) -> ReleasedFrame:
    if len(data) < _RELEASED.size:
        raise FrameError(f"released: {len(data)} bytes, expected at least {_RELEASED.size}")
    _, first, count = _RELEASED.unpack_from(data)
    if not 1 <= count <= len(data):
        raise FrameError(f"released: count {count}, expected 1 or more, within the frame")
    reader = _Reader(data, _RELEASED.size, "released")
    batch, outputs = reader.sized("batch"), reader.sized("outputs")
    hashes = reader.raw(RECEIPT_HASHES_BYTES * count, "hashes")
    signatures = reader.raw(RECEIPT_SIGNATURE_BYTES * count, "signatures")
    reader.end()
    return ReleasedFrame(first, count, batch, outputs, hashes, signatures)


def _decode_submitted(data: bytes) -> Submitted:
    if len(data) < _SUBMIT.size:
        raise FrameError(f"submitted: {len(data)} bytes, expected at least {_SUBMIT.size}")
    _, request, count = _SUBMIT.unpack_from(data)
    if not 1 <= count <= SUBMIT_COMMANDS_MAX:
        raise FrameError(f"submitted: count {count}, expected 1 to {SUBMIT_COMMANDS_MAX}")
    reader = _Reader(data, _SUBMIT.size, "submitted")
    answers = []
    for place in range(count):
        log_number, length = _ANSWER.unpack(reader.raw(_ANSWER.size, f"answer {place}"))
        text = reader.raw(length, f"reason {place}")
        try:
            answers.append(Answer(log_number, text.decode()))
        except UnicodeDecodeError:
            raise FrameError(f"submitted: reason {place} is not UTF-8") from None
    reader.end()
    return Submitted(request, answers)


def _kind(data: bytes, bytes_max: int) -> int:
    if not data:
        raise FrameError("frame: no bytes, expected a kind first")
    if len(data) > bytes_max:
        raise FrameError(f"frame: {len(data)} bytes, expected at most {bytes_max}")
    return data[0]


def _exactly(layout: Struct, data: bytes, name: str) -> tuple[Any, ...]:
    """Return the fields behind the kind of a frame of fixed length."""
    try:
        return layout.unpack(data)[1:]
    except error:
        raise FrameError(f"{name}: {len(data)} bytes, expected {layout.size}") from None


class _Reader:
    """Reads the parts of a frame that have lengths of their own."""

    def __init__(self, data: bytes, at: int, name: str) -> None:
        self._data = data
        self._at = at
        self._name = name

    def raw(self, length: int, part: str) -> bytes:
        start, self._at = self._at, self._at + length
        if self._at > len(self._data):
            raise FrameError(
                f"{self._name}: {part} has {len(self._data) - start} bytes, expected {length}"
            )
        return self._data[start : self._at]

    def sized(self, part: str) -> bytes:
        (length,) = _LENGTH.unpack(self.raw(_LENGTH.size, f"length of {part}"))
        return self.raw(length, part)

    def end(self) -> None:
        if self._at != len(self._data):
            raise FrameError(
                f"{self._name}: {len(self._data) - self._at} bytes follow its end, expected none"
            )
