"""Show the order book of an instrument."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from merkat.cli import _client, _common

if TYPE_CHECKING:
    from rich.console import RenderableType

    from merkat.api.client import RpcClient

DEPTH_MAX: Final = 100
BAR_CELLS: Final = 24
LINE_CELLS: Final = 79


def command(
    instrument: str,
    /,
    *,
    depth: int = 10,
    connection: _client.Connection = _client.NOT_NAMED,
    json: _client.Json = False,
) -> int:
    """Show the order book of an instrument.

    Example: merkat book BTC_USDC-PERPETUAL --depth 5

    Parameters
    ----------
    instrument
        A name such as BTC_USDC-PERPETUAL or BTC_USDC-25DEC26-100000-C.
    depth
        Price levels a side, 1 to 100.
    connection
        The gateway.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        if not 1 <= depth <= DEPTH_MAX:
            raise _common.usage(f"--depth is {depth}; expected 1 to {DEPTH_MAX}")

        async def get(client: RpcClient) -> Any:
            parameters = {"instrument_name": instrument, "depth": depth}
            return await client.call("public/get_order_book", parameters)

        book = _client.ask(connection, get, private=False)
        if json:
            book["bids"], book["asks"] = (_levels(book[side]) for side in ("bids", "asks"))
            _client.print_json(book)
        else:
            from rich.console import Console

            Console().print(render(book))
        return _common.GOOD

    return _client.guarded(json, body)


def _levels(side: list[list[Decimal]]) -> list[list[object]]:
    """Return levels as [price as a decimal string, amount as a number]."""
    return [[f"{price:f}", amount] for price, amount in side]


def render(book: dict[str, Any]) -> RenderableType:
    """Return the ladder for a terminal: asks above, bids below, a bar for each amount."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    bids, asks = book["bids"], book["asks"]
    most = max([amount for _, amount in [*bids, *asks]], default=Decimal(1)) or Decimal(1)
    table = Table(title=str(book["instrument_name"]), title_justify="left")
    table.add_column("price", justify="right", no_wrap=True)
    table.add_column("amount", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    sides = ((list(reversed(asks)), "red"), (bids, "green"))
    for position, (levels, colour) in enumerate(sides):
        if position:
            table.add_section()
        for price, amount in levels:
            bar = "█" * max(1, int(amount * BAR_CELLS / most))
            cells = (_client.shown(price), _client.shown(amount), bar)
            table.add_row(*(Text(cell, style=colour) for cell in cells))
        if not levels:
            table.add_row(Text("nobody", style="dim"), "", "")
    facts = [
        f"{label} {_client.shown(book.get(name))}"
        for label, name in (
            ("mark", "mark_price"),
            ("index", "index_price"),
            ("last", "last_price"),
            ("open interest", "open_interest"),
            ("sequence", "change_id"),
        )
    ]
    greeks = book.get("greeks")
    if greeks:
        facts.append(f"mark iv {_client.shown(book.get('mark_iv'), 2)} %")
        facts += [f"{name} {_client.shown(greeks[name], 5)}" for name in sorted(greeks)]
    elif book.get("current_funding") is not None:
        facts.append(f"funding 8h {_client.shown(book.get('funding_8h'))}")
    return Group(table, *(Text(line, style="dim") for line in _lines(facts)))


def _lines(facts: list[str]) -> list[str]:
    """Return facts in lines that fit a terminal; none is broken."""
    lines = [""]
    for fact in facts:
        longer = f"{lines[-1]}  {fact}" if lines[-1] else fact
        if len(longer) > LINE_CELLS:
            lines.append(fact)
        else:
            lines[-1] = longer
    return lines
