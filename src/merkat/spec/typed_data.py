"""EIP-712 digests of everything that is signed (formats.md 3, derivatives.md 1, sessions.md 1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from merkat.spec.messages import (
    AnyVector,
    Cancel,
    Floor,
    Heartbeat,
    MarginMode,
    Transfer,
    Vector,
    Withdraw,
)
from merkat.spec.orders import Order
from merkat.spec.risk.vector import SurfaceVector
from merkat.spec.session_messages import SessionOpen, SessionRevoke
from merkat.spec.values import keccak256

DOMAIN = (
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,"
    "bytes32 salt)"
)
ORDER = (
    "Order(uint32 account,uint8 slot,uint32 listing,uint8 side,uint8 flags,int64 limitPrice,"
    "int64 size,int64 feeCap,uint64 expiry,uint40 counter,uint32 version,uint64 nonce,"
    "uint32 renewsHour,uint40 renewsCounter)"
)
CANCEL = "Cancel(uint32 account,uint8 slot,uint32 expiryHour,uint40 counter,uint64 nonce)"
FLOOR = "Floor(uint32 account,uint40 floor,uint64 nonce)"
WITHDRAW = "Withdraw(uint32 account,uint8 token,uint128 amount,uint64 nonce)"
TRANSFER = "Transfer(uint32 account,uint32 toAccount,uint128 amount,uint64 nonce)"
EPOCH = (
    "Epoch(uint16 group,uint64 number,uint64 time,bytes31 previous,int64 index,int64 basis,"
    "int64 premium)"
)
HEARTBEAT = "Heartbeat(uint16 group,uint64 number,uint64 time,bytes31 vector)"
MARGIN_MODE = "MarginMode(uint32 account,uint8 mode,uint64 nonce)"
SESSION_OPEN = (
    "SessionOpen(uint32 account,uint8 slot,uint8 scheme,address key,uint64 groups,uint8 kinds,"
    "uint64 notional,uint64 expiry,uint64 nonce)"
)
SESSION_REVOKE = "SessionRevoke(uint32 account,uint8 slot,uint40 floor,uint64 nonce)"
SURFACE = "Surface(bytes vector)"
RECEIPT = "Receipt(bytes32 venueSalt,uint64 logNumber,bytes32 commandHash,bytes32 journalHash)"

NAME = "merkat"
VERSION = "1"
NO_VAULT = b"merkat-vault-version"  # verifyingContract until a Vault is deployed


@cache
def _type_hash(type_string: str) -> bytes:
    return keccak256(type_string.encode())


@cache
def _member_types(type_string: str) -> tuple[str, ...]:
    members = type_string.partition("(")[2].rstrip(")").split(",")
    return tuple(member.split(" ")[0] for member in members)


def _encode_member(member_type: str, value: int | bytes | str) -> bytes:
    """Return the 32 bytes of one member, as EIP-712's encodeData says."""
    if isinstance(value, str):  # string: the hash of its contents
        return keccak256(value.encode())
    if isinstance(value, int):  # uintN, intN: 256 bits, sign-extended
        return (value % 2**256).to_bytes(32, "big")
    if member_type == "bytes":  # of any length: the hash of the contents
        return keccak256(value)
    if member_type == "address":  # as uint160
        return value.rjust(32, b"\0")
    return value.ljust(32, b"\0")  # bytesN: at the left end


def struct_hash(type_string: str, *values: int | bytes | str) -> bytes:
    """Return keccak(typeHash ‖ the members' encodings) of a struct without inner structs."""
    types = _member_types(type_string)
    assert len(types) == len(values), f"{type_string} has {len(types)} members, not {len(values)}"
    members = [_encode_member(*pair) for pair in zip(types, values, strict=True)]
    return keccak256(_type_hash(type_string) + b"".join(members))


@dataclass(frozen=True)
class Config:
    """A venue's parameters, which make its EIP-712 domain."""

    chain_id: int
    verifying_contract: bytes = NO_VAULT
    salt: bytes = bytes(32)

    def __post_init__(self) -> None:
        assert len(self.verifying_contract) == 20, "verifying_contract is 20 bytes"
        assert len(self.salt) == 32, "salt is 32 bytes"


@cache
def domain_separator(config: Config) -> bytes:
    """Return the hash of the venue's EIP712Domain."""
    return struct_hash(
        DOMAIN, NAME, VERSION, config.chain_id, config.verifying_contract, config.salt
    )


def _digest(config: Config, type_string: str, *values: int | bytes | str) -> bytes:
    return keccak256(b"\x19\x01" + domain_separator(config) + struct_hash(type_string, *values))


def order_digest(config: Config, order: Order) -> bytes:
    """Return the 32 bytes that the wallet or session of an order signs."""
    return _digest(
        config,
        ORDER,
        order.account,
        order.slot,
        order.listing,
        order.side,
        order.flags,
        order.limit_price,
        order.size,
        order.fee_cap,
        order.expiry,
        order.counter,
        order.version,
        order.nonce,
        order.renews_hour,
        order.renews_counter,
    )


def cancel_digest(config: Config, cancel: Cancel) -> bytes:
    """Return the 32 bytes that the owner or a session signs to cancel one order."""
    return _digest(
        config,
        CANCEL,
        cancel.account,
        cancel.slot,
        cancel.expiry_hour,
        cancel.counter,
        cancel.nonce,
    )


def floor_digest(config: Config, floor: Floor) -> bytes:
    """Return the 32 bytes that the owner signs to raise its floor."""
    return _digest(config, FLOOR, floor.account, floor.floor, floor.nonce)


def withdraw_digest(config: Config, withdraw: Withdraw) -> bytes:
    """Return the 32 bytes that the owner signs to withdraw."""
    return _digest(
        config, WITHDRAW, withdraw.account, withdraw.token, withdraw.amount, withdraw.nonce
    )


def transfer_digest(config: Config, transfer: Transfer) -> bytes:
    """Return the 32 bytes that the owner signs to transfer."""
    return _digest(
        config, TRANSFER, transfer.account, transfer.to_account, transfer.amount, transfer.nonce
    )


def epoch_digest(config: Config, vector: Vector) -> bytes:
    """Return the 32 bytes that a group's nodes sign for a new vector."""
    return _digest(
        config,
        EPOCH,
        vector.group,
        vector.number,
        vector.time,
        vector.previous,
        vector.index,
        vector.basis,
        vector.premium,
    )


def surface_digest(config: Config, vector: SurfaceVector) -> bytes:
    """Return the 32 bytes that a group's nodes sign for a vector of version 2."""
    return _digest(config, SURFACE, vector.encode())


def vector_digest(config: Config, vector: AnyVector) -> bytes:
    """Return the 32 bytes that a group's nodes sign for a vector of either version."""
    if isinstance(vector, SurfaceVector):
        return surface_digest(config, vector)
    return epoch_digest(config, vector)


def margin_mode_digest(config: Config, op: MarginMode) -> bytes:
    """Return the 32 bytes that the owner signs to change its margin mode."""
    return _digest(config, MARGIN_MODE, op.account, op.mode, op.nonce)


def session_open_digest(config: Config, op: SessionOpen) -> bytes:
    """Return the 32 bytes that the owner signs to let a key trade."""
    return _digest(
        config,
        SESSION_OPEN,
        op.account,
        op.slot,
        op.scheme,
        op.key,
        op.groups,
        op.kinds,
        op.notional,
        op.expiry,
        op.nonce,
    )


def session_revoke_digest(config: Config, op: SessionRevoke) -> bytes:
    """Return the 32 bytes that the owner signs to take a key's right away."""
    return _digest(config, SESSION_REVOKE, op.account, op.slot, op.floor, op.nonce)


def heartbeat_digest(config: Config, beat: Heartbeat) -> bytes:
    """Return the 32 bytes that a group's nodes sign to renew the age of a vector."""
    return _digest(config, HEARTBEAT, beat.group, beat.number, beat.time, beat.vector_hash)


def receipt_digest(
    config: Config, log_number: int, command_hash: bytes, journal_hash: bytes
) -> bytes:
    """Return the 32 bytes that the sequencer signs for a command it has journalled."""
    return _digest(config, RECEIPT, config.salt, log_number, command_hash, journal_hash)
