"""Portfolio margin of an account in one group (risk.md section 4).

`sizes` is {listing: signed size} of the account's positions in the group; amounts are in 1e-6 USD.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from merkat.spec.risk.group import GroupRisk
from merkat.spec.risk.parameters import DAMP_ONE, Scenario
from merkat.spec.risk.rows import Row
from merkat.spec.risk.terms import DATED, FUTURE, OPTIONS, PERPETUAL, SPOT, payoff
from merkat.spec.values import ONE, ceil_div

BASIS = 64  # names of the term that decides, beside the number of a scenario
PIN = 65
NONE = 255

Held = Sequence[tuple[Row, int]]


@dataclass(frozen=True, slots=True)
class Margin:
    """The requirement of one account in one group, and where it comes from."""

    maintenance: int
    initial: int
    worst: int
    """The name of the term that gives R: a scenario's number, BASIS, PIN or NONE."""
    risk: int
    """R, of the positions alone."""
    risk_initial: int
    """R with the open orders."""
    scenario_losses: tuple[int, ...]
    """By scenario, of the positions alone: damped ordinary losses, and the skews."""
    basis: int
    pin: int
    maintenance_addition: int
    """A_mm: perpetuals, naked shorts, roll and brackets."""
    initial_addition: int
    """A_im: perpetuals and naked shorts."""
    confidence_addition: int
    """C."""


def margin(
    group: GroupRisk, sizes: Mapping[int, int], order_losses: Sequence[int] | None = None
) -> Margin:
    """Return the margin of positions; `order_losses` is O_s by scenario (orders.order_losses)."""
    held = group.held(sizes)
    scalars = group.risk_set.scalars
    profits = scenario_profits(group, held)
    skews = skew_losses(group, held)
    basis, pin = basis_loss(group, held), pin_loss(group, held)
    losses = _losses(group, profits, skews)
    risk = max(0, *losses, basis, pin)
    risk_initial = risk
    if order_losses is not None:
        with_orders = [profit + loss for profit, loss in zip(profits, order_losses, strict=True)]
        risk_initial = max(0, *_losses(group, with_orders, skews), basis, pin)
    for_maintenance = maintenance_addition(group, held)
    for_initial = initial_addition(group, held)
    for_confidence = confidence_addition(group, held)
    peg = max(0, scalars.peg_threshold - group.vector.peg) * scalars.peg_factor // ONE
    maintenance = ceil_div(scalars.maintenance_factor * risk, ONE) + for_maintenance
    initial = ceil_div((scalars.initial_factor + peg) * risk_initial, ONE)
    return Margin(
        maintenance=maintenance,
        initial=initial + for_maintenance + for_initial + for_confidence,
        worst=_worst(group, losses, basis, pin),
        risk=risk,
        risk_initial=risk_initial,
        scenario_losses=losses,
        basis=basis,
        pin=pin,
        maintenance_addition=for_maintenance,
        initial_addition=for_initial,
        confidence_addition=for_confidence,
    )


def worst(group: GroupRisk, sizes: Mapping[int, int]) -> int:
    """Return the byte that names the term which gives R of the positions alone."""
    return margin(group, sizes).worst


def _worst(group: GroupRisk, losses: Sequence[int], basis: int, pin: int) -> int:
    """Return the first name, in the order of the text, whose term is R."""
    scenarios = range(len(losses))
    is_ordinary = [scenario.is_ordinary for scenario in group.risk_set.scenarios]
    named = [
        *((losses[number], number) for number in scenarios if is_ordinary[number]),
        *((losses[number], number) for number in scenarios if not is_ordinary[number]),
        *((basis, BASIS), (pin, PIN)),
    ]
    largest = max(loss for loss, _ in named)
    return next(name for loss, name in named if loss == largest) if largest > 0 else NONE


# Losses


def scenario_profits(group: GroupRisk, held: Held) -> list[int]:
    """Return L_s for every scenario."""
    sums = _change_sums(group, held)
    return [total // group.coin for total in sums]


def _change_sums(group: GroupRisk, held: Iterable[tuple[Row, int]]) -> list[int]:
    """Return sum of q (S - mark) for every scenario, in 1e-6 USD times base units of a coin."""
    sums = [0] * len(group.risk_set.scenarios)
    for row, size in held:
        at_mark = size * row.mark
        sums = [
            total + size * entry - at_mark for total, entry in zip(sums, row.scenarios, strict=True)
        ]
    return sums


def _losses(group: GroupRisk, profits: Sequence[int], skews: Mapping[int, int]) -> tuple[int, ...]:
    """Return for every scenario what its loss counts: damped, or the skew of that scenario."""
    return tuple(
        damped_loss(group, scenario, profit) if scenario.is_ordinary else skews[number]
        for number, (scenario, profit) in enumerate(
            zip(group.risk_set.scenarios, profits, strict=True)
        )
    )


def damped_loss(group: GroupRisk, scenario: Scenario, profit: int) -> int:
    """Return what an ordinary scenario's loss counts.

    A tail's loss counts in part while the fund could carry it, in full where it could not.
    """
    if profit >= 0:
        return 0
    return ceil_div(-profit * damp(group, scenario, -profit), ONE)


def damp(group: GroupRisk, scenario: Scenario, loss: int) -> int:
    """Return the share of a loss that counts, in 1e-9."""
    scalars = group.risk_set.scalars
    low = scalars.damp_low * group.fund // ONE
    high = scalars.damp_high * group.fund // ONE
    least = scenario.damp * (ONE // DAMP_ONE)
    if loss >= high:
        return ONE
    if loss <= low:
        return least
    return least + (ONE - least) * (loss - low) // (high - low)


def skew_losses(group: GroupRisk, held: Held) -> dict[int, int]:
    """Return SKEW of every skew scenario: expiries do not offset each other, nor does direction."""
    numbers = [
        number
        for number, scenario in enumerate(group.risk_set.scenarios)
        if not scenario.is_ordinary
    ]
    sums: dict[int, dict[int, int]] = {number: defaultdict(int) for number in numbers}
    for row, size in held:
        if row.kind in OPTIONS:
            for number in numbers:
                sums[number][row.expiry] += size * (row.scenarios[number] - row.mark)
    return {
        number: sum(abs(total // group.coin) for total in sums[number].values())
        for number in numbers
    }


def basis_loss(group: GroupRisk, held: Held) -> int:
    """Return B: each expiry's forward moves alone, against what hedges it elsewhere."""
    scalars = group.risk_set.scalars
    up: dict[int, int] = defaultdict(int)
    down: dict[int, int] = defaultdict(int)
    years: dict[int, int] = defaultdict(int)
    for row, size in held:
        if row.kind in DATED:
            up[row.expiry] += size * (row.up - row.mark)
            down[row.expiry] += size * (row.down - row.mark)
            years[row.expiry] = max(years[row.expiry], row.years)
    total = 0
    for expiry in up:
        loss = max(0, -(up[expiry] // group.coin), -(down[expiry] // group.coin))
        weight = scalars.basis_base + scalars.basis_per_year * years[expiry] // ONE
        total += ceil_div(loss * weight, ONE)
    return total


def pin_loss(group: GroupRisk, held: Held) -> int:
    """Return P: the worst payoff at a held strike of an expiry that is near; no model needed."""
    largest = 0
    by_expiry: dict[int, list[tuple[Row, int]]] = defaultdict(list)
    for row, size in held:
        if row.kind in OPTIONS:
            by_expiry[row.expiry].append((row, size))
    for expiry, options in by_expiry.items():
        if not group.is_pinned(options[0][0]):
            continue
        linear = [size * row.mark for row, size in held if _moves_with(row, expiry)]
        forward = options[0][0].forward
        reach = group.risk_set.scalars.pin_range
        for strike in {row.strike for row, _ in options}:
            if not forward * (ONE - reach) <= strike * ONE <= forward * (ONE + reach):
                continue
            total = sum(
                size * (payoff(row.kind, row.strike, strike) - row.mark) for row, size in options
            ) + sum(value * (strike - forward) // forward for value in linear)
            largest = max(largest, -(total // group.coin))
    return largest


def _moves_with(row: Row, expiry: int) -> bool:
    """Return whether a position gains what the underlying of an expiry gains."""
    if row.kind == SPOT:
        return row.delta != 0
    return row.kind == PERPETUAL or (row.kind == FUTURE and row.expiry == expiry)


# Additions


def maintenance_addition(group: GroupRisk, held: Held) -> int:
    """Return A_mm: a part of perpetuals' notional, naked shorts, roll, brackets."""
    scalars = group.risk_set.scalars
    naked = group.at_index(sum(naked_shorts_of(group, held).values()))
    return (
        _of_perpetuals(group, held, scalars.perpetual_maintenance)
        + ceil_div(scalars.naked_maintenance * naked, ONE)
        + roll(group, held)
        + brackets(group, held)
    )


def initial_addition(group: GroupRisk, held: Held) -> int:
    """Return A_im: a part of perpetuals' notional, naked shorts."""
    scalars = group.risk_set.scalars
    naked = group.at_index(sum(naked_shorts_of(group, held).values()))
    perpetuals = _of_perpetuals(group, held, scalars.perpetual_initial)
    return perpetuals + ceil_div(scalars.naked_initial * naked, ONE)


def _of_perpetuals(group: GroupRisk, held: Held, rate: int) -> int:
    return sum(
        ceil_div(rate * (abs(size) * row.mark // group.coin), ONE)
        for row, size in held
        if row.kind == PERPETUAL
    )


def naked_shorts(group: GroupRisk, sizes: Mapping[int, int]) -> dict[int, int]:
    """Return {expiry: N}: sizes short at strikes where calls and puts together are short."""
    return naked_shorts_of(group, group.held(sizes))


def naked_shorts_of(group: GroupRisk, held: Held) -> dict[int, int]:
    """Return the naked shorts of held rows, by expiry; expired options are none."""
    net: dict[tuple[int, int], int] = defaultdict(int)
    for row, size in held:
        if row.kind in OPTIONS and group.is_alive(row):
            net[row.expiry, row.strike] += size
    naked: dict[int, int] = defaultdict(int)
    for (expiry, _), size in net.items():
        naked[expiry] += max(0, -size)
    return dict(naked)


def roll(group: GroupRisk, held: Held) -> int:
    """Return what the time of futures and options costs."""
    rate = group.risk_set.scalars.roll_rate
    return sum(
        ceil_div(rate * (abs(size) * row.forward // group.coin) * row.years, ONE * ONE)
        for row, size in held
        if row.kind in DATED
    )


def brackets(group: GroupRisk, held: Held) -> int:
    """Return what delta and vega beyond what the market carries cost."""
    scalars = group.risk_set.scalars
    vega_point = sum(size * row.vega for row, size in held) // (100 * group.coin)
    delta_above = max(0, abs(delta_usd_of(group, held)) - scalars.delta_threshold)
    vega_above = max(0, abs(vega_point) - scalars.vega_threshold)
    of_delta = ceil_div(scalars.delta_slope * delta_above, ONE)
    return of_delta + ceil_div(scalars.vega_slope * vega_above, ONE)


def confidence_addition(group: GroupRisk, held: Held) -> int:
    """Return C: the widening for an oracle that is not sure."""
    size_sum = sum(abs(size) for row, size in held if row.kind != SPOT)
    doubt = ONE - group.vector.confidence
    rate = group.risk_set.scalars.confidence_rate
    return ceil_div(rate * doubt * group.at_index(size_sum), ONE * ONE)


# Sensitivities


@dataclass(frozen=True, slots=True)
class AccountGreeks:
    """Sums over an account's positions: delta in base units, gamma in 1e-12 coin per USD.

    Vega (a change of volatility by 1.00) and theta (a year) are in 1e-6 USD.
    """

    delta: int
    gamma: int
    vega: int
    theta: int


def greeks(group: GroupRisk, sizes: Mapping[int, int]) -> AccountGreeks:
    """Return the sensitivities of an account in the group (derivatives.md section 3)."""
    held = group.held(sizes)
    return AccountGreeks(
        delta=net_delta_of(held),
        gamma=sum(size * row.gamma for row, size in held) // group.coin,
        vega=sum(size * row.vega for row, size in held) // group.coin,
        theta=sum(size * row.theta for row, size in held) // group.coin,
    )


def delta_sum(group: GroupRisk, sizes: Mapping[int, int]) -> int:
    """Return X, the sum of q delta in 1e-9 base units (Q-20)."""
    return sum(size * row.delta for row, size in group.held(sizes))


def net_delta_of(held: Held) -> int:
    """Return the net delta of held rows in base units, floored."""
    return sum(size * row.delta for row, size in held) // ONE


def delta_usd(group: GroupRisk, sizes: Mapping[int, int]) -> int:
    """Return the net delta at the index, in 1e-6 USD."""
    return delta_usd_of(group, group.held(sizes))


def delta_usd_of(group: GroupRisk, held: Held) -> int:
    """Return the net delta of held rows at the index."""
    return group.at_index(net_delta_of(held))
