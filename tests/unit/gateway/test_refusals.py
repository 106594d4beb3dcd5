"""Refusals of the machine in the dialect: one line for every rule that an order can meet."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from merkat.api.errors import MESSAGES
from merkat.gateway import desk as desks
from merkat.gateway.refusals import MEANINGS, never_error, refusal_error
from merkat.market.outcomes import Refusal
from merkat.market.rules import RULE_NAMES, rule_id
from merkat.sdk import commands
from tests.support.gateway_stand import (
    CALL,
    INDEX,
    PERPETUAL,
    USD,
    MemoryVenue,
    Stand,
    stand,
    wallet_client,
)

# What a command of a session can meet, and its code in the dialect (docs/spec).
EXPECTED = {
    "C-01": 11030,
    "C-02": 13021,
    "C-03": 13021,
    "C-04": 10040,
    "C-07": 11030,
    "C-08": 13021,
    "O-01": 13020,
    "O-02": 11030,
    "O-03": 11030,
    "O-04": 10043,
    "O-05": 10021,
    "O-06": 10040,
    "O-07": 11030,
    "O-08": 11030,
    "O-09": 11030,
    "O-10": 11030,
    "O-11": 11042,
    "O-12": 10040,
    "O-13": 10019,
    "O-14": 11051,
    "O-15": 10040,
    "O-16": 10013,
    "O-17": 11030,
    "O-18": 11030,
    "O-19": 10011,
    "O-20": 11051,
    "O-21": 11054,
    "O-22": 10009,
    "O-23": 10012,
    "O-24": 10009,
    "O-25": 13021,
    "O-26": 13021,
    "O-27": 13021,
    "X-01": 11044,
    "X-02": 11030,
    "X-03": 10040,
    "X-04": 10021,
    "X-05": 11030,
    "X-06": 11030,
    "X-07": 10010,
}
CODES = {rule_id(code): code for code in RULE_NAMES}


def refusal(rule: str) -> Refusal:
    code = CODES[rule]
    return Refusal(code, rule, RULE_NAMES[code], "price")


def test_every_rule_of_signed_orders_has_its_line_and_no_other() -> None:
    of_orders = {rule for rule in CODES if rule[0] in "OX"}
    of_commands = {"C-01", "C-02", "C-03", "C-04", "C-07", "C-08"}
    assert set(MEANINGS) == set(EXPECTED) == of_orders | of_commands


@pytest.mark.parametrize("rule", sorted(EXPECTED))
def test_a_rule_is_told_in_the_dialect_with_field_and_hint(rule: str) -> None:
    error = refusal_error(refusal(rule))
    assert error.code == EXPECTED[rule]
    assert error.message == MESSAGES[error.code]
    assert error.hint
    assert error.reason
    assert error.extra["rule"] == rule
    assert error.extra["rule_name"] == RULE_NAMES[CODES[rule]]


def test_the_band_is_told_by_side() -> None:
    assert refusal_error(refusal("O-19"), is_buy=True).code == 10007
    assert refusal_error(refusal("O-19"), is_buy=False).code == 10005


def test_a_rule_that_no_order_can_meet_is_told_as_it_is() -> None:
    error = refusal_error(refusal("W-06"))
    assert (error.code, error.extra["rule"]) == (11030, "W-06")
    assert "withdraw_margin" in error.reason


def test_what_never_arrived_is_told_as_final() -> None:
    error = never_error("the link broke")
    assert error.code == 10040
    assert "nothing was done" in error.hint


# --- met for real ---


def run(folder: Path, story: Callable[[Stand], Awaitable[None]], **more: Any) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60), stand(folder, **more) as it:
            await story(it)

    asyncio.run(bounded())


async def refused(it: Stand, rule: str, method: str = "private/buy", **params: Any) -> None:
    """See that a rule refuses an order, and that the gateway tells it as the table says."""
    asked = {"instrument_name": PERPETUAL, "amount": "0.1", "price": "99000"} | params
    if method == "private/edit":
        del asked["instrument_name"]
    error = await it.error(method, **asked)
    assert error.extra.get("rule") == rule, error
    expected = EXPECTED[rule]
    if rule == "O-19":
        expected = 10007 if method == "private/buy" else 10005
    assert error.code == expected


def test_an_account_that_is_not_there(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await refused(it, "C-02", account=4)

    run(tmp_path, story, accounts=3, clients=[wallet_client(4)])


def test_a_key_that_is_not_the_accounts(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await refused(it, "C-03")

    other = wallet_client(2)
    wrong = type(other)("n1", "s1", 1, 0, commands.SECP256K1, other.session_secret)
    run(tmp_path, story, clients=[wrong])


def test_a_wrong_clock(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        venue_ns = it.venue.time_ns
        it.clock_ns = lambda: venue_ns - 60 * 10**9
        await refused(it, "O-06", time_in_force="immediate_or_cancel")
        it.clock_ns = lambda: venue_ns + 3_600 * 10**9
        await refused(it, "O-07")

    run(tmp_path, story)


def test_a_floor_that_the_wallet_raised(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        nonce = it.venue.time_ns // 10**6 + 60_000
        floor = commands.floor(1, nonce & commands.COUNTER_MASK, nonce)
        it.venue.apply(it.venue.signed(1, floor))
        await refused(it, "O-11")

    run(tmp_path, story)


def test_fees_that_rose_on_the_way(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        def rise(batch: Any) -> None:
            it.venue.on_submit.clear()
            it.venue.item(commands.instrument(1, 1, 0, 600_000))

        it.venue.on_submit.append(rise)
        await refused(it, "O-12")
        assert (await it.buy()).order.order_state == "open", "the next one knows the fees"

    run(tmp_path, story)


def test_an_account_in_liquidation(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await it.trade(1, 2, "5", "100000", PERPETUAL)
        it.venue.prices(INDEX * 94 // 100)
        assert it.replica.view.accounts[1].stage == 1
        await refused(it, "O-13", price="93000")

    run(tmp_path, story, cash=33_000 * USD)


def test_prices_that_are_old(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        it.venue.pass_time(3_601)
        await refused(it, "O-20")
        it.venue.pass_time(20 * 3_600)
        await refused(it, "O-14")

    run(tmp_path, story)


def test_too_many_orders(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        it.venue.item(commands.venue(128, 2, 2, 1))
        await it.buy()
        await it.buy()
        await refused(it, "O-16")

    run(tmp_path, story)


def test_too_many_positions(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        it.venue.item(commands.venue(1, 10, 10, 1))
        await it.buy()
        await refused(it, "O-17", instrument_name=CALL, price="100", amount="0.01")

    run(tmp_path, story)


def test_the_band(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await refused(it, "O-19", price="103000.5")
        await refused(it, "O-19", "private/sell", price="96999.5")
        assert (await it.buy(price="103000")).order.order_state == "open"

    run(tmp_path, story)


def test_a_post_only_order_that_would_trade(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await it.sell(price="100000", account=2)
        await refused(it, "O-21", price="100000", post_only=True, reject_post_only=True)
        order = (await it.buy(post_only=True, reject_post_only=True)).order
        await refused(it, "O-21", "private/edit", order_id=order.order_id, price="100000")

    run(tmp_path, story)


def test_not_enough_money(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await refused(it, "O-22", amount="160")
        order = (await it.buy()).order
        await refused(it, "O-22", "private/edit", order_id=order.order_id, amount="160")

    run(tmp_path, story)


def test_an_instrument_without_a_price(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await refused(it, "O-23", instrument_name=CALL, price="100", amount="0.01")
        error = await it.error(
            "private/buy", instrument_name=PERPETUAL, amount="0.1", type="market"
        )
        assert (error.code, error.field) == (11051, "type"), "a market order has no bound"

    venue = MemoryVenue()
    venue.open(3, 10**12, prices=False)
    run(tmp_path, story, venue=venue)


def test_an_order_that_ended_on_the_way_of_its_cancel_and_edit(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        methods: tuple[tuple[str, dict[str, Any]], ...]
        methods = (("private/cancel", {}), ("private/edit", {"amount": "1"}))
        for method, more in methods:
            order = (await it.buy()).order
            known = it.replica.view.open_orders(1)[0]
            counter = int.from_bytes(known.key[7:], "big")
            nonce = it.venue.time_ns // 10**6 + 2_000
            hour = known.expiry_ns // commands.HOUR_NS

            def cancel(batch: Any, hour: int = hour, at: int = counter, n: int = nonce) -> None:
                it.venue.on_submit.clear()
                it.venue.apply(it.venue.signed(1, commands.cancel(1, hour, at, n)))

            it.venue.on_submit.append(cancel)
            error = await it.error(method, order_id=order.order_id, **more)
            assert (error.code, error.field) == (11044, "order_id"), method
            it.venue.pass_time(5)

    run(tmp_path, story)


def test_an_edit_that_another_signer_overtook_is_made_with_the_next_version(
    tmp_path: Path,
) -> None:
    async def story(it: Stand) -> None:
        order = (await it.buy()).order
        known = it.replica.view.open_orders(1)[0]
        nonce = it.venue.time_ns // 10**6 + 2_000

        def amend(batch: Any) -> None:
            it.venue.on_submit.clear()
            body = commands.order_command(
                commands.AMEND,
                1,
                known.listing,
                known.side,
                known.flags,
                known.price,
                known.size,
                10**7,
                known.expiry_ns,
                int.from_bytes(known.key[7:], "big"),
                2,
                nonce,
            )
            it.venue.apply(it.venue.signed(1, body))

        it.venue.on_submit.append(amend)
        edited = await it.call("private/edit", order_id=order.order_id, amount="0.2")
        assert edited.order.order_version == 3
        assert len(it.venue.requests) == 3, "X-03 refused the first attempt"

    run(tmp_path, story)


def test_a_client_whose_nonces_are_exhausted_is_told_to_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(it: Stand) -> None:
        monkeypatch.setattr("merkat.gateway.nonces.LEAD_MS_KEPT", -1)
        error = await it.error("private/buy", instrument_name=PERPETUAL, amount="1", price="99000")
        assert error.code == 10028
        assert it.venue.requests == []

    run(tmp_path, story)
    assert desks.ATTEMPTS_MAX < 10, "every retry is bounded"
