"""The leaves of the settlement state and their words.

Tables: formats.md section 7, derivatives.md and sessions.md section 1.

The annotations of a leaf are the types of its fields; WORDS tells which fields share a word.
`claimable[2]` is one value of a list.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Annotated, Any, ClassVar, Self, TypeAlias

from merkat.spec.codec import (
    B16,
    B20,
    B31,
    I64,
    I128,
    U8,
    U16,
    U32,
    U40,
    U64,
    Integer,
    MalformedError,
    Raw,
    Reader,
    Repeated,
    layout,
)
from merkat.spec.risk.terms import DATED, OPTIONS, PERPETUAL, SPOT
from merkat.spec.rules import PARAMETER_COUNT
from merkat.spec.values import MAX_NODES, TOKENS, ZERO31, ZERO_ADDRESS

WORD_BYTES = 32
STATE_VERSION = 3

STANDARD = 0  # stages of an account
IN_LIQUIDATION = 1
BANKRUPT = 3

OPEN = 1  # states of an order
CLOSED = 2

STANDARD_MARGIN = 0  # margin modes of an account
PORTFOLIO_MARGIN = 1

SESSION_OPEN = 1  # states of a session
SESSION_REVOKED = 2

LISTING_OPEN = 1  # states of an instrument
REDUCTIONS_ONLY = 2
DELIVERED = 3
LISTING_CLOSED = 4


Words: TypeAlias = tuple[tuple[tuple[str, int | None, Integer | Raw], ...], ...]
"""For each word its fields: (name, position if it is a list, how it is written)."""
_words: dict[type, Words] = {}


def _words_of(cls: type[Leaf]) -> Words:
    """Return the words of a kind of leaf, worked out once."""
    if cls not in _words:
        _words[cls] = _read_words_of(cls)
    return _words[cls]


def _read_words_of(cls: type[Leaf]) -> Words:
    wires = dict(layout(cls))
    words = []
    for word in cls.WORDS:
        members: list[tuple[str, int | None, Integer | Raw]] = []
        for spelled in word.split():
            name, bracket, position = spelled.rstrip("]").partition("[")
            wire = wires[name]
            one = wire.wire if isinstance(wire, Repeated) else wire
            assert isinstance(one, Integer | Raw), f"{name} fits no word"
            members.append((name, int(position) if bracket else None, one))
        words.append(tuple(members))
    return tuple(words)


class Leaf:
    """Base of the leaves: dataclasses whose fields are packed into words of 32 bytes."""

    __slots__ = ()
    WORDS: ClassVar[tuple[str, ...]] = ()

    def words(self) -> bytes:
        """Return the words, each the concatenation of its fields behind zeros."""
        packed = []
        for word in _words_of(type(self)):
            content = b""
            for name, position, wire in word:
                value = getattr(self, name)
                content += wire.write(value if position is None else value[position])
            packed.append(content.rjust(WORD_BYTES, b"\0"))
        return b"".join(packed)

    @classmethod
    def read_words(cls, reader: Reader) -> Self:
        """Take a leaf's words off the reader; MalformedError when one is too large."""
        values: dict[str, Any] = {}
        for word in _words_of(cls):
            if any(reader.raw(WORD_BYTES - sum(wire.length for _, _, wire in word))):
                raise MalformedError(f"a word of {cls.__name__} is larger than its fields")
            for name, position, wire in word:
                value = wire.read(reader)
                if position is None:
                    values[name] = value
                else:
                    values.setdefault(name, []).append(value)
        return cls(**values)


def _no_tokens() -> list[int]:
    return [0] * TOKENS


def _no_nodes() -> list[bytes]:
    return [ZERO_ADDRESS] * MAX_NODES


@dataclass(slots=True)
class Position(Leaf):
    """What an account holds of one listing: positive is long. Base size: see share()."""

    WORDS = ("listing size base_size",)

    listing: U32
    size: I64
    base_size: I64 = 0


@dataclass(slots=True)
class Account(Leaf):
    """One margin account. The ninth word of its leaf is the root of its positions."""

    WORDS = (
        "owner margin_mode stage stage_group",
        "nonce order_floor last_interest_hour",
        "stage_time slice_time slice_listing slice_used",
        "cash",
        "claimable[0]",
        "claimable[1]",
        "claimable[2]",
        "claimable[3]",
    )

    owner: B20
    margin_mode: U8 = STANDARD_MARGIN
    stage: U8 = STANDARD
    stage_group: U16 = 0
    nonce: U64 = 0
    order_floor: U40 = 0
    last_interest_hour: U32 = 0
    stage_time: U64 = 0
    slice_time: U64 = 0
    slice_listing: U32 = 0
    slice_used: I64 = 0
    cash: I128 = 0
    claimable: Annotated[list[int], Repeated(TOKENS, Integer(16))] = field(
        default_factory=_no_tokens
    )
    positions: dict[int, Position] = field(default_factory=dict)  # slot -> position, never size 0

    def slot_of(self, listing: int) -> int | None:
        """Return the slot that holds a listing, None when none does."""
        for slot, position in self.positions.items():
            if position.listing == listing:
                return slot
        return None

    def size_of(self, listing: int) -> int:
        """Return the signed size held of a listing, 0 when none is."""
        slot = self.slot_of(listing)
        return 0 if slot is None else self.positions[slot].size


@dataclass(slots=True)
class OrderLeaf(Leaf):
    """How far a signed order is filled."""

    WORDS = (
        "state side flags version listing expiry",
        "limit_price size filled",
        "fee_cap",
    )

    state: U8
    side: U8 = 0
    flags: U8 = 0
    version: U32 = 0
    listing: U32 = 0
    expiry: U64 = 0
    limit_price: I64 = 0
    size: I64 = 0
    filled: I64 = 0
    fee_cap: I64 = 0

    @property
    def remaining(self) -> int:
        """What is left to fill."""
        return self.size - self.filled


@dataclass(slots=True)
class Session(Leaf):
    """A key that signs orders of an account: its scope, and until when."""

    WORDS = (
        "state scheme kinds groups notional expiry",
        "key",
    )

    state: U8
    scheme: U8
    kinds: U8
    groups: U64
    notional: U64
    expiry: U64
    key: B20


@dataclass(slots=True)
class Instrument(Leaf):
    """A listing's terms."""

    WORDS = (
        "kind state group size_decimals lot tick",
        "maker_fee taker_fee open_interest",
        "strike expiry delivery_price",
        "coarse_tick coarse_from delivery_fee token",
    )

    kind: U8
    state: U8
    group: U16
    size_decimals: U8
    lot: I64
    tick: I64
    maker_fee: I64
    taker_fee: I64
    open_interest: I64 = 0
    strike: I64 = 0
    expiry: U64 = 0
    delivery_price: I64 = 0
    coarse_tick: I64 = 0
    coarse_from: I64 = 0
    delivery_fee: I64 = 0
    token: U8 = 0

    @property
    def quantum(self) -> int:
        """The price step at which one lot moves 1e-6 USD."""
        return quantum(self.size_decimals, self.lot)

    @property
    def coin(self) -> int:
        """Base units of one coin."""
        base_units: int = 10**self.size_decimals
        return base_units

    @property
    def is_perpetual(self) -> bool:
        """Whether it never expires and pays funding."""
        return self.kind == PERPETUAL

    @property
    def is_dated(self) -> bool:
        """Whether it expires: a future or an option."""
        return self.kind in DATED

    @property
    def is_option(self) -> bool:
        """Whether it is a call or a put."""
        return self.kind in OPTIONS

    @property
    def is_spot(self) -> bool:
        """Whether a position in it is a deposited token."""
        return self.kind == SPOT

    @property
    def is_live(self) -> bool:
        """Whether a position may still stand in it."""
        return self.state < LISTING_CLOSED

    def tick_at(self, price: int) -> int:
        """Return the step between the prices that orders may name at `price`."""
        return self.coarse_tick if price >= self.coarse_from else self.tick


def quantum(size_decimals: int, lot: int) -> int:
    """Return 10^size_decimals // lot."""
    whole_coin: int = 10**size_decimals
    return whole_coin // lot


@dataclass(slots=True)
class Group(Leaf):
    """An underlying: its parameters, its oracle nodes, the standing vector, its insurance fund."""

    WORDS = (
        "initial_rate maintenance_rate band",
        "liquidation_fee slippage_floor slice_share",
        "interest funding_clamp funding_cap",
        "basis_clamp jump agreement",
        "delta_rate fund_event_share fund_day_share",
        "stop_ratio epoch_period_ns stale_ns",
        "halt_ns stage_timeout_ns reserved",
        *(f"nodes[{node}]" for node in range(MAX_NODES)),
        "threshold epoch_number epoch_time",
        "input_hash",
        "index basis premium",
        "held_count held_low held_high",
        "cumulative_funding",
        "premium_sum premium_count premium_hour",
        "fund fund_day",
        "fund_day_open",
        "fund_day_used",
        "risk_hash",
        "rows_hash",
        "row_root",
        "fixed_expiry fixed_price",
        "sample_day sample_count sample_sum",
    )

    initial_rate: I64 = 0
    maintenance_rate: I64 = 0
    band: I64 = 0
    liquidation_fee: I64 = 0
    slippage_floor: I64 = 0
    slice_share: I64 = 0
    interest: I64 = 0
    funding_clamp: I64 = 0
    funding_cap: I64 = 0
    basis_clamp: I64 = 0
    jump: I64 = 0
    agreement: I64 = 0
    delta_rate: I64 = 0
    fund_event_share: I64 = 0
    fund_day_share: I64 = 0
    stop_ratio: I64 = 0
    epoch_period_ns: I64 = 0
    stale_ns: I64 = 0
    halt_ns: I64 = 0
    stage_timeout_ns: I64 = 0
    reserved: I64 = 0
    nodes: Annotated[list[bytes], Repeated(MAX_NODES, Raw(20))] = field(default_factory=_no_nodes)
    threshold: U8 = 0
    epoch_number: U64 = 0
    epoch_time: U64 = 0
    input_hash: B31 = ZERO31
    index: I64 = 0
    basis: I64 = 0
    premium: I64 = 0
    held_count: U8 = 0
    held_low: I64 = 0
    held_high: I64 = 0
    cumulative_funding: I128 = 0
    premium_sum: I128 = 0
    premium_count: U32 = 0
    premium_hour: U32 = 0
    fund: I128 = 0
    fund_day: U32 = 0
    fund_day_open: I128 = 0
    fund_day_used: I128 = 0
    risk_hash: B31 = ZERO31
    rows_hash: B31 = ZERO31
    row_root: B31 = ZERO31
    fixed_expiry: U64 = 0
    fixed_price: I64 = 0
    sample_day: U32 = 0
    sample_count: U32 = 0
    sample_sum: I128 = 0

    @property
    def has_vector(self) -> bool:
        """Whether the group has ever had a vector."""
        return self.epoch_number > 0

    @property
    def has_risk_set(self) -> bool:
        """Whether the group may list more than perpetuals, and its vectors are of version 2."""
        return self.risk_hash != ZERO31


PARAMETER_NAMES = tuple(member.name for member in fields(Group))[:PARAMETER_COUNT]


@dataclass(slots=True)
class Globals(Leaf):
    """Time, cursors, limits and the counters that belong to no account."""

    WORDS = (
        "version time log_number input_cursor",
        "inbox_cursor next_account next_listing next_group",
        "inbox_hash_first",
        "inbox_hash_last",
        "position_limit open_orders_account open_orders_listing new_account_minimum",
        "fees",
        "rebates",
        "interest",
        "bad_debt",
        *(f"deposited[{token}]" for token in range(TOKENS)),
        *(f"claimable[{token}]" for token in range(TOKENS)),
    )

    version: U16 = STATE_VERSION
    time: U64 = 0
    log_number: U64 = 0
    input_cursor: U64 = 0
    inbox_cursor: U64 = 0
    next_account: U32 = 1
    next_listing: U32 = 1
    next_group: U16 = 0
    inbox_hash_first: B16 = bytes(16)
    inbox_hash_last: B16 = bytes(16)
    position_limit: U16 = 128
    open_orders_account: U32 = 1_000
    open_orders_listing: U32 = 200
    new_account_minimum: U64 = 1_000_000
    fees: I128 = 0
    rebates: I128 = 0
    interest: I128 = 0
    bad_debt: I128 = 0
    deposited: Annotated[list[int], Repeated(TOKENS, Integer(16))] = field(
        default_factory=_no_tokens
    )
    claimable: Annotated[list[int], Repeated(TOKENS, Integer(16))] = field(
        default_factory=_no_tokens
    )

    @property
    def inbox_hash(self) -> bytes:
        """The 32-byte hash of the inbox up to the cursor."""
        return self.inbox_hash_first + self.inbox_hash_last

    @inbox_hash.setter
    def inbox_hash(self, value: bytes) -> None:
        self.inbox_hash_first, self.inbox_hash_last = value[:16], value[16:]
