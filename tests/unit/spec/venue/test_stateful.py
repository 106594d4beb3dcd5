"""Random commands: every invariant after each, and the same bytes from a reloaded venue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from merkat.spec.messages import ForcedWithdraw
from merkat.spec.orders import Order
from merkat.spec.values import HOUR_NS
from merkat.spec.venue.events import Deposited, ForcedWithdrawn
from merkat.spec.venue.invariants import check_invariants
from merkat.spec.venue.machine import Venue
from tests.support.session_builder import SessionMarket
from tests.support.venue_builder import CONFIG, SECOND_NS, TICK, Trader, coins, usd

# Two of the accounts belong to one owner; cash from just enough for one coin to plenty.
NAMES = ("alice", "bob", "carol", "dave", "alice")
CASH = (usd(40), usd(70), usd(150), usd(1_000), usd(20))

accounts = st.integers(0, len(NAMES) - 1)
sides = st.integers(0, 1)
offsets = st.one_of(st.integers(-6, 6), st.integers(-32, 32))
sizes = st.integers(1, 40)
listings = st.integers(1, 3)
flags = st.sampled_from([0, 0, 0, 1, 2, 5])
moves = st.one_of(st.integers(-8, 8), st.integers(-60, 60))
picks = st.integers(0, 10**6)


class VenueMachine(RuleBasedStateMachine):
    """Two groups, three listings, five accounts and a low limit of micro-ops."""

    @initialize(limit=st.sampled_from([3, 20, 4_096]))
    def start(self, limit: int) -> None:
        self.market = SessionMarket(waterfall_limit=limit)
        self.market.listing(0, lot=100, tick=50_000)
        self.market.group(maintenance_rate=20_000_000, initial_rate=30_000_000)
        self.market.listing(1, maker_fee=-100_000)
        self.market.limits(open_orders_account=8, open_orders_listing=5)
        self.index = [usd(100), usd(100)]
        self.market.epoch(self.index[1], group=1)
        self.market.epoch(self.index[0], group=0)
        self.traders = [
            self.market.account(name, cash) for name, cash in zip(NAMES, CASH, strict=True)
        ]
        self.orders: list[tuple[Trader, Order]] = []
        self.keys: list[Trader] = []

    def price(self, listing: int, offset: int) -> int:
        near = self.index[1 if listing == 3 else 0]
        return max(TICK, near // TICK * TICK + offset * TICK)

    @rule(who=accounts, side=sides, offset=offsets, size=sizes, flags=flags, listing=listings)
    def place(self, who: int, side: int, offset: int, size: int, flags: int, listing: int) -> None:
        trader = self.traders[who]
        order = self.market.make_order(
            trader, side, self.price(listing, offset), size * coins(0.1), flags, listing
        )
        self.market.send_place(order, trader)
        self.orders.append((trader, order))

    @rule(
        who=accounts,
        slot=st.integers(1, 2),
        notional=st.sampled_from([usd(15), usd(50), 2**64 - 1]),
        seconds=st.sampled_from([2, 3_600, 10_000]),
    )
    def open_session(self, who: int, slot: int, notional: int, seconds: int) -> None:
        owner, scheme = self.traders[who], slot
        name = f"key {who} {len(self.keys) % 3}"
        expiry = self.market.time_ns + seconds * SECOND_NS
        body = self.market.make_session(
            owner, slot, name, key_scheme=scheme, notional=notional, expiry=expiry
        )
        if self.market.apply(body).refused_by is None:
            self.keys.append(Trader(owner.number, self.market.keys.wallet(name, scheme), slot))

    @rule(pick=picks, side=sides, offset=offsets, size=sizes, flags=flags)
    def place_by_session(self, pick: int, side: int, offset: int, size: int, flags: int) -> None:
        if not self.keys:
            return
        key = self.keys[-1 - pick % min(3, len(self.keys))]
        session = self.market.venue.settlement.sessions[key.number << 4 | key.slot]
        order = self.market.make_order(key, side, self.price(1, offset), size * coins(0.1), flags)
        order = replace(order, expiry=min(order.expiry, session.expiry))
        self.market.send_place(order, key)
        self.orders.append((key, order))

    @rule(who=accounts, slot=st.integers(1, 2), back=st.one_of(st.none(), st.integers(0, 20)))
    def revoke(self, who: int, slot: int, back: int | None) -> None:
        newest = self.market.next_nonce() % 2**40
        self.market.revoke(self.traders[who], slot, None if back is None else newest - back)

    @rule(pick=picks, what=st.integers(0, 3), offset=offsets, size=sizes)
    def touch_order(self, pick: int, what: int, offset: int, size: int) -> None:
        if not self.orders:
            return
        place = pick % len(self.orders)
        trader, order = self.orders[place]
        if what == 0:
            self.market.cancel(trader, order)
        elif what == 1:
            newer = self.market.make_amended(order, size=size * coins(0.1))
            self.market.amend(trader, order, size=newer.size)
            self.orders[place] = (trader, newer)
        elif what == 2:
            price = self.price(order.listing, offset)
            self.market.amend(trader, order, limit_price=price, version=order.version + 1)
        else:
            renewal = self.market.make_renewal(order)
            self.market.renew(trader, order, nonce=renewal.nonce, counter=renewal.counter)
            self.orders[place] = (trader, renewal)

    @rule(group=st.integers(0, 1), move=moves, premium=st.integers(-500_000, 500_000))
    def epoch(self, group: int, move: int, premium: int) -> None:
        self.index[group] = max(usd(20), self.index[group] * (1_000 + move) // 1_000)
        self.market.epoch(self.index[group], basis=premium, premium=premium, group=group)

    @rule(group=st.integers(0, 1))
    def heartbeat(self, group: int) -> None:
        self.market.heartbeat(group)

    @rule(seconds=st.sampled_from([0, 1, 3, 40, 7_200]))
    def tick(self, seconds: int) -> None:
        self.market.tick(wait_ns=seconds * SECOND_NS)
        if seconds == 7_200:
            self.market.epoch(self.index[0], group=0)
            self.market.epoch(self.index[1], group=1)
            assert self.market.time_ns > HOUR_NS

    @rule(who=accounts, other=accounts, amount=st.integers(0, 50), out=st.booleans())
    def move_money(self, who: int, other: int, amount: int, out: bool) -> None:
        if out:
            self.market.withdraw(self.traders[who], usd(amount))
        else:
            self.market.transfer(self.traders[who], self.traders[other], usd(amount))

    @rule(who=accounts, amount=st.integers(1, 50))
    def deposit(self, who: int, amount: int) -> None:
        trader = self.traders[who]
        opened = self.market.deposit(trader, usd(amount))
        (credited,) = opened.of(Deposited)
        self.traders[who] = Trader(credited.account, trader.wallet)

    @rule(who=accounts, amount=st.sampled_from([1, 50, 10_000]))
    def force(self, who: int, amount: int) -> None:
        trader = self.traders[who]
        item = ForcedWithdraw(0, trader.number, trader.wallet.address, 0, usd(amount))
        (paid,) = self.market.item(item).of(ForcedWithdrawn)
        assert 0 <= paid.amount <= paid.asked == usd(amount)

    @rule(amount=st.integers(1, 30), group=st.integers(0, 1))
    def fund(self, amount: int, group: int) -> None:
        self.market.fund(usd(amount), group)

    @rule(listing=listings, state=st.integers(1, 2))
    def set_state(self, listing: int, state: int) -> None:
        self.market.instrument(listing, state)

    @rule(who=accounts, back=st.integers(0, 20))
    def raise_floor(self, who: int, back: int) -> None:
        nonce = self.market.next_nonce()
        self.market.raise_floor(self.traders[who], nonce % 2**40 - back, nonce=nonce)

    @rule(data=st.binary(max_size=120))
    def noise(self, data: bytes) -> None:
        self.market.apply(data)

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
        for command in self.market.commands:
            replay.apply(*command)
        assert replay.snapshot() == self.market.venue.snapshot()


VenueMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)
TestVenue = VenueMachine.TestCase
