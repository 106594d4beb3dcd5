"""Proofs of accounts: from the leaf to the state root, and nothing else leads there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merkat.settlement.proofs import PROOF_BYTES, AccountProof, ProofError
from merkat.spec.settle.state import State
from merkat.spec.typed_data import Config
from tests.support.settlement import DOMAIN, machine, micro_ops


@pytest.fixture(scope="module")
def traded() -> tuple[bytes, State, dict[int, AccountProof]]:
    core = machine()
    core.apply_inputs(b"".join(micro_ops()))
    state = State.decode(Config(*DOMAIN.parts), core.encode())
    numbers = [1, 2, 64, 128, 129, (1 << 28) - 1]
    proofs = {number: AccountProof.decode(number, core.account_proof(number)) for number in numbers}
    return core.root(), state, proofs


Traded = tuple[bytes, State, dict[int, AccountProof]]


def test_a_proof_leads_to_the_state_root(traded: Traded) -> None:
    root, state, proofs = traded
    assert state.root() == root, "engine's committer and specification agree on the root"
    for number, proof in proofs.items():
        assert proof.root() == root, f"the proof of account {number} leads elsewhere"
        assert len(proof.path()) == 29


def test_a_proof_says_what_the_leaf_says(traded: Traded) -> None:
    _, state, proofs = traded
    for number in (1, 2, 64, 128):
        account, proof = state.accounts[number], proofs[number]
        assert proof.owner == account.owner
        assert proof.claimable(0) == account.claimable[0]
        assert b"".join(proof.words[:8]) == account.words()
    assert proofs[129].owner == bytes(20), "an absent account has no owner"
    assert not any(b"".join(proofs[129].words)), "its words are all zero"


def test_a_proof_survives_its_bytes(traded: Traded) -> None:
    for number, proof in traded[2].items():
        assert AccountProof.decode(number, proof.encode()) == proof
        assert len(proof.encode()) == PROOF_BYTES


@pytest.mark.parametrize("part", ["words", "siblings"])
def test_a_changed_proof_leads_nowhere(traded: Traded, part: str) -> None:
    proof = traded[2][64]
    values = list(getattr(proof, part))
    for place in range(len(values)):
        changed = list(values)
        changed[place] = bytes([changed[place][0] ^ 1]) + changed[place][1:]
        forged = replace(proof, **{part: tuple(changed)})  # type: ignore[arg-type]
        with pytest.raises(ProofError, match="the leaf of account 64 leads to"):
            forged.root()


def test_another_part_gives_another_root(traded: Traded) -> None:
    root, _, proofs = traded
    proof = proofs[64]
    for place in range(1, 6):
        parts = list(proof.parts)
        parts[place] = bytes(31) + b"\x01"
        assert replace(proof, parts=tuple(parts)).root() != root
    with pytest.raises(ProofError, match="the leaf of account 65 leads to"):
        replace(proof, account=65).root()


def test_bytes_that_are_no_proof_are_refused(traded: Traded) -> None:
    data = traded[2][1].encode()
    for bad in (b"", data[:-1], data + b"\0"):
        with pytest.raises(ProofError, match=f"expected {PROOF_BYTES}"):
            AccountProof.decode(1, bad)
    with pytest.raises(ProofError, match="account is 268435456"):
        AccountProof.decode(1 << 28, data)
    with pytest.raises(ProofError, match="token is 4, expected 0 to 3"):
        traded[2][1].claimable(4)
