"""The tree that remembers has the root of the definition, whatever was done to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.spec.trees import Tree, leaf_hash, node_hash, root_by_definition
from merkat.spec.values import ZERO32, keccak256

Writes = list[list[tuple[int, int]]]


def writes(depth: int) -> st.SearchStrategy[Writes]:
    """Rounds of (key, value) writes; value 0 removes the leaf."""
    keys = st.one_of(st.integers(0, 2**depth - 1), st.integers(0, min(2**depth - 1, 7)))
    return st.lists(st.lists(st.tuples(keys, st.integers(0, 3)), max_size=8), max_size=6)


@pytest.mark.parametrize("depth", [3, 10, 92])
def test_incremental_root_is_the_rebuilt_root(depth: int) -> None:
    @given(writes(depth))
    def check(rounds: Writes) -> None:
        tree, leaves = Tree(depth), dict[int, bytes]()
        for one_round in rounds:
            for key, value in one_round:
                content = leaf_hash(value.to_bytes(32, "big"))
                tree.set(key, content)
                leaves[key] = content
            standing = {key: value for key, value in leaves.items() if value != ZERO32}
            assert tree.root() == root_by_definition(standing, depth)

    check()


def test_small_tree_by_hand() -> None:
    leaf = leaf_hash(b"\x01".rjust(32, b"\0"))
    assert leaf == keccak256(bytes(32) + b"\x01"), "one zero byte, then the words"
    expected = keccak256(keccak256(ZERO32 + leaf) + ZERO32)
    tree = Tree(2)
    tree.set(1, leaf)
    assert tree.root() == expected
    assert Tree(2).root() == ZERO32, "an empty tree of any depth is zero"


def test_zeros_hash_to_zero_and_nothing_else_does() -> None:
    assert leaf_hash(bytes(64)) == ZERO32
    assert node_hash(ZERO32, ZERO32) == ZERO32
    assert leaf_hash(bytes(63) + b"\x01") != ZERO32
    assert node_hash(ZERO32, b"\x01" * 32) != node_hash(b"\x01" * 32, ZERO32)


def test_keys_beyond_the_depth_are_a_defect() -> None:
    with pytest.raises(AssertionError, match="does not fit"):
        Tree(3).set(8, b"\x01" * 32)
