"""What an account's positions in a group are worth to it (risk.md section 6), in 1e-6 USD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from merkat.spec.risk.group import GroupRisk
from merkat.spec.risk.parameters import Scalars
from merkat.spec.risk.rows import Row
from merkat.spec.risk.terms import SPOT
from merkat.spec.values import ONE


@dataclass(frozen=True, slots=True)
class Holdings:
    """The positions of an account in one group, without the cumulative funding of perpetuals."""

    value: int
    """Of all but collateral, at mark."""
    wide_value: int
    """The same with longs at their low, shorts at their high."""
    collateral: int
    """Of spot positions, after the haircut."""
    loan_limit: int
    """What may be owed against the collateral."""
    debt_line: int
    """What may be owed before the account is in danger."""


def holdings(group: GroupRisk, sizes: Mapping[int, int]) -> Holdings:
    """Return the holdings of {listing: signed size}; from both values the caller takes q F."""
    scalars = group.risk_set.scalars
    value = wide_value = collateral = 0
    for row, size in group.held(sizes):
        if row.kind == SPOT:
            collateral += collateral_value(scalars, size * row.mark // group.coin)
        else:
            value += exact(size * row.mark, group.coin)
            wide_value += exact(size * wide_price(row, size), group.coin)
    return Holdings(
        value=value,
        wide_value=wide_value,
        collateral=collateral,
        loan_limit=min(scalars.loan_limit * collateral // ONE, scalars.loan_cap),
        debt_line=scalars.loan_maintenance * collateral // ONE,
    )


def wide_price(row: Row, size: int) -> int:
    """Return the price at which a position counts for initial margin: the worse of the window."""
    return row.low if size > 0 else row.high


def exact(product: int, coin: int) -> int:
    """Return size x price / coin, which is whole: sizes are multiples of lot, prices of quantum."""
    value, remainder = divmod(product, coin)
    assert remainder == 0, f"{product} is no whole number of 1e-6 USD at {coin} base units a coin"
    return value


def collateral_value(scalars: Scalars, value: int) -> int:
    """Return what counts of a spot position worth `value`: the part above the tier counts less."""
    tier = min(value, scalars.haircut_tier)
    small = tier * (ONE - scalars.haircut) // ONE
    return small + (value - tier) * (ONE - scalars.haircut_large) // ONE


def loan(usd: int) -> int:
    """Return what an account owes whose cash and positions without collateral are worth `usd`."""
    return max(0, -usd)
