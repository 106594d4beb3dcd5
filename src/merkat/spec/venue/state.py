"""What the venue machine knows beyond the settlement state, and the moves every command makes.

`VenueState` holds books, nonces and liquidation records beside its own settlement state. Commands
change it only through the methods here: `emit` runs a settlement step before it is announced,
`rest`, `fill`, `exchange`, `replace` and `leave` keep books and sums in step.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from merkat.spec.messages import Epoch
from merkat.spec.orders import Order, account_of, hour_of_key
from merkat.spec.rules import Refused
from merkat.spec.settle.leaves import OPEN, Account, Instrument
from merkat.spec.settle.machine import apply_op
from merkat.spec.settle.ops import MicroOp, OrderClose, OrderOpen, encode_op
from merkat.spec.settle.outcomes import Outcome
from merkat.spec.settle.state import State
from merkat.spec.signatures import Recover
from merkat.spec.typed_data import Config
from merkat.spec.venue.book import Book, RestingOrder
from merkat.spec.venue.events import REASON_FLOOR, Cancelled, Event, encode_event
from merkat.spec.venue.open_orders import OpenOrders

NONCES_KEPT = 100
WATERFALL_LIMIT = 4_096
"""Once its command has emitted so many micro-ops, a waterfall makes no new decision and the
settling of deliveries no new step."""


class VenueAccount:
    """What the venue knows of an account: used nonces, the last slice, resting orders.

    Attributes:
        strict_nonce: the largest nonce of a withdraw, transfer, margin_mode, session_open or
            session_revoke.
        empty_slices: slices in a row that found no buyer.
        visited_time: epoch time of the last slice.
        windows: by slot of the signer, the newest 100 nonces of orders, cancels and floors,
            ascending; kept also when a slot is opened anew.
    """

    def __init__(self) -> None:
        self.strict_nonce = 0
        self.empty_slices = 0
        self.visited_time = 0
        self.windows: dict[int, list[int]] = {}
        self.open_orders = OpenOrders()
        self._encoded_windows: bytes | None = None

    def may_use(self, slot: int, nonce: int) -> bool:
        """Whether a slot's nonce is none of the kept ones and not older than a hundred of them."""
        nonces = self.windows.get(slot, [])
        position = bisect_left(nonces, nonce)
        is_known = position < len(nonces) and nonces[position] == nonce
        return not is_known and (len(nonces) < NONCES_KEPT or nonce > nonces[0])

    def use(self, slot: int, nonce: int) -> None:
        """Keep a slot's nonce; of 101 the smallest is dropped."""
        nonces = self.windows.setdefault(slot, [])
        insort(nonces, nonce)
        if len(nonces) > NONCES_KEPT:
            del nonces[0]
        self._encoded_windows = None

    def encode(self) -> bytes:
        """The account record of formats.md section 8 and sessions.md, without its number."""
        if self._encoded_windows is None:
            parts = [bytes([len(self.windows)])]
            for slot, nonces in sorted(self.windows.items()):
                parts.append(bytes([slot, len(nonces)]))
                parts += [nonce.to_bytes(8, "big") for nonce in nonces]
            self._encoded_windows = b"".join(parts)
        return (
            self.strict_nonce.to_bytes(8, "big")
            + bytes([self.empty_slices])
            + self.visited_time.to_bytes(8, "big")
            + self._encoded_windows
        )


class VenueState:
    """The venue's state between commands, and the output of the command under way."""

    def __init__(
        self, config: Config, recover: Recover, settlement: State, waterfall_limit: int
    ) -> None:
        self.config = config
        self.recover = recover
        self.waterfall_limit = waterfall_limit
        self.settlement = settlement
        self.log_number = 0
        self.time_ns = 0
        self.accounts: dict[int, VenueAccount] = {}
        self.books: dict[int, Book] = {}
        self.pending: set[int] = set()
        self.pending_vectors: dict[int, Epoch] = {}
        """By group: the checked vector of version 2 that waits for its activation."""
        self.expiries: list[tuple[int, int]] = []
        """(expiry, key) of every resting order, ascending."""
        self.leaf_hours: set[int] = set()
        """Hours that have had order leaves since they were last dropped."""
        self.places = 0
        """Places given out in the queues so far."""
        self.events: list[bytes] = []
        self.micro_ops: list[bytes] = []

    # Reading

    def account(self, number: int) -> Account:
        """The settlement leaf of an account that exists."""
        return self.settlement.accounts[number]

    def instrument(self, listing: int) -> Instrument:
        """The settlement leaf of a listing that exists."""
        return self.settlement.instruments[listing]

    def resting(self, key: int) -> RestingOrder | None:
        """The resting order with that key."""
        account = self.accounts.get(account_of(key))
        return account.open_orders.by_key.get(key) if account else None

    def listings_of(self, group: int) -> list[int]:
        """The listings of a group, ascending."""
        instruments = self.settlement.instruments
        return sorted(each for each, instrument in instruments.items() if instrument.group == group)

    def holders(self, listing: int) -> list[int]:
        """The accounts that hold a position in the listing, ascending."""
        accounts = self.settlement.accounts
        return sorted(each for each, account in accounts.items() if account.size_of(listing) != 0)

    @property
    def is_full(self) -> bool:
        """Whether the command has emitted as many micro-ops as nothing is added to unasked."""
        return len(self.micro_ops) >= self.waterfall_limit

    # Output

    def event(self, event: Event) -> None:
        """Announce an event."""
        self.events.append(encode_event(event))

    def emit(self, op: MicroOp) -> Outcome:
        """Run a settlement step that the venue's checks have made sure of, and announce it."""
        try:
            return self.try_emit(op)
        except Refused as refused:
            raise AssertionError(f"settlement refused an announced step: {refused}: {op}") from None

    def try_emit(self, op: MicroOp) -> Outcome:
        """Run a settlement step and announce it; Refused when its own checks refuse it."""
        time_delta_ns = self.time_ns - self.settlement.globals_.time
        log_delta = self.log_number - self.settlement.globals_.log_number
        encoded = encode_op(op, time_delta_ns, log_delta)
        result = apply_op(self.settlement, op, time_delta_ns, log_delta, self.recover)
        self.micro_ops.append(encoded)
        return result

    def open_in_settlement(self, resting: RestingOrder) -> None:
        """Emit order_open unless settlement has seen the newest version."""
        if resting.opened_version != resting.order.version:
            self.emit(OrderOpen(resting.order, resting.signature))
            self.leaf_hours.add(hour_of_key(resting.key))
            resting.mark_opened()
            self.books[resting.order.listing].touch(resting)

    # Moving orders

    def new_order(self, order: Order, signature: bytes) -> RestingOrder:
        """A new order behind all that came before; it does not rest yet."""
        self.places += 1
        return RestingOrder(order, signature, filled=0, opened_version=0, place=self.places)

    def rest(self, resting: RestingOrder) -> None:
        """Put an order into its book, at its place."""
        self.books[resting.order.listing].add(resting)
        self.accounts[resting.order.account].open_orders.add(resting)
        insort(self.expiries, (resting.order.expiry, resting.key))

    def leave(self, resting: RestingOrder) -> None:
        """Take an order out of its book, without a word."""
        self.books[resting.order.listing].remove(resting)
        self.accounts[resting.order.account].open_orders.remove(resting)
        self._forget_expiry(resting)

    def fill_resting(self, resting: RestingOrder, size: int) -> None:
        """Count a fill of a resting order; it leaves when nothing is left."""
        if size == resting.remaining:
            self.leave(resting)
            resting.fill(size)
        else:
            open_orders = self.accounts[resting.order.account].open_orders
            open_orders.before_change(resting)
            resting.fill(size)
            open_orders.after_change(resting)
            self.books[resting.order.listing].touch(resting)

    def replace(self, resting: RestingOrder, order: Order, signature: bytes) -> None:
        """Put a new version of the same price in the place of the old one."""
        open_orders = self.accounts[order.account].open_orders
        self._forget_expiry(resting)
        open_orders.before_change(resting)
        resting.replace(order, signature)
        open_orders.after_change(resting)
        insort(self.expiries, (order.expiry, resting.key))
        self.books[order.listing].touch(resting)

    def exchange(self, old: RestingOrder, new: RestingOrder) -> None:
        """Put a new order where an old one stood."""
        open_orders = self.accounts[old.order.account].open_orders
        self.books[old.order.listing].exchange(old, new)
        open_orders.remove(old)
        open_orders.add(new)
        self._forget_expiry(old)
        insort(self.expiries, (new.order.expiry, new.key))

    def cancel(self, resting: RestingOrder, reason: int) -> None:
        """Cancel a resting order: it leaves, event cancelled, order_close when it had traded."""
        self.leave(resting)
        self.cancelled(resting, reason)

    def cancelled(self, order: RestingOrder, reason: int) -> None:
        """Announce the end of an order that does not rest (any more)."""
        self.event(Cancelled(order.key, reason, order.remaining))
        if reason == REASON_FLOOR or order.opened_version == 0:
            return
        leaf = self.settlement.orders.get(order.key)
        if leaf is not None and leaf.state == OPEN and order.remaining > 0:
            self.emit(OrderClose(order.key))

    def _forget_expiry(self, resting: RestingOrder) -> None:
        entry = (resting.order.expiry, resting.key)
        position = bisect_left(self.expiries, entry)
        assert self.expiries[position] == entry, "every resting order has its expiry noted"
        del self.expiries[position]
