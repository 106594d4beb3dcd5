"""`evaluate`: equity, margins, every scenario and contingency, Greeks, per group and in total.

The figures are those of docs/spec/risk.md, computed by the specification's own functions; nothing
here decides anything about margin.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from merkat.products.names import Contract, ContractNameError, parse_name
from merkat.risk.instruments import kind_of, terms_of
from merkat.risk.market import Market, Parameters, Underlying
from merkat.risk.portfolio import PORTFOLIO, Order, Portfolio
from merkat.risk.report import GroupReport, Report, group_report
from merkat.spec.risk import equity, orders, portfolio, standard
from merkat.spec.risk.group import GroupRisk
from merkat.spec.risk.rows import RowInputs, build_rows
from merkat.spec.risk.surface import CHECKS, Candidate
from merkat.spec.risk.terms import FUTURE, OPTIONS, PERPETUAL, SPOT, Terms
from merkat.spec.risk.vector import ExpiryQuote, SurfaceVector
from merkat.spec.risk.window import Samples
from merkat.spec.values import ONE, ceil_div

NO_SAMPLES = Samples(day=0, count=0, total=0)


class EvaluationError(ValueError):
    """A portfolio that cannot be valued: what was wrong, by rule where a rule refused it."""


@dataclass(frozen=True, slots=True)
class _Group:
    """One underlying: its priced rows, and the portfolio's part in them."""

    name: str
    underlying: Underlying
    risk: GroupRisk
    listings: dict[str, int]
    sizes: dict[int, int]
    orders: tuple[orders.OpenOrder, ...]


def evaluate(held: Portfolio, market: Market, parameters: Parameters | None = None) -> Report:
    """Value a portfolio.

    Raises EvaluationError: a contract without its expiry in the market, a surface that a rule
    refuses (E-07 to E-13), a size that is not whole lots, a price off the quantum.
    """
    model = parameters or Parameters()
    groups = _groups(held, market, model)
    reports = tuple(_report_of(group, held.mode, model) for group in groups)
    opened = sum(_opened_at(group, held) for group in groups)
    cash = held.cash - opened
    usd = cash + sum(report.value for report in reports)
    collateral = sum(report.collateral for report in reports)
    loan = equity.loan(usd)
    return Report(
        mode=held.mode,
        cash=held.cash,
        mark_to_market=usd - held.cash + collateral,
        equity=usd + collateral,
        equity_conservative=cash + sum(each.wide_value for each in reports) + collateral,
        maintenance=sum(report.maintenance for report in reports),
        initial=sum(report.initial for report in reports),
        loan=loan,
        loan_limit=sum(report.loan_limit for report in reports),
        groups=reports,
    )


def _opened_at(group: _Group, held: Portfolio) -> int:
    """Return what the perpetuals and futures of a group cost when they were opened (1e-6 USD)."""
    paid = 0
    for position in held.positions:
        listing = group.listings.get(position.instrument)
        if listing is None:
            continue
        row = group.risk.rows[listing]
        if row.kind in (PERPETUAL, FUTURE):
            entry = row.mark if position.entry is None else position.entry
            paid += equity.exact(position.size * entry, group.risk.coin)
        elif position.entry is not None:
            raise EvaluationError(
                f"{position.instrument}: entry is for perpetuals and futures; "
                f"the premium of an option is in the cash already"
            )
    return paid


def _groups(held: Portfolio, market: Market, model: Parameters) -> list[_Group]:
    """Return the groups of a portfolio, in the order of the market."""
    names: dict[str, set[str]] = defaultdict(set)
    contracts: dict[str, Contract] = {}
    named = [each.instrument for each in held.positions]
    named += [each.instrument for each in held.orders]
    for instrument in set(named):
        contracts[instrument] = contract = _contract(instrument)
        if contract.base not in market.underlyings:
            raise EvaluationError(
                f"{instrument}: the market has no {contract.base}; "
                f"expected one of {', '.join(market.underlyings)}"
            )
        names[contract.base].add(instrument)
    return [
        _group(number, base, sorted(names[base]), contracts, held, market, model)
        for number, base in enumerate(market.underlyings)
        if base in names
    ]


def _contract(instrument: str) -> Contract:
    try:
        return parse_name(instrument)
    except ContractNameError as error:
        raise EvaluationError(str(error)) from None


def _group(
    number: int,
    base: str,
    names: list[str],
    contracts: dict[str, Contract],
    held: Portfolio,
    market: Market,
    model: Parameters,
) -> _Group:
    underlying = market.underlyings[base]
    listings = {name: listing for listing, name in enumerate(names, start=1)}
    terms = tuple(
        terms_of(listing, contracts[name], underlying.quantum) for name, listing in listings.items()
    )
    vector = _vector(number, market, underlying)
    _admit(base, vector, terms, names, model)
    inputs = RowInputs(
        vector=vector,
        risk_set=model.risk_set,
        terms=terms,
        coin=underlying.coin,
        basis_clamp=model.basis_clamp,
        maintenance_rate=model.maintenance_rate,
        samples=NO_SAMPLES,
        standing={},
        standing_time=0,
    )
    rows = build_rows(inputs)
    if rows is None:
        raise EvaluationError(f"{base}: E-13: a row leaves its bounds; check strikes and surface")
    risk = GroupRisk(
        risk_set=model.risk_set,
        vector=vector,
        rows={row.listing: row for row in rows},
        coin=underlying.coin,
        fund=underlying.fund,
        maintenance_rate=model.maintenance_rate,
        initial_rate=model.initial_rate,
    )
    sizes: dict[int, int] = {}
    for position in held.positions:
        if position.instrument in listings:
            _whole_lots(position.instrument, position.size, underlying)
            if position.entry is not None:
                _on_quantum(position.instrument, "entry", position.entry, underlying)
            kind = kind_of(contracts[position.instrument])
            if kind == SPOT and position.size < 0:
                raise EvaluationError(f"{position.instrument}: collateral is never short")
            sizes[listings[position.instrument]] = position.size
    return _Group(base, underlying, risk, listings, sizes, _orders(held, listings, underlying))


def _orders(
    held: Portfolio, listings: dict[str, int], underlying: Underlying
) -> tuple[orders.OpenOrder, ...]:
    """Return the orders of one group."""
    mine: list[Order] = [order for order in held.orders if order.instrument in listings]
    for order in mine:
        _whole_lots(order.instrument, order.size, underlying)
        _on_quantum(order.instrument, "limit", order.limit, underlying)
    return tuple(
        orders.OpenOrder(listings[each.instrument], each.is_buy, each.limit, each.size)
        for each in mine
    )


def _whole_lots(instrument: str, size: int, underlying: Underlying) -> None:
    if size % underlying.lot:
        raise EvaluationError(
            f"{instrument}: size {size} base units is not whole lots of {underlying.lot}"
        )


def _on_quantum(instrument: str, field: str, price: int, underlying: Underlying) -> None:
    if price % underlying.quantum:
        raise EvaluationError(
            f"{instrument}: {field} {price} (1e-6 USD) is no multiple of the quantum "
            f"{underlying.quantum}"
        )


def _vector(number: int, market: Market, underlying: Underlying) -> SurfaceVector:
    alive = tuple(
        ExpiryQuote(each.expiry_ns, each.forward, each.a, each.b, each.rho, each.m, each.sigma)
        for each in underlying.expiries
        if each.expiry_ns > market.time_ns
    )
    return SurfaceVector(
        version=2,
        group=number,
        number=1,
        time=market.time_ns,
        previous=bytes(31),
        index=underlying.index,
        basis=underlying.basis,
        premium=0,
        confidence=underlying.confidence,
        peg=market.peg,
        vol=underlying.vol,
        vol_mean=underlying.vol_mean,
        expiries=alive,
    )


def _admit(
    base: str,
    vector: SurfaceVector,
    terms: tuple[Terms, ...],
    names: list[str],
    model: Parameters,
) -> None:
    """Refuse a market that the venue would refuse, by the same rules."""
    if vector.index < 1:
        raise EvaluationError(f"{base}: index is {vector.index} (1e-6 USD); expected above zero")
    for name, term in zip(names, terms, strict=True):
        if term.expiry and term.expiry <= vector.time:
            raise EvaluationError(f"{name} has expired at the market's time; leave it out")
        if term.expiry and vector.quote(term.expiry) is None:
            raise EvaluationError(
                f"{name}: E-11 surface_missing: the market has no expiry for it; add its forward "
                f"and SVI to market.underlyings.{base}.expiries"
            )
    candidate = Candidate(vector, terms, None, model.risk_set.scalars.vol_jump)
    for rule_id, check in CHECKS.items():
        field = check(candidate)
        if field is not None:
            raise EvaluationError(
                f"{base}: {rule_id} refuses the market: field {field} (docs/spec/risk.md section 2)"
            )


def _report_of(group: _Group, mode: int, model: Parameters) -> GroupReport:
    """Return the figures of one group."""
    fees = sum(_fee(group, order, model) for order in group.orders)
    holdings = equity.holdings(group.risk, group.sizes)
    losses = orders.order_losses(group.risk, group.orders)
    full = portfolio.margin(group.risk, group.sizes, losses)
    if mode == PORTFOLIO:
        maintenance, initial = full.maintenance, full.initial
    else:
        alone = standard.margin(group.risk, group.sizes)
        maintenance = alone.maintenance
        initial = alone.initial + _standard_orders(group)
    return group_report(
        name=group.name,
        group=group.risk,
        listings=group.listings,
        sizes=group.sizes,
        holdings=holdings,
        margin=full,
        maintenance=maintenance,
        initial=initial + fees,
        order_fees=fees,
    )


def _standard_orders(group: _Group) -> int:
    """Return what orders add to the initial margin of a standard account."""
    need, rate = 0, group.risk.initial_rate
    bought: dict[int, int] = defaultdict(int)
    sold: dict[int, int] = defaultdict(int)
    for order in group.orders:
        row = group.risk.rows[order.listing]
        if row.kind in OPTIONS:
            need += orders.standard_option_need(group.risk, order)
        elif row.kind == SPOT:
            need += orders.spot_need(group.risk, order)
        else:
            (bought if order.is_buy else sold)[order.listing] += order.left
            worse = order.limit - row.mark if order.is_buy else row.mark - order.limit
            need += max(0, order.left * worse // group.risk.coin)
    for listing in bought.keys() | sold.keys():
        size, mark = group.sizes.get(listing, 0), group.risk.rows[listing].mark
        worst = max(abs(size + bought[listing]), abs(size - sold[listing]))
        after = ceil_div(rate * (worst * mark // group.risk.coin), ONE)
        need += after - ceil_div(rate * (abs(size) * mark // group.risk.coin), ONE)
    return need


def _fee(group: _Group, order: orders.OpenOrder, model: Parameters) -> int:
    """Return the worst fee of an order."""
    row, coin = group.risk.rows[order.listing], group.risk.coin
    value = order.left * max(order.limit, row.mark) // coin
    if row.kind not in OPTIONS:
        return ceil_div(model.linear_fee * value, ONE)
    of_index = ceil_div(model.option_fee * order.left * group.risk.index, ONE * coin)
    cap = ceil_div(model.risk_set.scalars.premium_cap * value, ONE)
    return min(of_index, cap)
