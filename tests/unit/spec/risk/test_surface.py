"""E-07 to E-13: each rule from both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from merkat.spec.pricing.q64 import ONE as Q64_ONE
from merkat.spec.risk.parameters import Scalars
from merkat.spec.risk.surface import CHECKS, EXPIRY_NS_MAX, Candidate, clamped_variance, density
from merkat.spec.risk.terms import CALL, FUTURE, Terms
from merkat.spec.risk.vector import ExpiryQuote, SurfaceVector
from tests.unit.spec.risk import market

FIRST = market.EXPIRIES[0]


def candidate(vector: SurfaceVector, **changes: object) -> Candidate:
    made = Candidate(vector, market.listings(), None, Scalars().vol_jump)
    return replace(made, **changes)  # type: ignore[arg-type]


def first_failure(of: Candidate) -> tuple[str, str] | None:
    for rule_id, check in CHECKS.items():
        field = check(of)
        if field is not None:
            return rule_id, field
    return None


def with_first(**changes: int) -> SurfaceVector:
    """The market's vector with its first expiry changed."""
    first, *others = market.vector().expiries
    return market.vector(expiries=(replace(first, **changes), *others))


def with_last(**changes: int) -> SurfaceVector:
    """The market's vector with its last expiry changed."""
    *others, last = market.vector().expiries
    return market.vector(expiries=(*others, replace(last, **changes)))


def alone(quote: ExpiryQuote) -> Candidate:
    """A candidate of one expiry with no listing."""
    return candidate(market.vector(expiries=(quote,)), terms=())


def flat(variance: int, **changes: int) -> ExpiryQuote:
    """A slice of constant variance (1e-12), but for `changes`."""
    quote = ExpiryQuote(FIRST, market.INDEX, a=variance, b=0, rho=0, m=0, sigma=10**11)
    return replace(quote, **changes)


def test_the_market_is_admitted_and_the_checks_stand_in_order() -> None:
    assert list(CHECKS) == [f"E-{number:02}" for number in range(7, 14)]
    assert first_failure(candidate(market.vector())) is None


@pytest.mark.parametrize(
    ("field", "accepted", "refused"),
    [
        ("confidence", 0, -1),
        ("confidence", 10**9, 10**9 + 1),
        ("peg", 1, 0),
        ("peg", 2 * 10**9, 2 * 10**9 + 1),
        ("vol", 100_000, 99_999),
        ("vol", 24 * 10**9, 24 * 10**9 + 1),
        ("vol_mean", 100_000, 99_999),
        ("vol_mean", 24 * 10**9, 24 * 10**9 + 1),
    ],
)
def test_e_07_values(field: str, accepted: int, refused: int) -> None:
    assert first_failure(candidate(market.vector(**{field: accepted}))) is None
    assert first_failure(candidate(market.vector(**{field: refused}))) == ("E-07", field)


@pytest.mark.parametrize(
    ("forward", "failure"),
    [
        (market.INDEX // 2, None),
        (market.INDEX // 2 - 1, ("E-07", "forward")),
        (market.INDEX * 2, None),
        (market.INDEX * 2 + 1, ("E-07", "forward")),
    ],
)
def test_e_07_forwards(forward: int, failure: tuple[str, str] | None) -> None:
    assert first_failure(alone(flat(10**9, forward=forward))) == failure


@pytest.mark.parametrize(
    ("expiry", "failure"),
    [
        (market.NOON + 10**9, None),
        (market.NOON, ("E-07", "expiry")),
        (market.NOON + 10**9 + 1, ("E-07", "expiry")),
        (market.NOON + EXPIRY_NS_MAX, None),
        (market.NOON + EXPIRY_NS_MAX + 10**9, ("E-07", "expiry")),
    ],
)
def test_e_07_expiries(expiry: int, failure: tuple[str, str] | None) -> None:
    assert first_failure(alone(flat(10**9, expiry=expiry))) == failure


def test_e_07_expiries_ascend() -> None:
    first, second, *others = market.vector().expiries
    swapped = market.vector(expiries=(second, first, *others))
    twice = market.vector(expiries=(first, first, second, *others))
    for vector in (swapped, twice):
        assert first_failure(candidate(vector)) == ("E-07", "expiry")


def test_e_07_goes_expiry_by_expiry() -> None:
    first, second, *others = market.vector().expiries
    both = (replace(first, forward=1), replace(second, expiry=second.expiry + 1), *others)
    assert first_failure(candidate(market.vector(expiries=both))) == ("E-07", "forward")


@pytest.mark.parametrize(
    "changes",
    [
        {"b": -1},
        {"rho": 10**12},
        {"rho": -(10**12)},
        {"sigma": 0},
        {"sigma": -1},
        {"a": -(10**9)},
        {"a": 10**15 + 1},
        {"m": 10**15 + 1},
        {"m": -(10**15) - 1},
        {"b": 15 * 10**11, "rho": 4 * 10**11},
        {"a": 0, "b": 0},
    ],
)
def test_e_08_refuses_a_slice_without_shape(changes: dict[str, int]) -> None:
    assert first_failure(alone(flat(10**9))) is None
    assert first_failure(alone(flat(10**9, **changes))) == ("E-08", "surface")


def test_e_08_accepts_a_slope_of_two() -> None:
    steep = flat(10**9, b=16 * 10**11, rho=-2 * 10**11, sigma=10**12)
    assert CHECKS["E-08"](alone(steep)) is None, "1.6 (1 + 0.2) is below 2"
    steeper = replace(steep, b=17 * 10**11)
    assert CHECKS["E-08"](alone(steeper)) == "surface", "1.7 (1 + 0.2) is above 2"


def test_e_08_ends_at_a_slope_of_two_and_a_least_variance_of_zero() -> None:
    assert CHECKS["E-08"](alone(flat(10**9, b=2 * 10**12))) is None, "2 (1 + 0) is allowed"
    # With rho 0.8 the least variance is a + 0.6 b sigma.
    for a, field in ((-6 * 10**9 + 100, None), (-6 * 10**9 - 100, "surface")):
        assert CHECKS["E-08"](alone(flat(a, b=10**11, rho=8 * 10**11))) == field


def test_e_09_refuses_a_slice_with_a_butterfly() -> None:
    # A kink away from the money, and wings that are steep for so little variance.
    kinked = flat(0, b=5 * 10**11, m=2 * 10**11, sigma=10**11)
    assert CHECKS["E-08"](alone(kinked)) is None, "its shape alone is that of a slice"
    assert first_failure(alone(kinked)) == ("E-09", "surface")
    assert first_failure(alone(replace(kinked, b=5 * 10**10, m=0))) is None


def test_e_09_tests_both_ends_of_the_grid() -> None:
    for side in (-1, 1):
        steep = flat(10**10, b=4 * 10**11, rho=side * 9 * 10**11, sigma=10**9)
        assert density(steep.slice, 0) > 0
        assert first_failure(alone(steep)) == ("E-09", "surface")


def test_e_09_density_of_a_flat_slice_is_positive() -> None:
    assert density(flat(10**9).slice, 0) > 0


def test_e_10_refuses_variance_that_falls_with_time() -> None:
    assert first_failure(candidate(with_first(a=market.vector().expiries[0].a))) is None
    assert first_failure(candidate(with_first(a=10**10))) == ("E-10", "surface")


def test_e_10_sees_a_crossing_in_a_wing_alone() -> None:
    earlier = flat(10**10, b=10**11, rho=-8 * 10**11)
    later = flat(10**10, b=10**11, rho=8 * 10**11, expiry=FIRST + 10**9, a=10**10)
    assert earlier.slice.a == later.slice.a
    crossing = candidate(market.vector(expiries=(earlier, later)), terms=())
    assert CHECKS["E-10"](crossing) == "surface"
    equal = candidate(
        market.vector(expiries=(earlier, replace(earlier, expiry=later.expiry))), terms=()
    )
    assert CHECKS["E-10"](equal) is None, "equal variance is allowed"


def test_e_10_sees_a_crossing_between_the_money_and_the_wings() -> None:
    earlier = flat(10**10)
    later = flat(2 * 10**9, b=10**11, m=10**11, sigma=5 * 10**10, expiry=FIRST + 10**9)
    for moneyness, is_above in ((-4, True), (0, True), (1, False), (2, True), (4, True)):
        k = moneyness * Q64_ONE // 10
        above = clamped_variance(later.slice, k) >= clamped_variance(earlier.slice, k)
        assert above is is_above, "this pair crosses at a tenth alone"
    crossing = candidate(market.vector(expiries=(earlier, later)), terms=())
    assert CHECKS["E-10"](crossing) == "surface"


@pytest.mark.parametrize("kind", [FUTURE, CALL])
def test_e_11_refuses_a_vector_without_the_expiry_of_a_live_listing(kind: int) -> None:
    strike = market.INDEX if kind == CALL else 0
    unlisted = Terms(900, kind, strike, FIRST + 10**9, market.QUANTUM)
    terms = (*market.listings(), unlisted)
    assert first_failure(candidate(market.vector(), terms=terms)) == ("E-11", "expiry")
    over = replace(unlisted, expiry=market.NOON)
    terms = (*market.listings(), over)
    assert first_failure(candidate(market.vector(), terms=terms)) is None, "it has expired"


def test_e_12_refuses_a_jump_of_the_money_volatility() -> None:
    # The first expiry's at-the-money volatility is 0.5; what is allowed is five points.
    base = market.vector()
    for sigma, failure in ((0.54, None), (0.56, ("E-12", "surface")), (0.44, ("E-12", "surface"))):
        quotes = tuple(market.quote(expiry, sigma=sigma) for expiry in market.EXPIRIES)
        made = candidate(market.vector(expiries=quotes), jump_base=base)
        assert first_failure(made) == failure
        assert first_failure(replace(made, jump_base=None)) is None, "nothing to compare with"


def test_e_12_compares_volatility_and_not_variance() -> None:
    later = market.NOON + 10 * 3_600 * 10**9
    made = candidate(market.vector(time=later), jump_base=market.vector())
    assert first_failure(made) is None, "half the time has passed, the volatility is the same"


def test_e_12_leaves_new_expiries_alone() -> None:
    base = market.vector(expiries=market.vector().expiries[1:])
    quotes = (market.quote(FIRST, sigma=0.2), *market.vector().expiries[1:])
    made = candidate(market.vector(expiries=quotes), jump_base=base)
    assert first_failure(made) is None


@pytest.mark.parametrize(
    ("variance", "failure"), [(4_000, None), (30, None), (24, ("E-13", "surface"))]
)
def test_e_13_refuses_a_strike_without_a_volatility_in_the_domain(
    variance: int, failure: tuple[str, str] | None
) -> None:
    # A day at a vol of 0.0001 has a variance of 2.7e-11, 27 on the wire.
    expiry = market.NOON + 86_400 * 10**9
    quote = flat(variance, expiry=expiry)
    option = Terms(1, CALL, market.INDEX, expiry, market.QUANTUM)
    of_vector = market.vector(expiries=(quote,))
    assert first_failure(candidate(of_vector, terms=(option,))) == failure
    future = replace(option, kind=FUTURE, strike=0)
    assert first_failure(candidate(of_vector, terms=(future,))) is None, "a future has no vol"


def test_e_13_refuses_a_volatility_above_24() -> None:
    expiry = market.NOON + 10**9
    option = Terms(1, CALL, market.INDEX, expiry, market.QUANTUM)
    for variance, failure in ((18_000_000, None), (19_000_000, ("E-13", "surface"))):
        vector = market.vector(expiries=(flat(variance, expiry=expiry),))
        assert first_failure(candidate(vector, terms=(option,))) == failure
