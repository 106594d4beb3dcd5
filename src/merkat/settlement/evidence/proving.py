"""An account's proof, made from a whole state with the specification's trees."""

from __future__ import annotations

from collections.abc import Mapping

from merkat.settlement.evidence.records import AccountProof
from merkat.spec.settle.leaves import WORD_BYTES, Leaf
from merkat.spec.settle.state import (
    ACCOUNTS_DEPTH,
    GROUPS_DEPTH,
    INSTRUMENTS_DEPTH,
    ORDERS_DEPTH,
    POSITIONS_DEPTH,
    SESSIONS_DEPTH,
    State,
)
from merkat.spec.trees import Tree, leaf_hash
from merkat.spec.values import cut


def prove_account(state: State, account: int, batch: int) -> AccountProof:
    """Return the proof of an account against the root of `state`, the one after batch `batch`.

    Raises KeyError where the state has no such account.
    """
    words = account_words(state, account)
    leaves = {index: leaf_hash(account_words(state, index)) for index in state.accounts}
    siblings = []
    for height in range(ACCOUNTS_DEPTH):
        beside = account >> height ^ 1
        below = {
            key - (beside << height): value
            for key, value in leaves.items()
            if key >> height == beside
        }
        siblings.append(tree_root(below, height))
    roots = (
        tree_root(leaves, ACCOUNTS_DEPTH),
        _root_of_leaves(state.orders, ORDERS_DEPTH),
        _root_of_leaves(state.sessions, SESSIONS_DEPTH),
        _root_of_leaves(state.instruments, INSTRUMENTS_DEPTH),
        _root_of_leaves(state.groups, GROUPS_DEPTH),
        leaf_hash(state.globals_.words()),
    )
    each = tuple(words[at : at + WORD_BYTES] for at in range(0, len(words), WORD_BYTES))
    return AccountProof(account, batch, each, tuple(siblings), roots)


def account_words(state: State, account: int) -> bytes:
    """Return the nine words of an account's leaf."""
    leaf = state.accounts[account]
    return leaf.words() + b"\0" + cut(_root_of_leaves(leaf.positions, POSITIONS_DEPTH))


def tree_root(leaves: Mapping[int, bytes], depth: int) -> bytes:
    """Return the root over {key: leaf hash}."""
    tree = Tree(depth)
    for key, value in leaves.items():
        tree.set(key, value)
    return tree.root()


def _root_of_leaves(leaves: Mapping[int, Leaf], depth: int) -> bytes:
    return tree_root({key: leaf_hash(leaf.words()) for key, leaf in leaves.items()}, depth)
