"""Which labels may be stored: most orders bring a new one, and a look for it would find nothing."""

from __future__ import annotations

from typing import Final

FILTER_BYTES: Final = 1 << 22
# With so many labels one look in twenty is in vain; more are not read in at a start.
LABELS_MAX: Final = 1_500_000
_MASK: Final = 8 * FILTER_BYTES - 1


class LabelFilter:
    """A set of hashes of (account, label), one bit each: it may err towards yes, never towards no.

    Memory is bounded however many labels there are; with very many it says too often that one may
    be there, which costs a look. Python's hashes of texts are keyed anew in every process: nobody
    can choose collisions.
    """

    def __init__(self) -> None:
        self._bits = bytearray(FILTER_BYTES)

    def add(self, account: int, label: str) -> None:
        """Take a label in."""
        place = hash((account, label)) & _MASK
        self._bits[place >> 3] |= 1 << (place & 7)

    def may_have(self, account: int, label: str) -> bool:
        """Return False only where the label was never taken in."""
        place = hash((account, label)) & _MASK
        return bool(self._bits[place >> 3] >> (place & 7) & 1)

    def fill(self) -> None:
        """Say of every label that it may be there."""
        self._bits = bytearray(b"\xff" * FILTER_BYTES)
