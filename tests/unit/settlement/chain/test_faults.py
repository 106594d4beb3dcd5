"""Faults between merkat and a real anvil: none is taken for an answer, each item comes once.

MERKAT_CHAIN_SCHEDULES says how many seeded schedules of faults the watcher goes through.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import suppress

import pytest

from merkat import _core
from merkat.sdk import commands
from merkat.settlement.chain import (
    ChainError,
    ChainUnavailableError,
    RpcChain,
    Transaction,
    development_secrets,
    wait_for_receipt,
)
from merkat.settlement.chain.json_rpc import JsonRpc, RpcError
from merkat.settlement.contracts import Contracts, Parameters, deploy
from merkat.settlement.inbox import InboxReorganisedError, InboxWatcher
from tests.support.anvil import anvil_is_missing, running_anvil
from tests.support.faulty_rpc import FAULTS, FaultyRpc, Logs, faulty_rpc

SCHEDULES = int(os.environ.get("MERKAT_CHAIN_SCHEDULES", "4"))
SECRETS = development_secrets(1)
OWNER = _core.address_of(SECRETS[0])
ITEMS = [commands.deposit(OWNER, 2_000_000 + index, 1) for index in range(5)]
EXPECTED = [commands.inbox(index, item) for index, item in enumerate(ITEMS)]


@pytest.fixture
def proxy() -> Iterator[FaultyRpc]:
    reason = anvil_is_missing()
    if reason is not None:
        pytest.skip(reason)
    with running_anvil(31_337, 1_767_225_600) as url, faulty_rpc(url) as made:
        yield made


@pytest.fixture
def chain(proxy: FaultyRpc) -> Iterator[RpcChain]:
    made = RpcChain(proxy.url, SECRETS)
    made.fund(OWNER, 10**22)
    yield made
    made.close()


def deposit(contracts: Contracts, amount: int) -> None:
    fee = contracts.read("Inbox", "feeWei")
    contracts.send(OWNER, "Vault", "deposit", 0, amount, OWNER, 1, value_wei=fee)


@pytest.fixture
def contracts(chain: RpcChain) -> Contracts:
    made = deploy(chain, Parameters(OWNER, OWNER, OWNER, OWNER, bytes(31) + b"\x01", 1_000_000))
    made.send(OWNER, "TestToken", "mint", OWNER, 10**15)
    made.send(OWNER, "TestToken", "approve", made.addresses.vault, 10**15)
    return made


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_no_answer(proxy: FaultyRpc, chain: RpcChain, fault: str) -> None:
    quick = RpcChain(proxy.url, timeout_s=0.5 if fault == "late" else 30.0)
    expected = RpcError if fault == "error" else ChainUnavailableError
    # A kept connection that breaks is opened again once: two faults are needed to be seen.
    proxy.faults.extend([fault] * (2 if fault in ("reset", "truncated") else 1))
    with pytest.raises(expected):
        quick.block_number()
    assert not proxy.faults, "the request is sent a bounded number of times"
    assert quick.block_number() == chain.block_number(), "it goes on after the fault"
    quick.close()


def scheduled(source: random.Random, logs: Logs) -> Logs:
    kept = [log for log in logs if source.random() < 0.7]
    kept += [log for log in kept if source.random() < 0.3]
    if source.random() < 0.5:
        source.shuffle(kept)
    return kept


def test_each_item_is_taken_once_and_in_order(proxy: FaultyRpc, contracts: Contracts) -> None:
    for index in range(len(ITEMS)):
        deposit(contracts, 2_000_000 + index)
    for seed in range(SCHEDULES):
        source = random.Random(seed)
        watcher = InboxWatcher(contracts, confirmations=0)
        taken: list[bytes] = []
        for _ in range(4):
            proxy.edit_logs = lambda logs, source=source: scheduled(source, logs)
            if source.random() < 0.5:
                fault = source.choice(("status 500", "error", "no JSON"))
                proxy.faults.extend([""] * source.randrange(6) + [fault])
            with suppress(ChainError):
                taken += watcher.poll()
            assert taken == EXPECTED[: len(taken)], f"seed {seed}: out of order or twice"
        proxy.edit_logs = None
        proxy.faults.clear()
        taken += watcher.poll()
        assert taken == EXPECTED, f"seed {seed}: all is there when the logs are back"


def test_a_stuck_transaction_is_a_timeout_and_late_no_failure(
    proxy: FaultyRpc, chain: RpcChain
) -> None:
    node = JsonRpc(proxy.url)
    node.request("evm_setAutomine", False)
    node.close()
    sent = chain.send_transaction(Transaction(OWNER, b"\x99" * 20, gas=50_000))
    with pytest.raises(ChainUnavailableError, match="in no block"):
        wait_for_receipt(chain, sent, timeout_s=0.1)
    chain.mine()
    assert wait_for_receipt(chain, sent).success, "mined late"


def test_a_transaction_whose_answer_was_lost_is_sent_once(
    proxy: FaultyRpc, chain: RpcChain
) -> None:
    """The node has taken it and cut the answer; sent again, its nonce is refused."""
    receiver = b"\x98" * 20
    chain.send_transaction(Transaction(OWNER, receiver, value_wei=1, gas=50_000))
    proxy.lost_answers.append("eth_sendRawTransaction")
    sent = chain.send_transaction(Transaction(OWNER, receiver, value_wei=1, gas=50_000))
    assert wait_for_receipt(chain, sent).success, "the transaction was taken"
    assert not proxy.lost_answers, "no answer was lost: the case shows nothing"
    assert chain.balance(receiver) == 2, "taken twice, or not at all"


def test_a_reorganisation_is_told_by_its_depth(chain: RpcChain, contracts: Contracts) -> None:
    watcher = InboxWatcher(contracts, confirmations=2)
    deposit(contracts, 2_000_000)
    chain.mine()
    chain.mine()
    assert watcher.poll() == EXPECTED[:1]
    newest = chain.block_number()
    chain.revert_to(newest - 2)
    assert watcher.poll() == [], "as deep as the confirmations: nothing changes"
    chain.revert_to(newest - 3)
    with pytest.raises(InboxReorganisedError):
        watcher.poll()
