"""The rows of a group: what every listing is worth now and in every scenario (risk.md section 3).

A row is a pure function of the vector, the risk set, the listings' terms and, for listings that
wait for their delivery price and for thin markets, of the row before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from merkat.spec.codec import I64, U8, U32, U64, Reader, Record, layout
from merkat.spec.risk.option_rows import OptionRows
from merkat.spec.risk.parameters import RiskSet
from merkat.spec.risk.terms import FUTURE, PERPETUAL, SPOT, Terms, payoff
from merkat.spec.risk.vector import SurfaceVector
from merkat.spec.risk.window import Samples, window_of
from merkat.spec.values import ONE, clamp

PRICE_ONE = 1_000_000
DELTA_ONE = ONE
ENTRY_END = 2**62
COLUMN_END = 2**63
ROWS_MAX = 8_192
UNIT_RISK_UNITS = 1_000_000
"""How many units of a unit risk (1e-12 USD a coin) are 1e-6 USD."""
UNIT_RISK_MAX = COLUMN_END - 1
"""A larger unit risk is stored as this."""


@dataclass(frozen=True, slots=True)
class Row(Record):
    """One listing's row. Prices and entries: 1e-6 USD per coin; the columns' units: risk.md."""

    listing: U32
    kind: U8
    strike: I64
    expiry: U64
    forward: I64
    mark: I64
    low: I64
    high: I64
    unit_risk: I64
    delta: I64
    gamma: I64
    vega: I64
    theta: I64
    years: I64
    up: I64
    down: I64
    scenarios: tuple[int, ...]

    def encode(self) -> bytes:
        """Return the bytes of a snapshot."""
        entries = b"".join(entry.to_bytes(8, "big", signed=True) for entry in self.scenarios)
        return Record.encode(self) + entries


def read_row(reader: Reader, scenario_count: int) -> Row:
    """Take one row off the reader; MalformedError when bytes are missing."""
    head = {name: wire.read(reader) for name, wire in layout(Row)}
    return Row(**head, scenarios=tuple(reader.i64() for _ in range(scenario_count)))


@dataclass(frozen=True, slots=True)
class RowInputs:
    """Everything that decides about a group's rows."""

    vector: SurfaceVector
    risk_set: RiskSet
    terms: tuple[Terms, ...]
    """The live listings, ascending."""
    coin: int
    """Base units of one coin, 10^size_decimals."""
    basis_clamp: int
    maintenance_rate: int
    samples: Samples
    """The index samples of the delivery window, with those that this vector's step adds."""
    standing: Mapping[int, Row]
    """The rows that stand, by listing; none before the first vector with a risk set."""
    standing_time: int
    """The time of the vector that they were made from, 0 without rows."""


def build_rows(inputs: RowInputs) -> tuple[Row, ...] | None:
    """Return the rows that a vector makes, ascending by listing; None where E-13 refuses them.

    The vector must have passed E-07 to E-12 and the first half of E-13 (`surface.CHECKS`). Its
    second half (field surface): the columns fit, and there are at most 8,192 rows.
    """
    options = OptionRows(inputs.vector, inputs.risk_set, inputs.samples)
    built = (_row_of(inputs, options, terms) for terms in inputs.terms)
    rows = tuple(row for row in built if row is not None)
    return rows if len(rows) <= ROWS_MAX and all(_fits(row) for row in rows) else None


def _fits(row: Row) -> bool:
    entries = (row.forward, row.mark, row.low, row.high, row.up, row.down, *row.scenarios)
    others = (row.delta, row.gamma, row.vega, row.theta, row.years)
    return all(abs(entry) < ENTRY_END for entry in entries) and all(
        -COLUMN_END <= other < COLUMN_END for other in others
    )


def _row_of(inputs: RowInputs, options: OptionRows, terms: Terms) -> Row | None:
    """Return the row of one listing, None where it has none yet."""
    if terms.delivery_price:
        return _delivered(inputs, terms)
    if terms.kind in (PERPETUAL, SPOT):
        row = _undated(inputs, terms)
    elif terms.expiry <= inputs.vector.time:
        return _waiting(inputs, terms)
    elif terms.kind == FUTURE:
        row = _future(inputs, terms)
    else:
        row = _option(inputs, options, terms)
    return _widened(inputs, terms, row)


def whole_quanta(price: int, quantum: int) -> int:
    """Return q(x): a price floored to whole quanta."""
    return price // quantum * quantum


def shocked(price: int, price_shock: int) -> int:
    """Return a price in 1e-6 USD moved by a scenario's price shock, floored."""
    return price * (PRICE_ONE + price_shock) // PRICE_ONE


def _undated(inputs: RowInputs, terms: Terms) -> Row:
    """A perpetual, or collateral, which moves in scenarios only where it may offset risk."""
    index = inputs.vector.index
    if terms.kind == PERPETUAL:
        based = index * (ONE + clamp(inputs.vector.basis, inputs.basis_clamp)) // ONE
    else:
        based = index
    mark = max(terms.quantum, whole_quanta(based, terms.quantum))
    moves = terms.kind == PERPETUAL or inputs.risk_set.scalars.collateral_offset == 1
    entries = tuple(
        shocked(mark, scenario.price) if moves else mark for scenario in inputs.risk_set.scenarios
    )
    return _flat_row(inputs, terms, mark, entries, DELTA_ONE if moves else 0)


def _flat_row(
    inputs: RowInputs, terms: Terms, mark: int, entries: tuple[int, ...], delta: int
) -> Row:
    return Row(
        listing=terms.listing,
        kind=terms.kind,
        strike=terms.strike,
        expiry=terms.expiry,
        forward=inputs.vector.index,
        mark=mark,
        low=mark,
        high=mark,
        unit_risk=min(UNIT_RISK_MAX, inputs.maintenance_rate * mark * UNIT_RISK_UNITS // ONE),
        delta=delta,
        gamma=0,
        vega=0,
        theta=0,
        years=0,
        up=mark,
        down=mark,
        scenarios=entries,
    )


def _future(inputs: RowInputs, terms: Terms) -> Row:
    """A future: what is fixed of its delivery price is not shocked."""
    vector, scalars = inputs.vector, inputs.risk_set.scalars
    quote = vector.quote(terms.expiry)
    assert quote is not None, "E-11 admits no vector without the expiry of a live future"
    window = window_of(vector.time, terms.expiry, inputs.samples)
    mark = max(terms.quantum, whole_quanta(window.blend(quote.forward), terms.quantum))
    entries = tuple(
        window.blend(shocked(quote.forward, scenario.price))
        for scenario in inputs.risk_set.scenarios
    )
    row = _flat_row(inputs, terms, mark, entries, window.free_share(DELTA_ONE))
    return replace(
        row,
        forward=quote.forward,
        years=vector.years_to(terms.expiry) * ONE >> 64,
        up=window.blend(quote.forward * (ONE + scalars.basis_shock) // ONE),
        down=window.blend(quote.forward * (ONE - scalars.basis_shock) // ONE),
    )


def _option(inputs: RowInputs, options: OptionRows, terms: Terms) -> Row:
    """A call or put: repriced in every scenario."""
    values = options.values(terms.kind, terms.strike, terms.expiry)
    mark = whole_quanta(values.price, terms.quantum)
    plain = (
        abs(entry - mark)
        for entry, scenario in zip(values.scenarios, inputs.risk_set.scenarios, strict=True)
        if scenario.is_plain
    )
    return Row(
        listing=terms.listing,
        kind=terms.kind,
        strike=terms.strike,
        expiry=terms.expiry,
        forward=values.forward,
        mark=mark,
        low=mark,
        high=mark,
        unit_risk=min(UNIT_RISK_MAX, UNIT_RISK_UNITS * max(1, *plain)),
        delta=values.delta,
        gamma=values.gamma,
        vega=values.vega,
        theta=values.theta,
        years=inputs.vector.years_to(terms.expiry) * ONE >> 64,
        up=values.up,
        down=values.down,
        scenarios=values.scenarios,
    )


def _waiting(inputs: RowInputs, terms: Terms) -> Row | None:
    """Between expiry and delivery price the row that stood stays, with as many scenarios as now."""
    row = inputs.standing.get(terms.listing)
    if row is None:
        return None
    count = len(inputs.risk_set.scenarios)
    missing = (row.mark,) * (count - len(row.scenarios))
    return replace(row, scenarios=row.scenarios[:count] + missing)


def _delivered(inputs: RowInputs, terms: Terms) -> Row:
    """With its delivery price a listing is worth what it pays, in every scenario."""
    pays = payoff(terms.kind, terms.strike, terms.delivery_price)
    paid = whole_quanta(pays, terms.quantum)
    row = _flat_row(inputs, terms, paid, (paid,) * len(inputs.risk_set.scenarios), 0)
    return replace(row, forward=terms.delivery_price, unit_risk=0)


def _widened(inputs: RowInputs, terms: Terms, row: Row) -> Row:
    """Let low and high follow the mark slowly where the risk set has a wide window."""
    window_ns = inputs.risk_set.scalars.wide_window_ns
    before = inputs.standing.get(terms.listing)
    if window_ns == 0 or before is None:
        return row
    elapsed_ns = min(window_ns, inputs.vector.time - inputs.standing_time)
    low = before.low + (row.mark - before.low) * elapsed_ns // window_ns
    high = before.high + (row.mark - before.high) * elapsed_ns // window_ns
    return replace(
        row,
        low=min(row.mark, whole_quanta(low, terms.quantum)),
        high=max(row.mark, -whole_quanta(-high, terms.quantum)),
    )
