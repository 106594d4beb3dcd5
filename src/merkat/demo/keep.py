"""`merkat demo --keep`: a venue on the machine's clock, kept alive until somebody asks it to end.

No fall and no kill: bots make and take, the oracle reports every two seconds, and one funded
account is anybody's whose program connects. Everything is bounded, so it can be kept for hours.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import Any, Final

from merkat.api.client import RpcClosedError, RpcError
from merkat.bots.desk import Desk
from merkat.demo import cast as roles
from merkat.demo.children import ChildError
from merkat.demo.crowd import Crowd
from merkat.demo.listings import SECOND_NS
from merkat.demo.oracle import OracleError
from merkat.demo.path import MarketPath
from merkat.demo.stage import Stage, StageError
from merkat.link import LinkBusyError, LinkClosedError

PERIOD_S: Final = 2.0
VECTOR_EVERY: Final = 2
ROUND_S: Final = 1.0
QUICK_ROUND_S: Final = 0.02
READY_ROUNDS_MAX: Final = 400
FAILURES_MAX: Final = 30
MILLION: Final = 1_000_000


class Kept:
    """A venue that is kept. Use `open`, say `ready`, then `run`."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._crowd: Crowd | None = None
        self._step = 0
        opening = stage.listed.opening
        path = MarketPath(
            stage.seed, opening, time.time_ns(), int(PERIOD_S * SECOND_NS), VECTOR_EVERY
        )
        self._reports = path.reports()
        self._next_report_s = 0.0
        self.failures = 0

    async def open(self, host: str, port: int) -> None:
        """Start everything and trade until the perpetual has trades and both sides."""
        await self.stage.open_venue(observe=False)
        await self._report()
        await self.stage.open_gateway(host, port)
        self._crowd = await Crowd.gather(
            self.stage.apis, self.stage.listed, self.stage.seed, is_story=False
        )
        for _ in range(READY_ROUNDS_MAX):
            await self._round()
            if await self._is_alive():
                return
            if time.monotonic() >= self._next_report_s:
                await self._report()
            await asyncio.sleep(QUICK_ROUND_S)
        raise StageError("the perpetual has no trades and no two sides, though bots were asked")

    async def _is_alive(self) -> bool:
        """Return whether the perpetual has two sides and somebody has traded it."""
        api = self.stage.apis[roles.YOU]
        name = self.stage.listed.perpetual
        ticker = await api.call("public/ticker", {"instrument_name": name})
        return all(ticker.get(side) for side in ("best_bid_price", "best_ask_price", "last_price"))

    def ready(self) -> dict[str, Any]:
        """Return what a program needs to connect."""
        gateway = self.stage.gateway
        assert gateway is not None, "the gateway is open"
        you = self.stage.cast[roles.YOU]
        return {
            "url": gateway.ready["url"],
            "ws_url": gateway.ready["ws_url"],
            "client_id": you.client_id,
            "client_secret": you.client_secret,
        }

    async def run(self) -> None:
        """Keep everything going until this is cancelled.

        Raises:
            StageError: the oracle fails again and again.
            ChildError: venue or gateway have ended.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._oracle())
                tasks.create_task(self._trade())
                tasks.create_task(self._watch())
        except* Exception as group:
            # A child that has ended explains what else was seen of it.
            errors = sorted(group.exceptions, key=lambda one: not isinstance(one, ChildError))
            raise errors[0] from None

    async def _oracle(self) -> None:
        while True:
            await asyncio.sleep(max(0.0, self._next_report_s - time.monotonic()))
            await self._report()

    async def _report(self) -> None:
        """Bring the next report, as of now. One that is refused is followed by the next."""
        self._next_report_s = time.monotonic() + PERIOD_S
        report = replace(next(self._reports), time_ns=time.time_ns())
        try:
            await self.stage.tell(report)
        except (OracleError, LinkBusyError) as error:
            self._failed(error)
        except (LinkClosedError, OSError) as error:
            self._failed(error)
            # A venue that is too slow to answer now is asked again with the next report.
            with contextlib.suppress(LinkClosedError, OSError):
                await self.stage.follow(observe=False)
        else:
            self.failures = 0

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        if self.failures > FAILURES_MAX:
            raise StageError(f"the oracle fails again and again: {error!r}") from error

    async def _trade(self) -> None:
        while True:
            await self._round()
            await asyncio.sleep(ROUND_S)

    async def _round(self) -> None:
        """Let everybody whose turn it is act; nobody's trouble is another's."""
        assert self._crowd is not None, "everybody was gathered"
        now_ms = time.time_ns() // MILLION
        for turn in self._crowd.due(self._step):
            desk = turn.bot.desk
            try:
                await turn.bot.act(now_ms)
            except RpcError as error:
                desk.refused[error.code] += 1
            except (RpcClosedError, OSError):
                await self._connect_again(desk)
        self._step += 1

    async def _connect_again(self, desk: Desk) -> None:
        """Give a bot another connection; without one it tries again at its next turn."""
        assert self._crowd is not None, "everybody was gathered"
        name = next(name for name, one in self._crowd.desks.items() if one is desk)
        old = self.stage.apis[name]
        with contextlib.suppress(OSError, RpcClosedError, RpcError):
            await old.close()
            self.stage.apis[name] = await self.stage.connect(name)
            desk.api = self.stage.apis[name]

    async def _watch(self) -> None:
        """End with an error when a child has ended by itself."""
        children = [child for child in (self.stage.venue, self.stage.gateway) if child]
        waiting = [asyncio.create_task(child.process.wait()) for child in children]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        ended = next(child for child in children if not child.is_running)
        raise ended.failure("has ended by itself")
