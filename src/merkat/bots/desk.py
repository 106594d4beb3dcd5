"""A bot's desk: asks the API for what the bot looks at, and sends what it wants.

One request after the other, the next after the last answer. Refusals that are part of trading are
counted by their code; what only a wrong bot can meet is raised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from merkat.api.client import RpcError
from merkat.bots.dialect import (
    OPTION,
    ZERO,
    Api,
    Cancel,
    Edit,
    Instrument,
    Order,
    Place,
    Position,
    Quote,
    Summary,
    Want,
)

CURRENCY: Final = "USDC"
# Errors of the bot itself, or of its credentials. Every other refusal is part of trading: there is
# no margin, the order is gone, the quote would trade, the oracle is late, the venue is busy.
DEFECTS: Final = frozenset({-32700, -32602, -32601, -32600, 10043, 13004, 13009})


class Desk:
    """One bot's connection. Counts what was sent, filled and refused."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.sent = 0
        self.trades = 0
        self.refused: Counter[int] = Counter()

    # What it looks at

    async def instruments(self) -> dict[str, Instrument]:
        """Return every live instrument by its name."""
        answer = await self.api.call("public/get_instruments", {"currency": CURRENCY})
        return {one["instrument_name"]: Instrument.of(one) for one in answer}

    async def quote(self, name: str) -> Quote:
        """Return the best prices and the mark of an instrument."""
        return Quote.of(await self.api.call("public/ticker", {"instrument_name": name}))

    async def option_quotes(self) -> list[Quote]:
        """Return the quotes of all options that have a mark, in the order of their names."""
        params = {"currency": CURRENCY, "kind": OPTION}
        answer = await self.api.call("public/get_book_summary_by_currency", params)
        quotes = [Quote.of(one) for one in answer if one.get("mark_price") is not None]
        return sorted(quotes, key=lambda quote: quote.name)

    async def orders(self, name: str) -> list[Order]:
        """Return one's open orders in an instrument."""
        params = {"instrument_name": name}
        answer = await self.api.call("private/get_open_orders_by_instrument", params)
        return [Order.of(one) for one in answer]

    async def option_orders(self) -> list[Order]:
        """Return one's open orders in options."""
        params = {"currency": CURRENCY, "kind": OPTION}
        answer = await self.api.call("private/get_open_orders_by_currency", params)
        return [Order.of(one) for one in answer]

    async def positions(self) -> list[Position]:
        """Return one's positions."""
        answer = await self.api.call("private/get_positions", {"currency": CURRENCY})
        return [Position.of(one) for one in answer if Decimal(one["size"])]

    async def position(self, name: str) -> Decimal:
        """Return the size of a position, 0 where there is none."""
        return (await self.sizes()).get(name, ZERO)

    async def sizes(self) -> dict[str, Decimal]:
        """Return the sizes of one's positions by name."""
        return {position.name: position.size for position in await self.positions()}

    async def summary(self) -> Summary:
        """Return one's money."""
        answer = await self.api.call("private/get_account_summary", {"currency": CURRENCY})
        return Summary.of(answer)

    # What it sends

    async def send(self, wants: Iterable[Want]) -> None:
        """Send what is wanted, one after the other. Raises RpcError for errors of the bot."""
        for want in wants:
            self.sent += 1
            method, params = request_of(want, self.sent)
            try:
                answer = await self.api.call(method, params)
            except RpcError as error:
                if error.code in DEFECTS:
                    raise
                self.refused[error.code] += 1
                continue
            if isinstance(answer, dict):
                self.trades += len(answer.get("trades") or ())


def request_of(want: Want, number: int) -> tuple[str, dict[str, Any]]:
    """Return the method and parameters of what is wanted; `number` makes its label new."""
    if isinstance(want, Cancel):
        return "private/cancel", {"order_id": want.order.order_id}
    if isinstance(want, Edit):
        return "private/edit", {
            "order_id": want.order.order_id,
            "amount": want.amount,
            "price": want.price,
        }
    return f"private/{want.side}", _terms(want, number)


def _terms(want: Place, number: int) -> dict[str, Any]:
    params: dict[str, Any] = {"instrument_name": want.name, "amount": want.amount}
    if want.price is None:
        params["type"] = "market"
    else:
        params |= {"type": "limit", "price": want.price}
    if want.immediate:
        params["time_in_force"] = "immediate_or_cancel"
    if want.post_only:
        params |= {"post_only": True, "reject_post_only": True}
    if want.label:
        params["label"] = f"{want.label}.{number}"
    return params
