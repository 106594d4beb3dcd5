"""The surface and its shocks, against the same formulas in real numbers, and at their ends."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.spec.pricing import shocks, svi
from merkat.spec.pricing.black76 import VOL_MAX, years
from merkat.spec.pricing.q64 import ONE, DomainError, from_rate, mul, sqrt

SLICE = svi.slice_from_wire(10**10, 5 * 10**10, -3 * 10**11, 10**10, 2 * 10**11)


def real_variance(k: float) -> float:
    d = k - 0.01
    return 0.01 + 0.05 * (-0.3 * d + math.sqrt(d * d + 0.04))


def test_a_slice_is_floored_parameter_by_parameter() -> None:
    assert svi.slice_from_wire(1, -1, 0, 10**12, 3) == svi.Slice(
        ONE // 10**12, -(ONE // 10**12) - 1, 0, ONE, 3 * ONE // 10**12
    )


@given(st.integers(-3 * ONE, 3 * ONE))
def test_total_variance_and_volatility_are_those_of_raw_svi(moneyness: int) -> None:
    k = moneyness / ONE
    assert svi.total_variance(SLICE, moneyness) / ONE == pytest.approx(real_variance(k), rel=1e-13)
    end = svi.wing(SLICE) / ONE
    assert end == pytest.approx(4 * math.sqrt(0.01 + 0.05 * 0.2), rel=1e-10)
    clamped = max(-end, min(end, k))
    vol = svi.volatility(SLICE, moneyness, ONE // 4) / ONE
    assert vol == pytest.approx(math.sqrt(real_variance(clamped) * 4), rel=1e-12)


def test_beyond_the_wings_the_volatility_is_flat() -> None:
    end = svi.wing(SLICE)
    for side in (-1, 1):
        at_end = svi.volatility(SLICE, side * end, ONE)
        assert svi.volatility(SLICE, side * 2 * end, ONE) == at_end
        assert svi.volatility(SLICE, side * end * 9 // 10, ONE) != at_end, "not flat before it"


def test_without_variance_the_volatility_is_zero_and_without_time_there_is_none() -> None:
    # Rounded roots leave this slice, which only touches zero, a unit below it.
    touching = svi.Slice(a=-1, b=ONE, rho=0, m=0, sigma=1)
    assert svi.total_variance(touching, 0) == -1
    assert svi.volatility(touching, 0, ONE) == 0
    assert svi.volatility(svi.Slice(a=0, b=0, rho=0, m=0, sigma=ONE), 0, ONE) == 0
    with pytest.raises(DomainError, match="years"):
        svi.volatility(SLICE, 0, 0)


@pytest.mark.parametrize(("shock", "moved"), [(0, 1000), (180_000_000, 1180), (-1, 999)])
def test_a_forward_is_shocked_and_floored(shock: int, moved: int) -> None:
    assert shocks.shocked_forward(1000, shock) == moved


@pytest.mark.parametrize(
    ("seconds", "nearness"),
    [(30 * 86_400, 1.0), (15 * 86_400, 2**0.3), (86_400, 30**0.3), (3_600, 30**0.3), (1, 30**0.3)],
)
def test_a_vol_shock_grows_toward_the_expiry_down_to_one_day(seconds: int, nearness: float) -> None:
    power, up, down = from_rate(300_000_000), from_rate(500_000_000), -from_rate(300_000_000)
    time = years(seconds)
    factor = shocks.volatility_factor(up, time, power) / ONE
    assert factor == pytest.approx(1 + 0.5 * nearness, rel=1e-9)
    fallen = shocks.volatility_factor(down, time, power) / ONE
    assert fallen == pytest.approx(max(0.1, 1 - 0.3 * nearness), rel=1e-9)


def test_a_factor_is_at_least_a_tenth_and_a_volatility_at_most_24() -> None:
    assert shocks.volatility_factor(-ONE, years(86_400), ONE) == ONE // 10
    assert shocks.shocked_volatility(20 * ONE, 2 * ONE) == VOL_MAX
    assert shocks.shocked_volatility(ONE // 5, 2 * ONE) == 2 * (ONE // 5)


def test_the_floor_lifts_an_up_shock_only_from_below() -> None:
    floor = from_rate(400_000_000)
    assert shocks.shocked_volatility(ONE // 10, ONE, floor) == floor
    assert shocks.shocked_volatility(ONE // 2, ONE, floor) == ONE // 2
    assert shocks.shocked_volatility(ONE // 10, ONE) == ONE // 10


SKEW_PARAMETERS = shocks.SkewParameters(
    c_base=from_rate(-50_000_000),
    c_scale=from_rate(150_000_000),
    width=4 * ONE,
    v_static=from_rate(600_000_000),
    v_scale=from_rate(-100_000_000),
    k_min=from_rate(10_000_000),
)


@pytest.mark.parametrize("seconds", [1, 86_400, 30 * 86_400, 730 * 86_400])
def test_a_skew_is_linear_up_to_its_reach_and_capped_beyond(seconds: int) -> None:
    root = sqrt(years(seconds))
    skew = shocks.skew_of(SKEW_PARAMETERS, root)
    t = root / ONE
    assert skew.cap / ONE == pytest.approx(0.15 - 0.05 * t, rel=1e-9)
    assert skew.reach / ONE == pytest.approx(max(0.01, 4 * t * (0.6 - 0.1 * t)), rel=1e-6)
    half = shocks.skew_factor(skew, skew.reach // 2, absolute=False) / ONE
    assert half == pytest.approx(1 + skew.cap / ONE / 2, rel=1e-9)
    assert shocks.skew_factor(skew, 3 * skew.reach, absolute=False) == ONE + skew.cap
    assert shocks.skew_factor(skew, -3 * skew.reach, absolute=False) == ONE - skew.cap
    assert shocks.skew_factor(skew, -3 * skew.reach, absolute=True) == ONE + skew.cap


def test_a_negative_cap_bends_up_everywhere() -> None:
    skew = shocks.Skew(cap=-(ONE // 20), reach=ONE)
    for moneyness in (-9 * ONE, -1, 0, 1, 9 * ONE):
        factor = shocks.skew_factor(skew, moneyness, absolute=False)
        assert factor == ONE + ONE // 20, "max(-cap, min(cap, x)) with cap below zero is -cap"


def test_a_skew_never_makes_a_volatility_negative() -> None:
    skew = shocks.Skew(cap=2 * ONE, reach=ONE // 100)
    assert shocks.skew_factor(skew, -ONE, absolute=False) == 0
    assert shocks.skewed_volatility(ONE // 2, 0) == 0
    assert shocks.skewed_volatility(ONE // 2, 3 * ONE // 2) == mul(ONE // 2, 3 * ONE // 2)
