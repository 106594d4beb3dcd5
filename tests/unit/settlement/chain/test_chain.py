"""What every chain does, embedded or behind JSON-RPC."""

from __future__ import annotations

import pytest

from merkat import _core
from merkat.settlement.chain import (
    BLOB_BYTES,
    TRANSACTION_GAS_MAX,
    CallRevertedError,
    ChainError,
    DevelopmentChain,
    Receipt,
    Transaction,
    TransactionRefusedError,
    advance,
    wait_for_receipt,
)
from merkat.settlement.chain.abi import load_artifact
from tests.support.probe_contract import (
    BLOCK_HASH,
    EVALUATE,
    LOOP,
    READ,
    REVERT,
    RUNTIME_CODE,
    STORE,
    STORE_BLOB_HASH,
    TIME,
    probe,
)
from tests.unit.settlement.chain.conftest import BALANCE_WEI, CHAIN_ID, GENESIS_TIME_S

SEVEN, EIGHT = (number.to_bytes(32, "big") for number in (7, 8))


def sent(chain: DevelopmentChain, transaction: Transaction) -> Receipt:
    """Send a transaction and return its receipt."""
    return wait_for_receipt(chain, chain.send_transaction(transaction))


def test_identity_and_first_block(chain: DevelopmentChain) -> None:
    assert chain.chain_id == CHAIN_ID, "the chain id is the one it was made with"
    genesis = chain.block(0)
    assert genesis is not None
    assert genesis.time_s == GENESIS_TIME_S
    assert genesis.parent_hash == bytes(32), "nothing comes before the first block"
    assert chain.block(chain.block_number() + 1) is None, "a block above the newest does not exist"


def test_blocks_name_their_parents(chain: DevelopmentChain) -> None:
    for _ in range(3):
        chain.mine()
    newest = chain.block_number()
    assert newest >= 3
    for number in range(1, newest + 1):
        block, parent = chain.block(number), chain.block(number - 1)
        assert block is not None
        assert parent is not None
        assert block.number == number
        assert block.parent_hash == parent.hash, f"block {number} does not follow its parent"
        assert block.time_s >= parent.time_s, f"block {number} is older than its parent"


def test_a_contract_is_made(chain: DevelopmentChain, contract: bytes) -> None:
    assert chain.code(contract) == RUNTIME_CODE
    assert chain.code(bytes(19) + b"\xff") == b"", "an account without code has none"


def test_a_transaction_changes_state_and_leaves_a_log(
    chain: DevelopmentChain, senders: list[bytes], contract: bytes
) -> None:
    receipt = sent(chain, Transaction(senders[0], contract, probe(STORE, SEVEN)))
    assert receipt.success
    assert receipt.contract_address is None
    assert receipt.revert_data == b""
    assert chain.call(contract, probe(READ)) == SEVEN
    block = chain.block(receipt.block_number)
    assert block is not None
    assert receipt.block_hash == block.hash
    (log,) = receipt.logs
    assert (log.address, log.topics, log.data) == (contract, (SEVEN,), SEVEN)
    assert (log.block_number, log.block_hash) == (block.number, block.hash)
    assert (log.transaction_hash, log.index) == (receipt.transaction_hash, 0)
    assert chain.logs(contract, block.number, block.number) == [log]


def test_a_transaction_is_read_back_with_its_data(
    chain: DevelopmentChain, senders: list[bytes], contract: bytes
) -> None:
    data = probe(STORE, SEVEN)
    receipt = sent(chain, Transaction(senders[0], contract, data, gas=200_000))
    found = chain.transaction(receipt.transaction_hash)
    assert found is not None
    assert (found.sender, found.to, found.data) == (senders[0], contract, data)
    assert (found.hash, found.block_number) == (receipt.transaction_hash, receipt.block_number)
    assert (found.value_wei, found.gas, found.blob_hashes) == (0, 200_000, ())
    made = chain.logs(contract, 0, receipt.block_number)
    assert chain.transaction(made[0].transaction_hash) == found
    assert chain.transaction(bytes(32)) is None, "nobody sent a transaction of this hash"


def test_gas_of_a_store_is_the_same_on_every_chain(
    chain: DevelopmentChain, senders: list[bytes], contract: bytes
) -> None:
    receipt = sent(chain, Transaction(senders[0], contract, probe(STORE, SEVEN)))
    assert receipt.gas_used == 44_324, "gas of a store differs from what anvil and revm agreed on"


def test_logs_are_found_by_block_and_address(
    chain: DevelopmentChain, senders: list[bytes], contract: bytes
) -> None:
    first = sent(chain, Transaction(senders[0], contract, probe(STORE, SEVEN))).block_number
    second = sent(chain, Transaction(senders[1], contract, probe(STORE, EIGHT))).block_number
    found = chain.logs(contract, 0, second)
    assert [log.data for log in found] == [SEVEN, EIGHT], "logs come in the order of blocks"
    assert [log.data for log in chain.logs(None, first + 1, second)] == [EIGHT]
    assert chain.logs(contract, 0, first - 1) == [], "no log before the first store"
    assert chain.logs(bytes(20), 0, second) == [], "another address has no logs"
    assert chain.logs(contract, second + 1, second + 9) == [], "blocks to come hold no logs"
    assert len(chain.logs(contract, 0, second + 9)) == 2, "a range may end above the newest block"
    with pytest.raises(ChainError, match="from_block"):
        chain.logs(contract, 2, 1)


def test_a_call_sees_the_state_after_its_block(
    chain: DevelopmentChain, senders: list[bytes], contract: bytes
) -> None:
    first = sent(chain, Transaction(senders[0], contract, probe(STORE, SEVEN))).block_number
    sent(chain, Transaction(senders[0], contract, probe(STORE, EIGHT)))
    assert chain.call(contract, probe(READ)) == EIGHT
    assert chain.call(contract, probe(READ), block=first) == SEVEN
    assert chain.call(contract, probe(READ), block=first - 1) == bytes(32)


def test_a_call_of_a_block_to_come_is_refused(chain: DevelopmentChain, contract: bytes) -> None:
    with pytest.raises(ChainError) as refusal:
        chain.call(contract, probe(READ), block=chain.block_number() + 5)
    assert not isinstance(refusal.value, CallRevertedError), "a missing block is no revert"


def test_a_call_changes_nothing(chain: DevelopmentChain, contract: bytes) -> None:
    newest = chain.block_number()
    assert chain.call(contract, probe(STORE, SEVEN)) == b""
    assert chain.call(contract, probe(READ)) == bytes(32)
    assert chain.block_number() == newest


@pytest.mark.parametrize("reason", [b"", b"\x01\x02\x03\x04" + SEVEN])
def test_a_revert_carries_its_data(
    chain: DevelopmentChain, senders: list[bytes], contract: bytes, reason: bytes
) -> None:
    with pytest.raises(CallRevertedError) as reverted:
        chain.call(contract, probe(REVERT, reason))
    assert reverted.value.data == reason, "the call lost the revert data"
    receipt = sent(chain, Transaction(senders[0], contract, probe(REVERT, reason)))
    assert not receipt.success
    assert receipt.revert_data == reason, "the receipt lost the revert data"
    assert receipt.logs == ()


def test_running_out_of_gas_fails_and_costs_all_of_it(
    chain: DevelopmentChain, senders: list[bytes], contract: bytes
) -> None:
    with pytest.raises(CallRevertedError) as failed:
        chain.call(contract, probe(LOOP))
    assert failed.value.data == b""
    receipt = sent(chain, Transaction(senders[0], contract, probe(LOOP), gas=60_000))
    assert not receipt.success
    assert receipt.gas_used == 60_000
    assert receipt.revert_data == b"", "running out of gas is no revert"


def test_a_failed_creation_makes_no_contract(chain: DevelopmentChain, senders: list[bytes]) -> None:
    receipt = sent(chain, Transaction(senders[0], None, b"\x5f\x5f\xfd", gas=100_000))
    assert not receipt.success
    assert receipt.contract_address is None


def test_gas_up_to_the_cap_is_accepted_and_above_it_refused(
    chain: DevelopmentChain, senders: list[bytes], contract: bytes
) -> None:
    store = Transaction(senders[0], contract, probe(STORE, SEVEN), gas=TRANSACTION_GAS_MAX)
    assert sent(chain, store).success
    newest = chain.block_number()
    too_much = Transaction(senders[0], contract, probe(STORE), gas=TRANSACTION_GAS_MAX + 1)
    with pytest.raises(TransactionRefusedError, match="gas"):
        chain.send_transaction(too_much)
    assert chain.block_number() == newest, "a refused transaction makes no block"


def test_too_little_gas_to_start_is_refused(
    chain: DevelopmentChain, senders: list[bytes], contract: bytes
) -> None:
    with pytest.raises(TransactionRefusedError, match="gas"):
        chain.send_transaction(Transaction(senders[0], contract, probe(STORE), gas=20_999))


def test_an_unknown_sender_is_refused(chain: DevelopmentChain, contract: bytes) -> None:
    with pytest.raises(TransactionRefusedError, match="known"):
        chain.send_transaction(Transaction(b"\x11" * 20, contract, probe(STORE)))


def test_ether_moves_and_more_than_there_is_does_not(
    chain: DevelopmentChain, senders: list[bytes]
) -> None:
    receiver = b"\x22" * 20
    receipt = sent(chain, Transaction(senders[0], receiver, value_wei=5, gas=21_000))
    assert receipt.success
    assert chain.balance(receiver) == 5
    assert chain.balance(senders[0]) < BALANCE_WEI - 5, "gas is paid for"
    with pytest.raises(TransactionRefusedError):
        chain.send_transaction(Transaction(senders[0], receiver, value_wei=BALANCE_WEI, gas=21_000))


def test_funding_adds_to_a_balance(chain: DevelopmentChain, senders: list[bytes]) -> None:
    chain.fund(senders[1], 7)
    assert chain.balance(senders[1]) == BALANCE_WEI + 7


def test_time_stands_where_it_is_set_and_never_goes_back(
    chain: DevelopmentChain, contract: bytes
) -> None:
    time_s = GENESIS_TIME_S + 500_000_000
    chain.set_time(time_s)
    block = chain.block(chain.block_number())
    assert block is not None
    assert block.time_s == time_s
    seen = int.from_bytes(chain.call(contract, probe(TIME), block=block.number), "big")
    assert seen == time_s, "contracts see the time of the block"
    advance(chain, 3600)
    block = chain.block(chain.block_number())
    assert block is not None
    assert block.time_s == time_s + 3600
    for past_s in (time_s, time_s + 3600):
        with pytest.raises(ChainError):
            chain.set_time(past_s)


def test_the_evm_knows_block_hashes(chain: DevelopmentChain, contract: bytes) -> None:
    chain.mine()
    newest = chain.block_number()
    block = chain.block(newest - 1)
    assert block is not None
    number = (newest - 1).to_bytes(32, "big")
    assert chain.call(contract, probe(BLOCK_HASH, number), block=newest) == block.hash


def test_a_reorganisation_drops_blocks_logs_and_state(
    chain: DevelopmentChain, senders: list[bytes], contract: bytes
) -> None:
    kept = sent(chain, Transaction(senders[0], contract, probe(STORE, SEVEN)))
    dropped = sent(chain, Transaction(senders[1], contract, probe(STORE, EIGHT)))
    chain.revert_to(kept.block_number)
    assert chain.block_number() == kept.block_number
    assert chain.receipt(dropped.transaction_hash) is None, "the dropped transaction has no receipt"
    assert chain.receipt(kept.transaction_hash) == kept
    assert [log.data for log in chain.logs(contract, 0, dropped.block_number)] == [SEVEN]
    assert chain.call(contract, probe(READ)) == SEVEN
    again = sent(chain, Transaction(senders[2], contract, probe(STORE, EIGHT)))
    assert again.block_number == dropped.block_number
    assert again.block_hash != dropped.block_hash, "another block has another hash"
    with pytest.raises(ChainError):
        chain.revert_to(chain.block_number() + 1)


def test_a_blob_is_kept_and_its_hash_seen_by_the_contract(
    chain: DevelopmentChain, senders: list[bytes], contract: bytes
) -> None:
    blob = b"".join(b"\x00" + word.to_bytes(31, "big") for word in range(4096))
    expected = _core.blob_versioned_hash(blob)
    store = Transaction(senders[0], contract, probe(STORE_BLOB_HASH), blobs=(blob,))
    receipt = sent(chain, store)
    assert receipt.success
    assert receipt.logs[0].data == expected, "BLOBHASH is not the versioned hash of the blob"
    assert chain.blob(expected) == blob
    assert chain.blob(bytes(32)) is None, "an unknown hash has no blob"
    opening = _core.blob_opening(blob, SEVEN)
    assert opening[:32] == expected
    assert chain.call(contract, probe(EVALUATE, opening)) == (1).to_bytes(32, "big")
    wrong = opening[:95] + bytes([opening[95] ^ 1]) + opening[96:]
    assert chain.call(contract, probe(EVALUATE, wrong)) == bytes(32), "a wrong value must not pass"


@pytest.mark.parametrize("blob", [b"\xff" * BLOB_BYTES, bytes(BLOB_BYTES - 1)])
def test_bytes_that_are_no_blob_are_refused(
    chain: DevelopmentChain, senders: list[bytes], contract: bytes, blob: bytes
) -> None:
    newest = chain.block_number()
    with pytest.raises(ValueError, match="invalid blob"):
        chain.send_transaction(Transaction(senders[0], contract, probe(STORE), blobs=(blob,)))
    assert chain.block_number() == newest


def test_the_test_token_by_its_artifact(chain: DevelopmentChain, senders: list[bytes]) -> None:
    token = load_artifact("TestToken")
    made = sent(chain, Transaction(senders[0], None, token.creation_code("Dollar", "USD", 6)))
    address = made.contract_address
    assert address is not None
    assert token.abi.result("decimals", chain.call(address, token.abi.call("decimals"))) == 6
    sent(chain, Transaction(senders[0], address, token.abi.call("mint", senders[0], 100)))
    transfer = sent(
        chain, Transaction(senders[0], address, token.abi.call("transfer", senders[1], 60))
    )
    event = token.abi.event(transfer.logs[0])
    assert event is not None
    assert event.name == "Transfer"
    assert list(event.fields.values()) == [senders[0], senders[1], 60]
    again = token.abi.call("transfer", senders[1], 60)
    failed = sent(chain, Transaction(senders[0], address, again))
    assert not failed.success
    error = token.abi.error(failed.revert_data)
    assert error is not None
    assert error.name == "ERC20InsufficientBalance"
    assert list(error.fields.values()) == [senders[0], 40, 60]
    with pytest.raises(CallRevertedError) as reverted:
        chain.call(address, again, sender=senders[0])
    assert reverted.value.data == failed.revert_data
