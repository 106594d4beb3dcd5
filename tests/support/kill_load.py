"""A client under load for the kill scenario: trades, and writes down all that it sends and hears.

Run as a process of its own, so that it can be killed:

    python -m tests.support.kill_load --url ws://... --client-id ID --client-secret SECRET \
        --log FILE --stop FILE --seed N --first N

Every line of the log is one JSON object and is written before (`sent`) or after (`heard`) the
request, in one write each, so that a kill loses at most what had not happened yet. It ends when the
stop file is there: with what is in flight heard or given up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from merkat.api.client import RpcClient, RpcClosedError, RpcError

INSTRUMENT: Final = "BTC_USDC-PERPETUAL"
WORKERS: Final = 8
RECONNECT_S: Final = 0.05
CALL_S_MAX: Final = 30.0
PAUSE_S: Final = 0.01
LOT: Final = Decimal("0.01")
STEP: Final = Decimal(5)
MIDDLE: Final = 60_000
UNKNOWN_CODES: Final = frozenset({13888, 11094})


class Log:
    """The file that outlives the process."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, **line: Any) -> None:
        """Append one line, in one write."""
        os.write(self._descriptor, json.dumps(line, default=str).encode() + b"\n")


class Load:
    """Workers that place, change and cancel orders of one client."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.parent = os.getppid()
        self.log = Log(Path(options.log))
        self.random = random.Random(f"merkat kill load {options.seed} {options.first}")
        self.number = int(options.first)
        self.open: dict[str, dict[str, Any]] = {}
        self.client: RpcClient | None = None
        self.connected = asyncio.Event()

    def stopping(self) -> bool:
        """Whether the stop file is there, or nobody is left who could write it."""
        return Path(self.options.stop).exists() or os.getppid() != self.parent

    async def run(self) -> None:
        """Work until the stop file is there."""
        keeper = asyncio.create_task(self.keep_connected())
        try:
            await asyncio.gather(*(self.work() for _ in range(WORKERS)))
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            if self.client is not None:
                await self.client.close()

    async def keep_connected(self) -> None:
        """Connect again whenever the connection is lost."""
        while True:
            if self.client is None:
                try:
                    client = await RpcClient.connect(self.options.url, timeout_s=CALL_S_MAX)
                    await client.auth(self.options.client_id, self.options.client_secret)
                except (OSError, RpcError, RpcClosedError, TimeoutError):
                    await asyncio.sleep(RECONNECT_S)
                    continue
                self.client = client
                self.connected.set()
            await asyncio.sleep(RECONNECT_S)

    async def lost(self, client: RpcClient) -> None:
        """Give up a connection that has ended."""
        if self.client is client:
            self.client = None
            self.connected.clear()
            await client.close()

    async def work(self) -> None:
        """Do one thing after the other."""
        while not self.stopping():
            if self.client is None:
                await asyncio.sleep(RECONNECT_S)
                continue
            await self.one()
            await asyncio.sleep(PAUSE_S * self.random.random())

    async def one(self) -> None:
        """Do one thing that the seed chooses."""
        draw = self.random.random()
        if draw < 0.60 or not self.open:
            await self.place()
            return
        order_id = self.random.choice(list(self.open))
        order = self.open[order_id]
        if draw < 0.72:
            await self.edit(order_id, order)
        elif draw < 0.86:
            self.open.pop(order_id, None)
            await self.ask("private/cancel", {"order_id": order_id}, order["label"])
        else:
            self.open.pop(order_id, None)
            await self.ask("private/cancel_by_label", {"label": order["label"]}, order["label"])

    async def place(self) -> None:
        """Place an order: near the middle it may trade, further away it rests."""
        label = f"{self.options.client_id}-{self.number}"
        self.number += 1
        side = self.random.choice(("buy", "sell"))
        steps = self.random.randint(-8, 30)
        price = MIDDLE - steps * STEP if side == "buy" else MIDDLE + steps * STEP
        parameters: dict[str, Any] = {
            "instrument_name": INSTRUMENT,
            "amount": LOT * self.random.randint(1, 5),
            "type": "limit",
            "price": price,
            "label": label,
        }
        if self.random.random() < 0.15:
            parameters["time_in_force"] = "immediate_or_cancel"
        answer = await self.ask(f"private/{side}", parameters, label)
        if answer is None and self.random.random() < 0.5:
            # What a careful client does: the same again, which must not make a second order.
            answer = await self.ask(f"private/{side}", parameters, label)
        if answer is not None and answer["order"]["order_state"] == "open":
            self.open[answer["order"]["order_id"]] = answer["order"]

    async def edit(self, order_id: str, order: dict[str, Any]) -> None:
        """Move an order by a step, or make it smaller."""
        step = STEP if order["direction"] == "sell" else -STEP
        parameters = {
            "order_id": order_id,
            "amount": order["amount"],
            "price": order["price"] + step,
        }
        answer = await self.ask("private/edit", parameters, order["label"])
        if answer is None or answer["order"]["order_state"] != "open":
            self.open.pop(order_id, None)
        else:
            self.open[order_id] = answer["order"]

    async def ask(self, method: str, parameters: dict[str, Any], label: str) -> Any:
        """Send a request and write down what is known of it; None where it was not done."""
        client = self.client
        if client is None:
            return None
        self.log.write(sent=method, label=label, parameters=parameters)
        try:
            answer = await client.call(method, parameters)
        except RpcError as error:
            unknown = error.code in UNKNOWN_CODES
            self.log.write(
                heard=method, label=label, code=error.code, unknown=unknown, data=error.data
            )
            if error.code == 10028:
                await asyncio.sleep(0.2)
            return None
        except (RpcClosedError, TimeoutError, OSError) as error:
            self.log.write(heard=method, label=label, unknown=True, lost=repr(error))
            await self.lost(client)
            return None
        self.log.write(heard=method, label=label, answer=answer)
        return answer


def main() -> None:
    """Run the load of the arguments."""
    parser = argparse.ArgumentParser()
    for name in ("url", "client-id", "client-secret", "log", "stop", "seed", "first"):
        parser.add_argument(f"--{name}", required=True)
    asyncio.run(Load(parser.parse_args()).run())


if __name__ == "__main__":
    main()
