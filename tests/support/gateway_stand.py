"""A gateway over a venue in memory: the real engine and real receipts, no processes and no disk.

    async with stand(tmp_path) as it:
        placed = await it.buy("0.1", "99000", label="first")

Faults of the link: `break_link` loses it, before or after the venue has taken what is on its way;
`mend_link` opens the next one.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

from merkat import _core
from merkat.api.errors import ApiError
from merkat.api.host import is_waiting
from merkat.api.registry import Context
from merkat.demo.path import SECOND_NS, Report, surface
from merkat.flow.oracle import OracleNodes
from merkat.gateway.intents import IntentStore
from merkat.gateway.keys import KeyedClient, KeyRing
from merkat.gateway.methods import registry
from merkat.gateway.service import Gateway
from merkat.link import Answer, LinkClosedError, ReleasedFrame
from merkat.market import Replica
from merkat.products.names import expiry_ns_of, parse_name
from merkat.products.terms import BTC
from merkat.sdk import commands
from merkat.sdk.keys import demo_domain, derive_secret
from merkat.sdk.receipts import genesis_hash
from merkat.sdk.risk_sets import risk_set

DOMAIN: Final = demo_domain(1, "gateway stand")
SEQUENCER: Final = derive_secret(1, "sequencer")
START_NS: Final = 1_790_000_000 * SECOND_NS
USD: Final = 1_000_000
INDEX: Final = 100_000 * USD
VOL: Final = 500_000_000
EXPIRIES_NS: Final = (expiry_ns_of(date(2026, 12, 25)),)
PERPETUAL: Final = "BTC_USDC-PERPETUAL"
FUTURE: Final = "BTC_USDC-25DEC26"
CALL: Final = "BTC_USDC-25DEC26-100000-C"
PUT: Final = "BTC_USDC-25DEC26-100000-P"
NAMES: Final = (PERPETUAL, FUTURE, CALL, PUT)
CASH: Final = 1_000_000 * USD
ACCOUNTS: Final = 3


def wallet(account: int) -> bytes:
    """Return the key of an account's wallet."""
    return derive_secret(1, "owner", account)


class MemoryVenue:
    """The venue: an engine that numbers what comes and signs receipts. Also its link."""

    def __init__(self) -> None:
        self.engine = _core.Engine(*DOMAIN.parts)
        self.address = _core.address_of(SEQUENCER)
        self.oracle = OracleNodes(DOMAIN, 1)
        self.time_ns = START_NS
        self.frames: list[ReleasedFrame] = []
        self.requests: list[list[bytes]] = []
        self.followers: list[Any] = []
        self.refuses_before = False  # the link breaks and the venue has nothing
        self.refuses_after = False  # the link breaks after the venue has taken all
        self.on_submit: list[Any] = []
        self._journal_hash = genesis_hash(DOMAIN.salt)
        self._items = 0
        self._strict = 0

    # --- commands ---

    def apply(self, *batch: bytes) -> ReleasedFrame:
        """Number, apply and release commands."""
        first = self.engine.log_number + 1
        records = b"".join(
            (len(command) << 128 | number << 64 | self.time_ns).to_bytes(20, "big") + command
            for number, command in enumerate(batch, first)
        )
        outputs = self.engine.apply(records, None)
        hashes = _core.chain_hashes(self._journal_hash, records)
        self._journal_hash = hashes[-32:]
        signatures = _core.sign_receipts(*DOMAIN.parts, first, hashes, SEQUENCER)
        frame = ReleasedFrame(first, len(batch), records, outputs, hashes, signatures)
        self.frames.append(frame)
        for follower in self.followers:
            follower(frame)
        return frame

    async def submit(self, batch: Sequence[bytes]) -> list[Answer]:
        """Take commands over the link."""
        self.requests.append(list(batch))
        if self.refuses_before:
            raise LinkClosedError("the link broke before")
        for hook in list(self.on_submit):
            hook(batch)
        frame = self.apply(*batch)
        if self.refuses_after:
            raise LinkClosedError("the link broke after")
        return [Answer(frame.first_log_number + place, "") for place in range(len(batch))]

    def item(self, item: bytes) -> None:
        """Bring the next item of the Inbox."""
        self.apply(commands.inbox(self._items, item))
        self._items += 1

    def signed(self, account: int, command: bytes) -> bytes:
        """Return a command with the signature of an account's wallet."""
        framed = len(command).to_bytes(4, "big") + command
        return _core.sign_commands(*DOMAIN.parts, framed, wallet(account))[4:]

    def open_session(
        self,
        client: KeyedClient,
        *,
        kinds: int = commands.ALL_KINDS,
        groups: int = commands.ALL_GROUPS,
        notional: int = CASH,
        life_s: int = 30 * 86_400,
    ) -> None:
        """Let an account's wallet open the session of a client."""
        body = commands.session_open(
            client.account,
            client.slot,
            client.scheme,
            _core.address_of(client.session_secret, client.scheme),
            groups,
            kinds,
            notional,
            self.time_ns + life_s * SECOND_NS,
            self.strict_nonce(),
        )
        self.apply(self.signed(client.account, body))

    def strict_nonce(self) -> int:
        """Return a nonce for what moves money or widens authority."""
        self._strict += 1
        return self.time_ns // 1_000_000 + self._strict

    # --- the world ---

    def open(self, accounts: int, cash: int, *, prices: bool = True) -> None:
        """Make group, listings and funded accounts, and the first prices."""
        parameters = commands.GroupParameters(
            stale_ns=3_600 * SECOND_NS, halt_ns=20 * 3_600 * SECOND_NS
        )
        self.item(commands.group(0, 5, self.oracle.addresses, parameters))
        self.item(commands.risk(0, risk_set().encode()))
        for name in NAMES:
            self.item(BTC.item(parse_name(name), 0))
        self.item(commands.fund_deposit(0, CASH))
        for account in range(1, accounts + 1):
            self.item(commands.deposit(_core.address_of(wallet(account)), cash))
        if prices:
            self.prices()

    def prices(self, index: int = INDEX, seconds: int = 1) -> None:
        """Let time pass and bring a vector, which is taken up at once."""
        self.pass_time(seconds)
        report = Report(self.time_ns, index, 0, 0, VOL, False)
        self.apply(self.oracle.surface(partial(surface, report, EXPIRIES_NS)))
        [(group, number, _)] = self.engine.pending_vectors()
        job = self.engine.row_job(group)
        assert job is not None, "a vector is pending"
        rows = job.build()
        self.engine.offer_rows(rows)
        self.apply(commands.activate(group, number, rows.root))

    def pass_time(self, seconds: int) -> None:
        """Let so many seconds pass."""
        self.time_ns += seconds * SECOND_NS

    def tick(self) -> None:
        """Let the venue do what is due."""
        self.apply(commands.tick())


class Stand:
    """A gateway with a client for each account, and its venue."""

    def __init__(self, folder: Path, venue: MemoryVenue, clients: list[KeyedClient]) -> None:
        self.venue = venue
        self.store = IntentStore(folder)
        self.replica = Replica(DOMAIN, venue.address)
        self.clients = {client.account: client for client in clients}
        self.clock_ns: Callable[[], int] = lambda: venue.time_ns
        self.gateway = Gateway(self.replica, self.store, KeyRing(clients), lambda: self.clock_ns())
        self.topics: set[Any] = set()

    def take(self, frame: ReleasedFrame) -> None:
        """Follow the venue."""
        self.topics |= self.gateway.take(frame)

    async def start(self) -> None:
        """Take up what an earlier gateway left, then let commands go."""
        self.gateway.restore()
        for frame in self.venue.frames:
            self.take(frame)
        self.venue.followers.append(self.take)
        self.gateway.sender.start()
        await self.gateway.sender.connected(self.venue)

    async def stop(self) -> None:
        """Close the gateway; the venue stays."""
        self.venue.followers.clear()
        await self.gateway.sender.close()
        self.store.close()

    # --- asking ---

    def context(self, account: int = 1) -> Context:
        """Return the context of a request of an account's client."""
        client = self.clients[account]
        return Context(service=self.gateway, client=client, scopes=client.scopes)

    async def call(self, method: str, /, account: int = 1, **params: Any) -> Any:
        """Return the result of a method as it is before it is encoded. Raises ApiError."""
        found = registry.methods[method]
        result = found.handler(self.context(account), found.parameters.read(params))
        return await result if is_waiting(result) else result

    async def error(self, method: str, /, account: int = 1, **params: Any) -> ApiError:
        """Return the error of a method that must fail."""
        try:
            result = await self.call(method, account, **params)
        except ApiError as error:
            return error
        raise AssertionError(f"{method} must be refused, it gave {result}")

    async def buy(self, amount: str = "0.1", price: str | None = "99000", **more: Any) -> Any:
        """Buy; by default a perpetual as account 1, below the mark."""
        return await self._order("private/buy", amount, price, more)

    async def sell(self, amount: str = "0.1", price: str | None = "101000", **more: Any) -> Any:
        """Sell; by default a perpetual as account 1, above the mark."""
        return await self._order("private/sell", amount, price, more)

    async def _order(self, method: str, amount: str, price: str | None, more: Any) -> Any:
        params = {"instrument_name": PERPETUAL, "amount": amount} | more
        if price is not None:
            params["price"] = price
        return await self.call(method, **params)

    async def trade(self, buyer: int, seller: int, amount: str, price: str, name: str) -> None:
        """Let two accounts trade."""
        more = {"instrument_name": name}
        await self.sell(amount, price, account=seller, **more)
        placed = await self.buy(amount, price, account=buyer, **more)
        assert placed.order.filled_amount == Decimal(amount), "the two orders meet"

    # --- faults ---

    def break_link(self) -> None:
        """Lose the link."""
        self.venue.followers.clear()
        self.gateway.sender.disconnected()

    async def mend_link(self) -> None:
        """Open a link again: follow what was missed, then let commands go."""
        self.venue.refuses_before = self.venue.refuses_after = False
        for frame in self.venue.frames:
            if frame.first_log_number > self.replica.log_number:
                self.take(frame)
        self.venue.followers.append(self.take)
        await self.gateway.sender.connected(self.venue)


def wallet_client(account: int) -> KeyedClient:
    """Return a client that signs with a wallet itself."""
    return KeyedClient(
        f"n{account}", f"s{account}", account, 0, commands.SECP256K1, wallet(account)
    )


def session_client(account: int, slot: int = 1, scheme: int = commands.SECP256K1) -> KeyedClient:
    """Return a client that signs with a session's key."""
    secret = derive_secret(1, f"session {slot}", account)
    return KeyedClient(f"n{account}.{slot}", f"s{account}", account, slot, scheme, secret)


@contextlib.asynccontextmanager
async def stand(
    folder: Path,
    *,
    accounts: int = ACCOUNTS,
    cash: int = CASH,
    venue: MemoryVenue | None = None,
    clients: Sequence[KeyedClient] | None = None,
) -> AsyncIterator[Stand]:
    """Yield a stand; with a venue that is given, a gateway started anew over it."""
    if venue is None:
        venue = MemoryVenue()
        venue.open(accounts, cash)
    signing = clients or [wallet_client(n) for n in range(1, accounts + 1)]
    made = Stand(folder, venue, list(signing))
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
