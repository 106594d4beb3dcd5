"""The bounds of a liquidation: how much, at what price, and when an account is bankrupt.

Sources: rules.md section 2.6, derivatives.md section 4. Units as in `margin`.
"""

from __future__ import annotations

from merkat.spec.risk import portfolio
from merkat.spec.settle.leaves import BANKRUPT, IN_LIQUIDATION, Account
from merkat.spec.settle.margin import (
    Figures,
    by_group,
    figures_of,
    group_of,
    group_risk,
    in_danger,
    liquidation_rate,
    mark,
    row_of,
    scalars_of,
    sizes_of,
)
from merkat.spec.settle.state import State
from merkat.spec.values import BUY, ONE, SELL, ceil_div

UNIT_RISK_RATE = 1_000
"""A unit risk (1e-12 USD a coin) times this is in the unit of a rate (1e-9) times a mark."""
UNIT_RISK_UNITS = 1_000_000
"""How many units of a unit risk are 1e-6 USD."""


# When


def timed_out(state: State, account: int, time_ns: int) -> bool:
    """Return whether a liquidation has lasted as long as the stage's group lets it."""
    leaf = state.accounts[account]
    if leaf.stage != IN_LIQUIDATION:
        return False
    return time_ns - leaf.stage_time >= state.groups[leaf.stage_group].stage_timeout_ns


def holds_spot(state: State, account: int) -> bool:
    """Return whether an account has collateral that could still be sold."""
    positions = state.accounts[account].positions.values()
    return any(
        position.size > 0 and state.instruments[position.listing].is_spot for position in positions
    )


def insolvent(state: State, account: int, of: Figures, time_ns: int) -> bool:
    """Return whether an account goes bankrupt (Q-13)."""
    late = in_danger(of) and timed_out(state, account, time_ns)
    below = state.accounts[account].stage < BANKRUPT
    return below and (of.equity < 0 or late) and not holds_spot(state, account)


# How much


def share(state: State, account: int, slot: int, used: int, of: Figures, time_ns: int) -> int:
    """Return share(A, slot): the bound of what one epoch may liquidate, `used` included."""
    leaf = state.accounts[account]
    position = leaf.positions[slot]
    size, group = abs(position.size), group_of(state, position.listing)
    instrument = state.instruments[position.listing]
    lot, everything = instrument.lot, used + size
    if instrument.is_spot:
        price = mark(state, position.listing)
        if price == 0:  # there is no row: nothing can be sold
            return used
        return used + min(size, ceil_div(of.loan * instrument.coin, price * lot) * lot)
    if 3 * of.equity < 2 * of.maintenance:
        return everything
    if time_ns - leaf.stage_time >= 3 * group.epoch_period_ns:
        return everything
    slice_size = ceil_div(group.slice_share * position.base_size, ONE * lot) * lot
    return everything if everything - slice_size < 10 * lot else slice_size


def delta_sum(state: State, account: int, group: int) -> int:
    """Return X, the delta of an account in a group with rows, in 1e-9 base units (Q-20)."""
    risk = group_risk(state, group)
    held = by_group(state, sizes_of(state.accounts[account])).get(group, {})
    return 0 if risk is None else portfolio.delta_sum(risk, held)


def hedge_side(delta: int) -> int:
    """Return the side that a hedge takes: it sells a positive delta."""
    return SELL if delta > 0 else BUY


def hedge_most(state: State, account: int, listing: int) -> int:
    """Return how much of a perpetual may hedge an account's delta without turning it (Q-20)."""
    return abs(delta_sum(state, account, state.instruments[listing].group)) // ONE


def hedgeable(state: State, leaf: Account, listing: int) -> bool:
    """Return whether a listing is a perpetual beside a future or option that is held (Q-19)."""
    instrument = state.instruments.get(listing)
    if instrument is None or not instrument.is_perpetual:
        return False
    if group_risk(state, instrument.group) is None:
        return False
    held = (state.instruments[other] for other in sizes_of(leaf))
    return any(other.is_dated and other.group == instrument.group for other in held)


# At what price


def slippage_price(state: State, account: int, slot: int, of: Figures) -> int:
    """Return limit(A, slot) without its bankruptcy part: the bound of the slippage."""
    position = state.accounts[account].positions[slot]
    side = SELL if position.size > 0 else BUY
    return slippage_bound(state, position.listing, side, of)


def slippage_bound(state: State, listing: int, side: int, of: Figures) -> int:
    """Return the worst price at which a listing is sold or bought in a liquidation."""
    instrument, group = state.instruments[listing], group_of(state, listing)
    quantum, price = instrument.quantum, mark(state, listing)
    missing, need = max(0, of.maintenance - of.equity), max(1, of.maintenance)
    if instrument.is_perpetual:
        slippage = max(group.slippage_floor, group.maintenance_rate * missing // (10 * need))
        if side == SELL:
            return ceil_div(price * (ONE - slippage), ONE * quantum) * quantum
        return price * (ONE + slippage) // (ONE * quantum) * quantum
    offset = _offset(state, listing, missing, need)
    if side == SELL:
        return max(quantum, ceil_div(price - offset, quantum) * quantum)
    return (price + offset) // quantum * quantum


def _offset(state: State, listing: int, missing: int, need: int) -> int:
    """Return how far from the mark a future, option or collateral trades in a liquidation."""
    instrument, row = state.instruments[listing], row_of(state, listing)
    price = mark(state, listing)
    offset = ceil_div(group_of(state, listing).slippage_floor * price, ONE)
    if row is None:
        return offset
    scalars = scalars_of(state, instrument.group)
    assert scalars is not None, "a group with rows has a risk set"
    if instrument.is_option:
        offset = max(offset, ceil_div(scalars.option_spread * price, ONE), ceil_div(row.vega, 100))
    return max(offset, row.unit_risk * missing // (10 * need * UNIT_RISK_UNITS))


def bankruptcy_price(state: State, account: int, slot: int, of: Figures, wanted: int) -> int:
    """Return the worst price at which `wanted` of a position trades without negative equity."""
    position = state.accounts[account].positions[slot]
    listing = position.listing
    instrument, group = state.instruments[listing], group_of(state, listing)
    quantum = instrument.quantum
    notional, equity = mark(state, listing) * wanted, of.equity * instrument.coin
    rate = instrument.taker_fee + liquidation_rate(state, listing)
    if instrument.is_option:  # its fees are a part of the index
        fees = ceil_div(rate * group.index, ONE) * wanted
        if position.size > 0:
            return ceil_div(notional - equity + fees, wanted * quantum) * quantum
        return (notional + equity - fees) // (wanted * quantum) * quantum
    if position.size > 0:
        return ceil_div((notional - equity) * ONE, wanted * (ONE - rate) * quantum) * quantum
    return (notional + equity) * ONE // (wanted * (ONE + rate) * quantum) * quantum


def limit_price(state: State, account: int, slot: int, of: Figures, wanted: int) -> int:
    """Return limit(A, slot), the worst price at which a slice of `wanted` may trade.

    Collateral is sold although equity is negative: nothing else can pay the loan.
    """
    position = state.accounts[account].positions[slot]
    slippage = slippage_price(state, account, slot, of)
    if state.instruments[position.listing].is_spot:
        return slippage
    better = max if position.size > 0 else min
    return better(slippage, bankruptcy_price(state, account, slot, of, wanted))


def tear_price(state: State, account: int, slot: int, of: Figures) -> int:
    """Return tear(A, slot): the mark, moved by this position's part of the negative equity."""
    leaf = state.accounts[account]
    risk = 0
    for listing, size in sizes_of(leaf).items():
        instrument = state.instruments[listing]
        if not instrument.is_spot:
            risk += abs(size) * _tear_weight(state, listing) // instrument.coin
    position = leaf.positions[slot]
    instrument = state.instruments[position.listing]
    price, weight = mark(state, position.listing), _tear_weight(state, position.listing)
    quantum = instrument.quantum
    offset = ceil_div(max(0, -of.equity) * weight, max(1, risk) * quantum) * quantum
    torn = price + offset if position.size > 0 else price - offset
    return max(0, torn) if instrument.is_option else torn


def _tear_weight(state: State, listing: int) -> int:
    """Return r, by which negative equity is shared out, in 1e-15 USD a coin."""
    row = row_of(state, listing)
    if row is not None:
        return UNIT_RISK_RATE * row.unit_risk
    return group_of(state, listing).maintenance_rate * mark(state, listing)


def maintenance_without(state: State, account: int, listing: int, change: int) -> int:
    """Return MM(A) as if `change` were added to its position in a listing at the mark."""
    leaf = state.accounts[account]
    sizes = sizes_of(leaf)
    sizes[listing] = sizes.get(listing, 0) + change
    return figures_of(state, leaf.cash, sizes, leaf.margin_mode).maintenance
