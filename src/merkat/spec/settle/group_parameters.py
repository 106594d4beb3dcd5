"""The bounds of a group's parameters (formats.md section 4) and the rule that tests them."""

from __future__ import annotations

from merkat.spec.rules import rule
from merkat.spec.settle.leaves import PARAMETER_NAMES
from merkat.spec.values import DAY_NS, HOUR_NS, ONE

I_09 = rule("I-09", "bad_parameter", "parameter_0", "every parameter is within its bounds")

# Two bounds depend on other parameters: see check_parameters.
BOUNDS: tuple[tuple[str, int, int], ...] = (
    ("initial_rate", 0, ONE),
    ("maintenance_rate", 1_000_000, 500_000_000),
    ("band", 1_000_000, 500_000_000),
    ("liquidation_fee", 0, 20_000_000),
    ("slippage_floor", 0, 50_000_000),
    ("slice_share", 10_000_000, ONE),
    ("interest", -10_000_000, 10_000_000),
    ("funding_clamp", 0, 10_000_000),
    ("funding_cap", 0, 100_000_000),
    ("basis_clamp", 0, 100_000_000),
    ("jump", 1_000_000, ONE),
    ("agreement", 1_000_000, ONE),
    ("delta_rate", 0, ONE),
    ("fund_event_share", 0, ONE),
    ("fund_day_share", 0, ONE),
    ("stop_ratio", ONE, 2 * ONE),
    ("epoch_period_ns", 100_000_000, HOUR_NS),
    ("stale_ns", 100_000_000, HOUR_NS),
    ("halt_ns", 0, DAY_NS),
    ("stage_timeout_ns", 1_000_000_000, DAY_NS),
    ("reserved", 0, 0),
)
assert tuple(name for name, _, _ in BOUNDS) == PARAMETER_NAMES


def check_parameters(parameters: tuple[int, ...]) -> None:
    """Refuse (I-09) the first parameter that is out of its bounds."""
    named = dict(zip(PARAMETER_NAMES, parameters, strict=True))
    lowest = {"initial_rate": named["maintenance_rate"], "halt_ns": named["stale_ns"]}
    for number, (name, least, most) in enumerate(BOUNDS):
        inside = lowest.get(name, least) <= named[name] <= most
        I_09.require(inside, f"parameter_{number}")
