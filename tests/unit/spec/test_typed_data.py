"""EIP-712: the example of the EIP itself, and what each digest depends on."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from merkat.spec import typed_data
from merkat.spec.messages import Cancel
from merkat.spec.secp256k1 import recover
from merkat.spec.session_messages import SessionOpen, SessionRevoke
from merkat.spec.typed_data import Config, domain_separator, order_digest, struct_hash
from merkat.spec.values import BUY, keccak256
from tests.unit.spec.option_world import OptionWorld
from tests.unit.spec.world import ALICE, COIN, USD, World

WORLD = World.ready()
MARKET = OptionWorld.ready()


def test_mail_example_of_the_eip() -> None:
    """Source: EIP-712, assets/eip-712/Example.js."""
    domain = struct_hash(
        "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)",
        "Ether Mail",
        "1",
        1,
        bytes.fromhex("CcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"),
    )
    assert domain.hex() == "f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f"

    person = keccak256(b"Person(string name,address wallet)")
    mail = keccak256(
        b"Mail(Person from,Person to,string contents)Person(string name,address wallet)"
    )

    def person_hash(name: str, wallet: str) -> bytes:
        one = struct_hash("Person(string name,address wallet)", name, bytes.fromhex(wallet))
        by_hand = person + keccak256(name.encode()) + bytes(12) + bytes.fromhex(wallet)
        assert one == keccak256(by_hand), "a struct is its type hash and its members"
        return one

    cow = person_hash("Cow", "CD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826")
    bob = person_hash("Bob", "bBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB")
    contents = keccak256(b"Hello, Bob!")
    digest = keccak256(b"\x19\x01" + domain + keccak256(mail + cow + bob + contents))
    assert digest.hex() == "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"
    signature = bytes.fromhex(
        "4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"
        "07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c"
    )
    signer = recover(digest, signature)
    assert signer is not None
    assert signer.hex() == "cd2a3d9f938e13cd947ec05abc7fe734df8dd826", "Cow signed the mail"


def test_members_stand_in_32_bytes_each() -> None:
    hashed = struct_hash("T(int64 a,bytes31 b,address c)", -1, b"\x01" * 31, b"\x02" * 20)
    by_hand = b"\xff" * 32 + b"\x01" * 31 + b"\0" + bytes(12) + b"\x02" * 20
    assert hashed == keccak256(keccak256(b"T(int64 a,bytes31 b,address c)") + by_hand)
    with pytest.raises(AssertionError, match="members"):
        struct_hash("T(int64 a)", 1, 2)


def test_domain_depends_on_every_parameter() -> None:
    configs = [
        Config(1),
        Config(2),
        Config(1, verifying_contract=bytes(20)),
        Config(1, salt=b"\x01" * 32),
    ]
    assert len({domain_separator(config) for config in configs}) == len(configs)
    assert Config(1).verifying_contract.hex() == "6d65726b61742d7661756c742d76657273696f6e"


def digests() -> dict[str, tuple[Any, Any]]:
    """Return per struct (a message without its signature, its digest function)."""
    order = WORLD.order(ALICE, BUY, COIN, 100 * USD)
    return {
        "Order": (order, typed_data.order_digest),
        "Cancel": (Cancel(1, 2, 3, 4, 5, bytes(65)), typed_data.cancel_digest),
        "Floor": (WORLD.floor_op(ALICE, 1), typed_data.floor_digest),
        "Withdraw": (WORLD.withdraw_op(ALICE, 1), typed_data.withdraw_digest),
        "Transfer": (WORLD.transfer_op(ALICE, 2, 1), typed_data.transfer_digest),
        "MarginMode": (MARKET.mode_op(ALICE), typed_data.margin_mode_digest),
        "SessionOpen": (
            SessionOpen(1, 2, 1, bytes(range(20)), 3, 31, 4, 5, 6, bytes(65)),
            typed_data.session_open_digest,
        ),
        "SessionRevoke": (SessionRevoke(1, 2, 3, 4, bytes(65)), typed_data.session_revoke_digest),
        "Epoch": (WORLD.vector(1, 2), typed_data.epoch_digest),
        "Heartbeat": (WORLD.heartbeat_op(2), typed_data.heartbeat_digest),
    }


@pytest.mark.parametrize("name", digests())
def test_digest_depends_on_every_signed_field_and_the_domain(name: str) -> None:
    message, digest = digests()[name]
    unsigned = {"signature", "signatures"} | ({"version"} if name == "Epoch" else set())
    config = Config(31337)
    base = digest(config, message)
    assert digest(Config(1), message) != base, "another chain is another digest"
    for field in fields(message):
        value = getattr(message, field.name)
        if field.name in unsigned:
            continue
        changed = value + 1 if isinstance(value, int) else bytes(b ^ 1 for b in value)
        other = digest(config, replace(message, **{field.name: changed}))
        assert other != base, f"{name}.{field.name} is not signed"


def test_receipt_depends_on_every_part() -> None:
    base = typed_data.receipt_digest(Config(1), 1, bytes(32), bytes(32))
    others = {
        typed_data.receipt_digest(Config(1, salt=b"\x01" * 32), 1, bytes(32), bytes(32)),
        typed_data.receipt_digest(Config(1), 2, bytes(32), bytes(32)),
        typed_data.receipt_digest(Config(1), 1, b"\x01" * 32, bytes(32)),
        typed_data.receipt_digest(Config(1), 1, bytes(32), b"\x01" * 32),
    }
    assert len(others | {base}) == 5


def test_surface_is_signed_over_all_its_bytes() -> None:
    config, vector = Config(31337), MARKET.surface(100 * USD, MARKET.time_ns + 1)
    hashed = keccak256(
        keccak256(b"Surface(bytes vector)") + keccak256(vector.encode())  # bytes: their hash
    )
    by_hand = keccak256(b"\x19\x01" + domain_separator(config) + hashed)
    assert typed_data.surface_digest(config, vector) == by_hand
    assert typed_data.vector_digest(config, vector) == by_hand
    changed = replace(vector.expiries[0], a=vector.expiries[0].a + 1)
    for other in (replace(vector, vol=1), replace(vector, expiries=(changed,))):
        assert typed_data.surface_digest(config, other) != by_hand
    plain = WORLD.vector(1, 2)
    assert typed_data.vector_digest(config, plain) == typed_data.epoch_digest(config, plain)


def test_type_strings_are_those_of_the_table() -> None:
    order = WORLD.order(ALICE, BUY, COIN, 100 * USD)
    assert len(order_digest(Config(1), order)) == 32
    known = {
        typed_data.CANCEL: "Cancel(uint32 account,uint8 slot,uint32 expiryHour,uint40 counter,"
        "uint64 nonce)",
        typed_data.MARGIN_MODE: "MarginMode(uint32 account,uint8 mode,uint64 nonce)",
        typed_data.SESSION_OPEN: "SessionOpen(uint32 account,uint8 slot,uint8 scheme,address key,"
        "uint64 groups,uint8 kinds,uint64 notional,uint64 expiry,uint64 nonce)",
        typed_data.SESSION_REVOKE: "SessionRevoke(uint32 account,uint8 slot,uint40 floor,"
        "uint64 nonce)",
        typed_data.SURFACE: "Surface(bytes vector)",
        typed_data.FLOOR: "Floor(uint32 account,uint40 floor,uint64 nonce)",
    }
    for ours, table in known.items():
        assert ours == table
