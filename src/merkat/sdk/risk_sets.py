"""Risk sets: the 53 numbers and the scenarios that price and margin a group (risk.md section 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from struct import Struct
from typing import Final, Self

SCENARIOS_MAX: Final = 64
MICRO: Final = 1_000_000  # 1.0 of a scenario's price and damp

# What a scenario does to the vol.
SAME: Final = 0
UP: Final = 1
DOWN: Final = 2
SKEW_LINEAR: Final = 3
SKEW_ABSOLUTE: Final = 4

_SCENARIO: Final = Struct(">iBI")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A shock: relative price move (1e-6), move of the vol, share that counts at first (1e-6)."""

    price: int
    vol: int
    damp: int = MICRO


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskScalars:
    """The scalars with their defaults, in the order of the item.

    Rates, factors and shares are 1e-9; thresholds, tiers and caps 1e-6 USD; the rest as named.
    """

    maintenance_factor: int = 800_000_000
    initial_factor: int = 1_000_000_000
    vol_up: int = 500_000_000
    vol_down: int = 300_000_000
    vol_down_high: int = 450_000_000
    vol_power_short: int = 300_000_000
    vol_power_long: int = 130_000_000
    vol_floor: int = 400_000_000
    skew_base: int = -50_000_000
    skew_scale: int = 150_000_000
    skew_k_least: int = 10_000_000
    skew_width: int = 4_000_000_000
    skew_vol_static: int = 600_000_000
    skew_vol_scale: int = -100_000_000
    basis_shock: int = 45_000_000
    basis_base: int = 500_000_000
    basis_per_year: int = 2_000_000_000
    pin_deviation: int = 50_000_000
    pin_seconds: int = 259_200
    pin_range: int = 180_000_000
    perpetual_maintenance: int = 30_000_000
    perpetual_initial: int = 10_000_000
    naked_maintenance: int = 3_000_000
    naked_initial: int = 2_000_000
    roll_rate: int = 0
    delta_threshold: int = 20_000_000_000_000
    delta_slope: int = 20_000_000
    vega_threshold: int = 200_000_000_000
    vega_slope: int = 1_000_000_000
    damp_low: int = 20_000_000
    damp_high: int = 200_000_000
    confidence_rate: int = 50_000_000
    peg_threshold: int = 990_000_000
    peg_factor: int = 4_000_000_000
    wide_window_ns: int = 0
    option_band: int = 200_000_000
    option_spread: int = 50_000_000
    premium_cap: int = 125_000_000
    option_liquidation_fee: int = 2_000_000
    vol_jump: int = 50_000_000
    haircut: int = 100_000_000
    haircut_large: int = 200_000_000
    haircut_tier: int = 10_000_000_000_000
    loan_limit: int = 500_000_000
    loan_maintenance: int = 700_000_000
    loan_cap: int = 1_000_000_000_000
    collateral_offset: int = 0
    standard_initial_most: int = 150_000_000
    standard_initial_least: int = 130_000_000
    standard_maintenance: int = 90_000_000
    standard_unpaired_initial: int = 1_200_000_000
    standard_unpaired_maintenance: int = 1_100_000_000
    samples_least: int = 1_620

    def values(self) -> tuple[int, ...]:
        """Return the 53 numbers in the order of the item."""
        return tuple(getattr(self, name) for name in SCALAR_NAMES)


SCALAR_NAMES: Final = tuple(one.name for one in fields(RiskScalars))
_SCALARS: Final = Struct(f">{len(SCALAR_NAMES)}q")
LEAST_BYTES: Final = 1 + _SCALARS.size

_NODE: Final = 22_500  # distance of the price nodes
_TAILS: Final = (
    (-660_000, 210_000),
    (-330_000, 420_000),
    (500_000, 277_000),
    (1_000_000, 139_000),
    (2_000_000, 69_000),
    (3_000_000, 46_000),
    (4_000_000, 35_000),
    (5_000_000, 28_000),
)

DEFAULT_SCENARIOS: Final = (
    Scenario(-8 * _NODE, UP),
    *(Scenario(node * _NODE, vol) for node in range(-7, 8) for vol in (UP, SAME, DOWN)),
    Scenario(8 * _NODE, UP),
    *(Scenario(price, UP, damp) for price, damp in _TAILS),
    Scenario(0, SKEW_LINEAR),
    Scenario(0, SKEW_ABSOLUTE),
)


@dataclass(frozen=True, slots=True)
class RiskSet:
    """A risk set as it stands in the timelock's item and in snapshots."""

    scalars: RiskScalars = RiskScalars()
    scenarios: tuple[Scenario, ...] = DEFAULT_SCENARIOS

    def encode(self) -> bytes:
        """Return count, scalars, scenarios: 425 bytes and 9 a scenario.

        Raises:
            ValueError: there are more scenarios than an item holds.
            struct.error: a number does not fit its field.
        """
        if len(self.scenarios) > SCENARIOS_MAX:
            raise ValueError(
                f"scenarios: at most {SCENARIOS_MAX} are allowed, got {len(self.scenarios)}"
            )
        scenarios = (_SCENARIO.pack(one.price, one.vol, one.damp) for one in self.scenarios)
        head = bytes([len(self.scenarios)]) + _SCALARS.pack(*self.scalars.values())
        return head + b"".join(scenarios)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Return the set of exactly these bytes. Raises ValueError."""
        expected = LEAST_BYTES + _SCENARIO.size * data[0] if data else LEAST_BYTES
        if len(data) != expected:
            raise ValueError(f"risk set: {len(data)} bytes, expected {expected}")
        values = _SCALARS.unpack_from(data, 1)
        scalars = RiskScalars(**dict(zip(SCALAR_NAMES, values, strict=True)))
        return cls(
            scalars, tuple(Scenario(*one) for one in _SCENARIO.iter_unpack(data[LEAST_BYTES:]))
        )


def risk_set(scenarios: Sequence[Scenario] = DEFAULT_SCENARIOS, **overrides: int) -> RiskSet:
    """Return the default set with some scalars replaced by name.

    Raises:
        ValueError: a name is none of the table's.
    """
    unknown = sorted(set(overrides) - set(SCALAR_NAMES))
    if unknown:
        raise ValueError(
            f"{', '.join(unknown)}: no scalar of a risk set; expected names of RiskScalars, such "
            f"as {SCALAR_NAMES[0]}"
        )
    return RiskSet(RiskScalars(**overrides), tuple(scenarios))
