"""What the live view shows, as plain data: everything on it was read from the venue's log.

Prices and money are Decimals in USD, sizes in coins; Greeks and vols are for display.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

LINES_MAX: Final = 400
TRADES_SHOWN: Final = 12

# The acts of the story, in order: the view shows which one is on.
ACTS: Final = (
    ("open", "open"),
    ("trade", "trade"),
    ("shock", "fall"),
    ("anchor", "anchor"),
    ("prove", "prove"),
    ("kill", "kill"),
    ("expiry", "expiry"),
    ("claim", "claim"),
    ("replay", "replay"),
)


@dataclass(frozen=True, slots=True)
class Level:
    """One price of a book."""

    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True)
class TradeLine:
    """One trade; `note` says why it was forced, empty for a free one."""

    name: str
    side: str
    price: Decimal
    size: Decimal
    note: str = ""


@dataclass(frozen=True, slots=True)
class Holder:
    """One of the cast: money, and the Greeks of everything it holds.

    Attributes:
        profit: equity and withdrawals less deposits. delta: coins. gamma: delta for 1,000 USD.
        vega: USD a point of vol. theta: USD a day. stage: 0, 1 in liquidation, 3 bankrupt.
    """

    name: str
    profit: Decimal
    delta: Decimal
    gamma: Decimal
    vega: Decimal
    theta: Decimal
    stage: int = 0


@dataclass(frozen=True, slots=True)
class Margin:
    """An account's margin: its position in coins, what it has and what it must have, USD."""

    name: str
    position: Decimal
    equity: Decimal
    maintenance: Decimal
    stage: int = 0

    @property
    def used(self) -> Decimal:
        """Return the share of the equity that maintenance takes; 1 is where liquidation begins."""
        if self.maintenance == 0:
            return Decimal(0)
        return self.maintenance / self.equity if self.equity > 0 else Decimal(99)


@dataclass(frozen=True, slots=True)
class Strike:
    """One line of the option chain: marks of call and put, and the call's delta."""

    strike: Decimal
    call: Decimal | None
    put: Decimal | None
    delta: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story: the venue's clock, a kind such as "shock", and the text."""

    clock: str
    kind: str
    text: str


@dataclass(slots=True)
class Board:
    """Everything on the screen."""

    seed: int
    act: str = "open"
    clock: str = ""
    index: Decimal = Decimal(0)
    opening: Decimal = Decimal(0)
    bids: Sequence[Level] = ()
    asks: Sequence[Level] = ()
    mark: Decimal = Decimal(0)
    holders: Sequence[Holder] = ()
    chain: Sequence[Strike] = ()
    chain_name: str = ""
    margin: Margin | None = None
    commands: int = 0
    trades: int = 0
    options: int = 0
    batches: int = 0
    venue_up: bool = True
    shows_chain: bool = True
    recent: deque[TradeLine] = field(default_factory=lambda: deque(maxlen=TRADES_SHOWN))
    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=LINES_MAX))

    def tell(self, kind: str, text: str) -> Line:
        """Add a line to the story and return it."""
        line = Line(self.clock, kind, text)
        self.lines.append(line)
        return line

    @property
    def change(self) -> Decimal:
        """Return how far the index is from the opening, a share."""
        return self.index / self.opening - 1 if self.opening else Decimal(0)
