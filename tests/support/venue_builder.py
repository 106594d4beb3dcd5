"""A funded venue in a few lines, for tests that speak of rules and not of bytes.

    market = Market()                          # one group, one listing, an index of 100 USD
    alice, bob = market.account("alice"), market.account("bob")
    market.place(alice, SELL, usd(101), coins(1))
    reply = market.place(bob, BUY, usd(101), coins(1))
    assert reply.of(Trade)

Every method makes a complete signed command, applies it and gives back a `Reply`, whose events and
micro-ops are decoded. Named arguments replace single fields, so a refused case is its accepted case
with one thing changed; `make_*` only builds the command.

Signatures: tests/support/keys.py. The default is `FakeKeys`, fast and no signature scheme;
`Market(CurveKeys())` signs and recovers for real.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from merkat.spec import messages, typed_data
from merkat.spec.messages import NodeSignature, Signatures, Vector
from merkat.spec.orders import Order
from merkat.spec.rules import all_rules
from merkat.spec.settle.leaves import Account, Group
from merkat.spec.settle.ops import MicroOp, decode_op
from merkat.spec.signatures import Recover
from merkat.spec.typed_data import Config
from merkat.spec.values import FLAGS_IMMEDIATE, HOUR_NS, IMMEDIATE_BIT, MINUTE_NS, keccak256
from merkat.spec.venue.events import CommandRefused, Event, decode_event
from merkat.spec.venue.machine import Output, Venue
from merkat.spec.venue.state import WATERFALL_LIMIT
from tests.support.keys import FakeKeys, Keys, Wallet

START_NS = 1_767_225_600_000_000_000  # 2026-01-01 00:00 UTC
SECOND_NS = 1_000_000_000
CONFIG = Config(chain_id=31_337, salt=keccak256(b"merkat tests"))
NODES = 3
THRESHOLD = 2

DEFAULT_PARAMETERS = {
    "initial_rate": 65_000_000,
    "maintenance_rate": 50_000_000,
    "band": 30_000_000,
    "liquidation_fee": 5_000_000,
    "slippage_floor": 2_500_000,
    "slice_share": 200_000_000,
    "interest": 100_000,
    "funding_clamp": 500_000,
    "funding_cap": 5_000_000,
    "basis_clamp": 5_000_000,
    "jump": 100_000_000,
    "agreement": 20_000_000,
    "delta_rate": 100_000_000,
    "fund_event_share": 250_000_000,
    "fund_day_share": 500_000_000,
    "stop_ratio": 1_150_000_000,
    "epoch_period_ns": 2_000_000_000,
    "stale_ns": 5_000_000_000,
    "halt_ns": 30_000_000_000,
    "stage_timeout_ns": 120_000_000_000,
    "reserved": 0,
}
"""Group parameters 0 to 20 with their defaults, in the order of formats.md section 4."""

SIZE_DECIMALS = 4
COIN = 10_000
TICK = 100_000
MAKER_FEE = 200_000
TAKER_FEE = 500_000
FEE_CAP = 10_000_000

_Record = TypeVar("_Record")


def usd(amount: float) -> int:
    """An amount or price in 1e-6 USD."""
    return round(amount * 1_000_000)


def coins(amount: float) -> int:
    """A size in base units of the default listing."""
    return round(amount * COIN)


@dataclass(frozen=True)
class Trader:
    """An account and the wallet that signs for it: its owner's, or a session's key."""

    number: int
    wallet: Wallet
    slot: int = 0


@dataclass(frozen=True)
class Reply:
    """What a command gave, decoded."""

    output: Output
    events: list[Event]
    micro_ops: list[MicroOp]

    def of(self, record: type[_Record]) -> list[_Record]:
        """The events of that kind, in order."""
        return [event for event in self.events if isinstance(event, record)]

    def ops(self, record: type[_Record]) -> list[_Record]:
        """The micro-ops of that kind, in order."""
        return [op for op in self.micro_ops if isinstance(op, record)]

    @property
    def refused_by(self) -> str | None:
        """The id of the rule that refused the command, None when it was accepted."""
        for event in self.events:
            if isinstance(event, CommandRefused):
                return next(rule.id for rule in all_rules() if rule.code == event.code)
        return None

    @property
    def refused_field(self) -> int | None:
        """The number of the refused field, None when the command was accepted."""
        return next((event.field for event in self.of(CommandRefused)), None)


class Market:
    """A venue with its oracle nodes, groups, listings and accounts.

    Args:
        keys: how commands are signed.
        start: make group 0, listing 1 and a first vector with an index of 100 USD.
        recover: another recover than that of `keys`, for venues that check signatures elsewhere.
        waterfall_limit: see Venue.
    """

    def __init__(
        self,
        keys: Keys | None = None,
        *,
        start: bool = True,
        config: Config = CONFIG,
        recover: Recover | None = None,
        waterfall_limit: int = WATERFALL_LIMIT,
        parameters: dict[str, int] | None = None,
    ) -> None:
        self.keys: Keys = keys or FakeKeys()
        self.venue = Venue(config, recover or self.keys.recover, waterfall_limit=waterfall_limit)
        self.config = config
        self.time_ns = START_NS
        self.commands: list[tuple[int, int, bytes]] = []
        self.nodes = [self.keys.wallet(f"node {number}") for number in range(NODES)]
        self._nonce = START_NS // 1_000_000
        if start:
            self.group(**(parameters or {}))
            self.listing(0)
            self.epoch(usd(100))

    # Time and log

    def wait(self, duration_ns: int) -> None:
        """Let time pass before the next command."""
        self.time_ns += duration_ns

    def apply(self, command: messages.Command | bytes) -> Reply:
        """Apply a command at the present time; it is remembered in `commands`."""
        data = command if isinstance(command, bytes) else messages.encode_command(command)
        log_number = self.venue.log_number + 1
        self.commands.append((log_number, self.time_ns, data))
        output = self.venue.apply(log_number, self.time_ns, data)
        return Reply(
            output,
            [decode_event(event) for event in output.events],
            [decode_op(op)[0] for op in output.micro_ops],
        )

    def next_nonce(self) -> int:
        """A nonce that nobody has used."""
        self._nonce += 1
        return self._nonce

    # The chain's inbox

    def item(self, item: messages.Item | bytes, index: int | None = None) -> Reply:
        """Feed an inbox item."""
        data = item if isinstance(item, bytes) else messages.encode_item(item)
        cursor = self.venue.settlement.globals_.inbox_cursor
        return self.apply(messages.InboxCommand(cursor if index is None else index, data))

    def group(self, number: int | None = None, threshold: int = THRESHOLD, **changes: int) -> int:
        """Make a group, or replace the parameters of one; unnamed ones are the defaults."""
        group = self.venue.settlement.globals_.next_group if number is None else number
        assert set(changes) <= set(DEFAULT_PARAMETERS), f"unknown parameter in {set(changes)}"
        parameters = (DEFAULT_PARAMETERS | changes).values()
        nodes = [node.address for node in self.nodes] + [bytes(20)] * (8 - NODES)
        item = messages.SetGroup(1, group, threshold, tuple(nodes), tuple(parameters))
        self._accepted(self.item(item))
        return group

    def listing(
        self,
        group: int = 0,
        size_decimals: int = SIZE_DECIMALS,
        lot: int = 1,
        tick: int = TICK,
        maker_fee: int = MAKER_FEE,
        taker_fee: int = TAKER_FEE,
    ) -> int:
        """Make a listing."""
        listing = self.venue.settlement.globals_.next_listing
        self._accepted(
            self.item(messages.List(1, 1, group, size_decimals, lot, tick, maker_fee, taker_fee))
        )
        return listing

    def instrument(
        self,
        listing: int = 1,
        state: int = 1,
        maker_fee: int = MAKER_FEE,
        taker_fee: int = TAKER_FEE,
    ) -> Reply:
        """Replace a listing's state and fees."""
        return self._accepted(
            self.item(messages.SetInstrument(1, listing, state, maker_fee, taker_fee))
        )

    def limits(
        self,
        position_limit: int = 128,
        open_orders_account: int = 1_000,
        open_orders_listing: int = 200,
        new_account_minimum: int = 1_000_000,
    ) -> Reply:
        """Replace the venue's limits."""
        return self._accepted(
            self.item(
                messages.SetVenue(
                    1,
                    position_limit,
                    open_orders_account,
                    open_orders_listing,
                    new_account_minimum,
                )
            )
        )

    def account(self, name: str, cash: int = usd(1_000_000)) -> Trader:
        """Open an account for the wallet of that name."""
        wallet = self.keys.wallet(name)
        number = self.venue.settlement.globals_.next_account
        self._accepted(self.item(messages.Deposit(0, 0, wallet.address, 0, cash)))
        return Trader(number, wallet)

    def deposit(self, trader: Trader, amount: int) -> Reply:
        """Add cash to an account."""
        item = messages.Deposit(0, 0, trader.wallet.address, trader.number, amount)
        return self._accepted(self.item(item))

    def fund(self, amount: int, group: int = 0) -> Reply:
        """Add to a group's insurance fund."""
        return self._accepted(self.item(messages.FundDeposit(1, group, amount)))

    def _accepted(self, reply: Reply) -> Reply:
        assert reply.refused_by is None, f"the builder's command was refused: {reply.events}"
        assert all(type(event).__name__ != "InboxRefused" for event in reply.events), reply.events
        return reply

    # The oracle

    def make_vector(
        self, index: int, basis: int = 0, premium: int = 0, group: int = 0, **changes: Any
    ) -> Vector:
        """The next vector of a group at the present time."""
        leaf = self.venue.settlement.groups[group]
        vector = Vector(
            1,
            group,
            leaf.epoch_number + 1,
            self.time_ns,
            leaf.input_hash,
            index,
            basis,
            premium,
        )
        return replace(vector, **changes)

    def signed_by_nodes(self, digest: bytes, nodes: Iterable[int]) -> Signatures:
        """The signatures of these nodes."""
        return Signatures(
            tuple(NodeSignature(node, self.keys.sign(digest, self.nodes[node])) for node in nodes)
        )

    def epoch(
        self,
        index: int,
        basis: int = 0,
        premium: int = 0,
        group: int = 0,
        nodes: Iterable[int] = range(THRESHOLD),
        wait_ns: int = SECOND_NS,
        **changes: Any,
    ) -> Reply:
        """Wait, then give a group a new vector."""
        self.wait(wait_ns)
        vector = self.make_vector(index, basis, premium, group, **changes)
        signatures = self.signed_by_nodes(typed_data.epoch_digest(self.config, vector), nodes)
        return self.apply(messages.Epoch(vector, signatures))

    def heartbeat(
        self,
        group: int = 0,
        nodes: Iterable[int] = range(THRESHOLD),
        wait_ns: int = SECOND_NS,
        **changes: Any,
    ) -> Reply:
        """Wait, then renew the age of a group's vector."""
        self.wait(wait_ns)
        leaf = self.venue.settlement.groups[group]
        unsigned = messages.Heartbeat(
            group, leaf.epoch_number, self.time_ns, leaf.input_hash, Signatures(())
        )
        beat = replace(unsigned, **changes)
        digest = typed_data.heartbeat_digest(self.config, beat)
        return self.apply(replace(beat, signatures=self.signed_by_nodes(digest, nodes)))

    # Orders

    def make_order(
        self,
        trader: Trader,
        side: int,
        price: int,
        size: int,
        flags: int = 0,
        listing: int = 1,
        **changes: Any,
    ) -> Order:
        """An order that lasts an hour (a second if immediate); named fields replace its own."""
        nonce = changes.get("nonce", self.next_nonce())
        life_ns = MINUTE_NS // 60 if flags & IMMEDIATE_BIT else HOUR_NS
        order = Order(
            account=trader.number,
            slot=trader.slot,
            listing=listing,
            side=side,
            flags=flags,
            limit_price=price,
            size=size,
            fee_cap=FEE_CAP,
            expiry=self.time_ns + life_ns,
            counter=nonce % 2**40,
            version=1,
            nonce=nonce,
            renews_hour=0,
            renews_counter=0,
        )
        return replace(order, **changes)

    def sign_order(self, order: Order, wallet: Wallet) -> bytes:
        """The wallet's signature over an order."""
        return self.keys.sign(typed_data.order_digest(self.config, order), wallet)

    def send_place(self, order: Order, trader: Trader) -> Reply:
        """Place this very order."""
        return self.apply(messages.Place(order, self.sign_order(order, trader.wallet)))

    def place(
        self, trader: Trader, side: int, price: int, size: int, flags: int = 0, **changes: Any
    ) -> Reply:
        """Place an order."""
        return self.send_place(self.make_order(trader, side, price, size, flags, **changes), trader)

    def rest(
        self, trader: Trader, side: int, price: int, size: int, flags: int = 0, **changes: Any
    ) -> Order:
        """Place an order that must come to rest, and give it back."""
        order = self.make_order(trader, side, price, size, flags, **changes)
        reply = self._accepted(self.send_place(order, trader))
        assert self.venue.resting(order.key) is not None, f"does not rest: {reply.events}"
        return order

    def make_amended(self, order: Order, **changes: Any) -> Order:
        """The next version of an order."""
        newer = replace(order, version=order.version + 1, nonce=self.next_nonce())
        newer = replace(newer, renews_hour=0, renews_counter=0)
        return replace(newer, **changes)

    def amend(self, trader: Trader, order: Order, **changes: Any) -> Reply:
        """Send the next version of an order."""
        newer = self.make_amended(order, **changes)
        return self.apply(messages.Amend(newer, self.sign_order(newer, trader.wallet)))

    def make_renewal(self, order: Order, **changes: Any) -> Order:
        """An order that continues what is left of another, an hour from now."""
        resting = self.venue.resting(order.key)
        nonce = self.next_nonce()
        renewal = replace(
            order,
            size=resting.remaining if resting else order.size,
            expiry=self.time_ns + 2 * HOUR_NS,
            version=1,
            nonce=nonce,
            counter=nonce % 2**40,
            renews_hour=order.expiry_hour,
            renews_counter=order.counter,
        )
        return replace(renewal, **changes)

    def renew(self, trader: Trader, order: Order, **changes: Any) -> Reply:
        """Continue an order under a new key."""
        renewal = self.make_renewal(order, **changes)
        return self.apply(messages.Renew(renewal, self.sign_order(renewal, trader.wallet)))

    def cancel(self, trader: Trader, order: Order, **changes: Any) -> Reply:
        """Cancel an order."""
        unsigned = messages.Cancel(
            trader.number,
            order.slot,
            order.expiry_hour,
            order.counter,
            self.next_nonce(),
            bytes(65),
        )
        unsigned = replace(unsigned, **changes)
        digest = typed_data.cancel_digest(self.config, unsigned)
        return self.apply(replace(unsigned, signature=self.keys.sign(digest, trader.wallet)))

    def raise_floor(self, trader: Trader, floor: int, **changes: Any) -> Reply:
        """Void every order with a counter up to `floor`."""
        unsigned = messages.Floor(trader.number, floor, self.next_nonce(), bytes(65))
        unsigned = replace(unsigned, **changes)
        digest = typed_data.floor_digest(self.config, unsigned)
        return self.apply(replace(unsigned, signature=self.keys.sign(digest, trader.wallet)))

    # Money

    def withdraw(self, trader: Trader, amount: int, **changes: Any) -> Reply:
        """Withdraw cash."""
        unsigned = messages.Withdraw(trader.number, 0, amount, self.next_nonce(), bytes(65))
        unsigned = replace(unsigned, **changes)
        digest = typed_data.withdraw_digest(self.config, unsigned)
        return self.apply(replace(unsigned, signature=self.keys.sign(digest, trader.wallet)))

    def transfer(self, trader: Trader, other: Trader, amount: int, **changes: Any) -> Reply:
        """Move cash to another account."""
        unsigned = messages.Transfer(
            trader.number, other.number, amount, self.next_nonce(), bytes(65)
        )
        unsigned = replace(unsigned, **changes)
        digest = typed_data.transfer_digest(self.config, unsigned)
        return self.apply(replace(unsigned, signature=self.keys.sign(digest, trader.wallet)))

    def tick(self, wait_ns: int = 0) -> Reply:
        """Wait, then tick."""
        self.wait(wait_ns)
        return self.apply(messages.Tick())

    # Short cuts

    def trade(
        self, buyer: Trader, seller: Trader, price: int, size: int, listing: int = 1
    ) -> Reply:
        """Have two accounts trade with each other alone."""
        self.rest(seller, 1, price, size, listing=listing)
        reply = self.place(buyer, 0, price, size, FLAGS_IMMEDIATE, listing=listing)
        return self._accepted(reply)

    def leaf(self, trader: Trader) -> Account:
        """The settlement leaf of an account."""
        return self.venue.settlement.accounts[trader.number]

    def group_leaf(self, group: int = 0) -> Group:
        """The settlement leaf of a group."""
        return self.venue.settlement.groups[group]
