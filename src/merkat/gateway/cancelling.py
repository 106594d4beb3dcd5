"""Cancels: of one order, and of all that somebody means, those on their way included."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from merkat.api.errors import ApiError
from merkat.gateway import refusals
from merkat.gateway.changing import check_open
from merkat.gateway.desk import ATTEMPTS_MAX, Desk, Refused, hour_and_counter
from merkat.gateway.intents import Fate
from merkat.gateway.keys import KeyedClient
from merkat.market.types import Order
from merkat.sdk import commands

CANCELS_TOGETHER_MAX: Final = 1_024


class Canceller:
    """Cancels the orders of all clients; any key of an account may cancel any order of it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def cancel(self, client: KeyedClient, order: Order) -> Order:
        """Cancel an open order and return it.

        Raises ApiError: 11044, it was not open; others: it stands as it stood.
        """
        desk = self._desk
        key = desk.signers.of(client)
        refused: Refused | None = None
        await desk.link_up()
        for _ in range(ATTEMPTS_MAX):
            order = desk.current(order)
            check_open(order)
            hour, counter = hour_and_counter(order.key)
            nonce = desk.nonce(key)
            body = commands.cancel(order.account, hour, counter, nonce, slot=order.slot)
            settled = await desk.send(body, key, None)
            if settled.fate is Fate.DONE:
                key.nonces.accepted()
                return desk.current(order)
            refused = desk.refused(settled, order.side)
            if refused.rule == refusals.USED_NONCE:
                key.nonces.refused(nonce)
            elif refused.rule != refusals.ORDER_NOT_OPEN:
                break
        assert refused is not None, "at least one attempt was made"
        raise refused.error

    async def cancel_all(self, client: KeyedClient, means: Callable[[Order], bool]) -> list[Order]:
        """Cancel every open order of the account that is meant, also those still on their way.

        Orders that were sent before and whose fate is not known are waited for, then cancelled.
        Returns the orders that were cancelled. Raises ApiError where some could not be: the text
        says how many were.
        """
        under_way = [one.watch() for one in self._desk.sender.in_flight(client.account)]
        cancelled, failed = await self._round(client, means)
        if under_way:
            await asyncio.wait(under_way)
            more, failed_then = await self._round(client, means)
            cancelled += more
            failed = failed_then
        if failed:
            raise ApiError(
                failed[0].code,
                f"{len(cancelled)} orders were cancelled, {len(failed)} were not:"
                f" {failed[0].reason}",
                "the others stand; cancel them again",
            )
        return cancelled

    async def _round(
        self, client: KeyedClient, means: Callable[[Order], bool]
    ) -> tuple[list[Order], list[ApiError]]:
        view = self._desk.replica.view
        meant = [order for order in view.open_orders(client.account) if means(order)]
        cancelled: list[Order] = []
        failed: list[ApiError] = []
        for start in range(0, len(meant), CANCELS_TOGETHER_MAX):
            part = meant[start : start + CANCELS_TOGETHER_MAX]
            ends = await asyncio.gather(
                *(self.cancel(client, order) for order in part), return_exceptions=True
            )
            for end in ends:
                if isinstance(end, Order):
                    cancelled.append(end)
                elif not isinstance(end, ApiError):
                    raise end
                elif end.code != 11044:  # it ended by itself: nothing is left to cancel
                    failed.append(end)
        return cancelled, failed
