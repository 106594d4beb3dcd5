"""Proofs made from a state lead to its root, sibling by sibling as the definition has them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merkat.settlement.evidence.proving import account_words, prove_account
from merkat.spec.codec import MalformedError
from merkat.spec.settle.leaves import Account
from merkat.spec.trees import leaf_hash, root_by_definition
from tests.support.evidence_builder import play


def test_every_account_of_a_state_is_proved() -> None:
    market, _ = play(1)
    state = market.venue.settlement
    for number in (4, 5, 1000, 2**28 - 1):
        state.add_account(number, Account(owner=bytes([number % 251]) * 20, cash=number))
    leaves = {number: leaf_hash(account_words(state, number)) for number in state.accounts}
    for number in state.accounts:
        proof = prove_account(state, number, 1)
        assert proof.root() == state.root(), f"account {number}"
        for height, sibling in enumerate(proof.siblings):
            beside = number >> height ^ 1
            below = {
                key - (beside << height): value
                for key, value in leaves.items()
                if key >> height == beside
            }
            assert sibling == root_by_definition(below, height), f"{number}, height {height}"


def test_another_leaf_or_path_leads_elsewhere() -> None:
    market, traders = play(1)
    proof = prove_account(market.venue.settlement, traders[0].number, 1)
    richer = replace(proof, words=(*proof.words[:3], b"\1".rjust(32, b"\0"), *proof.words[4:]))
    moved = replace(proof, account=proof.account + 1)
    shifted = replace(proof, siblings=(*proof.siblings[1:], bytes(32)))
    for forged in (richer, moved, shifted):
        with pytest.raises(MalformedError, match="do not give the root of the accounts"):
            forged.root()
    other = replace(proof, roots=(*proof.roots[:5], bytes(32)))
    assert other.root() != proof.root()
    with pytest.raises(KeyError):
        prove_account(market.venue.settlement, 77, 1)
