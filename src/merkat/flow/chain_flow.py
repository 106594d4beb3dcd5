"""Recorded option chains played in order, calm and crash, one session a snapshot.

Between sessions the clock jumps: the groups halt, return with the next vector (with the third of
three where the index has moved by more than a tenth), and what expired meanwhile is delivered
through the timelock at the recorded index. One 08:00 is played second by second.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Final

from merkat.flow.chain_check import Check, check
from merkat.flow.chain_data import CURRENCIES, Recordings, Session, read_folder
from merkat.flow.chain_market import HELD_RUN, PARAMETERS, ChainMarket, aged_to, option_group
from merkat.flow.chain_report import Told, described, fit_errors
from merkat.flow.chain_traders import Trader, traders_of
from merkat.flow.oracle import PERIOD_NS, OracleNodes
from merkat.flow.player import Player
from merkat.flow.setup import Scene
from merkat.flow.wallets import Wallets
from merkat.oracle.calibration import Calibration, moved
from merkat.oracle.snapshot import Chain, OptionQuote, SnapshotError
from merkat.sdk import commands

SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS
WINDOW_NS: Final = 1_800 * SECOND_NS
RATE: Final = 1_000_000_000
EPOCHS: Final = 5  # of a session, after those that are held
EPOCHS_MOST: Final = 80
STEP_NS: Final = 20_000
RETURN_NS: Final = 10 * SECOND_NS  # the return before a window opens
WINDOW_EPOCH_S: Final = 300
TRADED_S: Final = frozenset({300, 900, 1_500})
NEAR: Final = 0.06  # strikes that are quoted in the window, log moneyness
WOBBLE: Final = 0.0012  # of the index from vector to vector


class ChainFlow:
    """Plays recorded chains in order; `limit` plays so many sessions only."""

    tick = 1
    untimed = (0, 0.0)
    story = False

    def __init__(
        self, recordings: Recordings, seed: int, limit: int | None = None, window: bool = True
    ) -> None:
        self.recordings = recordings
        self.sessions = recordings.sessions[:limit]
        if not self.sessions:
            raise SnapshotError(f"--limit {limit} leaves no session; expected at least one")
        self.seed = seed
        self.rows = 0
        self.epochs = 0
        self.told: list[Told] = []
        self.window_ns = window_of(self.sessions) if window else None
        self.random = random.Random(f"merkat chain flow {seed}")
        self.checked: Check | None = None
        first = 1
        self._traders: list[list[Trader]] = []
        for place in range(len(CURRENCIES)):
            own = traders_of(seed, place, first)
            first += len(own)
            self._traders.append(own)

    @classmethod
    def of_folder(cls, folder: Path, seed: int, limit: int | None = None) -> ChainFlow:
        """Return the flow of a folder's snapshots. Raises SnapshotError, CalibrationError."""
        return cls(read_folder(folder), seed, limit)

    def scene(self) -> Scene:
        """Return what the scripted Inbox sets up; listings come with the sessions."""
        cash = [trader.cash for own in self._traders for trader in own]
        return Scene([], cash, groups=[option_group(place) for place in range(len(CURRENCIES))])

    def start_ns(self) -> int:
        """Return the time of the first snapshot."""
        return self.sessions[0].time_ns

    def reached(self) -> dict[str, int]:
        """Return how often the flow came to each place that it must reach."""
        counts = self.market.books.counts
        return {
            "stage_entered": counts["stage_entries"],
            "liquidation": counts["liquidations"] + counts["hedges"],
            "held_vector": self.market.held,
            "gap": sum(told.gap_s > PARAMETERS.halt_ns / SECOND_NS for told in self.told),
            "halted_order": sum(told.halted_orders for told in self.told),
            "delivered_by_timelock": counts["by_timelock"],
            "delivered_by_samples": counts["by_samples"],
            "expiry": counts["expiries"],
        }

    def described(self) -> dict[str, object]:
        """Return what the JSON object has of this flow alone."""
        assert self.checked is not None, "the flow was played to its end"
        fits = [one for session in self.sessions for one in session.calibrations]
        told = described(self.market, self.checked, self.told, self.window_ns)
        return told | {"fit_errors": fit_errors(fits)}

    def broken(self) -> list[str]:
        """Return every claim of the flow that does not hold."""
        assert self.checked is not None, "the flow was played to its end"
        return self.checked.broken()

    def play(self, player: Player, wallets: Wallets, oracle: OracleNodes) -> Iterator[int]:
        """Play all sessions; yields the time (ns) after each epoch."""
        self.market = ChainMarket(
            player,
            wallets,
            oracle,
            self._traders,
            self.scene(),
            self.recordings.history,
            step_ns=STEP_NS,
        )
        before: Session | None = None
        for session in self.sessions:
            if before is not None and self._has_window(before, session):
                yield from self._play_window(before)
            yield from self._play_session(session, before)
            before = session
        player.settle()
        self.checked = check(self.market, player.sequencer)

    # --- a session ---

    def _play_session(self, session: Session, before: Session | None) -> Iterator[int]:
        market = self.market
        counts = dict(market.books.counts)
        gap_s = self._gap_s(session.time_ns)
        held = market.held
        market.at(session.time_ns)
        halted = market.probe() if before is not None else 0
        market.player.send(market.clock.next(), commands.tick())
        delivered = market.deliver(session.time_ns)
        market.list_chains(session.chains)
        self.rows += sum(len(chain.quotes) for chain in session.chains)
        if before is None:
            market.set_modes()
        yield from self._return(session.calibrations)
        market.show(session.chains, len(self.told))
        quotes = market.quote()
        market.take()
        for _ in range(1, EPOCHS):
            self._pause()
            market.sign(self._wobbled(session.calibrations))
            self._count()
            market.take()
            yield market.clock.now_ns
        market.withdraw_quotes()
        after = market.books.counts

        def more(name: str) -> int:
            return after[name] - counts.get(name, 0)

        self.told.append(
            Told(
                session.name,
                session.time_ns,
                gap_s,
                halted,
                market.held - held,
                delivered,
                quotes,
                tuple(chain.index / 1e6 for chain in session.chains),
                more("trades"),
                more("stage_entries"),
                more("liquidations") + more("hedges"),
                more("bankrupts"),
            )
        )

    def _gap_s(self, time_ns: int) -> float:
        last = [self.market.books.group(desk.group).epoch_time for desk in self.market.desks]
        return (time_ns - max(last)) / SECOND_NS if all(last) else 0.0

    def _return(self, calibrations: Sequence[Calibration]) -> Iterator[int]:
        """Sign until both groups have taken a vector up: at once, or by the third that agrees."""
        market = self.market
        for run in range(HELD_RUN):
            if run:
                self._pause()
            market.sign(calibrations)
            self._count()
            yield market.clock.now_ns
            if not market.is_held():
                return
        raise AssertionError("three vectors that agree end every hold")

    def _pause(self) -> None:
        """Let two seconds pass, with a heartbeat in the middle."""
        clock = self.market.clock
        start_ns = clock.now_ns
        clock.now_ns = start_ns + PERIOD_NS // 2
        self.market.heartbeat()
        clock.now_ns = start_ns + PERIOD_NS

    def _wobbled(self, calibrations: Sequence[Calibration]) -> list[Calibration]:
        """Return the market a moment later: the index has moved by a little."""
        return [
            moved(one, round(one.index * (1 + self.random.uniform(-WOBBLE, WOBBLE))))
            for one in calibrations
        ]

    def _count(self) -> None:
        self.epochs += 1
        most = max(self.market.epochs.values())
        assert most <= EPOCHS_MOST, f"a group has {most} vectors; at most {EPOCHS_MOST} are signed"

    # --- an 08:00, second by second ---

    def _has_window(self, before: Session, after: Session) -> bool:
        if self.window_ns is None:
            return False
        return before.time_ns < self.window_ns - WINDOW_NS and self.window_ns < after.time_ns

    def _play_window(self, before: Session) -> Iterator[int]:
        """Play the half hour before an 08:00: heartbeats each second, and a few vectors."""
        market, end_ns = self.market, self.window_ns
        assert end_ns is not None, "the caller has looked"
        opens_ns = end_ns - WINDOW_NS
        market.at(opens_ns - RETURN_NS)
        market.player.send(market.clock.next(), commands.tick())
        market.deliver(market.clock.now_ns)
        yield from self._return(self._between(before))
        for second in range(-RETURN_NS // SECOND_NS + 1, WINDOW_NS // SECOND_NS + 1):
            # Whole seconds: what comes between them is over long before the next.
            time_ns = opens_ns + second * SECOND_NS
            market.at(time_ns - STEP_NS)
            if second % WINDOW_EPOCH_S == 0 and 0 <= second < WINDOW_NS // SECOND_NS:
                market.sign(self._between(before))
                self._count()
                if second in TRADED_S:
                    self._trade_near(before, end_ns)
                yield market.clock.now_ns
            else:
                market.heartbeat()
        market.player.settle()
        market.withdraw_quotes()
        for desk in market.desks:
            desk.forget(end_ns)

    def _between(self, before: Session) -> list[Calibration]:
        """Return the market at the clock's next time: the recorded index, the last smile."""
        market = self.market
        time_ns = market.clock.now_ns + STEP_NS
        return [
            moved(one, self.recordings.history.at(desk.currency, time_ns))
            for desk, one in zip(market.desks, aged_to(before.calibrations, time_ns), strict=True)
        ]

    def _trade_near(self, before: Session, expiry_ns: int) -> None:
        """Quote what expires around its marks, and let everybody trade."""
        market = self.market
        market.withdraw_quotes()
        near = [self._near_chain(chain, expiry_ns) for chain in before.chains]
        market.show(near, len(self.told))
        market.quote()
        market.take()

    def _near_chain(self, chain: Chain, expiry_ns: int) -> Chain:
        """Return what makers would quote of one expiry: its marks with a spread, in coins."""
        market = self.market
        desk = next(one for one in market.desks if one.currency == chain.currency)
        forward = desk.index()
        quotes: list[OptionQuote] = []
        for quote in chain.of_expiry(expiry_ns):
            listing = desk.listing_of(quote)
            if listing is None or abs(math.log(quote.strike / 1e6 / forward)) > NEAR:
                continue
            mark = desk.mark(listing)
            bid, ask = mark * 0.95 - forward * 1e-4, mark * 1.05 + forward * 1e-4
            quotes.append(
                replace(
                    quote,
                    forward=forward,
                    bid=bid / forward if bid > 0 else None,
                    ask=ask / forward,
                    delta=0.5,
                )
            )
        return replace(chain, time_ns=market.clock.now_ns, quotes=tuple(quotes))


def window_of(sessions: Sequence[Session]) -> int | None:
    """Return the 08:00 (ns) between two sessions at which most recorded rows expire."""
    found: dict[int, int] = {}
    for before, after in pairwise(sessions):
        for chain in before.chains:
            for quote in chain.quotes:
                opens = quote.expiry_ns - WINDOW_NS - RETURN_NS
                # The same day: a later window would need surfaces that nobody recorded.
                near = before.time_ns < opens < before.time_ns + DAY_NS // 2
                if near and quote.expiry_ns < after.time_ns:
                    found[quote.expiry_ns] = found.get(quote.expiry_ns, 0) + 1
    return max(found, key=lambda one: (found[one], one)) if found else None
