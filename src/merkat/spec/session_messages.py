"""What a wallet says of its session keys: commands 9 and 10 (sessions.md section 1).

`messages.py` names them beside the other commands; the settlement machine takes the same bodies.
"""

from __future__ import annotations

from dataclasses import dataclass

from merkat.spec.codec import B20, B65, U8, U32, U40, U64, Record


@dataclass(frozen=True, slots=True)
class SessionOpen(Record):
    """Command 9 and micro-op 21: a key may trade for the account, within a scope.

    `groups` and `kinds` are bits, `notional` is 1e-6 USD an order, `expiry` ns.
    """

    account: U32
    slot: U8
    scheme: U8
    key: B20
    groups: U64
    kinds: U8
    notional: U64
    expiry: U64
    nonce: U64
    signature: B65


@dataclass(frozen=True, slots=True)
class SessionRevoke(Record):
    """Command 10 and micro-op 22: the slot's key may no more; orders up to `floor` are void."""

    account: U32
    slot: U8
    floor: U40
    nonce: U64
    signature: B65
