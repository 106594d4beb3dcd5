"""What only the embedded chain promises: the same blocks from the same history, across kills."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from merkat import _core
from merkat.settlement.chain import (
    Block,
    ChainError,
    EmbeddedChain,
    Transaction,
    TransactionRefusedError,
    wait_for_receipt,
)
from tests.support.probe_contract import (
    CREATION_CODE,
    READ,
    STORE,
    STORE_BLOB_HASH,
    probe,
)
from tests.unit.settlement.chain.conftest import BALANCE_WEI, CHAIN_ID, GENESIS_TIME_S

SEVEN, EIGHT, NINE = (number.to_bytes(32, "big") for number in (7, 8, 9))
BLOB = b"".join(b"\x00" + word.to_bytes(31, "big") for word in range(4096))
NEWCOMER = b"\x33" * 20


def opened(directory: Path | None, senders: list[bytes]) -> EmbeddedChain:
    return EmbeddedChain(
        directory,
        chain_id=CHAIN_ID,
        genesis_time_s=GENESIS_TIME_S,
        accounts=dict.fromkeys(senders, BALANCE_WEI),
    )


def play(chain: EmbeddedChain, senders: list[bytes]) -> bytes:
    """Play one history with a new account and a reorganisation; returns its contract."""
    creation = chain.send_transaction(Transaction(senders[0], None, CREATION_CODE))
    contract = wait_for_receipt(chain, creation).contract_address
    assert contract is not None
    chain.send_transaction(Transaction(senders[1], contract, probe(STORE, SEVEN)))
    chain.set_time(GENESIS_TIME_S + 100)
    fork = chain.block_number()
    chain.fund(NEWCOMER, 10**18)
    chain.send_transaction(Transaction(NEWCOMER, contract, probe(STORE, EIGHT)))
    chain.set_time(GENESIS_TIME_S + 900)
    chain.revert_to(fork)
    # The time goes back with the head; the journal's own times must bear that.
    chain.set_time(GENESIS_TIME_S + 200)
    chain.send_transaction(Transaction(senders[2], contract, probe(STORE, NINE)))
    return contract


def headers(chain: EmbeddedChain) -> list[Block]:
    found = [chain.block(number) for number in range(chain.block_number() + 1)]
    return [block for block in found if block is not None]


def test_the_same_history_gives_the_same_hashes(senders: list[bytes], tmp_path: Path) -> None:
    first, second = opened(None, senders), opened(tmp_path, senders)
    play(first, senders)
    play(second, senders)
    assert headers(first) == headers(second)
    assert len(headers(first)) == 6, "genesis, creation, store, two times, store"


@pytest.mark.parametrize("difference", ["time", "data", "sender", "genesis"])
def test_any_difference_gives_another_hash(senders: list[bytes], difference: str) -> None:
    def head(changed: bool) -> bytes:
        accounts = senders if not (changed and difference == "genesis") else [*senders, NEWCOMER]
        chain = opened(None, accounts)
        if changed and difference == "time":
            chain.set_time(GENESIS_TIME_S + 1)
        else:
            chain.mine()
        data = b"\x01" if changed and difference == "data" else b""
        sender = senders[1 if changed and difference == "sender" else 0]
        chain.send_transaction(Transaction(sender, NEWCOMER, data))
        return headers(chain)[-1].hash

    assert head(False) == head(False), "the same history must give the same hash"
    assert head(False) != head(True), f"another {difference} must give another hash"


def test_reopening_gives_back_everything(senders: list[bytes], tmp_path: Path) -> None:
    chain = opened(tmp_path, senders)
    contract = play(chain, senders)
    before, logs = headers(chain), chain.logs(None, 0, chain.block_number())
    chain.close()
    chain = opened(tmp_path, senders)
    assert headers(chain) == before
    assert chain.recovery_message is None, "nothing was torn"
    assert chain.logs(None, 0, chain.block_number()) == logs
    assert [log.data for log in logs] == [SEVEN, NINE], "the dropped store must not come back"
    assert chain.call(contract, probe(READ)) == NINE
    assert chain.call(contract, probe(READ), block=2) == SEVEN
    with pytest.raises(TransactionRefusedError, match="known"):
        chain.send_transaction(Transaction(NEWCOMER, contract, probe(READ)))
    chain.mine()
    assert chain.block_number() == before[-1].number + 1, "a reopened chain goes on"


def test_blobs_survive_without_the_trusted_setup(senders: list[bytes], tmp_path: Path) -> None:
    chain = opened(tmp_path, senders)
    creation = chain.send_transaction(Transaction(senders[0], None, CREATION_CODE))
    contract = wait_for_receipt(chain, creation).contract_address
    blobs = (BLOB, bytes(len(BLOB)))
    for _ in range(2):
        store = Transaction(senders[0], contract, probe(STORE_BLOB_HASH), blobs=blobs)
        chain.send_transaction(store)
    before = headers(chain)
    chain.close()
    chain = opened(tmp_path, senders)
    assert headers(chain) == before
    for blob in blobs:
        assert chain.blob(_core.blob_versioned_hash(blob)) == blob


def test_seven_blobs_are_refused(senders: list[bytes]) -> None:
    chain = opened(None, senders)
    too_many = Transaction(senders[0], NEWCOMER, blobs=(bytes(len(BLOB)),) * 7)
    with pytest.raises(TransactionRefusedError, match="blob"):
        chain.send_transaction(too_many)


KILLED = """
import sys
from pathlib import Path
from merkat.settlement.chain import EmbeddedChain, Transaction
accounts = [bytes.fromhex(text) for text in sys.argv[4:]]
chain = EmbeddedChain(
    Path(sys.argv[1]),
    chain_id=int(sys.argv[2]),
    genesis_time_s=int(sys.argv[3]),
    accounts=dict.fromkeys(accounts, 10_000 * 10**18),
)
while True:
    chain.send_transaction(Transaction(accounts[0], accounts[1], b"data", value_wei=1))
    head = chain.block(chain.block_number())
    print(head.number, head.hash.hex(), flush=True)
"""


def test_a_kill_loses_no_block_that_was_told(senders: list[bytes], tmp_path: Path) -> None:
    identity = (str(CHAIN_ID), str(GENESIS_TIME_S))
    names = [sender.hex() for sender in senders]
    command = (sys.executable, "-c", KILLED, str(tmp_path), *identity, *names)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None, "stdout is a pipe"
        told = [process.stdout.readline().split() for _ in range(30)]
        process.send_signal(signal.SIGKILL)
        told += [line.split() for line in process.stdout.read().splitlines()]
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == -signal.SIGKILL, "the process ended before it was killed"
    chain = opened(tmp_path, senders)
    for number, block_hash in (line for line in told if len(line) == 2 and len(line[1]) == 64):
        block = chain.block(int(number))
        assert block is not None, f"block {number} was told and is gone"
        assert block.hash.hex() == block_hash
    again = headers(chain)
    chain.close()
    assert headers(opened(tmp_path, senders)) == again, "opening twice gives the same head"


def test_a_journal_of_another_genesis_is_refused(senders: list[bytes], tmp_path: Path) -> None:
    chain = opened(tmp_path, senders)
    chain.mine()
    chain.close()
    with pytest.raises(_core.JournalError, match="another genesis"):
        opened(tmp_path, senders[:2])
    opened(tmp_path, senders).close()


def test_a_damaged_journal_is_refused(senders: list[bytes], tmp_path: Path) -> None:
    chain = opened(tmp_path, senders)
    for _ in range(3):
        chain.mine()
    chain.close()
    (segment,) = tmp_path.glob("journal-*.seg")
    content = bytearray(segment.read_bytes())
    # The second group: what follows it proves that it is no torn tail.
    content[2 * 512 + 70] ^= 1
    segment.write_bytes(content)
    with pytest.raises(_core.JournalError):
        opened(tmp_path, senders)
    content[2 * 512 + 70] ^= 1
    segment.write_bytes(content)
    assert opened(tmp_path, senders).block_number() == 3, "the undamaged journal opens"


def test_a_directory_in_use_is_refused(senders: list[bytes], tmp_path: Path) -> None:
    chain = opened(tmp_path, senders)
    with pytest.raises(_core.JournalError):
        opened(tmp_path, senders)
    chain.close()
    opened(tmp_path, senders).close()


def test_a_clock_gives_the_time_of_blocks(senders: list[bytes]) -> None:
    now_s = [GENESIS_TIME_S + 50]
    accounts = dict.fromkeys(senders, BALANCE_WEI)
    chain = EmbeddedChain(
        chain_id=CHAIN_ID, genesis_time_s=GENESIS_TIME_S, accounts=accounts, clock=lambda: now_s[0]
    )
    chain.mine()
    now_s[0] -= 20
    chain.send_transaction(Transaction(senders[0], NEWCOMER))
    times_s = [block.time_s - GENESIS_TIME_S for block in headers(chain)]
    assert times_s == [0, 50, 50], "a clock that goes back must not take the blocks with it"


def test_the_virtual_clock_stands_still(senders: list[bytes]) -> None:
    chain = opened(None, senders)
    chain.mine()
    chain.send_transaction(Transaction(senders[0], NEWCOMER))
    assert {block.time_s for block in headers(chain)} == {GENESIS_TIME_S}


def test_a_contract_sends_nothing_even_if_it_is_funded(senders: list[bytes]) -> None:
    chain = opened(None, senders)
    creation = chain.send_transaction(Transaction(senders[0], None, CREATION_CODE))
    contract = wait_for_receipt(chain, creation).contract_address
    assert contract is not None
    chain.fund(contract, 10**18)
    with pytest.raises(TransactionRefusedError, match="code"):
        chain.send_transaction(Transaction(contract, NEWCOMER))


def test_malformed_arguments_are_refused(senders: list[bytes]) -> None:
    chain = opened(None, senders)
    with pytest.raises(ValueError, match="sender has 19 bytes"):
        chain.send_transaction(Transaction(senders[0][1:], NEWCOMER))
    with pytest.raises(ValueError, match="value_wei"):
        chain.send_transaction(Transaction(senders[0], NEWCOMER, value_wei=-1))
    with pytest.raises(ChainError, match="at most 0"):
        chain.revert_to(1)
    chain.close()
    with pytest.raises(ValueError, match="closed"):
        chain.block_number()


def test_a_directory_knows_its_genesis(senders: list[bytes], tmp_path: Path) -> None:
    made = EmbeddedChain(tmp_path, chain_id=7, genesis_time_s=1_000, accounts={senders[0]: 10**18})
    made.send_transaction(Transaction(senders[0], senders[1], value_wei=5))
    head = made.block(made.block_number())
    made.close()
    again = EmbeddedChain.reopen(tmp_path, clock=lambda: 2_000)
    assert again.chain_id == 7
    assert again.block(again.block_number()) == head
    again.mine()
    newest = again.block(again.block_number())
    assert newest is not None
    assert newest.time_s == 2_000, "the clock is the caller's"
    again.close()


def test_a_directory_without_a_genesis_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChainError, match="absent; expected the directory of a chain"):
        EmbeddedChain.reopen(tmp_path)
    (tmp_path / "genesis.json").write_text('{"chain_id": 1}', "utf-8")
    with pytest.raises(ChainError, match="expected chain_id, time_s and accounts"):
        EmbeddedChain.reopen(tmp_path)


def test_what_a_block_holds_is_read_back(senders: list[bytes]) -> None:
    chain = EmbeddedChain(accounts={senders[0]: 10**18, senders[1]: 1})
    genesis = chain.entry(0)
    assert genesis is not None
    assert genesis[:21] == b"\x02" + senders[0]
    assert len(genesis) == 2 * 53, "of the genesis all credits"
    chain.mine()
    assert chain.entry(1) == b"", "an empty block holds nothing"
    chain.fund(senders[2], 9)
    assert chain.entry(2) == b"\x02" + senders[2] + (9).to_bytes(32, "big")
    assert chain.entry(3) is None, "above the newest block there is none"
