"""Big-endian encodings of fixed length (formats.md section 1).

A `Record` is a dataclass whose annotations are its byte layout, in order:

    class Floor(Record):
        account: U32
        floor: U40

so that the classes read like the tables of formats.md. Whatever is left over or missing is
malformed: there is one encoding for each value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, Self, TypeAlias, get_type_hints


class MalformedError(ValueError):
    """Bytes that are no encoding of what was expected."""


class Reader:
    """Takes values off the front of a byte string."""

    __slots__ = ("_data", "_offset")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0

    def raw(self, length: int) -> bytes:
        """Take `length` raw bytes."""
        end = self._offset + length
        if end > len(self._data):
            raise MalformedError(f"{end} bytes are needed, {len(self._data)} are there")
        taken = self._data[self._offset : end]
        self._offset = end
        return taken

    def peek(self) -> int | None:
        """Return the next byte without taking it, None at the end."""
        return self._data[self._offset] if self._offset < len(self._data) else None

    def rest(self) -> bytes:
        """Take everything that is left."""
        return self.raw(len(self._data) - self._offset)

    def finish(self) -> None:
        """Refuse bytes that nobody took."""
        if self._offset != len(self._data):
            raise MalformedError(f"{len(self._data) - self._offset} bytes too many")

    def unsigned(self, length: int) -> int:
        """Take an unsigned integer of `length` bytes."""
        return int.from_bytes(self.raw(length), "big")

    def u8(self) -> int:
        """Take a u8."""
        return self.unsigned(1)

    def u16(self) -> int:
        """Take a u16."""
        return self.unsigned(2)

    def u32(self) -> int:
        """Take a u32."""
        return self.unsigned(4)

    def u64(self) -> int:
        """Take a u64."""
        return self.unsigned(8)

    def i64(self) -> int:
        """Take an i64."""
        return int.from_bytes(self.raw(8), "big", signed=True)


class Wire(Protocol):
    """How the values of one field are written and read."""

    def write(self, value: Any) -> bytes:
        """Return the bytes of `value`."""

    def read(self, reader: Reader) -> Any:
        """Take one value off the reader."""


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer of `length` bytes, two's complement when signed."""

    length: int
    signed: bool = False

    def write(self, value: int) -> bytes:
        """Return the big-endian bytes; OverflowError when `value` does not fit."""
        return value.to_bytes(self.length, "big", signed=self.signed)

    def read(self, reader: Reader) -> int:
        """Take one integer."""
        return int.from_bytes(reader.raw(self.length), "big", signed=self.signed)


@dataclass(frozen=True, slots=True)
class Raw:
    """Exactly `length` raw bytes."""

    length: int

    def write(self, value: bytes) -> bytes:
        """Return `value`, whose length must be right."""
        assert len(value) == self.length, f"{self.length} bytes expected, got {len(value)}"
        return value

    def read(self, reader: Reader) -> bytes:
        """Take the bytes."""
        return reader.raw(self.length)


class RestOfBytes:
    """All bytes that are left."""

    def write(self, value: bytes) -> bytes:
        """Return `value`."""
        return value

    def read(self, reader: Reader) -> bytes:
        """Take what is left."""
        return reader.rest()


@dataclass(frozen=True, slots=True)
class Repeated:
    """A tuple of exactly `count` values."""

    count: int
    wire: Wire

    def write(self, value: tuple[Any, ...]) -> bytes:
        """Return the values one after the other."""
        assert len(value) == self.count, f"{self.count} values expected, got {len(value)}"
        return b"".join(self.wire.write(one) for one in value)

    def read(self, reader: Reader) -> tuple[Any, ...]:
        """Take the values."""
        return tuple(self.wire.read(reader) for _ in range(self.count))


U8: TypeAlias = Annotated[int, Integer(1)]
U16: TypeAlias = Annotated[int, Integer(2)]
U32: TypeAlias = Annotated[int, Integer(4)]
U40: TypeAlias = Annotated[int, Integer(5)]
U64: TypeAlias = Annotated[int, Integer(8)]
U96: TypeAlias = Annotated[int, Integer(12)]
U128: TypeAlias = Annotated[int, Integer(16)]
I64: TypeAlias = Annotated[int, Integer(8, signed=True)]
I128: TypeAlias = Annotated[int, Integer(16, signed=True)]
B16: TypeAlias = Annotated[bytes, Raw(16)]
B20: TypeAlias = Annotated[bytes, Raw(20)]
B31: TypeAlias = Annotated[bytes, Raw(31)]
B32: TypeAlias = Annotated[bytes, Raw(32)]
B65: TypeAlias = Annotated[bytes, Raw(65)]
Rest: TypeAlias = Annotated[bytes, RestOfBytes()]


@dataclass(frozen=True, slots=True)
class Nested:
    """A record inside a record."""

    record: type[Record]

    def write(self, value: Record) -> bytes:
        """Return the bytes of the inner record."""
        return value.encode()

    def read(self, reader: Reader) -> Record:
        """Take the inner record."""
        return self.record.read(reader)


Layout: TypeAlias = tuple[tuple[str, Wire], ...]
_layouts: dict[type, Layout] = {}


def layout(cls: type) -> Layout:
    """Return the (name, wire) pairs of a dataclass's annotated fields, in order; cached."""
    if cls not in _layouts:
        _layouts[cls] = _read_layout(cls)
    return _layouts[cls]


def _read_layout(cls: type) -> Layout:
    fields: list[tuple[str, Wire]] = []
    for name, hint in get_type_hints(cls, include_extras=True).items():
        if isinstance(hint, type) and issubclass(hint, Record):
            fields.append((name, Nested(hint)))
        elif hasattr(hint, "__metadata__"):
            fields.append((name, hint.__metadata__[0]))
    return tuple(fields)


class Record:
    """Base of the dataclasses whose annotations are their byte layout."""

    __slots__ = ()

    def encode(self) -> bytes:
        """Return the fields' bytes, one after the other."""
        return b"".join(wire.write(getattr(self, name)) for name, wire in layout(type(self)))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take one record off the reader; MalformedError when bytes are missing."""
        make: Callable[..., Self] = cls
        return make(*[wire.read(reader) for _, wire in layout(cls)])

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return the record that `data` encodes; MalformedError when it encodes none."""
        reader = Reader(data)
        record = cls.read(reader)
        reader.finish()
        return record


def framed(data: bytes) -> bytes:
    """Return `data` behind its length as a u16."""
    return len(data).to_bytes(2, "big") + data


def read_framed(reader: Reader) -> bytes:
    """Take what stands behind its length."""
    return reader.raw(reader.u16())


def u32(value: int) -> bytes:
    """Return the four bytes of a u32: counts and lengths in a snapshot."""
    return value.to_bytes(4, "big")
