"""What the log does not have: labels and what was asked for, by label and by order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final

from merkat.gateway.intents import Fate, Intent, IntentStore
from merkat.sdk.commands import PLACE

LABELS_MAX: Final = 50_000
ORDERS_MAX: Final = 100_000


class Labels:
    """The orders of this gateway, remembered in front of its store; the oldest are read again."""

    def __init__(self, store: IntentStore) -> None:
        self._store = store
        self._by_label: OrderedDict[tuple[int, str], list[Intent]] = OrderedDict()
        self._by_order: OrderedDict[bytes, Intent | None] = OrderedDict()

    def adopt(self, intents: Iterable[Intent]) -> None:
        """Take up orders of an earlier run whose fate is not known: they are settled here."""
        for intent in intents:
            if intent.kind == PLACE:
                self._by_order[intent.key] = intent

    def fate_of(self, intent: Intent) -> tuple[Fate, int]:
        """Return fate and log number as they were written last."""
        return self._store.fate_of(intent.row)

    def add(self, intent: Intent) -> None:
        """Remember an order that is about to be sent."""
        self._by_order[intent.key] = intent
        _bound(self._by_order, ORDERS_MAX)
        if intent.label:
            self.of_label(intent.account, intent.label).insert(0, intent)

    def of_label(self, account: int, label: str) -> list[Intent]:
        """Return the orders of an account with a label, newest first. Not to be changed."""
        key = (account, label)
        found = self._by_label.get(key)
        if found is None:
            found = self._store.by_label(account, label)
            # One object an order: what is pending here is what the sender settles.
            found = [self._by_order.get(one.key) or one for one in found]
            self._by_label[key] = found
            _bound(self._by_label, LABELS_MAX)
        return found

    def of_order(self, origin: bytes) -> Intent | None:
        """Return what was asked for with an order; None where it came another way."""
        try:
            return self._by_order[origin]
        except KeyError:
            found = self._by_order[origin] = self._store.by_key(origin)
            _bound(self._by_order, ORDERS_MAX)
            return found


def _bound(kept: OrderedDict[Any, Any], most: int) -> None:
    """Forget the oldest entries."""
    while len(kept) > most:
        kept.popitem(last=False)
