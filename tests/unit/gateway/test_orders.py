"""Orders through the gateway over a real engine: what is signed and what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from merkat.gateway.terms import LABEL_MAX
from merkat.sdk import commands
from tests.support.gateway_stand import CALL, PERPETUAL, START_NS, Stand, stand

SECOND_NS = 10**9
DAY_NS = 86_400 * SECOND_NS
Story = Callable[[Stand], Awaitable[None]]


def run(folder: Path, story: Story) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60), stand(folder) as it:
            await story(it)

    asyncio.run(bounded())


def last_order(it: Stand) -> bytes:
    """Return the newest command that the gateway sent."""
    return it.venue.requests[-1][-1]


def expiry_of(command: bytes) -> int:
    return int.from_bytes(command[37:45], "big")


def test_a_resting_order_has_every_field_and_its_id_is_its_key(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        placed = await it.buy("0.1", "99000", label="first")
        order = placed.order
        assert placed.trades == []
        [known] = it.replica.view.open_orders(1)
        assert order.order_id == known.key.hex()
        assert (order.order_state, order.order_type, order.direction) == ("open", "limit", "buy")
        assert (order.price, order.amount, order.filled_amount) == (99_000, Decimal("0.1"), 0)
        assert (order.contracts, order.max_show) == (100, Decimal("0.1"))
        assert (order.label, order.time_in_force) == ("first", "good_til_cancelled")
        assert (order.average_price, order.commission, order.cancel_reason) == (0, 0, None)
        assert order.creation_timestamp == order.last_update_timestamp == START_NS // 10**6 + 1_000
        assert (order.post_only, order.reduce_only, order.replaced) == (False, False, False)
        assert await it.call("private/get_order_state", order_id=order.order_id) == order
        assert await it.call("private/get_open_orders") == [order]

    run(tmp_path, story)


def test_a_fill_is_told_with_its_trades_on_both_sides(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        maker = (await it.sell("0.2", "100000", account=2, label="ask")).order
        placed = await it.buy("0.05", "100000", account=1)
        [trade] = placed.trades
        assert placed.order.order_state == "filled"
        assert placed.order.average_price == 100_000
        assert placed.order.commission == trade.fee == Decimal("2.5")
        assert (trade.liquidity, trade.direction, trade.amount) == ("T", "buy", Decimal("0.05"))
        assert trade.order_id == placed.order.order_id
        assert (trade.fee_currency, trade.index_price, trade.mark_price) == (
            "USDC",
            100_000,
            100_000,
        )
        found = await it.call("private/get_user_trades_by_order", 2, order_id=maker.order_id)
        [other] = found
        assert (other.liquidity, other.direction, other.label) == ("M", "sell", "ask")
        assert other.trade_id == trade.trade_id
        state = await it.call("private/get_order_state", 2, order_id=maker.order_id)
        assert (state.filled_amount, state.order_state) == (Decimal("0.05"), "open")

    run(tmp_path, story)


def test_a_market_order_is_signed_with_the_band_as_its_hard_limit(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await it.sell("0.01", "100500", account=2)
        placed = await it.buy("0.02", None, type="market")
        band = it.replica.view.price_band(1)
        assert band is not None
        signed = int.from_bytes(last_order(it)[13:21], "big")
        assert signed == band[1] == placed.order.price * 10**6
        assert (placed.order.order_type, placed.order.order_state) == ("market", "cancelled")
        assert placed.order.filled_amount == Decimal("0.01")
        assert placed.order.cancel_reason == "immediate"
        tighter = await it.sell("0.01", "99900", type="market")
        assert tighter.order.price == 99_900, "a price given with it is a tighter bound"

    run(tmp_path, story)


@pytest.mark.parametrize(
    ("force", "life_ns"),
    [
        ("good_til_cancelled", 7 * DAY_NS - 60 * SECOND_NS),
        ("immediate_or_cancel", 50 * SECOND_NS),
    ],
)
def test_an_order_lives_as_long_as_it_was_asked_to(
    tmp_path: Path, force: str, life_ns: int
) -> None:
    async def story(it: Stand) -> None:
        placed = await it.buy(time_in_force=force)
        assert expiry_of(last_order(it)) == it.venue.time_ns + life_ns
        assert placed.order.time_in_force == force
        rests = placed.order.order_state == "open"
        assert rests == (force != "immediate_or_cancel")

    run(tmp_path, story)


def test_a_day_ends_at_eight_utc(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await it.buy(time_in_force="good_til_day")
        end = expiry_of(last_order(it))
        assert end % DAY_NS == 8 * 3_600 * SECOND_NS
        assert 0 < end - it.venue.time_ns <= DAY_NS

    run(tmp_path, story)


def test_post_only_is_moved_out_of_the_way_or_refused_if_that_was_asked(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await it.sell("0.1", "100000", account=2)
        moved = (await it.buy("0.1", "100500", post_only=True)).order
        assert (moved.price, moved.post_only, moved.order_state) == (
            Decimal("99999.5"),
            True,
            "open",
        )
        error = await it.error(
            "private/buy",
            instrument_name=PERPETUAL,
            amount="0.1",
            price="100500",
            post_only=True,
            reject_post_only=True,
        )
        assert (error.code, error.field) == (11054, "post_only")
        assert len(it.replica.view.open_orders(1)) == 1
        below = (await it.buy("0.1", "99000", post_only=True, reject_post_only=True)).order
        assert (below.price, below.reject_post_only) == (99_000, True)

    run(tmp_path, story)


def test_post_only_moves_again_when_the_book_moved_meanwhile(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await it.sell("0.1", "100000", account=2)
        nonce = START_NS // 10**6 + 5_000

        def undercut(batch: object) -> None:
            it.venue.on_submit.clear()
            body = commands.place(
                3, 1, commands.SELL, 0, 99_900 * 10**6, 100_000, 10**7, START_NS + DAY_NS, nonce
            )
            it.venue.apply(it.venue.signed(3, body))

        it.venue.on_submit.append(undercut)
        moved = (await it.buy("0.1", "100500", post_only=True)).order
        assert moved.price == Decimal("99899.5"), "the second attempt saw the new best ask"

    run(tmp_path, story)


def test_reduce_only_never_does_more_than_reduce(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await it.trade(1, 2, "0.1", "100000", PERPETUAL)
        await it.buy("1", "99900", account=3)
        wrong_way = await it.error(
            "private/buy", instrument_name=PERPETUAL, amount="0.01", type="market", reduce_only=True
        )
        assert (wrong_way.code, wrong_way.field) == (10021, "reduce_only")
        assert "the position in BTC_USDC-PERPETUAL is 0.1, buying" in wrong_way.reason
        resting = await it.error(
            "private/sell",
            instrument_name=PERPETUAL,
            amount="0.1",
            price="100500",
            reduce_only=True,
        )
        assert (resting.code, resting.field) == (10033, "reduce_only")
        closed = await it.sell("0.25", None, type="market", reduce_only=True)
        assert closed.order.order_state == "filled"
        assert closed.order.amount == Decimal("0.1"), "it is cut to the position"
        assert closed.order.reduce_only
        assert await it.call("private/get_positions") == []

    run(tmp_path, story)


def test_close_position_sends_the_opposite(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        none = await it.error("private/close_position", instrument_name=PERPETUAL, type="market")
        assert none.code == 10010
        await it.trade(1, 2, "0.1", "100000", PERPETUAL)
        await it.buy("1", "99900", account=3)
        closed = await it.call("private/close_position", instrument_name=PERPETUAL, type="market")
        assert (closed.order.direction, closed.order.filled_amount) == ("sell", Decimal("0.1"))
        assert await it.call("private/get_positions") == []

    run(tmp_path, story)


# --- editing ---


def test_an_edit_keeps_id_and_label_and_counts_the_version(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        order = (await it.buy("0.1", "99000", label="e")).order
        edited = await it.call(
            "private/edit", order_id=order.order_id, amount="0.2", price="98999.5"
        )
        assert edited.order.order_id == order.order_id
        assert (edited.order.amount, edited.order.price) == (Decimal("0.2"), Decimal("98999.5"))
        assert (edited.order.label, edited.order.replaced, edited.order.order_version) == (
            "e",
            True,
            2,
        )
        again = await it.call(
            "private/edit_by_label", label="e", instrument_name=PERPETUAL, amount="0.05"
        )
        assert (again.order.order_id, again.order.order_version) == (order.order_id, 3)
        assert again.order.price == Decimal("98999.5"), "what is not given stays"

    run(tmp_path, story)


def test_edits_of_one_order_at_once_follow_one_another(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        order = (await it.buy("0.1", "99000")).order
        edits = [
            it.call("private/edit", order_id=order.order_id, amount=f"0.{100 + n}")
            for n in range(20)
        ]
        results = await asyncio.gather(*edits)
        assert sorted(one.order.order_version for one in results) == list(range(2, 22))
        [known] = it.replica.view.open_orders(1)
        assert known.version == 21

    run(tmp_path, story)


def test_an_edit_that_crosses_trades(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await it.sell("0.05", "100000", account=2)
        order = (await it.buy("0.1", "99000")).order
        edited = await it.call("private/edit", order_id=order.order_id, price="100000")
        [trade] = edited.trades
        assert trade.amount == edited.order.filled_amount == Decimal("0.05")
        too_small = await it.error("private/edit", order_id=order.order_id, amount="0.05")
        assert (too_small.code, too_small.field) == (10021, "amount")

    run(tmp_path, story)


def test_an_edit_of_a_post_only_order_moves_out_of_the_way_unless_that_is_refused(
    tmp_path: Path,
) -> None:
    async def story(it: Stand) -> None:
        await it.sell("0.1", "100000", account=2)
        order_id = (await it.buy(post_only=True)).order.order_id
        edited = await it.call("private/edit", order_id=order_id, price="100500")
        assert edited.order.price == Decimal("99999.5")
        refused = await it.error(
            "private/edit", order_id=order_id, price="100500", reject_post_only=True
        )
        assert refused.code == 11054
        smaller = await it.call("private/edit", order_id=order_id, amount="0.05")
        assert smaller.order.price == Decimal("99999.5"), "a price that was not given stays"

    run(tmp_path, story)


def test_what_an_edit_cannot_change_is_said(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        order_id = (await it.buy()).order.order_id
        nothing = await it.error("private/edit", order_id=order_id)
        assert (nothing.code, nothing.field) == (-32602, "amount")
        other = await it.error("private/edit", order_id=order_id, amount="1", post_only=True)
        assert (other.code, other.field) == (-32602, "post_only")
        reduce = await it.error("private/edit", order_id=order_id, amount="1", reduce_only=True)
        assert (reduce.code, reduce.field) == (10033, "reduce_only")

    run(tmp_path, story)


# --- cancelling ---


def test_a_cancelled_order_says_so_and_cannot_be_cancelled_again(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        order = (await it.buy()).order
        cancelled = await it.call("private/cancel", order_id=order.order_id)
        assert (cancelled.order_state, cancelled.cancel_reason) == ("cancelled", "user_request")
        again = await it.error("private/cancel", order_id=order.order_id)
        assert (again.code, again.field) == (11044, "order_id")
        assert "cancelled" in again.reason
        edited = await it.error("private/edit", order_id=order.order_id, amount="1")
        assert edited.code == 11044

    run(tmp_path, story)


def test_another_accounts_orders_and_texts_that_are_no_ids_are_not_found(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        theirs = (await it.sell(account=2)).order.order_id
        for order_id in (theirs, "0" * 24, "USDC-1", "x" * 24, theirs.upper(), theirs[:-2], ""):
            methods: tuple[tuple[str, dict[str, Any]], ...] = (
                ("private/get_order_state", {}),
                ("private/cancel", {}),
                ("private/edit", {"amount": "1"}),
                ("private/get_user_trades_by_order", {}),
            )
            for method, more in methods:
                error = await it.error(method, order_id=order_id, **more)
                assert (error.code, error.field) == (10004, "order_id"), (method, order_id)
        assert len(it.replica.view.open_orders(2)) == 1

    run(tmp_path, story)


def test_cancel_all_means_what_it_says(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        for name, label in ((PERPETUAL, "a"), (PERPETUAL, "b"), (CALL, "a"), (CALL, "")):
            await it.buy("0.1", "100", instrument_name=name, label=label) if (
                name == CALL
            ) else await it.buy("0.1", "99000", label=label)
        await it.sell(account=2)
        assert await it.call("private/cancel_by_label", label="nobody") == 0
        assert await it.call("private/cancel_by_label", label="") == 0
        assert await it.call("private/cancel_all_by_currency", currency="ETH") == 0
        assert await it.call("private/cancel_all_by_currency", currency="BTC", type="stop_all") == 0
        [gone] = await it.call("private/cancel_by_label", label="b", detailed=True)
        assert (gone.label, gone.order_state) == ("b", "cancelled")
        by_kind = await it.call(
            "private/cancel_all_by_kind_or_type", currency=["BTC", "ETH"], kind="future"
        )
        assert by_kind == 1
        assert await it.call("private/cancel_all_by_instrument", instrument_name=CALL) == 2
        await it.buy()
        assert await it.call("private/cancel_all") == 1
        assert len(it.replica.view.open_orders(2)) == 1, "another account's order stands"

    run(tmp_path, story)


def test_cancel_all_takes_orders_that_are_on_their_way(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        placing = [asyncio.create_task(it.buy("0.1", f"{90_000 + n}")) for n in range(150)]
        await asyncio.sleep(0)
        cancelled = await it.call("private/cancel_all")
        await asyncio.gather(*placing)
        assert it.replica.view.open_orders(1) == []
        assert cancelled == 150

    run(tmp_path, story)


# --- exact or refused ---


@pytest.mark.parametrize(
    ("params", "code", "field"),
    [
        ({"price": "99000.3"}, 10043, "price"),
        ({"price": "99000.0000001"}, 10043, "price"),
        ({"price": "0"}, -32602, "price"),
        ({"price": "-5"}, -32602, "price"),
        ({"price": "4503599628"}, -32602, "price"),
        ({"price": None}, -32602, "price"),
        ({"amount": "0.0015"}, 10021, "amount"),
        ({"amount": "0.0000000001"}, 10002, "amount"),
        ({"amount": "0.0005"}, 10002, "amount"),
        ({"amount": "0"}, 10002, "amount"),
        ({"amount": "-1"}, 10002, "amount"),
        ({"amount": "720575941"}, 10021, "amount"),
        ({"amount": None}, -32602, "amount"),
        ({"amount": "10000000000000000000000"}, 10021, "amount"),
        ({"amount": "0.0010000001"}, 10021, "amount"),
        ({"amount": None, "contracts": "1.5"}, 10021, "contracts"),
        ({"amount": None, "contracts": "0.5"}, 10002, "contracts"),
        ({"contracts": "99"}, -32602, "contracts"),
        ({"instrument_name": "BTC-PERPETUAL"}, 13020, "instrument_name"),
        ({"type": "stop_limit"}, 10033, "type"),
        ({"type": "trailing_stop"}, 10033, "type"),
        ({"type": "iceberg"}, -32602, "type"),
        ({"time_in_force": "fill_or_kill"}, 10033, "time_in_force"),
        ({"time_in_force": "for_ever"}, -32602, "time_in_force"),
        ({"trigger_price": "1"}, 10033, "trigger_price"),
        ({"trigger": "index_price"}, 10033, "trigger"),
        ({"advanced": "implv"}, 10033, "advanced"),
        ({"mmp": True}, 10033, "mmp"),
        ({"max_show": "0.01"}, 10033, "max_show"),
        ({"display_amount": "0"}, 10033, "display_amount"),
        ({"valid_until": 1}, 10033, "valid_until"),
        ({"linked_order_type": "one_cancels_other"}, 10033, "linked_order_type"),
        ({"otoco_config": []}, 10033, "linked_order_type"),
        ({"label": "x" * (LABEL_MAX + 1)}, -32602, "label"),
        ({"label": "a\nb"}, -32602, "label"),
        ({"type": "market", "post_only": True}, 11047, "post_only"),
        ({"time_in_force": "immediate_or_cancel", "post_only": True}, 11047, "post_only"),
    ],
)
def test_what_is_not_exact_or_not_here_is_refused_with_its_field(
    tmp_path: Path, params: dict[str, Any], code: int, field: str
) -> None:
    async def story(it: Stand) -> None:
        asked = {"instrument_name": PERPETUAL, "amount": "0.1", "price": "99000"} | params
        error = await it.error(
            "private/buy", **{name: value for name, value in asked.items() if value is not None}
        )
        assert (error.code, error.field) == (code, field), error
        assert error.hint
        assert it.venue.requests == [], "nothing was sent"

    run(tmp_path, story)


def test_a_value_that_no_machine_word_holds_is_refused_with_the_amount(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        terms = {"instrument_name": PERPETUAL, "amount": "100000000"}
        for more in ({"type": "market"}, {"price": "4503599627"}):
            error = await it.error("private/buy", 1, **terms, **more)
            assert (error.code, error.field) == (10021, "amount")
            assert "amount is 100000000, expected less than" in error.reason
        order = (await it.buy()).order
        error = await it.error("private/edit", order_id=order.order_id, amount="100000000")
        assert (error.code, error.field) == (10021, "amount")

    run(tmp_path, story)


def test_amounts_may_be_given_in_contracts_and_a_full_max_show_is_none(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        by_contracts = await it.call(
            "private/buy", instrument_name=PERPETUAL, contracts="25", price="99000"
        )
        assert by_contracts.order.amount == Decimal("0.025")
        both = await it.buy("0.1", contracts="100", max_show="0.1", label="x" * LABEL_MAX)
        assert both.order.contracts == 100
        assert both.order.label == "x" * LABEL_MAX

    run(tmp_path, story)


def test_the_coarse_tick_of_an_option_holds_from_its_price_on(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        error = await it.error("private/buy", instrument_name=CALL, amount="0.01", price="3001")
        assert error.code == 10043
        placed = await it.buy("0.01", "3000", instrument_name=CALL)
        assert placed.order.price == 3_000

    run(tmp_path, story)
