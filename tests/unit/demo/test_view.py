"""The live view: fits 80 by 24, shows what the board has, and degrades to plain lines."""

from __future__ import annotations

import io
from decimal import Decimal

import pytest
from rich.console import Console

from merkat.demo.board import ACTS, Board, Holder, Level, Line, Margin, Strike, TradeLine
from merkat.demo.view import (
    LiveTeller,
    PlainTeller,
    SilentTeller,
    compact,
    is_drawable,
    render,
    short_name,
)

USD = Decimal


def full_board() -> Board:
    board = Board(
        seed=7,
        act="shock",
        clock="07:45:10",
        index=USD("88180.25"),
        opening=USD(100_000),
        bids=[Level(USD(88_170) - step * 20, USD("1.500")) for step in range(5)],
        asks=[Level(USD(88_190) + step * 20, USD("0.500")) for step in range(5)],
        mark=USD("88180.5"),
        holders=[
            Holder(name, USD(-12_345), USD("-1.234"), USD("0.01"), USD(-250), USD(1_250), stage)
            for name, stage in (("ada", 0), ("carol", 1))
        ],
        chain=[Strike(USD(100_000), USD(1_200), None, USD("0.5512"))],
        chain_name="26NOV26",
        margin=Margin("carol", USD("2.4"), USD(9_000), USD(10_500), 1),
        trades=1_234,
        batches=3,
        shows_chain=False,
    )
    for number in range(20):
        board.recent.append(TradeLine("BTC_USDC-26NOV26-100000-C", "buy", USD(88_180), USD("0.25")))
        board.tell("liquidation", f"line {number} " + "x" * 200)
    board.recent.append(TradeLine("BTC_USDC-PERPETUAL", "sell", USD(88_180), USD("0.25"), "forced"))
    return board


def drawn(board: Board, width: int = 80, height: int = 24) -> list[str]:
    console = Console(
        width=width, height=height, file=io.StringIO(), force_terminal=True, color_system=None
    )
    with console.capture() as capture:
        console.print(render(board, height), height=height)
    return capture.get().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (132, 43)])
def test_the_screen_fits(width: int, height: int) -> None:
    lines = drawn(full_board(), width, height)
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize("act", [name for name, _ in ACTS])
def test_every_act_and_an_empty_board_can_be_drawn(act: str) -> None:
    assert len(drawn(Board(seed=1, act=act))) <= 24
    board = full_board()
    board.act = act
    assert len(drawn(board)) <= 24


def test_the_screen_shows_the_numbers() -> None:
    text = "\n".join(drawn(full_board()))
    for shown in (
        "seed 7",
        "07:45:10",
        "88,180.25",
        "-11.8%",
        "88,190.0",
        "1,234 trades",
        "3 batches",
        "margin of carol",
        "has 9,000",
        "must have 10,500",
        "117%",
        "LIQUIDATED",
        "-12.3k",
        "line 19",
        "perp",
    ):
        assert shown in text, f"{shown!r} is not on the screen"


def test_the_option_chain_has_its_turn() -> None:
    board = full_board()
    board.shows_chain = True
    text = "\n".join(drawn(board))
    assert "positions" not in text
    assert "options 26NOV26" in text
    assert "1,200" in text
    assert "0.55" in text


def test_a_venue_that_is_down_is_said_loudly() -> None:
    board = full_board()
    assert "VENUE DOWN" not in "\n".join(drawn(board))
    board.venue_up = False
    assert "VENUE DOWN" in "\n".join(drawn(board, width=100))


@pytest.mark.parametrize(
    ("equity", "maintenance", "used"),
    [
        ("100", "50", "0.5"),
        ("50", "50", "1"),
        ("0", "50", "99"),
        ("-1", "50", "99"),
        ("9", "0", "0"),
    ],
)
def test_how_much_of_the_equity_maintenance_takes(equity: str, maintenance: str, used: str) -> None:
    assert Margin("carol", USD(1), USD(equity), USD(maintenance)).used == USD(used)


def test_plain_lines_where_nothing_can_be_drawn() -> None:
    sink = io.StringIO()
    board = Board(seed=7, clock="07:30:00")
    console = Console(file=sink, width=80)
    assert not is_drawable(console), "a file is no terminal"
    teller = PlainTeller(console, board)
    teller.line("shock", "the index [falls] by 12 %, " + "a long line " * 20)
    teller.refresh()
    assert sink.getvalue().startswith("07:30:00  shock       the index [falls] by 12 %, a long")
    assert sink.getvalue().count("\n") == 1, "a line is never broken: others read it"


@pytest.mark.parametrize(
    ("terminal", "kind", "width", "drawable"),
    [(True, "xterm", 80, True), (True, "dumb", 80, False), (True, "xterm", 79, False)],
)
def test_when_the_live_view_is_drawn(terminal: bool, kind: str, width: int, drawable: bool) -> None:
    console = Console(
        file=io.StringIO(),
        force_terminal=terminal,
        width=width,
        height=24,
        _environ={"TERM": kind},
    )
    assert is_drawable(console) is drawable


def test_the_live_view_draws_and_gives_the_screen_back() -> None:
    sink = io.StringIO()
    console = Console(file=sink, force_terminal=True, width=80, height=24)
    board = full_board()
    with LiveTeller(console, board) as teller:
        teller.line("proof", "it holds")
    assert board.lines[-1] == Line("07:45:10", "proof", "it holds")
    assert "\x1b[?1049h" in sink.getvalue(), "the other screen was entered"
    assert sink.getvalue().count("\x1b[?1049l") == 1, "and left"


def test_silence_keeps_the_lines() -> None:
    board = Board(seed=7)
    SilentTeller(board).line("trade", "one")
    assert list(board.lines) == [Line("", "trade", "one")]


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("BTC_USDC-PERPETUAL", "perp"),
        ("BTC_USDC-25DEC26", "25DEC26"),
        ("BTC_USDC-25DEC26-100000-C", "25 100kC"),
        ("BTC_USDC-5DEC26-98500-P", "5 98500P"),
        ("BTC_USDC", "BTC_USDC"),
    ],
)
def test_short_names(name: str, short: str) -> None:
    assert short_name(name) == short


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "+0"),
        ("-950.4", "-950"),
        ("12345", "+12.3k"),
        ("-123456", "-123k"),
        ("1234567", "+1.2M"),
    ],
)
def test_compact_amounts(amount: str, text: str) -> None:
    assert compact(USD(amount)) == text
