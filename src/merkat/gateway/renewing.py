"""Lets good-til-cancelled orders live on: the venue knows no order longer than seven days.

A day before its end such an order is renewed: another takes its place in the queue, with the same
price and what is left of the size; for its owner it stays one order with one id. Only orders that
this gateway placed, and none beyond the end of their session.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import structlog

from merkat.api.errors import ApiError
from merkat.gateway.changing import Changer
from merkat.gateway.desk import Desk
from merkat.gateway.intents import TimeInForce
from merkat.gateway.placing import DAY_NS, GOOD_TIL_NS
from merkat.market.types import Order

ROUND_MAX: Final = 64
AHEAD_NS: Final = DAY_NS
# A renewal that would win less than this is not worth a command.
GAIN_NS_MIN: Final = 3_600 * 1_000_000_000
RETRY_NS: Final = 600 * 1_000_000_000

_log = structlog.get_logger(__name__)


class Renewer:
    """Renews the orders of some accounts, some at a time."""

    def __init__(self, desk: Desk, changer: Changer, accounts: Iterable[int]) -> None:
        self._desk = desk
        self._changer = changer
        self._accounts = list(accounts)
        self._failed: dict[bytes, int] = {}  # origin -> when it may be tried again

    async def round(self) -> int:
        """Renew what is due, at most 64 orders; returns how many live on."""
        now_ns = self._desk.now_ns()
        self._failed = {key: until for key, until in self._failed.items() if until > now_ns}
        renewed = 0
        for order, expiry_ns in self._due(now_ns)[:ROUND_MAX]:
            try:
                lives = await self._changer.renew(order, expiry_ns)
            except ApiError as error:
                lives = False
                _log.warning("renewal_failed", order_id=order.origin.hex(), reason=str(error))
            if lives:
                renewed += 1
            else:
                self._failed[order.origin] = now_ns + RETRY_NS
        return renewed

    def _due(self, now_ns: int) -> list[tuple[Order, int]]:
        """Return the orders to renew, the one that ends first first, and until when."""
        found = []
        for account in self._accounts:
            for order in self._desk.replica.view.open_orders(account):
                if order.expiry_ns - now_ns < AHEAD_NS and order.origin not in self._failed:
                    until = self._until(order, now_ns)
                    if until is not None:
                        found.append((order, until))
        return sorted(found, key=lambda one: (one[0].expiry_ns, one[0].key))

    def _until(self, order: Order, now_ns: int) -> int | None:
        """Return until when an order may live on; None where it may not, or not by much."""
        intent = self._desk.labels.of_order(order.origin)
        if intent is None or intent.time_in_force is not TimeInForce.GOOD_TIL_CANCELLED:
            return None
        if self._desk.signers.find(order.account, order.slot) is None:
            return None
        until = now_ns + GOOD_TIL_NS
        try:
            end_ns = self._desk.signers.session_end_ns(order.account, order.slot, now_ns)
        except ApiError:
            return None
        if end_ns is not None:
            until = min(until, end_ns)
        instrument = self._desk.replica.view.instruments[order.listing]
        if instrument.expiry_ns and order.expiry_ns >= instrument.expiry_ns:
            return None
        return until if until - order.expiry_ns >= GAIN_NS_MIN else None
