"""The custody contracts on a chain: making them, finding them, sending to them.

A transaction that reverts raises ContractRefusedError with the contract's own error and its fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Final

from merkat import _core
from merkat.sdk.keys import Domain
from merkat.settlement.chain.abi import Abi, load_artifact
from merkat.settlement.chain.interface import (
    TRANSACTION_GAS_MAX,
    Chain,
    ChainError,
    Log,
    Receipt,
    Transaction,
    wait_for_receipt,
)

DAY_S: Final = 86_400
SERVICE_DELAY_S: Final = DAY_S
TIMELOCK_DELAY_S: Final = 8 * DAY_S
WINDOW_S: Final = 3_600
SPACING_MS: Final = 10
INBOX_FEE_WEI: Final = 10**12
ANYONE: Final = bytes(20)
_SALT_TAG: Final = b"merkat venue salt v1"
_ERROR_SOURCES: Final = ("Vault", "Inbox", "Anchor", "Custody", "TimelockController", "TestToken")


class ContractRefusedError(ChainError):
    """A contract reverted; `name` is its error, empty where it gave none that is known."""

    def __init__(self, message: str, name: str) -> None:
        super().__init__(message)
        self.name = name


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a venue's contracts are, 20 bytes each."""

    token: bytes
    timelock: bytes
    roles: bytes
    inbox: bytes
    anchor: bytes
    vault: bytes


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a venue's contracts are made with; people as addresses."""

    deployer: bytes
    proposer: bytes
    poster: bytes
    guardian: bytes
    genesis_root: bytes
    minimum_deposit: int
    window_s: int = WINDOW_S
    service_delay_s: int = SERVICE_DELAY_S
    timelock_delay_s: int = TIMELOCK_DELAY_S
    inbox_fee_wei: int = INBOX_FEE_WEI


@cache
def abi(contract: str) -> Abi:
    """Return the ABI of a contract of the wheel."""
    return load_artifact(contract).abi


def venue_domain(chain_id: int, vault: bytes) -> Domain:
    """Return the domain of an anchored venue.

    It follows from the chain alone, so that whoever rebuilds the state needs nothing else.
    """
    salt = _core.keccak256(_SALT_TAG + chain_id.to_bytes(8, "big") + vault)
    return Domain(chain_id, vault, salt)


@dataclass(slots=True)
class GasNote:
    """One transaction's cost, for the figures."""

    name: str
    gas: int


class Contracts:
    """A venue's contracts on one chain."""

    def __init__(self, chain: Chain, addresses: Addresses) -> None:
        self.chain = chain
        self.addresses = addresses
        self.gas: list[GasNote] = []

    @property
    def domain(self) -> Domain:
        """Return the venue's EIP-712 domain."""
        return venue_domain(self.chain.chain_id, self.addresses.vault)

    def read(self, contract: str, function: str, *values: object, block: int | None = None) -> Any:
        """Call a view function: `read("Anchor", "lastBatch")`."""
        found = abi(contract)
        output = self.chain.call(
            self._address(contract), found.call(function, *values), block=block
        )
        return found.result(function, output)

    def send(
        self,
        sender: bytes,
        contract: str,
        function: str,
        *values: object,
        value_wei: int = 0,
        blobs: Sequence[bytes] = (),
    ) -> Receipt:
        """Send a transaction, return its receipt. Raises ContractRefusedError if it reverts."""
        data = abi(contract).call(function, *values)
        receipt = send(self.chain, sender, self._address(contract), data, value_wei, blobs)
        self.gas.append(GasNote(f"{contract}.{function}", receipt.gas_used))
        return receipt

    def events(self, contract: str, name: str, from_block: int, to_block: int) -> list[Log]:
        """Return the logs of one event of a contract."""
        topic = abi(contract).topic(name)
        logs = self.chain.logs(self._address(contract), from_block, to_block)
        return [log for log in logs if log.topics and log.topics[0] == topic]

    def _address(self, contract: str) -> bytes:
        names = {"TestToken": "token", "TimelockController": "timelock"}
        address: bytes = getattr(self.addresses, names.get(contract, contract.lower()))
        return address


def send(
    chain: Chain,
    sender: bytes,
    to: bytes | None,
    data: bytes,
    value_wei: int = 0,
    blobs: Sequence[bytes] = (),
) -> Receipt:
    """Send what must succeed and wait for its block.

    Raises ContractRefusedError if it reverts; ChainUnavailableError if it is stuck.
    """
    transaction = Transaction(sender, to, data, value_wei, TRANSACTION_GAS_MAX, tuple(blobs))
    name = chain.send_transaction(transaction)
    receipt = wait_for_receipt(chain, name)
    if not receipt.success:
        raise refusal(f"transaction 0x{name.hex()}", receipt.revert_data)
    return receipt


def refusal(what: str, revert_data: bytes) -> ContractRefusedError:
    """Return the error of revert data, decoded by the contracts that may have given it."""
    for source in _ERROR_SOURCES:
        decoded = abi(source).error(revert_data)
        if decoded is not None:
            shown = ", ".join(f"{name} {_shown(value)}" for name, value in decoded.fields.items())
            return ContractRefusedError(f"{what} reverted: {decoded.name}({shown})", decoded.name)
    return ContractRefusedError(f"{what} reverted with 0x{revert_data.hex()}", "")


def _shown(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def deploy(chain: Chain, parameters: Parameters) -> Contracts:
    """Make a test token and a venue's contracts in two transactions."""
    deployer = parameters.deployer
    code = load_artifact("TestToken").creation_code("Test USD", "tUSD", 6)
    token = send(chain, deployer, None, code).contract_address
    assert token is not None, "a transaction without a receiver makes a contract"
    argument = (
        token,
        parameters.minimum_deposit,
        parameters.genesis_root,
        parameters.window_s,
        (parameters.service_delay_s * 1_000, SPACING_MS, parameters.inbox_fee_wei),
        parameters.timelock_delay_s,
        [parameters.proposer],
        [ANYONE],
        parameters.poster,
        parameters.guardian,
    )
    code = load_artifact("Custody").creation_code(argument)
    custody = send(chain, deployer, None, code).contract_address
    assert custody is not None, "a transaction without a receiver makes a contract"
    made = abi("Custody")
    places = {
        name: made.result(name, chain.call(custody, made.call(name)))
        for name in (field.name for field in fields(Addresses))
        if name != "token"
    }
    return Contracts(chain, Addresses(token=token, **{k: _raw(v) for k, v in places.items()}))


def _raw(address: str | bytes) -> bytes:
    """Return an address as 20 bytes, whatever spelling the decoder gives."""
    return address if isinstance(address, bytes) else bytes.fromhex(address.removeprefix("0x"))


def find(chain: Chain, to_block: int | None = None) -> Contracts:
    """Find a venue's contracts on a chain that holds one, from the chain's logs alone.

    The vault is who registered token 0, the inbox who took items, the anchor who posted batches.
    Raises ChainError where there is none, or more than one: then name the anchor.
    """
    head = chain.block_number() if to_block is None else to_block
    logs = chain.logs(None, 0, head)
    vault = _only(logs, "Vault", "TokenRegistered")
    vaults = abi("Vault")

    def linked(name: str) -> bytes:
        return _raw(vaults.result(name, chain.call(vault, vaults.call(name))))

    anchor, inbox = linked("anchor"), linked("inbox")
    token = _raw(vaults.result("tokenOf", chain.call(vault, vaults.call("tokenOf", 0))))
    anchors = abi("Anchor")
    roles = _raw(anchors.result("roles", chain.call(anchor, anchors.call("roles"))))
    timelock = _timelock(chain, logs)
    return Contracts(chain, Addresses(token, timelock, roles, inbox, anchor, vault))


def _only(logs: Iterable[Log], contract: str, event: str) -> bytes:
    topic = abi(contract).topic(event)
    found = {log.address for log in logs if log.topics and log.topics[0] == topic}
    if len(found) != 1:
        raise ChainError(
            f"{len(found)} contracts on the chain have the event {event}, expected one {contract}: "
            "is this the chain of a venue?"
        )
    return found.pop()


def _timelock(chain: Chain, logs: Iterable[Log]) -> bytes:
    topic = abi("TimelockController").topic("MinDelayChange")
    found = {log.address for log in logs if log.topics and log.topics[0] == topic}
    return found.pop() if len(found) == 1 else ANYONE
