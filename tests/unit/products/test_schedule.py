"""The listing schedule: expiries, strikes, and that it comes to rest."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merkat.products.names import Contract, expiry_ns_of
from merkat.products.schedule import (
    CLOSING_NS,
    OUTERMOST,
    STRIKES_A_SIDE,
    expiries,
    new_listings,
    strike_step,
    strikes,
)

SECOND_NS = 10**9
HOUR_NS = 3_600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
NOW_NS = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()) * SECOND_NS
SPOT = 64_123_456_789
VOL = 550_000_000

MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2060, 1, 1)).map(
    lambda moment: int(moment.replace(tzinfo=UTC).timestamp() * 1_000) * 10**6
)
SPOTS = st.integers(1_000, 10**13)
VOLS = st.integers(50_000_000, 3_000_000_000)


def test_the_expiries_of_a_saturday() -> None:
    assert [f"{day:%d%b%y}" for day in expiries(NOW_NS)] == [
        "22Nov26",
        "23Nov26",
        "24Nov26",
        "27Nov26",
        "04Dec26",
        "11Dec26",
        "18Dec26",
        "25Dec26",
        "29Jan27",
        "26Mar27",
        "25Jun27",
        "24Sep27",
    ]


@given(MOMENTS)
def test_the_expiries_of_any_moment(now_ns: int) -> None:
    days = expiries(now_ns)
    assert days == sorted(set(days))
    assert len(days) <= 14, "a vector holds 16 expiries"
    assert all(expiry_ns_of(day) > now_ns for day in days), "I-24: an expiry is ahead"
    assert expiry_ns_of(days[0]) <= now_ns + DAY_NS, "the first is within a day"
    fridays = [day for day in days if day.weekday() == 4]
    month_ends = [day for day in fridays if (day + timedelta(days=7)).month != day.month]
    quarter_ends = [day for day in month_ends if day.month % 3 == 0]
    assert len(fridays) >= 4, "four weeklies"
    assert fridays[3] - fridays[0] == timedelta(days=21), "the weeklies are the next four"
    assert len(month_ends) >= 3, "three monthlies"
    assert len(quarter_ends) == 4, "four quarterlies"
    assert {days[0] + timedelta(days=ahead) for ahead in range(3)} <= set(days), "three dailies"


@given(MOMENTS, st.integers(0, 40 * 24))
def test_an_expiry_stays_until_it_is_over(now_ns: int, hours: int) -> None:
    later_ns = now_ns + hours * HOUR_NS
    left = {day for day in expiries(now_ns) if expiry_ns_of(day) > later_ns}
    assert left <= set(expiries(later_ns)), "a listed expiry was dropped before its day"


def test_an_expiry_ends_at_eight() -> None:
    eight = expiry_ns_of(date(2026, 11, 22))
    assert expiries(eight - 1)[0] == date(2026, 11, 22)
    assert expiries(eight)[0] == date(2026, 11, 23)


@given(MOMENTS, SPOTS, VOLS, st.integers(1, 800))
def test_a_new_expiry_gets_strikes_around_spot(
    now_ns: int, spot: int, vol: int, days_left: int
) -> None:
    expiry_ns = now_ns + days_left * DAY_NS
    step = strike_step(now_ns, expiry_ns, spot, vol)
    assert spot <= 200 * step, "the step is 0.5 % of spot or more"
    assert 20 * step <= spot, "the step is 5 % of spot or less"
    found = strikes(now_ns, expiry_ns, spot, vol)
    assert found == list(range(found[0], found[-1] + 1, step)), "strikes are a grid of the step"
    assert found[0] >= step
    assert sum(strike < spot for strike in found) >= STRIKES_A_SIDE
    assert sum(strike > spot for strike in found) >= STRIKES_A_SIDE
    # (1.5 sigma)^2 T in exact integers; the outermost strikes reach as far or farther.
    squared = 9 * vol * vol * days_left * spot * spot
    for distance in (found[-1] - spot, spot - found[0]):
        reaches = (distance + 1 + spot // 10**8) ** 2 * 4 * 10**18 * 365 >= squared
        assert reaches or (found[0] == step and distance == spot - found[0]), "1.5 sigma sqrt(T)"


@given(MOMENTS, SPOTS, VOLS, st.lists(st.integers(300, 3_000), max_size=6))
def test_the_schedule_comes_to_rest(now_ns: int, spot: int, vol: int, moves: list[int]) -> None:
    expiry_ns = now_ns + 30 * DAY_NS
    have: list[int] = []
    for move in [1_000, *moves]:
        spot = min(max(1_000, spot * move // 1_000), 10**13)
        new = strikes(now_ns, expiry_ns, spot, vol, have)
        assert new == sorted(set(new)), "ascending, each once"
        assert not set(new) & set(have), "a strike was listed twice"
        assert all(strike > 0 for strike in new)
        have = sorted([*have, *new])
        assert sum(strike >= spot for strike in have) >= OUTERMOST
        assert sum(strike <= spot for strike in have) >= OUTERMOST
        assert strikes(now_ns, expiry_ns, spot, vol, have) == [], "once added, nothing is missing"


@given(SPOTS, VOLS, st.integers(300, 3_000))
def test_no_hole_is_left_between_old_and_new_strikes(spot: int, vol: int, move: int) -> None:
    expiry_ns = NOW_NS + 3 * DAY_NS
    have = strikes(NOW_NS, expiry_ns, spot, vol)
    after = min(max(1_000, spot * move // 1_000), 10**13)
    both = sorted([*have, *strikes(NOW_NS, expiry_ns, after, vol, have)])
    most = max(spot, after) // 10 + 1
    gaps = [high - low for low, high in pairwise(both)]
    assert max(gaps) <= most, "neighbours are farther apart than two of the widest steps"


def test_strikes_are_added_when_spot_passes_the_fifth_outermost() -> None:
    expiry_ns = NOW_NS + 7 * DAY_NS
    have = strikes(NOW_NS, expiry_ns, SPOT, VOL)
    fifth_highest, fifth_lowest = have[-OUTERMOST], have[OUTERMOST - 1]
    assert strikes(NOW_NS, expiry_ns, fifth_highest, VOL, have) == [], "on it is not past it"
    above = strikes(NOW_NS, expiry_ns, fifth_highest + 1, VOL, have)
    assert above, "spot is past the fifth highest strike"
    assert min(above) > have[-1], "only that side grows"
    assert strikes(NOW_NS, expiry_ns, fifth_lowest, VOL, have) == []
    below = strikes(NOW_NS, expiry_ns, fifth_lowest - 1, VOL, have)
    assert below
    assert max(below) < have[0]


def test_strikes_are_multiples_of_quantum() -> None:
    expiry_ns = NOW_NS + DAY_NS
    for strike in strikes(NOW_NS, expiry_ns, 5_123, VOL, quantum=5):
        assert strike % 5 == 0, "I-23: a strike is a multiple of quantum"
    with pytest.raises(ValueError, match="quantum: 7"):
        strikes(NOW_NS, expiry_ns, 5_123, VOL, quantum=7)


def test_a_first_listing_is_whole_and_the_second_is_empty() -> None:
    first = new_listings(NOW_NS, SPOT, VOL, [], "BTC", quantum=100)
    assert len(first) == len(set(first))
    futures = {one.expiry for one in first if one.kind == 2}
    assert futures == {day for day in expiries(NOW_NS) if day.weekday() == 4}, "dailies have none"
    calls = {(one.expiry, one.strike) for one in first if one.kind == 3}
    puts = {(one.expiry, one.strike) for one in first if one.kind == 4}
    assert calls == puts, "each strike has both"
    assert new_listings(NOW_NS, SPOT, VOL, first, "BTC", quantum=100) == []
    others = [Contract("ETH", one.kind, one.expiry, one.strike) for one in first]
    assert new_listings(NOW_NS, SPOT, VOL, others, "BTC", quantum=100) == first


def test_what_is_missing_of_a_pair_is_listed() -> None:
    first = new_listings(NOW_NS, SPOT, VOL, [], "BTC")
    gone = next(one for one in first if one.kind == 4)
    kept = [one for one in first if one != gone]
    assert new_listings(NOW_NS, SPOT, VOL, kept, "BTC") == [gone]


def test_nothing_is_added_while_the_delivery_price_is_sampled() -> None:
    day = date(2026, 11, 22)
    closing_ns = expiry_ns_of(day) - CLOSING_NS
    before = new_listings(closing_ns - 1, SPOT, VOL, [], "BTC")
    assert day in {one.expiry for one in before}
    after = new_listings(closing_ns, SPOT, VOL, [], "BTC")
    assert day not in {one.expiry for one in after}


@pytest.mark.parametrize(
    ("spot", "vol", "quantum", "name"),
    [
        (999, VOL, 1, "spot"),
        (1 << 50, VOL, 1, "spot"),
        (SPOT, 0, 1, "vol"),
        (SPOT, 24 * 10**9 + 1, 1, "vol"),
        (SPOT, VOL, 0, "quantum"),
    ],
)
def test_figures_of_no_coin_are_refused(spot: int, vol: int, quantum: int, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: "):
        new_listings(NOW_NS, spot, vol, [], "BTC", quantum)
