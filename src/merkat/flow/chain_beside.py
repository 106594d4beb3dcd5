"""A recorded order flow in a group of its own, with a recorded option chain beside it.

The file's clock starts at the time of the snapshot. The chain is listed, quoted and traded at once,
and again now and then while the file goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from merkat.flow.chain_books import Terms
from merkat.flow.chain_check import Check, check
from merkat.flow.chain_data import CURRENCIES, PERPETUALS, Recordings, read_files
from merkat.flow.chain_market import ChainMarket, aged_to, option_group
from merkat.flow.chain_report import described
from merkat.flow.chain_traders import Trader, traders_of
from merkat.flow.market_file import ACCOUNTS, LOT, SIZE_DECIMALS, MarketFlow
from merkat.flow.oracle import OracleNodes
from merkat.flow.player import Player
from merkat.flow.setup import Scene
from merkat.flow.wallets import Wallets
from merkat.sdk.commands import KIND_PERPETUAL

FIRST_GROUP: Final = 1
SESSION_EPOCHS: Final = 3  # one after the other, at the file's own epochs
SESSION_EVERY: Final = 1_800  # of the file's epochs: an hour


class FlowWithOptions:
    """Plays a market file, and the sessions of one snapshot at its epochs."""

    tick = MarketFlow.tick
    untimed = (0, 0.0)
    story = False

    def __init__(
        self, path: Path, recordings: Recordings, seed: int, limit: int | None = None
    ) -> None:
        (self.session,) = recordings.sessions
        self.recordings = recordings
        self.file = MarketFlow(path, limit, self.session.time_ns)
        self.checked: Check | None = None
        first = ACCOUNTS + 1
        self._traders: list[list[Trader]] = []
        for place in range(len(CURRENCIES)):
            own = traders_of(seed, place, first)
            first += len(own)
            self._traders.append(own)

    @classmethod
    def of_files(
        cls, path: Path, snapshot: Path, seed: int, limit: int | None = None
    ) -> FlowWithOptions:
        """Return the flow of a market file and a snapshot. Raises their errors."""
        perpetuals = snapshot.parent / PERPETUALS
        return cls(path, read_files([snapshot], perpetuals), seed, limit)

    @property
    def rows(self) -> int:
        """Return how many rows of the file were played."""
        return self.file.rows

    @property
    def epochs(self) -> int:
        """Return how many vectors the file's group has had."""
        return self.file.epochs

    def scene(self) -> Scene:
        """Return the file's scene with two further groups."""
        scene = self.file.scene()
        cash = [trader.cash for own in self._traders for trader in own]
        groups = [option_group(place) for place in range(len(CURRENCIES))]
        return replace(scene, cash=scene.cash + cash, groups=groups)

    def start_ns(self) -> int:
        """Return the time of the snapshot."""
        return self.file.start_ns()

    def reached(self) -> dict[str, int]:
        """Return how often options were traded."""
        return {"option_session": self.market.epochs[FIRST_GROUP]}

    def described(self) -> dict[str, object]:
        """Return what the JSON object has of the chain."""
        assert self.checked is not None, "the flow was played to its end"
        return described(self.market, self.checked, [], None)

    def broken(self) -> list[str]:
        """Return every claim of the chain that does not hold."""
        assert self.checked is not None, "the flow was played to its end"
        return self.checked.broken()

    def play(self, player: Player, wallets: Wallets, oracle: OracleNodes) -> Iterator[int]:
        """Play everything; yields the time (ns) after each epoch of the file."""
        market = self.market = ChainMarket(
            player,
            wallets,
            oracle,
            self._traders,
            self.scene(),
            self.recordings.history,
            FIRST_GROUP,
        )
        # The books follow the whole venue, the file's perpetual too.
        coin = 10**SIZE_DECIMALS
        market.books.terms[1] = Terms("file", 0, KIND_PERPETUAL, 0, 0, coin, coin // LOT)
        for number, time_ns in enumerate(self.file.play(player, wallets, oracle)):
            place = number % SESSION_EVERY
            if place < SESSION_EPOCHS:
                market.at(time_ns)
                if place == 0:
                    self._open(number == 0)
                market.sign(aged_to(self.session.calibrations, time_ns))
                if place == 0:
                    market.show(self.session.chains, number // SESSION_EVERY)
                    market.quote()
                market.take()
                if place == SESSION_EPOCHS - 1:
                    market.withdraw_quotes()
            yield time_ns
        player.settle()
        self.checked = check(market, player.sequencer)

    def _open(self, first: bool) -> None:
        market = self.market
        market.deliver(market.clock.now_ns)
        if first:
            market.list_chains(self.session.chains)
            market.set_modes()
