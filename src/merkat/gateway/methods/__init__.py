"""Private methods of the dialect: each module fills the one registry with its own."""

from __future__ import annotations

from merkat.api.registry import Registry
from merkat.gateway.methods import account, cancels, feeds, history, reads, trading

registry = Registry()
for _module in (trading, cancels, reads, history, account, feeds):
    registry.merge(_module.registry)

__all__ = ["registry"]
