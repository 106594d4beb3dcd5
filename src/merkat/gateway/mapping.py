"""Orders and trades of the log as the dialect shows them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from merkat.gateway.exact import coins, decimal, usd, whole
from merkat.gateway.intents import Intent, TimeInForce
from merkat.gateway.labels import Labels
from merkat.gateway.shapes import ZERO, OrderShape, UserTradeShape
from merkat.gateway.terms import FORCE_NAMES
from merkat.market import View
from merkat.market.types import Forced, Order, OrderState, UserTrade
from merkat.sdk.commands import BUY, IMMEDIATE, MARKET, POST_ONLY
from merkat.sdk.layouts import CANCEL_REASONS

MS_NS: Final = 1_000_000
FEE_CURRENCY: Final = "USDC"
_STATES: Final = {
    OrderState.OPEN: "open",
    OrderState.FILLED: "filled",
    OrderState.CANCELLED: "cancelled",
    # Never asked for alone: the newest order of a chain is shown in its place.
    OrderState.RENEWED: "open",
}
# What the dialect calls the reasons; the others are told as the log has them.
_REASONS: Final = {"user": "user_request", "self_trade": "self_trade_prevention"}


def state_name(state: int) -> str:
    """Return the dialect's word for an order's state."""
    return _STATES[OrderState(state)]


def type_name(flags: int) -> str:
    """Return the dialect's word for an order's type."""
    return "market" if flags == MARKET else "limit"


class Mapper:
    """Shows orders and trades with their labels."""

    def __init__(self, view: View, labels: Labels) -> None:
        self._view = view
        self._labels = labels

    def order(self, order: Order) -> OrderShape:
        """Return an order as people see it: one over all its renewals."""
        instrument = self._view.instruments[order.listing]
        intent = self._labels.of_order(order.origin)
        decimals = instrument.size_decimals
        amount = coins(order.total_size, decimals)
        filled = order.total_filled
        if order.flags in (MARKET, IMMEDIATE):
            force = TimeInForce.IMMEDIATE_OR_CANCEL
        else:
            force = TimeInForce(intent.time_in_force) if intent else TimeInForce.GOOD_TIL_CANCELLED
        reason = CANCEL_REASONS.get(order.reason)
        kind = type_name(order.flags)
        return OrderShape(
            order_id=order.origin.hex(),
            order_state=_STATES[OrderState(order.state)],
            order_type=kind,
            original_order_type=kind if order.flags == MARKET else None,
            instrument_name=instrument.name,
            direction="buy" if order.side == BUY else "sell",
            price=usd(order.price),
            amount=amount,
            contracts=whole(order.total_size // instrument.lot),
            filled_amount=coins(filled, decimals),
            average_price=_average(order) if filled else ZERO,
            commission=usd(order.total_fees),
            time_in_force=FORCE_NAMES[force],
            post_only=order.is_post_only,
            reject_post_only=order.is_post_only and _rejects(intent),
            reduce_only=intent.reduce_only if intent is not None else False,
            label=intent.label if intent is not None else "",
            creation_timestamp=order.created_ns // MS_NS,
            last_update_timestamp=order.updated_ns // MS_NS,
            max_show=amount,
            display_amount=amount,
            replaced=order.amended,
            cancel_reason=_REASONS.get(reason, reason) if reason is not None else None,
            order_version=order.version,
            log_number=order.updated_log,
        )

    def rejects_post_only(self, order: Order) -> bool:
        """Return whether a post-only order is to be refused rather than moved."""
        return _rejects(self._labels.of_order(order.origin))

    def trade(self, one: UserTrade) -> UserTradeShape:
        """Return one's own side of a trade."""
        trade = one.trade
        instrument = self._view.instruments[trade.listing]
        intent = self._labels.of_order(one.order) if one.order else None
        return UserTradeShape(
            trade_id=trade.trade_id,
            trade_seq=trade.seq,
            order_id=one.order.hex() if one.order else None,
            instrument_name=instrument.name,
            direction="buy" if one.side == BUY else "sell",
            price=usd(trade.price),
            amount=coins(trade.size, instrument.size_decimals),
            contracts=whole(trade.size // instrument.lot),
            fee=usd(one.fee),
            fee_currency=FEE_CURRENCY,
            liquidity="M" if one.maker else "T",
            order_type=type_name(one.order_flags) if one.order else "liquidation",
            state=state_name(one.order_state),
            timestamp=trade.time_ns // MS_NS,
            index_price=usd(trade.index),
            mark_price=usd(trade.mark),
            tick_direction=trade.tick_direction,
            profit_loss=usd(one.realized),
            reduce_only=intent.reduce_only if intent is not None else False,
            post_only=one.order_flags == POST_ONLY,
            liquidation=_liquidated(one),
            label=intent.label if intent is not None else "",
            log_number=trade.log_number,
        )


def _average(order: Order) -> Decimal:
    """Return the average price of all fills: exact where it ends within 1e-12, else cut there."""
    value = order.value + order.carried_value
    return decimal(value * 10**6 // order.total_filled, 12)


def _rejects(intent: Intent | None) -> bool:
    """Return whether a post-only order was to be refused rather than moved."""
    return intent is None or not intent.asked.endswith(":1")


def _liquidated(one: UserTrade) -> str | None:
    """Return which side was liquidated, in the dialect's letters."""
    if one.trade.forced == Forced.NO:
        return None
    return "M" if one.maker else "T"
