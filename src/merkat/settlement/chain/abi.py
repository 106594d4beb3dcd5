"""Calls, results, events and errors of a contract, from its ABI; eth-abi does the encoding."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any

from eth_abi.codec import ABICodec
from eth_abi.decoding import AddressDecoder
from eth_abi.encoding import AddressEncoder
from eth_abi.exceptions import DecodingError, EncodingError
from eth_abi.registry import BaseEquals, registry

from merkat import _core
from merkat.settlement.chain.interface import Log

SELECTOR_BYTES = 4

Entry = Mapping[str, Any]


class _RawAddressDecoder(AddressDecoder):
    """Leaves an address as its 20 bytes, as merkat has them everywhere."""

    decoder_fn = staticmethod(bytes)  # type: ignore[assignment]


def _make_codec() -> ABICodec:
    # eth-abi leaves these two calls without types.
    own = registry.copy()  # type: ignore[no-untyped-call]
    own.unregister("address")
    address = BaseEquals("address")  # type: ignore[no-untyped-call]
    own.register(address, AddressEncoder, _RawAddressDecoder, label="address")
    return ABICodec(own)


_CODEC = _make_codec()


class AbiError(ValueError):
    """A value does not fit the ABI, or bytes are no encoding of it."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """An event or error: its name and its fields by name."""

    name: str
    fields: dict[str, Any]


def _type(field: Entry) -> str:
    """Return the canonical type of a field: a struct is the tuple of its fields' types."""
    kind: str = field["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_type(part) for part in field['components'])}){kind[len('tuple') :]}"


def _types(fields: Sequence[Entry]) -> list[str]:
    return [_type(field) for field in fields]


def _signature(entry: Entry) -> str:
    return f"{entry['name']}({','.join(_types(entry['inputs']))})"


def _hash(entry: Entry) -> bytes:
    return _core.keccak256(_signature(entry).encode())


def _encode(what: str, types: list[str], values: Sequence[object]) -> bytes:
    if len(types) != len(values):
        raise AbiError(f"{what}: {len(values)} values, expected {len(types)}: {', '.join(types)}")
    try:
        return _CODEC.encode(types, values)
    except (EncodingError, TypeError) as error:
        raise AbiError(f"{what}: {error}") from error


def _decode(what: str, types: list[str], data: bytes) -> tuple[Any, ...]:
    try:
        return _CODEC.decode(types, data)
    except (DecodingError, OverflowError) as error:
        raise AbiError(f"{what}: {len(data)} bytes are no ({','.join(types)}): {error}") from error


def _names(fields: Sequence[Entry]) -> list[str]:
    return [field["name"] or str(place) for place, field in enumerate(fields)]


class Abi:
    """The ABI of one contract. Integers are ints, addresses and bytes are bytes, structs tuples.

    Functions are named by their name, or by their whole signature where the name is overloaded:
    `transfer` or `transfer(address,uint256)`.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = list(entries)

    @cached_property
    def _functions(self) -> dict[str, Entry]:
        functions = [entry for entry in self._entries if entry["type"] == "function"]
        names = [entry["name"] for entry in functions]
        named = {entry["name"]: entry for entry in functions if names.count(entry["name"]) == 1}
        return named | {_signature(entry): entry for entry in functions}

    @cached_property
    def _events(self) -> dict[bytes, Entry]:
        return {_hash(entry): entry for entry in self._entries if entry["type"] == "event"}

    @cached_property
    def _errors(self) -> dict[bytes, Entry]:
        standard: list[Entry] = [
            {"name": "Error", "inputs": [{"name": "message", "type": "string"}]},
            {"name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
        ]
        own = [entry for entry in self._entries if entry["type"] == "error"]
        return {_hash(entry)[:SELECTOR_BYTES]: entry for entry in [*standard, *own]}

    def _function(self, name: str) -> Entry:
        entry = self._functions.get(name)
        if entry is None:
            known = ", ".join(sorted(self._functions))
            raise AbiError(f"the contract has no function {name!r}, expected one of: {known}")
        return entry

    def constructor_arguments(self, *values: object) -> bytes:
        """Return what follows the bytecode in the transaction that makes the contract."""
        found = [entry for entry in self._entries if entry["type"] == "constructor"]
        return _encode("constructor", _types(found[0]["inputs"]) if found else [], values)

    def call(self, name: str, *values: object) -> bytes:
        """Return the data of a call."""
        entry = self._function(name)
        return _hash(entry)[:SELECTOR_BYTES] + _encode(name, _types(entry["inputs"]), values)

    def result(self, name: str, output: bytes) -> Any:
        """Return what a call returned: the value, or a tuple where there are several or none."""
        values = _decode(name, _types(self._function(name)["outputs"]), output)
        return values[0] if len(values) == 1 else values

    def topic(self, name: str) -> bytes:
        """Return the first topic of an event."""
        for topic, entry in self._events.items():
            if name in (entry["name"], _signature(entry)):
                return topic
        raise AbiError(f"the contract has no event {name!r}")

    def event(self, log: Log) -> Decoded | None:
        """Return the event that a log is; None for an event of another contract.

        An indexed field of a dynamic type is the 32 bytes of its hash: the value is not there.
        """
        entry = self._events.get(log.topics[0]) if log.topics else None
        if entry is None:
            return None
        name, fields = entry["name"], entry["inputs"]
        indexed = [field for field in fields if field["indexed"]]
        plain = [field for field in fields if not field["indexed"]]
        if len(log.topics) != 1 + len(indexed):
            raise AbiError(f"{name}: {len(log.topics)} topics, expected {1 + len(indexed)}")
        values = dict(zip(_names(plain), _decode(name, _types(plain), log.data), strict=True))
        for field, topic in zip(indexed, log.topics[1:], strict=True):
            kind = _type(field)
            hashed = kind in ("string", "bytes") or kind.endswith(("]", ")"))
            values[field["name"]] = topic if hashed else _decode(name, [kind], topic)[0]
        return Decoded(name, {key: values[key] for key in _names(fields) if key in values})

    def error(self, data: bytes) -> Decoded | None:
        """Return the error that revert data is; None for empty data or an unknown error."""
        entry = self._errors.get(data[:SELECTOR_BYTES])
        if entry is None:
            return None
        fields = entry["inputs"]
        values = _decode(entry["name"], _types(fields), data[SELECTOR_BYTES:])
        return Decoded(entry["name"], dict(zip(_names(fields), values, strict=True)))


@dataclass(frozen=True, slots=True)
class Artifact:
    """A compiled contract as it ships in the wheel."""

    name: str
    abi: Abi
    bytecode: bytes

    def creation_code(self, *arguments: object) -> bytes:
        """Return the data of the transaction that makes the contract."""
        return self.bytecode + self.abi.constructor_arguments(*arguments)


def load_artifact(name: str) -> Artifact:
    """Return the artifact of a contract; FileNotFoundError if the wheel ships none of that name."""
    folder = resources.files("merkat.settlement").joinpath("artifacts")
    text = folder.joinpath(f"{name}.json").read_text("utf-8")
    content = json.loads(text)
    return Artifact(
        name, Abi(content["abi"]), bytes.fromhex(content["bytecode"].removeprefix("0x"))
    )
