"""Signed transactions for endpoints: EIP-1559, and EIP-4844 with cell proofs (EIP-7594)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from merkat import _core
from merkat.settlement.chain.interface import Transaction

Item: TypeAlias = "bytes | int | Sequence[Item]"

_FEE_TYPE = b"\x02"
_BLOB_TYPE = b"\x03"
_SIDECAR_VERSION = 1


def rlp_encode(item: Item) -> bytes:
    """Encode bytes, a non-negative integer or a sequence of both (Ethereum yellow paper, B)."""
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _with_length(0x80, item)
    return _with_length(0xC0, b"".join(rlp_encode(part) for part in item))


def _with_length(offset: int, payload: bytes) -> bytes:
    if len(payload) < 56:
        return bytes([offset + len(payload)]) + payload
    length = len(payload).to_bytes((len(payload).bit_length() + 7) // 8, "big")
    return bytes([offset + 55 + len(length)]) + length + payload


@dataclass(frozen=True, slots=True)
class Envelope:
    """What signing adds to a transaction: chain, nonce and most wei per gas of each kind."""

    chain_id: int
    nonce: int
    priority_fee_wei: int
    gas_fee_max_wei: int
    blob_gas_fee_max_wei: int


def sign_transaction(
    transaction: Transaction, envelope: Envelope, secret_key: bytes
) -> tuple[bytes, bytes]:
    """Return the hash of a signed transaction and the bytes for eth_sendRawTransaction."""
    fields: list[Item] = [
        envelope.chain_id,
        envelope.nonce,
        envelope.priority_fee_wei,
        envelope.gas_fee_max_wei,
        transaction.gas,
        transaction.to or b"",
        transaction.value_wei,
        transaction.data,
        [],
    ]
    sidecars = [_core.blob_sidecar(blob) for blob in transaction.blobs]
    if not sidecars:
        raw = _signed(_FEE_TYPE, fields, secret_key)
        body = _FEE_TYPE + rlp_encode(raw)
        return _core.keccak256(body), body
    commitments = [commitment for commitment, _ in sidecars]
    hashes = [b"\x01" + sha256(commitment).digest()[1:] for commitment in commitments]
    fields += [envelope.blob_gas_fee_max_wei, hashes]
    raw = _signed(_BLOB_TYPE, fields, secret_key)
    proofs = [proof for _, cell_proofs in sidecars for proof in cell_proofs]
    wrapped: list[Item] = [raw, _SIDECAR_VERSION, list(transaction.blobs), commitments, proofs]
    transaction_hash = _core.keccak256(_BLOB_TYPE + rlp_encode(raw))
    return transaction_hash, _BLOB_TYPE + rlp_encode(wrapped)


def _signed(kind: bytes, fields: list[Item], secret_key: bytes) -> list[Item]:
    signature = _core.sign_digest(_core.keccak256(kind + rlp_encode(fields)), secret_key)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    return [*fields, signature[64] - 27, r, s]
