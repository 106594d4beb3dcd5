"""What is asked of the history is what happened, page by page and by every filter."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from merkat.market import History, HistoryError, Replica
from merkat.market.history import FLUSH_RECORDS, HistoryDamagedError
from merkat.market.statistics import MINUTE_NS
from merkat.market.step import Records
from merkat.market.streams import Stream, StreamLostError
from merkat.market.types import OrderState, Settlement, Trade
from tests.unit.market.feeding import DOMAIN, give, recorded


@cache
def replica() -> Replica:
    run = recorded(640)
    made = Replica(DOMAIN, run.sequencer)
    for batch in run.released:
        give(made, batch)
    return made


def test_trades_by_number_time_and_page() -> None:
    history, total = replica().history, replica().view.trade_seq[1]
    oldest = history.trades([1], newest_first=False)
    assert [trade.seq for trade in oldest] == list(range(1, total + 1))
    assert history.trades([1]) == oldest[::-1]
    assert history.trades() == history.trades([1, 2]) == oldest[::-1]
    assert history.trades([2]) == []
    assert history.trades([1], count=3) == oldest[:-4:-1]
    assert history.trades([1], start_seq=5, end_seq=7, newest_first=False) == oldest[4:7]
    moment = oldest[40].time_ns
    same = [trade for trade in oldest if trade.time_ns == moment]
    assert history.trades([1], start_ns=moment, end_ns=moment, newest_first=False) == same
    by_number = history.trades_by_number(
        [1], start=oldest[9].number, end=oldest[11].number, newest_first=False
    )
    assert by_number == oldest[9:12]
    assert list(replica().view.trades[1]) == oldest[-1_000:]


def test_trades_of_accounts_add_up_to_the_public_ones() -> None:
    view, history = replica().view, replica().history
    sides: dict[int, int] = {}
    for account in view.accounts:
        trades = history.user_trades(account, newest_first=False)
        assert [one.trade.number for one in trades] == sorted(one.trade.number for one in trades)
        for one in trades:
            assert one.account == account
            sides[one.trade.number] = sides.get(one.trade.number, 0) + (1 if one.side else -1)
        final = trades[-1].position if trades else 0
        position = view.accounts[account].positions.get(1)
        assert final == (position.size if position is not None else 0)
    assert all(balance == 0 for balance in sides.values()), "every trade has two sides"
    assert len(sides) > view.trade_seq[1], "tear-ups are no public trades"


def test_closed_orders_are_kept_once() -> None:
    view, history = replica().view, replica().history
    found = 0
    for account in view.accounts:
        orders = history.orders(account)
        found += len(orders)
        assert len({order.origin for order in orders}) == len(orders)
        assert [one.updated_log for one in orders] == sorted(
            (one.updated_log for one in orders), reverse=True
        )
        assert history.orders(account, offset=1, count=2) == orders[1:3]
        filled = [order for order in orders if order.total_filled]
        assert history.orders(account, filled_only=True) == filled
        for order in orders[:3]:
            assert order.state in (OrderState.FILLED, OrderState.CANCELLED)
            assert history.order(order.origin) == order
            trades = history.user_trades(account, order=order.origin)
            assert sum(one.trade.size for one in trades) == order.total_filled
            assert sum(one.fee for one in trades) == order.total_fees
    closed = [
        order
        for order in view.orders.values()
        if order.state in (OrderState.FILLED, OrderState.CANCELLED)
    ]
    assert found == len(closed)
    assert history.order(bytes(12)) is None


def test_candles_of_every_length_have_all_trades() -> None:
    history = replica().history
    trades = history.trades([1], newest_first=False)
    last = trades[-1].time_ns
    for minutes in (1, 3, 5, 15, 60, 1_440):
        candles = history.candles(1, minutes, 0, last)
        assert sum(candle.volume for candle in candles) == sum(trade.size for trade in trades)
        assert candles[0].open == trades[0].price
        assert candles[-1].close == trades[-1].price
        assert max(candle.high for candle in candles) == max(trade.price for trade in trades)
        assert all(candle.minute % minutes == 0 for candle in candles)
        assert [one.minute for one in candles] == sorted({one.minute for one in candles})
    start = trades[0].time_ns // MINUTE_NS
    assert history.last_close(1, (start + 1) * MINUTE_NS) is not None
    assert history.last_close(1, start * MINUTE_NS) is None
    assert history.candles(2, 1, 0, last) == []


def test_funding_and_moves_of_money() -> None:
    view, history = replica().view, replica().history
    (hour,) = history.funding(0)
    end_ns = (hour.hour + 1) * 3_600 * 10**9
    assert history.funding(0, start_ns=end_ns, end_ns=end_ns) == [hour]
    assert history.funding(0, start_ns=end_ns + 1) == []
    assert history.funding(0, end_ns=end_ns - 1) == []
    assert history.funding(1) == []
    paid = 0
    for account in view.accounts:
        rows = history.settlements(account)
        assert rows == history.settlements(account, newest_first=False)[::-1]
        deposits = history.settlements(account, kinds=["deposit"])
        assert {one.kind for one in deposits} == {"deposit"}
        for one in history.settlements(account, kinds=["funding"], listings=[1]):
            paid += one.amount
    assert paid == 0, "what some pay is what others get"


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def history(records: Records) -> Iterator[History]:
    made = History(records, bytes(32))
    yield made
    made.close()


def a_trade(log_number: int) -> Trade:
    return Trade(log_number, 0, 1, log_number, 0, 5, 6, 7, 8, 9, 0)


def test_what_was_read_before_is_not_written_twice(history: History, records: Records) -> None:
    records.trades += [a_trade(1), a_trade(2)]
    history.reached(2)
    assert [trade.log_number for trade in history.trades(newest_first=False)] == [1, 2]
    assert history.cursor == 2
    records.trades += [a_trade(1), a_trade(2)]
    history.reached(2)
    assert not records.trades, "the log is read again"
    records.trades += [a_trade(2), a_trade(3)]
    history.reached(3)
    assert [trade.log_number for trade in history.trades(newest_first=False)] == [1, 2, 3]


def test_many_records_do_not_wait(history: History, records: Records) -> None:
    records.trades += [a_trade(number) for number in range(1, FLUSH_RECORDS)]
    history.reached(FLUSH_RECORDS - 1)
    assert history.cursor == 0, "they wait for a quiet moment, or for a reader"
    records.trades.append(a_trade(FLUSH_RECORDS))
    history.reached(FLUSH_RECORDS)
    assert history.cursor == FLUSH_RECORDS
    assert not records.trades


def test_amounts_beyond_64_bits_are_kept(history: History, records: Records) -> None:
    huge = Settlement(1, 0, 1, "deposit", 0, (1 << 95) + 1, 5)
    records.settlements.append(huge)
    history.reached(1)
    assert history.settlements(1) == [huge]


def test_a_failed_write_leaves_rows_and_cursor_together(history: History, records: Records) -> None:
    records.trades.append(a_trade(1))
    records.trades.append(a_trade(1 << 60))  # its number fits no column
    history.head = 5
    with pytest.raises(OverflowError):
        history.flush()
    assert history.cursor == 0
    del records.trades[1]
    history.head = 1
    assert len(history.trades()) == 1


def test_a_file_in_use_is_no_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    History(Records(), bytes(32), path).close()
    size = path.stat().st_size
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(HistoryError, match="another process"):
        History(Records(), bytes(32), path, timeout_s=0.05)
    holder.close()
    assert path.stat().st_size >= size
    History(Records(), bytes(32), path).close()


def test_a_history_of_another_version_is_one_to_be_built_anew(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    History(Records(), bytes(32), path).close()
    with sqlite3.connect(path) as changed:
        changed.execute("UPDATE meta SET value = '0' WHERE name = 'version'")
    changed.close()
    with pytest.raises(HistoryDamagedError, match="version 0, expected 1"):
        History(Records(), bytes(32), path)


def test_streams_are_read_in_order_and_never_lose_silently() -> None:
    stream: Stream[int] = Stream(3)
    assert stream.after(0) == []
    for item in (10, 11, 12):
        stream.append(item)
    assert stream.after(0) == [10, 11, 12]
    assert stream.after(2) == [12]
    assert stream.after(3) == []
    stream.append(13)
    assert stream.after(1) == [11, 12, 13]
    with pytest.raises(StreamLostError, match="1 items after 0 are gone"):
        stream.after(0)
