"""The quantities of rules.md section 1 and 2.6 over the settlement state.

Prices are in 1e-6 USD per coin, money in 1e-6 USD, sizes in base units; `time_ns` is the time of
the command (venue) or of the micro-op after its delta (settlement).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from merkat.spec.settle.leaves import (
    BANKRUPT,
    IN_LIQUIDATION,
    LISTING_OPEN,
    Account,
    Group,
    Instrument,
)
from merkat.spec.settle.state import State
from merkat.spec.values import ONE, SLOTS_END, ceil_div, clamp, exact_value

# Prices


def value_of(instrument: Instrument, size: int, price: int) -> int:
    """Return value(L, q, p), the exact notional."""
    return exact_value(size, price, instrument.size_decimals)


def group_of(state: State, listing: int) -> Group:
    """Return the group of a listing."""
    return state.groups[state.instruments[listing].group]


def mark(state: State, listing: int) -> int:
    """Return mark(L): the index with the clamped basis, in whole quanta, at least one."""
    instrument = state.instruments[listing]
    group, quantum = state.groups[instrument.group], instrument.quantum
    raised = group.index * (ONE + clamp(group.basis, group.basis_clamp))
    return max(quantum, raised // (ONE * quantum) * quantum)


def funding_price(state: State, listing: int) -> int:
    """Return F(L): the cumulative funding in whole quanta."""
    instrument = state.instruments[listing]
    quantum = instrument.quantum
    return state.groups[instrument.group].cumulative_funding // (quantum * 10**6) * quantum


def band(state: State, listing: int) -> int:
    """Return band(L), how far from the mark a price may be."""
    return group_of(state, listing).band * mark(state, listing) // ONE


def fee(rate: int, notional: int) -> int:
    """Return a fee, rounded against the payer; a negative rate gives a rebate."""
    return ceil_div(rate * notional, ONE)


# Figures of an account


@dataclass(frozen=True, slots=True)
class Figures:
    """Equity E, maintenance requirement MM and initial requirement IM of an account."""

    equity: int
    maintenance: int
    initial: int


def sizes_of(account: Account) -> dict[int, int]:
    """Return {listing: signed size} of an account's positions."""
    return {position.listing: position.size for position in account.positions.values()}


def figures_of(state: State, cash: int, sizes: Mapping[int, int]) -> Figures:
    """Return the figures of an account that had this cash and these {listing: size}."""
    equity, maintenance, initial = cash, 0, 0
    for listing, size in sizes.items():
        instrument, group = state.instruments[listing], group_of(state, listing)
        price = mark(state, listing)
        notional = value_of(instrument, abs(size), price)
        equity += value_of(instrument, size, price - funding_price(state, listing))
        maintenance += ceil_div(group.maintenance_rate * notional, ONE)
        initial += ceil_div(group.initial_rate * notional, ONE)
    return Figures(equity, maintenance, initial)


def figures(state: State, account: int) -> Figures:
    """Return the figures of an account as it stands."""
    leaf = state.accounts[account]
    return figures_of(state, leaf.cash, sizes_of(leaf))


def figures_after(
    state: State, account: int, listing: int, size_change: int, cash_change: int
) -> Figures:
    """Return the figures that an account would have after a trade."""
    leaf = state.accounts[account]
    sizes = sizes_of(leaf)
    sizes[listing] = sizes.get(listing, 0) + size_change
    return figures_of(state, leaf.cash + cash_change, sizes)


def trade_cash(state: State, listing: int, size_change: int, price: int, paid_fee: int) -> int:
    """Return what a trade adds to the cash of the side whose position changes by `size_change`."""
    unit = price - funding_price(state, listing)
    return -value_of(state.instruments[listing], size_change, unit) - paid_fee


def holds(after: Figures) -> bool:
    """Return whether an account holds its initial margin (F-15, first rule)."""
    return after.equity >= after.initial


def improves(before: Figures, after: Figures) -> bool:
    """Return whether a trade makes an account safer (F-15, second rule)."""
    return (
        after.equity - after.initial >= before.equity - before.initial
        and after.equity * before.initial >= before.equity * after.initial
        and after.equity >= 0
    )


def stop(state: State, account: int, of: Figures) -> int:
    """Return stop(A), the equity at which a liquidation ends, by the ratio of the stage's group."""
    ratio = state.groups[state.accounts[account].stage_group].stop_ratio
    return min(ratio * of.maintenance // ONE, of.initial)


def maintenance_by_group(state: State, account: int) -> dict[int, int]:
    """Return {group: sum of the maintenance of its positions} of an account."""
    sums: dict[int, int] = {}
    for listing, size in sizes_of(state.accounts[account]).items():
        alone = figures_of(state, 0, {listing: size}).maintenance
        group = state.instruments[listing].group
        sums[group] = sums.get(group, 0) + alone
    return sums


def largest_group(state: State, account: int) -> int | None:
    """Return the group of the largest maintenance sum (ties: lowest), None without a position."""
    sums = maintenance_by_group(state, account)
    return min(sums, key=lambda group: (-sums[group], group)) if sums else None


def net_delta_requirement(state: State, account: int) -> int:
    """Return D, what a withdrawal leaves for a move of every group's net position."""
    nets: dict[int, int] = {}
    for listing, size in sizes_of(state.accounts[account]).items():
        instrument = state.instruments[listing]
        net = value_of(instrument, size, mark(state, listing))
        nets[instrument.group] = nets.get(instrument.group, 0) + net
    return sum(
        ceil_div(state.groups[group].delta_rate * abs(net), ONE) for group, net in nets.items()
    )


# Age of the oracle


def fresh(group: Group, time_ns: int) -> bool:
    """Return whether a group's vector stands, undisputed and young."""
    young = time_ns - group.epoch_time <= group.stale_ns
    return group.has_vector and group.held_count == 0 and young


def halted(group: Group, time_ns: int) -> bool:
    """Return whether a group's oracle has been silent for too long."""
    return not group.has_vector or time_ns - group.epoch_time > group.halt_ns


def groups_held(state: State, account: int) -> set[int]:
    """Return the groups among an account's positions."""
    positions = state.accounts[account].positions.values()
    return {state.instruments[position.listing].group for position in positions}


def all_fresh(state: State, account: int, time_ns: int) -> bool:
    """Return whether every group among an account's positions is fresh."""
    return all(fresh(state.groups[group], time_ns) for group in groups_held(state, account))


def restricted(state: State, account: int, listing: int, time_ns: int) -> bool:
    """Return whether an account may only reduce its position in a listing."""
    instrument = state.instruments[listing]
    groups = groups_held(state, account) | {instrument.group}
    return instrument.state != LISTING_OPEN or not all(
        fresh(state.groups[group], time_ns) for group in groups
    )


def reduces(before: int, after: int) -> bool:
    """Return whether a position becomes smaller without a change of sign (F-14)."""
    return abs(after) < abs(before) and after * before >= 0


# Slots


def slot_for(state: State, account: int, listing: int) -> int | None:
    """Return the slot that a trade writes: the listing's, else the lowest empty one, else None."""
    leaf = state.accounts[account]
    slot = leaf.slot_of(listing)
    if slot is not None:
        return slot
    if len(leaf.positions) >= state.globals_.position_limit:
        return None
    return next(slot for slot in range(SLOTS_END) if slot not in leaf.positions)


# Liquidation


def timed_out(state: State, account: int, time_ns: int) -> bool:
    """Return whether a liquidation has lasted as long as the stage's group lets it."""
    leaf = state.accounts[account]
    if leaf.stage != IN_LIQUIDATION:
        return False
    return time_ns - leaf.stage_time >= state.groups[leaf.stage_group].stage_timeout_ns


def insolvent(state: State, account: int, of: Figures, time_ns: int) -> bool:
    """Return whether an account goes bankrupt (Q-13)."""
    late = of.equity < of.maintenance and timed_out(state, account, time_ns)
    return state.accounts[account].stage < BANKRUPT and (of.equity < 0 or late)


def share(state: State, account: int, slot: int, used: int, of: Figures, time_ns: int) -> int:
    """Return share(A, slot): the bound of what one epoch may liquidate, `used` included."""
    leaf = state.accounts[account]
    position = leaf.positions[slot]
    size, group = abs(position.size), group_of(state, position.listing)
    lot = state.instruments[position.listing].lot
    everything = used + size
    if 3 * of.equity < 2 * of.maintenance:
        return everything
    if time_ns - leaf.stage_time >= 3 * group.epoch_period_ns:
        return everything
    slice_size = ceil_div(group.slice_share * position.base_size, ONE * lot) * lot
    return everything if everything - slice_size < 10 * lot else slice_size


def slippage_price(state: State, account: int, slot: int, of: Figures) -> int:
    """Return limit(A, slot) without its bankruptcy part: the bound of the slippage."""
    position = state.accounts[account].positions[slot]
    group = group_of(state, position.listing)
    quantum = state.instruments[position.listing].quantum
    price = mark(state, position.listing)
    missing = max(0, of.maintenance - of.equity)
    slippage = max(group.slippage_floor, group.maintenance_rate * missing // (10 * of.maintenance))
    if position.size > 0:
        return ceil_div(price * (ONE - slippage), ONE * quantum) * quantum
    return price * (ONE + slippage) // (ONE * quantum) * quantum


def bankruptcy_price(state: State, account: int, slot: int, of: Figures, wanted: int) -> int:
    """Return the worst price at which `wanted` of a position trades without negative equity."""
    position = state.accounts[account].positions[slot]
    instrument, group = state.instruments[position.listing], group_of(state, position.listing)
    quantum = instrument.quantum
    notional = mark(state, position.listing) * wanted
    whole_coin: int = 10**instrument.size_decimals
    equity = of.equity * whole_coin
    fees = instrument.taker_fee + group.liquidation_fee
    if position.size > 0:
        return ceil_div((notional - equity) * ONE, wanted * (ONE - fees) * quantum) * quantum
    return (notional + equity) * ONE // (wanted * (ONE + fees) * quantum) * quantum


def limit_price(state: State, account: int, slot: int, of: Figures, wanted: int) -> int:
    """Return limit(A, slot), the worst price at which a slice of `wanted` may trade."""
    long = state.accounts[account].positions[slot].size > 0
    better = max if long else min
    return better(
        slippage_price(state, account, slot, of),
        bankruptcy_price(state, account, slot, of, wanted),
    )


def tear_price(state: State, account: int, slot: int, of: Figures) -> int:
    """Return tear(A, slot): the mark, moved by this position's part of the negative equity."""
    leaf = state.accounts[account]
    risk = 0
    for listing, size in sizes_of(leaf).items():
        notional = value_of(state.instruments[listing], abs(size), mark(state, listing))
        risk += group_of(state, listing).maintenance_rate * notional
    position = leaf.positions[slot]
    quantum = state.instruments[position.listing].quantum
    price, rate = mark(state, position.listing), group_of(state, position.listing).maintenance_rate
    offset = ceil_div(max(0, -of.equity) * rate * price, risk * quantum) * quantum
    return price + offset if position.size > 0 else price - offset
