"""Why a signature is refused: digest, typed data, who signed, who must have, the first difference.

A command is shown as the EIP-712 typed data that a wallet signs for it; what a client says that it
has signed is compared with that, member by member.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from merkat import _core
from merkat.sdk import commands
from merkat.sdk.keys import Domain
from merkat.sdk.layouts import show_command
from merkat.spec import typed_data

DOMAIN_NAME: Final = "merkat"
DOMAIN_VERSION: Final = "1"
NOBODY: Final = bytes(20)
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
_WHOLE: Final = re.compile(r"-?(?:0|[1-9][0-9]*)", re.ASCII)

_TYPE_STRINGS: Final = {
    commands.PLACE: typed_data.ORDER,
    commands.AMEND: typed_data.ORDER,
    commands.RENEW: typed_data.ORDER,
    commands.CANCEL: typed_data.CANCEL,
    commands.FLOOR: typed_data.FLOOR,
    commands.WITHDRAW: typed_data.WITHDRAW,
    commands.TRANSFER: typed_data.TRANSFER,
    commands.MARGIN_MODE: typed_data.MARGIN_MODE,
    commands.SESSION_OPEN: typed_data.SESSION_OPEN,
    commands.SESSION_REVOKE: typed_data.SESSION_REVOKE,
}


@dataclass(frozen=True, slots=True)
class Difference:
    """The first member in which two typed data differ."""

    field: str
    was: str
    expected: str


def typed_data_of(domain: Domain, command: bytes) -> dict[str, Any] | None:
    """Return what a wallet signs for a command (eth_signTypedData_v4); None for other kinds.

    Integers are decimal strings, bytes 0x strings.
    """
    type_string = _TYPE_STRINGS.get(command[1]) if len(command) > 1 else None
    shown = show_command(command)
    if type_string is None or "bytes" in shown.fields:
        return None
    _, members = _members(type_string)
    values = [value for field, value in shown.fields.items() if field != "signature"]
    message = {member: str(value) for (_, member), value in zip(members, values, strict=True)}
    return _typed_data(domain, type_string, message)


def read_as_ours(domain: Domain, signed: dict[str, Any]) -> dict[str, Any]:
    """Return the venue's typed data with the members that a client has signed.

    Raises SignedDataError where they are none of this venue's structures.
    """
    name = signed.get("primaryType")
    type_string = next((one for one in _TYPE_STRINGS.values() if one.startswith(f"{name}(")), None)
    if type_string is None:
        known = sorted({one.partition("(")[0] for one in _TYPE_STRINGS.values()})
        raise SignedDataError(f"primaryType: was {name!r}, expected one of {', '.join(known)}")
    given = signed.get("message")
    if not isinstance(given, dict):
        raise SignedDataError("message: expected an object")
    _, members = _members(type_string)
    message = {}
    for kind, member in members:
        if member not in given:
            raise SignedDataError(f"message.{member}: is absent, expected a value of {kind}")
        message[member] = _checked(kind, f"message.{member}", given[member])
    return _typed_data(domain, type_string, message)


class SignedDataError(ValueError):
    """Typed data that are none of the venue's; the text names the member."""


def _checked(kind: str, path: str, value: object) -> str:
    text = str(value)
    if kind == "address":
        if not _ADDRESS.fullmatch(text):
            raise SignedDataError(f"{path}: expected an address, 0x and 40 hex digits")
        return text.lower()
    bits = int(kind.removeprefix("u").removeprefix("int"))
    least, end = (0, 1 << bits) if kind[0] == "u" else (-1 << bits - 1, 1 << bits - 1)
    whole = not isinstance(value, bool) and len(text) <= 40 and _WHOLE.fullmatch(text)
    if not whole or not least <= int(text) < end:
        raise SignedDataError(f"{path}: expected a whole number of {kind}")
    return text


def _typed_data(domain: Domain, type_string: str, message: dict[str, str]) -> dict[str, Any]:
    name, members = _members(type_string)
    return {
        "types": {
            "EIP712Domain": _described(_members(typed_data.DOMAIN)[1]),
            name: _described(members),
        },
        "primaryType": name,
        "domain": {
            "name": DOMAIN_NAME,
            "version": DOMAIN_VERSION,
            "chainId": str(domain.chain_id),
            "verifyingContract": "0x" + domain.verifying_contract.hex(),
            "salt": "0x" + domain.salt.hex(),
        },
        "message": message,
    }


def digest_of(data: dict[str, Any]) -> bytes:
    """Return the EIP-712 digest of typed data that `typed_data_of` gave."""
    config = typed_data.Config(
        int(data["domain"]["chainId"]),
        bytes.fromhex(data["domain"]["verifyingContract"][2:]),
        bytes.fromhex(data["domain"]["salt"][2:]),
    )
    type_string = next(
        one for one in _TYPE_STRINGS.values() if one.startswith(data["primaryType"] + "(")
    )
    _, members = _members(type_string)
    values = [_value(kind, data["message"][member]) for kind, member in members]
    body = typed_data.struct_hash(type_string, *values)
    return _core.keccak256(b"\x19\x01" + typed_data.domain_separator(config) + body)


def signer_of(digest: bytes, signature: bytes) -> bytes | None:
    """Return the address that made a signature of 65 bytes, None for nobody."""
    found = _core.recover_digest(digest, signature)
    return None if found is None or found == NOBODY else found


def first_difference(signed: dict[str, Any], expected: dict[str, Any]) -> Difference | None:
    """Return where typed data differ from the venue's: domain, type, then members in order."""
    for part in ("primaryType", "domain", "types", "message"):
        was, wanted = signed.get(part), expected[part]
        if part == "types" and isinstance(was, dict):
            # A domain's type may be left out: the domain itself has been compared.
            name = expected["primaryType"]
            was, wanted = was.get(name), wanted[name]
            part = f"types.{name}"
        found = _difference(part, was, wanted)
        if found is not None:
            return found
    return None


def _difference(path: str, was: object, expected: object) -> Difference | None:
    if isinstance(expected, dict):
        given = was if isinstance(was, dict) else {}
        for name, value in expected.items():
            found = _difference(f"{path}.{name}", given.get(name), value)
            if found is not None:
                return found
        extra = next((name for name in given if name not in expected), None)
        if extra is None:
            return None
        return Difference(f"{path}.{extra}", _text(given[extra]), "no such member")
    if isinstance(expected, list):
        entries = was if isinstance(was, list) else []
        for place, value in enumerate(expected):
            one = entries[place] if place < len(entries) else None
            found = _difference(f"{path}[{place}]", one, value)
            if found is not None:
                return found
        if len(entries) > len(expected):
            return Difference(f"{path}[{len(expected)}]", "there", "no further member")
        return None
    return None if _text(was) == _text(expected) else Difference(path, _text(was), _text(expected))


def _text(value: object) -> str:
    """Return a value as it is compared: numbers as decimals, hex in lower case."""
    if value is None:
        return "absent"
    text = str(value)
    return text.lower() if text[:2] in ("0x", "0X") else text


def _members(type_string: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a struct's name and its members as (type, name)."""
    name, _, body = type_string.rstrip(")").partition("(")
    words = (member.split(" ") for member in body.split(","))
    return name, [(kind, member) for kind, member in words]


def _described(members: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": member, "type": kind} for kind, member in members]


def _value(kind: str, text: str) -> int | bytes:
    return bytes.fromhex(text[2:]) if kind == "address" else int(text)
