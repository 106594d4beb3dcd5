"""What the JSON object of a flow with recorded chains says beside that of every flow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median

from merkat.flow.chain_check import Check
from merkat.flow.chain_market import ChainMarket
from merkat.oracle.calibration import Calibration


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one session, for the JSON object."""

    snapshot: str
    time_ns: int
    gap_s: float
    halted_orders: int
    held_vectors: int
    delivered: list[dict[str, object]]
    quotes: int
    index: tuple[float, ...]
    trades: int
    stage_entries: int
    liquidations: int
    bankrupts: int


def described(
    market: ChainMarket, checked: Check, told: Sequence[Told], window_ns: int | None
) -> dict[str, object]:
    """Return the claims of a flow; amounts in 1e-6 USD."""
    counts = market.books.counts
    return {
        "instruments_listed": market.listed.instruments,
        "listed_share": checked.listed_share,
        "rows_recorded": market.listed.rows,
        "refused": dict(sorted(market.listed.refused.items())),
        "liquidations": counts["liquidations"] + counts["hedges"],
        "hedges": counts["hedges"],
        "stage_entries": counts["stage_entries"],
        "bankrupts": counts["bankrupts"],
        "tear_ups": counts["tear_ups"],
        "expiries": counts["expiries"],
        "expiry_cash_sum": checked.expiry_cash,
        "expiry_fees": checked.expiry_fees,
        "wrongful_liquidations": len(checked.wrong),
        "judged": checked.judged,
        "float_deviation": checked.deviation,
        "deficits": checked.deficits,
        "bad_debt": checked.bad_debt,
        "funds": {str(group): fund for group, fund in checked.funds.items()},
        "conservation": checked.conserved,
        "delivered_by_samples": counts["by_samples"],
        "delivered_by_timelock": counts["by_timelock"],
        "held_vectors": market.held,
        "epochs_by_group": {str(group): count for group, count in sorted(market.epochs.items())},
        "heartbeats": market.heartbeats,
        "window_ns": window_ns,
        "sessions": [asdict(one) for one in told],
    }


def fit_errors(calibrations: Sequence[Calibration]) -> list[dict[str, object]]:
    """Return how well each chain was fitted, in vol points."""
    found: list[dict[str, object]] = []
    for one in calibrations:
        errors = one.errors
        found.append(
            {
                "coin": one.currency,
                "time_ns": one.time_ns,
                "weighted_median": round(median(error.weighted for error in errors), 3),
                "free_median": round(median(error.free for error in errors), 3),
                "core_median": round(median(error.core_rmse for error in errors), 3),
                "core_max": round(max(error.core_max for error in errors), 3),
                "bounded": sum(error.how != "free" for error in errors),
            }
        )
    return found
