"""A venue with dated listings, collateral and a surface, for tests that speak of rules.

    market = OptionMarket()                     # a perpetual, group 0 with a small risk set
    call = market.dated(CALL, usd(100))         # expires in 30 days
    market.surface(usd(100))                    # epoch and activate: rows for every listing
    alice, bob = market.account("alice"), market.account("bob")
    market.portfolio(alice)
    market.trade(alice, bob, usd(5), coins(1), listing=call)

The risk set has seven scenarios instead of 57 and the surface is flat, so that figures can be
worked out by hand and a test takes milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from merkat.spec import messages, typed_data
from merkat.spec.risk.parameters import (
    SKEW_LINEAR,
    VOL_DOWN,
    VOL_SAME,
    VOL_UP,
    RiskSet,
    Scalars,
    Scenario,
)
from merkat.spec.risk.rows import Row
from merkat.spec.risk.terms import CALL, FUTURE, PERPETUAL, PUT, SPOT
from merkat.spec.risk.vector import SECOND_NS as VECTOR_SECOND_NS
from merkat.spec.risk.vector import ExpiryQuote, SurfaceVector
from merkat.spec.settle.leaves import PORTFOLIO_MARGIN
from merkat.spec.settle.margin import row_of
from merkat.spec.settle.surfaces import rows_made
from merkat.spec.values import DAY_NS, HOUR_NS, ONE, ZERO31
from merkat.spec.venue.events import InboxRefused
from tests.support.venue_builder import (
    MAKER_FEE,
    SECOND_NS,
    SIZE_DECIMALS,
    START_NS,
    TAKER_FEE,
    THRESHOLD,
    TICK,
    Market,
    Reply,
    Trader,
    usd,
)

__all__ = ["CALL", "FUTURE", "PERPETUAL", "PUT", "SPOT", "OptionMarket", "expiry_in"]

SCENARIOS = (
    Scenario(-150_000, VOL_UP),
    Scenario(-150_000, VOL_SAME),
    Scenario(0, VOL_UP),
    Scenario(0, VOL_DOWN),
    Scenario(150_000, VOL_SAME),
    Scenario(150_000, VOL_UP),
    Scenario(0, SKEW_LINEAR),
)
SCALARS = Scalars(samples_least=1_000)
PERP = 1
VOL = 600_000_000
YEAR_NS = 365 * DAY_NS
SVI_ONE = 10**12


def expiry_in(days: int) -> int:
    """The expiry so many days after the start: 08:00 UTC."""
    return START_NS + days * DAY_NS + 8 * HOUR_NS


class OptionMarket(Market):
    """A `Market` whose group 0 has a risk set; its first listing is a perpetual.

    Args:
        scalars: the scalars of the risk set that differ from `SCALARS`.
        parameters: the group parameters that differ from the defaults.
        first_vector: take up a first surface, with an index of 100 USD.
    """

    def __init__(
        self,
        *,
        scalars: dict[str, int] | None = None,
        parameters: dict[str, int] | None = None,
        first_vector: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(start=False, **options)
        self.group(**(parameters or {}))
        self.risk(**(scalars or {}))
        self.listing(0)
        if first_vector:
            self.surface(usd(100))

    # The chain's inbox

    def risk_set(self, **scalars: int) -> RiskSet:
        """The small risk set with other scalars."""
        return RiskSet(replace(SCALARS, **scalars), SCENARIOS)

    def risk(self, group: int = 0, **scalars: int) -> Reply:
        """Give a group a risk set."""
        return self._accepted(self.item(messages.SetRisk(1, group, self.risk_set(**scalars))))

    def make_dated(self, kind: int, strike: int = 0, **changes: Any) -> messages.ListDated:
        """The item of a new listing: options and futures expire in 30 days."""
        spot = kind == SPOT
        item = messages.ListDated(
            source=1,
            kind=kind,
            group=0,
            size_decimals=SIZE_DECIMALS,
            lot=1,
            tick=TICK,
            coarse_tick=TICK,
            coarse_from=0,
            maker_fee=MAKER_FEE,
            taker_fee=TAKER_FEE,
            delivery_fee=0 if spot else 150_000,
            strike=strike,
            expiry=0 if spot else expiry_in(30),
            token=1 if spot else 0,
        )
        return replace(item, **changes)

    def dated(self, kind: int, strike: int = 0, **changes: Any) -> int:
        """Make a listing of a future, an option or collateral."""
        listing = self.venue.settlement.globals_.next_listing
        self._accepted(self.item(self.make_dated(kind, strike, **changes)))
        return listing

    def make_deliver(self, expiry: int, price: int, group: int = 0) -> messages.Deliver:
        """The timelock's item that names a delivery price."""
        return messages.Deliver(1, group, expiry, price)

    def deliver(self, expiry: int, price: int, group: int = 0) -> Reply:
        """Have the timelock name a delivery price."""
        return self.item(self.make_deliver(expiry, price, group))

    def give_token(self, trader: Trader, amount: int, token: int = 1) -> Reply:
        """Deposit a token other than the settlement token."""
        item = messages.Deposit(0, token, trader.wallet.address, trader.number, amount)
        return self._accepted(self.item(item))

    # The oracle

    def quote(self, expiry: int, index: int, vol: int, basis: int = 0) -> ExpiryQuote:
        """A flat slice: total variance vol^2 T at every strike."""
        seconds = (expiry - self.time_ns) // VECTOR_SECOND_NS
        variance = vol * vol * seconds * VECTOR_SECOND_NS * SVI_ONE // (ONE * ONE * YEAR_NS)
        forward = index * (ONE + basis) // ONE
        return ExpiryQuote(expiry, forward, max(1, variance), 0, 0, 0, SVI_ONE // 10)

    def make_surface(
        self, index: int, vol: int = VOL, group: int = 0, basis: int = 0, **changes: Any
    ) -> SurfaceVector:
        """The next vector of a group: every live expiry, all at one volatility."""
        leaf = self.venue.settlement.groups[group]
        instruments = self.venue.settlement.instruments.values()
        expiries = {
            one.expiry
            for one in instruments
            if one.group == group and one.is_dated and one.is_live and one.expiry > self.time_ns
        }
        vector = SurfaceVector(
            version=2,
            group=group,
            number=leaf.epoch_number + 1,
            time=self.time_ns,
            previous=leaf.input_hash,
            index=index,
            basis=0,
            premium=0,
            confidence=ONE,
            peg=ONE,
            vol=vol,
            vol_mean=vol,
            expiries=tuple(self.quote(each, index, vol, basis) for each in sorted(expiries)),
        )
        return replace(vector, **changes)

    def send_surface(self, vector: SurfaceVector, nodes: Iterable[int] = range(THRESHOLD)) -> Reply:
        """Send a vector of version 2, signed: it waits for its activation."""
        digest = typed_data.surface_digest(self.config, vector)
        return self.apply(messages.Epoch(vector, self.signed_by_nodes(digest, nodes)))

    def receive(self, index: int, wait_ns: int = SECOND_NS, **changes: Any) -> Reply:
        """Wait, then send the next vector of a group."""
        self.wait(wait_ns)
        return self.send_surface(self.make_surface(index, **changes))

    def pending_root(self, group: int = 0) -> bytes:
        """The root of the rows that the pending vector makes; zero when it will be held."""
        vector = self.venue.pending_vectors[group].vector
        assert isinstance(vector, SurfaceVector)
        built = rows_made(self.venue.settlement, vector)
        return ZERO31 if built is None else built.root

    def activate(self, group: int = 0, **changes: Any) -> Reply:
        """Take up the pending vector."""
        pending = self.venue.pending_vectors.get(group)
        if pending is not None:
            changes.setdefault("number", pending.vector.number)
        if pending is not None and "row_root" not in changes:
            changes["row_root"] = self.pending_root(group)
        return self.apply(replace(messages.Activate(group, 0, ZERO31), **changes))

    def surface(self, index: int, wait_ns: int = SECOND_NS, **changes: Any) -> Reply:
        """Wait, then give a group a new vector and take it up; the reply of the activation."""
        received = self.receive(index, wait_ns, **changes)
        assert received.refused_by is None, f"refused by {received.refused_by}"
        activated = self.activate(changes.get("group", 0))
        assert activated.refused_by is None, f"refused by {activated.refused_by}"
        return activated

    # Accounts

    def margin_mode(self, trader: Trader, mode: int = PORTFOLIO_MARGIN, **changes: Any) -> Reply:
        """Choose how an account's margin is counted."""
        unsigned = messages.MarginMode(trader.number, mode, self.next_nonce(), bytes(65))
        unsigned = replace(unsigned, **changes)
        digest = typed_data.margin_mode_digest(self.config, unsigned)
        return self.apply(replace(unsigned, signature=self.keys.sign(digest, trader.wallet)))

    def portfolio(self, trader: Trader) -> Trader:
        """Give an account portfolio margin."""
        assert self.margin_mode(trader).refused_by is None
        return trader

    def row(self, listing: int) -> Row:
        """The standing row of a listing."""
        row = row_of(self.venue.settlement, listing)
        assert row is not None, f"listing {listing} has no row"
        return row

    def item_refused_by(self, item: messages.Item) -> int | None:
        """The code that refuses an inbox item, None when it is accepted."""
        refused = self.item(item).of(InboxRefused)
        return refused[0].code if refused else None
