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
NEVER_MS: Final = 60_000
WORDS: Final = {
    Cost.READ: "reads",
    Cost.ORDER: "orders",
    Cost.CANCEL: "cancels",
    Cost.FREE: "free calls such as public/test",
}


class _Purse:
    """Credits of one client or address: level and time of the last look, per kind of cost.

    `told` is the time that the last one who was refused was told to come back at.
    """

    __slots__ = ("levels", "times", "told")

    def __init__(self, levels: list[float], now: float) -> None:
        self.levels = levels
        self.times = [now] * len(levels)
        self.told = self.times.copy()


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
        """Take credits.

        Raises:
            ApiError: 10028, there are too few. `data.wait` is when there are enough for this
                request, after those that were refused before it and told to wait, too.
        """
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
            raise too_many_requests(
                self._wait_ms(purse, self._kinds[cost], units),
                f"{WORDS[cost]} ({per_second:g} a second, {burst:g} at once)",
            )
        purse.levels[index] = level - units

    def _wait_ms(self, purse: _Purse, kind: tuple[int, float, float], units: int) -> int:
        """Return when credits are there for a request that is refused now."""
        index, per_second, burst = kind
        if not per_second:
            return NEVER_MS
        now = purse.times[index]
        alone = now + (units - purse.levels[index]) / per_second
        behind = purse.told[index] + units / per_second
        full = now + max(burst, units) / per_second  # by then whoever waited has been served
        purse.told[index] = max(alone, min(behind, full))
        return math.ceil((purse.told[index] - now) * 1_000)


def address_key(address: str) -> str:
    """Return the key of an address: an IPv6 address stands for its /64."""
    if ":" not in address:
        return f"address {address}"
    try:
        network = ipaddress.ip_network((address.partition("%")[0], IPV6_PREFIX), strict=False)
    except ValueError:
        return f"address {address}"
    return f"address {network}"
