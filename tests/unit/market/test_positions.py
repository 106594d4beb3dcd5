"""Positions: costs and profits are exact in sum, whatever the order of trades."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from merkat.market.positions import average_price, funding_since_open, move, unrealized
from merkat.market.types import Account

COIN = 10**8
LOT = 10**5
QUANTUM = COIN // LOT
MOVES = st.lists(
    st.tuples(st.integers(-50, 50).filter(bool), st.integers(1, 10**8), st.integers(-99, 99)),
    min_size=1,
    max_size=40,
)


@given(MOVES)
def test_cash_cost_and_profit_sum_up_exactly(moves: list[tuple[int, int, int]]) -> None:
    account = Account(1, bytes(20), 0)
    size = paid = funding_paid = 0
    for lots, price, quanta in moves:
        by, price_micro, funding = lots * LOT, price * QUANTUM, quanta * QUANTUM
        moved = move(account, 1, by, price_micro, funding, COIN, 0)
        size += by
        paid += by * price_micro
        funding_paid += by * funding
        position = account.positions.get(1)
        assert moved.size == size
        assert (position.size if position else 0) == size
        realized = position.realized if position else 0
        cost = position.cost if position else 0
        held = position.funding_cost if position else 0
        assert cost - realized - account.realized * COIN == paid
        assert account.funding_paid * COIN == held - funding_paid


@given(MOVES)
def test_the_average_is_that_of_exact_arithmetic(moves: list[tuple[int, int, int]]) -> None:
    account = Account(1, bytes(20), 0)
    size, average = 0, Fraction(0)
    for lots, price, _ in moves:
        by = lots * LOT
        move(account, 1, by, price * QUANTUM, 0, COIN, 0)
        if size * by >= 0:
            average = (average * size + price * QUANTUM * by) / (size + by)
        elif abs(by) > abs(size):
            average = Fraction(price * QUANTUM)
        size += by
        position = account.positions.get(1)
        if position is None:
            assert size == 0
            continue
        # Each reduction leaves less than one atom, so the price is the same to far below 1e-6 USD.
        assert abs(Fraction(position.cost, position.size) - average) < Fraction(1, 100)
        assert abs(average_price(position) - average) <= 1


def test_a_long_that_is_reduced_and_turned() -> None:
    account = Account(1, bytes(20), 0)
    usd = 10**6
    assert move(account, 1, 2 * COIN, 100 * usd, 0, COIN, 5) == (2 * COIN, 0)
    assert move(account, 1, -COIN, 110 * usd, 0, COIN, 6) == (COIN, 10 * usd)
    position = account.positions[1]
    assert (average_price(position), position.opened_ns) == (100 * usd, 5)
    assert unrealized(position, 90 * usd, COIN) == -10 * usd
    assert move(account, 1, -3 * COIN, 95 * usd, 0, COIN, 7) == (-2 * COIN, -5 * usd)
    assert account.realized == 5 * usd
    position = account.positions[1]
    assert (average_price(position), position.opened_ns) == (95 * usd, 7)
    assert unrealized(position, 90 * usd, COIN) == 10 * usd
    assert move(account, 1, 2 * COIN, 90 * usd, 0, COIN, 8) == (0, 10 * usd)
    assert account.positions == {}
    assert account.realized == 15 * usd


def test_funding_is_counted_since_the_position_was_opened() -> None:
    account = Account(1, bytes(20), 0)
    usd = 10**6
    move(account, 1, COIN, 100 * usd, 3 * usd, COIN, 0)
    assert funding_since_open(account.positions[1], 3 * usd, COIN) == 0
    assert funding_since_open(account.positions[1], 5 * usd, COIN) == 2 * usd, "a long pays"
    move(account, 1, -COIN // 2, 100 * usd, 5 * usd, COIN, 0)
    assert funding_since_open(account.positions[1], 5 * usd, COIN) == 2 * usd
    move(account, 1, -COIN // 2, 100 * usd, 7 * usd, COIN, 0)
    assert account.funding_paid == 3 * usd
