"""Sparse Merkle trees of fixed depth (formats.md section 7).

`root_by_definition` is the definition. `Tree` gives the same root and
remembers what did not change.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping

from merkat.spec.values import ZERO32, keccak256


def leaf_hash(words: bytes) -> bytes:
    """Return the hash of a leaf's words: zero for an absent leaf, whose words are all zero."""
    return keccak256(b"\0" + words) if any(words) else ZERO32


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return keccak(left ‖ right), except that two zero children give zero."""
    return ZERO32 if left == ZERO32 == right else keccak256(left + right)


def root_by_definition(leaves: Mapping[int, bytes], depth: int) -> bytes:
    """Return the root over {key: leaf hash}; key bits are read from the most significant."""
    if not leaves:
        return ZERO32
    if depth == 0:
        return leaves[0]
    half = 1 << (depth - 1)
    left = {key: value for key, value in leaves.items() if key < half}
    right = {key - half: value for key, value in leaves.items() if key >= half}
    return node_hash(root_by_definition(left, depth - 1), root_by_definition(right, depth - 1))


class Tree:
    """A sparse tree that rehashes only the paths of touched leaves.

    A node is named by its heap number: 1 is the root, 2n and 2n + 1 are the children of n. Hashes
    are remembered where the paths of two leaves meet, and at the top of the paths below.
    """

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._leaves: dict[int, bytes] = {}
        self._keys: list[int] = []  # ascending, of the leaves that are not zero
        self._remembered: dict[int, bytes] = {}

    def set(self, key: int, value: bytes) -> None:
        """Write the hash of one leaf; zero removes it."""
        assert 0 <= key < 1 << self._depth, f"key {key} does not fit depth {self._depth}"
        if self._leaves.get(key, ZERO32) == value:
            return
        if key not in self._leaves:
            insort(self._keys, key)
        self._leaves[key] = value
        if value == ZERO32:
            del self._leaves[key]
            del self._keys[bisect_left(self._keys, key)]
        node = 1 << self._depth | key
        while node:
            self._remembered.pop(node, None)
            node >>= 1

    def root(self) -> bytes:
        """Return the root."""
        return self._hash_above(self._depth, 0, len(self._keys))

    def _hash_above(self, height: int, low: int, high: int) -> bytes:
        """Return the hash of the node at `height` above the leaves keys[low:high], all of its."""
        if low == high:
            return ZERO32
        first, last = self._keys[low], self._keys[high - 1]
        node = (1 << self._depth | first) >> height
        known = self._remembered.get(node)
        if known is not None:
            return known
        # The paths of all these leaves meet at this height, for the first time.
        meeting = (first ^ last).bit_length()
        if meeting == 0:
            value = self._leaves[first]
        else:
            middle = bisect_left(self._keys, last >> (meeting - 1) << (meeting - 1), low, high)
            left = self._hash_above(meeting - 1, low, middle)
            value = keccak256(left + self._hash_above(meeting - 1, middle, high))
        # From there to `height` every sibling is empty.
        for level in range(meeting, height):
            value = keccak256(ZERO32 + value if first >> level & 1 else value + ZERO32)
        self._remembered[node] = value
        return value
