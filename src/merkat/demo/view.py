"""The live view: one screen of 80 by 24 or more, drawn from a Board.

Where standard output is no terminal, or a dumb one, the same story is told in plain lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, Protocol

from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from merkat.demo.board import ACTS, Board, Holder, Level, Line, Margin, Strike, TradeLine

WIDTH_LEAST: Final = 80
HEIGHT_LEAST: Final = 24
HEAD_ROWS: Final = 2
MARKET_ROWS: Final = 10
GAUGE_ROWS: Final = 3
BOOK_LEVELS: Final = 3
BAR_CELLS: Final = 16
DEPTH_BARS: Final = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
KIND_CELLS: Final = 11

UP: Final = "green"
DOWN: Final = "red"
FAINT: Final = "bright_black"
LOUD: Final = "bold yellow"
FRAME: Final = "cyan"
_KIND_STYLES: Final = {
    "shock": "bold red",
    "liquidation": "bold red",
    "tampered": "bold red",
    "kill -9": "bold red",
    "proof": "bold green",
    "return": "bold green",
    "paid": "bold green",
}


class Teller(Protocol):
    """Who tells the story."""

    def line(self, kind: str, text: str) -> None:
        """Tell one line of the story, of a kind such as "shock"."""

    def refresh(self) -> None:
        """Show the board as it is now."""


class PlainTeller:
    """Tells lines as they come."""

    def __init__(self, console: Console, board: Board) -> None:
        self._console = console
        self._board = board

    def line(self, kind: str, text: str) -> None:
        """Print one line."""
        print_line(self._console, self._board.tell(kind, text))

    def refresh(self) -> None:
        """Do nothing: what was told stays."""


class SilentTeller:
    """Keeps the lines and prints nothing."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def line(self, kind: str, text: str) -> None:
        """Keep one line."""
        self._board.tell(kind, text)

    def refresh(self) -> None:
        """Do nothing."""


class LiveTeller:
    """Draws the board on the terminal's other screen while it is entered."""

    def __init__(self, console: Console, board: Board) -> None:
        self._board = board
        self._console = console
        self._live = Live(
            console=console, screen=True, auto_refresh=False, get_renderable=self._render
        )

    def _render(self) -> RenderableType:
        return render(self._board, self._console.height)

    def __enter__(self) -> LiveTeller:
        """Switch to the other screen."""
        self._live.start(refresh=True)
        return self

    def __exit__(self, *error: object) -> None:
        """Switch back: what was told is printed by who asked."""
        self._live.stop()

    def line(self, kind: str, text: str) -> None:
        """Add one line and show it."""
        self._board.tell(kind, text)
        self.refresh()

    def refresh(self) -> None:
        """Draw the board."""
        self._live.refresh()


def print_line(console: Console, line: Line) -> None:
    """Print a line of the story, unbroken."""
    text = Text(f"{line.clock:<10}{line.kind:<{KIND_CELLS}} {line.text}".rstrip())
    console.print(text, soft_wrap=True, highlight=False)


def is_drawable(console: Console) -> bool:
    """Return whether a console can show the live view."""
    large = console.width >= WIDTH_LEAST and console.height >= HEIGHT_LEAST
    return console.is_terminal and not console.is_dumb_terminal and large


def render(board: Board, height: int = HEIGHT_LEAST) -> RenderableType:
    """Return the whole screen."""
    screen = Layout()
    screen.split_column(
        Layout(_head(board), name="head", size=HEAD_ROWS),
        Layout(name="market", size=MARKET_ROWS),
        Layout(_gauge(board.margin), name="gauge", size=GAUGE_ROWS),
        Layout(
            _story(board, max(1, height - HEAD_ROWS - MARKET_ROWS - GAUGE_ROWS - 2)), name="story"
        ),
    )
    screen["market"].split_row(
        Layout(_book(board), name="book", size=19),
        Layout(_trades(board.recent), name="trades", size=26),
        Layout(_right(board), name="right", ratio=1),
    )
    return screen


def _panel(body: RenderableType, title: str, style: str = FRAME) -> Panel:
    return Panel(
        body, title=f"[b]{title}[/b]", title_align="left", border_style=style, padding=(0, 1)
    )


def _head(board: Board) -> RenderableType:
    moved = board.change
    head = Text.assemble(
        (" merkat ", "bold black on cyan"),
        f" seed {board.seed}  {board.clock} UTC  BTC ",
        (f"{board.index:,.2f}", "bold"),
        (f" {moved:+.1%}", UP if moved >= 0 else DOWN),
        (f"  {board.trades:,} trades  {board.batches} batches", FAINT),
        "" if board.venue_up else ("  VENUE DOWN", "bold white on red"),
        no_wrap=True,
        overflow="crop",
    )
    here = [name for name, _ in ACTS].index(board.act)
    parts: list[tuple[str, str]] = [(" ", "")]
    for place, (_, title) in enumerate(ACTS):
        style = FAINT if place > here else ("bold black on yellow" if place == here else "green")
        mark = "" if place >= here else "\u2713"
        parts += [(f"{mark}{title}", style), (" \u00b7 " if place + 1 < len(ACTS) else "", FAINT)]
    return Group(head, Text.assemble(*parts, no_wrap=True, overflow="crop"))


def _book(board: Board) -> Panel:
    table = Table.grid(padding=(0, 1))
    for justify in ("right", "right", "left"):
        table.add_column(justify=justify, no_wrap=True)
    largest = max((level.size for level in (*board.asks, *board.bids)), default=Decimal(1))
    asks = list(board.asks[:BOOK_LEVELS])
    for _ in range(BOOK_LEVELS - len(asks)):
        table.add_row("", "", "")
    for level in reversed(asks):
        table.add_row(*_level(level, largest, DOWN))
    table.add_row(Text(f"{board.mark:,.1f}", style="bold"), Text("mark", style=FAINT), "")
    for level in board.bids[:BOOK_LEVELS]:
        table.add_row(*_level(level, largest, UP))
    return _panel(table, "perpetual")


def _level(level: Level, largest: Decimal, style: str) -> tuple[Text, Text, Text]:
    share = int(level.size * (len(DEPTH_BARS) - 1) / largest)
    return (
        Text(f"{level.price:,.1f}", style=style),
        Text(f"{level.size:.2f}"),
        Text(DEPTH_BARS[share], style=style),
    )


def _trades(recent: Iterable[TradeLine]) -> Panel:
    rows = []
    for trade in list(recent)[-(MARKET_ROWS - 2) :]:
        style = UP if trade.side == "buy" else DOWN
        if trade.note:
            style = "bold white on red"
        rows.append(
            Text(
                f"{short_name(trade.name):<8}{trade.size:>5.3f} {trade.price:>8,.0f}",
                style=style,
                no_wrap=True,
                overflow="crop",
            )
        )
    return _panel(Group(*rows), "trades")


def short_name(name: str) -> str:
    """Return a contract's name without what all have: "PERP", "25DEC26", "100C" of thousands."""
    parts = name.split("-")
    if parts[1:] == ["PERPETUAL"]:
        return "perp"
    if len(parts) == 2:
        return parts[1]
    if len(parts) != 4:
        return name
    strike = parts[2]
    thousands = strike[:-3] + "k" if strike.endswith("000") else strike
    return f"{parts[1][:-5]} {thousands}{parts[3]}"


def _right(board: Board) -> RenderableType:
    if board.chain and board.shows_chain:
        return _chain(board.chain, board.chain_name)
    return _holders(board.holders)


def _holders(holders: Sequence[Holder]) -> Panel:
    table = Table.grid(padding=(0, 1), expand=True)
    for justify in ("left", "right", "right", "right", "right"):
        table.add_column(justify=justify, no_wrap=True)
    table.add_row(*(Text(word, style=FAINT) for word in ("", "P&L", "delta", "vega", "theta")))
    for holder in holders[: MARKET_ROWS - 3]:
        style = UP if holder.profit >= 0 else DOWN
        name = Text(holder.name, style="bold white on red" if holder.stage else "")
        table.add_row(
            name,
            Text(compact(holder.profit), style=style),
            f"{holder.delta:+.2f}",
            compact(holder.vega),
            compact(holder.theta),
        )
    return _panel(table, "positions")


def compact(amount: Decimal) -> str:
    """Return USD with a sign in at most six characters: "+950", "-12.3k", "+1.2M"."""
    size = abs(amount)
    for unit, letter in ((Decimal(10**6), "M"), (Decimal(10**3), "k")):
        if size >= unit:
            places = 1 if size < 100 * unit else 0
            return f"{amount / unit:+.{places}f}{letter}"
    return f"{amount:+.0f}"


def _chain(chain: Sequence[Strike], name: str) -> Panel:
    table = Table.grid(padding=(0, 1), expand=True)
    for justify in ("right", "right", "right", "right"):
        table.add_column(justify=justify, no_wrap=True)
    table.add_row(*(Text(word, style=FAINT) for word in ("call", "strike", "put", "delta")))
    for line in chain[: MARKET_ROWS - 3]:
        table.add_row(
            _price(line.call),
            Text(f"{line.strike:,.0f}", style="bold"),
            _price(line.put),
            "" if line.delta is None else f"{line.delta:.2f}",
        )
    return _panel(table, f"options {name}")


def _price(price: Decimal | None) -> str:
    return "" if price is None else f"{price:,.0f}"


def _gauge(margin: Margin | None) -> Panel:
    if margin is None:
        return _panel(Text("nobody has borrowed yet", style=FAINT), "margin")
    used = margin.used
    style = UP if used < Decimal("0.7") else "yellow" if used < 1 else DOWN
    filled = int(min(Decimal(1), max(Decimal(0), used)) * BAR_CELLS)
    state = {0: "", 1: " LIQUIDATED", 3: " BANKRUPT"}.get(margin.stage, "")
    body = Text.assemble(
        f"{margin.position:+.3f} BTC  has ",
        (f"{margin.equity:,.0f}", "bold"),
        f"  must have {margin.maintenance:,.0f}  ",
        ("\u2588" * filled, style),
        ("\u2591" * (BAR_CELLS - filled), FAINT),
        (f" {used:.0%}" if used < 10 else " >999%", style),
        (state, "bold red"),
        no_wrap=True,
        overflow="crop",
    )
    return _panel(body, f"margin of {margin.name}", DOWN if used >= 1 or margin.stage else FRAME)


def _story(board: Board, rows: int) -> Panel:
    shown = []
    for line in list(board.lines)[-rows:]:
        head = (f"{line.kind:<{KIND_CELLS}} ", _KIND_STYLES.get(line.kind, LOUD))
        shown.append(Text.assemble(head, line.text, no_wrap=True, overflow="ellipsis"))
    return _panel(Group(*shown), "story")
