"""Labels and lost links: an answer is final, a repetition harmless, a label's fate always known."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from merkat.api.errors import ApiError
from merkat.gateway import desk as desks
from merkat.gateway.intents import Fate
from merkat.gateway.methods import reads
from merkat.sdk import commands
from tests.support.gateway_stand import PERPETUAL, Stand, stand

Story = Callable[[Stand], Awaitable[None]]


def run(folder: Path, story: Story) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60), stand(folder) as it:
            await story(it)

    asyncio.run(bounded())


def by_label(it: Stand, label: str, account: int = 1) -> Awaitable[Any]:
    return it.call("private/get_order_state_by_label", account, label=label, currency="BTC")


# --- labels ---


def test_a_repetition_gives_the_first_order_and_sends_nothing(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        first = await it.buy(label="once")
        sent = len(it.venue.requests)
        again = await it.buy(label="once")
        assert again.order.order_id == first.order.order_id
        assert len(it.venue.requests) == sent
        other = await it.buy(price="98000", label="once")
        assert other.order.order_id != first.order.order_id, "other terms are another order"
        theirs = await it.buy(label="once", account=2)
        assert theirs.order.order_id not in (first.order.order_id, other.order.order_id)
        assert [one.price for one in await by_label(it, "once")] == [98_000, 99_000]

    run(tmp_path, story)


def test_orders_without_a_label_are_never_repetitions(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        first, second = await it.buy(), await it.buy()
        assert first.order.order_id != second.order.order_id

    run(tmp_path, story)


def test_a_filled_order_is_repeated_with_its_trades_and_a_cancelled_one_is_placed_anew(
    tmp_path: Path,
) -> None:
    async def story(it: Stand) -> None:
        await it.sell("1", "100000", account=2)
        filled = await it.buy("0.1", "100000", label="f")
        again = await it.buy("0.1", "100000", label="f")
        assert again.order.order_id == filled.order.order_id
        assert again.trades == filled.trades
        assert len(filled.trades) == 1
        first = (await it.buy(label="c")).order
        await it.call("private/cancel", order_id=first.order_id)
        second = (await it.buy(label="c")).order
        assert second.order_id != first.order_id

    run(tmp_path, story)


def test_a_refused_order_may_be_tried_again_under_its_label(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        terms: dict[str, Any] = {
            "instrument_name": PERPETUAL,
            "amount": "1000",
            "price": "99000",
            "label": "big",
        }
        refused = await it.error("private/buy", **terms)
        assert (refused.code, refused.field, refused.extra["rule"]) == (10009, "amount", "O-22")
        assert await by_label(it, "big") == []
        await it.error("private/buy", **terms)
        assert len(it.venue.requests) == 2, "each attempt is one order"

    run(tmp_path, story)


def test_repetitions_at_once_become_one_order(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        results = await asyncio.gather(*(it.buy(label="burst") for _ in range(50)))
        assert len({one.order.order_id for one in results}) == 1
        assert len(it.replica.view.open_orders(1)) == 1

    run(tmp_path, story)


def test_a_caller_who_goes_away_leaves_the_order_to_those_who_repeat_it(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        first = asyncio.create_task(it.buy(label="gone"))
        await asyncio.sleep(0)
        second = asyncio.create_task(it.buy(label="gone"))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).order.label == "gone"
        assert len(it.replica.view.open_orders(1)) == 1

    run(tmp_path, story)


def test_labels_outlive_the_gateway(tmp_path: Path) -> None:
    async def story() -> None:
        async with stand(tmp_path) as it:
            first = (await it.buy(label="kept")).order
            venue = it.venue
        async with stand(tmp_path, venue=venue) as it:
            [found] = await by_label(it, "kept")
            assert (found.order_id, found.label) == (first.order_id, "kept")
            assert (await it.buy(label="kept")).order.order_id == first.order_id
            assert len(it.replica.view.open_orders(1)) == 1

    asyncio.run(story())


# --- lost links ---


@pytest.mark.parametrize("arrived", [False, True])
def test_an_order_on_a_lost_link_is_answered_when_its_fate_is_known(
    tmp_path: Path, arrived: bool
) -> None:
    async def story(it: Stand) -> None:
        it.venue.followers.clear()  # the link is lost: what is released does not come
        it.venue.refuses_before, it.venue.refuses_after = not arrived, arrived
        placing = asyncio.create_task(it.buy(label="lost"))
        while not it.venue.requests:
            await asyncio.sleep(0)
        it.break_link()
        asking = asyncio.create_task(_ask(it))
        await asyncio.sleep(0.02)
        assert not placing.done(), "nobody knows yet"
        assert not asking.done(), "the label's state waits for the fence"
        await it.mend_link()
        found = await asking
        if arrived:
            assert (await placing).order.order_state == "open"
            [order] = found
            assert order.label == "lost"
        else:
            with pytest.raises(ApiError) as raised:
                await placing
            assert raised.value.code == 10040
            assert "never reached the venue" in raised.value.reason
            assert found == []
            late = it.venue.requests[0]
            it.venue.apply(*late)
            assert it.replica.view.open_orders(1) == [], "the late order finds its nonce taken"

    async def _ask(it: Stand) -> Any:
        return await by_label(it, "lost")

    run(tmp_path, story)


@pytest.mark.parametrize("arrived", [False, True])
def test_an_edit_on_a_lost_link_is_settled_without_touching_the_order(
    tmp_path: Path, arrived: bool
) -> None:
    async def story(it: Stand) -> None:
        order = (await it.buy()).order
        it.venue.followers.clear()
        it.venue.refuses_before, it.venue.refuses_after = not arrived, arrived
        sent = len(it.venue.requests)
        editing = asyncio.create_task(
            it.call("private/edit", order_id=order.order_id, amount="0.2")
        )
        while len(it.venue.requests) == sent:
            await asyncio.sleep(0)
        it.break_link()
        await it.mend_link()
        if arrived:
            assert (await editing).order.order_version == 2
        else:
            with pytest.raises(ApiError) as raised:
                await editing
            assert raised.value.code == 10040
        [known] = it.replica.view.open_orders(1)
        assert known.version == (2 if arrived else 1), "the fence cancels no order"

    run(tmp_path, story)


def test_a_cancel_on_a_lost_link_is_carried_out_when_the_link_is_back(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        order = (await it.buy()).order
        it.venue.followers.clear()
        it.venue.refuses_before = True
        sent = len(it.venue.requests)
        cancelling = asyncio.create_task(it.call("private/cancel", order_id=order.order_id))
        while len(it.venue.requests) == sent:
            await asyncio.sleep(0)
        it.break_link()
        await it.mend_link()
        assert (await cancelling).order_state == "cancelled"

    run(tmp_path, story)


@pytest.mark.parametrize("arrived", [False, True])
def test_a_killed_gateway_knows_the_fate_of_what_was_on_its_way(
    tmp_path: Path, arrived: bool
) -> None:
    """The gateway dies after the order left; the next one finds out what became of it."""

    async def story() -> None:
        killed = tmp_path / "killed"
        async with stand(killed) as it:
            venue = it.venue
            venue.followers.clear()
            venue.refuses_before, venue.refuses_after = not arrived, arrived
            placing = asyncio.create_task(it.buy(label="kill"))
            while not venue.requests:
                await asyncio.sleep(0)
            placing.cancel()
            copy = tmp_path / "left"
            copy.mkdir()
            for file in killed.iterdir():  # what a kill at this moment leaves on the disk
                (copy / file.name).write_bytes(file.read_bytes())
        venue.refuses_before = venue.refuses_after = False
        async with stand(copy, venue=venue) as it:
            [waiting] = it.store.by_label(1, "kill")
            assert waiting.fate is Fate.UNKNOWN, "the intent was durable before it was sent"
            found = await by_label(it, "kill")
            assert len(found) == len(it.replica.view.open_orders(1)) == (1 if arrived else 0)
            again = (await it.buy(label="kill")).order
            assert [again.order_id] == [one.order_id for one in await by_label(it, "kill")]
            assert len(it.replica.view.open_orders(1)) == 1, "neither lost nor doubled"

    asyncio.run(story())


def test_while_the_venue_is_away_new_orders_are_refused_for_certain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "WAIT_UP_S", 0.01)

    async def story(it: Stand) -> None:
        it.break_link()
        error = await it.error("private/buy", instrument_name=PERPETUAL, amount="1", price="99000")
        assert error.code == 11051
        assert "nothing was sent" in error.hint
        await it.mend_link()
        assert (await it.buy()).order.order_state == "open"

    run(tmp_path, story)


def test_a_question_about_a_label_is_not_answered_before_it_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "FATE_SECONDS", 0.01)

    async def story(it: Stand) -> None:
        it.venue.followers.clear()
        it.venue.refuses_before = True
        placing = asyncio.create_task(it.buy(label="x"))
        while not it.venue.requests:
            await asyncio.sleep(0)
        it.break_link()
        error = await it.error("private/get_order_state_by_label", label="x")
        assert (error.code, error.field) == (13888, "label")
        await it.mend_link()
        with pytest.raises(ApiError):
            await placing

    run(tmp_path, story)


def test_a_nonce_that_the_venue_knows_is_replaced_by_a_higher_one(tmp_path: Path) -> None:
    """A gateway whose data are gone does not know the nonces that it used."""

    async def story(it: Stand) -> None:
        ahead = it.venue.time_ns // 10**6 + 500
        for nonce in range(ahead, ahead + 100):
            it.venue.apply(it.venue.signed(1, commands.cancel(1, 1, 1, nonce)))
        placed = await it.buy(label="later")
        assert placed.order.order_state == "open"
        assert len(it.venue.requests) == 2, "the first attempt was refused by C-04"
        intents = it.store.by_label(1, "later")
        assert len(intents) == 2
        assert len(await by_label(it, "later")) == 1

    run(tmp_path, story)


def test_ones_own_order_under_anothers_signature_settles_nothing(tmp_path: Path) -> None:
    """A venue that logs the order with a wrong signature first does not get a false answer out."""

    async def story(it: Stand) -> None:
        def forge(batch: Any) -> None:
            it.venue.on_submit.clear()
            body = batch[0][: -commands.SIGNATURE_BYTES] + commands.NO_SIGNATURE
            it.venue.apply(it.venue.signed(2, body))

        it.venue.on_submit.append(forge)
        placed = await it.buy(label="mine")
        assert placed.order.order_state == "open"
        assert [one.order_id for one in await by_label(it, "mine")] == [placed.order.order_id]

    run(tmp_path, story)
