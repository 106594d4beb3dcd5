"""Vectors of version 2: an index with the surfaces of a group's expiries (risk.md section 2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import Final, Self

from merkat.sdk.commands import NO_VECTOR, VECTOR_BYTES

VERSION: Final = 2
EXPIRIES_MAX: Final = 16
WHOLE: Final = 1_000_000_000  # 1.0 as a rate
_HEAD: Final = Struct(">BHQQ31sqqqqqqqB")
_QUOTE: Final = Struct(">Qqqqqqq")
HEAD_BYTES: Final = _HEAD.size
QUOTE_BYTES: Final = _QUOTE.size


@dataclass(frozen=True, slots=True)
class ExpiryQuote:
    """An expiry's forward and raw SVI of its total variance.

    Attributes:
        expiry_ns: whole seconds.
        forward: 1e-6 USD.
        a, b, rho, m, sigma: w(k) = a + b (rho (k - m) + sqrt((k - m)^2 + sigma^2)), 1e-12 each.
    """

    expiry_ns: int
    forward: int
    a: int
    b: int
    rho: int
    m: int
    sigma: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """What the nodes of a group with a risk set sign.

    Attributes:
        number, previous: one more than the standing vector's, and its hash (31 bytes).
        time_ns: of the values, in ns.
        index: 1e-6 USD. basis, premium: 1e-9.
        confidence: 0 to 1e9. peg: USD of one USDC, 1e-9.
        vol, vol_mean: 30-day at-the-money vol and its 30-day mean, 1e-9.
        expiries: ascending, at most 16.
    """

    group: int
    number: int
    time_ns: int
    index: int
    vol: int
    vol_mean: int
    previous: bytes = NO_VECTOR
    basis: int = 0
    premium: int = 0
    confidence: int = WHOLE
    peg: int = WHOLE
    expiries: tuple[ExpiryQuote, ...] = field(default=())

    def encode(self) -> bytes:
        """Return the vector, 107 bytes and 56 an expiry.

        Raises:
            ValueError: `previous` is no vector hash, or there are too many expiries.
            struct.error: a number does not fit its field.
        """
        if len(self.previous) != len(NO_VECTOR):
            raise ValueError(
                f"previous: expected a vector hash of 31 bytes, got {len(self.previous)}"
            )
        if len(self.expiries) > EXPIRIES_MAX:
            raise ValueError(
                f"expiries: at most {EXPIRIES_MAX} fit a vector, got {len(self.expiries)}"
            )
        head = _HEAD.pack(
            VERSION,
            self.group,
            self.number,
            self.time_ns,
            self.previous,
            self.index,
            self.basis,
            self.premium,
            self.confidence,
            self.peg,
            self.vol,
            self.vol_mean,
            len(self.expiries),
        )
        quotes = (
            _QUOTE.pack(one.expiry_ns, one.forward, one.a, one.b, one.rho, one.m, one.sigma)
            for one in self.expiries
        )
        return head + b"".join(quotes)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return the vector of exactly these bytes. Raises ValueError."""
        if len(data) < HEAD_BYTES or len(data) != vector_bytes_at(data, 0) or data[0] != VERSION:
            raise ValueError(
                f"vector: {len(data)} bytes of version {data[0] if data else None}, expected "
                f"version {VERSION} of {HEAD_BYTES} bytes and {QUOTE_BYTES} an expiry"
            )
        _, group, number, time_ns, previous, index, basis, premium, *rest = _HEAD.unpack_from(data)
        confidence, peg, vol, vol_mean, count = rest
        return cls(
            group=group,
            number=number,
            time_ns=time_ns,
            previous=previous,
            index=index,
            basis=basis,
            premium=premium,
            confidence=confidence,
            peg=peg,
            vol=vol,
            vol_mean=vol_mean,
            expiries=tuple(
                ExpiryQuote(*_QUOTE.unpack_from(data, HEAD_BYTES + QUOTE_BYTES * place))
                for place in range(count)
            ),
        )


def vector_bytes_at(data: bytes, at: int) -> int:
    """Return the length that the vector (of version 1 or 2) at a place says it has.

    Raises:
        ValueError: its version is neither, the count of its expiries is cut or above 16.
    """
    version = data[at] if at < len(data) else None
    if version == 1:
        return VECTOR_BYTES
    if version != VERSION:
        raise ValueError(f"vector: version {version}, expected 1 or 2")
    count_at = at + HEAD_BYTES - 1
    count = data[count_at] if count_at < len(data) else None
    if count is None or count > EXPIRIES_MAX:
        raise ValueError(f"vector: count of expiries is {count}, expected 0 to {EXPIRIES_MAX}")
    return HEAD_BYTES + QUOTE_BYTES * count
