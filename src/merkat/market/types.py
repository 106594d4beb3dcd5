"""What one knows of a venue: instruments, groups, orders, accounts, positions, trades.

Prices are 1e-6 USD a coin, sizes base units of a coin, times ns, fees and cash 1e-6 USD. An `atoms`
is price times size, undivided: 1e-6 USD times base units; divided by the coin it is money.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from msgspec import Struct, field

from merkat.products.names import DATED, OPTIONS, Contract
from merkat.sdk.commands import IMMEDIATE, KIND_PERPETUAL, MARKET, POST_ONLY

MICRO: Final = 1_000_000
NANO: Final = 1_000_000_000
# A trade is named by its command and its place in it; as one number for the tables of history.
TRADE_PLACE_BITS: Final = 20
KEY_BYTES: Final = 12

Topic = tuple[str, int]
"""What changed: ("book", listing), ("ticker", listing), ("trades", listing),
("instrument", listing), ("index", group), ("orders", account), ("user_trades", account),
("portfolio", account). Listing 0 of trades and instrument stands for every listing."""
ANY_LISTING: Final = 0


class OrderState(IntEnum):
    """Where an order stands. RENEWED: its place in the queue went to the order that renews it."""

    OPEN = 1
    FILLED = 2
    CANCELLED = 3
    RENEWED = 4


class ListingState(IntEnum):
    """Where a listing stands (formats.md section 7, derivatives.md section 1)."""

    OPEN = 1
    REDUCTIONS = 2
    DELIVERED = 3
    CLOSED = 4


class Forced(IntEnum):
    """Why a trade was made: by orders, or by force."""

    NO = 0
    LIQUIDATION = 1
    HEDGE = 2
    TEAR_UP = 3


class Instrument(Struct):
    """A listing, its terms and its state; `delivery_price` is 0 before the delivery."""

    listing: int
    name: str
    contract: Contract
    group: int
    kind: int
    size_decimals: int
    lot: int
    tick_size: int
    coarse_tick: int
    coarse_from: int
    maker_fee: int
    taker_fee: int
    delivery_fee: int
    strike: int
    expiry_ns: int
    token: int
    created_ns: int
    state: int = int(ListingState.OPEN)
    delivery_price: int = 0

    @property
    def coin(self) -> int:
        """Return the base units of a coin."""
        return int(10**self.size_decimals)

    @property
    def quantum(self) -> int:
        """Return the price step at which one lot moves 1e-6 USD."""
        return self.coin // self.lot

    @property
    def is_option(self) -> bool:
        """Return whether it is a call or a put."""
        return self.kind in OPTIONS

    @property
    def is_dated(self) -> bool:
        """Return whether it expires."""
        return self.kind in DATED

    @property
    def is_perpetual(self) -> bool:
        """Return whether it pays funding."""
        return self.kind == KIND_PERPETUAL

    def tick(self, price: int) -> int:
        """Return the tick that holds at a price (derivatives.md section 2)."""
        return self.coarse_tick if price >= self.coarse_from else self.tick_size

    def on_tick(self, price: int) -> bool:
        """Return whether a limit price is one that the venue takes."""
        return price % self.tick(price) == 0

    def active(self, time_ns: int) -> bool:
        """Return whether orders can trade: open or reductions only, and not expired."""
        live = self.state in (ListingState.OPEN, ListingState.REDUCTIONS)
        return live and (not self.expiry_ns or time_ns < self.expiry_ns)


class Group(Struct):
    """An underlying: oracle, funding and its parameters (formats.md section 4, in their order).

    Attributes:
        index, basis, premium: of the standing vector. number, epoch_time: of the last step.
        held: how many vectors in a row were held back; 0 where the last was taken up.
        cumulative_funding: 1e-12 USD a coin.
        funding_rates: (hour, rate 1e-9 for eight hours) of the last hours that closed.
        pending: number, index, basis, premium of a vector of version 2 that waits for its rows.
        option_band: 1e-9, of the risk set with which the standing rows were built.
    """

    group: int
    base: str
    parameters: tuple[int, ...]
    index: int = 0
    basis: int = 0
    premium: int = 0
    number: int = 0
    epoch_time: int = 0
    held: int = 0
    cumulative_funding: int = 0
    premium_sum: int = 0
    premium_count: int = 0
    premium_hour: int = 0
    funding_index: int = 0
    pending: tuple[int, int, int, int] | None = None
    has_risk_set: bool = False
    has_rows: bool = False
    option_band: int = 0
    funding_rates: list[tuple[int, int]] = field(default_factory=list)
    delivered: dict[int, int] = field(default_factory=dict)
    listings: list[int] = field(default_factory=list)


class Row(Struct, frozen=True, array_like=True):
    """The Greeks of a listing of a group with rows, of the newest vector.

    delta: 1e-9 coin a coin; gamma: 1e-12 per USD; vega: 1e-6 USD for a vol of 1.00 more; theta:
    1e-6 USD a year.
    """

    delta: int
    gamma: int
    vega: int
    theta: int


class Order(Struct, gc=False, array_like=True):
    """One order, as its newest command left it.

    A renewal makes a new key in the old order's place: `origin` is the key of the first order of
    the chain, which people see; `carried_*` is what the orders before this one were filled for.

    Attributes:
        size, filled: of this key. value: atoms of its fills. fees: of its fills.
        reason: why it was cancelled (`CANCEL_REASONS`), 0 otherwise.
        resting: whether it stands in the book.
        log_number: of the command that placed the first of the chain.
        updated_log: of the newest command that changed it.
    """

    key: bytes
    origin: bytes
    account: int
    slot: int
    listing: int
    side: int
    flags: int
    price: int
    size: int
    expiry_ns: int
    created_ns: int
    updated_ns: int
    log_number: int
    updated_log: int
    version: int = 1
    filled: int = 0
    value: int = 0
    fees: int = 0
    state: int = int(OrderState.OPEN)
    reason: int = 0
    resting: bool = False
    amended: bool = False
    carried_filled: int = 0
    carried_value: int = 0
    carried_fees: int = 0

    @property
    def remaining(self) -> int:
        """Return what is not filled, base units."""
        return self.size - self.filled

    @property
    def is_open(self) -> bool:
        """Return whether it can still trade."""
        return self.state == OrderState.OPEN

    @property
    def total_size(self) -> int:
        """Return the size of the chain of renewals, base units."""
        return self.size + self.carried_filled

    @property
    def total_filled(self) -> int:
        """Return what the chain of renewals was filled for, base units."""
        return self.filled + self.carried_filled

    @property
    def total_fees(self) -> int:
        """Return the fees of the chain of renewals, 1e-6 USD."""
        return self.fees + self.carried_fees

    @property
    def average_price(self) -> int:
        """Return the average price of all fills, 1e-6 USD, rounded down; 0 without a fill."""
        filled = self.total_filled
        return (self.value + self.carried_value) // filled if filled else 0

    @property
    def is_market(self) -> bool:
        """Return whether it is a market order."""
        return self.flags == MARKET

    @property
    def is_post_only(self) -> bool:
        """Return whether it must not take."""
        return self.flags == POST_ONLY

    @property
    def is_immediate(self) -> bool:
        """Return whether it never rests."""
        return self.flags in (IMMEDIATE, MARKET)


class Position(Struct, gc=False, array_like=True):
    """A position that is not flat, since it was opened.

    Attributes:
        size: base units, negative for a short.
        cost: atoms paid for what is held (negative for a short); cost / size is the average entry
            price, exactly. What a reduction takes out is rounded toward minus infinity, so that
            cost and realized together never lose anything.
        realized: atoms of profit of what was closed since it was opened.
        funding_cost: atoms of funding that stood when its parts were bought less those sold.
        opened_ns: when it was opened.
    """

    size: int
    cost: int
    realized: int = 0
    funding_cost: int = 0
    opened_ns: int = 0


class Session(Struct, frozen=True):
    """A key that trades for an account (sessions.md section 1); `open` until it is revoked."""

    slot: int
    scheme: int
    key: bytes
    groups: int
    kinds: int
    notional: int
    expiry_ns: int
    open: bool = True


class Account(Struct):
    """An account as the log shows it; equity and margins come from the engine.

    Attributes:
        stage: 0, 1 (in liquidation) or 3 (bankrupt). mode: margin, 0 standard or 1 portfolio.
        open_orders: keys of the orders that can still trade.
        floor: counters up to it are void.
        realized: profit of positions that are flat again, without fees and funding, 1e-6 USD.
        funding_paid: of positions that are flat again, 1e-6 USD. fees_paid: of all trades.
        deposited, withdrawn: of token 0, transfers too.
    """

    account: int
    owner: bytes
    opened_ns: int
    stage: int = 0
    mode: int = 0
    floor: int = 0
    realized: int = 0
    funding_paid: int = 0
    fees_paid: int = 0
    deposited: int = 0
    withdrawn: int = 0
    positions: dict[int, Position] = field(default_factory=dict)
    open_orders: set[bytes] = field(default_factory=set)
    sessions: dict[int, Session] = field(default_factory=dict)


class Trade(Struct, frozen=True, gc=False, array_like=True):
    """A public trade; `side` is the taker's. `seq` counts from 1 in a listing.

    tick_direction: 0 up, 1 as before after up, 2 down, 3 as before after down.
    """

    log_number: int
    place: int
    listing: int
    seq: int
    side: int
    price: int
    size: int
    time_ns: int
    mark: int
    index: int
    tick_direction: int
    forced: int = int(Forced.NO)

    @property
    def number(self) -> int:
        """Return the number of the trade in the venue: its command's and its place in it."""
        return self.log_number << TRADE_PLACE_BITS | self.place

    @property
    def trade_id(self) -> str:
        """Return the name of the trade: that of its command and its place in it."""
        return f"{self.log_number}-{self.place}"


class UserTrade(Struct, frozen=True, gc=False, array_like=True):
    """One side of a trade, as its account sees it.

    Attributes:
        order: origin of the order; empty where the account was traded for by force.
        realized: profit that it closed, 1e-6 USD, rounded down, without fees.
        order_state, order_flags: of the order after the trade.
    """

    trade: Trade
    account: int
    side: int
    fee: int
    maker: bool
    order: bytes
    order_flags: int
    order_state: int
    realized: int
    position: int


class Settlement(Struct, frozen=True, gc=False, array_like=True):
    """Funding, delivery or a move of money; `amount` is what the account gained, 1e-6 USD.

    kind: funding, delivery, deposit, withdrawal, transfer, fund_payment, write_off, surplus.
    `place` tells those of one command apart. position and price only of funding and delivery.
    """

    log_number: int
    place: int
    account: int
    kind: str
    listing: int
    amount: int
    time_ns: int
    position: int = 0
    price: int = 0
    token: int = 0


class Funding(Struct, frozen=True, gc=False):
    """An hour of a group's funding: `rate` (1e-9) is for eight hours, an eighth of it was paid."""

    group: int
    hour: int
    rate: int
    index: int
    previous_index: int
    time_ns: int


class Candle(Struct, array_like=True):
    """A minute of a listing's trades; volume in base units, cost in atoms."""

    minute: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    cost: int
