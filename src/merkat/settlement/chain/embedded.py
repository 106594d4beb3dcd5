"""The embedded chain: an EVM inside the process, kept in a journal of its own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from struct import Struct

from merkat import _core
from merkat.settlement.chain.interface import (
    TRANSACTION_GAS_MAX,
    ZERO_ADDRESS,
    Block,
    CallRevertedError,
    ChainError,
    Log,
    MinedTransaction,
    Receipt,
    Transaction,
    TransactionRefusedError,
    development_secrets,
)

DEVELOPMENT_CHAIN_ID = 31_337
DEVELOPMENT_ACCOUNTS = 10
DEVELOPMENT_BALANCE_WEI = 10_000 * 10**18
GENESIS_TIME_S = 1_767_225_600  # 2026-01-01 00:00 UTC

GENESIS_FILE = "genesis.json"

_REVERTED = 1
_TRANSACTION = 1
# Kind, nonce, sender, whether there is a receiver, receiver, wei, gas, length of the data.
_ENTRY = Struct(">BQ20sB20s32sQI")


def _word(name: str, amount: int) -> bytes:
    if not 0 <= amount < 1 << 256:
        raise ValueError(f"{name} is {amount}, expected 0 to 2^256 - 1")
    return amount.to_bytes(32, "big")


def development_accounts() -> dict[bytes, int]:
    """Return the accounts of a development genesis with their wei."""
    secrets = development_secrets(DEVELOPMENT_ACCOUNTS)
    return {_core.address_of(secret): DEVELOPMENT_BALANCE_WEI for secret in secrets}


class EmbeddedChain:
    """An in-process chain under Osaka rules that mines each transaction at once.

    With a directory, every block is durable before a method returns, and opening the directory
    again gives the same blocks with the same hashes; without one the chain lives in memory. The
    genesis (chain id, time, accounts) belongs to the directory: another one is refused with
    JournalError, as damage is.

    One thread at a time may use it.

    Its clock stands still until `set_time`, unless `clock` is given: then each block takes its
    time from there (never before the block before it).
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        chain_id: int = DEVELOPMENT_CHAIN_ID,
        genesis_time_s: int = GENESIS_TIME_S,
        accounts: Mapping[bytes, int] | None = None,
        clock: Callable[[], int] | None = None,
    ) -> None:
        funded = development_accounts() if accounts is None else accounts
        genesis = [(account, _word("balance", wei)) for account, wei in funded.items()]
        path = None if directory is None else str(directory)
        self._core = _core.Chain(path, chain_id, genesis_time_s, genesis)
        if directory is not None:
            _write_genesis(directory, chain_id, genesis_time_s, funded)
        self._clock = clock

    @classmethod
    def reopen(cls, directory: Path, *, clock: Callable[[], int] | None = None) -> EmbeddedChain:
        """Open a chain's directory with the genesis that it was made with.

        Raises ChainError where the directory holds no chain.
        """
        path = directory / GENESIS_FILE
        try:
            content = json.loads(path.read_text("utf-8"))
            accounts = {
                bytes.fromhex(key[2:]): int(wei) for key, wei in content["accounts"].items()
            }
            chain_id, time_s = int(content["chain_id"]), int(content["time_s"])
        except FileNotFoundError:
            raise ChainError(f"{path}: absent; expected the directory of a chain") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ChainError(
                f"{path}: no genesis ({error}); expected chain_id, time_s and accounts"
            ) from error
        return cls(
            directory, chain_id=chain_id, genesis_time_s=time_s, accounts=accounts, clock=clock
        )

    @property
    def chain_id(self) -> int:
        """Return what CHAINID returns."""
        return self._core.chain_id

    @property
    def recovery_message(self) -> str | None:
        """Return what opening has cut off the journal's end, None for nothing."""
        return self._core.recovery_message

    def block_number(self) -> int:
        """Return the number of the newest block."""
        return self._core.head()[0]

    def block(self, number: int) -> Block | None:
        """Return the header of a block, None above the newest one."""
        found = self._core.block(number)
        return None if found is None else Block(*found)

    def send_transaction(self, transaction: Transaction) -> bytes:
        """Send a transaction from a known account and mine it; returns its hash."""
        value = _word("value_wei", transaction.value_wei)
        try:
            return self._core.send(
                transaction.sender,
                transaction.to,
                transaction.data,
                value,
                transaction.gas,
                list(transaction.blobs),
                self._block_time_s(),
            )
        except _core.ChainError as error:
            raise TransactionRefusedError(str(error)) from None

    def receipt(self, transaction_hash: bytes) -> Receipt | None:
        """Return what came of a transaction, None if it is in no block."""
        found = self._core.receipt(transaction_hash)
        if found is None:
            return None
        number, success, gas_used, contract_address, logs, revert_data, _ = found
        return Receipt(
            transaction_hash=transaction_hash,
            block_number=number,
            block_hash=self._hash(number),
            success=success,
            gas_used=gas_used,
            contract_address=contract_address,
            logs=tuple(self._log(log) for log in logs),
            revert_data=revert_data,
        )

    def entry(self, number: int) -> bytes | None:
        """Return what a block holds, as it is hashed (chain.md); None above the newest."""
        return self._core.entry(number)

    def transaction(self, transaction_hash: bytes) -> MinedTransaction | None:
        """Return a transaction with its data, None if it is in no block."""
        found = self._core.receipt(transaction_hash)
        if found is None:
            return None
        entry = self._core.entry(found[0])
        assert entry is not None, "the block of a receipt is in the chain"
        return _mined(transaction_hash, found[0], entry)

    def call(
        self, to: bytes, data: bytes, *, sender: bytes = ZERO_ADDRESS, block: int | None = None
    ) -> bytes:
        """Run a call on the state after a block (None: the newest) and return its output."""
        number = self.block_number() if block is None else block
        with _refusals():
            outcome, output, reason = self._core.call(sender, to, data, TRANSACTION_GAS_MAX, number)
        if outcome == 0:
            return output
        reason = "execution reverted" if outcome == _REVERTED else reason
        raise CallRevertedError(f"call to 0x{to.hex()}: {reason}", output)

    def logs(self, address: bytes | None, from_block: int, to_block: int) -> list[Log]:
        """Return the events of a contract (None: of all) in a range of blocks with both ends."""
        with _refusals():
            return [self._log(log) for log in self._core.logs(address, from_block, to_block)]

    def balance(self, address: bytes) -> int:
        """Return the wei of an account after the newest block."""
        return int.from_bytes(self._core.balance(address, self.block_number()), "big")

    def code(self, address: bytes) -> bytes:
        """Return the code of an account after the newest block, empty if it is no contract."""
        return self._core.code(address, self.block_number())

    def blob(self, versioned_hash: bytes) -> bytes | None:
        """Return the blob of a versioned hash, None if no transaction brought it."""
        return self._core.blob(versioned_hash)

    def close(self) -> None:
        """Give the directory back. Twice is once."""
        self._core.close()

    def fund(self, address: bytes, wei: int) -> None:
        """Give an account ether out of nothing, in a block of its own; from then on it may send."""
        with _refusals():
            self._core.fund(address, _word("wei", wei))

    def set_time(self, time_s: int) -> None:
        """Make an empty block at this time; the clock stands there from then on."""
        newest_s = self._core.head()[3]
        if time_s <= newest_s:
            raise ChainError(f"time_s is {time_s}, expected above {newest_s}, the newest block's")
        with _refusals():
            self._core.mine(time_s)

    def mine(self) -> None:
        """Make an empty block."""
        with _refusals():
            self._core.mine(self._block_time_s())

    def revert_to(self, number: int) -> None:
        """Drop every block after this one, as a reorganisation does; blobs stay known."""
        with _refusals():
            self._core.revert_to(number)

    def _block_time_s(self) -> int | None:
        return None if self._clock is None else max(self._clock(), self._core.head()[3])

    def _hash(self, number: int) -> bytes:
        block = self._core.block(number)
        assert block is not None, "the block of a log or receipt is in the chain"
        return block[1]

    def _log(self, log: _core._Log) -> Log:
        address, topics, data, number, transaction_hash, index = log
        block_hash = self._hash(number)
        return Log(address, tuple(topics), data, number, block_hash, transaction_hash, index)


def _mined(transaction_hash: bytes, block_number: int, entry: bytes) -> MinedTransaction:
    """Return the transaction that a block's entry is."""
    kind, nonce, sender, has_receiver, to, value, gas, length = _ENTRY.unpack_from(entry)
    assert kind == _TRANSACTION, "a receipt is that of a transaction"
    data_end = _ENTRY.size + length
    hashes = entry[data_end + 4 :]
    return MinedTransaction(
        hash=transaction_hash,
        block_number=block_number,
        nonce=nonce,
        sender=sender,
        to=to if has_receiver else None,
        value_wei=int.from_bytes(value, "big"),
        gas=gas,
        data=entry[_ENTRY.size : data_end],
        blob_hashes=tuple(hashes[at : at + 32] for at in range(0, len(hashes), 32)),
    )


def _write_genesis(
    directory: Path, chain_id: int, time_s: int, accounts: Mapping[bytes, int]
) -> None:
    """Keep a chain's genesis beside its journal, for `reopen`; one that is there stays."""
    path = directory / GENESIS_FILE
    if path.exists():
        return
    content = {
        "chain_id": chain_id,
        "time_s": time_s,
        "accounts": {"0x" + account.hex(): str(wei) for account, wei in accounts.items()},
    }
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    fresh.replace(path)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except _core.ChainError as error:
        raise ChainError(str(error)) from None
