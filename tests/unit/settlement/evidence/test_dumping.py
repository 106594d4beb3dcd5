"""The dump of the real embedded chain: the reader computes the block hashes that the chain has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merkat.settlement.chain import EmbeddedChain, Transaction
from merkat.settlement.chain.embedded import development_accounts
from merkat.settlement.evidence.chain_dump import decode_chain, encode_chain
from merkat.settlement.evidence.dumping import dump_chain
from merkat.settlement.evidence.layout import EvidenceError

# Emits a log with two topics and the word 42, and stays as a contract of no code.
EMITS = bytes.fromhex("602a6000526001600260206000a200")
REVERTS = bytes.fromhex("63deadbeef6000526004601cfd")


@pytest.fixture
def chain() -> EmbeddedChain:
    chain = EmbeddedChain()
    sender, other, *_ = development_accounts()
    chain.send_transaction(Transaction(sender, None, EMITS))
    chain.send_transaction(Transaction(sender, None, REVERTS))
    chain.send_transaction(Transaction(sender, other, b"hello", value_wei=10**18, gas=100_000))
    chain.fund(other, 5)
    chain.mine()
    return chain


def test_every_block_has_the_hash_of_its_content(chain: EmbeddedChain) -> None:
    blocks = dump_chain(chain)
    assert len(blocks) == 6
    read = decode_chain(encode_chain(blocks, chain.chain_id), chain.chain_id)
    assert read == blocks
    logged, reverted, paid = (block.transactions[0] for block in blocks[1:4])
    assert [len(log.topics) for log in logged.logs] == [2]
    assert logged.contract is not None
    assert (reverted.success, reverted.revert_data.hex()) == (False, "deadbeef")
    assert (paid.value, paid.nonce, paid.data) == (10**18, 2, b"hello")
    assert blocks[4].credits[0].wei == 5
    assert (blocks[5].credits, blocks[5].transactions) == ((), ())


def test_another_content_has_another_hash(chain: EmbeddedChain) -> None:
    blocks = dump_chain(chain)
    sent = blocks[1].transactions[0]
    for forged in (
        replace(sent, gas_used=sent.gas_used + 1),
        replace(sent, logs=()),
        replace(sent, nonce=7),
        replace(sent, success=False, logs=()),
    ):
        lying = [blocks[0], replace(blocks[1], transactions=(forged,)), *blocks[2:]]
        with pytest.raises(EvidenceError, match=r"V-21 block_hash: chain\.jsonl, block 1"):
            decode_chain(encode_chain(lying, chain.chain_id), chain.chain_id)
