"""What placing, changing and cancelling share: the link, nonces, fates, and finding orders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from merkat.api.errors import ApiError, order_not_found, post_only_reject
from merkat.gateway import refusals
from merkat.gateway.fills import Fills
from merkat.gateway.intents import Fate, Intent
from merkat.gateway.labels import Labels
from merkat.gateway.nonces import NoncesExhaustedError
from merkat.gateway.sender import QueueFullError, Sender
from merkat.gateway.sending import Settled
from merkat.gateway.signers import Signers, SigningKey
from merkat.gateway.terms import next_price_out
from merkat.market import Replica
from merkat.market.types import Instrument, Order, UserTrade
from merkat.sdk.commands import BUY

WAIT_UP_S: Final = 5.0
ATTEMPTS_MAX: Final = 4
ORDER_KEY_BYTES: Final = 12


class Result(NamedTuple):
    """An order as its command left it, and the trades that the command made for it."""

    order: Order
    trades: list[UserTrade]


class Refused(NamedTuple):
    """Why a command did nothing: the rule's id (empty where the log has none), and the error."""

    rule: str
    error: ApiError


class _Held:
    """A lock that is forgotten when nobody uses it."""

    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class Desk:
    """The orders of all clients of a gateway, seen through its replica."""

    def __init__(
        self,
        replica: Replica,
        sender: Sender,
        signers: Signers,
        labels: Labels,
        fills: Fills,
        now_ns: Callable[[], int],
    ) -> None:
        self.replica = replica
        self.fills = fills
        self.sender = sender
        self.signers = signers
        self.labels = labels
        self.now_ns = now_ns
        self._locks: dict[bytes, _Held] = {}

    # --- sending ---

    async def link_up(self) -> None:
        """Wait for the venue, at most 5 s. Raises ApiError 11051: nothing was sent."""
        if not await self.sender.wait_up(WAIT_UP_S):
            raise ApiError(
                11051,
                "the venue cannot be reached",
                "nothing was sent; try again when it is back",
            )

    def nonce(self, key: SigningKey) -> int:
        """Return the next nonce of a signer. Raises ApiError 10028."""
        try:
            return key.nonces.take()
        except NoncesExhaustedError as error:
            raise ApiError(10028, str(error), "send fewer orders for a while") from None

    async def send(self, body: bytes, key: SigningKey, intent: Intent | None) -> Settled:
        """Send a command and wait for its fate. Raises ApiError 10047: nothing was sent.

        The fate is waited for however long it takes: no answer here means maybe.
        """
        try:
            future = self.sender.send(body, key.signer, intent)
        except QueueFullError as error:
            raise ApiError(10047, str(error), "wait for answers before sending more") from None
        return await future

    def refused(self, settled: Settled, side: int | None = None) -> Refused:
        """Return why a command that was not carried out was not."""
        if settled.fate is Fate.NEVER:
            return Refused("", refusals.never_error(settled.reason))
        outcome = self.replica.view.outcome(settled.log_number)
        refusal = outcome.refused if outcome is not None else None
        assert refusal is not None, "a refused command has the event of its refusal"
        is_buy = None if side is None else side == BUY
        return Refused(refusal.rule, refusals.refusal_error(refusal, is_buy))

    async def fate_of(self, intent: Intent) -> Fate:
        """Wait until the fate of an intent is known, and return it."""
        if intent.fate is Fate.UNKNOWN:
            future = self.sender.fate_of(intent)
            if future is not None:
                settled = await future
                intent.fate, intent.log_number = settled.fate, settled.log_number
            else:
                # Settled since this copy of it was read.
                self.sender.flush()
                intent.fate, intent.log_number = self.labels.fate_of(intent)
        return intent.fate

    # --- orders ---

    def result(self, origin: bytes, log_number: int) -> Result:
        """Return an order and the trades that a command made for it."""
        order = self.find(origin)
        assert order is not None, "a command that the log carried out leaves its order"
        return Result(order, self.fills.of(order, log_number))

    def find(self, origin: bytes) -> Order | None:
        """Return an order by its id, from memory or from history."""
        return self.replica.view.newest_of_chain(origin) or self.replica.history.order(origin)

    def own(self, account: int, order_id: str) -> Order:
        """Return an account's order. Raises ApiError 10004, another account's is not found too."""
        origin = read_order_id(order_id)
        order = self.find(origin) if origin is not None else None
        if order is None or order.account != account:
            raise order_not_found(order_id)
        return order

    def current(self, order: Order) -> Order:
        """Return an order as it is now: a renewal or an edit may have come in between."""
        found = self.find(order.origin)
        assert found is not None, "orders do not vanish"
        return found

    @asynccontextmanager
    async def locked(self, origin: bytes) -> AsyncIterator[None]:
        """Let one change of an order follow the other: each needs the version before it."""
        held = self._locks.setdefault(origin, _Held())
        held.users += 1
        try:
            async with held.lock:
                yield
        finally:
            held.users -= 1
            if not held.users:
                del self._locks[origin]

    def position(self, account: int, listing: int) -> int:
        """Return what an account holds of a listing, base units, negative for a short."""
        known = self.replica.view.accounts.get(account)
        held = known.positions.get(listing) if known is not None else None
        return held.size if held is not None else 0

    def out_of_the_way(self, instrument: Instrument, price: int, is_buy: bool) -> int:
        """Return a post-only price, moved behind the best opposite one where it would trade."""
        book = self.replica.view.books[instrument.listing]
        best = book.best_ask if is_buy else book.best_bid
        if best is None or (price < best[0] if is_buy else price > best[0]):
            return price
        moved = next_price_out(instrument, best[0], is_buy)
        if moved is None:
            raise post_only_reject("there is no price that would not trade at once")
        return moved


def read_order_id(text: str) -> bytes | None:
    """Return the key that an order id stands for; None where it can be none."""
    if len(text) != 2 * ORDER_KEY_BYTES or not text.isascii() or text != text.lower():
        return None
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None


def hour_and_counter(key: bytes) -> tuple[int, int]:
    """Return expiry hour and counter of an order key."""
    number = int.from_bytes(key, "big")
    return number >> 72, number & (1 << 40) - 1
