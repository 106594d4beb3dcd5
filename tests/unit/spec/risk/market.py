"""A market to test with: a vector, its listings, their rows; and small tables of invented rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from random import Random

from merkat.spec.risk.group import GroupRisk
from merkat.spec.risk.parameters import DEFAULT_SET, RiskSet, Scalars, Scenario
from merkat.spec.risk.rows import Row, RowInputs, build_rows
from merkat.spec.risk.terms import CALL, FUTURE, PERPETUAL, PUT, SPOT, Terms
from merkat.spec.risk.vector import ExpiryQuote, SurfaceVector
from merkat.spec.risk.window import Samples
from merkat.spec.values import DAY_NS, HOUR_NS, ZERO31

COIN = 10**8
LOT = 10**5
QUANTUM = COIN // LOT
INDEX = 65_000_000_000
SECOND_NS = 10**9
NOON = 20_000 * DAY_NS + 12 * HOUR_NS
DAYS = (1, 7, 30, 180)
EXPIRIES = tuple(20_000 * DAY_NS + days * DAY_NS + 8 * HOUR_NS for days in DAYS)
STRIKES = tuple(dollars * 10**6 for dollars in (50_000, 60_000, 65_000, 70_000, 85_000))
NO_SAMPLES = Samples(0, 0, 0)


def quote(expiry: int, time: int = NOON, forward: int = INDEX, sigma: float = 0.5) -> ExpiryQuote:
    """A slice of about `sigma` at the money, free of arbitrage, with a skew."""
    years = (expiry - time) / SECOND_NS / 31_536_000
    variance = sigma**2 * years
    width = 0.6 * variance**0.5
    b = 0.5 * variance / width
    return ExpiryQuote(
        expiry=expiry,
        forward=forward,
        a=int(1e12 * (variance - b * width)),
        b=int(1e12 * b),
        rho=-200_000_000_000,
        m=0,
        sigma=int(1e12 * width),
    )


def vector(time: int = NOON, **changes: object) -> SurfaceVector:
    """A vector with four expiries."""
    made = SurfaceVector(
        version=2,
        group=0,
        number=1,
        time=time,
        previous=ZERO31,
        index=INDEX,
        basis=1_000_000,
        premium=0,
        confidence=10**9,
        peg=10**9,
        vol=500_000_000,
        vol_mean=500_000_000,
        expiries=tuple(quote(expiry, time) for expiry in EXPIRIES if expiry > time),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def listings(
    expiries: Sequence[int] = EXPIRIES, strikes: Sequence[int] = STRIKES
) -> tuple[Terms, ...]:
    """A perpetual (1), collateral (2), then for each expiry a future, calls and puts."""
    terms = [Terms(1, PERPETUAL, 0, 0, QUANTUM), Terms(2, SPOT, 0, 0, QUANTUM)]
    for expiry in expiries:
        terms.append(Terms(len(terms) + 1, FUTURE, 0, expiry, QUANTUM))
        for strike in strikes:
            for kind in (CALL, PUT):
                terms.append(Terms(len(terms) + 1, kind, strike, expiry, QUANTUM))
    return tuple(terms)


def inputs(**changes: object) -> RowInputs:
    """What the rows of the market are made from."""
    made = RowInputs(
        vector=vector(),
        risk_set=DEFAULT_SET,
        terms=listings(),
        coin=COIN,
        basis_clamp=5_000_000,
        maintenance_rate=50_000_000,
        samples=NO_SAMPLES,
        standing={},
        standing_time=0,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def rows_of(made: RowInputs) -> dict[int, Row]:
    """The rows by listing."""
    rows = build_rows(made)
    assert rows is not None, "E-13 refuses these rows"
    return {row.listing: row for row in rows}


@cache
def market_rows() -> Mapping[int, Row]:
    """The rows of the market, made once."""
    return rows_of(inputs())


def group(
    rows: Mapping[int, Row] | None = None, fund: int = 10**13, **changes: object
) -> GroupRisk:
    """The market as margin reads it."""
    made = GroupRisk(
        risk_set=DEFAULT_SET,
        vector=vector(),
        rows=market_rows() if rows is None else rows,
        coin=COIN,
        fund=fund,
        maintenance_rate=50_000_000,
        initial_rate=65_000_000,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def listing_of(kind: int, strike: int = 0, expiry: int = 0) -> int:
    """The number of a listing of the market; strike and expiry as in `Terms`."""
    return next(
        terms.listing
        for terms in listings()
        if (terms.kind, terms.strike, terms.expiry) == (kind, strike, expiry)
    )


# Invented rows: any numbers, so that no property of prices hides a mistake of margin.

SMALL_SCENARIOS = (
    *(Scenario(-200_000, 1), Scenario(-100_000, 0), Scenario(0, 2), Scenario(150_000, 1)),
    *(Scenario(3_000_000, 1, 46_000), Scenario(-660_000, 1, 210_000)),
    *(Scenario(0, 3), Scenario(0, 4)),
)


def invented_set(draw: Random) -> RiskSet:
    """A risk set with few scenarios and every term switched on."""
    scalars = Scalars(
        roll_rate=draw.choice((0, 20_000_000)),
        delta_threshold=draw.choice((0, 10**9)),
        vega_threshold=draw.choice((0, 10**8)),
        vega_slope=draw.choice((10**9, 999_999_999)),
        damp_low=draw.choice((0, 20_000_000)),
        collateral_offset=draw.choice((0, 1)),
        standard_initial_least=draw.choice((0, 130_000_000)),
        standard_unpaired_maintenance=draw.choice((1_100_000_000, 1_100_000_001)),
    )
    return RiskSet(scalars, SMALL_SCENARIOS)


def invented_row(draw: Random, terms: Terms, risk_set: RiskSet, time: int) -> Row:
    """A row whose columns are anything."""
    mark = draw.randrange(0, draw.choice((10**8, 10**10, 10**11))) // QUANTUM * QUANTUM

    def near() -> int:
        return max(0, mark + draw.randrange(-(10**10), 10**10))

    dated = terms.expiry > 0
    return Row(
        listing=terms.listing,
        kind=terms.kind,
        strike=terms.strike,
        expiry=terms.expiry,
        forward=INDEX + 123_457,
        mark=mark,
        low=max(0, mark - draw.randrange(10**6) * QUANTUM),
        high=mark + draw.randrange(10**6) * QUANTUM,
        unit_risk=draw.randrange(10**18),
        delta=draw.randrange(-(10**9), 10**9) if terms.kind != SPOT else draw.choice((0, 10**9)),
        gamma=draw.randrange(10**9),
        vega=draw.randrange(10**10),
        theta=-draw.randrange(10**10),
        years=max(0, terms.expiry - time) * 10**9 // (31_536_000 * SECOND_NS) if dated else 0,
        up=near(),
        down=near(),
        scenarios=tuple(near() for _ in risk_set.scenarios),
    )


def invented_group(draw: Random) -> GroupRisk:
    """A group of thirteen listings of every kind, two of whose expiries are near enough to pin."""
    terms = listings(EXPIRIES[:3], STRIKES[2:4])
    risk_set = invented_set(draw)
    made = vector(
        index=INDEX + draw.randrange(10**6),
        confidence=draw.choice((10**9, 800_000_000)),
        peg=draw.choice((10**9, 950_000_000)),
    )
    return GroupRisk(
        risk_set=risk_set,
        vector=made,
        rows={each.listing: invented_row(draw, each, risk_set, made.time) for each in terms},
        coin=COIN,
        fund=draw.choice((0, 10**9, 10**12)),
        maintenance_rate=50_000_000,
        initial_rate=65_000_000,
    )


def invented_sizes(draw: Random, group_risk: GroupRisk, count: int) -> dict[int, int]:
    """Positions in up to `count` listings; collateral is never short."""
    sizes = {}
    for listing in draw.sample(sorted(group_risk.rows), count):
        lots = draw.choice((-1, 1)) * draw.choice((1, 7, 313, 25_001))
        if group_risk.rows[listing].kind == SPOT:
            lots = abs(lots)
        sizes[listing] = lots * LOT
    return sizes
