"""`merkat.risk.evaluate` against figures that were worked out apart from it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import product
from math import erf, log, sqrt
from pathlib import Path

import pytest

from merkat.risk import (
    Market,
    Order,
    Parameters,
    Portfolio,
    Position,
    Quote,
    Underlying,
    evaluate,
    pnl_surface,
    read_cases,
)
from merkat.risk.evaluate import EvaluationError
from merkat.risk.portfolio import STANDARD
from merkat.spec.risk.parameters import VOL_SAME, VOL_UP, RiskSet, Scalars, Scenario

ROOT = Path(__file__).resolve().parent.parent.parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "portfolio.json"
USD = 10**6
BTC = 10**8
SVI = 10**12
TIME_NS = 1_770_000_000 * 10**9
EXPIRY_NS = 1_774_598_400 * 10**9  # 2026-03-27 08:00 UTC
CALL = "BTC_USDC-27MAR26-60000-C"
PUT = "BTC_USDC-27MAR26-60000-P"
FUTURE = "BTC_USDC-27MAR26"
PERPETUAL = "BTC_USDC-PERPETUAL"


def flat_market(vol: float = 0.5, index: int = 60_000 * USD, fund: int = 0) -> Market:
    """Return a market of one expiry whose smile is nearly flat."""
    years = (EXPIRY_NS - TIME_NS) / 10**9 / 31_536_000
    quote = Quote(EXPIRY_NS, index, int(vol * vol * years * SVI), 0, 0, 0, SVI // 10)
    return Market(TIME_NS, {"BTC": Underlying(index=index, expiries=(quote,), fund=fund)})


def black76(forward: float, strike: float, years: float, vol: float, *, is_call: bool) -> float:
    """Return the undiscounted price, in floats."""
    deviation = vol * sqrt(years)
    d1 = log(forward / strike) / deviation + deviation / 2
    cdf = [(1 + erf(x / sqrt(2))) / 2 for x in (d1, d1 - deviation)]
    call = forward * cdf[0] - strike * cdf[1]
    return call if is_call else call + strike - forward


def test_marks_are_the_black_76_prices_of_the_surface() -> None:
    market = flat_market()
    years = (EXPIRY_NS - TIME_NS) / 10**9 / 31_536_000
    report = evaluate(Portfolio(0, (Position(CALL, BTC), Position(PUT, BTC))), market)
    expected = sum(
        black76(60_000, 60_000, years, 0.5, is_call=is_call) for is_call in (True, False)
    )
    assert report.equity / USD == pytest.approx(expected, abs=0.01), (
        "a call and a put at the forward are worth twice the at-the-money price"
    )


def test_a_perpetual_opened_at_mark_is_worth_nothing_and_margined_by_its_move() -> None:
    report = evaluate(Portfolio(10_000 * USD, (Position(PERPETUAL, BTC),)), flat_market())
    assert report.equity == 10_000 * USD
    worst = 60_000 * USD * 18 // 100
    # No fund: tails count in full, -66 % is the worst.
    assert report.groups[0].contingencies["worst_loss"] == 60_000 * USD * 66 // 100
    funded = evaluate(
        Portfolio(10_000 * USD, (Position(PERPETUAL, BTC),)), flat_market(fund=10**9 * USD)
    )
    assert funded.groups[0].contingencies["worst_loss"] == 60_000 * USD * 33 // 100 * 42 // 100 or (
        funded.groups[0].contingencies["worst_loss"] >= worst
    ), "with a large fund the tails are damped and the grid's edge remains"


def test_entry_moves_equity_and_nothing_else() -> None:
    at_mark = evaluate(Portfolio(0, (Position(PERPETUAL, BTC),)), flat_market())
    earlier = evaluate(Portfolio(0, (Position(PERPETUAL, BTC, 59_000 * USD),)), flat_market())
    assert earlier.equity - at_mark.equity == 1_000 * USD
    assert earlier.maintenance == at_mark.maintenance
    with pytest.raises(EvaluationError, match=r"entry is for perpetuals"):
        evaluate(Portfolio(0, (Position(CALL, BTC, USD),)), flat_market())


def test_margins_only_grow_with_orders_and_by_the_worst_subset() -> None:
    held = Portfolio(0, (Position(CALL, -BTC),))
    market = flat_market(fund=10**9 * USD)
    orders = (
        Order(CALL, False, BTC // 2, 4_000 * USD),
        Order(PUT, False, BTC, 4_500 * USD),
        Order(PERPETUAL, True, BTC, 60_500 * USD),
    )
    whole = evaluate(replace(held, orders=orders), market)
    losses = []
    for chosen in product((False, True), repeat=len(orders)):
        filled = {CALL: -BTC}
        cash = 0
        for order, is_filled in zip(orders, chosen, strict=True):
            if is_filled:
                sign = 1 if order.is_buy else -1
                filled[order.instrument] = filled.get(order.instrument, 0) + sign * order.size
                cash -= sign * order.size * order.limit // BTC
        positions = tuple(Position(name, size) for name, size in filled.items())
        after = evaluate(Portfolio(cash, positions), market)
        value = sum(group.value for group in after.groups) + cash
        before = evaluate(held, market)
        change = value - sum(group.value for group in before.groups)
        profits = [
            each.profit + change
            for each in after.groups[0].scenarios
            if each.scenario.is_ordinary and each.scenario.damp == USD
        ]
        losses.append(-min(profits))
    undamped = max(losses)
    assert whole.groups[0].contingencies["worst_loss_with_orders"] >= undamped - len(orders), (
        "some subset of fills loses more than the margin counts"
    )


def test_standard_mode_is_the_short_call_formula() -> None:
    report = evaluate(Portfolio(0, (Position(CALL, -BTC),), mode=STANDARD), flat_market())
    mark = -report.groups[0].value
    assert report.maintenance == 60_000 * USD * 9 // 100, "9 % of the index beside the mark"
    assert report.initial == 60_000 * USD * 15 // 100, "15 % at the money beside the mark"
    assert report.equity == -mark


def test_every_term_can_bind_and_is_named() -> None:
    market = flat_market(fund=10**9 * USD)
    spread = evaluate(Portfolio(0, (Position(FUTURE, BTC), Position(PERPETUAL, -BTC))), market)
    assert spread.groups[0].binding.startswith("basis")
    near = replace(market, time_ns=EXPIRY_NS - 3_600 * 10**9)
    years = 1 / 8_760
    quote = Quote(EXPIRY_NS, 60_000 * USD, int(0.25 * years * SVI), 0, 0, 0, SVI // 10)
    near = replace(near, underlyings={"BTC": replace(market.underlyings["BTC"], expiries=(quote,))})
    wings = (
        Position("BTC_USDC-27MAR26-60000-C", 10 * BTC),
        Position("BTC_USDC-27MAR26-61300-C", -20 * BTC),
        Position("BTC_USDC-27MAR26-62600-C", 10 * BTC),
    )
    butterfly = tuple(Position(each.instrument, -each.size) for each in wings)
    report = evaluate(Portfolio(0, butterfly), near)
    assert report.groups[0].binding.startswith("pin"), "a short butterfly hides between the nodes"
    assert report.groups[0].contingencies["pin"] >= 10 * 1_150 * USD
    long = evaluate(Portfolio(0, (Position(PUT, 0), Position(CALL, BTC // 1_000))), market)
    assert "vol" in long.groups[0].binding


def test_a_market_that_the_venue_refuses_is_refused_by_rule() -> None:
    market = flat_market()
    quote = market.underlyings["BTC"].expiries[0]
    steep = replace(quote, b=3 * SVI)
    broken = replace(
        market, underlyings={"BTC": replace(market.underlyings["BTC"], expiries=(steep,))}
    )
    with pytest.raises(EvaluationError, match=r"E-08"):
        evaluate(Portfolio(0, (Position(CALL, BTC),)), broken)
    nothing = replace(market, underlyings={"BTC": replace(market.underlyings["BTC"], expiries=())})
    with pytest.raises(EvaluationError, match=r"E-11.*expiries"):
        evaluate(Portfolio(0, (Position(CALL, BTC),)), nothing)


@pytest.mark.parametrize(
    ("position", "message"),
    [
        (Position("BTC_USDC-27MAR26-60000-X", BTC), "60000-X|type|C or P"),
        (Position("ETH_USDC-PERPETUAL", BTC), "no ETH"),
        (Position(CALL, 1), "whole lots"),
        (Position(PERPETUAL, BTC, 1), "quantum"),
        (Position("BTC_USDC", -BTC), "never short"),
        (Position("BTC_USDC-1JAN26-60000-C", BTC), "expired"),
    ],
)
def test_bad_positions_are_named(position: Position, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        evaluate(Portfolio(0, (position,)), flat_market())


def test_the_pnl_surface_agrees_with_the_scenarios() -> None:
    case = read_cases(EXAMPLE)[0]
    prices = [-180_000, 0, 180_000]
    surface = pnl_surface(case.portfolio, case.market, prices, [-300_000_000, 0, 500_000_000])
    assert surface[1][1] == 0 or abs(surface[1][1]) < USD, "no shock, no profit"
    plain = Parameters(
        risk_set=RiskSet(Scalars(vol_floor=0), tuple(Scenario(each, VOL_UP) for each in prices))
    )
    report = evaluate(case.portfolio, case.market, plain)
    assert surface[2] == [each.profit for each in report.groups[0].scenarios]
    assert VOL_SAME == 0
    with pytest.raises(ValueError, match="prices"):
        pnl_surface(case.portfolio, case.market, [], [0])


def test_the_import_needs_no_venue() -> None:
    code = (
        "import sys, merkat.risk\n"
        "bad = [name for name in sys.modules if name.startswith(('merkat._core', 'merkat.flow',"
        " 'merkat.sequencer', 'merkat.settlement', 'merkat.spec.venue'))]\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"merkat.risk pulled in {done.stderr}"
