"""A gateway with session keys: what they can, what they cannot, and how it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from merkat import _core
from merkat.gateway.keys import KeyedClient
from merkat.sdk import commands
from tests.support.gateway_stand import (
    CALL,
    CASH,
    PERPETUAL,
    USD,
    MemoryVenue,
    Stand,
    session_client,
    stand,
    wallet_client,
)

BOTH = pytest.mark.parametrize("scheme", [commands.SECP256K1, commands.P256])
Story = Callable[[Stand], Awaitable[None]]


def run(
    folder: Path,
    story: Story,
    clients: list[KeyedClient],
    prepare: Callable[[MemoryVenue], None],
) -> None:
    venue = MemoryVenue()
    venue.open(2, CASH)
    prepare(venue)

    async def bounded() -> None:
        async with (
            asyncio.timeout(60),
            stand(folder, venue=venue, clients=[*clients, wallet_client(2)]) as it,
        ):
            await story(it)

    asyncio.run(bounded())


@BOTH
def test_a_session_trades_edits_cancels_and_is_bound_by_its_own_slot(
    tmp_path: Path, scheme: int
) -> None:
    client = session_client(1, scheme=scheme)

    async def story(it: Stand) -> None:
        await it.sell("0.05", "100000", account=2)
        placed = await it.buy("0.1", "100000", label="s")
        assert len(placed.trades) == 1
        [known] = it.replica.view.open_orders(1)
        assert known.slot == 1
        edited = await it.call("private/edit", order_id=placed.order.order_id, price="99999.5")
        assert edited.order.order_version == 2
        cancelled = await it.call("private/cancel", order_id=placed.order.order_id)
        assert cancelled.order_state == "cancelled"
        sent = it.venue.requests[1][-1]
        assert sent[6] == 1, "the order names its slot"
        assert sent[-1] in ((27, 28) if scheme == commands.SECP256K1 else (29, 30))

    run(tmp_path, story, [client], lambda venue: venue.open_session(client))


@BOTH
def test_a_lost_link_is_fenced_by_the_session_too(tmp_path: Path, scheme: int) -> None:
    client = session_client(1, scheme=scheme)

    async def story(it: Stand) -> None:
        it.venue.followers.clear()
        it.venue.refuses_before = True
        placing = asyncio.create_task(it.buy(label="x"))
        while not it.venue.requests:
            await asyncio.sleep(0)
        late = it.venue.requests[0]
        it.break_link()
        await it.mend_link()
        found = await it.call("private/get_order_state_by_label", label="x")
        assert found == []
        it.venue.apply(*late)
        assert it.replica.view.open_orders(1) == []
        with pytest.raises(Exception, match="never reached"):
            await placing

    run(tmp_path, story, [client], lambda venue: venue.open_session(client))


def test_two_sessions_share_an_account_each_with_its_orders_and_nonces(tmp_path: Path) -> None:
    first, second = session_client(1, 1), session_client(1, 2, commands.P256)

    def prepare(venue: MemoryVenue) -> None:
        venue.open_session(first)
        venue.open_session(second)

    async def story(it: Stand) -> None:
        placed = (await it.buy(label="one")).order
        it.clients[1] = second
        other = (await it.buy(price="98000", label="two")).order
        assert len(await it.call("private/get_open_orders")) == 2
        edited = await it.call("private/edit", order_id=placed.order_id, amount="0.2")
        assert edited.order.order_version == 2, "the gateway holds that slot's key as well"
        assert await it.call("private/cancel_all") == 2, "a session cancels orders of the other"
        assert other.order_id != placed.order_id

    run(tmp_path, story, [second, first], prepare)


def test_an_order_of_a_key_that_is_not_here_can_be_cancelled_and_not_edited(
    tmp_path: Path,
) -> None:
    client = session_client(1)

    def prepare(venue: MemoryVenue) -> None:
        venue.open_session(client)
        nonce = venue.time_ns // 10**6
        expiry = venue.time_ns + 86_400 * 10**9
        body = commands.place(1, 1, 0, 0, 99_000 * USD, 10_000_000, 10**7, expiry, nonce)
        venue.apply(venue.signed(1, body))

    async def story(it: Stand) -> None:
        [order] = await it.call("private/get_open_orders")
        assert order.label == ""
        error = await it.error("private/edit", order_id=order.order_id, amount="0.2")
        assert error.code == 13021
        assert "the wallet" in error.reason
        assert (await it.call("private/cancel", order_id=order.order_id)).order_state == "cancelled"

    run(tmp_path, story, [client], prepare)


@pytest.mark.parametrize(
    ("scope", "rule", "field", "order"),
    [
        ({"kinds": commands.SCOPE_CALLS}, "O-25", "instrument_name", {}),
        ({"groups": 2}, "O-25", "instrument_name", {}),
        ({"notional": 5_000 * USD}, "O-26", "amount", {}),
    ],
)
def test_what_is_beyond_the_scope_is_refused_by_the_venue(
    tmp_path: Path, scope: dict[str, int], rule: str, field: str, order: dict[str, Any]
) -> None:
    client = session_client(1)

    async def story(it: Stand) -> None:
        asked = {"instrument_name": PERPETUAL, "amount": "0.1", "price": "99000"}
        error = await it.error("private/buy", 1, **asked)
        assert (error.code, error.field, error.extra["rule"]) == (13021, field, rule)
        assert error.hint

    run(tmp_path, story, [client], lambda venue: venue.open_session(client, **scope))


def test_an_order_never_outlives_its_session(tmp_path: Path) -> None:
    client = session_client(1)

    async def story(it: Stand) -> None:
        await it.buy()
        [order] = it.replica.view.open_orders(1)
        session = it.replica.view.accounts[1].sessions[1]
        assert order.expiry_ns == session.expiry_ns < it.venue.time_ns + 7 * 86_400 * 10**9
        it.venue.prices(seconds=86_400 - 600)
        sent = len(it.venue.requests)
        assert await it.gateway.renewer.round() == 0, "nor is it renewed beyond it"
        assert len(it.venue.requests) == sent, "what cannot be is not tried"
        it.venue.prices(seconds=700)
        error = await it.error("private/buy", instrument_name=PERPETUAL, amount="1", price="99000")
        assert error.code == 13021
        assert "expired" in error.reason

    run(tmp_path, story, [client], lambda venue: venue.open_session(client, life_s=86_400))


def test_a_session_that_is_not_open_or_revoked_cannot_trade(tmp_path: Path) -> None:
    client, absent = session_client(1), session_client(1, 3)

    async def story(it: Stand) -> None:
        asked: dict[str, Any] = {"instrument_name": PERPETUAL, "amount": "0.1", "price": "99000"}
        order = (await it.buy()).order
        body = commands.session_revoke(1, 1, 0, it.venue.strict_nonce())

        def revoke(batch: Any) -> None:
            it.venue.on_submit.clear()
            it.venue.apply(it.venue.signed(1, body))

        it.venue.on_submit.append(revoke)
        on_the_way = await it.error("private/buy", **asked)
        assert (on_the_way.code, on_the_way.extra["rule"]) == (13021, "C-08")
        state = await it.call("private/get_order_state", order_id=order.order_id)
        assert (state.order_state, state.cancel_reason) == ("cancelled", "session")
        sent = len(it.venue.requests)
        later = await it.error("private/buy", **asked)
        assert "was revoked by the wallet" in later.reason
        assert len(it.venue.requests) == sent, "what cannot be is not sent"
        it.clients[1] = absent
        never = await it.error("private/buy", **asked)
        assert "no session in slot 3" in never.reason

    run(tmp_path, story, [absent, client], lambda venue: venue.open_session(client))


def test_a_key_other_than_the_sessions_is_refused(tmp_path: Path) -> None:
    client = session_client(1)
    other = KeyedClient("n1", "s", 1, 1, commands.SECP256K1, session_client(1, 2).session_secret)

    async def story(it: Stand) -> None:
        error = await it.error("private/buy", instrument_name=CALL, amount="0.01", price="100")
        assert (error.code, error.extra["rule"]) == (13021, "C-03")

    run(tmp_path, story, [other], lambda venue: venue.open_session(client))


def test_the_address_of_a_key_is_that_of_its_curve() -> None:
    secret = session_client(1).session_secret
    assert _core.address_of(secret, commands.P256) != _core.address_of(secret, commands.SECP256K1)
