"""What resting orders add to the initial margin (risk.md section 4, derivatives.md section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from merkat.spec.risk.group import GroupRisk
from merkat.spec.risk.standard import short_initial
from merkat.spec.risk.terms import OPTIONS, SPOT
from merkat.spec.values import ONE, ceil_div


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """What is left of a resting order: `limit` in 1e-6 USD per coin, `left` in base units."""

    listing: int
    is_buy: bool
    limit: int
    left: int


def order_loss(group: GroupRisk, order: OpenOrder) -> tuple[int, ...]:
    """Return min(0, the order's profit in the scenario if it filled at its limit), by scenario.

    An order counts where its fill would lose: so the sum over orders is the worst subset of fills.
    An order in a listing without a row counts nothing.
    """
    row = group.rows.get(order.listing)
    if row is None:
        return (0,) * len(group.risk_set.scenarios)
    sign = 1 if order.is_buy else -1
    size = sign * order.left
    return tuple(min(0, size * (entry - order.limit) // group.coin) for entry in row.scenarios)


def order_losses(group: GroupRisk, orders: Iterable[OpenOrder]) -> tuple[int, ...]:
    """Return O_s for every scenario; only those of ordinary scenarios count."""
    sums = [0] * len(group.risk_set.scenarios)
    for order in orders:
        losses = order_loss(group, order)
        sums = [total + loss for total, loss in zip(sums, losses, strict=True)]
    return tuple(sums)


def standard_option_need(group: GroupRisk, order: OpenOrder) -> int:
    """Return what an order in an option needs of a standard account, without its fee."""
    row = group.rows[order.listing]
    assert row.kind in OPTIONS, f"listing {order.listing} is no option"
    if order.is_buy:
        return ceil_div(order.left * order.limit, group.coin)
    premium = order.left * order.limit // group.coin
    return max(0, short_initial(group, row, order.left) - premium)


def spot_need(group: GroupRisk, order: OpenOrder) -> int:
    """Return what an order in collateral needs outside portfolio margin, without its fee."""
    row = group.rows[order.listing]
    assert row.kind == SPOT, f"listing {order.listing} is no collateral"
    if order.is_buy:
        counted = order.left * row.mark * (ONE - group.risk_set.scalars.haircut_large)
        cost = ceil_div(order.left * order.limit, group.coin)
        return max(0, cost - counted // (ONE * group.coin))
    return max(0, ceil_div(order.left * (row.mark - order.limit), group.coin))
