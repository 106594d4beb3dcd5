"""Positions and summaries: equity and margins are the engine's own, shares add up to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from merkat import _core
from merkat.sdk import commands
from tests.support.gateway_stand import (
    CALL,
    CASH,
    FUTURE,
    INDEX,
    PERPETUAL,
    PUT,
    USD,
    Stand,
    stand,
    wallet,
)

MICRO = Decimal(1_000_000)


def run(folder: Path, story: Callable[[Stand], Awaitable[None]], **more: Any) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60), stand(folder, **more) as it:
            await story(it)

    asyncio.run(bounded())


async def summary(it: Stand, account: int = 1, currency: str = "USDC") -> Any:
    return await it.call("private/get_account_summary", account, currency=currency)


async def option_prices(it: Stand) -> dict[str, str]:
    """Return the marks of the options, rounded to their ticks."""
    prices = {}
    for name in (CALL, PUT):
        instrument = it.replica.view.by_name[name]
        mark = it.replica.view.marks[instrument.listing]
        tick = instrument.tick(mark)
        prices[name] = str(Decimal(mark // tick * tick) / MICRO)
    return prices


def test_an_account_without_positions_has_its_deposit(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        found = await summary(it)
        cash = CASH // USD
        assert (found.equity, found.balance, found.available_funds) == (cash, cash, cash)
        assert (found.initial_margin, found.maintenance_margin) == (0, 0)
        assert (found.margin_model, found.portfolio_margining_enabled) == ("cross_sm", False)
        assert found.available_withdrawal_funds == cash

    run(tmp_path, story)


def test_the_figures_are_the_engines_and_the_parts_fit_together(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        prices = await option_prices(it)
        await it.trade(1, 2, "1", "100000", PERPETUAL)
        await it.trade(2, 1, "0.5", "100100", FUTURE)
        await it.trade(1, 2, "0.3", prices[CALL], CALL)
        await it.trade(2, 1, "0.2", prices[PUT], PUT)
        await it.buy("0.1", "98000")
        it.venue.prices(INDEX * 98 // 100)
        for account in (1, 2):
            exact = it.replica.engine.account_figures(account)
            assert exact is not None
            equity, conservative, maintenance, initial, with_orders, *_ = exact
            found = await summary(it, account)
            assert found.equity * MICRO == equity
            assert found.margin_balance * MICRO == conservative
            assert found.maintenance_margin * MICRO == maintenance
            assert found.projected_initial_margin * MICRO == initial
            assert found.initial_margin * MICRO == with_orders
            assert found.available_funds * MICRO == max(0, conservative - with_orders)
            parts = found.balance + found.futures_session_upl + found.options_value
            assert parts == found.equity
            assert found.session_upl == found.futures_session_upl + found.options_session_upl
            assert found.total_pl == found.session_rpl + found.session_upl
            positions = await it.call("private/get_positions", account)
            assert sum(one.floating_profit_loss for one in positions) == found.session_upl
            shares = [sum(getattr(one, name) for one in positions) * MICRO for name in SHARES]
            assert abs(shares[0] - initial) <= len(positions), "shares lose only their rounding"
            assert abs(shares[1] - maintenance) <= len(positions)
            deltas = sum(one.delta for one in positions)
            assert abs(deltas - found.delta_total) <= len(positions) * Decimal("0.000001")
            assert found.delta_total_map["btc_usdc"] == found.delta_total
        first = (await summary(it, 1)).equity
        second = (await summary(it, 2)).equity
        fees = 2 * CASH // USD - first - second
        assert fees > 0, "what both have together shrinks by the fees alone"

    run(tmp_path, story)


SHARES = ("initial_margin", "maintenance_margin")


def test_greeks_are_those_of_the_rows(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        prices = await option_prices(it)
        await it.trade(1, 2, "0.3", prices[CALL], CALL)
        listing = it.replica.view.by_name[CALL].listing
        row = it.replica.view.rows[listing]
        position = await it.call("private/get_position", instrument_name=CALL)
        assert position.delta == round(Decimal(row.delta) / 10**9 * Decimal("0.3"), 6)
        assert position.vega == round(Decimal(row.vega) / MICRO / 100 * Decimal("0.3"), 6)
        assert position.theta == round(Decimal(row.theta) / MICRO / 365 * Decimal("0.3"), 6)
        assert position.theta < 0 < position.vega
        found = await summary(it)
        assert (found.options_delta, found.options_vega) == (position.delta, position.vega)
        exact = it.replica.engine.account_greeks(1, 0)
        assert exact is not None
        assert abs(found.delta_total - Decimal(exact[0]) / 10**8) <= Decimal("0.000001")
        assert found.options_value == round(position.mark_price * Decimal("0.3"), 6)

    run(tmp_path, story)


def test_a_flat_position_is_answered_as_such(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        flat = await it.call("private/get_position", instrument_name=PERPETUAL)
        assert (flat.direction, flat.size, flat.average_price) == ("zero", 0, 0)
        assert flat.mark_price == 100_000
        assert await it.call("private/get_positions") == []
        unknown = await it.error("private/get_position", instrument_name="BTC-PERPETUAL")
        assert unknown.code == 13020

    run(tmp_path, story)


def test_realized_and_floating_profit_add_up_over_a_life(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        await it.trade(1, 2, "0.4", "100000", PERPETUAL)
        it.venue.prices(INDEX * 101 // 100)
        await it.trade(2, 1, "0.1", "101000", PERPETUAL)
        position = await it.call("private/get_position", instrument_name=PERPETUAL)
        assert (position.direction, position.size) == ("buy", Decimal("0.3"))
        assert position.average_price == 100_000
        assert position.realized_profit_loss == 100
        assert position.floating_profit_loss == 300
        assert position.total_profit_loss == 400
        short = await it.call("private/get_position", 2, instrument_name=PERPETUAL)
        assert (short.direction, short.size) == ("sell", Decimal("-0.3"))
        assert short.total_profit_loss == -400

    run(tmp_path, story)


@pytest.mark.parametrize("buyer", [1, 2])
def test_the_estimated_liquidation_price_is_where_liquidation_begins(
    tmp_path: Path, buyer: int
) -> None:
    """A long and a short: just on the good side of the estimate nothing happens, beyond it does."""

    async def story(it: Stand) -> None:
        await it.trade(buyer, 3 - buyer, "5", "100000", PERPETUAL)
        # The other side is given more money, so that only account 1 can be liquidated.
        it.venue.item(commands.deposit(_address(2), 10_000_000 * USD, 2))
        position = await it.call("private/get_position", instrument_name=PERPETUAL)
        estimate = int(position.estimated_liquidation_price * MICRO)
        away = 1 if buyer == 1 else -1
        assert (estimate < INDEX) == (buyer == 1)
        it.venue.prices(estimate + away * 20 * USD)
        assert it.replica.view.accounts[1].stage == 0
        it.venue.prices(estimate - away * 20 * USD)
        assert it.replica.view.accounts[1].stage != 0 or not it.replica.view.accounts[1].positions

    run(tmp_path, story, cash=60_000 * USD)


def _address(account: int) -> bytes:
    return _core.address_of(wallet(account))


@pytest.mark.parametrize("held", ["3", "0"])
def test_what_can_be_withdrawn_is_what_the_machine_lets_go(tmp_path: Path, held: str) -> None:
    """Bound by the delta of what is held, or by open orders where nothing is."""

    async def story(it: Stand) -> None:
        if held != "0":
            await it.trade(1, 2, held, "100000", PERPETUAL)
        await it.buy("0.5", "98000")
        most = int((await summary(it)).available_withdrawal_funds * MICRO)
        nonce = it.venue.time_ns // 10**6 + 60_000
        for amount, taken in ((most + 1, False), (most, True)):
            nonce += 1
            frame = it.venue.apply(it.venue.signed(1, commands.withdraw(1, amount, nonce)))
            outcome = it.replica.view.outcome(frame.first_log_number)
            assert outcome is not None
            assert (outcome.refused is None) == taken, (amount, outcome.refused)
        assert (await summary(it)).available_withdrawal_funds == 0

    run(tmp_path, story, cash=100_000 * USD)


def test_a_premium_leaves_the_balance_of_the_buyer_for_the_sellers(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        prices = await option_prices(it)
        await it.trade(1, 2, "0.3", prices[CALL], CALL)
        premium = Decimal(prices[CALL]) * Decimal("0.3")
        cash = Decimal(CASH // USD)
        for account, paid in ((1, premium), (2, -premium)):
            [trade] = (
                await it.call("private/get_user_trades_by_currency", account, currency="BTC")
            ).trades
            found = await summary(it, account)
            assert found.balance == cash - paid - trade.fee
            assert found.balance + found.options_value == found.equity
            assert found.futures_session_upl == 0
        await it.trade(2, 1, "0.3", prices[CALL], CALL)
        for account in (1, 2):
            found = await summary(it, account)
            assert (found.options_value, found.balance) == (0, found.equity)

    run(tmp_path, story)


def test_the_margin_mode_is_told(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        nonce = it.venue.time_ns // 10**6
        it.venue.apply(it.venue.signed(1, commands.margin_mode(1, commands.PORTFOLIO, nonce)))
        found = await summary(it)
        assert (found.margin_model, found.portfolio_margining_enabled) == ("cross_pm", True)

    run(tmp_path, story)


def test_other_currencies_are_zeros_with_fees_and_unheard_ones_an_error(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        coins = await summary(it, currency="btc")
        assert (coins.currency, coins.equity, coins.available_funds) == ("BTC", 0, 0)
        kinds = [fee.instrument_type for fee in coins.fees]
        assert kinds == ["future", "option", "perpetual"]
        assert coins.fees[2].taker_fee == Decimal("0.0005")
        none = await summary(it, currency="SOL")
        assert (none.equity, none.fees) == (0, [])
        error = await it.error("private/get_account_summary", currency="TULIPS")
        assert (error.code, error.field) == (-32602, "currency")
        everything = await it.call("private/get_account_summaries", extended=True)
        assert [one.currency for one in everything.summaries] == ["USDC", "BTC"]
        assert everything.id == 1
        for asked, names in (("USDC", ["USDC"]), ("any", ["USDC", "BTC"]), ("sol", ["SOL"])):
            some = await it.call("private/get_account_summaries", currency=asked)
            assert [one.currency for one in some.summaries] == names

    run(tmp_path, story)


def test_an_account_is_its_one_subaccount(tmp_path: Path) -> None:
    async def story(it: Stand) -> None:
        [only] = await it.call("private/get_subaccounts", with_portfolio=True)
        assert (only.id, only.type) == (1, "main")
        assert only.portfolio["usdc"]["equity"] == CASH // USD
        [short] = await it.call("private/get_subaccounts")
        assert short.portfolio == {}

    run(tmp_path, story)
