"""The chains that the suite runs on, each fresh for a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from merkat import _core
from merkat.settlement.chain import (
    DevelopmentChain,
    EmbeddedChain,
    RpcChain,
    Transaction,
    development_secrets,
    wait_for_receipt,
)
from tests.support.anvil import anvil_is_missing, running_anvil
from tests.support.probe_contract import CREATION_CODE

CHAIN_ID = 31_337
GENESIS_TIME_S = 1_767_225_600
BALANCE_WEI = 10_000 * 10**18
SECRETS = development_secrets(3)


@pytest.fixture
def senders() -> list[bytes]:
    """Return the addresses of three accounts that have ether and may send."""
    return [_core.address_of(secret) for secret in SECRETS]


def rpc_chain(senders: list[bytes]) -> Iterator[DevelopmentChain]:
    reason = anvil_is_missing()
    if reason is not None:
        pytest.skip(reason)
    with running_anvil(CHAIN_ID, GENESIS_TIME_S) as url:
        chain = RpcChain(url, SECRETS)
        for sender in senders:
            chain.fund(sender, BALANCE_WEI)
        yield chain
        chain.close()


def embedded_chain(senders: list[bytes], directory: Path | None) -> Iterator[DevelopmentChain]:
    chain = EmbeddedChain(
        directory,
        chain_id=CHAIN_ID,
        genesis_time_s=GENESIS_TIME_S,
        accounts=dict.fromkeys(senders, BALANCE_WEI),
    )
    yield chain
    chain.close()


@pytest.fixture(params=["memory", "journal", "anvil"])
def chain(
    request: pytest.FixtureRequest, senders: list[bytes], tmp_path: Path
) -> Iterator[DevelopmentChain]:
    """Yield a chain of each kind with the three senders funded."""
    if request.param == "anvil":
        yield from rpc_chain(senders)
    else:
        yield from embedded_chain(senders, tmp_path if request.param == "journal" else None)


@pytest.fixture
def contract(chain: DevelopmentChain, senders: list[bytes]) -> bytes:
    """Return the address of a probe contract."""
    creation = Transaction(senders[0], None, CREATION_CODE)
    receipt = wait_for_receipt(chain, chain.send_transaction(creation))
    assert receipt.contract_address is not None, "the probe contract was not made"
    return receipt.contract_address
