"""Which trades one command made: an answer to buy lists those of its own command only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from merkat.market import Replica
from merkat.market.streams import Stream, StreamLostError
from merkat.market.types import Order, UserTrade

COMMANDS_MAX: Final = 16_384
_HISTORY_ROWS: Final = 1_000
_TRADE: Final = 4


class Fills:
    """The trades of the gateway's accounts by command, of the newest commands that made some."""

    def __init__(self, replica: Replica, accounts: Iterable[int]) -> None:
        self._replica = replica
        self._streams = {a: replica.view.watch(a).trades for a in accounts}
        self._seen = {account: stream.number for account, stream in self._streams.items()}
        self._kept: OrderedDict[tuple[int, int], list[UserTrade]] = OrderedDict()

    def collect(self) -> None:
        """Take what the newest batch has added. Call after each."""
        kept = self._kept
        for account, stream in self._streams.items():
            if stream.number == self._seen[account]:
                continue
            for one in self._after(stream, self._seen[account]):
                kept.setdefault((account, one.trade.log_number), []).append(one)
            self._seen[account] = stream.number
            while len(kept) > COMMANDS_MAX:
                kept.popitem(last=False)

    def _after(self, stream: Stream[UserTrade], number: int) -> list[UserTrade]:
        """Return what is new; of a batch that outran the stream nothing: history has it."""
        try:
            return stream.after(number)
        except StreamLostError:
            return []

    def of(self, order: Order, log_number: int) -> list[UserTrade]:
        """Return the trades that a command made for an order, oldest first."""
        if not order.total_filled:
            return []
        found = self._kept.get((order.account, log_number))
        if found is not None:
            return [one for one in found if one.order == order.origin]
        outcome = self._replica.view.outcome(log_number)
        if outcome is not None and all(event[0] != _TRADE for event in outcome.raw_events):
            return []
        history = self._replica.history.user_trades(
            order.account, order=order.origin, count=_HISTORY_ROWS, newest_first=False
        )
        return [one for one in history if one.trade.log_number == log_number]
