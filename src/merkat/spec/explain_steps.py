"""What each step of a liquidation did to its account: E, MM, IM and the worst scenario in words."""

from __future__ import annotations

from typing import Any

from merkat.spec.risk import portfolio
from merkat.spec.risk.parameters import (
    SKEW_ABSOLUTE,
    SKEW_LINEAR,
    VOL_DOWN,
    VOL_SAME,
    VOL_UP,
    RiskSet,
)
from merkat.spec.settle import margin
from merkat.spec.settle.leaves import PORTFOLIO_MARGIN
from merkat.spec.settle.ops import Bankrupt, Hedge, Liquidate, MicroOp, TearUp
from merkat.spec.settle.outcomes import Outcome
from merkat.spec.settle.state import State
from merkat.spec.venue.machine import Venue

STEPS: dict[type, str] = {
    Liquidate: "slice",
    Hedge: "hedge",
    Bankrupt: "bankrupt",
    TearUp: "tear_up",
}
"""The steps that are told of, by their micro-op."""
_VOLS = {VOL_SAME: "vol same", VOL_UP: "vol up", VOL_DOWN: "vol down"}
_SKEWS = {SKEW_LINEAR: "skew linear", SKEW_ABSOLUTE: "skew absolute"}


class WatchedVenue(Venue):
    """A venue that notes what each liquidation step did; otherwise as any other."""

    noted: list[dict[str, Any]] | None = None

    def try_emit(self, op: MicroOp) -> Outcome:
        """Run the step, and note its account's figures before and after."""
        if not isinstance(op, Liquidate | Hedge | Bankrupt | TearUp):
            return super().try_emit(op)
        told: dict[str, Any] = {"step": STEPS[type(op)], "account": op.account}
        told |= self._traded(op)
        before = step_figures(self.settlement, op.account)
        outcome = super().try_emit(op)
        after = step_figures(self.settlement, op.account)
        told |= {name: [before[name], after[name]] for name in before}
        self.noted = [*(self.noted or []), told]
        return outcome

    def _traded(self, op: Liquidate | Hedge | Bankrupt | TearUp) -> dict[str, Any]:
        """What the step trades, before it does."""
        if isinstance(op, Bankrupt):
            return {"group": op.group}
        if isinstance(op, Hedge):
            listing = self.settlement.orders[op.maker_key].listing
        else:
            listing = self.account(op.account).positions[op.slot].listing
        return {"listing": listing, "price": op.price, "size": op.size}


def step_figures(state: State, account: int) -> dict[str, Any]:
    """Return the figures that a liquidation goes by, in 1e-6 USD, and the worst scenario."""
    of = margin.figures(state, account)
    return {
        "equity": of.equity,
        "MM": of.maintenance,
        "IM": of.initial,
        "loan": of.loan,
        "worst": worst_in_words(state, account),
    }


def worst_in_words(state: State, account: int) -> str:
    """Return what gives the risk of each group of a portfolio account: 'group 0: basis'."""
    leaf = state.accounts[account]
    if leaf.margin_mode != PORTFOLIO_MARGIN:
        return "standard margin"
    told = []
    for group, held in margin.by_group(state, margin.sizes_of(leaf)).items():
        risk = margin.group_risk(state, group)
        if risk is not None:
            named = scenario_in_words(risk.risk_set, portfolio.worst(risk, held))
            told.append(f"group {group}: {named}")
    return "; ".join(told) or "none"


def scenario_in_words(risk_set: RiskSet, name: int) -> str:
    """Return the words of one byte of names: 'scenario 3: price -15 %, vol up'."""
    if name in (portfolio.BASIS, portfolio.PIN, portfolio.NONE):
        return {portfolio.BASIS: "basis", portfolio.PIN: "pin", portfolio.NONE: "none"}[name]
    scenario = risk_set.scenarios[name]
    if scenario.vol in _SKEWS:
        return f"scenario {name}: {_SKEWS[scenario.vol]}"
    damped = "" if scenario.is_plain else f", {_percent(scenario.damp)} of the loss"
    return f"scenario {name}: price {_percent(scenario.price)}, {_VOLS[scenario.vol]}{damped}"


def _percent(millionths: int) -> str:
    """Return 1e-6 as a percentage, exactly."""
    sign, digits = ("-" if millionths < 0 else ""), f"{abs(millionths):06d}"
    whole, part = digits[:-4] or "0", digits[-4:].rstrip("0")
    return f"{sign}{int(whole)}{'.' + part if part else ''} %"
