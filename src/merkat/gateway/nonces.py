"""Nonces of one signer: milliseconds of the venue's clock, always above everything used.

The venue keeps the highest 100 nonces of a signer and takes a new one that is not among them and
above the smallest, so commands may overtake each other within that window. A nonce may be a day
ahead of the clock: a burst of more than one command a millisecond runs ahead and time catches up.

A nonce must not be given twice, not even after a kill. Writing each one down would cost a write a
command; instead a ceiling above the present one is written now and then, and a start begins there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MS_NS: Final = 1_000_000
LEAD_MS_MAX: Final = 86_400_000  # of the rule (C-04)
LEAD_MS_KEPT: Final = LEAD_MS_MAX - 3_600_000  # an hour is left for clocks that differ
RESERVE_MS: Final = 5_000
# How far a refused nonce moves the source, longer each time: whoever used the higher ones before
# (a gateway whose data are gone) was at most a day ahead.
JUMPS_MS: Final = (1_000, 60_000, 3_600_000, 43_200_000)


class NoncesExhaustedError(Exception):
    """So many nonces were used that the next would be too far ahead of the clock."""


class NonceSource:
    """Gives the nonces of one signer (account and slot), ascending.

    Args:
        now_ns: the venue's clock.
        ceiling: what `reserve` wrote last; everything given is above it.
        reserve: writes a new ceiling durably; no nonce above a ceiling is given before.
    """

    def __init__(
        self, now_ns: Callable[[], int], ceiling: int, reserve: Callable[[int], None]
    ) -> None:
        self._now_ns = now_ns
        self._last = ceiling
        self._ceiling = ceiling
        self._reserve = reserve
        self._refused = 0

    def take(self) -> int:
        """Return the next nonce.

        Raises:
            NoncesExhaustedError: it would be too far ahead of the clock; wait.
        """
        now_ms = self._now_ns() // MS_NS
        nonce = max(self._last + 1, now_ms)
        if nonce > now_ms + LEAD_MS_KEPT:
            raise NoncesExhaustedError(
                f"nonce {nonce} is more than {LEAD_MS_KEPT} ms ahead of the clock; wait"
            )
        if nonce > self._ceiling:
            self._ceiling = nonce + RESERVE_MS
            self._reserve(self._ceiling)
        self._last = nonce
        return nonce

    def refused(self, nonce: int) -> None:
        """Learn that the venue knows `nonce` or one so much higher that it has left the window."""
        jump = JUMPS_MS[min(self._refused, len(JUMPS_MS) - 1)]
        self._refused += 1
        self._last = max(self._last, nonce + jump)

    def accepted(self) -> None:
        """Learn that the venue took a nonce: the next refusal is a new story."""
        self._refused = 0
