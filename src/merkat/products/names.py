"""Names of contracts: `BTC_USDC-PERPETUAL`, `BTC_USDC-25DEC26`, `BTC_USDC-25DEC26-100000-C`.

A day stands without a leading zero (`5DEC26`), a strike with `d` for the decimal point (`0d625`); a
spot market is `BTC_USDC` alone. Each contract has one name and each name one contract.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final, NoReturn

from merkat.sdk.commands import KIND_CALL, KIND_FUTURE, KIND_PERPETUAL, KIND_PUT, KIND_SPOT

USD: Final = 1_000_000  # prices and strikes are in 1e-6 USD
STRIKE_DECIMALS: Final = 6
STRIKE_MAX: Final = 1 << 52
EXPIRY_TIME: Final = time(8, tzinfo=UTC)
SECOND_NS: Final = 1_000_000_000
CENTURY: Final = 2_000
OPTIONS: Final = (KIND_CALL, KIND_PUT)
DATED: Final = (KIND_FUTURE, KIND_CALL, KIND_PUT)

_MONTHS: Final = (
    "JAN",
    "FEB",
    "MAR",
    "APR",
    "MAY",
    "JUN",
    "JUL",
    "AUG",
    "SEP",
    "OCT",
    "NOV",
    "DEC",
)
_COIN: Final = re.compile(r"[A-Z0-9]{1,16}", re.ASCII)
_DAY: Final = re.compile(r"([1-9][0-9]?)([A-Z]{3})([0-9]{2})", re.ASCII)
_STRIKE: Final = re.compile(r"(0|[1-9][0-9]*)(?:d([0-9]*[1-9]))?", re.ASCII)
_TYPES: Final = {"C": KIND_CALL, "P": KIND_PUT}
_LETTERS: Final = {kind: letter for letter, kind in _TYPES.items()}


class ContractNameError(ValueError):
    """A text that names no contract, or terms that none has: says which part and what is right."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What a listing is. Kinds are those of `merkat.sdk.commands`.

    Attributes:
        expiry: of futures and options: the day at whose 08:00 UTC it expires.
        strike: of options: 1e-6 USD.
    """

    base: str
    kind: int
    expiry: date | None = None
    strike: int | None = None
    quote: str = "USDC"

    def __post_init__(self) -> None:
        """Refuse terms that no contract has. Raises ContractNameError."""
        for name, coin in (("base", self.base), ("quote", self.quote)):
            if not _COIN.fullmatch(coin):
                _refuse(name, coin, "1 to 16 capital letters and digits")
        if not KIND_PERPETUAL <= self.kind <= KIND_SPOT:
            _refuse("kind", self.kind, "1 (perpetual) to 5 (spot)")
        if (self.expiry is not None) != (self.kind in DATED):
            _refuse("expiry", self.expiry, "a date for futures and options, None for the others")
        if self.expiry is not None and self.expiry.year // 100 * 100 != CENTURY:
            _refuse("expiry", self.expiry, "a year from 2000 to 2099")
        if (self.strike is not None) != (self.kind in OPTIONS):
            _refuse("strike", self.strike, "1e-6 USD for options, None for the others")
        if self.strike is not None and not 1 <= self.strike <= STRIKE_MAX:
            _refuse("strike", self.strike, "1 to 2^52 in 1e-6 USD")

    @property
    def expiry_ns(self) -> int:
        """Return 08:00:00 UTC of the expiry's day, 0 where there is none."""
        return 0 if self.expiry is None else expiry_ns_of(self.expiry)


def expiry_ns_of(day: date) -> int:
    """Return 08:00:00 UTC of a day in ns since the epoch."""
    return int(datetime.combine(day, EXPIRY_TIME).timestamp()) * SECOND_NS


def format_day(day: date) -> str:
    """Return a day as names have it: `5DEC26`."""
    return f"{day.day}{_MONTHS[day.month - 1]}{day.year % 100:02}"


def parse_day(text: str) -> date:
    """Return the day that a name has. Raises ContractNameError."""
    found = _DAY.fullmatch(text)
    if found is None or found[2] not in _MONTHS:
        _refuse("expiry", text, "a day such as 5DEC26 or 25DEC26")
    try:
        return date(CENTURY + int(found[3]), _MONTHS.index(found[2]) + 1, int(found[1]))
    except ValueError as error:
        raise ContractNameError(f"expiry: {text!r} is no day: {error}") from None


def format_strike(strike: int) -> str:
    """Return a strike (1e-6 USD) as names have it: `100000`, `0d625`."""
    whole, fraction = divmod(strike, USD)
    decimals = f"{fraction:0{STRIKE_DECIMALS}}".rstrip("0")
    return f"{whole}d{decimals}" if decimals else f"{whole}"


def parse_strike(text: str) -> int:
    """Return the strike (1e-6 USD) that a name has. Raises ContractNameError."""
    found = _STRIKE.fullmatch(text)
    decimals = (found[2] or "") if found else ""
    if found is None or len(decimals) > STRIKE_DECIMALS:
        _refuse(
            "strike", text, "USD such as 100000 or 0d625, at most 6 decimals, no zeros around them"
        )
    return int(found[1]) * USD + int(decimals.ljust(STRIKE_DECIMALS, "0"))


def format_name(contract: Contract) -> str:
    """Return the name of a contract."""
    parts = [f"{contract.base}_{contract.quote}"]
    if contract.kind == KIND_PERPETUAL:
        parts.append("PERPETUAL")
    if contract.expiry is not None:
        parts.append(format_day(contract.expiry))
    if contract.strike is not None:
        parts += [format_strike(contract.strike), _LETTERS[contract.kind]]
    return "-".join(parts)


def parse_name(text: str) -> Contract:
    """Return the contract that a text names. Raises ContractNameError."""
    pair, *rest = text.split("-")
    base, separator, quote = pair.partition("_")
    if not separator:
        _refuse("name", text, "BASE_QUOTE in front, such as BTC_USDC")
    match rest:
        case []:
            return Contract(base, KIND_SPOT, quote=quote)
        case ["PERPETUAL"]:
            return Contract(base, KIND_PERPETUAL, quote=quote)
        case [day]:
            return Contract(base, KIND_FUTURE, parse_day(day), quote=quote)
        case [day, strike, letter]:
            if letter not in _TYPES:
                _refuse("type", letter, "C (call) or P (put)")
            return Contract(base, _TYPES[letter], parse_day(day), parse_strike(strike), quote)
        case _:
            expected = "BTC_USDC-PERPETUAL, BTC_USDC-25DEC26 or BTC_USDC-25DEC26-100000-C"
            raise ContractNameError(f"name: {text!r}, expected {expected}")


def _refuse(part: str, found: object, expected: str) -> NoReturn:
    raise ContractNameError(f"{part}: {found!r}, expected {expected}")
