"""The quantities of rules.md section 1 and derivatives.md section 4 over the settlement state.

Prices are in 1e-6 USD per coin, money in 1e-6 USD, sizes in base units; `time_ns` is the time of
the command (venue) or of the micro-op after its delta (settlement).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from merkat.spec.risk import portfolio, standard
from merkat.spec.risk.equity import holdings
from merkat.spec.risk.group import GroupRisk
from merkat.spec.risk.parameters import Scalars
from merkat.spec.risk.rows import Row
from merkat.spec.settle.leaves import (
    DELIVERED,
    LISTING_OPEN,
    PORTFOLIO_MARGIN,
    Account,
    Group,
    Instrument,
)
from merkat.spec.settle.ops import NAMES_BYTES
from merkat.spec.settle.state import State
from merkat.spec.values import ONE, SLOTS_END, ceil_div, clamp, exact_value

Sizes = Mapping[int, int]
"""Positions: {listing: signed size}."""

# Prices


def value_of(instrument: Instrument, size: int, price: int) -> int:
    """Return value(L, q, p), the exact notional."""
    return exact_value(size, price, instrument.size_decimals)


def group_of(state: State, listing: int) -> Group:
    """Return the group of a listing."""
    return state.groups[state.instruments[listing].group]


def row_of(state: State, listing: int) -> Row | None:
    """Return the standing row of a listing, None where it has none."""
    record = state.risks.get(state.instruments[listing].group)
    if record is None or record.built is None:
        return None
    return record.built.rows.get(listing)


def group_risk(state: State, group: int) -> GroupRisk | None:
    """Return what margin reads of a group with rows, None for a group without."""
    record = state.risks.get(group)
    if record is None or record.built is None:
        return None
    built, leaf = record.built, state.groups[group]
    first = next(iter(built.rows), None)
    return GroupRisk(
        risk_set=built.risk_set,
        vector=built.vector,
        rows=built.rows,
        coin=1 if first is None else state.instruments[first].coin,
        fund=leaf.fund,
        maintenance_rate=leaf.maintenance_rate,
        initial_rate=leaf.initial_rate,
    )


def scalars_of(state: State, group: int) -> Scalars | None:
    """Return the scalars that a group goes by: of its rows, before the first ones the newest."""
    record = state.risks.get(group)
    if record is None:
        return None
    return record.risk_set.scalars if record.built is None else record.built.risk_set.scalars


def mark(state: State, listing: int) -> int:
    """Return mark(L): that of its row; of a perpetual without one the index with clamped basis.

    In whole quanta, at least one where there is no row. Anything else without a row has no mark: 0,
    and F-16 refuses its trades.
    """
    row = row_of(state, listing)
    if row is not None:
        return row.mark
    instrument = state.instruments[listing]
    if not instrument.is_perpetual:
        return 0
    group, quantum = state.groups[instrument.group], instrument.quantum
    raised = group.index * (ONE + clamp(group.basis, group.basis_clamp))
    return max(quantum, raised // (ONE * quantum) * quantum)


def funding_price(state: State, listing: int) -> int:
    """Return F(L): the cumulative funding in whole quanta; 0 but for a perpetual."""
    instrument = state.instruments[listing]
    if not instrument.is_perpetual:
        return 0
    quantum = instrument.quantum
    return state.groups[instrument.group].cumulative_funding // (quantum * 10**6) * quantum


def band(state: State, listing: int) -> int:
    """Return band(L), how far from the mark a price may be."""
    instrument, row = state.instruments[listing], row_of(state, listing)
    if row is None or not instrument.is_option:
        return group_of(state, listing).band * mark(state, listing) // ONE
    scalars = scalars_of(state, instrument.group)
    assert scalars is not None, "a group with rows has a risk set"
    ticks = 4 * instrument.tick_at(row.mark)
    return max(scalars.option_band * row.mark // ONE, row.vega * 15 // 1_000, ticks)


def tradable(state: State, listing: int, time_ns: int) -> bool:
    """Return whether a listing can trade at all: it has a row where rows are, and lives (F-16)."""
    instrument = state.instruments[listing]
    priced = not group_of(state, listing).has_risk_set or row_of(state, listing) is not None
    expired = instrument.is_dated and instrument.expiry <= time_ns
    return priced and not expired and instrument.state < DELIVERED


# Fees


def fee(state: State, listing: int, rate: int, size: int, price: int) -> int:
    """Return the fee of a trade at a rate, rounded against the payer; a rebate is negative.

    Of an option it is a part of the index, but never more than a part of the premium.
    """
    base = group_of(state, listing).index if state.instruments[listing].is_option else price
    return fee_capped(state, listing, rate * size * base, size, price)


def fee_capped(state: State, listing: int, product: int, size: int, price: int) -> int:
    """Return rate x size x price of a coin as a fee; of an option at most a part of its value.

    A product below zero, a rebate, has no bound.
    """
    instrument = state.instruments[listing]
    base = ceil_div(product, ONE * instrument.coin)
    if not instrument.is_option or product <= 0:
        return base
    scalars = scalars_of(state, instrument.group)
    assert scalars is not None, "a group that lists an option has a risk set"
    return min(base, ceil_div(scalars.premium_cap * value_of(instrument, size, price), ONE))


def liquidation_rate(state: State, listing: int) -> int:
    """Return the rate of the fee that a liquidation pays into the fund beside the taker fee."""
    instrument = state.instruments[listing]
    scalars = scalars_of(state, instrument.group)
    if instrument.is_option and scalars is not None:
        return scalars.option_liquidation_fee
    return group_of(state, listing).liquidation_fee


def liquidation_fee(state: State, listing: int, size: int, price: int) -> int:
    """Return what a liquidation pays into the fund beside the taker fee."""
    return fee(state, listing, liquidation_rate(state, listing), size, price)


# Figures of an account


@dataclass(frozen=True, slots=True)
class Figures:
    """What an account has and what it must have, in 1e-6 USD."""

    equity: int
    """E: with collateral, each position at its mark."""
    wide_equity: int
    """E_w: longs at the low, shorts at the high of their rows."""
    maintenance: int
    """MM."""
    initial: int
    """IM."""
    usd: int
    """Cash and every position but collateral at mark; a loan where negative."""
    loan_limit: int = 0
    debt_line: int = 0
    naked: Mapping[tuple[int, int], int] = field(default_factory=dict)
    """N: {(group, expiry): size short where calls and puts of a strike together are short}."""

    @property
    def loan(self) -> int:
        """What is owed against collateral."""
        return max(0, -self.usd)


def sizes_of(account: Account) -> dict[int, int]:
    """Return {listing: signed size} of an account's positions."""
    return {position.listing: position.size for position in account.positions.values()}


def by_group(state: State, sizes: Sizes) -> dict[int, dict[int, int]]:
    """Return {group: {listing: size}}, ascending by group, without positions of size 0."""
    groups: dict[int, dict[int, int]] = {}
    for listing, size in sizes.items():
        if size != 0:
            groups.setdefault(state.instruments[listing].group, {})[listing] = size
    return dict(sorted(groups.items()))


def figures_of(state: State, cash: int, sizes: Sizes, mode: int) -> Figures:
    """Return the figures of an account that had this cash, positions and margin mode."""
    total = Figures(cash, cash, 0, 0, cash)
    for group, held in by_group(state, sizes).items():
        total = _sum(total, _group_figures(state, group, held, mode))
    return total


def _sum(one: Figures, other: Figures) -> Figures:
    return Figures(
        equity=one.equity + other.equity,
        wide_equity=one.wide_equity + other.wide_equity,
        maintenance=one.maintenance + other.maintenance,
        initial=one.initial + other.initial,
        usd=one.usd + other.usd,
        loan_limit=one.loan_limit + other.loan_limit,
        debt_line=one.debt_line + other.debt_line,
        naked={**one.naked, **other.naked},
    )


def _group_figures(state: State, group: int, sizes: Sizes, mode: int) -> Figures:
    """Return what the positions in one group add to an account's figures."""
    risk = group_risk(state, group)
    if risk is None:
        return _figures_without_rows(state, group, sizes)
    needs: portfolio.Margin | standard.StandardMargin
    if mode == PORTFOLIO_MARGIN:
        needs = portfolio.margin(risk, sizes)
    else:
        needs = standard.margin(risk, sizes)
    worth = holdings(risk, sizes)
    funding = sum(
        value_of(state.instruments[listing], size, funding_price(state, listing))
        for listing, size in sizes.items()
        if listing in risk.rows
    )
    return Figures(
        equity=worth.value - funding + worth.collateral,
        wide_equity=worth.wide_value - funding + worth.collateral,
        maintenance=needs.maintenance,
        initial=needs.initial,
        usd=worth.value - funding,
        loan_limit=worth.loan_limit,
        debt_line=worth.debt_line,
        naked={
            (group, expiry): size
            for expiry, size in portfolio.naked_shorts(risk, sizes).items()
            if size > 0
        },
    )


def _figures_without_rows(state: State, group: int, sizes: Sizes) -> Figures:
    """Return what rules.md says of perpetuals; anything else counts from its first row on."""
    leaf = state.groups[group]
    equity = maintenance = initial = 0
    for listing, size in sizes.items():
        instrument, price = state.instruments[listing], mark(state, listing)
        if instrument.is_perpetual:
            notional = value_of(instrument, abs(size), price)
            equity += value_of(instrument, size, price - funding_price(state, listing))
            maintenance += ceil_div(leaf.maintenance_rate * notional, ONE)
            initial += ceil_div(leaf.initial_rate * notional, ONE)
    return Figures(equity, equity, maintenance, initial, equity)


def figures(state: State, account: int) -> Figures:
    """Return the figures of an account as it stands."""
    leaf = state.accounts[account]
    return figures_of(state, leaf.cash, sizes_of(leaf), leaf.margin_mode)


def figures_after(
    state: State, account: int, listing: int, size_change: int, cash_change: int
) -> Figures:
    """Return the figures that an account would have after a trade."""
    leaf = state.accounts[account]
    sizes = sizes_of(leaf)
    sizes[listing] = sizes.get(listing, 0) + size_change
    return figures_of(state, leaf.cash + cash_change, sizes, leaf.margin_mode)


def trade_cash(state: State, listing: int, size_change: int, price: int, paid_fee: int) -> int:
    """Return what a trade adds to the cash of the side whose position changes by `size_change`."""
    unit = price - funding_price(state, listing)
    return -value_of(state.instruments[listing], size_change, unit) - paid_fee


def holds(after: Figures) -> bool:
    """Return whether an account holds its initial margin (F-15, first rule)."""
    return holds_at_least(after, 0)


def holds_at_least(after: Figures, least: int) -> bool:
    """Return whether an account holds its initial margin, and at least so much (W-06)."""
    return after.wide_equity >= max(after.initial, least) and after.loan <= after.loan_limit


def improves(before: Figures, after: Figures) -> bool:
    """Return whether a trade makes an account safer (F-15, second rule)."""
    naked_grows = any(size > before.naked.get(key, 0) for key, size in after.naked.items())
    return (
        after.wide_equity - after.initial >= before.wide_equity - before.initial
        and after.equity * before.initial >= before.equity * after.initial
        and after.equity >= 0
        and not naked_grows
        and after.loan <= max(after.loan_limit, before.loan)
    )


def in_danger(of: Figures) -> bool:
    """Return whether an account must enter liquidation."""
    return of.equity < of.maintenance or of.loan > of.debt_line


def stop(state: State, account: int, of: Figures) -> int:
    """Return stop(A), the equity at which a liquidation ends, by the ratio of the stage's group."""
    ratio = state.groups[state.accounts[account].stage_group].stop_ratio
    return min(ratio * of.maintenance // ONE, of.initial)


def safe(state: State, account: int, of: Figures) -> bool:
    """Return whether a liquidation may end."""
    return of.equity >= stop(state, account, of) and of.loan <= of.loan_limit


def maintenance_by_group(state: State, account: int) -> dict[int, int]:
    """Return {group: maintenance requirement of its positions} of an account."""
    leaf = state.accounts[account]
    return {
        group: _group_figures(state, group, held, leaf.margin_mode).maintenance
        for group, held in by_group(state, sizes_of(leaf)).items()
    }


def largest_group(state: State, account: int) -> int | None:
    """Return the group of the largest maintenance (ties: lowest), None without a position."""
    sums = maintenance_by_group(state, account)
    return min(sums, key=lambda group: (-sums[group], group)) if sums else None


def net_delta_requirement(state: State, account: int) -> int:
    """Return D, what a withdrawal leaves for a move of every group's net position."""
    return net_delta_of(state, sizes_of(state.accounts[account]))


def net_delta_of(state: State, sizes: Sizes) -> int:
    """Return D of these positions."""
    total = 0
    for group, held in by_group(state, sizes).items():
        risk = group_risk(state, group)
        if risk is not None:
            net = portfolio.delta_usd(risk, held)
        else:
            net = sum(
                value_of(state.instruments[listing], size, mark(state, listing))
                for listing, size in held.items()
            )
        total += ceil_div(state.groups[group].delta_rate * abs(net), ONE)
    return total


def names(state: State, account: int) -> bytes:
    """Return b8: what gives the risk of each group with rows that is held, ascending (F-18)."""
    worst = bytearray()
    for group, held in by_group(state, sizes_of(state.accounts[account])).items():
        risk = group_risk(state, group)
        if risk is not None:
            worst.append(portfolio.worst(risk, held))
    return bytes(worst[:NAMES_BYTES]).ljust(NAMES_BYTES, bytes([portfolio.NONE]))


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
