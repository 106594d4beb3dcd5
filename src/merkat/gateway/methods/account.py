"""Positions, account summaries and the one subaccount that each account is."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from merkat.api.registry import Context, Registry
from merkat.gateway.asking import (
    SETTLEMENT_CURRENCY,
    Kind,
    Name,
    client_of,
    currencies,
    currency_of,
    gateway_of,
    instrument_of,
    listings_of,
)
from merkat.gateway.figures import figures_of, position_shape
from merkat.gateway.mapping import MS_NS
from merkat.gateway.shapes import AccountSummaries, AccountSummary, PositionShape, Subaccount
from merkat.gateway.summary import summary_of

registry = Registry()


class PositionParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_position."""

    instrument_name: Name


class PositionsParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_positions."""

    currency: Name | None = None
    kind: Kind | None = None
    subaccount_id: int | None = None


class SummaryParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_account_summary. Everything is always there: `extended` changes nothing."""

    currency: Name
    extended: bool = False
    subaccount_id: int | None = None


class SummariesParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_account_summaries; `currency` leaves out the others."""

    currency: Name | None = None
    extended: bool = False
    subaccount_id: int | None = None


class SubaccountsParams(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Of private/get_subaccounts."""

    with_portfolio: bool = False


@registry.method("private/get_position", summary="Returns a position, flat where there is none.")
def get_position(context: Context, params: PositionParams) -> PositionShape:
    """Return the position in an instrument."""
    instrument = instrument_of(context, params.instrument_name)
    return position_shape(gateway_of(context).replica, client_of(context).account, instrument)


@registry.method("private/get_positions", summary="Returns the open positions.")
def get_positions(context: Context, params: PositionsParams) -> list[PositionShape]:
    """Return the open positions of a currency and kind."""
    replica, account = gateway_of(context).replica, client_of(context).account
    listings = listings_of(context, params.currency, params.kind)
    known = replica.view.accounts.get(account)
    if known is None:
        return []
    figures = figures_of(replica, account)
    return [
        position_shape(replica, account, replica.view.instruments[listing], figures)
        for listing in sorted(known.positions)
        if listings is None or listing in listings
    ]


@registry.method("private/get_account_summary", summary="Returns money and margin of a currency.")
def get_account_summary(context: Context, params: SummaryParams) -> AccountSummary:
    """Return the summary of a currency; all money is in USDC, coins are collateral."""
    currency = currency_of(context, params.currency)
    return summary_of(
        gateway_of(context).replica, client_of(context).account, currency or SETTLEMENT_CURRENCY
    )


@registry.method("private/get_account_summaries", summary="Returns money and margin of all.")
def get_account_summaries(context: Context, params: SummariesParams) -> AccountSummaries:
    """Return the summaries of all currencies."""
    replica, account = gateway_of(context).replica, client_of(context).account
    known = replica.view.accounts.get(account)
    wanted = currency_of(context, params.currency) if params.currency is not None else None
    names = currencies(context) if wanted is None else [wanted]
    return AccountSummaries(
        id=account,
        username=f"account-{account}",
        system_name=f"account-{account}",
        creation_timestamp=known.opened_ns // MS_NS if known is not None else 0,
        summaries=[summary_of(replica, account, name) for name in names],
    )


@registry.method("private/get_subaccounts", summary="Returns the account that asks.")
def get_subaccounts(context: Context, params: SubaccountsParams) -> list[Subaccount]:
    """Return the one account; accounts of this venue have no subaccounts."""
    account = client_of(context).account
    summary = summary_of(gateway_of(context).replica, account, SETTLEMENT_CURRENCY)
    portfolio: dict[str, dict[str, Decimal | str]] = {}
    if params.with_portfolio:
        portfolio[SETTLEMENT_CURRENCY.lower()] = {
            "currency": SETTLEMENT_CURRENCY,
            "equity": summary.equity,
            "balance": summary.balance,
            "margin_balance": summary.margin_balance,
            "available_funds": summary.available_funds,
            "available_withdrawal_funds": summary.available_withdrawal_funds,
            "initial_margin": summary.initial_margin,
            "maintenance_margin": summary.maintenance_margin,
        }
    return [
        Subaccount(
            id=account,
            username=summary.username,
            system_name=summary.system_name,
            margin_model=summary.margin_model,
            portfolio=portfolio,
        )
    ]
