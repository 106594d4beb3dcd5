"""Unmodified ccxt pointed at a venue, and which of its markets the tests use."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import ccxt.pro

from tests.support.demo import Demo

Value = TypeVar("Value")

# Nothing below takes a second on a quiet machine; this only ends what hangs.
WAIT_S_MAX: Final = 90.0


def connect(kind: Any, demo: Demo, **options: Any) -> Any:
    """Return an exchange object of ccxt; only its URLs are others."""
    secrets = {"apiKey": demo.client_id, "secret": demo.client_secret}
    client = kind({**secrets, "timeout": 30_000, **options})
    client.urls["api"] = {"rest": demo.url, "ws": demo.ws_url}
    return client


def with_pro(demo: Demo, body: Callable[[Any], Awaitable[Value]], **options: Any) -> Value:
    """Run `body` with a `ccxt.pro.deribit` and close it."""

    async def run() -> Value:
        client = connect(ccxt.pro.deribit, demo, **options)
        try:
            return await asyncio.wait_for(body(client), WAIT_S_MAX)
        finally:
            await client.close()

    return asyncio.run(run())


def until(what: str, look: Callable[[], Value | None]) -> Value:
    """Return the first answer of `look` that is not None; asks for at most WAIT_S_MAX."""
    deadline = time.monotonic() + WAIT_S_MAX
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"{what}: not within {WAIT_S_MAX:.0f} s"
        time.sleep(0.1)
    return found


def take(exchange: Any, symbol: str, side: str, amount: float, **params: Any) -> Any:
    """Return a market order that was filled whole.

    Makers move their quotes: where a book is empty for a moment it is sent again.
    """

    def send() -> Any:
        order = exchange.create_order(symbol, "market", side, amount, None, params)
        assert order["status"] in ("closed", "canceled"), "a market order never rests"
        assert order["status"] == "closed" or order["filled"] == 0, "filled in part: ask for less"
        return order if order["status"] == "closed" else None

    return until(f"a {side} of {amount} {symbol}", send)


@dataclass(frozen=True, slots=True)
class Symbols:
    """One market of each kind, by ccxt's names."""

    swap: str
    future: str
    call: str
    put: str

    @classmethod
    def of(cls, exchange: Any) -> Symbols:
        """Choose them: options of the last expiry, strikes nearest the money."""
        markets = [market for market in exchange.markets.values() if market["active"]]
        swap = next(m["symbol"] for m in markets if m["swap"] and m["base"] == "BTC")
        future = next(m["symbol"] for m in markets if m["future"] and m["base"] == "BTC")
        index = exchange.fetch_ticker(swap)["indexPrice"]
        options = [market for market in markets if market["option"] and market["base"] == "BTC"]
        last = max(market["expiry"] for market in options)

        def near(kind: str) -> str:
            of_kind = [m for m in options if m["expiry"] == last and m["optionType"] == kind]
            nearest = min(of_kind, key=lambda m: abs(m["strike"] - index))
            return str(nearest["symbol"])

        return cls(swap, future, near("call"), near("put"))
