"""Which labels may be stored: most orders bring a new one, and a look for it would find nothing."""

from __future__ import annotations

from typing import Final

FILTER_BYTES: Final = 1 << 21
PLACES: Final = 3
# With so many labels one look in fifty is in vain; more are not read in at a start.
LABELS_MAX: Final = 1_500_000
_BITS: Final = 8 * FILTER_BYTES


class LabelFilter:
    """A Bloom filter of (account, label): it may err towards yes, never towards no.

    Memory is bounded however many labels there are; with very many it says too often that one may
    be, which costs a look.
    """

    def __init__(self) -> None:
        self._bits = bytearray(FILTER_BYTES)

    def add(self, account: int, label: str) -> None:
        """Take a label in."""
        bits = self._bits
        for place in _places(account, label):
            bits[place >> 3] |= 1 << (place & 7)

    def may_have(self, account: int, label: str) -> bool:
        """Return False only where the label was never taken in."""
        bits = self._bits
        return all(bits[place >> 3] >> (place & 7) & 1 for place in _places(account, label))

    def fill(self) -> None:
        """Say of every label that it may be there."""
        self._bits = bytearray(b"\xff" * FILTER_BYTES)


def _places(account: int, label: str) -> tuple[int, ...]:
    # Python's hashes of texts are keyed anew in every process: nobody can choose collisions.
    number = hash((account, label))
    return tuple((number >> shift) % _BITS for shift in range(0, 20 * PLACES, 20))
