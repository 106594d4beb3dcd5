"""Sections 4 and 5 of risk.md once more, word for word and without any sharing."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, floor

from merkat.spec.pricing.q64 import ONE as Q64_ONE
from merkat.spec.pricing.q64 import sqrt
from merkat.spec.pricing.svi import total_variance
from merkat.spec.risk.group import GroupRisk
from merkat.spec.risk.orders import OpenOrder
from merkat.spec.risk.rows import Row

PERPETUAL, FUTURE, CALL, PUT, SPOT = 1, 2, 3, 4, 5
E9 = 10**9
Sizes = dict[int, int]


def pay(row: Row, price: int) -> int:
    return max(0, price - row.strike) if row.kind == CALL else max(0, row.strike - price)


def of_kinds(group: GroupRisk, sizes: Sizes, *kinds: int) -> list[tuple[Row, int]]:
    return [
        (group.rows[listing], size)
        for listing, size in sizes.items()
        if listing in group.rows and group.rows[listing].kind in kinds
    ]


def expiries(group: GroupRisk, sizes: Sizes, *kinds: int) -> list[int]:
    return sorted({row.expiry for row, _ in of_kinds(group, sizes, *kinds)})


def profit(group: GroupRisk, sizes: Sizes, s: int) -> int:
    held = of_kinds(group, sizes, 1, 2, 3, 4, 5)
    return floor(Fraction(sum(q * (r.scenarios[s] - r.mark) for r, q in held), group.coin))


def orders_profit(group: GroupRisk, orders: Sequence[OpenOrder], s: int) -> int:
    total = 0
    for order in orders:
        entry = group.rows[order.listing].scenarios[s]
        gain = entry - order.limit if order.is_buy else order.limit - entry
        total += min(0, floor(Fraction(order.left * gain, group.coin)))
    return total


def damp(group: GroupRisk, s: int, l: int) -> int:  # noqa: E741 - the letter of the text
    scalars = group.risk_set.scalars
    d = group.risk_set.scenarios[s].damp * 1000
    lo = floor(Fraction(scalars.damp_low * group.fund, E9))
    hi = floor(Fraction(scalars.damp_high * group.fund, E9))
    if l >= hi:
        return E9
    return d if l <= lo else d + (E9 - d) * (l - lo) // (hi - lo)


def ordinary(group: GroupRisk, x: int, s: int) -> int:
    return 0 if x >= 0 else ceil(Fraction(-x * damp(group, s, -x), E9))


def skew(group: GroupRisk, sizes: Sizes, s: int) -> int:
    return sum(
        abs(
            floor(
                Fraction(
                    sum(
                        q * (r.scenarios[s] - r.mark)
                        for r, q in of_kinds(group, sizes, CALL, PUT)
                        if r.expiry == e
                    ),
                    group.coin,
                )
            )
        )
        for e in expiries(group, sizes, CALL, PUT)
    )


def basis(group: GroupRisk, sizes: Sizes) -> int:
    scalars, total = group.risk_set.scalars, 0
    for e in expiries(group, sizes, FUTURE, CALL, PUT):
        held = [(r, q) for r, q in of_kinds(group, sizes, FUTURE, CALL, PUT) if r.expiry == e]
        u = floor(Fraction(sum(q * (r.up - r.mark) for r, q in held), group.coin))
        d = floor(Fraction(sum(q * (r.down - r.mark) for r, q in held), group.coin))
        years = max(r.years for r, _ in held)
        weight = scalars.basis_base + floor(Fraction(scalars.basis_per_year * years, E9))
        total += ceil(Fraction(max(0, -u, -d) * weight, E9))
    return total


def pin(group: GroupRisk, sizes: Sizes) -> int:
    scalars, vector, largest = group.risk_set.scalars, group.vector, 0
    for e in expiries(group, sizes, CALL, PUT):
        options = [(r, q) for r, q in of_kinds(group, sizes, CALL, PUT) if r.expiry == e]
        f = options[0][0].forward
        if options[0][0].years <= 0 or e <= vector.time or vector.time >= e - 1_800 * E9:
            continue
        quote = vector.quote(e)
        assert quote is not None
        deviation = sqrt(total_variance(quote.slice, 0)) * E9 // Q64_ONE
        near = (e - vector.time) // E9 < scalars.pin_seconds
        if not near and deviation >= scalars.pin_deviation:
            continue
        others = [
            (r, q)
            for r, q in of_kinds(group, sizes, PERPETUAL, SPOT, FUTURE)
            if (r.kind != SPOT or r.delta != 0) and (r.kind != FUTURE or r.expiry == e)
        ]
        for k in {r.strike for r, _ in options}:
            if f * (E9 - scalars.pin_range) <= E9 * k <= f * (E9 + scalars.pin_range):
                x = sum(q * (pay(r, k) - r.mark) for r, q in options)
                x += sum(floor(Fraction(q * r.mark * (k - f), f)) for r, q in others)
                largest = max(largest, -floor(Fraction(x, group.coin)))
    return largest


def terms(
    group: GroupRisk, sizes: Sizes, orders: Sequence[OpenOrder] = ()
) -> list[tuple[int, int]]:
    """(term, name) in the order in which names decide."""
    ordinaries, skews = [], []
    for s, scenario in enumerate(group.risk_set.scenarios):
        if scenario.vol < 3:
            x = profit(group, sizes, s) + orders_profit(group, orders, s)
            ordinaries.append((ordinary(group, x, s), s))
        else:
            skews.append((skew(group, sizes, s), s))
    return [*ordinaries, *skews, (basis(group, sizes), 64), (pin(group, sizes), 65)]


def naked(group: GroupRisk, sizes: Sizes) -> int:
    total = 0
    live = [(r, q) for r, q in of_kinds(group, sizes, CALL, PUT) if r.expiry > group.vector.time]
    for e, k in {(r.expiry, r.strike) for r, _ in live}:
        total += max(0, -sum(q for r, q in live if (r.expiry, r.strike) == (e, k)))
    return total


def notional(group: GroupRisk, size: int, price: int) -> int:
    return floor(Fraction(size * price, group.coin))


def a_mm(group: GroupRisk, sizes: Sizes) -> int:
    s, index = group.risk_set.scalars, group.vector.index
    total = sum(
        ceil(Fraction(s.perpetual_maintenance * notional(group, abs(q), r.mark), E9))
        for r, q in of_kinds(group, sizes, PERPETUAL)
    )
    total += ceil(Fraction(s.naked_maintenance * notional(group, naked(group, sizes), index), E9))
    total += sum(
        ceil(Fraction(s.roll_rate * notional(group, abs(q), r.forward) * r.years, E9**2))
        for r, q in of_kinds(group, sizes, FUTURE, CALL, PUT)
    )
    held = of_kinds(group, sizes, 1, 2, 3, 4, 5)
    delta = floor(Fraction(sum(q * r.delta for r, q in held), E9))
    delta_usd = floor(Fraction(delta * index, group.coin))
    vega = floor(Fraction(sum(q * r.vega for r, q in held), 100 * group.coin))
    total += ceil(Fraction(s.delta_slope * max(0, abs(delta_usd) - s.delta_threshold), E9))
    return total + ceil(Fraction(s.vega_slope * max(0, abs(vega) - s.vega_threshold), E9))


def a_im(group: GroupRisk, sizes: Sizes) -> int:
    s, index = group.risk_set.scalars, group.vector.index
    total = sum(
        ceil(Fraction(s.perpetual_initial * notional(group, abs(q), r.mark), E9))
        for r, q in of_kinds(group, sizes, PERPETUAL)
    )
    short = notional(group, naked(group, sizes), index)
    return total + ceil(Fraction(s.naked_initial * short, E9))


def confidence(group: GroupRisk, sizes: Sizes) -> int:
    s, vector = group.risk_set.scalars, group.vector
    size = sum(abs(q) for _, q in of_kinds(group, sizes, 1, 2, 3, 4))
    at_index = notional(group, size, vector.index)
    return ceil(Fraction(s.confidence_rate * (E9 - vector.confidence) * at_index, E9**2))


def portfolio(
    group: GroupRisk, sizes: Sizes, orders: Sequence[OpenOrder] = ()
) -> tuple[int, int, int]:
    """(MM, IM, worst)."""
    s = group.risk_set.scalars
    named = terms(group, sizes)
    risk = max(0, *(term for term, _ in named))
    risk_initial = max(0, *(term for term, _ in terms(group, sizes, orders)))
    name = next(n for t, n in named if t == risk) if risk else 255
    peg = max(0, s.peg_threshold - group.vector.peg) * s.peg_factor // E9
    fixed = a_mm(group, sizes)
    maintenance = ceil(Fraction(s.maintenance_factor * risk, E9)) + fixed
    initial = ceil(Fraction((s.initial_factor + peg) * risk_initial, E9)) + fixed
    return maintenance, initial + a_im(group, sizes) + confidence(group, sizes), name


def short_option(group: GroupRisk, row: Row, n: int) -> tuple[int, int]:
    """(MM, IM) of n sold."""
    s, i, coin = group.risk_set.scalars, group.vector.index, group.coin
    m = ceil(Fraction(n * row.mark, coin))

    def first(away: int) -> int:
        most = s.standard_initial_most * n * i - E9 * n * max(0, away)
        return ceil(Fraction(max(s.standard_initial_least * n * i, most), E9 * coin)) + m

    if row.kind == CALL:
        mm = ceil(Fraction(s.standard_maintenance * notional(group, n, i), E9)) + m
        return mm, first(row.strike - i)
    mm = m + max(
        ceil(Fraction(s.standard_maintenance * n * i, E9 * coin)),
        ceil(Fraction(s.standard_maintenance * m, E9)),
    )
    return mm, max(first(i - row.strike), ceil(Fraction(105 * mm, 100)))


def standard(group: GroupRisk, sizes: Sizes) -> tuple[int, int]:
    """(MM, IM)."""
    s, coin = group.risk_set.scalars, group.coin
    mm = im = 0
    for row, q in of_kinds(group, sizes, PERPETUAL, FUTURE):
        value = notional(group, abs(q), row.mark)
        mm += ceil(Fraction(group.maintenance_rate * value, E9))
        im += ceil(Fraction(group.initial_rate * value, E9))
    for e in expiries(group, sizes, CALL, PUT):
        held = [(r, q) for r, q in of_kinds(group, sizes, CALL, PUT) if r.expiry == e]
        v = sum(notional(group, q, r.mark) for r, q in held)
        shorts = [short_option(group, r, -q) for r, q in held if q < 0]
        worst = min(
            floor(Fraction(sum(q * pay(r, x) for r, q in held), coin))
            for x in [0, *(r.strike for r, _ in held)]
        )
        net = sum(q for r, q in held if r.kind == CALL)
        bounds = []
        for unpaired in (s.standard_unpaired_maintenance, s.standard_unpaired_initial):
            bound = max(0, -worst)
            if net < 0:
                at_forward = notional(group, -net, held[0][0].forward)
                bound += ceil(Fraction(unpaired * at_forward, E9))
            bounds.append(bound)
        mm += max(0, v + min(sum(a for a, _ in shorts), bounds[0]))
        im += max(0, v + min(sum(b for _, b in shorts), bounds[1]))
    return mm, im + confidence(group, sizes)
