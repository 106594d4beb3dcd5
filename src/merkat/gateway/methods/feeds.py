"""user.orders, user.trades, user.changes, user.portfolio: nothing is lost silently.

user.orders.INSTRUMENT.INTERVAL or user.orders.KIND.CURRENCY.INTERVAL (any is a kind, and a
currency); user.trades and user.changes likewise; user.portfolio.CURRENCY. INTERVAL is raw, 100ms or
agg2.
"""

from __future__ import annotations

from typing import Any, Final

from merkat.api.errors import ApiError, invalid_params
from merkat.api.feeds import Feed, Resync, Topic
from merkat.api.registry import Context, Registry
from merkat.gateway.asking import (
    client_of,
    currencies,
    currency_of,
    gateway_of,
    listings_of,
)
from merkat.gateway.figures import position_shape
from merkat.gateway.summary import summary_of
from merkat.market.streams import StreamLostError
from merkat.market.types import Order, UserTrade

registry = Registry()

INTERVALS_MS: Final = {"raw": 0, "100ms": 100, "agg2": 1_000}
PORTFOLIO_MS: Final = 100
_KINDS: Final = ("future", "option", "spot", "future_combo", "option_combo", "any")
_WHAT: Final = ("orders", "trades", "changes", "portfolio")


class _Scope:
    """Which instruments a channel is about, and how often it tells."""

    def __init__(self, context: Context, name: str, words: list[str]) -> None:
        interval = INTERVALS_MS.get(words[-1])
        if interval is None:
            raise invalid_params("channels", name, "an interval: raw, 100ms or agg2 at the end")
        self.interval_ms = interval
        self.listings: set[int] | None = None
        middle = words[2:-1]
        if len(middle) == 2 and middle[0] in _KINDS:
            currency_of(context, middle[1])
            self.listings = listings_of(context, middle[1], middle[0])
            return
        instrument = gateway_of(context).replica.view.instrument(".".join(middle))
        if instrument is None:
            raise invalid_params("channels", name, f"user.{words[1]}.KIND.CURRENCY.INTERVAL")
        self.listings = {instrument.listing}

    def has(self, listing: int) -> bool:
        """Return whether the channel is about a listing."""
        return self.listings is None or listing in self.listings


class _UserFeed:
    """What the feeds of one account share."""

    private = True

    def __init__(self, context: Context, scope: _Scope) -> None:
        self.gateway = gateway_of(context)
        self.account = client_of(context).account
        self.scope = scope
        self.interval_ms = scope.interval_ms
        self.watched = self.gateway.replica.view.watch(self.account)

    def shown_orders(self, orders: list[Order]) -> list[Any]:
        """Return orders of the scope, each once, in the order of their last change."""
        newest = {order.origin: order for order in orders if self.scope.has(order.listing)}
        # A chain of renewals is shown by its newest order.
        view = self.gateway.replica.view
        return [
            self.gateway.mapper.order(view.newest_of_chain(origin) or order)
            for origin, order in newest.items()
        ]

    def shown_trades(self, trades: list[UserTrade]) -> list[Any]:
        """Return the own trades of the scope."""
        return [
            self.gateway.mapper.trade(one) for one in trades if self.scope.has(one.trade.listing)
        ]


class OrdersFeed(_UserFeed):
    """Orders as they change; several changes between two tellings are one."""

    def __init__(self, context: Context, scope: _Scope) -> None:
        super().__init__(context, scope)
        self.topics = frozenset({("orders", self.account)})
        self._seen = self.watched.orders.number

    def collect(self) -> list[Any]:
        """Return one list of changed orders, or with raw each by itself."""
        try:
            changed = self.watched.orders.after(self._seen)
        except StreamLostError as error:
            return [Resync(f"user.orders: {error}")]
        self._seen = self.watched.orders.number
        shown = self.shown_orders(changed)
        if not shown:
            return []
        return shown if self.interval_ms == 0 else [shown]


class TradesFeed(_UserFeed):
    """Own trades, each once."""

    def __init__(self, context: Context, scope: _Scope) -> None:
        super().__init__(context, scope)
        self.topics = frozenset({("user_trades", self.account)})
        self._seen = self.watched.trades.number

    def collect(self) -> list[Any]:
        """Return one list of trades."""
        try:
            new = self.watched.trades.after(self._seen)
        except StreamLostError as error:
            return [Resync(f"user.trades: {error}")]
        self._seen = self.watched.trades.number
        shown = self.shown_trades(new)
        return [shown] if shown else []


class ChangesFeed(_UserFeed):
    """Orders, trades and positions that changed together."""

    def __init__(self, context: Context, scope: _Scope) -> None:
        super().__init__(context, scope)
        self.topics: frozenset[Topic] = frozenset(
            {("orders", self.account), ("user_trades", self.account), ("portfolio", self.account)}
        )
        self._orders = self.watched.orders.number
        self._trades = self.watched.trades.number

    def collect(self) -> list[Any]:
        """Return one object for each instrument in which something changed."""
        try:
            orders = self.watched.orders.after(self._orders)
            trades = self.watched.trades.after(self._trades)
        except StreamLostError as error:
            return [Resync(f"user.changes: {error}")]
        self._orders, self._trades = self.watched.orders.number, self.watched.trades.number
        listings = dict.fromkeys(
            [one.trade.listing for one in trades] + [order.listing for order in orders]
        )
        replica = self.gateway.replica
        told = []
        for listing in listings:
            if not self.scope.has(listing):
                continue
            instrument = replica.view.instruments[listing]
            own = [one for one in trades if one.trade.listing == listing]
            moved = [position_shape(replica, self.account, instrument)] if own else []
            told.append(
                {
                    "instrument_name": instrument.name,
                    "orders": self.shown_orders([o for o in orders if o.listing == listing]),
                    "trades": self.shown_trades(own),
                    "positions": moved,
                }
            )
        return told


class PortfolioFeed:
    """The account summary of a currency, when it changed."""

    private = True
    interval_ms = PORTFOLIO_MS

    def __init__(self, context: Context, currency: str) -> None:
        self._gateway = gateway_of(context)
        self._account = client_of(context).account
        self._currency = currency
        self._told: Any = None
        view = self._gateway.replica.view
        # Marks move equity: every listing's ticker wakes it.
        tickers = {("ticker", listing) for listing in view.instruments}
        self.topics: frozenset[Topic] = frozenset({("portfolio", self._account), *tickers})

    def collect(self) -> list[Any]:
        """Return the summary, if it is another than the last."""
        summary = summary_of(self._gateway.replica, self._account, self._currency)
        if summary == self._told:
            return []
        self._told = summary
        return [summary]


class NothingFeed:
    """A currency that is not here: the subscription stands and tells nothing, as clients expect."""

    private = True
    interval_ms = PORTFOLIO_MS
    topics: frozenset[Topic] = frozenset()

    def collect(self) -> list[Any]:
        """Return nothing."""
        return []


@registry.channel(
    "user",
    summary="An account's own orders, trades, changes and figures.",
    pattern="user.{orders|trades|changes}.{instrument | kind.currency}.{interval}",
)
def user(context: Context, name: str, words: list[str]) -> Feed:
    """Return the feed of a user channel."""
    context.authenticated()
    what = words[1] if len(words) > 1 else ""
    if what == "portfolio" and len(words) == 3:
        currency = words[2].upper()
        if currency == "ANY":
            currency = currencies(context)[0]
        if currency not in currencies(context):
            return NothingFeed()
        return PortfolioFeed(context, currency)
    if what not in _WHAT or len(words) < 4:
        raise ApiError(11050, f"{name} is no channel", "user.orders.any.any.raw is one")
    scope = _Scope(context, name, words)
    if what == "orders":
        return OrdersFeed(context, scope)
    if what == "trades":
        return TradesFeed(context, scope)
    return ChangesFeed(context, scope)
