"""The bundled generator: an hour and more of bots around a moving index. What `make demo` shows."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from merkat.bots.index_path import IndexPath, Report
from merkat.bots.traders import (
    LOT,
    TICK,
    Amend,
    Cancel,
    Deposit,
    Floor,
    Gambler,
    Intent,
    Maker,
    Place,
    Renew,
    Trader,
    Transfer,
    Withdraw,
    draw_traders,
)
from merkat.bots.view import OpenOrder, View
from merkat.flow.oracle import PERIOD_NS, OracleNodes
from merkat.flow.player import Player
from merkat.flow.setup import Listing, Scene
from merkat.flow.wallets import MS_NS, Wallets
from merkat.sdk import commands
from merkat.sdk.layouts import EVENTS

# 2025-12-31 23:50 UTC: two hours close on the way, and at midnight the fund's day begins, of which
# it may pay out a half.
START_NS: Final = 1_767_225_000_000_000_000
PERIODS: Final = 2_250  # of two seconds: 75 minutes
MAKERS: Final = 8
GAMBLERS: Final = 60
VISITORS: Final = 60
FUND: Final = 60_000 * 1_000_000
MAKER_FEE: Final = -50_000
TAKER_FEE: Final = 500_000
TICK_PERIODS: Final = 5
SIZE_DECIMALS: Final = 8

_KINDS: Final = {name: kind for kind, (name, _) in EVENTS.items()}


class GeneratedFlow:
    """Makers, gamblers and visitors on one perpetual, an oracle that jumps and falls silent."""

    tick = TICK
    untimed = (0, 0.0)
    story = True

    def __init__(self, seed: int, limit: int | None = None, periods: int = PERIODS) -> None:
        self.seed = seed
        self.limit = limit
        self.periods = periods
        self.rows = 0
        self.epochs = 0
        self.random = random.Random(f"merkat generated flow {seed}")
        self.traders, self.cash = draw_traders(seed, MAKERS, GAMBLERS, VISITORS)
        self.view = View(self.cash)
        self.counts: Counter[str] = Counter()

    def scene(self) -> Scene:
        """Return what the scripted Inbox sets up: a fund that is small beside what is at stake."""
        listing = Listing(SIZE_DECIMALS, LOT, TICK, MAKER_FEE, TAKER_FEE)
        return Scene([listing], self.cash, fund=FUND)

    def start_ns(self) -> int:
        """Return the time of the first command."""
        return START_NS

    def reached(self) -> dict[str, int]:
        """Return how often the run came to each place that a venue is judged by."""
        counts = self.counts
        return {
            "liquidation_stage_1": counts["stage_1"],
            "liquidation_stage_3": counts["bankrupt"],
            "fund_payment": counts["fund_payment"],
            "fund_ran_out": counts["fund_short"],
            "tear_up": counts["tear_up"],
            "funding_hour": counts["funding"],
            "amend_after_partial_fill": self.view.amended_after_partial_fill,
            "held_jump": counts["held"],
            "oracle_gap": counts["gap_ended"],
        }

    def described(self) -> dict[str, object]:
        """Return nothing: the JSON object has no more of this flow than of every one."""
        return {}

    def broken(self) -> list[str]:
        """Return nothing: what holds of every flow is all that is claimed."""
        return []

    def play(self, player: Player, wallets: Wallets, oracle: OracleNodes) -> Iterator[int]:
        """Play all periods; yields the time (ns) after each."""
        self.player, self.wallets, self.oracle = player, wallets, oracle
        self._listen()
        time_ns = START_NS
        for period, report in enumerate(IndexPath(self.seed, self.periods).reports()):
            time_ns = START_NS + period * PERIOD_NS
            if self.limit is not None and self.rows >= self.limit:
                break
            # Bots see what was released: everything up to the period before.
            player.settle()
            if period % TICK_PERIODS == 0:
                player.send(time_ns, commands.tick())
            if report is not None:
                self._report(report, time_ns)
            self._trade(time_ns)
            yield time_ns
        player.settle()

    def _report(self, report: Report, time_ns: int) -> None:
        self.view.index = report.index
        if report.heartbeat:
            self.player.send(time_ns, self.oracle.heartbeat(time_ns))
        else:
            command = self.oracle.epoch(time_ns, report.index, report.basis, report.premium)
            self.player.send(time_ns, command)
        self.epochs += 1

    def _trade(self, time_ns: int) -> None:
        """Let some of the traders act, one after the other, in the two seconds until the next."""
        chosen = [trader for trader in self.traders if self._acts(trader)]
        self.random.shuffle(chosen)
        step_ns = (PERIOD_NS - MS_NS) // max(1, len(chosen)) // MS_NS * MS_NS
        for position, trader in enumerate(chosen):
            now_ns = time_ns + MS_NS + position * step_ns
            for intent in trader.act(self.view, now_ns):
                self._send(intent, now_ns)
                self.rows += 1

    def _acts(self, trader: Trader) -> bool:
        if isinstance(trader, Maker):
            return self.random.random() < 0.5
        if isinstance(trader, Gambler):
            return self.random.random() < 0.15
        return self.random.random() < 0.1

    def _send(self, intent: Intent, time_ns: int) -> None:
        """Turn what a trader wants into a command."""
        if isinstance(intent, Deposit):
            owner = self.wallets.addresses[intent.account - 1]
            item = commands.deposit(owner, intent.amount, intent.account)
            self.player.inbox(time_ns, item)
            return
        if isinstance(intent, Place):
            account, command = intent.account, self._place(intent, time_ns)
        elif isinstance(intent, Renew):
            account, command = intent.order.account, self._renew(intent, time_ns)
        elif isinstance(intent, Amend | Cancel):
            account, command = intent.order.account, self._change(intent, time_ns)
        else:
            account, command = intent.account, self._account_command(intent, time_ns)
        self.player.send(time_ns, command, self.wallets.secret(account))

    def _place(self, intent: Place, time_ns: int) -> bytes:
        account, side, flags, price, size, life_ns = intent
        nonce = self.wallets.nonce(account, time_ns)
        expiry_ns, counter = time_ns + life_ns, nonce & commands.COUNTER_MASK
        key = commands.order_key(account, expiry_ns, counter)
        self.view.sent(OpenOrder(key, account, side, price, size, expiry_ns, counter, flags))
        return commands.place(account, 1, side, flags, price, size, TAKER_FEE, expiry_ns, nonce)

    def _renew(self, intent: Renew, time_ns: int) -> bytes:
        old = intent.order
        nonce = self.wallets.nonce(old.account, time_ns)
        expiry_ns, counter = time_ns + intent.life_ns, nonce & commands.COUNTER_MASK
        key = commands.order_key(old.account, expiry_ns, counter)
        size = old.remaining
        self.view.sent(
            OpenOrder(key, old.account, old.side, old.price, size, expiry_ns, counter, old.flags)
        )
        return commands.order_command(
            commands.RENEW,
            old.account,
            1,
            old.side,
            old.flags,
            old.price,
            size,
            TAKER_FEE,
            expiry_ns,
            counter,
            1,
            nonce,
            old.expiry_ns // commands.HOUR_NS,
            old.counter,
        )

    def _change(self, intent: Amend | Cancel, time_ns: int) -> bytes:
        order = intent.order
        nonce = self.wallets.nonce(order.account, time_ns)
        if isinstance(intent, Cancel):
            hour = order.expiry_ns // commands.HOUR_NS
            return commands.cancel(order.account, hour, order.counter, nonce)
        return commands.order_command(
            commands.AMEND,
            order.account,
            1,
            order.side,
            order.flags,
            intent.price,
            intent.size,
            TAKER_FEE,
            order.expiry_ns,
            order.counter,
            order.version + 1,
            nonce,
        )

    def _account_command(self, intent: Floor | Withdraw | Transfer, time_ns: int) -> bytes:
        account = intent.account
        nonce = self.wallets.nonce(account, time_ns)
        if isinstance(intent, Floor):
            return commands.floor(account, (nonce & commands.COUNTER_MASK) - 1, nonce)
        if isinstance(intent, Withdraw):
            return commands.withdraw(account, intent.amount, nonce)
        return commands.transfer(account, intent.to_account, intent.amount, nonce)

    # --- what the answers say ---

    def _listen(self) -> None:
        view = self.view
        for name, method in (
            ("accepted", view.on_accepted),
            ("trade", view.on_trade),
            ("cancelled", view.on_cancelled),
            ("amended", view.on_amended),
            ("renewed", view.on_renewed),
            ("liquidation", view.on_liquidation),
            ("tear_up", view.on_tear_up),
            ("stage", view.on_stage),
            ("bankrupt", view.on_bankrupt),
            ("stage", self._on_stage),
            ("bankrupt", self._on_bankrupt),
            ("epoch", self._on_epoch),
            ("withdrawn", self._on_withdrawn),
            ("transferred", self._on_transferred),
            ("deposited", self._on_deposited),
        ):
            self._hook(name, method)
        for name in ("tear_up", "funding", "gap_ended"):
            self._hook(name, self._counting(name))

    def _hook(self, name: str, method: Callable[[bytes], None]) -> None:
        self.player.tally.hook(_KINDS[name], lambda log_number, body: method(body))

    def _counting(self, name: str) -> Callable[[bytes], None]:
        def count(body: bytes) -> None:
            self.counts[name] += 1

        return count

    def _on_stage(self, body: bytes) -> None:
        self.counts[f"stage_{body[4]}"] += 1

    def _on_bankrupt(self, body: bytes) -> None:
        equity = int.from_bytes(body[6:22], "big", signed=True)
        payment = int.from_bytes(body[22:38], "big", signed=True)
        self.counts["bankrupt"] += 1
        self.counts["fund_payment"] += payment > 0
        self.counts["fund_short"] += payment < -equity

    def _on_epoch(self, body: bytes) -> None:
        self.counts["held"] += body[34] > 0

    def _on_withdrawn(self, body: bytes) -> None:
        holding = self.view.holdings[int.from_bytes(body[:4], "big")]
        holding.cash -= int.from_bytes(body[5:21], "big")

    def _on_transferred(self, body: bytes) -> None:
        amount = int.from_bytes(body[8:24], "big")
        self.view.holdings[int.from_bytes(body[:4], "big")].cash -= amount
        self.view.holdings[int.from_bytes(body[4:8], "big")].cash += amount

    def _on_deposited(self, body: bytes) -> None:
        """Credit a deposit. One that opened a new account (of a bankrupt owner) is no bot's."""
        account = int.from_bytes(body[1:5], "big")
        if account < len(self.view.holdings):
            self.view.holdings[account].cash += int.from_bytes(body[5:21], "big")
