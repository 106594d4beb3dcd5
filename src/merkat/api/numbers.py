"""Integers of the venue and decimal numbers of the dialect: exact both ways, never rounded."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final

from merkat.api.errors import ApiError, invalid_params, shown, wrong_tick

PRICE_DECIMALS: Final = 6
RATE_DECIMALS: Final = 9
INTEGER_LIMIT: Final = 1 << 63  # prices and sizes are signed 64-bit integers in every command

# Wider than any number that json.py lets in, so that no operation rounds.
_EXACT: Final = Context(prec=120)


def decimal(units: int, decimals: int) -> Decimal:
    """Return units x 10^-decimals exactly, as short as it is written without an exponent."""
    if decimals == 0 or units == 0:
        return Decimal(units)
    whole, rest = divmod(units, 10**decimals)
    if rest == 0:
        return Decimal(whole)
    return Decimal(units).scaleb(-decimals, _EXACT).normalize(_EXACT)


def usd(micro: int) -> Decimal:
    """Return an amount or price of 1e-6 USD in USD."""
    return decimal(micro, PRICE_DECIMALS)


def coins(units: int, size_decimals: int) -> Decimal:
    """Return a size of 10^-size_decimals coins in coins."""
    return decimal(units, size_decimals)


def rate(nano: int) -> Decimal:
    """Return a rate or share of 1e-9 as a plain fraction."""
    return decimal(nano, RATE_DECIMALS)


def price_micro(value: Decimal, field: str = "price") -> int:
    """Return a price in USD as 1e-6 USD.

    Raises ApiError 10043 when it is finer than that, -32602 when it is no number in range. The sign
    is kept: whether a price may be negative or zero is the caller's rule.
    """
    units = _units(value, PRICE_DECIMALS, field)
    if units is None:
        raise wrong_tick(value, "0.000001", field)
    return units


def size_units(value: Decimal, size_decimals: int, field: str = "amount") -> int:
    """Return a size in coins as units of 10^-size_decimals.

    Raises ApiError 10021 when it is finer than that or no number in range. The sign is kept.
    """
    try:
        units = _units(value, size_decimals, field)
    except ApiError as error:
        raise ApiError(10021, error.reason, "send a smaller amount", field=field) from None
    if units is None:
        reason = f"{field} is {shown(value)}, expected a multiple of {decimal(1, size_decimals):f}"
        hint = "round it yourself: sizes are never rounded for you"
        raise ApiError(10021, reason, hint, field=field)
    return units


def _units(value: Decimal, decimals: int, field: str) -> int | None:
    """Return value x 10^decimals, None if that is no integer."""
    if not value.is_finite() or abs(value) >= INTEGER_LIMIT:
        raise invalid_params(field, value, "a number below 2^63 in its smallest unit")
    scaled = value.scaleb(decimals, _EXACT)
    units = int(scaled)
    if units != scaled:
        return None
    if abs(units) >= INTEGER_LIMIT:
        raise invalid_params(field, value, "a number below 2^63 in its smallest unit")
    return units
