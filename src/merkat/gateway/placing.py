"""Placing orders: what is signed for what was asked, and labels that make repetitions harmless."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from merkat.api.errors import ApiError
from merkat.gateway import refusals
from merkat.gateway.desk import ATTEMPTS_MAX, Desk, Refused, Result
from merkat.gateway.intents import Fate, Intent, TimeInForce
from merkat.gateway.keys import KeyedClient
from merkat.gateway.signers import SigningKey
from merkat.gateway.signing import unsigned_part
from merkat.gateway.terms import Asked, check_value, size_that_reduces
from merkat.sdk import commands

SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS
# The venue's clock may stand behind this gateway's: a minute less than the rules give.
GOOD_TIL_NS: Final = 7 * DAY_NS - 60 * SECOND_NS
IMMEDIATE_NS: Final = 50 * SECOND_NS
DAY_ENDS_NS: Final = 8 * 3_600 * SECOND_NS
# Reasons of a cancellation that are the owner's own doing: the wallet's floor and revocation too.
OWN_REASONS: Final = frozenset((1, 2, 13))


class _GoneError(Exception):
    """The caller that was placing an order went away before its fate was known."""


class Placer:
    """Places the orders of all clients."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._placing: dict[tuple[int, str, str], asyncio.Future[Result]] = {}

    async def place(self, client: KeyedClient, asked: Asked) -> Result:
        """Place an order; with a label, a repetition gives the first order again.

        Raises ApiError: the order does not stand and never will.
        """
        if not asked.label:
            return await self._place(client, asked)
        key = (client.account, asked.label, asked.text)
        while (under_way := self._placing.get(key)) is not None:
            with contextlib.suppress(_GoneError):
                return await asyncio.shield(under_way)
        found: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._placing[key] = found
        try:
            result = await self._first_or_new(client, asked)
        except BaseException as error:
            # A caller that goes away leaves the repetition to find out by itself what was done.
            found.set_exception(error if isinstance(error, Exception) else _GoneError())
            found.exception()  # perhaps nobody waits for it
            raise
        finally:
            del self._placing[key]
        found.set_result(result)
        return result

    def is_placing(self, account: int, label: str) -> bool:
        """Whether an order with this label is being placed."""
        return any(key[:2] == (account, label) for key in self._placing)

    async def _first_or_new(self, client: KeyedClient, asked: Asked) -> Result:
        return await self._first_of(client, asked) or await self._place(client, asked)

    async def _first_of(self, client: KeyedClient, asked: Asked) -> Result | None:
        """Return the order that this one repeats, None where it is a new one."""
        desk = self._desk
        for intent in list(desk.labels.of_label(client.account, asked.label)):
            if intent.asked != asked.text:
                continue
            await desk.fate_of(intent)
            if intent.fate is not Fate.DONE:
                continue
            order = desk.find(intent.key)
            if order is not None and order.reason not in OWN_REASONS:
                return desk.result(intent.key, intent.log_number)
        return None

    async def _place(self, client: KeyedClient, asked: Asked) -> Result:
        desk = self._desk
        await desk.link_up()
        key = desk.signers.of(client)
        size = asked.size
        if asked.reduce_only:
            held = desk.position(client.account, asked.instrument.listing)
            size = size_that_reduces(asked.instrument, held, asked.is_buy, size)
        side = commands.BUY if asked.is_buy else commands.SELL
        refused: Refused | None = None
        for _ in range(ATTEMPTS_MAX):
            price = self._limit(asked)
            check_value(asked.instrument, size, price)
            intent, body = self._order(client, key, asked, size, price)
            desk.labels.add(intent)
            settled = await desk.send(body, key, intent)
            if settled.fate is Fate.DONE:
                key.nonces.accepted()
                return desk.result(intent.key, settled.log_number)
            refused = desk.refused(settled, side)
            if refused.rule == refusals.USED_NONCE:
                key.nonces.refused(intent.nonce)
            elif not (refused.rule == refusals.WOULD_TRADE and asked.moves):
                break
        assert refused is not None, "at least one attempt was made"
        raise refused.error

    def _order(
        self, client: KeyedClient, key: SigningKey, asked: Asked, size: int, price: int
    ) -> tuple[Intent, bytes]:
        """Return a new order: what is kept of it, and its command."""
        account, slot = key.signer.account, key.signer.slot
        instrument = asked.instrument
        now_ns = self._desk.now_ns()
        nonce = self._desk.nonce(key)
        expiry_ns = self._expiry(account, slot, asked.time_in_force, now_ns)
        body = commands.place(
            account,
            instrument.listing,
            commands.BUY if asked.is_buy else commands.SELL,
            asked.flags,
            price,
            size,
            max(instrument.taker_fee, instrument.maker_fee),
            expiry_ns,
            nonce,
            slot=slot,
        )
        intent = Intent(
            account,
            slot,
            client.client_id,
            commands.PLACE,
            nonce,
            commands.order_key(account, expiry_ns, nonce & commands.COUNTER_MASK, slot),
            expiry_ns,
            unsigned_part(body),
            now_ns,
            asked.label,
            asked.text,
            asked.time_in_force,
            asked.reduce_only,
        )
        return intent, body

    def _limit(self, asked: Asked) -> int:
        """Return the limit that is signed, 1e-6 USD."""
        instrument = asked.instrument
        if asked.flags != commands.MARKET:
            assert asked.price is not None, "only a market order has no price"
            if not asked.moves:
                return asked.price
            return self._desk.out_of_the_way(instrument, asked.price, asked.is_buy)
        band = self._desk.replica.view.price_band(instrument.listing)
        if band is None:
            raise ApiError(
                11051,
                f"{instrument.name} has no mark price, so a market order would have no bound",
                "wait for the oracle, or send a limit order",
                field="type",
            )
        low, high = band
        if asked.price is None:
            return high if asked.is_buy else low
        return min(asked.price, high) if asked.is_buy else max(asked.price, low)

    def _expiry(self, account: int, slot: int, force: TimeInForce, now_ns: int) -> int:
        """Return when an order ends, at the latest with its session."""
        if force is TimeInForce.IMMEDIATE_OR_CANCEL:
            wanted = now_ns + IMMEDIATE_NS
        elif force is TimeInForce.GOOD_TIL_DAY:
            wanted = (now_ns - DAY_ENDS_NS) // DAY_NS * DAY_NS + DAY_NS + DAY_ENDS_NS
        else:
            wanted = now_ns + GOOD_TIL_NS
        end_ns = self._desk.signers.session_end_ns(account, slot, now_ns)
        return wanted if end_ns is None else min(wanted, end_ns)
