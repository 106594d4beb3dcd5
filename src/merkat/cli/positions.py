"""Show an account's money, margin and positions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from merkat.cli import _client, _common

if TYPE_CHECKING:
    from merkat.api.client import RpcClient

GAUGE_CELLS: Final = 30
SETTLEMENT_CURRENCY: Final = "USDC"


def command(
    *,
    connection: _client.Connection = _client.NOT_NAMED,
    json: _client.Json = False,
) -> int:
    """Show an account's money, margin and positions.

    Example: merkat positions --keys keys.json

    Parameters
    ----------
    connection
        The gateway and the account.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        async def get(client: RpcClient) -> tuple[Any, Any]:
            parameters = {"currency": SETTLEMENT_CURRENCY}
            summary = await client.call("private/get_account_summary", parameters)
            return summary, await client.call("private/get_positions", {})

        summary, positions = _client.ask(connection, get, private=True)
        held = [position for position in positions if position["size"]]
        if json:
            _client.print_json({"summary": summary, "count": len(held), "positions": held})
        else:
            show_summary(summary)
            show_positions(held)
        return _common.GOOD

    return _client.guarded(json, body)


def show_summary(summary: dict[str, Any]) -> None:
    """Print equity and margins, and how much of the equity maintenance takes."""
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None)
    for label, name in (
        ("equity", "equity"),
        ("balance", "balance"),
        ("initial margin", "initial_margin"),
        ("maintenance margin", "maintenance_margin"),
        ("available", "available_funds"),
        ("withdrawable", "available_withdrawal_funds"),
    ):
        amount = f"{_client.shown(summary.get(name), 2)} {summary.get('currency', '')}"
        table.add_row(label, amount)
    table.add_row("margin", gauge(summary["maintenance_margin"], summary["equity"]))
    table.add_row("model", str(summary.get("margin_model", "-")))
    Console().print(table)


def gauge(maintenance: Decimal, equity: Decimal) -> str:
    """Return how much of the equity maintenance takes: a bar and a percentage."""
    if equity <= 0:
        return "no equity: bankrupt" if maintenance or equity < 0 else "empty"
    share = min(Decimal(1), maintenance / equity)
    full = int(share * GAUGE_CELLS)
    return "█" * full + "░" * (GAUGE_CELLS - full) + f" {share * 100:.1f} % of equity"


def show_positions(positions: list[dict[str, Any]]) -> None:
    """Print positions with what they gain and what they move by, two lines each."""
    if not positions:
        print("no position")
    for position in positions:
        print("\n".join(described(position)))


def described(position: dict[str, Any]) -> tuple[str, str]:
    """Return what a position is worth, and below it its Greeks."""
    side = "long" if position["size"] > 0 else "short"
    entry, mark = (_client.shown(position[name]) for name in ("average_price", "mark_price"))
    profit = position["floating_profit_loss"]
    greeks = (
        f"{name} {_client.shown(position.get(name), 4)}"
        for name in ("delta", "gamma", "vega", "theta")
    )
    return (
        f"{position['instrument_name']:<27}{side} {_client.shown(abs(position['size']))} "
        f"at {entry}, mark {mark}, {profit:+,.2f}",
        f"{'':<27}{'  '.join(greeks)}",
    )
