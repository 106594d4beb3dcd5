"""A small venue for tests of the settlement machine, with signatures that cost nothing.

A test signature is owner ‖ keccak(owner ‖ digest) ‖ 12 zeros ‖ v: like a real one it fits one
signer and one digest only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from merkat.spec.messages import (
    Deposit,
    FeeSweep,
    Floor,
    ForcedWithdraw,
    FundDeposit,
    Heartbeat,
    Item,
    List,
    NodeSignature,
    SetGroup,
    SetInstrument,
    SetVenue,
    Signatures,
    Transfer,
    Vector,
    Withdraw,
    encode_item,
)
from merkat.spec.orders import Order
from merkat.spec.settle.machine import apply_op
from merkat.spec.settle.ops import Epoch, Fill, Inbox, MicroOp, OrderOpen, Stage
from merkat.spec.settle.outcomes import ItemRefused, Outcome
from merkat.spec.settle.state import State
from merkat.spec.typed_data import (
    Config,
    epoch_digest,
    floor_digest,
    heartbeat_digest,
    order_digest,
    transfer_digest,
    withdraw_digest,
)
from merkat.spec.values import BUY, MINUTE_NS, SELL, ZERO_ADDRESS, keccak256

USD = 1_000_000
START_NS = 1_800_000_000 * 1_000_000_000
SECOND_NS = 1_000_000_000
LISTING = 1
LOT = 10
QUANTUM = 100
TICK = 1_000
COIN = 1_000  # base units
ALICE, BOB, CAROL = 1, 2, 3

PARAMETERS = (
    *(65_000_000, 50_000_000, 30_000_000, 5_000_000, 2_500_000, 200_000_000, 100_000),
    *(500_000, 5_000_000, 5_000_000, 100_000_000, 20_000_000, 100_000_000, 250_000_000),
    *(500_000_000, 1_150_000_000, 2_000_000_000, 5_000_000_000, 30_000_000_000),
    *(120_000_000_000, 0),
)


def owner_of(number: int) -> bytes:
    """Return the address of test user `number`; user 1 owns account 1 and so on."""
    return bytes([0xA0]) + number.to_bytes(19, "big")


def node_address(node: int) -> bytes:
    """Return the address of oracle node `node`."""
    return bytes([0xB0]) + node.to_bytes(19, "big")


def signature_of(signer: bytes, digest: bytes, v: int) -> bytes:
    """Return the test signature of a digest with this v: 27 or 28, of P-256 29 or 30."""
    return signer + keccak256(signer + digest) + bytes(12) + bytes([v])


def test_sign(owner: bytes, digest: bytes) -> bytes:
    """Return an owner's test signature of a digest."""
    return signature_of(owner, digest, 27)


test_sign.__test__ = False  # type: ignore[attr-defined]


def recover(digest: bytes, signature: bytes) -> bytes | None:
    """Return the owner of a test signature, None when it is of another digest."""
    owner = signature[:20]
    return owner if signature == signature_of(owner, digest, signature[64]) else None


class World:
    """Three accounts of 10,000 USD, one group, one listing, a vector at 100 USD."""

    def __init__(self) -> None:
        self.config = Config(chain_id=31337, salt=bytes(range(32)))
        self.state = State(self.config)
        self.state.globals_.time = START_NS
        self.counter = 0

    @classmethod
    def ready(cls, **parameters: int) -> World:
        """Return the world described above; keywords replace group parameters."""
        world = cls()
        world.set_group(**parameters)
        world.list()
        for user in (ALICE, BOB, CAROL):
            world.deposit(user, 10_000 * USD)
        world.epoch(100 * USD)
        return world

    # Steps

    @property
    def time_ns(self) -> int:
        return self.state.globals_.time

    def step(self, op: MicroOp, delta_ns: int = 0) -> Outcome:
        """Apply a micro-op with the next log number."""
        return apply_op(self.state, op, delta_ns, 1, recover)

    def item(self, item: Item) -> Outcome:
        """Take an inbox item that must not be refused."""
        outcome = self.step(Inbox(encode_item(item)))
        assert not isinstance(outcome, ItemRefused), f"refused: {outcome}"
        return outcome

    def deposit(self, user: int, amount: int, account: int = 0) -> None:
        self.item(self.deposit_item(owner=owner_of(user), amount=amount, account=account))

    def set_group(self, **changes: int) -> None:
        self.item(self.group_item(**changes))

    def list(self) -> None:
        self.item(self.list_item())

    def epoch(self, index: int, *, delta_ns: int = 2 * SECOND_NS, **changes: Any) -> None:
        """Sign and apply the next vector, `delta_ns` later."""
        group = changes.get("group", 0)
        self.step(self.epoch_op(index, self.time_ns + delta_ns, group=group), delta_ns)

    def open(self, order: Order) -> int:
        """Open an order and return its key."""
        self.step(self.open_op(order))
        return order.key

    def trade(self, buyer: int, seller: int, size: int, price: int) -> None:
        """Open two orders and fill them; the buyer is the maker."""
        maker = self.open(self.order(buyer, BUY, size, price))
        taker = self.open(self.order(seller, SELL, size, price))
        self.step(self.fill_op(maker, taker, size, price))

    # Inputs

    def deposit_item(self, **changes: Any) -> Deposit:
        item = Deposit(source=0, token=0, owner=owner_of(9), account=0, amount=10 * USD)
        return replace(item, **changes)

    def group_item(self, group: int = 0, **changes: int) -> SetGroup:
        from merkat.spec.settle.leaves import PARAMETER_NAMES

        values = dict(zip(PARAMETER_NAMES, PARAMETERS, strict=True)) | changes
        nodes = (*(node_address(node) for node in range(3)), *([ZERO_ADDRESS] * 5))
        return SetGroup(1, group, 2, nodes, tuple(values.values()))

    def list_item(self, **changes: int) -> List:
        item = List(
            source=1,
            kind=1,
            group=0,
            size_decimals=3,
            lot=LOT,
            tick=TICK,
            maker_fee=-100_000,
            taker_fee=400_000,
        )
        return replace(item, **changes)

    def instrument_item(self, **changes: int) -> SetInstrument:
        return replace(SetInstrument(1, LISTING, 1, -100_000, 400_000), **changes)

    def venue_item(self, **changes: int) -> SetVenue:
        return replace(SetVenue(1, 128, 1_000, 200, USD), **changes)

    def fund_item(self, **changes: int) -> FundDeposit:
        return replace(FundDeposit(1, 0, 1_000 * USD), **changes)

    def sweep_item(self, **changes: int) -> FeeSweep:
        return replace(FeeSweep(1, CAROL), **changes)

    def forced_item(self, **changes: Any) -> ForcedWithdraw:
        return replace(ForcedWithdraw(0, ALICE, owner_of(ALICE), 0, USD), **changes)

    def order(self, account: int, side: int, size: int, price: int, **changes: Any) -> Order:
        self.counter += 1
        order = Order(
            account=account,
            slot=0,
            listing=LISTING,
            side=side,
            flags=0,
            limit_price=price,
            size=size,
            fee_cap=1_000_000,
            expiry=self.time_ns + 60 * MINUTE_NS,
            counter=self.counter,
            version=1,
            nonce=self.counter,
            renews_hour=0,
            renews_counter=0,
        )
        return replace(order, **changes)

    def open_op(self, order: Order, signer: int | None = None) -> OrderOpen:
        owner = owner_of(order.account if signer is None else signer)
        return OrderOpen(order, test_sign(owner, order_digest(self.config, order)))

    def fill_op(self, maker: int, taker: int, size: int, price: int, **changes: Any) -> Fill:
        op = Fill(maker, taker, maker_slot=0, taker_slot=0, price=price, size=size, margin_rules=0)
        return replace(op, **changes)

    def withdraw_op(self, account: int, amount: int, **changes: Any) -> Withdraw:
        nonce = self.state.accounts[ALICE].nonce + 1
        op = replace(Withdraw(account, 0, amount, nonce, bytes(65)), **changes)
        return replace(op, signature=test_sign(owner_of(account), withdraw_digest(self.config, op)))

    def transfer_op(self, account: int, to_account: int, amount: int, **changes: Any) -> Transfer:
        nonce = self.state.accounts[ALICE].nonce + 1
        op = replace(Transfer(account, to_account, amount, nonce, bytes(65)), **changes)
        return replace(op, signature=test_sign(owner_of(account), transfer_digest(self.config, op)))

    def floor_op(self, account: int, floor: int) -> Floor:
        op = Floor(account, floor, 1, bytes(65))
        return replace(op, signature=test_sign(owner_of(account), floor_digest(self.config, op)))

    def signatures(self, digest: bytes, nodes: tuple[int, ...] = (0, 2)) -> Signatures:
        return Signatures(
            tuple(NodeSignature(node, test_sign(node_address(node), digest)) for node in nodes)
        )

    def vector(self, index: int, time_ns: int, **changes: Any) -> Vector:
        """Return the next vector of group 0, or of the group named in `changes`."""
        standing = self.state.groups[changes.get("group", 0)]
        vector = Vector(
            version=1,
            group=0,
            number=standing.epoch_number + 1,
            time=time_ns,
            previous=standing.input_hash,
            index=index,
            basis=0,
            premium=0,
        )
        return replace(vector, **changes)

    def epoch_op(
        self, index: int, time_ns: int, nodes: tuple[int, ...] = (0, 2), **changes: Any
    ) -> Epoch:
        vector = self.vector(index, time_ns, **changes)
        return Epoch(vector, self.signatures(epoch_digest(self.config, vector), nodes))

    def heartbeat_op(
        self, time_ns: int, nodes: tuple[int, ...] = (0, 2), **changes: Any
    ) -> Heartbeat:
        group = self.state.groups[0]
        beat = Heartbeat(0, group.epoch_number, time_ns, group.input_hash, Signatures(()))
        beat = replace(beat, **changes)
        return replace(beat, signatures=self.signatures(heartbeat_digest(self.config, beat), nodes))

    # Situations

    def alice_in_liquidation(self) -> None:
        """Alice is long 1,000 coins of 100 USD; at 94 USD she is below maintenance."""
        self.trade(ALICE, BOB, 1_000 * COIN, 100 * USD)
        self.epoch(94 * USD)
        self.step(Stage(ALICE, 0, 1))

    def alice_bankrupt(self) -> None:
        """Alice is long 1,000 coins of 100 USD; at 90 USD and then 88 USD her equity is gone."""
        from merkat.spec.settle.ops import Bankrupt

        self.trade(ALICE, BOB, 1_000 * COIN, 100 * USD)
        self.epoch(91 * USD)
        self.epoch(88 * USD)
        self.step(Bankrupt(ALICE, 0))


def total_money(state: State) -> int:
    """Return what section 4 of rules.md says is always equal to the deposits of token 0."""
    globals_ = state.globals_
    return (
        sum(account.cash for account in state.accounts.values())
        + sum(group.fund for group in state.groups.values())
        + globals_.fees
        + globals_.rebates
        + globals_.interest
        + globals_.claimable[0]
        - globals_.bad_debt
    )
