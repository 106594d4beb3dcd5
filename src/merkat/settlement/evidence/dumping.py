"""The embedded chain's blocks as the evidence folder keeps them."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from merkat.settlement.chain.interface import Block as Header
from merkat.settlement.chain.interface import Receipt
from merkat.settlement.evidence.chain_dump import Block, Credit, Log, Transaction
from merkat.spec.codec import MalformedError, Reader

TRANSACTION = 1
CREDIT = 2


class DumpableChain(Protocol):
    """What a dump needs of the embedded chain."""

    @property
    def chain_id(self) -> int:
        """Return what CHAINID returns."""

    def block_number(self) -> int:
        """Return the number of the newest block."""

    def block(self, number: int) -> Header | None:
        """Return the header of a block."""

    def entry(self, number: int) -> bytes | None:
        """Return what a block holds, as it is hashed; of the genesis all credits."""

    def receipt(self, transaction_hash: bytes) -> Receipt | None:
        """Return what came of a transaction."""


def dump_chain(chain: DumpableChain) -> list[Block]:
    """Return every block from the genesis to the newest one.

    Raises:
        ValueError: the chain was reorganised meanwhile, or an entry is none that is known.
    """
    return [_block(chain, number) for number in range(chain.block_number() + 1)]


def _block(chain: DumpableChain, number: int) -> Block:
    header, entry = chain.block(number), chain.entry(number)
    if header is None or entry is None:
        raise ValueError(f"block {number} is gone: the chain was reorganised, dump it again")
    rest = entry
    given, transactions = [], []
    while rest:
        reader = Reader(rest)
        kind = reader.u8()
        if kind == CREDIT:
            given.append(Credit(reader.raw(20), reader.unsigned(32)))
        elif kind == TRANSACTION:
            transactions.append(_transaction(chain, reader))
        else:
            raise MalformedError(f"block {number}: entry kind is {kind}, expected 1 or 2")
        rest = reader.rest()
    return Block(
        number, header.time_s, header.parent_hash, header.hash, tuple(given), tuple(transactions)
    )


def _transaction(chain: DumpableChain, reader: Reader) -> Transaction:
    nonce, sender, makes_call, to = reader.u64(), reader.raw(20), reader.u8(), reader.raw(20)
    value, gas, data = reader.unsigned(32), reader.u64(), reader.raw(reader.u32())
    blobs = tuple(reader.raw(32) for _ in range(reader.u32()))
    sent = Transaction(
        nonce=nonce,
        sender=sender,
        to=to if makes_call else None,
        value=value,
        gas=gas,
        data=data,
        blobs=blobs,
        success=False,
        gas_used=0,
        contract=None,
        revert_data=b"",
        logs=(),
    )
    name = sent.hash(chain.chain_id)
    receipt = chain.receipt(name)
    if receipt is None:
        raise ValueError(f"transaction 0x{name.hex()} is gone: the chain was reorganised")
    return replace(
        sent,
        success=receipt.success,
        gas_used=receipt.gas_used,
        contract=receipt.contract_address,
        revert_data=receipt.revert_data,
        logs=tuple(Log(log.address, log.topics, log.data) for log in receipt.logs),
    )
