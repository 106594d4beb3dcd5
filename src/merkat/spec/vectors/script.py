"""Drives a venue with signed commands, and keeps what it was told and what it answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from merkat.spec import messages, session_messages, typed_data
from merkat.spec.messages import NodeSignature, Signatures, Vector
from merkat.spec.orders import Order
from merkat.spec.risk.vector import SURFACE_VECTOR_VERSION, ExpiryQuote, SurfaceVector
from merkat.spec.rules import Refused
from merkat.spec.settle.leaves import Group
from merkat.spec.settle.sessions import EVERY_GROUP, KINDS_MAX
from merkat.spec.settle.state import State
from merkat.spec.settle.surfaces import check_surface, rows_made
from merkat.spec.typed_data import Config
from merkat.spec.values import BUY, DAY_NS, HOUR_NS, MAX_NODES, ONE, ZERO_ADDRESS
from merkat.spec.vectors.wallets import Signer, Wallet, wallet
from merkat.spec.venue.machine import Output, Venue

CONFIG = Config(chain_id=31_337, salt=b"merkat test vectors".ljust(32, b"\0"))
START_NS = 1_772_000_700_000_000_000  # 2026-02-25 06:25 UTC: 1,500 s into an hour
STEP_NS = 1_000_000
MILLISECOND_NS = 1_000_000
FEE_CAP = ONE // 100  # the largest fee that a listing may have
NODE_COUNT = 7
THRESHOLD = 5

USD = 1_000_000  # 1e-6 USD

DEFAULT_PARAMETERS: dict[str, int] = {
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


def node(number: int) -> Wallet:
    """Return the wallet of an oracle node."""
    return wallet(f"node {number}")


@dataclass(frozen=True, slots=True)
class Trader:
    """An account and the wallet that signs for it: its owner, or a session of `slot`."""

    account: int
    wallet: Wallet
    slot: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """One command as it went into the log, and the encoded output."""

    log_number: int
    time_ns: int
    command: bytes
    output: Output


class Script:
    """One venue, driven command by command; every command moves the clock by a millisecond.

    Signed bodies are built by the methods that end in `_order`, so that a case can spoil one
    before it is sent. `by` signs unless `signed_by` names another wallet.
    """

    def __init__(self, venue: Venue, signer: Signer, log_number: int, time_ns: int) -> None:
        self.venue = venue
        self.signer = signer
        self.log_number = log_number
        self.time_ns = time_ns
        self.nonces: dict[int, int] = {}
        self.sent: list[Sent] = []

    @property
    def state(self) -> State:
        """The settlement state of the venue."""
        return self.venue.settlement

    # Time and sending

    def wait(self, duration_ns: int) -> None:
        """Let time pass before the next command."""
        self.time_ns += duration_ns

    def send(self, command: bytes) -> Output:
        """Give a command the next log number and apply it."""
        self.log_number += 1
        self.time_ns += STEP_NS
        output = self.venue.apply(self.log_number, self.time_ns, command)
        self.sent.append(Sent(self.log_number, self.time_ns, command, output))
        return output

    def say(self, command: messages.Command) -> Output:
        """Encode and send a command."""
        return self.send(messages.encode_command(command))

    def nonce(self, account: int) -> int:
        """Return a nonce that the account has not used: the first are those of the start."""
        used = self.nonces.get(account, START_NS // MILLISECOND_NS)
        self.nonces[account] = used + 1
        return used + 1

    # Orders

    def order(
        self,
        by: Trader,
        side: int = BUY,
        price: int = 0,
        size: int = 0,
        *,
        listing: int = 1,
        flags: int = 0,
        fee_cap: int = FEE_CAP,
        life_ns: int | None = None,
        **spoilt: Any,
    ) -> Order:
        """Return a new order's body; price in 1e-6 USD per coin, size in base units.

        `spoilt` replaces fields after they were computed.
        """
        nonce = spoilt.pop("nonce", None) or self.nonce(by.account)
        life = life_ns if life_ns is not None else (HOUR_NS if flags % 2 == 0 else 30 * 10**9)
        body = Order(
            account=by.account,
            slot=by.slot,
            listing=listing,
            side=side,
            flags=flags,
            limit_price=price,
            size=size,
            fee_cap=fee_cap,
            expiry=self.time_ns + STEP_NS + life,
            counter=nonce % 2**40,
            version=1,
            nonce=nonce,
            renews_hour=0,
            renews_counter=0,
        )
        return replace(body, **spoilt)

    def amended(self, old: Order, **changes: Any) -> Order:
        """Return the next version of an order's body."""
        body = replace(
            old,
            version=old.version + 1,
            nonce=self.nonce(old.account),
            renews_hour=0,
            renews_counter=0,
        )
        return replace(body, **changes)

    def renewal(self, old: Order, left: int, life_ns: int = HOUR_NS, **changes: Any) -> Order:
        """Return the body that continues `old`, of which `left` base units are left."""
        nonce = self.nonce(old.account)
        body = replace(
            old,
            size=left,
            expiry=self.time_ns + STEP_NS + life_ns,
            counter=nonce % 2**40,
            version=1,
            nonce=nonce,
            renews_hour=old.expiry_hour,
            renews_counter=old.counter,
        )
        return replace(body, **changes)

    def signed(self, order: Order, by: Wallet) -> bytes:
        """Return the signature of an order."""
        return self.signer.sign(typed_data.order_digest(self.venue.config, order), by)

    def send_place(self, order: Order, by: Wallet) -> Output:
        """Send a place command."""
        return self.say(messages.Place(order, self.signed(order, by)))

    def send_amend(self, order: Order, by: Wallet) -> Output:
        """Send an amend command."""
        return self.say(messages.Amend(order, self.signed(order, by)))

    def send_renew(self, order: Order, by: Wallet) -> Output:
        """Send a renew command."""
        return self.say(messages.Renew(order, self.signed(order, by)))

    def place(self, by: Trader, side: int, price: int, size: int, **terms: Any) -> Order:
        """Build, sign and send an order; return its body."""
        signed_by = terms.pop("signed_by", by.wallet)
        order = self.order(by, side, price, size, **terms)
        self.send_place(order, signed_by)
        return order

    def amend(self, by: Trader, old: Order, **changes: Any) -> Order:
        """Build, sign and send the next version of an order; return it."""
        order = self.amended(old, **changes)
        self.send_amend(order, by.wallet)
        return order

    def renew(self, by: Trader, old: Order, left: int, **changes: Any) -> Order:
        """Build, sign and send a renewal; return the new body."""
        order = self.renewal(old, left, **changes)
        self.send_renew(order, by.wallet)
        return order

    def cancel(self, by: Trader, order: Order, **spoilt: Any) -> Output:
        """Sign and send a cancel of an order."""
        signed_by = spoilt.pop("signed_by", by.wallet)
        nonce = spoilt.pop("nonce", None) or self.nonce(by.account)
        body = messages.Cancel(
            by.account, order.slot, order.expiry_hour, order.counter, nonce, bytes(65)
        )
        body = replace(body, **spoilt)
        digest = typed_data.cancel_digest(self.venue.config, body)
        return self.say(replace(body, signature=self.signer.sign(digest, signed_by)))

    def floor(self, by: Trader, floor: int, **spoilt: Any) -> Output:
        """Sign and send a floor."""
        return self.say(self.floor_body(by, floor, **spoilt))

    def floor_body(self, by: Trader, floor: int, **spoilt: Any) -> messages.Floor:
        """Return a signed floor."""
        signed_by = spoilt.pop("signed_by", by.wallet)
        nonce = spoilt.pop("nonce", None) or self.nonce(by.account)
        body = replace(messages.Floor(by.account, floor, nonce, bytes(65)), **spoilt)
        digest = typed_data.floor_digest(self.venue.config, body)
        return replace(body, signature=self.signer.sign(digest, signed_by))

    # Sessions

    def session_body(
        self, by: Trader, slot: int, key: Wallet, /, **spoilt: Any
    ) -> session_messages.SessionOpen:
        """Return a signed session of everything, for a day, unless `spoilt`."""
        signed_by = spoilt.pop("signed_by", by.wallet)
        body = session_messages.SessionOpen(
            account=by.account,
            slot=slot,
            scheme=key.scheme,
            key=key.address,
            groups=EVERY_GROUP,
            kinds=KINDS_MAX,
            notional=2**64 - 1,
            expiry=self.time_ns + STEP_NS + DAY_NS,
            nonce=spoilt.pop("nonce", None) or self.nonce(by.account),
            signature=bytes(65),
        )
        body = replace(body, **spoilt)
        digest = typed_data.session_open_digest(self.venue.config, body)
        return replace(body, signature=self.signer.sign(digest, signed_by))

    def session(self, by: Trader, slot: int, key: Wallet, /, **spoilt: Any) -> Trader:
        """Sign and send a session; return who trades by it."""
        self.say(self.session_body(by, slot, key, **spoilt))
        return Trader(by.account, key, slot)

    def revocation(
        self, by: Trader, slot: int, floor: int | None = None, **spoilt: Any
    ) -> session_messages.SessionRevoke:
        """Return a signed revocation; the floor stays unless it is named."""
        signed_by = spoilt.pop("signed_by", by.wallet)
        account = self.state.accounts.get(by.account)
        standing = account.order_floor if account else 0
        nonce = spoilt.pop("nonce", None) or self.nonce(by.account)
        named = standing if floor is None else floor
        body = session_messages.SessionRevoke(by.account, slot, named, nonce, bytes(65))
        body = replace(body, **spoilt)
        digest = typed_data.session_revoke_digest(self.venue.config, body)
        return replace(body, signature=self.signer.sign(digest, signed_by))

    def revoke(self, by: Trader, slot: int, floor: int | None = None, **spoilt: Any) -> Output:
        """Sign and send a revocation."""
        return self.say(self.revocation(by, slot, floor, **spoilt))

    # Money

    def withdraw(self, by: Trader, amount: int, /, **spoilt: Any) -> Output:
        """Sign and send a withdrawal of 1e-6 USD."""
        return self.say(self.withdrawal(by, amount, **spoilt))

    def withdrawal(self, by: Trader, amount: int, /, **spoilt: Any) -> messages.Withdraw:
        """Return a signed withdrawal."""
        signed_by = spoilt.pop("signed_by", by.wallet)
        nonce = spoilt.pop("nonce", None) or self.nonce(by.account)
        body = replace(messages.Withdraw(by.account, 0, amount, nonce, bytes(65)), **spoilt)
        digest = typed_data.withdraw_digest(self.venue.config, body)
        return replace(body, signature=self.signer.sign(digest, signed_by))

    def transfer(self, by: Trader, to_account: int, amount: int, /, **spoilt: Any) -> Output:
        """Sign and send a transfer of 1e-6 USD."""
        return self.say(self.transfer_body(by, to_account, amount, **spoilt))

    def transfer_body(
        self, by: Trader, to_account: int, amount: int, /, **spoilt: Any
    ) -> messages.Transfer:
        """Return a signed transfer."""
        signed_by = spoilt.pop("signed_by", by.wallet)
        nonce = spoilt.pop("nonce", None) or self.nonce(by.account)
        body = messages.Transfer(by.account, to_account, amount, nonce, bytes(65))
        body = replace(body, **spoilt)
        digest = typed_data.transfer_digest(self.venue.config, body)
        return replace(body, signature=self.signer.sign(digest, signed_by))

    # Oracle

    def vector(self, group: int, index: int, basis: int = 0, premium: int = 0) -> Vector:
        """Return the group's next vector, of the time at which the next command is applied."""
        leaf = self.group_leaf(group)
        return Vector(
            version=1,
            group=group,
            number=leaf.epoch_number + 1,
            time=self.time_ns + STEP_NS,
            previous=leaf.input_hash,
            index=index,
            basis=basis,
            premium=premium,
        )

    def group_leaf(self, group: int) -> Group:
        """Return a group's leaf, an empty one where there is none."""
        return self.state.groups.get(group) or Group()

    def vector_signatures(self, vector: messages.AnyVector, signers: Iterable[int]) -> Signatures:
        """Return these nodes' signatures of a vector, in the order given."""
        digest = typed_data.vector_digest(self.venue.config, vector)
        return Signatures(
            tuple(NodeSignature(each, self.signer.sign(digest, node(each))) for each in signers)
        )

    def epoch_body(
        self,
        group: int,
        index: int,
        basis: int = 0,
        premium: int = 0,
        /,
        signers: Iterable[int] | None = None,
        **spoilt: Any,
    ) -> messages.Epoch:
        """Return a signed vector; the first `threshold` nodes sign unless `signers` are named."""
        vector = replace(self.vector(group, index, basis, premium), **spoilt)
        chosen = range(self.group_leaf(group).threshold) if signers is None else signers
        return messages.Epoch(vector, self.vector_signatures(vector, chosen))

    def epoch(
        self, group: int, index: int, basis: int = 0, premium: int = 0, /, **terms: Any
    ) -> Output:
        """Sign and send a vector (index in 1e-6 USD; basis and premium in 1e-9)."""
        return self.say(self.epoch_body(group, index, basis, premium, **terms))

    def surface_vector(
        self, group: int, index: int, quotes: tuple[ExpiryQuote, ...], /, **spoilt: Any
    ) -> SurfaceVector:
        """Return the group's next vector of version 2; calm and certain unless `spoilt`."""
        leaf = self.group_leaf(group)
        vector = SurfaceVector(
            version=SURFACE_VECTOR_VERSION,
            group=group,
            number=leaf.epoch_number + 1,
            time=self.time_ns + STEP_NS,
            previous=leaf.input_hash,
            index=index,
            basis=0,
            premium=0,
            confidence=ONE,
            peg=ONE,
            vol=ONE // 2,
            vol_mean=ONE // 2,
            expiries=quotes,
        )
        return replace(vector, **spoilt)

    def surface_body(
        self,
        group: int,
        index: int,
        quotes: tuple[ExpiryQuote, ...],
        /,
        signers: Iterable[int] | None = None,
        **spoilt: Any,
    ) -> messages.Epoch:
        """Return a signed vector of version 2; the first `threshold` nodes sign."""
        vector = self.surface_vector(group, index, quotes, **spoilt)
        chosen = range(self.group_leaf(group).threshold) if signers is None else signers
        return messages.Epoch(vector, self.vector_signatures(vector, chosen))

    def pending_root(self, group: int) -> bytes:
        """Return the root of the rows that the pending vector makes; zeros when it will be held."""
        pending = self.venue.pending_vectors.get(group)
        if pending is None or not isinstance(pending.vector, SurfaceVector):
            return bytes(31)
        try:
            check_surface(self.state, pending.vector)
            built = rows_made(self.state, pending.vector)
        except Refused:  # no rows can be made, any root will do
            return bytes(31)
        return bytes(31) if built is None else built.root

    def activate(self, group: int, /, **spoilt: Any) -> Output:
        """Take up the pending vector, with the root of its rows unless `spoilt`."""
        number = self.group_leaf(group).epoch_number + 1
        root = spoilt.pop("row_root", None)
        body = messages.Activate(group, number, root or self.pending_root(group))
        return self.say(replace(body, **spoilt))

    def margin_mode_body(self, by: Trader, mode: int, **spoilt: Any) -> messages.MarginMode:
        """Return a signed change of the margin mode."""
        signed_by = spoilt.pop("signed_by", by.wallet)
        nonce = spoilt.pop("nonce", None) or self.nonce(by.account)
        body = replace(messages.MarginMode(by.account, mode, nonce, bytes(65)), **spoilt)
        digest = typed_data.margin_mode_digest(self.venue.config, body)
        return replace(body, signature=self.signer.sign(digest, signed_by))

    def margin_mode(self, by: Trader, mode: int, **spoilt: Any) -> Output:
        """Sign and send a change of the margin mode."""
        return self.say(self.margin_mode_body(by, mode, **spoilt))

    def heartbeat_body(
        self, group: int, /, signers: Iterable[int] | None = None, **spoilt: Any
    ) -> messages.Heartbeat:
        """Return a signed heartbeat of the standing vector."""
        leaf = self.group_leaf(group)
        body = messages.Heartbeat(
            group, leaf.epoch_number, self.time_ns + STEP_NS, leaf.input_hash, Signatures(())
        )
        body = replace(body, **spoilt)
        digest = typed_data.heartbeat_digest(self.venue.config, body)
        chosen = range(leaf.threshold) if signers is None else signers
        signatures = tuple(
            NodeSignature(each, self.signer.sign(digest, node(each))) for each in chosen
        )
        return replace(body, signatures=Signatures(signatures))

    def heartbeat(self, group: int, /, **terms: Any) -> Output:
        """Sign and send a heartbeat."""
        return self.say(self.heartbeat_body(group, **terms))

    def tick(self) -> Output:
        """Let the venue notice the time."""
        return self.say(messages.Tick())

    # Inbox

    def item(self, item: messages.Item) -> Output:
        """Bring the next inbox item."""
        return self.item_bytes(messages.encode_item(item))

    def item_bytes(self, item: bytes, index: int | None = None) -> Output:
        """Bring bytes as an inbox item, with the right index unless another is named."""
        cursor = self.state.globals_.inbox_cursor
        return self.say(messages.InboxCommand(cursor if index is None else index, item))

    def deposit(self, owner: Wallet, amount: int, account: int = 0, token: int = 0) -> Trader:
        """Bring a deposit of 1e-6 USD, or of a coin's base units; return whose it is now."""
        opened = self.state.globals_.next_account
        self.item(messages.Deposit(0, token, owner.address, account, amount))
        return Trader(account or opened, owner)


def group_item(
    group: int,
    node_count: int = NODE_COUNT,
    threshold: int = THRESHOLD,
    source: int = 1,
    **parameters: int,
) -> messages.SetGroup:
    """Return the timelock's item that makes or changes a group."""
    nodes = tuple(node(each).address for each in range(node_count))
    return group_of_nodes(group, nodes, threshold, source, **parameters)


def group_of_nodes(
    group: int, nodes: tuple[bytes, ...], threshold: int, source: int = 1, **parameters: int
) -> messages.SetGroup:
    """Return the item of a group with these nodes."""
    values = DEFAULT_PARAMETERS | parameters
    padded = nodes + (ZERO_ADDRESS,) * (MAX_NODES - len(nodes))
    return messages.SetGroup(source, group, threshold, padded, tuple(values.values()))
