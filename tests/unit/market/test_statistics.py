"""Candles and the figures of 24 hours are those of the trades themselves."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from merkat.market.statistics import DAY_MINUTES, MINUTE_NS, Minutes

TRADES = st.lists(
    st.tuples(
        st.integers(0, 600).map(lambda minutes: minutes * MINUTE_NS),
        st.integers(1, 50),
        st.integers(1, 9),
        st.booleans(),
    ),
    max_size=60,
)


@given(TRADES)
def test_the_day_is_that_of_its_trades(trades: list[tuple[int, int, int, bool]]) -> None:
    minutes = Minutes([])
    told: list[tuple[int, int, int]] = []
    time_ns = 10**18
    for after, price, size, looks in trades:
        time_ns += after
        minutes.add(time_ns, price, size)
        told.append((time_ns // MINUTE_NS, price, size))
        if looks:
            last = time_ns // MINUTE_NS
            inside = [one for one in told if one[0] > last - DAY_MINUTES]
            day = minutes.day(time_ns)
            assert day.volume == sum(size for _, _, size in inside)
            assert day.cost == sum(price * size for _, price, size in inside)
            assert day.high == max(price for _, price, _ in inside)
            assert day.low == min(price for _, price, _ in inside)
            assert day.first == inside[0][1]
    assert minutes.day(time_ns + DAY_MINUTES * MINUTE_NS)[:4] == (0, 0, None, None)


def test_ticks_say_where_the_price_went() -> None:
    minutes = Minutes([])
    prices = (5, 5, 6, 6, 4, 4, 4, 5)
    assert [minutes.direction(price) for price in prices] == [0, 1, 0, 1, 2, 3, 3, 0]


def test_a_candle_has_its_minutes_trades() -> None:
    minutes = Minutes([])
    for price, size in ((5, 2), (9, 1), (3, 4), (4, 1)):
        candle = minutes.add(MINUTE_NS, price, size)
    assert (candle.open, candle.high, candle.low, candle.close) == (5, 9, 3, 4)
    assert (candle.volume, candle.cost) == (8, 35)
    assert minutes.add(2 * MINUTE_NS, 7, 1).open == 7
    assert Minutes(list(minutes.candles)).day(2 * MINUTE_NS) == minutes.day(2 * MINUTE_NS)
