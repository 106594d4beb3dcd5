"""The few layouts of commands and events that the follower reads, as structs (formats.md).

All other places decode with `merkat.sdk.layouts`; these are read for every command.
"""

from __future__ import annotations

from struct import Struct
from typing import Final

# A record of a batch: length of the command, log number, time, then version and kind of it.
RECORD: Final = Struct(">IQQBB")
RECORD_HEAD_BYTES: Final = 20
# An output: log number, length of the events part; a frame: length, kind.
OUTPUT: Final = Struct(">QI")
FRAME: Final = Struct(">HB")
LENGTH: Final = Struct(">I")

# Offsets in a command, from its version byte on.
ORDER_SLOT_BYTES: Final = 1
ORDER_EXPIRY_AT: Final = 2 + 4 + ORDER_SLOT_BYTES + 4 + 1 + 1 + 8 + 8 + 8
EXPIRY: Final = Struct(">Q")
VECTOR_NUMBERS: Final = Struct(">B2xQ39xqqq")  # version, number, index, basis, premium
VECTOR_AT: Final = 2
INBOX_ITEM_AT: Final = 10
DEPOSIT_OWNER_AT: Final = INBOX_ITEM_AT + 3

# Bodies of events. An i128 is read as its high (signed) and low half.
REFUSED: Final = Struct(">HB")
ACCEPTED: Final = Struct(">12sIBBqq")
KEYED: Final = Struct(">12sq")
TRADE: Final = Struct(">I12s12sBqqqQqQ")
CANCELLED: Final = Struct(">12sBq")
AMENDED: Final = Struct(">12sIqqB")
RENEWED: Final = Struct(">12s12sq")
FLOOR_RAISED: Final = Struct(">IBI")
WITHDRAWN: Final = Struct(">IBQQ")
TRANSFERRED: Final = Struct(">IIQQ")
EPOCH: Final = Struct(">HQQqqB")
HEARTBEAT: Final = Struct(">HQQ")
FUNDING: Final = Struct(">HIqqQ")
STAGE: Final = Struct(">IB")
LIQUIDATION: Final = Struct(">II12sBqqqQqQqQ")
BANKRUPT: Final = Struct(">IHqQqQ")
TEAR_UP: Final = Struct(">IIIqQqqQ")
WRITE_OFF: Final = Struct(">IHqQqQ")
DEPOSITED: Final = Struct(">BIQQB")
LISTED: Final = Struct(">IH")
INSTRUMENT_SET: Final = Struct(">IB")
FEES_SWEPT: Final = Struct(">IqQ")
FORCED_WITHDRAWN: Final = Struct(">IB16xQQ")
ROW: Final = Struct(">Iqqqqq")
DELIVERY_FIXED: Final = Struct(">HQq")
DELIVERED: Final = Struct(">Iq")
EXPIRED: Final = Struct(">IIqqqQ")
MARGIN_MODE_SET: Final = Struct(">IB")
GROUP_ONLY: Final = Struct(">H")
SESSION_OPENED: Final = Struct(">IBB20sQBQQ")
SESSION_REVOKED: Final = Struct(">IBBI")

# Bodies of Inbox items, after kind and source.
ITEM_BODY_AT: Final = 2
ITEM_GROUP: Final = Struct(">HB160x21q")
ITEM_LIST: Final = Struct(">BHBqqqq")
ITEM_LIST_DATED: Final = Struct(">BHBqqqqqqqqQB")
ITEM_INSTRUMENT: Final = Struct(">IBqq")
ITEM_RISK: Final = Struct(">H")


def account_of(key: bytes) -> int:
    """Return the account in an order key."""
    return int.from_bytes(key[3:7], "big") >> 4


def slot_of(key: bytes) -> int:
    """Return the session slot in an order key, 0 for the wallet."""
    return key[6] & 15
