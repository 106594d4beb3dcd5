"""What a resting order needs of its owner's margin, by how its listing is margined.

Terms are equal when they give the same needs, so that sums over orders may be kept as long as the
terms stay (`ListingOrders`). A need is a tuple of amounts that add up order by order: first what
counts in full (1e-6 USD), then, for a portfolio, what the fill would lose, by scenario.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from merkat.spec.risk.group import GroupRisk
from merkat.spec.risk.orders import OpenOrder, order_loss, spot_need, standard_option_need
from merkat.spec.risk.terms import OPTIONS, SPOT
from merkat.spec.settle.risks import BuiltRows
from merkat.spec.values import BUY, ONE, ceil_div

Need = tuple[int, ...]


class OrderTerms(Protocol):
    """What the need of a resting order depends on besides the order."""

    @property
    def nothing(self) -> Need:
        """The need of no order."""

    def need(self, side: int, limit: int, left: int) -> Need:
        """What an order with `left` base units left needs at its limit."""


def add(first: Need, second: Need, sign: int = 1) -> Need:
    """Return the sum (sign -1: the difference) of two needs at the same terms."""
    return tuple(one + sign * other for one, other in zip(first, second, strict=True))


@dataclass(frozen=True)
class ByNotional:
    """A listing margined by notional: the loss at mark if the order filled, and the worst fee."""

    mark: int
    taker_fee: int
    coin: int
    """Base units of one coin, 10^size_decimals."""

    @property
    def nothing(self) -> Need:
        """The need of no order."""
        return (0,)

    def need(self, side: int, limit: int, left: int) -> Need:
        """The loss at mark if the order filled at its limit, and the worst taker fee."""
        loss_price = limit - self.mark if side == BUY else self.mark - limit
        loss = max(0, left * loss_price // self.coin)
        value = left * max(limit, self.mark) // self.coin
        return (loss + ceil_div(max(self.taker_fee, 0) * value, ONE),)


@dataclass(frozen=True)
class ByRow:
    """An option or collateral of a standard account: what the fill itself needs, and its fee."""

    listing: int
    taker_fee: int
    built: BuiltRows
    """Mark, index and parameters of need and fee."""
    group: GroupRisk = field(compare=False, repr=False)

    @property
    def nothing(self) -> Need:
        """The need of no order."""
        return (0,)

    def need(self, side: int, limit: int, left: int) -> Need:
        """The requirement beyond the premium, or the collateral's loss, and the worst fee."""
        order = OpenOrder(self.listing, side == BUY, limit, left)
        is_spot = self.group.rows[self.listing].kind == SPOT
        alone = spot_need(self.group, order) if is_spot else standard_option_need(self.group, order)
        return (alone + worst_fee(self.group, order, self.taker_fee),)


@dataclass(frozen=True)
class ByScenario:
    """Any listing of a portfolio: the worst fee, and the loss of the fill by scenario."""

    listing: int
    taker_fee: int
    built: BuiltRows
    """Mark, index and parameters of losses and fee."""
    group: GroupRisk = field(compare=False, repr=False)

    @property
    def nothing(self) -> Need:
        """The need of no order."""
        return (0,) * (1 + len(self.group.risk_set.scenarios))

    def need(self, side: int, limit: int, left: int) -> Need:
        """The worst fee, then the losses."""
        order = OpenOrder(self.listing, side == BUY, limit, left)
        return (worst_fee(self.group, order, self.taker_fee), *order_loss(self.group, order))


def worst_fee(group: GroupRisk, order: OpenOrder, taker_fee: int) -> int:
    """Return the taker fee at the dearer of limit and mark; a rebate is not counted on."""
    row = group.rows[order.listing]
    rate = max(0, taker_fee)
    value = order.left * max(order.limit, row.mark) // group.coin
    if row.kind not in OPTIONS:
        return ceil_div(rate * value, ONE)
    of_index = ceil_div(rate * order.left * group.index, ONE * group.coin)
    return min(of_index, ceil_div(group.risk_set.scalars.premium_cap * value, ONE))
