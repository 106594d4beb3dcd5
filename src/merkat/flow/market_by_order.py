"""A futures exchange's market-by-order file (DBN), played on a listed future.

One lot is one contract, of 1 USD a point; the future's expiry is 08:00 UTC on the third Friday of
the month in its symbol. Rules of the translation:

- add: a post-only order, owned as on a tape. One that crosses (the exchange collects those before
  its auction) is refused: `rejected.would_trade`;
- trade with an aggressor: an immediate order of its side, price and size; an aggressor that rested
  before is cancelled first;
- fill: noted. The cancel or modify by which the file takes it off its order is an echo: nothing is
  sent if our order lost as much, else ours is brought to what the file leaves;
- modify: an amend of the order; cancel: a cancel;
- the auction's trades have no aggressor and are left out; what they fill is taken off.

After each aggression our fills are held against the file's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from merkat.flow.market_file import MarketFileError, Order
from merkat.flow.oracle import PERIOD_NS, OracleNodes
from merkat.flow.player import Player
from merkat.flow.setup import AMPLE_CASH, Group, Scene
from merkat.flow.tally import ACCEPTED, AMENDED, CANCELLED, TRADE
from merkat.flow.wallets import TAPE_PAIRS, Wallets, tape_account
from merkat.oracle import extra
from merkat.sdk import commands
from merkat.sdk.risk_sets import risk_set
from merkat.sdk.surfaces import ExpiryQuote, Surface

ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
DBN_MAGIC: Final = b"DBN"
TICK: Final = 250_000
TAKER_FEE: Final = 500_000
DELIVERY_FEE: Final = 250_000
LIFE_NS: Final = 6 * 86_400 * 1_000_000_000
IMMEDIATE_LIFE_NS: Final = 30 * 1_000_000_000
TICK_EPOCHS: Final = 30
ACCOUNTS: Final = 2 * TAPE_PAIRS
VOL: Final = 200_000_000  # nothing is priced with it: no option is listed
YEAR_NS: Final = 31_536_000 * 1_000_000_000
SVI_ONE: Final = 10**12
_NANO_TO_MICRO: Final = 1_000
_MONTHS: Final = "FGHJKMNQUVXZ"
_SIDES: Final = {"B": commands.BUY, "A": commands.SELL}
_NO_SIDE: Final = "N"
_ACTIONS: Final = frozenset("ACMTFRN")


class Message(NamedTuple):
    """One message: price in 1e-6 USD; side 0, 1, or None where there is no aggressor."""

    time_ns: int
    action: str
    side: int | None
    price: int
    size: int
    identifier: int


@dataclass(frozen=True, slots=True)
class Recording:
    """A decoded file."""

    symbol: str
    messages: list[Message]


def is_market_by_order(path: Path) -> bool:
    """Return whether a file begins like a DBN file, compressed or not."""
    with path.open("rb") as source:
        head = source.read(4)
    return head == ZSTD_MAGIC or head[:3] == DBN_MAGIC


def read(path: Path) -> Recording:
    """Decode a file. Raises MarketFileError, or MissingExtraError without `databento-dbn`."""
    extra.require(("databento_dbn",), "pip install databento-dbn")
    import databento_dbn as dbn

    data = path.read_bytes()
    packed = data.startswith(ZSTD_MAGIC)
    compression: Any = dbn.Compression.ZSTD if packed else dbn.Compression.NONE
    decoder = dbn.DBNDecoder(compression=compression)
    try:
        decoder.write(data)
        records = decoder.decode()
    except (dbn.DBNError, RuntimeError, ValueError) as error:
        raise MarketFileError(f"{path}: not a DBN file: {error}") from error
    if not records or not isinstance(records[0], dbn.Metadata):
        raise MarketFileError(f"{path}: not a DBN file: no metadata at its beginning")
    symbols = list(records[0].symbols)
    if len(symbols) != 1:
        raise MarketFileError(f"{path}: symbols {symbols}; expected one future")
    messages = []
    for number, record in enumerate(records[1:], start=1):
        if not isinstance(record, dbn.MBOMsg):
            raise MarketFileError(
                f"{path}: record {number} is a {type(record).__name__}; expected market by order"
            )
        messages.append(_message(path, number, record))
    if not messages:
        raise MarketFileError(f"{path}: no messages; expected at least one")
    _check_order(path, messages)
    return Recording(symbols[0], messages)


def _message(path: Path, number: int, record: Any) -> Message:
    action, side = str(record.action), str(record.side)
    if action not in _ACTIONS or side not in (*_SIDES, _NO_SIDE):
        raise MarketFileError(
            f"{path}: record {number}: action {action!r}, side {side!r}; expected one of "
            f"{''.join(sorted(_ACTIONS))} and B, A or N"
        )
    price = int(record.price) // _NANO_TO_MICRO
    if action in "AMCTF" and (price <= 0 or int(record.price) % (TICK * _NANO_TO_MICRO)):
        raise MarketFileError(
            f"{path}: record {number}: price {record.price} (1e-9); expected a positive multiple "
            f"of {TICK / 1e6}"
        )
    return Message(
        int(record.ts_recv), action, _SIDES.get(side), price, int(record.size), int(record.order_id)
    )


def _check_order(path: Path, messages: list[Message]) -> None:
    last_ns = 0
    for number, message in enumerate(messages, start=1):
        if message.time_ns < last_ns:
            raise MarketFileError(f"{path}: record {number}: its time goes back")
        last_ns = message.time_ns


def expiry_of(path: Path, symbol: str, start_ns: int) -> int:
    """Return 08:00 UTC of the third Friday of the month that a symbol like ESH4 names, in ns."""
    start = datetime.fromtimestamp(start_ns // 1_000_000_000, UTC)
    if len(symbol) < 3 or symbol[-2] not in _MONTHS or not symbol[-1].isdigit():
        raise MarketFileError(f"{path}: symbol {symbol!r}; expected a future such as ESH4")
    year = start.year // 10 * 10 + int(symbol[-1])
    if year < start.year:
        year += 10
    first = date(year, _MONTHS.index(symbol[-2]) + 1, 1)
    day = first + timedelta(days=(4 - first.weekday()) % 7 + 14)
    expiry = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    if expiry <= start:
        raise MarketFileError(f"{path}: symbol {symbol!r} expired before the file begins")
    return int(expiry.timestamp()) * 1_000_000_000


@dataclass(slots=True)
class Recorded:
    """An order as the file has it: what is left of it, and fills that await their echo."""

    side: int
    price: int
    left: int
    filled: int = 0
    ours: Order | None = None


class MarketByOrderFlow:
    """Plays a market-by-order file, with a signature of the oracle every two seconds of action."""

    tick = TICK
    untimed = (0, 0.0)
    story = False

    def __init__(self, path: Path, limit: int | None = None) -> None:
        self.path = path
        self.limit = limit
        self.epochs = 0
        self.rows = 0
        self.recording = read(path)
        self.expiry_ns = expiry_of(path, self.recording.symbol, self.start_ns())
        self.counts: Counter[str] = Counter()
        self._book: dict[int, Recorded] = {}
        self._by_key: dict[bytes, tuple[Order, int]] = {}
        # Of each aggression, by the key of its order: what the file filled, and what we did.
        self._told: dict[bytes, Counter[int]] = {}
        self._made: dict[bytes, Counter[int]] = {}
        self._aggression: bytes | None = None
        self._uncertain = False
        self._index = 0

    def scene(self) -> Scene:
        """Return what the scripted Inbox sets up."""
        item = commands.list_dated(
            commands.KIND_FUTURE,
            0,
            0,
            1,
            TICK,
            maker_fee=0,
            taker_fee=TAKER_FEE,
            delivery_fee=DELIVERY_FEE,
            expiry_ns=self.expiry_ns,
        )
        group = Group(risk_set=risk_set().encode(), listings=[item])
        return Scene([], [AMPLE_CASH] * ACCOUNTS, groups=[group])

    def start_ns(self) -> int:
        """Return the time of the first message."""
        return self.recording.messages[0].time_ns

    def reached(self) -> dict[str, int]:
        """Return nothing: a recorded flow is not made to reach anything."""
        return {}

    def described(self) -> dict[str, object]:
        """Return what the JSON object has of this flow alone."""
        same = sum(self._made.get(key, Counter()) == told for key, told in self._told.items())
        return {
            "market_by_order": {
                "symbol": self.recording.symbol,
                **{name: self.counts[name] for name in _COUNTED},
                "aggressions_filled_as_recorded": same,
            }
        }

    def broken(self) -> list[str]:
        """Return nothing: what holds of every flow is all that is claimed."""
        return []

    def play(self, player: Player, wallets: Wallets, oracle: OracleNodes) -> Iterator[int]:
        """Play the file; yields the time (ns) after each epoch, for a line of progress."""
        self.player, self.wallets, self.oracle = player, wallets, oracle
        tally = player.tally
        tally.hook(ACCEPTED, self._on_accepted)
        tally.hook(TRADE, self._on_trade)
        tally.hook(CANCELLED, self._on_cancelled)
        tally.hook(AMENDED, self._on_amended)
        messages = self.recording.messages
        tally.last_price = messages[0].price
        next_ns = 0
        for message in messages[: self.limit]:
            if message.time_ns >= next_ns:
                self._sign(message.time_ns)
                yield message.time_ns
                next_ns = message.time_ns + PERIOD_NS
            self._apply(message)
            self.rows += 1
        player.settle()

    def _sign(self, time_ns: int) -> None:
        """Send a vector whose index is our last trade, or a heartbeat where that has not moved."""
        player = self.player
        self._settle()
        index = player.tally.last_price
        assert index is not None, "the first message's price stands in before any trade"
        if self.epochs % TICK_EPOCHS == 0:
            player.send(time_ns, commands.tick())
        if index == self._index:
            player.send(time_ns, self.oracle.heartbeat(time_ns))
        else:
            self._index = index
            player.send(time_ns, self.oracle.surface(self._surface_at(time_ns, index)))
            player.activate(time_ns)
        self.epochs += 1

    def _surface_at(self, time_ns: int, index: int) -> Any:
        # Total variance of a flat surface at VOL, rounded to the wire's steps.
        left_ns = self.expiry_ns - time_ns
        variance = VOL * VOL * left_ns // YEAR_NS // 10**6
        quote = ExpiryQuote(self.expiry_ns, index, variance, 0, 0, 0, SVI_ONE)

        def make(group: int, number: int, previous: bytes) -> Surface:
            return Surface(
                group=group,
                number=number,
                time_ns=time_ns,
                index=index,
                vol=VOL,
                vol_mean=VOL,
                previous=previous,
                expiries=(quote,),
            )

        return make

    def _settle(self) -> None:
        """Read every answer: from here on it is certain what our orders have left."""
        if self.player.unsettled:
            self.player.settle()
        self._uncertain = False

    def _apply(self, message: Message) -> None:
        if message.action == "A":
            self.counts["adds"] += 1
            self._add(message)
        elif message.action == "T":
            self._trade(message)
        elif message.action == "F":
            self._fill(message)
        elif message.action in "MC":
            self._change(message)

    def _add(self, message: Message) -> None:
        assert message.side is not None, "an add has a side"
        known = Recorded(message.side, message.price, message.size)
        known.ours = self._place(message, message.side, commands.POST_ONLY, LIFE_NS)
        self._book[message.identifier] = known

    def _place(self, message: Message, side: int, flags: int, life_ns: int) -> Order:
        account = tape_account(message.identifier, side)
        nonce = self.wallets.nonce(account, message.time_ns)
        expiry_ns = message.time_ns + life_ns
        counter = nonce & commands.COUNTER_MASK
        order = Order(account, side, message.price, message.size, expiry_ns, counter)
        self._by_key[order.key] = (order, message.identifier)
        command = commands.place(
            account, 1, side, flags, message.price, message.size, TAKER_FEE, expiry_ns, nonce
        )
        self.player.send(message.time_ns, command, self.wallets.secret(account))
        return order

    def _trade(self, message: Message) -> None:
        self._aggression = None
        if message.side is None:
            self.counts["auction_trades"] += 1
            return
        self.counts["aggressions"] += 1
        rested = self._book.get(message.identifier)
        if rested is not None and rested.ours is not None:
            self._cancel(message, rested)
        order = self._place(message, message.side, commands.IMMEDIATE, IMMEDIATE_LIFE_NS)
        self._aggression = order.key
        self._told[order.key] = Counter()
        self._uncertain = True

    def _fill(self, message: Message) -> None:
        if message.side is None or self._aggression is None:
            self.counts["auction_fills"] += 1
            return
        known = self._book.get(message.identifier)
        if known is None or known.ours is None:
            return  # the aggressor's own side of the trade
        self.counts["fills"] += 1
        self._told[self._aggression][message.identifier] += message.size
        known.filled += message.size

    def _change(self, message: Message) -> None:
        """Follow a modify or a cancel."""
        known = self._book.get(message.identifier)
        if known is None:
            self.player.tally.reject("unknown_order")
            return
        cancels = message.action == "C"
        left = known.left - message.size if cancels else message.size
        echo = known.filled and message.price == known.price and left == known.left - known.filled
        known.left, known.filled = max(0, left), 0
        if known.ours is None:
            # It was an aggressor; what is left of it rests now.
            if not cancels:
                self._add(message)
        elif echo:
            self._follow_fill(message, known)
        elif known.left == 0:
            self.counts["cancels"] += 1
            self._cancel(message, known)
        else:
            self.counts["amends"] += 1
            known.price = message.price
            self._amend(message, known, known.ours)
        if known.left == 0:
            self._book.pop(message.identifier, None)

    def _follow_fill(self, message: Message, known: Recorded) -> None:
        """Bring our order to what a recorded fill has left of it."""
        self._settle()
        order = known.ours
        assert order is not None, "the caller has looked"
        ours = order.size - order.filled if order.is_open else 0
        if ours <= known.left:
            return
        self.counts["brought_in_line"] += 1
        if known.left == 0:
            self._cancel(message, known)
        else:
            self._amend(message, known, order)

    def _cancel(self, message: Message, known: Recorded) -> None:
        order = known.ours
        assert order is not None, "only an order of ours is cancelled"
        known.ours = None
        nonce = self.wallets.nonce(order.account, message.time_ns)
        hour = order.expiry_ns // commands.HOUR_NS
        command = commands.cancel(order.account, hour, order.counter, nonce)
        self.player.send(message.time_ns, command, self.wallets.secret(order.account))

    def _amend(self, message: Message, known: Recorded, order: Order) -> None:
        # The size of an amend counts what is filled, which an aggression may just have changed.
        if self._uncertain:
            self._settle()
        order.version += 1
        command = commands.order_command(
            commands.AMEND,
            order.account,
            1,
            order.side,
            commands.POST_ONLY,
            known.price,
            order.filled + known.left,
            TAKER_FEE,
            order.expiry_ns,
            order.counter,
            order.version,
            self.wallets.nonce(order.account, message.time_ns),
        )
        self.player.send(message.time_ns, command, self.wallets.secret(order.account))

    # What the answers say about our orders. The first 12 bytes of most events are the key.

    def _on_accepted(self, log_number: int, body: bytes) -> None:
        self._by_key[body[:12]][0].is_open = True

    def _on_cancelled(self, log_number: int, body: bytes) -> None:
        self._by_key[body[:12]][0].is_open = False

    def _on_amended(self, log_number: int, body: bytes) -> None:
        self._by_key[body[:12]][0].size = int.from_bytes(body[24:32], "big")

    def _on_trade(self, log_number: int, body: bytes) -> None:
        maker, taker = body[4:16], body[16:28]
        size = int.from_bytes(body[37:45], "big")
        for key in (maker, taker):
            order = self._by_key[key][0]
            order.filled += size
            if order.filled == order.size:
                order.is_open = False
        self._made.setdefault(taker, Counter())[self._by_key[maker][1]] += size


_COUNTED: Final = (
    "adds",
    "aggressions",
    "auction_trades",
    "auction_fills",
    "fills",
    "amends",
    "cancels",
    "brought_in_line",
)
