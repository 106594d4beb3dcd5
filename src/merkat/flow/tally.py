"""Reading the outputs of batches: what happened, counted, and hooks for those who react."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from merkat.sdk.layouts import CANCEL_REASONS, EVENTS

REFUSED: Final = 1
ACCEPTED: Final = 2
TRADE: Final = 4
CANCELLED: Final = 5
AMENDED: Final = 6
WITHDRAWN: Final = 9
FORCED_WITHDRAWN: Final = 31

# Where the amount that was paid begins: behind account and token; behind what was asked, too.
_WITHDRAWN_AT: Final = 5
_FORCED_AT: Final = 21
# A trade's body: listing, maker, taker, side, then price and size.
_TRADE_PRICE_AT: Final = 4 + 12 + 12 + 1

Hook = Callable[[int, bytes], None]
_EVENT_KINDS_MAX: Final = max(EVENTS) + 1


def rule_names() -> dict[int, str]:
    """Return the name of every refusal code, from the specification's registry."""
    # Rules register when the modules that hold them are imported: the machine imports them all.
    import merkat.spec.venue.machine  # noqa: F401
    from merkat.spec.rules import all_rules

    return {rule.code: rule.name for rule in all_rules()}


class Tally:
    """Counts over a whole flow. Sizes in base units; notional in price ticks x base units."""

    def __init__(self, tick: int) -> None:
        self.tick = tick
        self.commands = 0
        self.orders = 0
        self.trades = 0
        self.quantity = 0
        self.notional = 0
        self.withdrawn = 0  # made claimable in all, 1e-6 USD
        self.last_price: int | None = None
        self.rejected: Counter[str] = Counter()
        self.cancelled: Counter[int] = Counter()
        self.events: Counter[int] = Counter()
        self._names = rule_names()
        self._hooks: list[list[Hook]] = [[] for _ in range(_EVENT_KINDS_MAX)]
        self.hook(REFUSED, self._on_refused)
        self.hook(ACCEPTED, self._on_accepted)
        self.hook(TRADE, self._on_trade)
        self.hook(CANCELLED, self._on_cancelled)
        self.hook(WITHDRAWN, self._on_withdrawn)
        self.hook(FORCED_WITHDRAWN, self._on_forced_withdrawn)

    def hook(self, kind: int, hook: Hook) -> None:
        """Call `hook(log number, body)` for every event of a kind, after those added before."""
        self._hooks[kind].append(hook)

    def reject(self, reason: str) -> None:
        """Count a rejection that never became a command."""
        self.rejected[reason] += 1

    def _on_refused(self, log_number: int, body: bytes) -> None:
        code = body[0] << 8 | body[1]
        self.rejected[self._names.get(code, f"code_{code}")] += 1

    def _on_accepted(self, log_number: int, body: bytes) -> None:
        self.orders += 1

    def _on_trade(self, log_number: int, body: bytes) -> None:
        price = int.from_bytes(body[_TRADE_PRICE_AT : _TRADE_PRICE_AT + 8], "big")
        size = int.from_bytes(body[_TRADE_PRICE_AT + 8 : _TRADE_PRICE_AT + 16], "big")
        self.trades += 1
        self.quantity += size
        self.notional += price // self.tick * size
        self.last_price = price

    def _on_cancelled(self, log_number: int, body: bytes) -> None:
        self.cancelled[body[12]] += 1

    def _on_withdrawn(self, log_number: int, body: bytes) -> None:
        self.withdrawn += int.from_bytes(body[_WITHDRAWN_AT : _WITHDRAWN_AT + 16], "big")

    def _on_forced_withdrawn(self, log_number: int, body: bytes) -> None:
        self.withdrawn += int.from_bytes(body[_FORCED_AT : _FORCED_AT + 16], "big")

    def read(self, outputs: bytes) -> None:
        """Count the outputs of a batch and call the hooks, command by command."""
        hooks, events = self._hooks, self.events
        read_int = int.from_bytes
        at, end = 0, len(outputs)
        while at < end:
            log_number = read_int(outputs[at : at + 8], "big")
            event_at = at + 12
            events_end = event_at + read_int(outputs[at + 8 : event_at], "big")
            while event_at < events_end:
                body_at = event_at + 3
                kind = outputs[event_at + 2]
                event_at += 2 + (outputs[event_at] << 8 | outputs[event_at + 1])
                events[kind] += 1
                for hook in hooks[kind]:
                    hook(log_number, outputs[body_at:event_at])
            at = events_end + 4 + read_int(outputs[events_end : events_end + 4], "big")
            self.commands += 1

    def event_counts(self) -> dict[str, int]:
        """Return how often each event came, by name."""
        return {EVENTS[kind][0]: count for kind, count in sorted(self.events.items())}

    def cancel_counts(self) -> dict[str, int]:
        """Return how many orders were cancelled, by reason."""
        return {CANCEL_REASONS[reason]: count for reason, count in sorted(self.cancelled.items())}
