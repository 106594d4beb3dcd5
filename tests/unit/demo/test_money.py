"""Proofs of the demonstration: a right one leads to the root, every flipped bit leads elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from merkat import _core
from merkat.demo import money
from merkat.sdk.keys import demo_domain
from merkat.settlement.custody import genesis_part
from merkat.settlement.proofs import AccountProof, ProofError

ACCOUNT = 5


@pytest.fixture(scope="module")
def proved() -> tuple[AccountProof, bytes]:
    """A proof of a leaf of a real machine, and the machine's root."""
    domain = demo_domain(1, "money")
    machine = _core.Settlement(*domain.parts, genesis_part(domain)[0])
    return AccountProof.decode(ACCOUNT, machine.account_proof(ACCOUNT)), machine.root()


def answer_of(proof: AccountProof) -> dict[str, Any]:
    return {
        "account": proof.account,
        "words": ["0x" + word.hex() for word in proof.words],
        "siblings": ["0x" + sibling.hex() for sibling in proof.siblings],
        "roots": dict(zip(money.ROOTS, ("0x" + part.hex() for part in proof.parts), strict=True)),
        "batch": {"index": 3},
    }


def test_the_proof_of_an_answer_leads_to_the_root(proved: tuple[AccountProof, bytes]) -> None:
    proof, root = proved
    batch, read = money.proof_of(answer_of(proof))
    assert (batch, read) == (3, proof)
    assert money.leads_to(read, root)
    assert not money.leads_to(read, bytes(32)), "another root is another state"


@pytest.mark.parametrize("bit", [0, 7, 8, 20, 63, 255])
def test_canary_a_flipped_bit_is_refused(proved: tuple[AccountProof, bytes], bit: int) -> None:
    proof, root = proved
    tampered = money.flip(proof, bit).proof
    pairs = zip(proof.words, tampered.words, strict=True)
    changed = [
        (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()
        for one, other in pairs
    ]
    assert sum(changed) == 1, "exactly one bit is flipped"
    assert not money.leads_to(tampered, root)


@pytest.mark.parametrize("name", ["words", "roots", "batch", "account"])
def test_an_answer_that_is_no_proof_is_said_so(
    proved: tuple[AccountProof, bytes], name: str
) -> None:
    answer = answer_of(proved[0])
    del answer[name]
    with pytest.raises(ProofError, match=name):
        money.proof_of(answer)


def test_what_is_shown_of_a_proof_ends_in_its_root(proved: tuple[AccountProof, bytes]) -> None:
    proof, root = proved
    lines = money.path_lines(proof)
    assert lines[-1] == ("state root", root)
    assert lines[0][1] == proof.path()[0]
