"""Random commands in a market of every kind: every invariant after each, and a replay."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from merkat.spec.messages import ForcedWithdraw
from merkat.spec.orders import Order
from merkat.spec.settle import margin
from merkat.spec.values import MINUTE_NS
from merkat.spec.venue.derivative_events import EpochReceived
from merkat.spec.venue.events import Deposited, decode_event, event_name
from merkat.spec.venue.invariants import check_invariants
from merkat.spec.venue.machine import Venue
from tests.support.option_builder import CALL, FUTURE, PUT, SPOT, OptionMarket, expiry_in
from tests.support.venue_builder import CONFIG, SECOND_NS, TICK, Trader, coins, usd

NAMES = ("alice", "bob", "carol", "dave", "alice")
CASH = (usd(40), usd(150), usd(400), usd(50_000), usd(20))
EXPIRY = expiry_in(1)
LISTINGS = 8
SEEDS = (4, 6, 10, 19)

accounts = st.integers(0, len(NAMES) - 1)
listings = st.integers(1, LISTINGS)
sizes = st.integers(1, 40)
picks = st.integers(0, 10**6)
moves = st.one_of(st.integers(-20, 20), st.integers(-95, 95))


class OptionMachine(RuleBasedStateMachine):
    """A perpetual, two futures, four options and collateral; half of the accounts portfolios."""

    @initialize(
        limit=st.sampled_from([3, 20, 4_096]),
        offset=st.integers(0, 1),
        wide=st.sampled_from([0, 60 * SECOND_NS]),
    )
    def start(self, limit: int, offset: int, wide: int) -> None:
        self.market = OptionMarket(
            waterfall_limit=limit,
            scalars={"collateral_offset": offset, "wide_window_ns": wide, "roll_rate": 10_000_000},
        )
        market = self.market
        for kind, strike, expiry in (
            (FUTURE, 0, EXPIRY),
            (CALL, 100, EXPIRY),
            (PUT, 95, EXPIRY),
            (CALL, 110, expiry_in(30)),
            (PUT, 100, expiry_in(30)),
            (FUTURE, 0, expiry_in(30)),
        ):
            market.dated(kind, usd(strike), expiry=expiry)
        market.dated(SPOT, lot=10)
        market.limits(open_orders_account=60, open_orders_listing=12)
        self.index, self.vol = usd(100), 600_000_000
        market.surface(self.index)
        self.traders = [market.account(name, cash) for name, cash in zip(NAMES, CASH, strict=True)]
        for trader in self.traders[1::2]:
            market.portfolio(trader)
        self.orders: list[tuple[Trader, Order]] = []

    @rule(
        who=accounts,
        side=st.integers(0, 1),
        offset=st.integers(-15, 15),
        size=sizes,
        flags=st.sampled_from([0, 0, 0, 1, 2, 5]),
        listing=listings,
    )
    def place(self, who: int, side: int, offset: int, size: int, flags: int, listing: int) -> None:
        trader = self.traders[who]
        mark = margin.mark(self.market.venue.settlement, listing)
        step = max(TICK, mark // 100 // TICK * TICK)
        price = max(TICK, mark // TICK * TICK + offset * step // 5 // TICK * TICK)
        order = self.market.make_order(trader, side, price, size * coins(0.1), flags, listing)
        self.market.send_place(order, trader)
        self.orders.append((trader, order))

    @rule(who=accounts, other=accounts, listing=listings, size=sizes, above=st.integers(-2, 2))
    def trade(self, who: int, other: int, listing: int, size: int, above: int) -> None:
        """Have two accounts trade near the mark, if the rules let them."""
        maker, taker = self.traders[other], self.traders[who]
        mark = margin.mark(self.market.venue.settlement, listing)
        price = max(TICK, (mark // TICK + above) * TICK)
        order = self.market.make_order(maker, 1, price, size * coins(0.5), 0, listing)
        self.market.send_place(order, maker)
        self.market.place(taker, 0, price, size * coins(0.5), 1, listing=listing)
        self.orders.append((maker, order))

    @rule(times=st.integers(1, 6), move=moves)
    def crash(self, times: int, move: int) -> None:
        """Several vectors in a row, all in one direction, with makers on both sides."""
        for _ in range(times):
            self.surface(move, abs(move) // 4, 1)
            for listing in range(1, LISTINGS + 1):
                self.place(3, move > 0, 1 if move > 0 else -1, 20, 0, listing)

    @rule(pick=picks, cancels=st.booleans(), size=sizes)
    def touch_order(self, pick: int, cancels: bool, size: int) -> None:
        if self.orders:
            trader, order = self.orders[pick % len(self.orders)]
            if cancels:
                self.market.cancel(trader, order)
            else:
                self.market.amend(trader, order, size=size * coins(0.1))

    @rule(move=moves, vol=st.integers(-40, 40), seconds=st.sampled_from([1, 1, 2, 40]))
    def surface(self, move: int, vol: int, seconds: int) -> None:
        self.index = min(usd(300), max(usd(30), self.index * (1_000 + move) // 1_000))
        self.vol = min(2_000_000_000, max(200_000_000, self.vol + vol * 1_000_000))
        received = self.market.receive(self.index, seconds * SECOND_NS, vol=self.vol)
        assert received.of(EpochReceived) or received.refused_by is not None
        if received.refused_by is None:
            self.market.activate()

    @rule()
    def receive_alone(self) -> None:
        self.market.receive(self.index, vol=self.vol)

    @rule(seconds=st.sampled_from([1, 4]))
    def heartbeat(self, seconds: int) -> None:
        self.market.heartbeat(wait_ns=seconds * SECOND_NS)

    @rule(seconds=st.sampled_from([0, 0, 1, 3]))
    def tick(self, seconds: int) -> None:
        self.market.tick(wait_ns=seconds * SECOND_NS)

    @rule(before=st.sampled_from([29 * MINUTE_NS, 5 * MINUTE_NS, SECOND_NS, 0]))
    def toward_expiry(self, before: int) -> None:
        """Jump to just before the first expiry, or through it."""
        if self.market.time_ns < EXPIRY - before:
            self.surface(0, 0, (EXPIRY - before - self.market.time_ns) // SECOND_NS or 1)

    @rule(price=st.integers(80, 120))
    def deliver(self, price: int) -> None:
        self.market.deliver(EXPIRY, usd(price))

    @rule(who=accounts, amount=st.integers(1, 50_000), token=st.booleans())
    def deposit(self, who: int, amount: int, token: bool) -> None:
        trader = self.traders[who]
        if token:
            self.market.give_token(trader, amount)
            return
        (credited,) = self.market.deposit(trader, usd(1 + amount % 100)).of(Deposited)
        self.traders[who] = Trader(credited.account, trader.wallet)

    @rule(who=accounts, other=accounts, amount=st.integers(0, 100), way=st.integers(0, 3))
    def move_money(self, who: int, other: int, amount: int, way: int) -> None:
        market, trader = self.market, self.traders[who]
        if way == 0:
            market.withdraw(trader, usd(amount))
        elif way == 1:
            market.withdraw(trader, amount * 100, token=1)
        elif way == 2:
            market.transfer(trader, self.traders[other], usd(amount))
        else:
            owner = trader.wallet.address
            market.item(ForcedWithdraw(0, trader.number, owner, amount % 2, amount * 1_000))

    @rule(who=accounts, mode=st.integers(0, 1))
    def margin_mode(self, who: int, mode: int) -> None:
        self.market.margin_mode(self.traders[who], mode)

    @rule(amount=st.integers(1, 300))
    def fund(self, amount: int) -> None:
        self.market.fund(usd(amount))

    @rule(listing=listings, state=st.integers(1, 2))
    def set_state(self, listing: int, state: int) -> None:
        if self.market.venue.instrument(listing).state < 3:
            self.market.instrument(listing, state)

    @rule(band=st.sampled_from([50_000_000, 200_000_000]), scale=st.integers(8, 12))
    def risk(self, band: int, scale: int) -> None:
        factor = scale * 100_000_000
        self.market.risk(option_band=band, maintenance_factor=factor, initial_factor=factor + 1)

    @rule()
    def reload(self) -> None:
        venue = self.market.venue
        again = Venue.from_snapshot(
            CONFIG, venue.snapshot(), self.market.keys.recover, venue.waterfall_limit
        )
        assert again.venue_digest() == venue.venue_digest()
        assert again.state_root() == venue.state_root(), "the root follows from the leaves alone"
        self.market.venue = again

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "market"):
            check_invariants(self.market.venue)

    def teardown(self) -> None:
        """Replay the log into a venue that was never reloaded."""
        if not hasattr(self, "market"):
            return
        replay: Any = Venue(
            CONFIG, self.market.keys.recover, waterfall_limit=self.market.venue.waterfall_limit
        )
        self.told: set[str] = set()
        for command in self.market.commands:
            output = replay.apply(*command)
            self.told |= {event_name(decode_event(event)) for event in output.events}
        assert replay.snapshot() == self.market.venue.snapshot()


OptionMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=50, deadline=None)
TestOptions = OptionMachine.TestCase


def walk(seed: int, steps: int) -> set[str]:
    """Take random steps that trade and move prices most of the time; the kinds of all events."""
    draw = random.Random(seed)
    machine = OptionMachine()
    machine.start(limit=draw.choice([3, 20, 4_096]), offset=draw.randint(0, 1), wide=0)
    account, listing = partial(draw.randrange, len(NAMES)), partial(draw.randint, 1, LISTINGS)
    moves: list[tuple[int, Callable[[], None]]] = [
        (
            45,
            lambda: machine.trade(
                account(), account(), listing(), draw.choice([1, 5, 10, 40]), draw.randint(-1, 1)
            ),
        ),
        (
            10,
            lambda: machine.place(
                draw.choice([3, account()]),
                draw.randint(0, 1),
                draw.randint(-15, 15),
                draw.randint(1, 40),
                draw.choice([0, 0, 1, 2, 5]),
                listing(),
            ),
        ),
        (20, lambda: machine.surface(draw.choice([0, 3, -3, 25, -25]), draw.randint(-10, 10), 1)),
        (4, lambda: machine.crash(draw.randint(1, 4), draw.choice([-60, -30, 30, 60]))),
        (2, lambda: machine.heartbeat(1)),
        (2, lambda: machine.tick(1)),
        (1, lambda: machine.toward_expiry(draw.choice([29 * MINUTE_NS, SECOND_NS, 0]))),
        (1, lambda: machine.deliver(draw.randint(80, 120))),
        (3, lambda: machine.deposit(account(), draw.randint(1, 50_000), draw.random() < 0.6)),
        (3, lambda: machine.move_money(account(), account(), draw.randint(0, 100), 1)),
        (2, lambda: machine.margin_mode(account(), draw.randint(0, 1))),
        (1, machine.reload),
    ]
    weights = [weight for weight, _ in moves]
    for _ in range(steps):
        draw.choices(moves, weights)[0][1]()
        machine.holds()
    machine.teardown()
    return machine.told


def test_a_dense_walk_trades_liquidates_hedges_and_delivers() -> None:
    told = set().union(*(walk(seed, 250) for seed in SEEDS))
    wanted = {"trade", "stage", "slice", "liquidation", "hedge", "bankrupt", "tear_up", "expired"}
    assert wanted <= told, f"the walk should meet {wanted - told}"
