"""The supervisor's own reader of the log: a verified replica, counts, and what is worth telling.

It believes nobody: every batch is replayed by its own engine, so what the view and the explanations
show is what the log leads to, whatever venue and gateway say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final

from merkat.api.numbers import coins, rate, usd
from merkat.demo.board import Board, Holder, Level, Margin, Strike, TradeLine
from merkat.demo.cast import Cast
from merkat.flow.tally import Tally
from merkat.link import ReleasedFrame
from merkat.market.replica import Replica
from merkat.market.types import Instrument
from merkat.sdk.commands import KIND_CALL, KIND_PUT
from merkat.sdk.keys import Domain
from merkat.sdk.layouts import EVENTS, show_event
from merkat.sequencer.receipts import Receipt, receipts_of

GROUP: Final = 0
SIDES: Final = ("buy", "sell")
BOOK_DEPTH: Final = 5
PER_THOUSAND_USD: Final = Decimal(10) ** -9  # of a gamma of 1e-12 per USD, for 1,000 USD
PER_POINT: Final = Decimal(10) ** -8  # of a vega of 1e-6 USD for 1.00
PER_DAY: Final = Decimal(10) ** -6 / 365  # of a theta of 1e-6 USD a year
KINDS: Final = {name: kind for kind, (name, _) in EVENTS.items()}

# Events of a command that the evidence has to explain (docs/spec/evidence.md).
LIQUIDATIONS: Final = (
    "stage",
    "liquidation",
    "slice",
    "bankrupt",
    "tear_up",
    "write_off",
    "hedge",
)

Hook = Callable[[int, dict[str, Any]], None]


class Observer:
    """Follows a venue. Give `on_released` to the link.

    Attributes:
        tally: counts of everything. options: trades of options.
        liquidated: log numbers of commands that liquidated.
        first_trade_s: `time.perf_counter()` of the first trade, 0 before it.
    """

    def __init__(self, domain: Domain, sequencer: bytes, board: Board) -> None:
        self.replica = Replica(domain, sequencer)
        self.board = board
        self.tally = Tally(1)
        self.options = 0
        self.liquidated: set[int] = set()
        self.first_trade_s = 0.0
        self._released: list[tuple[int, bytes, bytes]] = []
        self.on("trade", self._on_trade)
        self.on("liquidation", self._on_liquidation)
        for name in LIQUIDATIONS:
            self.on(name, lambda log_number, fields: self.liquidated.add(log_number))

    def on(self, name: str, hook: Hook) -> None:
        """Call `hook(log number, fields)` for every event of a name."""
        kind = KINDS[name]
        head = bytes([kind])
        self.tally.hook(
            kind, lambda log_number, body: hook(log_number, show_event(head + body).fields)
        )

    def on_released(self, frame: ReleasedFrame) -> None:
        """Take a released batch. Raises ReplicaError where the venue breaks its word."""
        replica = self.replica
        known = replica.log_number
        replica.take(
            frame.first_log_number, frame.batch, frame.outputs, frame.hashes, frame.signatures
        )
        assert frame.first_log_number == known + 1, "a link is followed without overlap"
        self._released.append((frame.first_log_number, frame.hashes, frame.signatures))
        seconds = replica.time_ns // 1_000_000_000
        self.board.clock = time.strftime("%H:%M:%S", time.gmtime(seconds))
        self.tally.read(frame.outputs)

    @property
    def log_number(self) -> int:
        """Return the number of the last command that was taken."""
        return self.replica.log_number

    def digests(self) -> tuple[bytes, bytes]:
        """Return state root and venue digest of the observer's own engine."""
        engine = self.replica.engine
        return engine.state_root(), engine.venue_digest()

    def receipts(self) -> list[Receipt]:
        """Return every receipt so far."""
        return [receipt for released in self._released for receipt in receipts_of(*released)]

    def count(self, name: str) -> int:
        """Return how many events of a name there were."""
        return self.tally.events[KINDS[name]]

    def instrument(self, listing: int) -> Instrument:
        """Return a listing."""
        return self.replica.view.instruments[listing]

    def _on_trade(self, log_number: int, fields: dict[str, Any]) -> None:
        if not self.first_trade_s:
            self.first_trade_s = time.perf_counter()
        instrument = self.instrument(fields["listing"])
        self.options += instrument.is_option
        self._show_trade(instrument, fields["taker_side"], fields)

    def _on_liquidation(self, log_number: int, fields: dict[str, Any]) -> None:
        self._show_trade(self.instrument(fields["listing"]), fields["side"], fields, "forced")

    def _show_trade(
        self, instrument: Instrument, side: int, fields: dict[str, Any], note: str = ""
    ) -> None:
        price, size = usd(fields["price"]), coins(fields["size"], instrument.size_decimals)
        self.board.recent.append(TradeLine(instrument.name, SIDES[side], price, size, note))

    # What the board shows

    def equity(self, account: int) -> Decimal:
        """Return an account's equity, USD."""
        figures = self.replica.engine.account_figures(account)
        return usd(figures[0]) if figures is not None else Decimal(0)

    def profit(self, account: int) -> Decimal:
        """Return an account's equity and what it withdrew, less what it deposited, USD."""
        found = self.replica.view.accounts[account]
        return self.equity(account) + usd(found.withdrawn) - usd(found.deposited)

    def margin(self, name: str, account: int, listing: int) -> Margin | None:
        """Return what an account has and must have; None before it ever held the listing."""
        figures = self.replica.engine.account_figures(account)
        found = self.replica.view.accounts.get(account)
        if figures is None or found is None:
            return None
        position = found.positions.get(listing)
        if position is None and not found.realized:
            return None
        decimals = self.instrument(listing).size_decimals
        size = coins(position.size, decimals) if position is not None else Decimal(0)
        return Margin(name, size, usd(figures[0]), usd(figures[2]), found.stage)

    def holder(self, name: str, account: int) -> Holder:
        """Return an account's profit and Greeks."""
        greeks = self.replica.engine.account_greeks(account, GROUP) or (0, 0, 0, 0)
        delta, gamma, vega, theta = greeks
        return Holder(
            name=name,
            profit=self.profit(account),
            delta=coins(delta, 8),
            gamma=gamma * PER_THOUSAND_USD,
            vega=vega * PER_POINT,
            theta=theta * PER_DAY,
            stage=self.replica.view.accounts[account].stage,
        )

    def update(self, cast: Cast, perpetual: str, bull: str) -> None:
        """Bring the board to where the log is."""
        view, board = self.replica.view, self.board
        listed = view.by_name[perpetual]
        listing, decimals = listed.listing, listed.size_decimals
        bids, asks = view.books[listing].levels(BOOK_DEPTH)
        board.bids = [Level(usd(price), coins(size, decimals)) for price, size in bids]
        board.asks = [Level(usd(price), coins(size, decimals)) for price, size in asks]
        board.mark = usd(view.marks.get(listing, 0))
        board.index = usd(view.groups[GROUP].index)
        board.trades = self.tally.trades + self.count("liquidation")
        board.options = self.options
        board.commands = self.log_number
        board.margin = self.margin(bull, cast[bull].account, listing)
        board.holders = [self.holder(one.name, one.account) for one in cast.members]
        board.chain, board.chain_name = self.chain()

    def chain(self) -> tuple[Sequence[Strike], str]:
        """Return the nearest expiry's options, and the expiry's name."""
        view = self.replica.view
        live = [
            one for one in view.instruments.values() if one.is_option and one.active(view.time_ns)
        ]
        if not live:
            return (), ""
        nearest = min(one.expiry_ns for one in live)
        marks: dict[int, dict[int, Decimal]] = {}
        deltas: dict[int, Decimal] = {}
        name = ""
        for one in live:
            mark = view.marks.get(one.listing)
            if one.expiry_ns == nearest and mark is not None:
                marks.setdefault(one.strike, {})[one.kind] = usd(mark)
                name = one.name.split("-")[1]
                if one.kind == KIND_CALL:
                    deltas[one.strike] = rate(view.rows[one.listing].delta)
        lines = [
            Strike(usd(strike), found.get(KIND_CALL), found.get(KIND_PUT), deltas.get(strike))
            for strike, found in sorted(marks.items())
        ]
        return lines, name
