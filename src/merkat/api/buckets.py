"""Credits: who asks more than its rate is told how long to wait, and nothing of it is done."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from merkat.api.errors import too_many_requests
from merkat.api.limits import Limits
from merkat.api.registry import Cost

IPV6_PREFIX: Final = 64  # what one household or server is given


class _Purse:
    """Credits of one client or address: level and time of the last look, per kind of cost."""

    __slots__ = ("levels", "times")

    def __init__(self, levels: list[float], now: float) -> None:
        self.levels = levels
        self.times = [now] * len(levels)


class Buckets:
    """Token buckets by key and cost, so that cancels do not wait for orders or orders for reads.

    At most `limits.buckets` keys are kept; the one that asked longest ago is forgotten first, by
    when it is full again unless keys come faster than `limits.buckets` in the time of a burst.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        rates = {
            Cost.READ: limits.reads,
            Cost.ORDER: limits.orders,
            Cost.CANCEL: limits.cancels,
            Cost.FREE: limits.free,
        }
        self._kinds = {
            cost: (index, float(rate.per_second), float(rate.burst))
            for index, (cost, rate) in enumerate(rates.items())
        }
        self._full = [burst for _, _, burst in self._kinds.values()]
        self._keys_max = limits.buckets
        self._clock = clock
        self._purses: OrderedDict[str, _Purse] = OrderedDict()

    def charge(self, key: str, cost: Cost, units: int = 1) -> None:
        """Take credits. Raises ApiError 10028 with `data.wait` where there are too few."""
        index, per_second, burst = self._kinds[cost]
        now = self._clock()
        purse = self._purses.get(key)
        if purse is None:
            purse = self._purses[key] = _Purse(self._full.copy(), now)
            if len(self._purses) > self._keys_max:
                self._purses.popitem(last=False)
        else:
            self._purses.move_to_end(key)
        level = purse.levels[index] + (now - purse.times[index]) * per_second
        level = min(level, burst)
        purse.times[index] = now
        if level < units:
            purse.levels[index] = level
            wait_ms = math.ceil((units - level) / per_second * 1_000) if per_second else 60_000
            raise too_many_requests(wait_ms, f"{cost.value} requests")
        purse.levels[index] = level - units


def address_key(address: str) -> str:
    """Return the key of an address: an IPv6 address stands for its /64."""
    if ":" not in address:
        return f"address {address}"
    try:
        network = ipaddress.ip_network((address.partition("%")[0], IPV6_PREFIX), strict=False)
    except ValueError:
        return f"address {address}"
    return f"address {network}"
