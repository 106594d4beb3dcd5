"""What is valued: cash, positions and resting orders of one margin account."""

from __future__ import annotations

from dataclasses import dataclass

STANDARD = 0
PORTFOLIO = 1


@dataclass(frozen=True, slots=True)
class Position:
    """A signed size (base units) of a contract, by its name.

    `entry` (1e-6 USD) is the price at which a perpetual or future was opened: its value is the
    profit since then. Without one it was opened at mark. Options and coins are worth their mark.
    """

    instrument: str
    size: int
    entry: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A resting order: size left (base units) and limit price (1e-6 USD)."""

    instrument: str
    is_buy: bool
    size: int
    limit: int


@dataclass(frozen=True, slots=True)
class Portfolio:
    """One margin account: cash in 1e-6 USD, positions, orders, mode (1 portfolio, 0 standard)."""

    cash: int
    positions: tuple[Position, ...]
    orders: tuple[Order, ...] = ()
    mode: int = PORTFOLIO
