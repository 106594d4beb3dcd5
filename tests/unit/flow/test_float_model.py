"""The float margin beside the specification's integers, and what it says of simple books."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from merkat.flow import float_model
from merkat.flow.float_margin import figures
from merkat.flow.float_model import Group, Listing, Rows, Samples, build
from merkat.sdk import risk_sets, surfaces
from merkat.sdk.commands import (
    KIND_CALL,
    KIND_FUTURE,
    KIND_PERPETUAL,
    KIND_PUT,
    PORTFOLIO,
    STANDARD,
)
from merkat.spec.risk import portfolio, standard
from merkat.spec.risk import rows as spec_rows
from merkat.spec.risk.group import GroupRisk
from merkat.spec.risk.parameters import RiskSet
from merkat.spec.risk.terms import Terms
from merkat.spec.risk.vector import SurfaceVector
from merkat.spec.risk.window import Samples as SpecSamples

DAY_NS = 86_400 * 10**9
EXPIRY = 20_500 * DAY_NS + 8 * 3_600 * 10**9
INDEX = 60_000_000_000
COIN = 10**8
QUANTUM = 100
RISK_SET = risk_sets.risk_set(roll_rate=20_000_000, delta_threshold=10**11, vega_threshold=10**8)
GROUP = Group(RISK_SET, COIN, 0.05, 0.065, 0.005)
TERMS = [
    Terms(1, KIND_PERPETUAL, 0, 0, QUANTUM, 0),
    Terms(2, KIND_FUTURE, 0, EXPIRY, QUANTUM, 0),
    Terms(3, KIND_FUTURE, 0, EXPIRY + 30 * DAY_NS, QUANTUM, 0),
]
for _expiry in (EXPIRY, EXPIRY + 30 * DAY_NS):
    for _strike in (40_000, 54_000, 58_000, 60_000, 61_000, 66_000, 90_000):
        for _kind in (KIND_CALL, KIND_PUT):
            TERMS.append(Terms(len(TERMS) + 1, _kind, _strike * 10**6, _expiry, QUANTUM, 0))


def quote(expiry_ns: int, time_ns: int, forward: int) -> surfaces.ExpiryQuote:
    """Return a slice of about 60 % vol with a skew."""
    years = (expiry_ns - time_ns) / 1e9 / 31_536_000
    root = math.sqrt(years)
    a, b, m, sigma = 0.2 * years, 0.14 * root, 0.05 * root, 0.7 * root
    rounded = [round(one * 1e12) for one in (a, b, -0.4, m, sigma)]
    return surfaces.ExpiryQuote(expiry_ns, forward, *rounded)


def surface(time_ns: int, vol_mean: int = 600_000_000) -> surfaces.Surface:
    """Return a surface of the expiries that are still to come."""
    expiries = [(EXPIRY, INDEX + 5_123_456), (EXPIRY + 30 * DAY_NS, INDEX * 101 // 100)]
    return surfaces.Surface(
        group=0,
        number=1,
        time_ns=time_ns,
        index=INDEX,
        basis=400_000,
        vol=600_000_000,
        vol_mean=vol_mean,
        confidence=940_000_000,
        peg=985_000_000,
        expiries=tuple(quote(e, time_ns, f) for e, f in expiries if e > time_ns),
    )


def listings_of(terms: list[Terms]) -> list[Listing]:
    """Return the same contracts as the float model takes them."""
    return [
        Listing(one.listing, one.kind, one.strike / 1e6, one.expiry, one.quantum / 1e6)
        for one in terms
    ]


def both(
    now: surfaces.Surface, samples: tuple[int, int, int] = (0, 0, 0), price: int = 0
) -> tuple[GroupRisk, Rows]:
    """Return both readers' rows at a vector; `price`: the delivery price of the first expiry."""
    before = surface(EXPIRY - DAY_NS)
    risk_set = RiskSet.decode(RISK_SET.encode())
    standing: dict[int, spec_rows.Row] = {}
    floats = None
    for vector in (before, now):
        at_end = vector is now
        terms = tuple(
            replace(one, delivery_price=price if at_end and one.expiry == EXPIRY else 0)
            for one in TERMS
        )
        found = spec_rows.build_rows(
            spec_rows.RowInputs(
                SurfaceVector.decode(vector.encode()),
                risk_set,
                terms,
                COIN,
                5_000_000,
                50_000_000,
                SpecSamples(*samples) if at_end else SpecSamples(0, 0, 0),
                standing,
                before.time_ns if at_end else 0,
            )
        )
        assert found is not None
        standing = {row.listing: row for row in found}
        floats = build(
            GROUP,
            vector,
            listings_of(TERMS),
            Samples(samples[0], samples[1], samples[2] / 1e6) if at_end else Samples(),
            {EXPIRY: price / 1e6} if price and at_end else {},
            floats,
        )
    assert floats is not None
    fund = 3_000_000 * 10**6
    spec_vector = SurfaceVector.decode(now.encode())
    risk = GroupRisk(risk_set, spec_vector, standing, COIN, fund, 50_000_000, 65_000_000)
    return risk, floats


def books(seed: int, count: int) -> list[dict[int, int]]:
    """Return books of a few positions, small and large."""
    source = random.Random(seed)
    found = []
    for _ in range(count):
        chosen = source.sample(TERMS, source.randint(1, 12))
        scale = source.choice((1, 30, 900))
        found.append(
            {
                one.listing: source.choice((-1, 1)) * source.randint(1, 100) * 10**6 * scale
                for one in chosen
            }
        )
    return found


MOMENTS = {
    "a_day_before": (surface(EXPIRY - DAY_NS + 10**9), (0, 0, 0), 0),
    "calm": (surface(EXPIRY - 10 * DAY_NS, vol_mean=590_000_000), (0, 0, 0), 0),
    "in_the_window": (
        surface(EXPIRY - 600 * 10**9),
        (EXPIRY // DAY_NS, 1_190, 1_190 * (INDEX - 300_000_000)),
        0,
    ),
    "waiting": (surface(EXPIRY + 60 * 10**9), (0, 0, 0), 0),
    "delivered": (surface(EXPIRY + 60 * 10**9), (0, 0, 0), 60_432_100_000),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("mode", [STANDARD, PORTFOLIO])
def test_floats_and_integers_agree(moment: str, mode: int) -> None:
    risk, floats = both(*MOMENTS[moment])
    for book in books(mode, 60):
        found = figures(GROUP, floats, book, mode, risk.fund / 1e6)
        expected = (standard if mode == STANDARD else portfolio).margin(risk, book)
        value = sum(size * risk.rows[one].mark for one, size in book.items() if one in risk.rows)
        assert found.value == pytest.approx(value / COIN / 1e6, rel=1e-9, abs=1e-3)
        assert found.maintenance == pytest.approx(expected.maintenance / 1e6, rel=1e-6, abs=0.01)
        assert found.initial == pytest.approx(expected.initial / 1e6, rel=1e-6, abs=0.01)


def test_canary_a_changed_parameter_shows() -> None:
    """The comparison above is no tautology: another maintenance factor gives another figure."""
    risk, floats = both(*MOMENTS["calm"])
    book = {1: 10**8}
    scalars = replace(RISK_SET.scalars, maintenance_factor=700_000_000)
    other = replace(GROUP, risk_set=replace(RISK_SET, scalars=scalars))
    found = figures(other, floats, book, PORTFOLIO, risk.fund / 1e6)
    assert found.maintenance < 0.95 * portfolio.margin(risk, book).maintenance / 1e6


def test_a_perpetual_in_both_modes_by_hand() -> None:
    floats = build(GROUP, surface(EXPIRY - DAY_NS), listings_of(TERMS), Samples(), {}, None)
    book = {1: 2 * COIN}
    mark = 60_000 * (1 + 0.0004)
    found = figures(GROUP, floats, book, STANDARD, 0.0)
    assert found.value == pytest.approx(2 * mark, rel=1e-8)
    assert found.maintenance == pytest.approx(0.05 * 2 * mark, rel=1e-8)
    # -66 % undamped with an empty fund is the worst of all scenarios.
    found = figures(GROUP, floats, book, PORTFOLIO, 0.0)
    over = (
        RISK_SET.scalars.delta_slope / 1e9 * (2 * 60_000 - RISK_SET.scalars.delta_threshold / 1e6)
    )
    expected = 0.8 * 0.66 * 2 * mark + 0.03 * 2 * mark + over
    assert found.maintenance == pytest.approx(expected, rel=1e-8)
    damped = figures(GROUP, floats, book, PORTFOLIO, 1e12)
    assert damped.maintenance == pytest.approx(expected - 0.8 * (0.66 - 0.18) * 2 * mark, rel=1e-8)


def test_prices_by_parity_and_at_the_ends() -> None:
    import numpy as np

    forward, strike = np.array([100.0]), np.array([110.0])
    vol, yes, no = np.array([0.6]), np.array([True]), np.array([False])
    call = float_model.black(forward, strike, 0.5, vol, yes)
    put = float_model.black(forward, strike, 0.5, vol, no)
    assert put - call == pytest.approx(10.0), "put-call parity"
    # Black 1976, written again with erfc.
    d1 = (math.log(100 / 110) + 0.09) / (0.6 * math.sqrt(0.5))
    d2 = d1 - 0.6 * math.sqrt(0.5)

    def phi(x: float) -> float:
        return 0.5 * math.erfc(-x / math.sqrt(2))

    assert call[0] == pytest.approx(100 * phi(d1) - 110 * phi(d2), rel=1e-12)
    assert float_model.black(forward, strike, 0.0, vol, no)[0] == 10.0, "intrinsic without time"
    zero = np.array([0.0])
    assert float_model.black(zero, strike, 0.5, vol, no)[0] == 110.0, "intrinsic without forward"
