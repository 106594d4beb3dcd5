"""V-24 token by token: a coin with a spot market comes and goes in its own units."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from merkat.settlement.evidence.chain_dump import Log
from merkat.settlement.evidence.events import ChainView, read_chain
from merkat.settlement.evidence.layout import EvidenceError, Manifest
from merkat.spec.messages import FROM_USER, Deposit, encode_item
from merkat.spec.values import ZERO32, keccak256
from tests.support.evidence_builder import (
    ANCHOR,
    INBOX,
    POSTER,
    TOKEN,
    TOKEN_REGISTERED,
    TRANSFER,
    VAULT,
    Chain,
    abi_bytes,
    event,
    word,
)
from tests.support.venue_builder import CONFIG

COIN = b"\xf6" * 20
OWNER = b"\x17" * 20
SCALE = 10**10
ROOT = b"\x33" * 32

MANIFEST = Manifest(
    config=CONFIG,
    anchor=ANCHOR,
    inbox=INBOX,
    vault=VAULT,
    sequencer=POSTER,
    nodes=(),
    head_number=0,
    head_hash=ZERO32,
    log_number=0,
    journal_hash=ZERO32,
    state_root=ZERO32,
    venue_digest=ZERO32,
    files={},
)


def registered(number: int, address: bytes, lot: int = 1, scale: int = 1) -> Log:
    data = word(number) + word(address) + word(lot) + word(scale)
    return event(VAULT, TOKEN_REGISTERED, [], data)


def deposited(token: int, amount: int) -> list[Log]:
    """The first inbox item, a deposit, as inbox and vault announce it."""
    item = encode_item(Deposit(FROM_USER, token, OWNER, 0, amount))
    inbox_hash = keccak256(ZERO32 + keccak256(item))
    data = inbox_hash + word(5) + word(96) + abi_bytes(item)
    return [
        event(INBOX, "ItemEnqueued(uint64,bytes32,uint48,bytes)", [0], data),
        event(VAULT, "Deposited(uint64,address)", [0, POSTER], b""),
    ]


def moved(token: bytes, sender: bytes, receiver: bytes, amount: int) -> Log:
    return event(token, TRANSFER, [sender, receiver], word(amount))


def claimed(token: int, amount: int) -> Log:
    signature = "Claimed(uint32,uint8,address,uint128,uint128,uint64)"
    data = b"".join(word(value) for value in (token, amount, amount, 0))
    return event(VAULT, signature, [1, OWNER], data)


def read(*transactions: Sequence[Log]) -> ChainView:
    chain = Chain()
    for logs in ([registered(0, TOKEN), registered(1, COIN, 1_000, SCALE)], *transactions):
        chain.mine(VAULT, b"", list(logs))
    return read_chain(chain.blocks, MANIFEST)


def refused(*transactions: Sequence[Log]) -> str:
    with pytest.raises(EvidenceError) as caught:
        read(*transactions)
    assert caught.value.rule == "V-24", f"{caught.value}"
    return caught.value.text


def test_a_coin_comes_and_goes_in_its_own_units() -> None:
    view = read(
        [moved(COIN, POSTER, VAULT, 3_000 * SCALE), *deposited(1, 3_000)],
        [claimed(1, 2_000), moved(COIN, VAULT, OWNER, 2_000 * SCALE)],
    )
    assert [(claim.token, claim.amount) for claim in view.claims] == [(1, 2_000)]
    assert (view.tokens[1].address, view.tokens[1].scale) == (COIN, SCALE)


def test_more_may_come_in_than_is_credited() -> None:
    read([moved(COIN, POSTER, VAULT, 3_000 * SCALE + 1), *deposited(1, 3_000)])


@pytest.mark.parametrize("received", [0, 3_000, 3_000 * SCALE - 1])
def test_a_deposit_of_less_than_its_base_units_is_noticed(received: int) -> None:
    text = refused([moved(COIN, POSTER, VAULT, received), *deposited(1, 3_000)])
    assert text.startswith(f"the vault received {received} and paid 0 of token 1")


def test_another_token_does_not_pay_for_a_coin() -> None:
    refused([moved(TOKEN, POSTER, VAULT, 3_000 * SCALE), *deposited(1, 3_000)])
    refused([moved(COIN, POSTER, VAULT, 3_000), *deposited(0, 3_000)])


@pytest.mark.parametrize("paid", [2_000, 2_000 * SCALE - 1, 2_000 * SCALE + 1])
def test_a_claim_moves_exactly_its_base_units(paid: int) -> None:
    refused([claimed(1, 2_000), moved(COIN, VAULT, OWNER, paid)])


def test_a_coin_leaves_by_claims_only() -> None:
    refused([moved(COIN, VAULT, OWNER, 1)])


def test_a_token_without_a_number_is_not_money() -> None:
    stranger = b"\x99" * 20
    read([moved(stranger, VAULT, OWNER, 5)])
    assert "not registered" in refused([moved(stranger, POSTER, VAULT, 5), *deposited(2, 5)]), (
        "a deposit of a token that the Vault does not know"
    )
    assert "not registered" in refused([claimed(2, 5)])


@pytest.mark.parametrize(
    ("number", "address", "lot", "scale"),
    [
        (1, b"\x99" * 20, 1, 1),
        (0, b"\x99" * 20, 1, 1),
        (2, COIN, 1, 1),
        (4, b"\x99" * 20, 1, 1),
        (2, b"\x99" * 20, 0, 1),
        (2, b"\x99" * 20, 1, 0),
    ],
)
def test_a_token_has_one_number_a_lot_and_a_scale(
    number: int, address: bytes, lot: int, scale: int
) -> None:
    refused([registered(number, address, lot, scale)])
    read([registered(2, b"\x99" * 20, 1, 1)])
