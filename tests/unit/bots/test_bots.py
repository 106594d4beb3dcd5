"""Bots: the index has what a venue must survive, and a view follows the events."""

from __future__ import annotations

from itertools import pairwise

import pytest

from merkat.bots.index_path import BILLION, IndexPath, Report
from merkat.bots.traders import TICK, Gambler, Maker, draw_traders, to_lots, to_tick
from merkat.bots.view import OpenOrder, View, account_of
from merkat.sdk import commands

PERIODS = 2_250
JUMP = BILLION // 10


@pytest.mark.parametrize("seed", range(1, 6))
def test_an_index_has_jumps_slides_and_one_gap(seed: int) -> None:
    reports = list(IndexPath(seed, PERIODS).reports())
    assert len(reports) == PERIODS
    silent = [period for period, report in enumerate(reports) if report is None]
    assert silent == list(range(silent[0], silent[-1] + 1)), "the oracle is silent once"
    assert 2 * len(silent) > 30, "the gap must be longer than the 30 s after which trading halts"
    heard = [report for report in reports if report is not None]
    moves = [
        abs(after.index - before.index) * BILLION // before.index
        for before, after in pairwise(heard)
    ]
    assert sum(move > JUMP for move in moves) == 2, "two jumps that the oracle's rule holds"
    assert any(report.heartbeat for report in heard)
    assert not all(report.heartbeat for report in heard)


def test_the_same_seed_gives_the_same_index() -> None:
    def path(seed: int) -> list[Report | None]:
        return list(IndexPath(seed, 50).reports())

    assert path(1) == path(1)
    assert path(1) != path(2)


def test_prices_and_sizes_are_rounded_to_what_is_traded() -> None:
    assert to_tick(TICK + 1, 0) == TICK, "a buy rounds down"
    assert to_tick(TICK + 1, 1) == 2 * TICK, "a sell rounds up"
    assert to_lots(250_000) == 200_000


def order(view: View, account: int, side: int, counter: int, size: int) -> OpenOrder:
    key = commands.order_key(account, commands.HOUR_NS, counter)
    made = OpenOrder(key, account, side, 50_000_000_000, size, commands.HOUR_NS, counter)
    view.sent(made)
    view.on_accepted(key)
    return made


def trade(maker: OpenOrder, taker: OpenOrder, price: int, size: int, fee: int) -> bytes:
    return (
        (1).to_bytes(4, "big")
        + maker.key
        + taker.key
        + bytes([taker.side])
        + price.to_bytes(8, "big")
        + size.to_bytes(8, "big")
        + (-fee).to_bytes(16, "big", signed=True)
        + fee.to_bytes(16, "big", signed=True)
    )


def test_a_view_follows_a_trade_to_the_last_unit() -> None:
    view = View([10**9, 10**9])
    maker, taker = order(view, 1, 1, 1, 3 * 10**8), order(view, 2, 0, 2, 10**8)
    view.on_trade(trade(maker, taker, 50_000_000_000, 10**8, 7))
    assert [holding.position for holding in view.holdings[1:]] == [-(10**8), 10**8]
    assert view.holdings[1].cash == 10**9 + 50_000_000_000 + 7
    assert view.holdings[2].cash == 10**9 - 50_000_000_000 - 7
    assert view.open_orders(1) == [maker]
    assert maker.remaining == 2 * 10**8
    assert view.open_orders(2) == [], "a filled order is no longer open"


def test_an_amendment_after_a_partial_fill_is_counted_and_one_before_is_not() -> None:
    view = View([0, 0])
    maker, taker = order(view, 1, 1, 1, 3 * 10**8), order(view, 2, 0, 2, 10**8)
    body = (
        maker.key
        + (2).to_bytes(4, "big")
        + (51_000_000_000).to_bytes(8, "big")
        + (4 * 10**8).to_bytes(8, "big")
        + b"\x00"
    )
    view.on_amended(body)
    assert view.amended_after_partial_fill == 0
    assert (maker.version, maker.price, maker.size) == (2, 51_000_000_000, 4 * 10**8)
    view.on_trade(trade(maker, taker, 51_000_000_000, 10**8, 0))
    view.on_amended(body)
    assert view.amended_after_partial_fill == 1


def test_an_account_is_read_from_a_key() -> None:
    assert account_of(commands.order_key(77, 5 * commands.HOUR_NS, 3)) == 77


def test_traders_want_something_and_a_bankrupt_gambler_nothing() -> None:
    traders, cash = draw_traders(1, makers=1, gamblers=1, visitors=1)
    view = View(cash)
    view.index = 50_000_000_000
    maker, gambler, _ = traders
    assert isinstance(maker, Maker)
    assert len(maker.act(view, 0)) == 2 * maker.levels, "a maker quotes both sides"
    assert isinstance(gambler, Gambler)
    assert gambler.act(view, 0), "a gambler with cash opens a position"
    view.on_bankrupt((2).to_bytes(4, "big"))
    assert gambler.act(view, 0) == [], "stage 3 is final"
