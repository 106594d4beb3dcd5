"""The account summary of a currency: USDC is the money, coins are collateral beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from merkat.api.numbers import coins, rate, usd
from merkat.api.public.service import QUOTE
from merkat.gateway.figures import NOTHING, Figures, Greeks, figures_of, group_greeks, shown
from merkat.gateway.mapping import MS_NS
from merkat.gateway.shapes import ZERO, AccountSummary, FeeShape
from merkat.market import Replica, View
from merkat.market.types import Account
from merkat.sdk.commands import KIND_FUTURE, KIND_PERPETUAL, KIND_SPOT, PORTFOLIO

MICRO: Final = 10**6


@dataclass(frozen=True, slots=True)
class Profit:
    """Profit and loss, 1e-6 USD. Of the realized part only `realized` knows closed positions.

    Attributes:
        linear_realized, option_realized: of positions that are still open.
        funding: what the account got (negative: paid) since it was opened.
    """

    realized: int = 0
    linear_realized: int = 0
    linear_unrealized: int = 0
    option_realized: int = 0
    option_unrealized: int = 0
    option_value: int = 0
    funding: int = 0

    @property
    def unrealized(self) -> int:
        """Return the profit of all open positions."""
        return self.linear_unrealized + self.option_unrealized


def summary_of(replica: Replica, account: int, currency: str) -> AccountSummary:
    """Return the summary of an account in a currency of the venue."""
    view = replica.view
    known = view.accounts.get(account)
    if currency == QUOTE:
        figures = figures_of(replica, account)
        members = _money(figures) | _profit_members(profit_of(view, known))
        greeks = {group.base: group_greeks(view, account, n) for n, group in view.groups.items()}
        options = sum_of(group_greeks(view, account, n, options_only=True) for n in view.groups)
    else:
        members = _money(NOTHING) | _profit_members(Profit())
        held = coins_held(view, known, currency)
        members |= {"equity": held, "balance": held, "margin_balance": held}
        greeks, options = {}, Greeks()
    members |= _greek_members(view, greeks, options)
    portfolio = known is not None and known.mode == PORTFOLIO
    name = f"account-{account}"
    return AccountSummary(
        currency=currency,
        margin_model="cross_pm" if portfolio else "cross_sm",
        portfolio_margining_enabled=portfolio,
        cross_collateral_enabled=True,
        liquidation_stage=known.stage if known is not None else 0,
        fees=fees_of(view, currency),
        id=account,
        username=name,
        system_name=name,
        creation_timestamp=known.opened_ns // MS_NS if known is not None else 0,
        limits={"non_matching_engine": 0, "matching_engine": 0},
        **members,
    )


def _money(figures: Figures) -> dict[str, Any]:
    """Return the members of equity, balance and margin."""
    equity, initial = usd(figures.equity), usd(figures.initial)
    maintenance, margin = usd(figures.maintenance), usd(figures.conservative)
    withdrawable = usd(figures.withdrawable)
    ratio = Fraction(figures.maintenance, figures.equity) if figures.equity > 0 else Fraction(0)
    return {
        "equity": equity,
        "balance": usd(figures.balance),
        "margin_balance": margin,
        "available_funds": usd(figures.available),
        "available_withdrawal_funds": withdrawable,
        "available_subaccount_transfer_funds": withdrawable,
        "initial_margin": initial,
        "maintenance_margin": maintenance,
        "projected_initial_margin": usd(figures.initial_held),
        "projected_maintenance_margin": maintenance,
        "estimated_liquidation_ratio": shown(ratio),
        "estimated_liquidation_ratio_map": {},
        "total_equity_usd": equity,
        "total_initial_margin_usd": initial,
        "total_maintenance_margin_usd": maintenance,
        "total_margin_balance_usd": margin,
        "loan": usd(figures.loan),
        "loan_limit": usd(figures.loan_limit),
    }


def _profit_members(profit: Profit) -> dict[str, Decimal]:
    return {
        "futures_pl": usd(profit.linear_realized + profit.linear_unrealized),
        "futures_session_rpl": usd(profit.linear_realized),
        "futures_session_upl": usd(profit.linear_unrealized),
        "options_pl": usd(profit.option_realized + profit.option_unrealized),
        "options_session_rpl": usd(profit.option_realized),
        "options_session_upl": usd(profit.option_unrealized),
        "options_value": usd(profit.option_value),
        "session_rpl": usd(profit.realized),
        "session_upl": usd(profit.unrealized),
        "total_pl": usd(profit.realized + profit.unrealized),
        "session_funding": usd(profit.funding),
    }


def _greek_members(
    view: View, greeks: Mapping[str, Greeks], options: Greeks
) -> dict[str, Decimal | dict[str, Decimal]]:
    total = sum_of(greeks.values())
    index = {group.base: Fraction(group.index, MICRO) for group in view.groups.values()}
    delta_usd = sum((one.delta * index[base] for base, one in greeks.items()), Fraction(0))
    return {
        "delta_total": shown(total.delta),
        "projected_delta_total": shown(total.delta),
        "delta_total_map": {
            f"{base.lower()}_usdc": shown(one.delta) for base, one in greeks.items()
        },
        "total_delta_total_usd": shown(delta_usd),
        "options_delta": shown(options.delta),
        "options_gamma": shown(options.gamma),
        "options_vega": shown(options.vega),
        "options_theta": shown(options.theta),
        "options_gamma_map": {base.lower(): shown(one.gamma) for base, one in greeks.items()},
        "options_vega_map": {base.lower(): shown(one.vega) for base, one in greeks.items()},
        "options_theta_map": {base.lower(): shown(one.theta) for base, one in greeks.items()},
    }


def sum_of(greeks: Iterable[Greeks]) -> Greeks:
    """Return the sum of Greeks."""
    total = Greeks()
    for one in greeks:
        total = total.plus(one)
    return total


def profit_of(view: View, known: Account | None) -> Profit:
    """Return the profit and loss of an account."""
    if known is None:
        return Profit()
    sums = {"linear": [0, 0], "option": [0, 0]}
    value, funding = 0, known.funding_paid
    for listing, position in known.positions.items():
        instrument = view.instruments[listing]
        if instrument.kind == KIND_SPOT:
            continue
        kept = sums["option" if instrument.is_option else "linear"]
        kept[0] += position.realized // instrument.coin
        kept[1] += view.unrealized(listing, position)
        funding += view.funding_due(listing, position)
        if instrument.is_option:
            value += position.size * view.marks.get(listing, 0) // instrument.coin
    return Profit(
        known.realized + sums["linear"][0] + sums["option"][0],
        sums["linear"][0],
        sums["linear"][1],
        sums["option"][0],
        sums["option"][1],
        value,
        -funding,
    )


def coins_held(view: View, known: Account | None, currency: str) -> Decimal:
    """Return how much of a coin an account holds as collateral."""
    for listing in view.spot_listings.values():
        instrument = view.instruments[listing]
        if instrument.contract.base == currency and known is not None:
            held = known.positions.get(listing)
            return coins(held.size, instrument.size_decimals) if held is not None else ZERO
    return ZERO


def fees_of(view: View, currency: str) -> list[FeeShape]:
    """Return the fees of the live instruments on a coin (of all for USDC), one line a kind."""
    found: dict[str, FeeShape] = {}
    for instrument in view.instruments.values():
        contract = instrument.contract
        if currency not in (contract.base, contract.quote) or instrument.state > 2:
            continue
        if instrument.is_option:
            name = "option"
        elif instrument.kind == KIND_PERPETUAL:
            name = "perpetual"
        else:
            name = "future" if instrument.kind == KIND_FUTURE else "spot"
        found[name] = FeeShape(
            instrument_type=name,
            fee_type="relative",
            maker_fee=rate(instrument.maker_fee),
            taker_fee=rate(instrument.taker_fee),
            currency=QUOTE,
        )
    return [found[name] for name in sorted(found)]
