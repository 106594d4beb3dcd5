"""The listing schedule: which expiries and strikes a venue lists next.

Expiries: the next 3 days, 4 Fridays, 3 last Fridays of a month and 4 last Fridays of a quarter, at
08:00 UTC; one day may be several of them. Each has calls and puts; all but the dailies a future.
Strikes reach 1.5 sigma sqrt(T) to each side of spot, at least 10 steps; the step is a round number
of 0.5 to 5 % of spot. They are added to when spot passes the fifth outermost. Nothing is ever taken
away here: a listing ends by its delivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from math import isqrt
from typing import Final

from merkat.products.names import (
    OPTIONS,
    SECOND_NS,
    STRIKE_MAX,
    Contract,
    expiry_ns_of,
)
from merkat.products.terms import FRIDAY, is_daily
from merkat.sdk.commands import KIND_CALL, KIND_FUTURE, KIND_PUT

DAILIES: Final = 3
WEEKLIES: Final = 4
MONTHLIES: Final = 3
QUARTERLIES: Final = 4
STRIKES_A_SIDE: Final = 10
OUTERMOST: Final = 5
# Nothing is added while the delivery price is being sampled.
CLOSING_NS: Final = 1_800 * SECOND_NS

SPOT_LEAST: Final = 1_000
SPOT_MAX: Final = STRIKE_MAX >> 5
VOL_MAX: Final = 24 * 10**9
YEAR_NS: Final = 365 * 86_400 * SECOND_NS
_STEP_MOST: Final = 20  # of spot: 5 %
_STEP_LEAST: Final = 200  # of spot: 0.5 %
_ROUND: Final = (10, 20, 25, 50)
_WEEK: Final = timedelta(days=7)


def expiries(now_ns: int) -> list[date]:
    """Return the days on which something expires that is listed now, ascending.

    The first is after `now_ns`; there are at most 14.
    """
    today = datetime.fromtimestamp(now_ns // SECOND_NS, UTC).date()
    first = today if expiry_ns_of(today) > now_ns else today + timedelta(days=1)
    found = {first + timedelta(days=ahead) for ahead in range(DAILIES)}
    friday = first + timedelta(days=(FRIDAY - first.weekday()) % 7)
    found |= {friday + ahead * _WEEK for ahead in range(WEEKLIES)}
    monthlies = _month_ends(first)
    wanted_monthly, wanted_quarterly = MONTHLIES, QUARTERLIES
    while wanted_monthly or wanted_quarterly:
        day = next(monthlies)
        if day.month % 3 == 0 and wanted_quarterly:
            wanted_quarterly -= 1
            found.add(day)
        if wanted_monthly:
            wanted_monthly -= 1
            found.add(day)
    return sorted(found)


def _month_ends(first: date) -> Iterator[date]:
    """Yield the last Fridays of months that are not before a day."""
    year, month = first.year, first.month
    while True:
        following = date(year + month // 12, month % 12 + 1, 1)
        last = following - timedelta(days=1)
        friday = last - timedelta(days=(last.weekday() - FRIDAY) % 7)
        if friday >= first:
            yield friday
        year, month = following.year, following.month


def strike_step(now_ns: int, expiry_ns: int, spot: int, vol: int, quantum: int = 1) -> int:
    """Return the distance of new strikes: the round number that gives about 10 a side.

    Args:
        spot: 1e-6 USD. vol: at the money, 1e-9. quantum: of the options, 1e-6 USD.
    """
    _check(spot, vol, quantum)
    least, most = -(-spot // _STEP_LEAST), spot // _STEP_MOST
    wanted = max(least, _reach(now_ns, expiry_ns, spot, vol) // STRIKES_A_SIDE)
    fitting = [step for step in _round_numbers(least, most) if step % quantum == 0]
    if not fitting:
        raise ValueError(
            f"quantum: {quantum}, expected one that divides a round number of 0.5 to 5 % of {spot}"
        )
    return next((step for step in fitting if step >= wanted), fitting[-1])


def strikes(
    now_ns: int,
    expiry_ns: int,
    spot: int,
    vol: int,
    existing: Iterable[int] = (),
    quantum: int = 1,
) -> list[int]:
    """Return the strikes (1e-6 USD) to add to those that an expiry has, ascending."""
    step = strike_step(now_ns, expiry_ns, spot, vol, quantum)
    reach = max(_reach(now_ns, expiry_ns, spot, vol), STRIKES_A_SIDE * step)
    # The outermost strikes are the first multiples of the step that reach so far or farther.
    low = max(step, (spot - reach) // step * step)
    high = min(-(-(spot + reach) // step) * step, STRIKE_MAX // step * step)
    window = range(low, high + 1, step)
    have = sorted(set(existing))
    if not have:
        return list(window)
    lowest, highest = have[0], have[-1]
    coarse = strike_step(now_ns, now_ns + 4 * YEAR_NS, spot, VOL_MAX, quantum)
    added: list[int] = []
    if spot < have[min(OUTERMOST, len(have)) - 1]:
        added += [strike for strike in window if strike < lowest]
        added += _between(high, lowest, coarse)
    if spot > have[-min(OUTERMOST, len(have))]:
        added += [strike for strike in window if strike > highest]
        added += _between(highest, low, coarse)
    return sorted(set(added))


def _between(low: int, high: int, step: int) -> range:
    """Return the multiples of a step strictly between two strikes: no hole is left open."""
    return range((low // step + 1) * step, high, step)


def new_listings(
    now_ns: int,
    spot: int,
    vol: int,
    existing: Iterable[Contract],
    base: str,
    quantum: int = 1,
) -> list[Contract]:
    """Return the futures and options that a venue should list now, by expiry and strike.

    Args:
        now_ns: ns since the epoch. spot: 1e-6 USD. vol: 30-day at the money, 1e-9.
        existing: what is listed; other coins' contracts, perpetuals and spot markets do not count.
        quantum: of the options (`Underlying.quantum`), 1e-6 USD: strikes are multiples of it.

    Raises:
        ValueError: spot, vol or quantum are none of a coin that can be listed.
    """
    _check(spot, vol, quantum)
    listed = {contract for contract in existing if contract.base == base}
    added = []
    for expiry in expiries(now_ns):
        expiry_ns = expiry_ns_of(expiry)
        if expiry_ns - now_ns <= CLOSING_NS:
            continue
        of_expiry = {contract for contract in listed if contract.expiry == expiry}
        wanted = [] if is_daily(expiry) else [Contract(base, KIND_FUTURE, expiry)]
        have = {one.strike for one in of_expiry if one.kind in OPTIONS and one.strike is not None}
        new = strikes(now_ns, expiry_ns, spot, vol, have, quantum)
        for strike in sorted({*have, *new}):
            wanted += [Contract(base, kind, expiry, strike) for kind in (KIND_CALL, KIND_PUT)]
        added += [contract for contract in wanted if contract not in of_expiry]
    return added


def _check(spot: int, vol: int, quantum: int) -> None:
    if not SPOT_LEAST <= spot <= SPOT_MAX:
        raise ValueError(f"spot: {spot}, expected {SPOT_LEAST} to {SPOT_MAX} in 1e-6 USD")
    if not 0 < vol <= VOL_MAX:
        raise ValueError(f"vol: {vol}, expected 1 to {VOL_MAX} in 1e-9")
    if quantum < 1:
        raise ValueError(f"quantum: {quantum}, expected 1 or more in 1e-6 USD")


def _reach(now_ns: int, expiry_ns: int, spot: int, vol: int) -> int:
    """Return 1.5 sigma sqrt(T) of spot, 1e-6 USD, floored."""
    root = isqrt((expiry_ns - now_ns) * 10**18 // YEAR_NS)  # sqrt(T), 1e-9
    return 3 * spot * vol * root // (2 * 10**18)


def _round_numbers(least: int, most: int) -> list[int]:
    """Return 1, 2, 2.5 and 5 times the powers of ten in a range, ascending."""
    found = []
    power = 1
    while power <= most:
        found += [m * power // 10 for m in _ROUND if m * power % 10 == 0]
        power *= 10
    return [number for number in found if least <= number <= most]
