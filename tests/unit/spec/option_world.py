"""The small venue of `world`, whose group has a risk set: a market of every kind.

Listings: 1 a perpetual, 2 collateral (token 1), 3 a future, 4 a call and 5 a put at 100 USD, which
expire in 30 days. The index is 100 USD.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from merkat.spec.messages import Deliver, Item, ListDated, MarginMode, SetRisk, encode_item
from merkat.spec.risk.parameters import RiskSet, Scalars, Scenario
from merkat.spec.risk.rows import Row
from merkat.spec.risk.vector import SurfaceVector
from merkat.spec.rules import Refused
from merkat.spec.settle import margin
from merkat.spec.settle.ops import (
    MAKER_IMPROVES,
    MAKER_NAMES,
    TAKER_IMPROVES,
    TAKER_NAMES,
    Epoch,
    Fill,
    Inbox,
)
from merkat.spec.settle.outcomes import ItemRefused, Outcome
from merkat.spec.settle.state import State
from merkat.spec.settle.surfaces import check_surface, live_terms, rows_made
from merkat.spec.typed_data import margin_mode_digest, vector_digest
from merkat.spec.values import BUY, DAY_NS, SELL
from tests.unit.spec.risk.market import quote
from tests.unit.spec.world import (
    ALICE,
    BOB,
    CAROL,
    LOT,
    SECOND_NS,
    START_NS,
    TICK,
    USD,
    World,
    owner_of,
    test_sign,
)

PERPETUAL, SPOT, FUTURE, CALL, PUT = 1, 2, 3, 4, 5
"""Listings and, but for the spot listing, not their kinds."""
EXPIRY = START_NS + 30 * DAY_NS  # START_NS is 08:00 UTC
STRIKE = 100 * USD
TOKEN = 1

SCENARIOS = (
    *(Scenario(0, 0), Scenario(-100_000, 1), Scenario(100_000, 1), Scenario(-200_000, 2)),
    *(Scenario(200_000, 1), Scenario(3_000_000, 1, 46_000), Scenario(0, 3), Scenario(0, 4)),
)


def risk_set(**scalars: int) -> RiskSet:
    """A risk set with few scenarios; keywords replace default scalars."""
    return RiskSet(Scalars(**scalars), SCENARIOS)


class OptionWorld(World):
    """Three accounts of 10,000 USD in standard mode, and a vector of version 2 at 100 USD.

    The fund has 10,000,000 USD, so that tails are damped.
    """

    @classmethod
    def ready(cls, **scalars: int) -> OptionWorld:
        """Return the world described above; keywords replace scalars of the risk set."""
        world = cls.without_rows(**scalars)
        world.epoch(100 * USD)
        return world

    @classmethod
    def without_rows(cls, **scalars: int) -> OptionWorld:
        """Return the same world before its first vector."""
        world = cls()
        world.set_group()
        world.list()
        world.item(world.risk_item(**scalars))
        world.item(world.dated_item(kind=5, strike=0, expiry=0, token=TOKEN, delivery_fee=0))
        world.item(world.dated_item(kind=2, strike=0))
        world.item(world.dated_item())
        world.item(world.dated_item(kind=4))
        for user in (ALICE, BOB, CAROL):
            world.deposit(user, 10_000 * USD)
        world.item(world.fund_item(amount=10_000_000 * USD))
        return world

    # Items

    def risk_item(self, **scalars: int) -> SetRisk:
        return SetRisk(1, 0, risk_set(**scalars))

    def dated_item(self, **changes: int) -> ListDated:
        """Return the item of a call."""
        item = ListDated(
            source=1,
            kind=3,
            group=0,
            size_decimals=3,
            lot=LOT,
            tick=TICK,
            coarse_tick=5 * TICK,
            coarse_from=20 * USD,
            maker_fee=-100_000,
            taker_fee=400_000,
            delivery_fee=150_000,
            strike=STRIKE,
            expiry=EXPIRY,
            token=0,
        )
        return replace(item, **changes)

    def deliver_item(self, **changes: int) -> Deliver:
        return replace(Deliver(1, 0, EXPIRY, 110 * USD), **changes)

    def deposit_token(self, user: int, amount: int, account: int = 0) -> Outcome:
        item = self.deposit_item(owner=owner_of(user), amount=amount, account=account, token=TOKEN)
        return self.item(item)

    def refused(self, item: Item) -> str:
        """Take an item that must be refused; return the rule's id and the field."""
        outcome = self.step(Inbox(encode_item(item)))
        assert isinstance(outcome, ItemRefused), f"not refused: {outcome}"
        return f"{outcome.rule.id} {outcome.field}"

    # The oracle

    def surface(self, index: int, time_ns: int, **changes: Any) -> SurfaceVector:
        """Return the next vector, with a slice for every expiry that is ahead."""
        standing = self.state.groups[0]
        ahead = {
            terms.expiry
            for terms in live_terms(self.state, 0)
            if terms.expiry >= time_ns + SECOND_NS
        }
        vector = SurfaceVector(
            version=2,
            group=0,
            number=standing.epoch_number + 1,
            time=time_ns,
            previous=standing.input_hash,
            index=index,
            basis=0,
            premium=0,
            confidence=1_000_000_000,
            peg=1_000_000_000,
            vol=500_000_000,
            vol_mean=500_000_000,
            expiries=tuple(quote(expiry, time_ns, index) for expiry in sorted(ahead)),
        )
        return replace(vector, **changes)

    def surface_op(self, vector: SurfaceVector, **changes: Any) -> Epoch:
        """Sign a vector; the hashes are those of its rows where it makes any."""
        hashes: tuple[bytes, ...] = ()
        try:
            check_surface(self.state, vector)
            built = rows_made(self.state, vector)
            hashes = () if built is None else built.chunk_hashes
        except Refused:
            pass
        signatures = self.signatures(vector_digest(self.config, vector))
        return replace(Epoch(vector, signatures, hashes), **changes)

    def epoch(self, index: int, *, delta_ns: int = 2 * SECOND_NS, **changes: Any) -> None:
        if self.state.groups[0].has_risk_set:
            vector = self.surface(index, self.time_ns + delta_ns, **changes)
            self.step(self.surface_op(vector), delta_ns)
        else:
            super().epoch(index, delta_ns=delta_ns, **changes)

    def row(self, listing: int) -> Row:
        row = margin.row_of(self.state, listing)
        assert row is not None, f"listing {listing} has no row"
        return row

    def mark(self, listing: int) -> int:
        return margin.mark(self.state, listing)

    # Trades

    def orders_for(
        self, buyer: int, seller: int, size: int, price: int, listing: int, **changes: Any
    ) -> Fill:
        """Open two orders at a price on tick near `price`, and return their fill at `price`."""
        instrument = self.state.instruments[listing]
        step = instrument.coarse_tick
        above = {"limit_price": -(-price // step) * step}
        below = {"limit_price": max(instrument.tick, price // step * step)}
        buy = self.order(buyer, BUY, size, 0, listing=listing, **above)
        sell = self.order(seller, SELL, size, 0, listing=listing, **below)
        slots = {
            "maker_slot": margin.slot_for(self.state, buyer, listing),
            "taker_slot": margin.slot_for(self.state, seller, listing),
        }
        return self.fill_op(self.open(buy), self.open(sell), size, price, **slots | changes)

    def swap(self, buyer: int, seller: int, size: int, price: int, listing: int) -> None:
        """Trade at a price, each side under the rule that it keeps."""
        op = self.orders_for(buyer, seller, size, price, listing)
        for bits in (0, MAKER_IMPROVES, TAKER_IMPROVES, MAKER_IMPROVES | TAKER_IMPROVES):
            try:
                self.step(self.named(replace(op, margin_rules=bits)))
            except Refused as refused:
                last = refused
            else:
                return
        raise last

    def named(self, op: Fill) -> Fill:
        """Return a fill with the names that portfolio accounts which improve must give."""
        orders = self.state.orders
        assert op.maker_key in orders
        for key, improves, bit, field in (
            (op.maker_key, MAKER_IMPROVES, MAKER_NAMES, "maker_names"),
            (op.taker_key, TAKER_IMPROVES, TAKER_NAMES, "taker_names"),
        ):
            account = key >> 44 & 0xFFF_FFFF
            if op.margin_rules & improves and self.state.accounts[account].margin_mode == 1:
                names: Any = {field: margin.names(self.state, account)}
                op = replace(op, margin_rules=op.margin_rules | bit, **names)
        return op

    def mode_op(self, account: int, mode: int = 1, **changes: Any) -> MarginMode:
        nonce = self.state.accounts[account].nonce + 1
        op = replace(MarginMode(account, mode, nonce, bytes(65)), **changes)
        signature = test_sign(owner_of(account), margin_mode_digest(self.config, op))
        return replace(op, signature=signature)


def token_units(state: State, token: int) -> int:
    """Return the units of a token in positions and claimable: always what was deposited."""
    held = sum(
        position.size
        for account in state.accounts.values()
        for position in account.positions.values()
        if state.instruments[position.listing].token == token
    )
    return held + state.globals_.claimable[token]
