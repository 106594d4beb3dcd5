"""The names of channels: instruments, intervals, and what is refused."""

from __future__ import annotations

from typing import Final

from merkat.api.errors import ApiError, listed
from merkat.api.public.service import instrument_of
from merkat.api.registry import Context
from merkat.market.types import Instrument

# What the dialect calls them -> the shortest time between two notifications, ms.
INTERVALS: Final = {"raw": 0, "100ms": 100, "agg2": 1_000}


def unknown_channel(name: str, expected: str) -> ApiError:
    """Return the error of a name that no channel has."""
    return ApiError(
        -32602, f"there is no channel {name[:80]!r}", f"expected {expected}", field="channels"
    )


def interval_of(context: Context, word: str, name: str) -> int:
    """Return the interval (ms) that a word names; raw ones are for those who authenticated.

    Raises ApiError: -32602 for another word, 13009.
    """
    if word not in INTERVALS:
        raise unknown_channel(name, f"one of {listed(INTERVALS)} as the interval")
    if word == "raw":
        context.authenticated()
    return INTERVALS[word]


def instrument_of_channel(context: Context, word: str) -> Instrument:
    """Return the instrument that a word of a channel names. Raises ApiError 13020."""
    return instrument_of(context, word, "channels")
