"""What merkat asks of a chain: about ten methods, plus four that only a development chain has.

Addresses are 20 bytes, hashes 32, amounts of ether integers of wei, times integers of seconds since
the Unix epoch. A hash of a block names its whole past: a caller that stores (number, hash) notices
a reorganisation when `block(number)` has another hash, or none.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from merkat import _core

BLOB_BYTES = 131_072
"""Bytes of a blob: 4,096 words of 32 bytes, each below the BLS12-381 scalar modulus."""

TRANSACTION_GAS_MAX = 1 << 24
"""Most gas of one transaction (EIP-7825)."""

ZERO_ADDRESS = bytes(20)


class ChainError(Exception):
    """A chain refuses an operation; the text says why and what to do."""


class ChainUnavailableError(ChainError):
    """The endpoint cannot be reached or does not answer as a chain does; trying again may help."""


class TransactionRefusedError(ChainError):
    """A transaction was refused before it ran: unknown sender, gas above the cap, no funds."""


class CallRevertedError(ChainError):
    """A call did not run to its end; `data` is what it reverted with, else empty."""

    def __init__(self, message: str, data: bytes) -> None:
        super().__init__(message)
        self.data = data


@dataclass(frozen=True, slots=True)
class Block:
    """The header of a block."""

    number: int
    hash: bytes
    parent_hash: bytes
    time_s: int


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction to be sent; the chain gives it nonce and fees.

    `to` None makes a contract from `data`. `gas` is the limit: only what is used is paid for.
    `blobs` of 131,072 bytes each, at most six; calldata mode has none.
    """

    sender: bytes
    to: bytes | None
    data: bytes = b""
    value_wei: int = 0
    gas: int = TRANSACTION_GAS_MAX
    blobs: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class MinedTransaction:
    """A transaction as it stands in a block; of blobs only the versioned hashes are there."""

    hash: bytes
    block_number: int
    nonce: int
    sender: bytes
    to: bytes | None
    value_wei: int
    gas: int
    data: bytes
    blob_hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Log:
    """An event of a contract; `index` is its place among the events of its block."""

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    transaction_hash: bytes
    index: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What came of a transaction.

    `success` False means that nothing but the fee and the nonce remains; `revert_data` then holds
    what the contract reverted with (empty after other failures, such as running out of gas).
    """

    transaction_hash: bytes
    block_number: int
    block_hash: bytes
    success: bool
    gas_used: int
    contract_address: bytes | None
    logs: tuple[Log, ...]
    revert_data: bytes


class Chain(Protocol):
    """A chain as custody uses it. Every method may raise ChainError."""

    @property
    def chain_id(self) -> int:
        """Return what CHAINID returns."""

    def block_number(self) -> int:
        """Return the number of the newest block."""

    def block(self, number: int) -> Block | None:
        """Return the header of a block, None above the newest one."""

    def send_transaction(self, transaction: Transaction) -> bytes:
        """Send a transaction from a known account; returns its hash.

        Raises TransactionRefusedError if it cannot run; one that runs and fails has a receipt.
        """

    def receipt(self, transaction_hash: bytes) -> Receipt | None:
        """Return what came of a transaction, None while it is in no block."""

    def transaction(self, transaction_hash: bytes) -> MinedTransaction | None:
        """Return a transaction with its data, None while it is in no block."""

    def call(
        self, to: bytes, data: bytes, *, sender: bytes = ZERO_ADDRESS, block: int | None = None
    ) -> bytes:
        """Run a call on the state after a block (None: the newest) and return its output.

        Raises CallRevertedError.
        """

    def logs(self, address: bytes | None, from_block: int, to_block: int) -> list[Log]:
        """Return the events of a contract (None: of all) in a range of blocks with both ends."""

    def balance(self, address: bytes) -> int:
        """Return the wei of an account after the newest block."""

    def code(self, address: bytes) -> bytes:
        """Return the code of an account after the newest block, empty if it is no contract."""

    def blob(self, versioned_hash: bytes) -> bytes | None:
        """Return the blob of a versioned hash, None if the chain does not have it (any more)."""

    def close(self) -> None:
        """Give up what the chain holds. Twice is once."""


class DevelopmentChain(Chain, Protocol):
    """A chain whose time and past can be set: the embedded one, anvil."""

    def fund(self, address: bytes, wei: int) -> None:
        """Give an account ether out of nothing."""

    def set_time(self, time_s: int) -> None:
        """Make an empty block at this time; the chain's clock goes on from there.

        Raises ChainError unless the time is after the newest block's.
        """

    def mine(self) -> None:
        """Make an empty block."""

    def revert_to(self, number: int) -> None:
        """Drop every block after this one, as a reorganisation does."""


def advance(chain: DevelopmentChain, seconds: int) -> None:
    """Make an empty block so many seconds after the newest one."""
    newest = chain.block(chain.block_number())
    if newest is None:
        raise ChainError("the newest block is gone: the chain was reorganised meanwhile, try again")
    chain.set_time(newest.time_s + seconds)


def wait_for_receipt(
    chain: Chain, transaction_hash: bytes, *, timeout_s: float = 60.0, pause_s: float = 0.01
) -> Receipt:
    """Return what came of a transaction as soon as a block holds it.

    Raises ChainUnavailableError after `timeout_s`: the transaction may be stuck, dropped or merely
    late, so it must not be sent again under another nonce.
    """
    deadline_s = time.monotonic() + timeout_s
    while (receipt := chain.receipt(transaction_hash)) is None:
        if time.monotonic() >= deadline_s:
            raise ChainUnavailableError(
                f"transaction 0x{transaction_hash.hex()} is in no block after {timeout_s:g} s"
            )
        time.sleep(pause_s)
    return receipt


def development_secrets(count: int) -> list[bytes]:
    """Return the first private keys of the development accounts. Anyone can know them."""
    return [
        _core.keccak256(b"merkat development account" + index.to_bytes(4, "big"))
        for index in range(count)
    ]
