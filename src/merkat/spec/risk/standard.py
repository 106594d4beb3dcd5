"""Standard margin of an account in a group with rows (risk.md section 5).

`sizes` is {listing: signed size} of the account's positions in the group; amounts are in 1e-6 USD.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from merkat.spec.risk.group import GroupRisk
from merkat.spec.risk.portfolio import confidence_addition
from merkat.spec.risk.rows import Row
from merkat.spec.risk.terms import CALL, FUTURE, OPTIONS, PERPETUAL, payoff
from merkat.spec.values import ONE, ceil_div

PUT_INITIAL_PERCENT = 105
"""The initial margin of a short put, at least so many hundredths of its maintenance margin."""

Held = Sequence[tuple[Row, int]]


@dataclass(frozen=True, slots=True)
class StandardMargin:
    """The requirement of one account in one group."""

    maintenance: int
    initial: int


def margin(group: GroupRisk, sizes: Mapping[int, int]) -> StandardMargin:
    """Return the margin of positions: perpetuals and futures by notional, options, C."""
    held = group.held(sizes)
    options = options_margin(group, sizes)
    return StandardMargin(
        maintenance=_linear(group, held, group.maintenance_rate) + options.maintenance,
        initial=_linear(group, held, group.initial_rate)
        + options.initial
        + confidence_addition(group, held),
    )


def _linear(group: GroupRisk, held: Held, rate: int) -> int:
    """Return a rate of the notional of perpetuals and futures, rounded up for each."""
    return sum(
        ceil_div(rate * (abs(size) * row.mark // group.coin), ONE)
        for row, size in held
        if row.kind in (PERPETUAL, FUTURE)
    )


def options_margin(group: GroupRisk, sizes: Mapping[int, int]) -> StandardMargin:
    """Return the margin of options alone, without C: the sum over their expiries."""
    by_expiry: dict[int, list[tuple[Row, int]]] = defaultdict(list)
    for row, size in group.held(sizes):
        if row.kind in OPTIONS:
            by_expiry[row.expiry].append((row, size))
    scalars = group.risk_set.scalars
    maintenance = initial = 0
    for held in by_expiry.values():
        maintenance += _requirement(
            group, held, short_maintenance, scalars.standard_unpaired_maintenance
        )
        initial += _requirement(group, held, short_initial, scalars.standard_unpaired_initial)
    return StandardMargin(maintenance, initial)


def _requirement(
    group: GroupRisk, held: Held, short: Callable[[GroupRisk, Row, int], int], unpaired: int
) -> int:
    """Return requirement(e): the value of the options and the cheaper of two bounds of a loss."""
    value = sum(size * row.mark // group.coin for row, size in held)
    isolated = sum(short(group, row, -size) for row, size in held if size < 0)
    return max(0, value + min(isolated, bounded(group, held, unpaired)))


def bounded(group: GroupRisk, held: Held, unpaired: int) -> int:
    """Return the worst payoff of an expiry's options, and more where calls are short beyond it."""
    prices = {0, *(row.strike for row, _ in held)}
    worst_payoff = min(
        sum(size * payoff(row.kind, row.strike, price) for row, size in held) // group.coin
        for price in prices
    )
    net_calls = sum(size for row, size in held if row.kind == CALL)
    forward = max(row.forward for row, _ in held)
    above = ceil_div(unpaired * (max(0, -net_calls) * forward // group.coin), ONE)
    return max(0, -worst_payoff) + above


def short_maintenance(group: GroupRisk, row: Row, size: int) -> int:
    """Return the isolated maintenance margin of `size` > 0 sold of an option."""
    rate = group.risk_set.scalars.standard_maintenance
    at_mark = ceil_div(size * row.mark, group.coin)
    if row.kind == CALL:
        return ceil_div(rate * group.at_index(size), ONE) + at_mark
    of_index = ceil_div(rate * size * group.index, ONE * group.coin)
    return max(of_index, ceil_div(rate * at_mark, ONE)) + at_mark


def short_initial(group: GroupRisk, row: Row, size: int) -> int:
    """Return the isolated initial margin of `size` > 0 sold of an option."""
    scalars = group.risk_set.scalars
    is_call = row.kind == CALL
    out_of_money = max(0, row.strike - group.index if is_call else group.index - row.strike)
    least = scalars.standard_initial_least * size * group.index
    most = scalars.standard_initial_most * size * group.index - ONE * size * out_of_money
    alone = ceil_div(max(least, most), ONE * group.coin) + ceil_div(size * row.mark, group.coin)
    if is_call:
        return alone
    floor = ceil_div(PUT_INITIAL_PERCENT * short_maintenance(group, row, size), 100)
    return max(alone, floor)
