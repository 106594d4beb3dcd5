"""Place, change, cancel and look at orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from merkat.cli import _client, _common

if TYPE_CHECKING:
    from merkat.api.client import RpcClient

HISTORY_MAX: Final = 1_000
TIMES_IN_FORCE: Final = {
    "gtc": "good_til_cancelled",
    "ioc": "immediate_or_cancel",
}

command = App(name="order", help="Place, change, cancel and look at orders.")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Terms:
    """How an order is meant.

    Parameters
    ----------
    price
        The limit, in USD a coin; a multiple of the tick. Without it: a market order.
    label
        Your name for it; sent again with the same label it is the same order.
    post_only
        Refuse it where it would trade at once.
    reduce_only
        It may only make a position smaller (market or ioc).
    time_in_force
        gtc rests, ioc takes what is there.
    """

    price: str | None = None
    label: str = ""
    post_only: Annotated[bool, Parameter(negative="")] = False
    reduce_only: Annotated[bool, Parameter(negative="")] = False
    time_in_force: Literal["gtc", "ioc"] = "gtc"

    def parameters(self) -> dict[str, object]:
        """Return the parameters of private/buy and sell that are set."""
        found: dict[str, object] = {"type": "market" if self.price is None else "limit"}
        if self.price is not None:
            found["price"] = _client.number(self.price, "--price")
            found["time_in_force"] = TIMES_IN_FORCE[self.time_in_force]
        if self.label:
            found["label"] = self.label
        if self.post_only:
            found |= {"post_only": True, "reject_post_only": True}
        if self.reduce_only:
            found["reduce_only"] = True
        return found


NO_TERMS: Final = Terms()


def _place(
    side: str,
    instrument: str,
    amount: str,
    terms: Terms,
    connection: _client.Connection,
    json: bool,
) -> int:
    def body() -> int:
        coins = _client.number(amount, "AMOUNT")
        parameters = {"instrument_name": instrument, "amount": coins, **terms.parameters()}

        async def send(client: RpcClient) -> Any:
            return await client.call(f"private/{side}", parameters)

        _show_done(_client.ask(connection, send, private=True), json)
        return _common.GOOD

    return _client.guarded(json, body)


@command.command(name="buy")
def buy(
    instrument: str,
    amount: str,
    /,
    *,
    terms: Terms = NO_TERMS,
    connection: _client.Connection = _client.NOT_NAMED,
    json: _client.Json = False,
) -> int:
    """Buy: a limit order with --price, a market order without.

    Example: merkat order buy BTC_USDC-PERPETUAL 0.1 --price 60000 --label mine

    Parameters
    ----------
    instrument
        A name such as BTC_USDC-PERPETUAL.
    amount
        How much, in coins.
    terms
        How the order is meant.
    connection
        The gateway and the account.
    json
        Print one JSON object as the last line.
    """
    return _place("buy", instrument, amount, terms, connection, json)


@command.command(name="sell")
def sell(
    instrument: str,
    amount: str,
    /,
    *,
    terms: Terms = NO_TERMS,
    connection: _client.Connection = _client.NOT_NAMED,
    json: _client.Json = False,
) -> int:
    """Sell: a limit order with --price, a market order without.

    Example: merkat order sell BTC_USDC-PERPETUAL 0.1 --price 70000 --post-only

    Parameters
    ----------
    instrument
        A name such as BTC_USDC-PERPETUAL.
    amount
        How much, in coins.
    terms
        How the order is meant.
    connection
        The gateway and the account.
    json
        Print one JSON object as the last line.
    """
    return _place("sell", instrument, amount, terms, connection, json)


@command.command(name="edit")
def edit(
    order_id: str,
    /,
    *,
    amount: str,
    price: str,
    connection: _client.Connection = _client.NOT_NAMED,
    json: _client.Json = False,
) -> int:
    """Change amount and price of an open order; less at the same price keeps its place.

    Example: merkat order edit ORDER_ID --amount 0.05 --price 60000

    Parameters
    ----------
    order_id
        As `merkat order list` shows it.
    amount
        The new whole amount, what is filled included.
    price
        The new limit.
    connection
        The gateway and the account.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        parameters = {
            "order_id": order_id,
            "amount": _client.number(amount, "--amount"),
            "price": _client.number(price, "--price"),
        }

        async def send(client: RpcClient) -> Any:
            return await client.call("private/edit", parameters)

        _show_done(_client.ask(connection, send, private=True), json)
        return _common.GOOD

    return _client.guarded(json, body)


@command.command(name="cancel")
def cancel(
    order_id: str | None = None,
    /,
    *,
    label: str | None = None,
    all_orders: Annotated[bool, Parameter(name="--all", negative="")] = False,
    instrument: str | None = None,
    connection: _client.Connection = _client.NOT_NAMED,
    json: _client.Json = False,
) -> int:
    """Cancel one order, those of a label, those of an instrument, or all.

    Example: merkat order cancel --label mine

    Parameters
    ----------
    order_id
        As `merkat order list` shows it.
    label
        Cancel every order of this label.
    all_orders
        Cancel everything.
    instrument
        Cancel everything of this instrument.
    connection
        The gateway and the account.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        named = [order_id is not None, label is not None, all_orders, instrument is not None]
        if sum(named) != 1:
            raise _common.usage("name one of ORDER_ID, --label, --instrument and --all")
        method, parameters = _cancelling(order_id, label, instrument)

        async def send(client: RpcClient) -> Any:
            return await client.call(method, parameters)

        answer = _client.ask(connection, send, private=True)
        cancelled = 1 if isinstance(answer, dict) else int(answer)
        if json:
            order = {"order": answer} if isinstance(answer, dict) else {}
            _client.print_json({"cancelled": cancelled, **order})
        else:
            print(f"{cancelled} cancelled")
            if isinstance(answer, dict):
                _print_orders([answer])
        return _common.GOOD

    return _client.guarded(json, body)


def _cancelling(
    order_id: str | None, label: str | None, instrument: str | None
) -> tuple[str, dict[str, object]]:
    """Return method and parameters of a cancel."""
    if order_id is not None:
        return "private/cancel", {"order_id": order_id}
    if label is not None:
        return "private/cancel_by_label", {"label": label}
    if instrument is not None:
        return "private/cancel_all_by_instrument", {"instrument_name": instrument}
    return "private/cancel_all", {}


@command.command(name="list")
def list_orders(
    *,
    instrument: str | None = None,
    history: bool = False,
    count: int = 20,
    connection: _client.Connection = _client.NOT_NAMED,
    json: _client.Json = False,
) -> int:
    """List the open orders, or with --history those that are closed.

    Example: merkat order list --instrument BTC_USDC-PERPETUAL

    Parameters
    ----------
    instrument
        Only this instrument's.
    history
        Closed orders, newest first.
    count
        How many closed ones, 1 to 1,000.
    connection
        The gateway and the account.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        if not 1 <= count <= HISTORY_MAX:
            raise _common.usage(f"--count is {count}; expected 1 to {HISTORY_MAX}")
        place: dict[str, object] = {"instrument_name": instrument} if instrument else {}
        if history:
            method = f"private/get_order_history_by_{'instrument' if instrument else 'currency'}"
            parameters = (place or {"currency": "any"}) | {"count": count, "include_unfilled": True}
        else:
            method = f"private/get_open_orders{'_by_instrument' if instrument else ''}"
            parameters = place

        async def get(client: RpcClient) -> Any:
            return await client.call(method, parameters)

        orders = _client.ask(connection, get, private=True)
        if json:
            _client.print_json({"count": len(orders), "orders": orders})
        else:
            _print_orders(orders)
        return _common.GOOD

    return _client.guarded(json, body)


@command.command(name="show")
def show(
    order_id: str | None = None,
    /,
    *,
    label: str | None = None,
    currency: str = "any",
    connection: _client.Connection = _client.NOT_NAMED,
    json: _client.Json = False,
) -> int:
    """Show one order by its id, or every order of a label; after a timeout this says what is true.

    Example: merkat order show --label mine

    Parameters
    ----------
    order_id
        As `merkat order list` shows it.
    label
        Every order of this label; none is an answer too.
    currency
        With a label: of instruments of this currency only.
    connection
        The gateway and the account.
    json
        Print one JSON object as the last line.
    """

    def body() -> int:
        if (order_id is None) == (label is None):
            raise _common.usage("name one of ORDER_ID and --label")

        async def get(client: RpcClient) -> Any:
            if order_id is not None:
                return [await client.call("private/get_order_state", {"order_id": order_id})]
            parameters = {"currency": currency, "label": label}
            return await client.call("private/get_order_state_by_label", parameters)

        orders = _client.ask(connection, get, private=True)
        if json:
            _client.print_json({"count": len(orders), "orders": orders})
        else:
            _print_orders(orders)
        return _common.GOOD

    return _client.guarded(json, body)


def _show_done(answer: dict[str, Any], json: bool) -> None:
    """Print what became of an order that was placed or changed."""
    if json:
        _client.print_json(answer)
        return
    _print_orders([answer["order"]])
    for trade in answer["trades"]:
        print(
            f"traded {_client.shown(trade['amount'])} at {_client.shown(trade['price'])}, "
            f"fee {_client.shown(trade['fee'])} {trade['fee_currency']}"
        )


def _print_orders(orders: list[dict[str, Any]]) -> None:
    """Print orders, two lines each, which fit a terminal of 80 columns."""
    if not orders:
        print("no order")
    for order in orders:
        print("\n".join(described(order)))


def described(order: dict[str, Any]) -> tuple[str, str]:
    """Return what an order is and how far it came, and below it how to name it."""
    price = _client.shown(order["price"])
    if order.get("order_type") == "market":
        price = f"market (not beyond {price})"
    wanted = f"{order['direction']} {_client.shown(order['amount'])} {order['instrument_name']}"
    filled = ""
    if order["filled_amount"]:
        average = _client.shown(order["average_price"])
        filled = f", {_client.shown(order['filled_amount'])} filled at {average}"
    label = f"  label {order['label']}" if order.get("label") else ""
    placed = datetime.fromtimestamp(int(order["creation_timestamp"]) // 1000, UTC)
    return (
        f"{order['order_state']:<11}{wanted} at {price}{filled}",
        f"{'':<11}id {order['order_id']}  of {placed:%H:%M:%S} UTC{label}",
    )
