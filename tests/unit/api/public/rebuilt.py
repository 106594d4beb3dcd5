"""A reader's book: made of nothing but the news of a channel, with every rule of them checked."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

Levels = list[tuple[Decimal, Decimal]]


class RebuiltBook:
    """Applies a snapshot and changes. A gap or a change that does not fit is an AssertionError."""

    def __init__(self) -> None:
        self.change_id = 0
        self.snapshots = 0
        self.changes = 0
        self._sides: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}

    def apply(self, item: dict[str, Any]) -> None:
        """Take one notification's data."""
        if item["type"] == "snapshot":
            assert "prev_change_id" not in item, "a snapshot follows nothing"
            assert not self.snapshots, "one snapshot a subscription"
            self.snapshots += 1
        else:
            assert item["type"] == "change"
            assert item["prev_change_id"] == self.change_id, "there is a gap"
            assert item["change_id"] > self.change_id
            self.changes += 1
        self.change_id = item["change_id"]
        for name, side in self._sides.items():
            for action, price, amount in item[name]:
                if action == "delete":
                    assert amount == 0
                    del side[price]
                    continue
                assert (action == "change") == (price in side), f"{action} of {price}"
                assert amount > 0
                assert side.get(price) != amount, "a change changes something"
                side[price] = amount

    def levels(self) -> tuple[Levels, Levels]:
        """Return bids and asks, best first."""
        bids, asks = self._sides["bids"], self._sides["asks"]
        return sorted(bids.items(), reverse=True), sorted(asks.items())
