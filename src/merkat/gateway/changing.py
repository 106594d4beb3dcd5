"""Edits and renewals: one change of an order after the other, each with the next version."""

from __future__ import annotations

from merkat.api.errors import ApiError, not_open_order
from merkat.gateway import refusals
from merkat.gateway.desk import ATTEMPTS_MAX, Desk, Refused, Result, hour_and_counter
from merkat.gateway.intents import Fate, Intent
from merkat.gateway.signers import SigningKey, no_key
from merkat.gateway.signing import unsigned_part
from merkat.gateway.terms import check_value
from merkat.market.types import Order, OrderState
from merkat.sdk import commands

# Refusals after which the order is looked at again: it was renewed, or edited by another signer.
_AGAIN = frozenset((refusals.ORDER_NOT_OPEN, refusals.VERSION_NOT_LARGER))
_WOULD_TRADE = refusals.WOULD_TRADE
_STATES = {
    OrderState.FILLED: "filled",
    OrderState.CANCELLED: "cancelled",
    OrderState.RENEWED: "renewed",
}


def check_open(order: Order) -> None:
    """Refuse an order that is no longer open. Raises ApiError 11044."""
    if not order.is_open:
        raise not_open_order(order.origin.hex(), _STATES[OrderState(order.state)])


class Changer:
    """Edits and renews the orders of all clients."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def edit(
        self, client_id: str, order: Order, size: int | None, price: int | None, moves: bool
    ) -> Result:
        """Give an open order another size (of the whole order, base units) or price (1e-6 USD).

        `moves`: a price that would trade is moved behind the best opposite one (post-only).
        Raises ApiError: the order stands as it stood.
        """
        desk = self._desk
        refused: Refused | None = None
        async with desk.locked(order.origin):
            for _ in range(ATTEMPTS_MAX):
                await desk.link_up()
                order = desk.current(order)
                check_open(order)
                key = self._key(order)
                new_price = self._price(order, price, moves)
                new_size = order.size if size is None else size - order.carried_filled
                if new_size <= order.filled:
                    raise _below_filled()
                check_value(desk.replica.view.instruments[order.listing], new_size, new_price)
                nonce = desk.nonce(key)
                body = self._body(
                    commands.AMEND, order, new_size, new_price, order.expiry_ns, nonce
                )
                intent = self._intent(
                    client_id, commands.AMEND, order, order.expiry_ns, body, nonce
                )
                settled = await desk.send(body, key, intent)
                if settled.fate is Fate.DONE:
                    key.nonces.accepted()
                    return desk.result(order.origin, settled.log_number)
                refused = desk.refused(settled, order.side)
                if refused.rule == refusals.USED_NONCE:
                    key.nonces.refused(nonce)
                elif not (refused.rule in _AGAIN or (moves and refused.rule == _WOULD_TRADE)):
                    break
        assert refused is not None, "at least one attempt was made"
        raise refused.error

    def _price(self, order: Order, price: int | None, moves: bool) -> int:
        if price is None or not moves:
            return order.price if price is None else price
        instrument = self._desk.replica.view.instruments[order.listing]
        return self._desk.out_of_the_way(instrument, price, order.side == commands.BUY)

    async def renew(self, order: Order, expiry_ns: int) -> bool:
        """Let an order live on until `expiry_ns` in its place of the queue; whether it does."""
        desk = self._desk
        async with desk.locked(order.origin):
            order = desk.current(order)
            key = desk.signers.find(order.account, order.slot)
            if not order.is_open or key is None:
                return False
            nonce = desk.nonce(key)
            body = self._body(commands.RENEW, order, order.remaining, order.price, expiry_ns, nonce)
            intent = self._intent("", commands.RENEW, order, expiry_ns, body, nonce)
            settled = await desk.send(body, key, intent)
        return settled.fate is Fate.DONE

    def _key(self, order: Order) -> SigningKey:
        key = self._desk.signers.find(order.account, order.slot)
        if key is None:
            raise no_key(order.account, order.slot)
        return key

    def _body(
        self, kind: int, order: Order, size: int, price: int, expiry_ns: int, nonce: int
    ) -> bytes:
        """Return the command that amends or renews an order."""
        instrument = self._desk.replica.view.instruments[order.listing]
        hour, counter = hour_and_counter(order.key)
        renews = kind == commands.RENEW
        return commands.order_command(
            kind,
            order.account,
            order.listing,
            order.side,
            order.flags,
            price,
            size,
            max(instrument.taker_fee, instrument.maker_fee),
            expiry_ns,
            nonce & commands.COUNTER_MASK if renews else counter,
            1 if renews else order.version + 1,
            nonce,
            hour if renews else 0,
            counter if renews else 0,
            slot=order.slot,
        )

    def _intent(
        self, client_id: str, kind: int, order: Order, expiry_ns: int, body: bytes, nonce: int
    ) -> Intent:
        return Intent(
            order.account,
            order.slot,
            client_id,
            kind,
            nonce,
            order.key,
            expiry_ns,
            unsigned_part(body),
            self._desk.now_ns(),
        )


def _below_filled() -> ApiError:
    meaning = refusals.MEANINGS["X-04"]
    return ApiError(meaning.code, meaning.reason, meaning.hint, field=meaning.field)
