"""The venue machine: one command in, events and micro-ops out.

Sources: docs/spec/rules.md section 3, docs/spec/derivatives.md sections 3 and 5 to 7,
docs/spec/sessions.md section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from merkat.spec import signatures
from merkat.spec.codec import MalformedError, Reader, u32
from merkat.spec.messages import (
    Activate,
    Amend,
    Cancel,
    Command,
    Epoch,
    Floor,
    Heartbeat,
    InboxCommand,
    MarginMode,
    Place,
    Renew,
    Tick,
    Transfer,
    Withdraw,
    decode_command,
)
from merkat.spec.rules import Refused
from merkat.spec.session_messages import SessionOpen, SessionRevoke
from merkat.spec.settle.state import State
from merkat.spec.signatures import Recover
from merkat.spec.typed_data import Config
from merkat.spec.values import TIME_END, keccak256
from merkat.spec.venue.amend import amend
from merkat.spec.venue.cancel import cancel, floor
from merkat.spec.venue.events import CommandRefused, join_framed
from merkat.spec.venue.inbox import inbox
from merkat.spec.venue.money import margin_mode, transfer, withdraw
from merkat.spec.venue.oracle import activate, epoch, heartbeat
from merkat.spec.venue.place import place
from merkat.spec.venue.renew import renew
from merkat.spec.venue.rules import C_01
from merkat.spec.venue.sessions import session_open, session_revoke
from merkat.spec.venue.snapshot import encode_venue_part, read_venue_part
from merkat.spec.venue.state import WATERFALL_LIMIT, VenueState
from merkat.spec.venue.tick import tick


@dataclass(frozen=True, slots=True)
class Output:
    """What a command gives: encoded events and micro-ops, without their frames."""

    log_number: int
    events: list[bytes]
    micro_ops: list[bytes]

    def encode(self) -> bytes:
        """The bytes of formats.md section 5."""
        events, micro_ops = join_framed(self.events), join_framed(self.micro_ops)
        return (
            self.log_number.to_bytes(8, "big")
            + u32(len(events))
            + events
            + u32(len(micro_ops))
            + micro_ops
        )


class Venue(VenueState):
    """A whole venue: settlement state, books, nonces, liquidation records.

    Args:
        config: the EIP-712 domain of the venue.
        recover: tells the signer of a digest; long runs inject a faster one.
        settlement: the settlement state to start from; genesis when left out.
        waterfall_limit: micro-ops after which a waterfall makes no new decision; only tests
            choose another than the rule book's.
    """

    def __init__(
        self,
        config: Config,
        recover: Recover = signatures.recover,
        settlement: State | None = None,
        waterfall_limit: int = WATERFALL_LIMIT,
    ) -> None:
        super().__init__(config, recover, settlement or State(config), waterfall_limit)

    def apply(self, log_number: int, time_ns: int, command: bytes) -> Output:
        """Apply one command of the log.

        The sequencer's contract, asserted: `log_number` is the last plus one, time does not go
        back and stays below 2^63.
        """
        assert log_number == self.log_number + 1, f"log number {log_number} after {self.log_number}"
        assert self.time_ns <= time_ns < TIME_END, f"time {time_ns} after {self.time_ns}"
        self.log_number, self.time_ns = log_number, time_ns
        self.events, self.micro_ops = [], []
        try:
            self._run(_decoded(command))
        except Refused as refused:
            assert not self.events, "a refusal comes before every event"
            assert not self.micro_ops, "a refusal comes before every micro-op"
            self.event(CommandRefused(refused.code, refused.field_number))
        return Output(log_number, self.events, self.micro_ops)

    def _run(self, command: Command) -> None:
        match command:
            case Place():
                place(self, command)
            case Amend():
                amend(self, command)
            case Renew():
                renew(self, command)
            case Cancel():
                cancel(self, command)
            case Floor():
                floor(self, command)
            case Withdraw():
                withdraw(self, command)
            case Transfer():
                transfer(self, command)
            case MarginMode():
                margin_mode(self, command)
            case SessionOpen():
                session_open(self, command)
            case SessionRevoke():
                session_revoke(self, command)
            case Epoch():
                epoch(self, command)
            case Heartbeat():
                heartbeat(self, command)
            case Activate():
                activate(self, command)
            case Tick():
                tick(self, command)
            case InboxCommand():
                inbox(self, command)

    def state_root(self) -> bytes:
        """The 32-byte root of the settlement state."""
        return self.settlement.root()

    def venue_digest(self) -> bytes:
        """The 32-byte hash of the venue part of the snapshot."""
        return keccak256(encode_venue_part(self))

    def snapshot(self) -> bytes:
        """Settlement part and venue part."""
        return self.settlement.encode() + encode_venue_part(self)

    @classmethod
    def from_snapshot(
        cls,
        config: Config,
        data: bytes,
        recover: Recover = signatures.recover,
        waterfall_limit: int = WATERFALL_LIMIT,
    ) -> Self:
        """The venue that `snapshot` described.

        Raises:
            MalformedError: the bytes are no snapshot.
        """
        reader = Reader(data)
        settlement = State.read(config, reader)
        venue = cls(config, recover, settlement, waterfall_limit)
        read_venue_part(venue, reader)
        return venue


def _decoded(command: bytes) -> Command:
    """C-01."""
    try:
        decoded = decode_command(command)
    except MalformedError:
        decoded = None
    C_01.require(decoded is not None)
    assert decoded is not None
    return decoded
