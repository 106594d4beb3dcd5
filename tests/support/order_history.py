"""What became of every order, read off a journal by itself: no view, no gateway, no labels.

The journal's commands go through the engine once more; of its events only the bytes that
docs/spec/formats.md names are read.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from merkat import _core
from merkat.sdk.layouts import decode_output, split_outputs
from merkat.sequencer import venue_file
from merkat.sequencer.reading import open_reading

READ_BYTES: Final = 4 << 20
ACCEPTED, TRADE, CANCELLED, AMENDED, RENEWED = 2, 4, 5, 6, 7


@dataclass(slots=True)
class Fate:
    """One order: prices in 1e-6 USD, sizes in base units."""

    key: bytes
    account: int
    listing: int
    side: int
    price: int
    size: int
    filled: int = 0
    cancelled: bool = False
    fills: list[tuple[int, int]] = field(default_factory=list)

    @property
    def state(self) -> str:
        """Return the state by the dialect's name."""
        if self.filled == self.size:
            return "filled"
        return "cancelled" if self.cancelled else "open"


def account_of(key: bytes) -> int:
    """Return the account in an order key (formats.md section 2)."""
    return int.from_bytes(key, "big") >> 44 & 0xFFF_FFFF


def read_history(venue: Path, copy: Path) -> dict[bytes, Fate]:
    """Return the fate of every accepted order by its key.

    The folder is copied first: opening a journal cuts its torn tail, which is the venue's to do.
    """
    copied = Path(shutil.copytree(venue, copy))
    domain = venue_file.read(copied)
    orders: dict[bytes, Fate] = {}
    with open_reading(copied, domain) as reading:
        engine = _core.Engine(*domain.parts)
        while engine.log_number < reading.head:
            batch = reading.journal.read(engine.log_number + 1, READ_BYTES)
            for _, encoded in split_outputs(engine.apply(batch, None)):
                for event in decode_output(encoded).events:
                    _take(orders, event)
    shutil.rmtree(copied)
    return orders


def _take(orders: dict[bytes, Fate], event: bytes) -> None:
    kind, body = event[0], event[1:]
    if kind == ACCEPTED:
        key = body[:12]
        assert key not in orders, f"order {key.hex()} was accepted twice"
        listing, side = _number(body[12:16]), body[16]
        price, size = _number(body[18:26]), _number(body[26:34])
        orders[key] = Fate(key, account_of(key), listing, side, price, size)
    elif kind == TRADE:
        price, size = _number(body[29:37]), _number(body[37:45])
        for key in (body[4:16], body[16:28]):
            orders[key].filled += size
            orders[key].fills.append((price, size))
    elif kind == CANCELLED:
        orders[body[:12]].cancelled = True
    elif kind == AMENDED:
        order = orders[body[:12]]
        order.price, order.size = _number(body[16:24]), _number(body[24:32])
    else:
        assert kind != RENEWED, "this load renews nothing"


def _number(data: bytes) -> int:
    return int.from_bytes(data, "big", signed=True)
