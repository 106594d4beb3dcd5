"""Signed transactions as wallets send them (EIP-1559): strict RLP, and who signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from merkat import _core
from merkat.settlement.chain import Transaction
from merkat.settlement.chain.signing import rlp_encode

Item: TypeAlias = "bytes | list[Item]"

RAW_BYTES_MAX: Final = 256 << 10
DEPTH_MAX: Final = 4
_FEE_TYPE: Final = 2
_FIELDS: Final = 12
_HALF_ORDER: Final = 0x7FFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFF_5D576E73_57A4501D_DFE92F46_681B20A0


class RawTransactionError(ValueError):
    """Bytes that are no signed transaction of this chain; the text says why."""


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A transaction, its sender's nonce, and the hash that its sender knows it by."""

    transaction: Transaction
    nonce: int
    hash: bytes


def decode_signed(raw: bytes, chain_id: int) -> SignedTransaction:
    """Return the transaction of `eth_sendRawTransaction`. Raises RawTransactionError."""
    if not 0 < len(raw) <= RAW_BYTES_MAX:
        raise RawTransactionError(f"{len(raw)} bytes, expected 1 to {RAW_BYTES_MAX}")
    if raw[0] != _FEE_TYPE:
        raise RawTransactionError(f"type {raw[0]}, expected 2 (EIP-1559)")
    item = rlp_decode(raw[1:])
    if not isinstance(item, list) or len(item) != _FIELDS:
        raise RawTransactionError(f"expected a list of {_FIELDS} fields")
    if item[8] != []:
        raise RawTransactionError("access list: expected an empty one")
    parts = [part for part in item if isinstance(part, bytes)]
    if len(parts) != _FIELDS - 1:
        raise RawTransactionError("a field is a list, expected bytes")
    chain, nonce, tip, fee, gas, to, value, data, parity, r, s = parts
    if _number(chain, "chain id") != chain_id:
        raise RawTransactionError(f"chain id {int.from_bytes(chain, 'big')}, expected {chain_id}")
    if len(to) not in (0, 20):
        raise RawTransactionError(f"receiver of {len(to)} bytes, expected 20, or none")
    for name, part in (("priority fee", tip), ("fee", fee)):
        _number(part, name)
    sender = _sender(item[:9], _number(parity, "parity"), _number(r, "r"), _number(s, "s"))
    transaction = Transaction(
        sender=sender,
        to=to or None,
        data=data,
        value_wei=_number(value, "value"),
        gas=_number(gas, "gas"),
    )
    return SignedTransaction(transaction, _number(nonce, "nonce"), _core.keccak256(raw))


def _sender(fields: list[Item], parity: int, r: int, s: int) -> bytes:
    digest = _core.keccak256(bytes([_FEE_TYPE]) + rlp_encode(fields))
    sender = None
    if parity in (0, 1) and 0 < s <= _HALF_ORDER:
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + parity])
        sender = _core.recover_digest(digest, signature)
    if sender is None:
        raise RawTransactionError("the signature is nobody's, or its s is high")
    return sender


def _number(data: bytes, name: str) -> int:
    if len(data) > 32 or data[:1] == b"\x00":
        raise RawTransactionError(f"{name}: expected at most 32 bytes, no zero byte in front")
    return int.from_bytes(data, "big")


def rlp_decode(data: bytes) -> Item:
    """Return the item that exactly these bytes encode, lengths in their shortest form.

    Raises RawTransactionError.
    """
    item, end = _item(data, 0, 0)
    if end != len(data):
        raise RawTransactionError(f"{len(data) - end} bytes follow the transaction")
    return item


def _item(data: bytes, at: int, depth: int) -> tuple[Item, int]:
    if depth > DEPTH_MAX:
        raise RawTransactionError(f"lists nested deeper than {DEPTH_MAX}")
    if at >= len(data):
        raise RawTransactionError("cut: expected another item")
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    is_list = first >= 0xC0
    start, end = _span(data, at, first - (0xC0 if is_list else 0x80))
    if not is_list:
        if end - start == 1 and data[start] < 0x80:
            raise RawTransactionError(f"byte {at}: a length that is not the shortest")
        return data[start:end], end
    items: list[Item] = []
    place = start
    while place < end:
        found, place = _item(data[:end], place, depth + 1)
        items.append(found)
    return items, end


def _span(data: bytes, at: int, code: int) -> tuple[int, int]:
    """Return where the payload of the item at `at` starts and ends."""
    start, length = at + 1, code
    if code > 55:
        start = at + 1 + code - 55
        encoded = data[at + 1 : start]
        length = int.from_bytes(encoded, "big")
        if len(encoded) != code - 55 or encoded[:1] == b"\x00" or length < 56:
            raise RawTransactionError(f"byte {at}: a length that is cut or not the shortest")
    if start + length > len(data):
        raise RawTransactionError(f"byte {at}: {length} bytes named, {len(data) - start} there")
    return start, start + length
