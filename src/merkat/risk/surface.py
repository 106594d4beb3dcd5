"""The profit of a portfolio over moves of price and volatility: a picture's worth of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from merkat.risk.evaluate import evaluate
from merkat.risk.market import Market, Parameters
from merkat.risk.portfolio import Portfolio
from merkat.spec.risk.parameters import (
    SCENARIOS_MAX,
    VOL_DOWN,
    VOL_SAME,
    VOL_UP,
    RiskSet,
    Scenario,
)


def pnl_surface(
    held: Portfolio,
    market: Market,
    prices: Sequence[int],
    vols: Sequence[int],
    parameters: Parameters | None = None,
) -> list[list[int]]:
    """Return the profit (1e-6 USD) of positions, one row for each vol shock, one entry a price.

    `prices` are price shocks in 1e-6, at most 64 of them; `vols` are shocks of the 30-day vol in
    1e-9, scaled over the term as docs/spec/risk.md does. The floor of up shocks is switched off, so
    that a shock of zero is no shock.
    """
    if not 1 <= len(prices) <= SCENARIOS_MAX:
        raise ValueError(f"prices has {len(prices)} shocks; expected 1 to {SCENARIOS_MAX}")
    model = parameters or Parameters()
    return [_profits(held, market, prices, vol, model) for vol in vols]


def _profits(
    held: Portfolio, market: Market, prices: Sequence[int], vol: int, model: Parameters
) -> list[int]:
    kind = VOL_UP if vol > 0 else VOL_DOWN if vol < 0 else VOL_SAME
    scalars = replace(
        model.risk_set.scalars,
        vol_up=max(0, vol),
        vol_down=max(0, -vol),
        vol_down_high=max(0, -vol),
        vol_floor=0,
    )
    scenarios = tuple(Scenario(price, kind) for price in prices)
    report = evaluate(held, market, replace(model, risk_set=RiskSet(scalars, scenarios)))
    columns = zip(*(group.scenarios for group in report.groups), strict=True)
    return [sum(each.profit for each in column) for column in columns]
