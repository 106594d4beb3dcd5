"""Orders that are good until cancelled live on: same id, same place in the queue, one label."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

from merkat.gateway import renewing
from tests.support.gateway_stand import FUTURE, PERPETUAL, Stand, stand

DAY_S = 86_400


def run(folder: Path, story: Callable[[Stand], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60), stand(folder) as it:
            await story(it)

    asyncio.run(bounded())


def week_passes(it: Stand, days: int = 6, seconds: int = 0) -> None:
    """Let days pass, with prices again at their end."""
    it.venue.prices(seconds=days * DAY_S + seconds)


def test_a_renewed_order_keeps_id_label_fills_and_priority(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        first = (await it.buy("0.1", "99900", label="long")).order
        await it.buy("0.1", "99900", account=3)
        await it.sell("0.04", "99900", account=2)
        assert await it.gateway.renewer.round() == 0, "it has days to live"
        week_passes(it, seconds=60)
        assert await it.gateway.renewer.round() == 2
        [known] = it.replica.view.open_orders(1)
        assert known.key.hex() != first.order_id
        week_passes(it, days=2)
        state = await it.call("private/get_order_state", order_id=first.order_id)
        assert (state.order_id, state.label, state.order_state) == (first.order_id, "long", "open")
        assert (state.amount, state.filled_amount) == (Decimal("0.1"), Decimal("0.04"))
        await it.sell("0.05", "99900", account=2)
        state = await it.call("private/get_order_state", order_id=first.order_id)
        assert state.filled_amount == Decimal("0.09"), "it is still the first of its price"
        trades = await it.call("private/get_user_trades_by_order", order_id=first.order_id)
        assert [one.amount for one in trades] == [Decimal("0.04"), Decimal("0.05")]
        edited = await it.call("private/edit", order_id=first.order_id, amount="0.12")
        assert (edited.order.order_id, edited.order.amount) == (first.order_id, Decimal("0.12"))
        again = await it.buy("0.1", "99900", label="long")
        assert again.order.order_id == first.order_id, "the label is the chain's"
        cancelled = await it.call("private/cancel", order_id=first.order_id)
        assert (cancelled.order_id, cancelled.order_state) == (first.order_id, "cancelled")
        assert cancelled.filled_amount == Decimal("0.09")

    run(tmp_path, story)


def test_without_renewal_an_order_ends_after_seven_days(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        first = (await it.buy()).order
        week_passes(it, days=7)
        it.venue.tick()
        state = await it.call("private/get_order_state", order_id=first.order_id)
        assert (state.order_state, state.cancel_reason) == ("cancelled", "expired")

    run(tmp_path, story)


def test_orders_for_a_day_and_those_of_others_are_left_alone(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await it.buy(time_in_force="good_til_day")
        assert await it.gateway.renewer.round() == 0, "it ends today, as it was asked to"

    run(tmp_path, story)


def test_a_round_is_bounded_and_the_rest_comes_next(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        for price in range(98_000, 98_000 + renewing.ROUND_MAX + 5):
            await it.buy("0.001", str(price))
        week_passes(it, seconds=60)
        assert await it.gateway.renewer.round() == renewing.ROUND_MAX
        assert await it.gateway.renewer.round() == 5
        assert await it.gateway.renewer.round() == 0

    run(tmp_path, story)


def test_an_order_that_ends_while_it_is_renewed_is_not_brought_back(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        order = (await it.buy()).order
        week_passes(it, seconds=60)
        renewing_task = asyncio.create_task(it.gateway.renewer.round())
        cancelled = await it.call("private/cancel", order_id=order.order_id)
        await renewing_task
        assert cancelled.order_state == "cancelled"
        assert it.replica.view.open_orders(1) == []

    run(tmp_path, story)


def test_an_order_that_outlives_its_contract_is_not_renewed(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        to_expiry_s = (it.replica.view.by_name[FUTURE].expiry_ns - it.venue.time_ns) // 10**9
        it.venue.prices(seconds=to_expiry_s - 13 * DAY_S // 2)
        dated = (await it.buy(instrument_name=FUTURE)).order
        await it.buy(instrument_name=PERPETUAL)
        week_passes(it, seconds=60)
        assert await it.gateway.renewer.round() == 1
        state = await it.call("private/get_order_state", order_id=dated.order_id)
        assert state.order_state == "open", "it stands until its contract expires"

    run(tmp_path, story)
