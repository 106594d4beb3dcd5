"""What bots know of a venue: only what the public API answers, parsed into plain values.

Money, prices and amounts are Decimals as the API writes them; nothing here is a float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Final, Protocol

BUY: Final = "buy"
SELL: Final = "sell"
OPTION: Final = "option"
NEVER_MS: Final = 1 << 62
ZERO: Final = Decimal(0)


class Api(Protocol):
    """One authenticated connection to the trading API; `merkat.api.client.RpcClient` is one."""

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Return the result of a request; raises what the client raises for an error."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """A contract's terms: steps of price and amount.

    Attributes:
        ticks: (price from which it holds, tick), ascending.
        lot: amounts are multiples of it, coins.
        expiry_ms: NEVER_MS for a perpetual.
    """

    name: str
    kind: str
    ticks: tuple[tuple[Decimal, Decimal], ...]
    lot: Decimal
    expiry_ms: int = NEVER_MS

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Instrument:
        """Return the terms in an element of `public/get_instruments`."""
        ticks = [(ZERO, Decimal(answer["tick_size"]))]
        for step in answer.get("tick_size_steps") or ():
            ticks.append((Decimal(step["above_price"]), Decimal(step["tick_size"])))
        perpetual = answer.get("settlement_period") == "perpetual"
        return cls(
            name=answer["instrument_name"],
            kind=answer["kind"],
            ticks=tuple(sorted(ticks)),
            lot=Decimal(answer["min_trade_amount"]),
            expiry_ms=NEVER_MS if perpetual else int(answer["expiration_timestamp"]),
        )

    def tick(self, price: Decimal) -> Decimal:
        """Return the tick at a price."""
        return [tick for start, tick in self.ticks if start <= price][-1]

    def on_tick(self, price: Decimal, side: str) -> Decimal:
        """Round a price to its tick away from the middle: down for a buy, up for a sell."""
        price = max(price, ZERO)
        tick = self.tick(price)
        rounding = ROUND_FLOOR if side == BUY else ROUND_CEILING
        rounded = (price / tick).to_integral_value(rounding) * tick
        return max(rounded, tick)

    def lots(self, amount: Decimal) -> Decimal:
        """Round an amount down to lots."""
        return (amount / self.lot).to_integral_value(ROUND_FLOOR) * self.lot


@dataclass(frozen=True, slots=True)
class Quote:
    """The best prices and the mark of an instrument; None where there is none."""

    name: str
    mark: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Quote:
        """Return the quote in a ticker or in an element of a book summary."""
        bid = answer.get("best_bid_price", answer.get("bid_price"))
        ask = answer.get("best_ask_price", answer.get("ask_price"))
        return cls(answer["instrument_name"], Decimal(answer["mark_price"]), _some(bid), _some(ask))


def _some(price: Any) -> Decimal | None:
    """Return a price; the dialect writes 0 or null where there is none."""
    return Decimal(price) if price else None


@dataclass(frozen=True, slots=True)
class Order:
    """An open order of one's own. `amount` counts what is filled, coins."""

    order_id: str
    name: str
    side: str
    price: Decimal
    amount: Decimal
    filled: Decimal
    label: str = ""

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Order:
        """Return the order in an answer."""
        return cls(
            order_id=answer["order_id"],
            name=answer["instrument_name"],
            side=answer["direction"],
            price=Decimal(answer["price"]),
            amount=Decimal(answer["amount"]),
            filled=Decimal(answer["filled_amount"]),
            label=answer.get("label") or "",
        )

    @property
    def purpose(self) -> str:
        """Return what a bot placed the order for: its label without the number behind the dot.

        The number makes labels differ, as an order with a known label is not placed twice.
        """
        return self.label.partition(".")[0]

    @property
    def left(self) -> Decimal:
        """Return what is not filled."""
        return self.amount - self.filled


@dataclass(frozen=True, slots=True)
class Position:
    """A position: size in coins, negative for a short; delta of the whole position, coins."""

    name: str
    size: Decimal
    delta: Decimal

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Position:
        """Return the position in an answer."""
        return cls(
            answer["instrument_name"], Decimal(answer["size"]), Decimal(answer.get("delta") or 0)
        )


@dataclass(frozen=True, slots=True)
class Summary:
    """An account's money, USD."""

    equity: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Summary:
        """Return the figures of `private/get_account_summary`."""
        return cls(
            Decimal(answer["equity"]),
            Decimal(answer["initial_margin"]),
            Decimal(answer["maintenance_margin"]),
        )


# What a bot wants; a desk sends it.


@dataclass(frozen=True, slots=True)
class Place:
    """A new order; without a price a market order, `immediate` cancels what is not filled."""

    name: str
    side: str
    amount: Decimal
    price: Decimal | None = None
    post_only: bool = False
    immediate: bool = False
    label: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """Another price and whole amount for an open order."""

    order: Order
    amount: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True)
class Cancel:
    """An open order is no longer wanted."""

    order: Order


Want = Place | Edit | Cancel
