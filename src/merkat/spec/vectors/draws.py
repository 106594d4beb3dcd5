"""Seeded choices without any library's generator: splitmix64 (Steele, Lea, Flood 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

_MASK = 2**64 - 1

T = TypeVar("T")


class Draws:
    """A stream of choices that depends on its seed only."""

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def word(self) -> int:
        """Return the next 64 bits."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _MASK
        return mixed ^ mixed >> 31

    def below(self, bound: int) -> int:
        """Return an integer from 0 to bound - 1."""
        assert bound > 0, f"bound must be positive, got {bound}"
        return self.word() % bound

    def between(self, low: int, high: int) -> int:
        """Return an integer from low to high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """Return True in `percent` of a hundred cases."""
        return self.below(100) < percent

    def permille(self, share: int) -> bool:
        """Return True in `share` of a thousand cases."""
        return self.below(1_000) < share

    def choice(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[self.below(len(options))]

    def weighted(self, options: Sequence[tuple[int, T]]) -> T:
        """Return one of the (weight, option) pairs' options, by weight."""
        drawn = self.below(sum(weight for weight, _ in options))
        for weight, option in options:
            drawn -= weight
            if drawn < 0:
                return option
        raise AssertionError("a draw lies below the sum of the weights")

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return the options in random order (Fisher and Yates)."""
        shuffled = list(options)
        for end in range(len(shuffled) - 1, 0, -1):
            other = self.below(end + 1)
            shuffled[end], shuffled[other] = shuffled[other], shuffled[end]
        return shuffled

    def data(self, length: int) -> bytes:
        """Return random bytes."""
        return b"".join(self.word().to_bytes(8, "big") for _ in range(length // 8 + 1))[:length]
