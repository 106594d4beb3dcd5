"""Small books by the ten thousand: every term against its text, orders against all their fills."""

from __future__ import annotations

from itertools import combinations
from random import Random

from merkat.spec.risk import portfolio, standard
from merkat.spec.risk.group import GroupRisk
from merkat.spec.risk.orders import OpenOrder, order_losses
from merkat.spec.risk.terms import SPOT
from tests.unit.spec.risk import definitions, market

GROUPS = 200
BOOKS_PER_GROUP = 50
ORDERS_MAX = 4


def draw_orders(draw: Random, group: GroupRisk) -> list[OpenOrder]:
    """Up to four orders near the marks; collateral is not sold short, but may be bought."""
    orders = []
    for _ in range(draw.randrange(ORDERS_MAX + 1)):
        row = group.rows[draw.choice(sorted(group.rows))]
        limit = max(market.QUANTUM, row.mark + draw.randrange(-(10**6), 10**6) * market.QUANTUM)
        is_buy = row.kind == SPOT or draw.random() < 0.5
        left = draw.choice((1, 50, 9_999)) * market.LOT
        orders.append(OpenOrder(row.listing, is_buy, limit, left))
    return orders


def worst_fills(group: GroupRisk, sizes: dict[int, int], orders: list[OpenOrder], s: int) -> int:
    """The smallest profit in a scenario over every subset of the orders, filled in full."""
    worst = None
    for count in range(len(orders) + 1):
        for filled in combinations(orders, count):
            profit = definitions.profit(group, sizes, s)
            for order in filled:
                sign = 1 if order.is_buy else -1
                entry = group.rows[order.listing].scenarios[s]
                profit += sign * order.left * (entry - order.limit) // group.coin
            worst = profit if worst is None else min(worst, profit)
    assert worst is not None
    return worst


def test_every_term_of_ten_thousand_books_is_that_of_the_text() -> None:
    draw = Random(6)
    names: set[int] = set()
    for _ in range(GROUPS):
        group = market.invented_group(draw)
        for _ in range(BOOKS_PER_GROUP):
            sizes = market.invented_sizes(draw, group, draw.randrange(6))
            orders = draw_orders(draw, group)
            found = portfolio.margin(group, sizes, order_losses(group, orders))
            expected = definitions.portfolio(group, sizes, orders)
            assert (found.maintenance, found.initial, found.worst) == expected, (sizes, orders)
            names.add(found.worst)
            simple = standard.margin(group, sizes)
            assert (simple.maintenance, simple.initial) == definitions.standard(group, sizes)
    every = {*range(len(market.SMALL_SCENARIOS)), portfolio.BASIS, portfolio.PIN, portfolio.NONE}
    assert names == every, f"no book is decided by {every - names}: its term is not tested"


def test_open_orders_count_as_their_worst_fills() -> None:
    draw = Random(7)
    group = market.invented_group(draw)
    ordinary = [n for n, each in enumerate(group.risk_set.scenarios) if each.is_ordinary]
    for _ in range(1_000):
        sizes = market.invented_sizes(draw, group, draw.randrange(4))
        orders = draw_orders(draw, group)
        losses = order_losses(group, orders)
        for s in ordinary:
            worst = worst_fills(group, sizes, orders, s)
            assert definitions.profit(group, sizes, s) + losses[s] == worst


def test_no_fill_of_a_resting_order_ever_breaks_what_it_was_margined_for() -> None:
    """R with orders bounds the ordinary loss after any fill, its gain or loss of cash included."""
    draw = Random(8)
    group = market.invented_group(draw)
    for _ in range(1_000):
        sizes = market.invented_sizes(draw, group, draw.randrange(4))
        orders = draw_orders(draw, group)
        bound = portfolio.margin(group, sizes, order_losses(group, orders)).risk_initial
        for count in range(len(orders) + 1):
            for filled in combinations(orders, count):
                after = dict(sizes)
                cash = 0
                for order in filled:
                    size = order.left if order.is_buy else -order.left
                    after[order.listing] = after.get(order.listing, 0) + size
                    price = group.rows[order.listing].mark - order.limit
                    cash += size * price // group.coin
                scenarios = enumerate(group.risk_set.scenarios)
                held = group.held({key: size for key, size in after.items() if size})
                profits = portfolio.scenario_profits(group, held)
                for s, scenario in scenarios:
                    if scenario.is_ordinary:
                        loss = definitions.ordinary(group, profits[s] + cash + len(filled), s)
                        assert loss <= bound, "a fill costs more than the orders were margined for"
