"""Typed data, digests and signers of commands, against the compiled signer."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from merkat import _core
from merkat.sdk import commands
from merkat.sdk.keys import demo_domain, derive_secret
from merkat.venue.signatures import (
    Difference,
    SignedDataError,
    digest_of,
    first_difference,
    read_as_ours,
    signer_of,
    typed_data_of,
)

DOMAIN = demo_domain(1, "signatures")
SECRET = derive_secret(1, "owner")
ADDRESS = _core.address_of(SECRET)

COMMANDS = {
    "place": commands.place(7, 1, 1, 2, -5, 3, 4, 10**18, 9, slot=3),
    "amend": commands.order_command(2, 7, 1, 0, 0, 5, 3, 4, 10**18, 9, 2, 10, 4, 5),
    "renew": commands.order_command(3, 7, 1, 0, 0, 5, 3, 4, 10**18, 9, 1, 10, 4, 2**40 - 1),
    "cancel": commands.cancel(7, 4, 5, 6, slot=1),
    "floor": commands.floor(7, 2**40 - 1, 6),
    "withdraw": commands.withdraw(7, 2**100, 6),
    "transfer": commands.transfer(7, 8, 5, 6),
    "margin_mode": commands.margin_mode(7, 1, 6),
    "session_open": commands.session_open(7, 1, 2, b"k" * 20, 2**64 - 1, 31, 5, 10**18, 6),
    "session_revoke": commands.session_revoke(7, 1, 5, 6),
}


def signed(command: bytes) -> bytes:
    framed = len(command).to_bytes(4, "big") + command
    return _core.sign_commands(*DOMAIN.parts, framed, SECRET)[4:]


def typed(command: bytes) -> dict[str, Any]:
    found = typed_data_of(DOMAIN, command)
    assert found is not None
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_the_digest_is_what_was_signed(name: str) -> None:
    command = signed(COMMANDS[name])
    data = typed(command)
    assert signer_of(digest_of(data), command[-65:]) == ADDRESS
    assert all(isinstance(value, str) for value in data["message"].values())
    assert [one["name"] for one in data["types"][data["primaryType"]]] == list(data["message"])
    data["message"]["nonce"] = "77"
    assert signer_of(digest_of(data), command[-65:]) != ADDRESS


@pytest.mark.parametrize(
    "command", [b"", b"\x01", commands.tick(), COMMANDS["place"][:-1], b"\x01\x63" + bytes(90)]
)
def test_what_nobody_signs_has_no_typed_data(command: bytes) -> None:
    assert typed_data_of(DOMAIN, command) is None


def test_a_signature_that_is_none_is_nobodys() -> None:
    assert signer_of(bytes(32), bytes(65)) is None
    assert signer_of(bytes(32), b"\xff" * 65) is None


def test_equal_typed_data_differ_nowhere() -> None:
    data = typed(COMMANDS["place"])
    other = copy.deepcopy(data)
    other["domain"]["chainId"] = DOMAIN.chain_id
    other["domain"]["verifyingContract"] = "0x" + DOMAIN.verifying_contract.hex().upper()
    other["message"]["account"] = 7
    del other["types"]["EIP712Domain"]
    assert first_difference(other, data) is None, "numbers, texts and cases of hex are one"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (("primaryType",), "Cancel", Difference("primaryType", "Cancel", "Order")),
        (("domain", "chainId"), 1, Difference("domain.chainId", "1", "31337")),
        (("domain", "name"), "Merkat", Difference("domain.name", "Merkat", "merkat")),
        (("message", "limitPrice"), "5", Difference("message.limitPrice", "5", "-5")),
        (("message", "size"), None, Difference("message.size", "absent", "3")),
        (("message", "memo"), "x", Difference("message.memo", "x", "no such member")),
    ],
)
def test_the_first_difference_is_named(
    path: tuple[str, ...], value: object, expected: Difference
) -> None:
    data = typed(COMMANDS["place"])
    other = copy.deepcopy(data)
    place = other
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    assert first_difference(other, data) == expected


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_wallet_was_given_is_read_back(name: str) -> None:
    data = typed(COMMANDS[name])
    other = copy.deepcopy(data)
    other["domain"]["name"] = "Merkat"
    other["message"] = {
        member: value if value[:2] == "0x" else int(value)
        for member, value in other["message"].items()
    }
    ours = read_as_ours(DOMAIN, other)
    assert ours == data, "the venue's domain stands in place of a wrong one"
    assert first_difference(other, ours) == Difference("domain.name", "Merkat", "merkat")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"primaryType": "Mint"}, "primaryType: was 'Mint', expected one of Cancel"),
        ({"primaryType": None}, "primaryType: was None"),
        ({"message": []}, "message: expected an object"),
        ({"message": {"account": 1}}, "message.floor: is absent, expected a value of uint40"),
        ({"message": {"account": -1, "floor": 1, "nonce": 1}}, "message.account: expected a whole"),
        ({"message": {"account": 2**32, "floor": 1, "nonce": 1}}, "number of uint32"),
        ({"message": {"account": "1e3", "floor": 1, "nonce": 1}}, "message.account"),
        ({"message": {"account": True, "floor": 1, "nonce": 1}}, "message.account"),
        ({"message": {"account": "1" * 5000, "floor": 1, "nonce": 1}}, "message.account"),
    ],
)
def test_what_is_none_of_the_venues_structures(change: dict[str, Any], says: str) -> None:
    data = {**typed(COMMANDS["floor"]), **change}
    with pytest.raises(SignedDataError, match=says):
        read_as_ours(DOMAIN, data)


def test_an_address_has_forty_digits() -> None:
    data = typed(COMMANDS["session_open"])
    data["message"]["key"] = "0x01"
    with pytest.raises(SignedDataError, match=r"message.key: expected an address"):
        read_as_ours(DOMAIN, data)


def test_members_of_the_type_are_compared_in_order() -> None:
    data = typed(COMMANDS["floor"])
    other = copy.deepcopy(data)
    other["types"]["Floor"][1]["type"] = "uint64"
    assert first_difference(other, data) == Difference("types.Floor[1].type", "uint64", "uint40")
    other["types"]["Floor"] = data["types"]["Floor"] + [{"name": "x", "type": "uint8"}]
    found = first_difference(other, data)
    assert found == Difference("types.Floor[3]", "there", "no further member")
    other["types"] = "none"
    assert first_difference(other, data) is not None
    assert first_difference({}, data) == Difference("primaryType", "absent", "Floor")
