"""The risk set of a group: scalars and scenarios, their bytes and bounds (risk.md section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, TypeAlias

from merkat.spec.codec import I64, U8, U32, Integer, Reader, Record, layout
from merkat.spec.values import ONE, cut, keccak256

SCENARIOS_MAX = 64
DAMP_ONE = 1_000_000
PRICE_SHOCK_MIN = -990_000
PRICE_SHOCK_MAX = 20_000_000

VOL_SAME = 0  # what a scenario does to volatilities
VOL_UP = 1
VOL_DOWN = 2
SKEW_LINEAR = 3
SKEW_ABSOLUTE = 4

I32: TypeAlias = Annotated[int, Integer(4, signed=True)]


@dataclass(frozen=True, slots=True)
class Scalars(Record):
    """The 53 scalars in their order: rates in 1e-9 unless said otherwise, with their defaults."""

    maintenance_factor: I64 = 800_000_000
    initial_factor: I64 = 1_000_000_000
    vol_up: I64 = 500_000_000
    vol_down: I64 = 300_000_000
    vol_down_high: I64 = 450_000_000
    vol_power_short: I64 = 300_000_000
    vol_power_long: I64 = 130_000_000
    vol_floor: I64 = 400_000_000
    skew_base: I64 = -50_000_000
    skew_scale: I64 = 150_000_000
    skew_k_least: I64 = 10_000_000
    skew_width: I64 = 4_000_000_000
    skew_vol_static: I64 = 600_000_000
    skew_vol_scale: I64 = -100_000_000
    basis_shock: I64 = 45_000_000
    basis_base: I64 = 500_000_000
    basis_per_year: I64 = 2_000_000_000
    pin_deviation: I64 = 50_000_000
    pin_seconds: I64 = 259_200
    pin_range: I64 = 180_000_000
    perpetual_maintenance: I64 = 30_000_000
    perpetual_initial: I64 = 10_000_000
    naked_maintenance: I64 = 3_000_000
    naked_initial: I64 = 2_000_000
    roll_rate: I64 = 0  # a year
    delta_threshold: I64 = 20_000_000_000_000  # 1e-6 USD
    delta_slope: I64 = 20_000_000
    vega_threshold: I64 = 200_000_000_000  # 1e-6 USD a vol point
    vega_slope: I64 = 1_000_000_000
    damp_low: I64 = 20_000_000  # of the fund
    damp_high: I64 = 200_000_000  # of the fund
    confidence_rate: I64 = 50_000_000
    peg_threshold: I64 = 990_000_000
    peg_factor: I64 = 4_000_000_000
    wide_window_ns: I64 = 0  # H
    option_band: I64 = 200_000_000
    option_spread: I64 = 50_000_000  # half
    premium_cap: I64 = 125_000_000
    option_liquidation_fee: I64 = 2_000_000  # of index
    vol_jump: I64 = 50_000_000
    haircut: I64 = 100_000_000
    haircut_large: I64 = 200_000_000
    haircut_tier: I64 = 10_000_000_000_000  # 1e-6 USD at index
    loan_limit: I64 = 500_000_000  # of collateral
    loan_maintenance: I64 = 700_000_000  # of collateral
    loan_cap: I64 = 1_000_000_000_000  # 1e-6 USD an account
    collateral_offset: I64 = 0
    standard_initial_most: I64 = 150_000_000
    standard_initial_least: I64 = 130_000_000
    standard_maintenance: I64 = 90_000_000
    standard_unpaired_initial: I64 = 1_200_000_000
    standard_unpaired_maintenance: I64 = 1_100_000_000
    samples_least: I64 = 1_620


# Where a bound is a name, it is the value of that scalar.
BOUNDS: tuple[tuple[str, int | str, int | str], ...] = (
    ("maintenance_factor", 0, 4 * ONE),
    ("initial_factor", "maintenance_factor", 8 * ONE),
    ("vol_up", 0, 4 * ONE),
    ("vol_down", 0, ONE),
    ("vol_down_high", 0, ONE),
    ("vol_power_short", 0, ONE),
    ("vol_power_long", 0, ONE),
    ("vol_floor", 0, 4 * ONE),
    ("skew_base", -ONE, ONE),
    ("skew_scale", 0, ONE),
    ("skew_k_least", 1_000_000, ONE),
    ("skew_width", 0, 10 * ONE),
    ("skew_vol_static", 0, 4 * ONE),
    ("skew_vol_scale", -ONE, ONE),
    ("basis_shock", 0, 500_000_000),
    ("basis_base", 0, 4 * ONE),
    ("basis_per_year", 0, 10 * ONE),
    ("pin_deviation", 0, ONE),
    ("pin_seconds", 0, 31_536_000),
    ("pin_range", 0, 990_000_000),
    ("perpetual_maintenance", 0, ONE),
    ("perpetual_initial", 0, ONE),
    ("naked_maintenance", 0, ONE),
    ("naked_initial", 0, ONE),
    ("roll_rate", 0, ONE),
    ("delta_threshold", 0, 2**60),
    ("delta_slope", 0, ONE),
    ("vega_threshold", 0, 2**60),
    ("vega_slope", 0, 10 * ONE),
    ("damp_low", 0, ONE),
    ("damp_high", "damp_low", 10 * ONE),
    ("confidence_rate", 0, ONE),
    ("peg_threshold", 0, ONE),
    ("peg_factor", 0, 10 * ONE),
    ("wide_window_ns", 0, 604_800_000_000_000),
    ("option_band", 1_000_000, ONE),
    ("option_spread", 0, ONE),
    ("premium_cap", 0, ONE),
    ("option_liquidation_fee", 0, 20_000_000),
    ("vol_jump", 1_000_000, 10 * ONE),
    ("haircut", 0, ONE),
    ("haircut_large", "haircut", ONE),
    ("haircut_tier", 0, 2**60),
    ("loan_limit", 0, ONE),
    ("loan_maintenance", "loan_limit", ONE),
    ("loan_cap", 0, 2**60),
    ("collateral_offset", 0, 1),
    ("standard_initial_most", 0, ONE),
    ("standard_initial_least", 0, "standard_initial_most"),
    ("standard_maintenance", 0, ONE),
    ("standard_unpaired_initial", "standard_unpaired_maintenance", 4 * ONE),
    ("standard_unpaired_maintenance", ONE, 4 * ONE),
    ("samples_least", 1, 1_800),
)
assert tuple(name for name, _, _ in BOUNDS) == tuple(name for name, _ in layout(Scalars))


def bad_scalar(scalars: Scalars) -> int | None:
    """Return the number of the first scalar out of its bounds (I-30), None when all are within."""

    def bound(value: int | str) -> int:
        named: int = getattr(scalars, value) if isinstance(value, str) else value
        return named

    for number, (name, least, most) in enumerate(BOUNDS):
        if not bound(least) <= getattr(scalars, name) <= bound(most):
            return number
    return None


@dataclass(frozen=True, slots=True)
class Scenario(Record):
    """A move of the price (1e-6) and of volatilities; `damp` (1e-6) is what counts of a loss."""

    price: I32
    vol: U8
    damp: U32 = DAMP_ONE

    @property
    def is_ordinary(self) -> bool:
        """Whether it moves price and volatility, not the skew."""
        return self.vol < SKEW_LINEAR

    @property
    def is_plain(self) -> bool:
        """Whether it is ordinary and its losses count in full."""
        return self.is_ordinary and self.damp == DAMP_ONE

    @property
    def fits(self) -> bool:
        """Whether it is one that a risk set may have (I-31)."""
        if self.vol in (SKEW_LINEAR, SKEW_ABSOLUTE):
            return self.price == 0 and self.damp == DAMP_ONE
        priced = PRICE_SHOCK_MIN <= self.price <= PRICE_SHOCK_MAX
        return self.vol <= VOL_DOWN and priced and self.damp <= DAMP_ONE


def scenarios_fit(scenarios: tuple[Scenario, ...]) -> bool:
    """Return whether a risk set may have these scenarios (I-31)."""
    counted = 1 <= len(scenarios) <= SCENARIOS_MAX
    each_fits = all(scenario.fits for scenario in scenarios)
    return counted and each_fits and any(scenario.is_plain for scenario in scenarios)


@dataclass(frozen=True)
class RiskSet:
    """Everything that decides about a group's rows and margin."""

    scalars: Scalars
    scenarios: tuple[Scenario, ...]

    def encode(self) -> bytes:
        """Return the bytes: count, scalars, scenarios."""
        each = b"".join(scenario.encode() for scenario in self.scenarios)
        return bytes([len(self.scenarios)]) + self.scalars.encode() + each

    @classmethod
    def decode(cls, data: bytes) -> RiskSet:
        """Return the risk set of `data`; MalformedError when its length does not fit its count.

        Bounds are not tested: see `bad_scalar` and `scenarios_fit`.
        """
        reader = Reader(data)
        count = reader.u8()
        scalars = Scalars.read(reader)
        scenarios = tuple(Scenario.read(reader) for _ in range(count))
        reader.finish()
        return cls(scalars, scenarios)

    @cached_property
    def hash(self) -> bytes:
        """The risk hash, 31 bytes."""
        return cut(keccak256(self.encode()))


def _default_scenarios() -> tuple[Scenario, ...]:
    step = 22_500
    inner = [
        Scenario(node * step, vol) for node in range(-7, 8) for vol in (VOL_UP, VOL_SAME, VOL_DOWN)
    ]
    tails = (
        *((-660_000, 210_000), (-330_000, 420_000), (500_000, 277_000), (1_000_000, 139_000)),
        *((2_000_000, 69_000), (3_000_000, 46_000), (4_000_000, 35_000), (5_000_000, 28_000)),
    )
    return (
        Scenario(-8 * step, VOL_UP),
        *inner,
        Scenario(8 * step, VOL_UP),
        *(Scenario(price, VOL_UP, damp) for price, damp in tails),
        Scenario(0, SKEW_LINEAR),
        Scenario(0, SKEW_ABSOLUTE),
    )


DEFAULT_SCENARIOS = _default_scenarios()
DEFAULT_SET = RiskSet(Scalars(), DEFAULT_SCENARIOS)
