"""What a row knows of its listing (derivatives.md section 1), as plain data."""

from __future__ import annotations

from dataclasses import dataclass

PERPETUAL = 1
FUTURE = 2
CALL = 3
PUT = 4
SPOT = 5
OPTIONS = (CALL, PUT)
DATED = (FUTURE, CALL, PUT)


@dataclass(frozen=True, slots=True)
class Terms:
    """One live listing: prices in 1e-6 USD per coin, expiry in ns; 0 where it does not apply."""

    listing: int
    kind: int
    strike: int
    expiry: int
    quantum: int
    delivery_price: int = 0
    """What it is delivered at, 0 until that is known: the leaf's, else the group's fixed price."""


def payoff(kind: int, strike: int, price: int) -> int:
    """Return what a coin of a future or option pays when the underlying is at `price`."""
    if kind == CALL:
        return max(0, price - strike)
    if kind == PUT:
        return max(0, strike - price)
    assert kind == FUTURE, f"kind {kind} never expires"
    return price
