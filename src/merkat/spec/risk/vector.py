"""The vector of version 2: what a quorum says of a group with a risk set (risk.md section 2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from merkat.spec.codec import B31, I64, U8, U16, U64, MalformedError, Reader, Record, layout
from merkat.spec.pricing.black76 import years
from merkat.spec.pricing.svi import Slice, slice_from_wire
from merkat.spec.values import cut, keccak256

SURFACE_VECTOR_VERSION = 2
EXPIRIES_MAX = 16
SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class ExpiryQuote(Record):
    """One expiry: its forward in 1e-6 USD and its raw SVI parameters in 1e-12, 56 bytes."""

    expiry: U64
    forward: I64
    a: I64
    b: I64
    rho: I64
    m: I64
    sigma: I64

    @cached_property
    def slice(self) -> Slice:
        """The slice of the surface in Q64.64."""
        return slice_from_wire(self.a, self.b, self.rho, self.m, self.sigma)


@dataclass(frozen=True)
class SurfaceVector(Record):
    """The values that the nodes of a group agreed on, 107 + 56 bytes an expiry.

    Prices are in 1e-6 USD per coin; basis, premium, confidence, peg and vols in 1e-9.
    """

    version: U8
    group: U16
    number: U64
    time: U64
    previous: B31
    index: I64
    basis: I64
    premium: I64
    confidence: I64
    peg: I64
    vol: I64
    vol_mean: I64
    expiries: tuple[ExpiryQuote, ...]

    def encode(self) -> bytes:
        """Return the bytes that the nodes sign."""
        assert len(self.expiries) <= EXPIRIES_MAX, f"{len(self.expiries)} expiries do not fit"
        quotes = b"".join(quote.encode() for quote in self.expiries)
        return Record.encode(self) + bytes([len(self.expiries)]) + quotes

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take one vector off the reader; MalformedError when it is none."""
        head: dict[str, Any] = {name: wire.read(reader) for name, wire in layout(cls)}
        if head["version"] != SURFACE_VECTOR_VERSION:
            raise MalformedError(f"version {head['version']}, expected {SURFACE_VECTOR_VERSION}")
        count = reader.u8()
        if count > EXPIRIES_MAX:
            raise MalformedError(f"{count} expiries, at most {EXPIRIES_MAX} are expected")
        return cls(**head, expiries=tuple(ExpiryQuote.read(reader) for _ in range(count)))

    @cached_property
    def hash(self) -> bytes:
        """The vector hash, 31 bytes."""
        return cut(keccak256(self.encode()))

    @cached_property
    def _by_expiry(self) -> dict[int, ExpiryQuote]:
        return {quote.expiry: quote for quote in self.expiries}

    def quote(self, expiry: int) -> ExpiryQuote | None:
        """Return what the vector says of an expiry, None when it does not name it."""
        return self._by_expiry.get(expiry)

    def seconds_to(self, expiry: int) -> int:
        """Return the whole seconds from the vector's time to an expiry, floored."""
        return (expiry - self.time) // SECOND_NS

    def years_to(self, expiry: int) -> int:
        """Return T, the Q64.64 years from the vector's time to an expiry."""
        return years(self.seconds_to(expiry))
