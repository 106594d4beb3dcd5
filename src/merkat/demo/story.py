"""The story, act by act, in virtual time: the same seed gives the same log on every machine.

07:29:40 open ─ trade ─ 07:44 the index falls by 12 % ─ anchor, prove ─ withdraw ─ 07:52 kill -9,
return ─ 08:00 funding and expiry ─ the window passes, the withdrawal is paid
"""

from __future__ import annotations

import asyncio
import random
import time
from decimal import Decimal
from typing import Final

from merkat.api.numbers import usd
from merkat.demo import cast as roles
from merkat.demo.crowd import YOUR_FIRST_ORDER, Crowd
from merkat.demo.listings import SECOND_NS
from merkat.demo.pace import Pace
from merkat.demo.path import MarketPath, draw_fall
from merkat.demo.path import Report as MarketReport
from merkat.demo.report import Report
from merkat.demo.stage import Stage, StageError
from merkat.demo.telling import Chronicle
from merkat.demo.view import Teller
from merkat.sdk import commands

PERIOD_NS: Final = 5 * SECOND_NS
VECTOR_EVERY: Final = 3
FALL_EVERY: Final = 3
FIRST_ORDER_STEP: Final = 12
LEVERAGE_STEP: Final = 40
FALL_LEAST_STEP: Final = 170
FALL_MOST_STEP: Final = 185
PROVE_STEP: Final = 225
KILL_STEP: Final = 270
EXPIRY_STEP: Final = 362
LAST_STEP: Final = 376
# Virtual time until the last withdrawal's batch is sealed and on the chain.
SEAL_NS: Final = 120 * SECOND_NS
WITHDRAWN_USD: Final = 25_000
MICRO: Final = 1_000_000
CHAIN_STEPS: Final = 30  # the option chain and the positions take turns
BATCHES_EVERY: Final = 12
READ_S: Final = 1.6
SHOCK_PACE: Final = 2.5


class Story:
    """One run. `run` plays it and fills the report."""

    def __init__(self, stage: Stage, teller: Teller, pace: Pace, report: Report) -> None:
        self.stage = stage
        self.teller = teller
        self.pace = pace
        self.report = report
        self.board = stage.board
        assert stage.start_ns is not None, "the story is told in virtual time"
        self.start_ns: int = stage.start_ns
        self.fall_step = random.Random(f"merkat demonstration story {stage.seed}").randint(
            FALL_LEAST_STEP, FALL_MOST_STEP
        )
        self.you = stage.cast[roles.YOU]
        self._tokens_before = 0
        self._trades_at_kill = 0
        self._before_fall = Decimal(0)

    # The whole

    async def run(self, started_s: float) -> None:
        """Play every act. `started_s` is when the command began."""
        await self._open()
        crowd = await Crowd.gather(self.stage.apis, self.stage.listed, self.stage.seed)
        for step, market in enumerate(self._market().reports()):
            if step > LAST_STEP:
                break
            await self._before(step)
            await self._step(step, market, crowd)
            if not self.report.first_trade_s and self.stage.observer.first_trade_s:
                self.report.first_trade_s = self.stage.observer.first_trade_s - started_s
                self.teller.line("trade", f"first trade after {self.report.first_trade_s:.1f} s")
        await self._claim()
        await self.stage.settle()
        await self._count()
        await self._profits(crowd)

    def _market(self) -> MarketPath:
        fall = draw_fall(self.stage.seed, self.fall_step, FALL_EVERY)
        opening = self.stage.listed.opening
        return MarketPath(self.stage.seed, opening, self.start_ns, PERIOD_NS, VECTOR_EVERY, fall)

    async def _step(self, step: int, market: MarketReport, crowd: Crowd) -> None:
        """One period: time and oracle, then everybody whose turn it is."""
        await self.stage.step(market)
        await crowd.act(step, market.time_ns // MICRO)
        if step == FIRST_ORDER_STEP:
            await crowd.your_first_order()
            self.teller.line("trade", f"you buy {YOUR_FIRST_ORDER} BTC, perpetual, at the market")
        self.stage.observer.update(self.stage.cast, self.stage.listed.perpetual, roles.BULL)
        self.board.shows_chain = step < self.fall_step and step // CHAIN_STEPS % 2 == 0
        if step % BATCHES_EVERY == 0:
            await self._read_batches()
        self.teller.refresh()
        falling = self.fall_step <= step < self.fall_step + 4 * FALL_EVERY + 2
        await self.pace.step(SHOCK_PACE if falling else 1.0)

    async def _before(self, step: int) -> None:
        """Begin the act that begins at a step."""
        if step == FIRST_ORDER_STEP // 2:
            self.board.act = "trade"
        elif step == LEVERAGE_STEP:
            self._tell_leverage()
        elif step == self.fall_step:
            self.board.act = "shock"
            self._before_fall = self.board.index
            self.teller.line("shock", "the index begins to fall: 12 % in four steps")
        elif step == self.fall_step + 4 * FALL_EVERY:
            self._tell_fall()
        elif step == PROVE_STEP:
            await self._prove()
            await self._withdraw()
        elif step == KILL_STEP:
            await self._kill()
        elif step == EXPIRY_STEP:
            self.board.act = "expiry"
            self.teller.line("expiry", "08:00 is near: an hour's funding, and today's options end")

    async def _read_batches(self) -> None:
        """Ask the venue how many batches are on the chain."""
        said = await self.stage.apis[roles.YOU].call("venue/get_state_root", {})
        if said["batch"] is not None:
            self.board.batches = int(said["batch"]["index"])

    # The acts

    async def _open(self) -> None:
        stage, names = self.stage, self.stage.listed
        chronicle = Chronicle(stage.observer, self.teller, stage.cast)
        self.chronicle = chronicle
        self.board.opening = usd(names.opening)
        self.teller.line(
            "listed", f"1 perpetual, 1 future, {len(names.options)} options of two expiries"
        )
        wallets = stage.cast.members
        deposited = sum(member.role.deposit_usd for member in wallets)
        text = f"{deposited:,} tUSD through the Vault, by {len(wallets)} wallets"
        self.teller.line("deposited", text)

    def _tell_fall(self) -> None:
        before, after = self._before_fall, self.board.index
        text = f"BTC {before:,.2f} -> {after:,.2f}: {after / before - 1:+.1%}"
        self.teller.line("shock", text)

    def _tell_leverage(self) -> None:
        margin = self.board.margin
        if margin is None or margin.equity <= 0:
            return
        leverage = margin.position * self.board.mark / margin.equity
        text = f"{margin.name} holds {margin.position} BTC with {margin.equity:,.0f} tUSD"
        self.teller.line("trade", f"{text}: {leverage:.1f} times what there is")

    async def _prove(self) -> None:
        """Prove a balance against the root on the chain, then with a flipped bit."""
        # Imported when it is needed: the first trade need not wait for what reads the chain.
        from merkat.demo.money import chain_reader, flip, leads_to, path_lines, proof_of

        self.board.act = "anchor"
        async with chain_reader(self.stage.url_of("chain_url")) as reader:
            api = self.stage.apis[roles.YOU]
            params = {"account": self.you.account}
            batch, proof = proof_of(await api.call("venue/get_account_proof", params))
            root = await asyncio.to_thread(reader.root, batch)
            self._tokens_before = await asyncio.to_thread(reader.tokens, self.you.owner)
        self.teller.line("batch", f"batch {batch} is anchored; its root, read from the chain:")
        self.teller.line("on chain", root.hex())
        await self.pace.read(READ_S)
        self.board.act = "prove"
        for what, found in path_lines(proof):
            self.teller.line(what, found.hex())
        self.report.proof_verified = leads_to(proof, root) and proof.owner == self.you.owner
        verdict = "your balance is proved" if self.report.proof_verified else "NOT PROVED"
        self.teller.line("proof", f"{verdict}: {len(proof.siblings)} hashes from leaf to root")
        await self.pace.read(READ_S)
        tampered = flip(proof)
        self.report.tampered_refused = not leads_to(tampered.proof, root)
        verdict = "refused" if self.report.tampered_refused else "ACCEPTED"
        self.teller.line("tampered", f"one bit of your cash flipped: {verdict}")
        await self.pace.read(READ_S)

    async def _withdraw(self) -> None:
        """Sign a withdrawal with the wallet: no session can."""
        nonce = self.stage.observer.replica.time_ns // MICRO
        amount = WITHDRAWN_USD * MICRO
        command = commands.withdraw(self.you.account, amount, nonce)
        number = await self.stage.submit(self.you.sign(self.stage.domain, command))
        outcome = self.stage.observer.replica.view.outcome(number)
        if outcome is None or outcome.refused is not None:
            raise StageError(f"the withdrawal was refused: {outcome}")
        self.teller.line(
            "withdraw", f"{WITHDRAWN_USD:,} tUSD, signed by your wallet: no session key can"
        )

    async def _kill(self) -> None:
        """Kill the venue at work, start it again, compare what it says with what was known."""
        self.board.act = "kill"
        await self.stage.settle()
        observer = self.stage.observer
        self._trades_at_kill = observer.tally.trades
        number = observer.log_number
        self.report.killed_state_root, self.report.killed_venue_digest = observer.digests()
        assert self.stage.venue is not None, "the venue runs"
        pid = self.stage.venue.pid
        await self.stage.kill_venue()
        self.teller.line("kill -9", f"the venue, process {pid}, at command {number:,}")
        await self.pace.read(READ_S)
        began_s = time.perf_counter()
        said = await self.stage.return_venue()
        seconds = time.perf_counter() - began_s
        self.report.returned_state_root = _bytes(said["state_root"])
        self.report.returned_venue_digest = _bytes(said["venue_digest"])
        await self.stage.settle()
        verdict = "the same two digests" if self.report.returned else "ANOTHER STATE"
        self.teller.line(
            "return", f"{said['log_number']:,} commands replayed in {seconds:.1f} s: {verdict}"
        )
        self.teller.line("state root", self.report.returned_state_root.hex())
        self.teller.line("digest", self.report.returned_venue_digest.hex())
        await self.pace.read(READ_S)

    async def _claim(self) -> None:
        """Let the window pass; the venue claims for you; read your tokens on the chain."""
        from merkat.demo.money import chain_reader

        self.board.act = "claim"
        async with chain_reader(self.stage.url_of("chain_url")) as reader:
            now_ns = self.stage.observer.replica.time_ns
            window_s = await asyncio.to_thread(lambda: reader.window_s)
            await self.stage.link.advance(now_ns + SEAL_NS + window_s * SECOND_NS)
            final = await asyncio.to_thread(reader.last_final)
            tokens = await asyncio.to_thread(reader.tokens, self.you.owner)
            self.report.batches = await asyncio.to_thread(reader.last_batch)
        paid = tokens - self._tokens_before
        self.report.withdrawal_paid = paid == WITHDRAWN_USD * MICRO
        batches = self.report.batches
        self.teller.line("final", f"batch {final} of {batches}, after a window of {window_s:,} s")
        text = f"your wallet holds {usd(tokens):,.2f} tUSD on the chain, {usd(paid):,.2f} of it new"
        self.teller.line("paid" if self.report.withdrawal_paid else "NOT PAID", text)
        await self.pace.read(READ_S)

    # What came of it

    async def _count(self) -> None:
        """Read what happened off the observer, and the venue's own word of where it stands."""
        observer, report = self.stage.observer, self.report
        report.trades = observer.tally.trades
        report.options = observer.options
        report.liquidations = observer.count("liquidation")
        report.fundings = observer.count("funding")
        report.expiries = observer.count("delivered")
        report.commands = observer.tally.commands
        report.trades_after_return = observer.tally.trades - self._trades_at_kill
        said = await self.stage.apis[roles.YOU].call("venue/get_state_root", {})
        report.log_number = int(said["log_number"])
        report.state_root = _bytes(said["state_root"])
        report.venue_digest = _bytes(said["venue_digest"])

    async def _profits(self, crowd: Crowd) -> None:
        """Ask the API for everybody's equity; tell what each made."""
        for member in self.stage.cast.members:
            summary = await crowd.desks[member.name].summary()
            withdrawn = WITHDRAWN_USD if member is self.you else 0
            self.report.profits[member.name] = summary.equity + withdrawn - member.deposit


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
