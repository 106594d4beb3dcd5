"""What an evaluation gives: figures in integer units, spelled as exact decimals, and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from merkat.risk.portfolio import PORTFOLIO
from merkat.spec.risk import portfolio
from merkat.spec.risk.equity import Holdings
from merkat.spec.risk.group import GroupRisk
from merkat.spec.risk.parameters import SKEW_LINEAR, VOL_DOWN, VOL_UP, Scenario

VOL_WORDS = {VOL_UP: "vol up", VOL_DOWN: "vol down", SKEW_LINEAR: "skew linear"}


@dataclass(frozen=True, slots=True)
class ScenarioLoss:
    """One scenario: the undamped profit of the positions, and the loss that counts (1e-6 USD)."""

    name: str
    scenario: Scenario
    profit: int
    loss: int


@dataclass(frozen=True, slots=True)
class GroupReport:
    """The figures of one underlying, in 1e-6 USD unless said otherwise."""

    name: str
    value: int
    wide_value: int
    collateral: int
    loan_limit: int
    maintenance: int
    initial: int
    binding: str
    scenarios: tuple[ScenarioLoss, ...]
    contingencies: dict[str, int]
    greeks: dict[str, str]
    positions: dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of a portfolio, in 1e-6 USD."""

    mode: int
    cash: int
    mark_to_market: int
    equity: int
    equity_conservative: int
    maintenance: int
    initial: int
    loan: int
    loan_limit: int
    groups: tuple[GroupReport, ...]

    @property
    def maintenance_excess(self) -> int:
        """Equity at mark above the maintenance margin."""
        return self.equity - self.maintenance

    @property
    def initial_excess(self) -> int:
        """Equity at conservative marks above the initial margin."""
        return self.equity_conservative - self.initial

    def as_json(self) -> dict[str, object]:
        """Return the documented object (docs/reference/portfolio.md): exact decimal strings."""
        return {
            "mode": "portfolio" if self.mode == PORTFOLIO else "standard",
            "mark_to_market": decimal(self.mark_to_market),
            "equity": decimal(self.equity),
            "maintenance_margin": decimal(self.maintenance),
            "initial_margin": decimal(self.initial),
            "maintenance_excess": decimal(self.maintenance_excess),
            "initial_excess": decimal(self.initial_excess),
            "loan": decimal(self.loan),
            "binding": {group.name: group.binding for group in self.groups},
            "scenarios": {group.name: _scenarios(group) for group in self.groups},
            "contingencies": {
                group.name: {name: decimal(amount) for name, amount in group.contingencies.items()}
                for group in self.groups
            },
            "greeks": {group.name: group.greeks for group in self.groups},
            "positions": {group.name: group.positions for group in self.groups},
        }


def _scenarios(group: GroupReport) -> list[dict[str, str]]:
    return [
        {
            "name": each.name,
            "price": decimal(each.scenario.price),
            "vol": VOL_WORDS.get(each.scenario.vol, "same" if each.scenario.vol == 0 else "skew"),
            "profit": decimal(each.profit),
            "loss": decimal(each.loss),
        }
        for each in group.scenarios
    ]


def decimal(amount: int, digits: int = 6) -> str:
    """Return an integer in units of 10^-digits as an exact decimal."""
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), 10**digits)
    text = f"{rest:0{digits}d}".rstrip("0")
    return f"{sign}{whole}" + (f".{text}" if text else "")


def scenario_name(scenario: Scenario) -> str:
    """Return a scenario in words, as `price -18 %, vol up`."""
    if scenario.vol == SKEW_LINEAR:
        return "skew, linear in log-moneyness"
    if not scenario.is_ordinary:
        return "skew, absolute in log-moneyness"
    price = decimal(scenario.price * 100)
    moved = "price unchanged" if scenario.price == 0 else f"price {price} %"
    if scenario.price > 0:
        moved = f"price +{price} %"
    return f"{moved}, {VOL_WORDS.get(scenario.vol, 'vol unchanged')}"


def binding_words(margin: portfolio.Margin, scenarios: tuple[Scenario, ...]) -> str:
    """Return the term that sets the margin, in words."""
    if margin.worst == portfolio.NONE:
        return "no scenario loses"
    if margin.worst == portfolio.BASIS:
        return "basis: the forwards of the expiries move apart"
    if margin.worst == portfolio.PIN:
        return "pin: the price ends at a held strike of a near expiry"
    return scenario_name(scenarios[margin.worst])


def group_report(
    *,
    name: str,
    group: GroupRisk,
    listings: Mapping[str, int],
    sizes: Mapping[int, int],
    holdings: Holdings,
    margin: portfolio.Margin,
    maintenance: int,
    initial: int,
    order_fees: int,
) -> GroupReport:
    """Return the report of one group from its margin and holdings."""
    held = group.held(sizes)
    scenarios = group.risk_set.scenarios
    profits = portfolio.scenario_profits(group, held)
    losses = tuple(
        ScenarioLoss(scenario_name(scenario), scenario, profit, loss)
        for scenario, profit, loss in zip(scenarios, profits, margin.scenario_losses, strict=True)
    )
    skews = [each.loss for each in losses if not each.scenario.is_ordinary]
    return GroupReport(
        name=name,
        value=holdings.value,
        wide_value=holdings.wide_value,
        collateral=holdings.collateral,
        loan_limit=holdings.loan_limit,
        maintenance=maintenance,
        initial=initial,
        binding=binding_words(margin, scenarios),
        scenarios=losses,
        contingencies={
            "worst_loss": margin.risk,
            "worst_loss_with_orders": margin.risk_initial,
            "skew": max(skews, default=0),
            "basis": margin.basis,
            "pin": margin.pin,
            "maintenance_addition": margin.maintenance_addition,
            "initial_addition": margin.initial_addition,
            "confidence": margin.confidence_addition,
            "order_fees": order_fees,
        },
        greeks=_greeks(group, sizes),
        positions={
            instrument: _position(group, listings[instrument], sizes)
            for instrument in listings
            if listings[instrument] in sizes
        },
    )


def _greeks(group: GroupRisk, sizes: Mapping[int, int]) -> dict[str, str]:
    """Return delta (coins), gamma (coins a USD), vega (USD a vol point), theta (USD a day)."""
    sums = portfolio.greeks(group, sizes)
    size_decimals = len(str(group.coin)) - 1
    return {
        "delta": decimal(sums.delta, size_decimals),
        "gamma": decimal(sums.gamma, 12),
        "vega": decimal(sums.vega, 8),
        "theta": decimal(sums.theta // 365),
    }


def _position(group: GroupRisk, listing: int, sizes: Mapping[int, int]) -> dict[str, str]:
    """Return one position: size, mark, value, Greeks and its worst scenario alone."""
    row, size = group.rows[listing], sizes[listing]
    alone = {listing: size}
    worst = min(portfolio.scenario_profits(group, group.held(alone)))
    return {
        "size": decimal(size, len(str(group.coin)) - 1),
        "mark": decimal(row.mark),
        "value": decimal(size * row.mark // group.coin),
        "worst_profit": decimal(worst),
        **_greeks(group, alone),
    }
