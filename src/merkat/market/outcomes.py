"""What each of the newest commands gave, decoded when somebody asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from merkat.market import layout, rules
from merkat.sdk.layouts import COMMANDS, show_event

OUTCOMES_MAX: Final = 65_536
REFUSED_EVENT: Final = 1
# Events that name the order of their command first: accepted, amended; renewed names the old one.
_NAMING: Final = {2: 0, 6: 0, 7: 12, 5: 0}

Event = tuple[str, dict[str, int | str]]
"""Name and fields; keys as `account.slot/counter@hour`, bytes as 0x strings."""


class Refusal(NamedTuple):
    """Why the venue did nothing: code and id of the rule, its name, the field it is about."""

    code: int
    rule: str
    name: str
    field: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command gave."""

    log_number: int
    time_ns: int
    command_kind: int
    encoded: bytes
    """The framed events."""

    @property
    def command(self) -> str:
        """Return what the command is called."""
        return COMMANDS[self.command_kind][0] if self.command_kind in COMMANDS else "unknown"

    @property
    def refused(self) -> Refusal | None:
        """Return why nothing was done; None where the venue took the command."""
        if len(self.encoded) < layout.FRAME.size or self.encoded[2] != REFUSED_EVENT:
            return None
        code, number = layout.REFUSED.unpack_from(self.encoded, layout.FRAME.size)
        name = rules.RULE_NAMES.get(code, f"code_{code}")
        return Refusal(code, rules.rule_id(code), name, rules.field_name(number))

    @property
    def raw_events(self) -> list[bytes]:
        """Return the events, each with its kind in front."""
        found, at = [], 0
        while at < len(self.encoded):
            length = self.encoded[at] << 8 | self.encoded[at + 1]
            found.append(self.encoded[at + 2 : at + 2 + length])
            at += 2 + length
        return found

    @property
    def events(self) -> list[Event]:
        """Return the events decoded, in their order."""
        return [(shown.kind, shown.fields) for shown in map(show_event, self.raw_events)]

    @property
    def order_key(self) -> bytes | None:
        """Return the key of the order that the command made or changed, if there is one."""
        for event in self.raw_events:
            if event[0] in _NAMING:
                at = 1 + _NAMING[event[0]]
                return event[at : at + 12]
        return None


class Outcomes:
    """A ring of the newest outcomes."""

    __slots__ = ("_ring",)

    def __init__(self) -> None:
        self._ring: list[tuple[int, int, int, bytes] | None] = [None] * OUTCOMES_MAX

    def add(self, log_number: int, time_ns: int, kind: int, encoded: bytes) -> None:
        """Remember what a command gave."""
        self._ring[log_number % OUTCOMES_MAX] = (log_number, time_ns, kind, encoded)

    def find(self, log_number: int) -> Outcome | None:
        """Return what a command gave; None where it is too old, or not known yet."""
        found = self._ring[log_number % OUTCOMES_MAX]
        return Outcome(*found) if found is not None and found[0] == log_number else None
