"""Who may sign for which account: owners and sessions, as the log has them.

Only what opens accounts and sessions is looked at, so that it costs little beside the committer.
It explains signatures to people; the engine decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from merkat.sdk import commands
from merkat.sdk.layouts import decode_output, show_event, split_outputs

_LOOKED_AT: Final = frozenset((commands.INBOX, commands.SESSION_OPEN, commands.SESSION_REVOKE))
_RECORD_HEAD: Final = 20
_DEPOSIT_ITEM: Final = 1
_OWNER_OF_ITEM: Final = slice(13, 33)  # of an inbox command with a deposit


@dataclass(frozen=True, slots=True)
class Session:
    """A session's key: its address, scheme (1 secp256k1, 2 P-256) and whether it was revoked."""

    key: bytes
    scheme: int
    expiry_ns: int
    revoked: bool


class Signers:
    """Owners and sessions by account. One thread writes and reads it."""

    def __init__(self) -> None:
        self.owners: dict[int, bytes] = {}
        self.sessions: dict[tuple[int, int], Session] = {}

    def take(self, batch: bytes, outputs: bytes) -> None:
        """Take in released commands with their answers."""
        at = 0
        interesting: dict[int, bytes] = {}
        while at < len(batch):
            end = at + _RECORD_HEAD + int.from_bytes(batch[at : at + 4], "big")
            if batch[at + _RECORD_HEAD + 1] in _LOOKED_AT:
                number = int.from_bytes(batch[at + 4 : at + 12], "big")
                interesting[number] = batch[at + _RECORD_HEAD : end]
            at = end
        if not interesting:
            return
        for number, encoded in split_outputs(outputs):
            if number in interesting:
                self._take_events(interesting[number], decode_output(encoded).events)

    def expected(self, account: int, slot: int) -> bytes | None:
        """Return the address that must have signed; None where there is none."""
        if slot == 0:
            return self.owners.get(account)
        session = self.sessions.get((account, slot))
        return None if session is None or session.revoked else session.key

    def _take_events(self, command: bytes, events: list[bytes]) -> None:
        for event in events:
            shown = show_event(event)
            fields = shown.fields
            if shown.kind == "deposited" and fields["opened"] and command[10] == _DEPOSIT_ITEM:
                self.owners[int(fields["account"])] = command[_OWNER_OF_ITEM]
            elif shown.kind == "session_opened":
                place = int(fields["account"]), int(fields["slot"])
                key = bytes.fromhex(str(fields["key"])[2:])
                self.sessions[place] = Session(
                    key, int(fields["scheme"]), int(fields["expiry"]), revoked=False
                )
            elif shown.kind == "session_revoked":
                place = int(fields["account"]), int(fields["slot"])
                known = self.sessions.get(place)
                if known is not None:
                    self.sessions[place] = Session(
                        known.key, known.scheme, known.expiry_ns, revoked=True
                    )
