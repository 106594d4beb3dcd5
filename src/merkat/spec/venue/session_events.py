"""The events of version 3 (docs/spec/sessions.md section 1): sessions that open and end.

`events.py` names them beside the others and encodes them all.
"""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.codec import B20, U8, U32, U40, U64, Record


@dataclass(frozen=True, slots=True)
class SessionOpened(Record):
    """Event 41, session_opened: a key may trade for the account, within this scope."""

    account: U32
    slot: U8
    scheme: U8
    key: B20
    groups: U64
    kinds: U8
    notional: U64
    expiry: U64


@dataclass(frozen=True, slots=True)
class SessionRevoked(Record):
    """Event 42, session_revoked: the slot's key may no more; the account's order floor after."""

    account: U32
    slot: U8
    floor: U40
